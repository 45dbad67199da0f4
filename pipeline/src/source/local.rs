//! Local files: which are PubMed, which packages, which articles, and the articles in packs.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use rexdrug_jats::{is_archive, is_article};
use rexdrug_pubmed::{PubmedInput, md5_of};

use super::input::{Input, Origin, Pack, PackMember, file_name, package_sequence};
use super::shard::Shard;
use crate::warehouse::KnownMembers;

/// Bytes of a file that are looked at to tell what it is.
const HEAD_BYTES: u64 = 64 * 1024;

/// Bytes of articles in one pack.
const PACK_BYTES: u64 = 256 << 20;

/// Local files by what they are.
#[derive(Debug, Default)]
pub struct LocalFiles {
    inputs: Vec<Input>,
    articles: Vec<(PathBuf, String)>,
    elsewhere: u64,
}

/// What there is to read.
#[derive(Debug, Default)]
pub struct LocalPlan {
    /// Source files in their order of application: PubMed as given, packages by day, packs.
    pub inputs: Vec<Input>,
    /// Articles that the warehouse has with the same content.
    pub known: u64,
    /// Files and articles of other shards.
    pub elsewhere: u64,
}

impl LocalFiles {
    /// Sorts `paths`, which are in the order in which PubMed files are applied; blocks.
    pub fn sort(paths: Vec<PathBuf>) -> Self {
        let (mut files, mut packages) = (Self::default(), Vec::new());
        for path in paths {
            let name = file_name(&path);
            if is_archive(&name) {
                packages.push((package_sequence(&name), path));
            } else if is_loose_article(&path, &name) {
                files.articles.push((path, name));
            } else {
                files.inputs.push(Input::Pubmed(path));
            }
        }
        packages.sort();
        files.inputs.extend(packages.into_iter().map(|(_, path)| Input::Package(path)));
        files
    }

    /// Keeps what belongs to `shard`; blocks, for as long as it takes to read the files that have no sidecar.
    pub fn only(mut self, shard: Shard) -> Self {
        let before = self.len();
        self.inputs.retain(|input| match input {
            Input::Pubmed(path) | Input::Package(path) => shard.owns_file(path),
            // Made of articles that were shared out one by one.
            Input::Pack(_) => true,
        });
        self.articles.retain(|(_, name)| shard.owns_article(name));
        self.elsewhere += (before - self.len()) as u64;
        self
    }

    /// Files and articles.
    pub fn len(&self) -> usize {
        self.inputs.len() + self.articles.len()
    }

    /// Whether there is nothing.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether articles are among them that are files of their own.
    pub fn has_articles(&self) -> bool {
        !self.articles.is_empty()
    }

    /// Packs the articles that are not known, at most `size` together; blocks. An article that cannot be read is left to
    /// its pack, which says so in `quarantine`.
    pub fn plan(self, known: &KnownMembers, size: usize) -> LocalPlan {
        let mut articles: Vec<Loose> = self.articles.into_iter().map(|(path, name)| Loose::new(path, name)).collect();
        let before = articles.len();
        articles.retain(|article| !known.contains(&article.member.name, &article.member.etag));
        let known_articles = (before - articles.len()) as u64;
        let mut plan = LocalPlan { inputs: self.inputs, known: known_articles, elsewhere: self.elsewhere };
        let packages = plan.inputs.iter().filter_map(|input| match input {
            Input::Package(path) => Some(package_sequence(&file_name(path))),
            Input::Pubmed(_) | Input::Pack(_) => None,
        });
        let moments = known.moments(packages);
        for article in &mut articles {
            let is_reissue = known.is_reissue(&article.member.name, &article.member.etag);
            article.group = if is_reissue { None } else { Some(moments.span(article.modified)) };
        }
        articles.sort_by(|left, right| left.place().cmp(&right.place()));
        let mut floor = None;
        let mut rest = articles.as_slice();
        while let Some(first) = rest.first() {
            let mut bytes = 0;
            let fits = |article: &&Loose| {
                bytes += article.bytes;
                bytes <= PACK_BYTES && article.group == first.group
            };
            let count = rest.iter().take(size.max(1)).take_while(fits).count().max(1);
            let (these, after) = rest.split_at(count);
            let newest = these.iter().map(|article| article.modified).max().unwrap_or_default();
            let bytes = these.iter().map(|article| article.bytes).sum();
            let members = these.iter().map(|article| article.member.clone()).collect();
            let pack = Pack::new(members, newest, bytes, Origin::Files);
            plan.inputs.push(Input::Pack(known.ordered(pack, &mut floor)));
            rest = after;
        }
        plan
    }
}

/// An article that is a file of its own.
struct Loose {
    member: PackMember,
    bytes: u64,
    modified: i64,
    /// Only articles of one group share a pack: those issued again, which come after every other pack, and the rest by
    /// the moments that no pack may span.
    group: Option<usize>,
}

impl Loose {
    fn place(&self) -> (Option<usize>, &str, &Option<PathBuf>) {
        (self.group, &self.member.name, &self.member.path)
    }

