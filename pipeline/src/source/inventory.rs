//! A listing of articles in an object store, planned into packs.
//!
//! The newest version of each article is kept, what the warehouse has under the same ETag is left out, and the rest is
//! cut into packs in the order of PMC ids. The cut depends only on what is left, so a run that was killed and is started
//! again with the same listing makes the same packs from the first unfinished one on.

use std::io::Read;

use rexdrug_jats::Licence;
use rexdrug_pubmed::md5_of_bytes;
use serde::Serialize;

use super::input::{Input, Origin, Pack, PackMember, hex};
use super::layout::Layout;
use super::licences::LicenceFilter;
use super::objects::ObjectReader;
use super::shard::Shard;
use crate::error::PipelineError;
use crate::warehouse::KnownMembers;

/// One article of a listing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Listed {
    pmcid: u64,
    version: u32,
    etag: [u8; 16],
    modified: i64,
}

/// What became of the lines of a listing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct InventoryCounts {
    /// Lines read.
    pub lines: u64,
    /// Lines that stand for no article.
    pub other: u64,
    /// Older versions of an article.
    pub superseded: u64,
    /// Articles whose licence the listing gives and the user does not allow.
    pub unlicensed: u64,
    /// Articles that the warehouse has under the same ETag.
    pub known: u64,
    /// Articles of other shards.
    pub elsewhere: u64,
    /// Articles left to read.
    pub articles: u64,
}

/// A listing, read.
#[derive(Debug)]
pub struct Inventory {
    layout: Layout,
    listed: Vec<Listed>,
    counts: InventoryCounts,
    /// A key that stands for no article.
    other: Option<String>,
}

impl Inventory {
    /// A listing of which nothing is read yet.
    pub fn new(layout: Layout) -> Self {
        Self { layout, listed: Vec::new(), counts: InventoryCounts::default(), other: None }
    }

    /// Reads a file of the listing, CSV. `name` is for messages.
    ///
    /// # Errors
    /// [`PipelineError::Inventory`] for a line that is no CSV or lacks a column.
    pub fn add(
        &mut self,
        reader: impl Read,
        name: &str,
        licences: Option<&LicenceFilter>,
    ) -> Result<(), PipelineError> {
        let Self { layout, listed, counts, other } = self;
        let failed = |reason: String| PipelineError::Inventory { uri: name.to_owned(), reason };
        let column = |wanted: &str| layout.column(wanted);
        let key_column = column("key")
            .ok_or_else(|| failed(format!("`columns` is {:?}; expected `key` among them", layout.columns)))?;
        let (etag_column, time_column, licence_column) = (column("etag"), column("last_modified"), column("licence"));
        let mut lines = csv::ReaderBuilder::new().has_headers(layout.header).flexible(true).from_reader(reader);
        let mut line = csv::StringRecord::new();
        loop {
            match lines.read_record(&mut line) {
                Ok(true) => counts.lines += 1,
                Ok(false) => break,
                Err(error) => return Err(failed(error.to_string())),
            }
            let Some(key) = line.get(key_column) else {
                let (got, at) = (line.len(), line.position().map_or(0, csv::Position::line));
                return Err(failed(format!(
                    "line {at} has {got} columns; expected {} ({})",
                    layout.columns.len(),
                    layout.columns.join(", ")
                )));
            };
            let key = unescaped(key);
            let Some((pmcid, version)) = layout.parse(&key) else {
                counts.other += 1;
                other.get_or_insert(key);
                continue;
            };
            let at = |column: Option<usize>| column.and_then(|column| line.get(column)).unwrap_or_default();
            let licence = Licence::from_code(at(licence_column));
            if let Some(allowed) = licences.filter(|_| licence.is_some())
                && !allowed.allows(licence.as_ref())
            {
                counts.unlicensed += 1;
                continue;
            }
            listed.push(Listed { pmcid, version, etag: etag(at(etag_column)), modified: micros(at(time_column)) });
        }
        Ok(())
    }

    /// Keeps the newest version of each article; once, after the last file.
    ///
    /// # Errors
    /// [`PipelineError::Inventory`] when no line is an article.
    pub fn newest(mut self, name: &str) -> Result<Self, PipelineError> {
        if self.listed.is_empty() && self.counts.other > 0 {
            let reason = format!(
                "no key is like `{}`; the first one is `{}`; set `listed` and `columns` under [pmc] in rexdrug.toml",
                self.layout.listed,
                self.other.unwrap_or_default()
            );
            return Err(PipelineError::Inventory { uri: name.to_owned(), reason });
        }
        let before = self.listed.len();
        let newest_first = |article: &Listed| (article.pmcid, std::cmp::Reverse((article.version, article.modified)));
        self.listed.sort_unstable_by_key(newest_first);
        self.listed.dedup_by_key(|article| article.pmcid);
        self.counts.superseded = (before - self.listed.len()) as u64;
        self.counts.articles = self.listed.len() as u64;
        Ok(self)
    }

