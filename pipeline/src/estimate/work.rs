//! What there is to do, read off the inputs.

use std::collections::BTreeMap;

use futures::{Stream, StreamExt};
use rexdrug_schemas::SourceRef;
use serde::Serialize;

use crate::error::PipelineError;
use crate::source::Input;
use crate::warehouse::Warehouse;

/// Source files for which the ledger is asked together.
const ASKED_TOGETHER: usize = 1000;

/// Kinds of source files: what a byte of one holds differs from kind to kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SourceKind {
    /// PubMed XML, gzip.
    PubmedGzip,
    /// PubMed XML, plain.
    PubmedPlain,
    /// A tar package of articles.
    Package,
    /// Articles that are files or objects of their own.
    Pack,
}

impl SourceKind {
    /// The kind of a source file, by its name as it stands in `runs`.
    pub fn of_name(name: &str) -> Self {
        let lower = name.to_ascii_lowercase();
        let ends = |endings: &[&str]| endings.iter().any(|ending| lower.ends_with(ending));
        if ends(&[".pack"]) {
            Self::Pack
        } else if ends(&[".tar.gz", ".tgz", ".tar"]) {
            Self::Package
        } else if ends(&[".gz"]) {
            Self::PubmedGzip
        } else {
            Self::PubmedPlain
        }
    }

    /// Whether its records are articles and not citations.
    pub fn is_full_text(self) -> bool {
        matches!(self, Self::Package | Self::Pack)
    }
}

/// Source files of one kind.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Part {
    /// Source files.
    pub files: u64,
    /// Their bytes as delivered; 0 where a listing does not say.
    pub bytes: u64,
    /// Records, where they can be counted without reading: the articles of packs.
    pub records: u64,
    /// Objects to fetch: the articles of packs in an object store.
    pub objects: u64,
}

impl Part {
    fn add(&mut self, other: Self) {
        self.files += other.files;
        self.bytes += other.bytes;
        self.records += other.records;
        self.objects += other.objects;
    }
}

/// What there is to do.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Work {
    /// Source files that the warehouse does not have, by kind.
    pub new: BTreeMap<SourceKind, Part>,
    /// Source files that it has.
    pub done: Part,
}

impl Work {
    /// What of `inputs` the ledger of `warehouse` does not have. A file without a sidecar is read once, for its md5.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub async fn of(warehouse: &Warehouse, inputs: impl Stream<Item = Input>) -> Result<Self, PipelineError> {
        let mut work = Self::default();
        let mut inputs = std::pin::pin!(inputs.chunks(ASKED_TOGETHER));
        while let Some(some) = inputs.next().await {
            let named = tokio::task::spawn_blocking(move || -> (Vec<Input>, Vec<SourceRef>) {
                let sources = some.iter().map(Input::source).collect();
                (some, sources)
            });
            let (some, sources) = named.await.map_err(|error| PipelineError::Task {
                task: "reading the digests of the input",
                reason: error.to_string(),
            })?;
            for (input, status) in some.iter().zip(warehouse.completed_all(&sources).await?) {
                work.add(input, status.is_some());
            }
        }
        Ok(work)
    }

    /// Takes in one source file.
    pub fn add(&mut self, input: &Input, done: bool) {
        let (records, objects) = match input {
            Input::Pubmed(_) | Input::Package(_) => (0, 0),
            Input::Pack(pack) => {
                let members = pack.members.len() as u64;
                (members, if pack.members.iter().all(|member| member.path.is_none()) { members } else { 0 })
            }
        };
        let part = Part { files: 1, bytes: input.bytes(), records, objects };
        match done {
            true => self.done.add(part),
            false => self.new.entry(SourceKind::of_name(&input.name())).or_default().add(part),
        }
    }

    /// All that is new.
    pub fn total(&self) -> Part {
        let mut total = Part::default();
        self.new.values().for_each(|part| total.add(*part));
        total
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    #[test]
    fn kinds_follow_from_names() {
        for (name, kind) in [
            ("pubmed26n0001.xml.gz", SourceKind::PubmedGzip),
            ("pubmed26n0001.xml", SourceKind::PubmedPlain),
            ("oa_comm.TAR.GZ", SourceKind::Package),
            ("pmc-0123456789abcdef.pack", SourceKind::Pack),
        ] {
            assert_eq!(SourceKind::of_name(name), kind, "{name}");
        }
    }

    #[test]
    fn done_files_are_no_work() {
        let mut work = Work::default();
        work.add(&Input::Pubmed(PathBuf::from("/no/a.xml.gz")), false);
        work.add(&Input::Pubmed(PathBuf::from("/no/b.xml.gz")), true);
        assert_eq!((work.total().files, work.done.files), (1, 1));
    }
}
