//! Which documents of a file are live, and what they and its deletions take out of the table. No I/O.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use rexdrug_schemas::{SourceRef, source_year};

use super::keys::{KeySet, pmid_of};
use super::ledger::Ledger;
use super::lookup::{FileRows, KeyRow};

/// Key of one spooled document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct IncomingRow {
    pub(crate) doc_id: Arc<str>,
    pub(crate) version: i32,
    pub(crate) record: i64,
    /// Number of the spool file, and of the row in it.
    pub(crate) spool: usize,
    pub(crate) row: u64,
}

/// A source file's documents and deletions, by their keys.
#[derive(Debug, Default)]
pub(crate) struct Incoming {
    pub(crate) spools: usize,
    pub(crate) rows: Vec<IncomingRow>,
    /// Highest deleted version of each PMID.
    pub(crate) deletions: HashMap<i64, i32>,
}

impl Incoming {
    /// Every document that this file can change.
    pub(crate) fn touched(&self) -> KeySet {
        let deleted = self.deletions.keys().map(|pmid| Arc::from(rexdrug_schemas::pmid_doc_id(*pmid)));
        KeySet::new(self.rows.iter().map(|row| Arc::clone(&row.doc_id)).chain(deleted))
    }
}

/// The live record of a document: source file, its md5, record number.
///
/// Sources and ids are shared: there is an owner for each of a file's 30,000 documents.
#[derive(Debug, Clone)]
pub(crate) struct Owner {
    source: Arc<SourceRef>,
    record: i64,
}

impl Owner {
    pub(crate) fn new(source: &Arc<SourceRef>, record: i64) -> Self {
        Self { source: Arc::clone(source), record }
    }

    pub(crate) fn is_of(&self, source: &SourceRef) -> bool {
        self.source.source_file == source.source_file && self.source.source_md5 == source.source_md5
    }

    pub(crate) fn is(&self, source: &SourceRef, record: i64) -> bool {
        self.record == record && self.is_of(source)
    }
}

/// Live owners by document.
pub(crate) type Owners = HashMap<Arc<str>, Owner>;

/// What a documents commit does.
#[derive(Debug, Default)]
pub(crate) struct Resolution {
    /// Rows to leave out, per spool file, sorted.
    pub(crate) superseded: Vec<Vec<u64>>,
    /// Rows to take out, per live file, sorted.
    pub(crate) removed: BTreeMap<String, Vec<u64>>,
    /// Live owner of every touched document after the commit.
    pub(crate) owners: Owners,
    pub(crate) written: i64,
    pub(crate) superseded_count: i64,
    pub(crate) replaced: i64,
    pub(crate) deletions_applied: i64,
}

/// Resolves a file against the live rows of its touched documents.
///
/// The greatest (year, version, sequence, file name, record) wins; a file issued again replaces its earlier issue. The
/// year is that of the baseline: a new one states every document anew, whatever versions the old one had.
pub(crate) fn resolve(source: &SourceRef, incoming: &Incoming, ledger: &Ledger, live: &[FileRows]) -> Resolution {
    let mut result = Resolution { superseded: vec![Vec::new(); incoming.spools], ..Resolution::default() };
    let own = Arc::new(source.clone());
    let mut existing: HashMap<&Arc<str>, Vec<(&FileRows, &KeyRow)>> = HashMap::new();
    for file in live {
        for row in &file.rows {
            existing.entry(&row.doc_id).or_default().push((file, row));
        }
    }
    let mut gone: HashSet<(&str, u64)> = HashSet::new();
    let rows = by_document(&incoming.rows);
    for candidates in rows.chunk_by(|row, next| row.doc_id == next.doc_id) {
        let Some(doc_id) = candidates.first().map(|row| &row.doc_id) else { continue };
        let winner = candidates.iter().max_by_key(|row| (row.version, row.record, row.spool, row.row)).copied();
        let olds = existing.get(doc_id).map(Vec::as_slice).unwrap_or_default();
        let lives = winner.filter(|row| !is_deleted(row, source, incoming, ledger)).filter(|row| {
            let rank = rank(row.version, source);
            !olds.iter().any(|(_, old)| self::rank(old.version, &old.source) > rank)
        });
        for row in candidates {
            if lives.is_none_or(|living| !std::ptr::eq(living, *row)) {
                if let Some(rows) = result.superseded.get_mut(row.spool) {
                    rows.push(row.row);
                }
                result.superseded_count += 1;
            }
        }
        if let Some(living) = lives {
            result.written += 1;
            result.owners.insert(Arc::clone(doc_id), Owner::new(&own, living.record));
            for (file, old) in olds {
                gone.insert((file.file.path.as_ref(), old.row));
                result.replaced += 1;
            }
        }
    }
    for (doc_id, olds) in &existing {
        for (file, old) in olds {
            if gone.contains(&(file.file.path.as_ref(), old.row)) {
                continue;
            }
            let deleted = pmid_of(doc_id).and_then(|pmid| incoming.deletions.get(&pmid));
            if deleted.is_some_and(|version| old.version <= *version && old.source.source_seq <= source.source_seq) {
                gone.insert((file.file.path.as_ref(), old.row));
                result.deletions_applied += 1;
            } else {
                result.owners.insert(Arc::clone(doc_id), Owner::new(&old.source, old.record));
            }
        }
    }
    for (path, row) in gone {
        result.removed.entry(path.to_owned()).or_default().push(row);
    }
    result.removed.values_mut().chain(result.superseded.iter_mut()).for_each(|rows| rows.sort_unstable());
    result
}

fn rank(version: i32, source: &SourceRef) -> (i64, i32, i64, &str) {
    (source_year(source.source_seq), version, source.source_seq, &source.source_file)
}

/// The rows with those of a document side by side.
fn by_document(rows: &[IncomingRow]) -> Vec<&IncomingRow> {
    let mut rows: Vec<&IncomingRow> = rows.iter().collect();
    rows.sort_unstable_by(|one, other| one.doc_id.cmp(&other.doc_id));
    rows
}

fn is_deleted(row: &IncomingRow, source: &SourceRef, incoming: &Incoming, ledger: &Ledger) -> bool {
    let Some(pmid) = pmid_of(&row.doc_id) else { return false };
    let here = incoming.deletions.get(&pmid).is_some_and(|version| row.version <= *version);
    here || ledger.forbids(pmid, row.version, source)
}