    /// What became of its lines so far.
    pub fn counts(&self) -> InventoryCounts {
        self.counts
    }

    /// Keeps what belongs to `shard`.
    pub fn only(&mut self, shard: Shard) {
        let before = self.listed.len();
        self.listed.retain(|article| shard.owns_article(&format!("PMC{}", article.pmcid)));
        self.counts.elsewhere += (before - self.listed.len()) as u64;
        self.counts.articles = self.listed.len() as u64;
    }

    /// Leaves out what the warehouse has.
    pub fn without(&mut self, known: &KnownMembers) {
        let before = self.listed.len();
        let layout = &self.layout;
        self.listed.retain(|article| !known.contains(&layout.key(article.pmcid, article.version), &hex(&article.etag)));
        self.counts.known += (before - self.listed.len()) as u64;
        self.counts.articles = self.listed.len() as u64;
    }

    /// The articles as packs of at most `size`, made as they are asked for.
    pub fn packs(
        mut self,
        size: usize,
        objects: ObjectReader,
        known: KnownMembers,
    ) -> impl Iterator<Item = Input> + use<> {
        let moments = known.moments(std::iter::empty());
        self.listed.sort_by_key(|article| moments.span(article.modified));
        let spans = self.listed.chunk_by(|left, right| moments.span(left.modified) == moments.span(right.modified));
        let cuts = spans.flat_map(|span| span.chunks(size.max(1)).map(<[Listed]>::len));
        let cuts: Vec<usize> = cuts.collect();
        let mut floor = None;
        let mut at = 0;
        cuts.into_iter().map(move |count| {
            let slice = self.listed.get(at..at + count).unwrap_or_default();
            at += count;
            let member = |article: &Listed| PackMember {
                name: self.layout.key(article.pmcid, article.version),
                etag: hex(&article.etag),
                path: None,
            };
            let newest = slice.iter().map(|article| article.modified).max().unwrap_or_default();
            let pack = Pack::new(slice.iter().map(member).collect(), newest, 0, Origin::Objects(objects.clone()));
            Input::Pack(known.ordered(pack, &mut floor))
        })
    }
}