    fn new(path: PathBuf, name: String) -> Self {
        let facts = std::fs::metadata(&path).ok();
        let modified = facts.as_ref().and_then(|facts| facts.modified().ok());
        let micros =
            modified.and_then(|moment| moment.duration_since(UNIX_EPOCH).ok()).map_or(0, |age| age.as_micros());
        Self {
            bytes: facts.map_or(0, |facts| facts.len()),
            modified: i64::try_from(micros).unwrap_or_default(),
            group: None,
            member: PackMember { name, etag: md5_of(&path).unwrap_or_default(), path: Some(path) },
        }
    }
}

/// By its name where that says it, else by its beginning; what cannot be read is left to the PubMed reader's message.
fn is_loose_article(path: &Path, name: &str) -> bool {
    let lower = name.to_ascii_lowercase();
    if lower.ends_with(".nxml") || lower.ends_with(".nxml.gz") {
        return true;
    }
    let mut head = Vec::new();
    let read =
        File::open(path).and_then(PubmedInput::detect).map(|input| input.take(HEAD_BYTES).read_to_end(&mut head));
    read.is_ok() && is_article(&head)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]

    use super::*;

    #[test]
    fn no_pack_spans_a_package_or_mixes_what_is_issued_again_with_the_rest() {
        let folder = tempfile::tempdir().unwrap();
        let day = |day: u64| UNIX_EPOCH + std::time::Duration::from_secs(86_400 * day);
        let write = |name: &str, text: &str, days: u64| {
            let path = folder.path().join(name);
            std::fs::write(&path, text).unwrap();
            File::options().write(true).open(&path).unwrap().set_modified(day(days)).unwrap();
            path
        };
        // 1970-04-11 is day 100.
        let package = write("a.1970-04-11.tar.gz", "", 300);
        let old = write("PMC1.nxml", "old", 50);
        let new = write("PMC2.nxml", "new", 150);
        let packs = |paths: &[&PathBuf], known: &KnownMembers| -> Vec<Vec<String>> {
            let plan = LocalFiles::sort(paths.iter().map(|path| (*path).clone()).collect()).plan(known, 9);
            let members = |pack: &Pack| pack.members.iter().map(|member| member.name.clone()).collect();
            plan.inputs
                .iter()
                .filter_map(|input| if let Input::Pack(pack) = input { Some(members(pack)) } else { None })
                .collect()
        };
        let nothing = KnownMembers::default();
        assert_eq!(packs(&[&old, &new], &nothing), [["PMC1.nxml", "PMC2.nxml"]]);
        assert_eq!(packs(&[&package, &old, &new], &nothing), [["PMC1.nxml"], ["PMC2.nxml"]]);
        let mut known = KnownMembers::default();
        known.insert("PMC2.nxml", "another state");
        assert_eq!(packs(&[&old, &new], &known), [["PMC2.nxml"], ["PMC1.nxml"]]);
    }

    #[test]
    fn files_are_told_apart_by_their_beginning_and_articles_are_packed() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| {
            let path = folder.path().join(name);
            std::fs::write(&path, text).unwrap();
            path
        };
        let mut paths = vec![
            write("pubmed26n0001.xml", "<?xml version=\"1.0\"?>\n<PubmedArticleSet/>"),
            write("b.tar.gz", ""),
            write("a.2026-01-01.tar.gz", ""),
        ];
        paths.extend((0..5).map(|number| write(&format!("PMC{number}.xml"), &format!("<!-- {number} --><article/>"))));
        paths.push(write("odd.nxml", "no XML"));
        let plan = LocalFiles::sort(paths.clone()).plan(&KnownMembers::default(), 4);
        let names: Vec<String> = plan.inputs.iter().map(Input::name).collect();
        assert_eq!(&names[..3], ["pubmed26n0001.xml", "b.tar.gz", "a.2026-01-01.tar.gz"]);
        let sizes: Vec<usize> = plan
            .inputs
            .iter()
            .filter_map(|input| if let Input::Pack(pack) = input { Some(pack.members.len()) } else { None })
            .collect();
        assert_eq!(sizes, [4, 2]);
        let mut known = KnownMembers::default();
        let Input::Pack(first) = &plan.inputs[3] else { panic!() };
        first.members.iter().for_each(|member| known.insert(&member.name, &member.etag));
        let rest = LocalFiles::sort(paths.clone()).plan(&known, 4);
        assert_eq!((rest.known, rest.inputs.len()), (4, 4));
        assert_eq!(rest.inputs[3].name(), plan.inputs[4].name());

        // Two shards have it all between them, nothing twice.
        let half = |index| LocalFiles::sort(paths.clone()).only(Shard::new(index, 2).unwrap());
        let halves = [half(0), half(1)].map(|half| half.plan(&KnownMembers::default(), 1));
        let mut names: Vec<String> = halves.iter().flat_map(|half| half.inputs.iter().map(Input::name)).collect();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), 9);
        assert_eq!(halves.each_ref().map(|half| half.inputs.len() as u64 + half.elsewhere), [9, 9]);
    }
}
