//! What a run reads: files of records, packages of articles, and packs of articles that lie about one by one.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rexdrug_jats::is_archive;
use rexdrug_pubmed::{PubmedInput, md5_of_bytes};
use rexdrug_schemas::SourceRef;

use super::objects::ObjectReader;
use super::shard::stated_md5;

/// One source file of a run.
#[derive(Debug, Clone)]
pub enum Input {
    /// PubMed XML, plain or gzip.
    Pubmed(PathBuf),
    /// A tar package of articles.
    Package(PathBuf),
    /// Articles that are files or objects of their own, committed together.
    Pack(Pack),
}

impl From<PathBuf> for Input {
    fn from(path: PathBuf) -> Self {
        match is_archive(&file_name(&path)) {
            true => Self::Package(path),
            false => Self::Pubmed(path),
        }
    }
}

impl Input {
    /// Its name, as it stands in `source_file`.
    pub fn name(&self) -> String {
        match self {
            Self::Pubmed(path) | Self::Package(path) => file_name(path),
            Self::Pack(pack) => pack.source.source_file.clone(),
        }
    }

    /// What the ledger knows it by, without its order. Blocks: a file is read unless its sidecar states its md5.
    pub fn source(&self) -> SourceRef {
        match self {
            Self::Pubmed(path) | Self::Package(path) => SourceRef {
                source_file: file_name(path),
                source_md5: stated_md5(path).unwrap_or_default(),
                source_seq: 0,
            },
            Self::Pack(pack) => pack.source.clone(),
        }
    }

    /// Its size, where that is known.
    pub fn bytes(&self) -> u64 {
        match self {
            Self::Pubmed(path) | Self::Package(path) => std::fs::metadata(path).map_or(0, |facts| facts.len()),
            Self::Pack(pack) => pack.bytes,
        }
    }
}

/// Articles that are committed together under one name. The name and digest follow from the members, so the same
/// members are the same source file.
#[derive(Debug, Clone)]
pub struct Pack {
    /// Name, digest and order, as for a file.
    pub source: SourceRef,
    /// Bytes of the members, where they are known.
    pub bytes: u64,
    /// The articles, in order.
    pub members: Arc<Vec<PackMember>>,
    /// Where they are.
    pub origin: Origin,
}

/// One article of a pack.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PackMember {
    /// File name or object key; stored as `source_member`.
    pub name: String,
    /// ETag or md5; stored as `source_etag`.
    pub etag: String,
    /// The file; none for an object, whose key is its name.
    pub path: Option<PathBuf>,
}

/// Where the articles of a pack are.
#[derive(Debug, Clone)]
pub enum Origin {
    /// On a local disk.
    Files,
    /// In an object store.
    Objects(ObjectReader),
}

impl Pack {
    /// A pack of `members`; `sequence` orders it among source files.
    pub fn new(members: Vec<PackMember>, sequence: i64, bytes: u64, origin: Origin) -> Self {
        let mut listing = String::new();
        for member in &members {
            listing.push_str(&member.name);
            listing.push('\t');
            listing.push_str(&member.etag);
            listing.push('\n');
        }
        let digest = hex(&md5_of_bytes(listing.as_bytes()));
        let name = format!("pmc-{}.pack", digest.get(..16).unwrap_or_default());
        let source = SourceRef { source_file: name, source_md5: digest, source_seq: sequence };
        Self { source, bytes, members: Arc::new(members), origin }
    }
}

/// The bytes of a plain or gzip file.
///
/// # Errors
/// When its first bytes cannot be read.
pub fn decompressed<R: std::io::Read>(file: R) -> std::io::Result<impl std::io::Read> {
    PubmedInput::detect(file)
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .flat_map(|byte| [byte >> 4, byte & 15])
        .filter_map(|digit| char::from_digit(digit.into(), 16))
        .collect()
}

pub(crate) fn file_name(path: &Path) -> String {
    path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}

/// Order of a package among source files: the day in its name (`oa_comm_xml.incr.2026-01-31.tar.gz`) as microseconds since
/// the epoch, 0 without one. Packs order by the time of their newest member, so the two compare.
pub(crate) fn package_sequence(name: &str) -> i64 {
    let day = |at: usize| chrono::NaiveDate::parse_from_str(name.get(at..at + 10)?, "%Y-%m-%d").ok();
    let found = (0..name.len().saturating_sub(9)).rev().filter(|at| name.is_char_boundary(*at)).find_map(day);
    found.and_then(|day| day.and_hms_opt(0, 0, 0)).map_or(0, |moment| moment.and_utc().timestamp_micros())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packages_order_by_the_day_in_their_name() {
        let baseline = package_sequence("oa_comm_xml.PMC000xxxxxx.baseline.2025-06-26.tar.gz");
        let update = package_sequence("oa_comm_xml.incr.2025-07-01.tar.gz");
        assert_eq!(baseline, 1_750_896_000_000_000);
        assert!(update > baseline);
        assert_eq!(package_sequence("mine-é.tar.gz"), 0);
    }

    #[test]
    fn a_pack_is_its_members() {
        let member = |name: &str, etag: &str| PackMember { name: name.into(), etag: etag.into(), path: None };
        let pack = |members: Vec<PackMember>| Pack::new(members, 1, 0, Origin::Files).source;
        let first = pack(vec![member("a", "1"), member("b", "2")]);
        assert_eq!(first, pack(vec![member("a", "1"), member("b", "2")]));
        assert_ne!(first.source_file, pack(vec![member("a", "1"), member("b", "3")]).source_file);
        assert_eq!(first.source_md5.len(), 32);
        assert_eq!(Input::from(PathBuf::from("x/a.tar.gz")).name(), "a.tar.gz");
    }
}