/// Keys in S3 inventories are URL-encoded; what is no escape stays as it is.
fn unescaped(key: &str) -> String {
    let mut parts = key.split('%');
    let mut out = parts.next().unwrap_or_default().as_bytes().to_vec();
    for part in parts {
        let digits = part.get(..2).filter(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit()));
        match digits.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(byte) => {
                out.push(byte);
                out.extend_from_slice(part.get(2..).unwrap_or_default().as_bytes());
            }
            None => {
                out.push(b'%');
                out.extend_from_slice(part.as_bytes());
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// An ETag as 16 bytes: those of an md5 as they are, others by their md5.
fn etag(text: &str) -> [u8; 16] {
    let text = text.trim().trim_matches('"');
    let is_md5 = text.len() == 32 && text.bytes().all(|digit| digit.is_ascii_hexdigit());
    let number = is_md5.then(|| u128::from_str_radix(text, 16).ok()).flatten();
    number.map_or_else(|| md5_of_bytes(text.as_bytes()), u128::to_be_bytes)
}

/// A moment as microseconds since the epoch; 0 where it cannot be read.
fn micros(text: &str) -> i64 {
    let text = text.trim();
    if let Ok(moment) = chrono::DateTime::parse_from_rfc3339(text) {
        return moment.timestamp_micros();
    }
    let plain = chrono::NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S");
    plain.map_or(0, |moment| moment.and_utc().timestamp_micros())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]

    use super::*;

    const LISTING: &str = "\"b\",\"metadata/PMC9.1.json\",\"2026-01-08T11:47:59.000Z\",\"f25d9c5f5b85338f62156faeedfc1e95\"\n\
        \"b\",\"metadata/PMC2.1.json\",\"2026-01-08T11:47:59.000Z\",\"x-2\"\n\
        \"b\",\"metadata/PMC9.2.json\",\"2026-01-09T00:00:00.000Z\",\"f25d9c5f5b85338f62156faeedfc1e96\"\n\
        \"b\",\"README.txt\",\"2026-01-08T11:47:59.000Z\",\"1\"\n";

    fn read_as(text: &str, layout: Layout, licences: Option<&LicenceFilter>) -> Result<Inventory, PipelineError> {
        let mut inventory = Inventory::new(layout);
        inventory.add(text.as_bytes(), "list.csv", licences)?;
        inventory.newest("list.csv")
    }

    fn read(text: &str) -> Result<Inventory, PipelineError> {
        read_as(text, Layout::default(), None)
    }

    fn packs(inventory: Inventory, size: usize) -> Vec<Pack> {
        let objects = ObjectReader::open(".", 1, 1).unwrap();
        let inputs = inventory.packs(size, objects, KnownMembers::default());
        inputs.map(|input| if let Input::Pack(pack) = input { pack } else { panic!() }).collect()
    }

    #[test]
    fn the_newest_version_of_each_article_is_planned_in_the_order_of_ids() {
        let inventory = read(LISTING).unwrap();
        let counts = InventoryCounts { lines: 4, other: 1, superseded: 1, articles: 2, ..InventoryCounts::default() };
        assert_eq!(inventory.counts(), counts);
        let packs = packs(inventory, 1);
        let names: Vec<&str> = packs.iter().map(|pack| pack.members[0].name.as_str()).collect();
        assert_eq!(names, ["PMC2.1/PMC2.1.xml", "PMC9.2/PMC9.2.xml"]);
        assert_eq!(packs[1].members[0].etag, "f25d9c5f5b85338f62156faeedfc1e96");
        assert_eq!(packs[1].source.source_seq, 1_767_916_800_000_000);
    }

    #[test]
    fn a_listing_in_several_files_is_that_of_all_their_lines() {
        let mut parts = Inventory::new(Layout::default());
        let lines: Vec<&str> = LISTING.split_inclusive('\n').collect();
        for half in lines.chunks(2).rev() {
            parts.add(half.concat().as_bytes(), "part.csv", None).unwrap();
        }
        let parts = parts.newest("manifest.json").unwrap();
        let whole = read(LISTING).unwrap();
        assert_eq!((parts.counts(), &parts.listed), (whole.counts(), &whole.listed));
    }

    #[test]
    fn what_is_known_under_the_same_etag_is_left_out_and_the_rest_is_cut_the_same_way() {
        let lines: String = (1..=10).map(|id| format!("b,metadata/PMC{id}.1.json,,e{id}\n")).collect();
        let whole = packs(read(&lines).unwrap(), 3);
        let mut known = KnownMembers::default();
        for member in whole[0].members.iter() {
            known.insert(&member.name, &member.etag);
        }
        let mut rest = read(&lines.replace(",e2\n", ",changed\n")).unwrap();
        rest.without(&known);
        assert_eq!((rest.counts().known, rest.counts().articles), (2, 8));
        let mut same = read(&lines).unwrap();
        same.without(&known);
        let names = |packs: &[Pack]| packs.iter().map(|pack| pack.source.clone()).collect::<Vec<_>>();
        assert_eq!(names(&packs(same, 3)), names(&whole[1..]));
    }

    #[test]
    fn shards_have_every_article_once_whatever_the_order_of_the_listing() {
        let lines: Vec<String> =
            (1..=40).map(|id| format!("b,metadata/PMC{id}.{}.json,,e{id}\n", id % 3 + 1)).collect();
        let part = |text: &str, index: u32| {
            let mut part = read(text).unwrap();
            part.only(Shard::new(index, 3).unwrap());
            assert_eq!(part.counts().articles + part.counts().elsewhere, 40);
            packs(part, 100).iter().flat_map(|pack| pack.members.to_vec()).map(|member| member.name).collect::<Vec<_>>()
        };
        let reversed: Vec<String> = lines.iter().rev().cloned().collect();
        let mut all = Vec::new();
        for index in 0..3 {
            let here = part(&lines.concat(), index);
            assert_eq!(here, part(&reversed.concat(), index));
            all.extend(here);
        }
        all.sort();
        all.dedup();
        assert_eq!(all.len(), 40);
    }

    #[test]
    fn a_changed_article_is_ordered_after_every_pack_and_others_are_not() {
        let lines = "b,metadata/PMC1.1.json,,e1\nb,metadata/PMC2.1.json,,e2\n";
        let mut known = KnownMembers::default();
        known.insert("PMC2.1/PMC2.1.xml", "of yesterday");
        let objects = ObjectReader::open(".", 1, 1).unwrap();
        let inputs = read(lines).unwrap().packs(1, objects, known);
        let order: Vec<i64> =
            inputs.map(|input| if let Input::Pack(pack) = input { pack.source.source_seq } else { panic!() }).collect();
        assert_eq!(order, [0, 1]);
    }

    #[test]
    fn a_listing_of_another_form_is_an_error_that_says_what_to_set() {
        let message = read("b,oa_comm/xml/PMC1.xml,x,y\n").unwrap_err().to_string();
        assert!(message.contains("oa_comm/xml/PMC1.xml") && message.contains("[pmc]"), "{message}");
        let message = read("one\n").unwrap_err().to_string();
        assert!(message.contains("line 1 has 1 columns"), "{message}");
        assert_eq!(read("").unwrap().counts(), InventoryCounts::default());
        let licence: LicenceFilter = "cc0".parse().unwrap();
        let layout = Layout { columns: ["key", "licence"].map(str::to_owned).to_vec(), ..Layout::default() };
        let text = "metadata/PMC1.1.json,CC BY\nmetadata/PMC2.1.json,CC0\nmetadata/PMC3.1.json,\n";
        let read = read_as(text, layout, Some(&licence)).unwrap();
        assert_eq!((read.counts().unlicensed, read.counts().articles), (1, 2));
    }

    #[test]
    fn keys_are_unescaped() {
        assert_eq!(unescaped("a%2Fb%zz%4"), "a/b%zz%4");
    }
}
