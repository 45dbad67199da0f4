//! Step three: one Delta commit that brings the combinations of a file's documents in line with who owns them.
//!
//! The rule does not look at history, so it gives the same table however often it was started before: of the touched
//! documents, keep what another live owner wrote, drop everything else, add what this file owns.

use std::borrow::Cow;
use std::collections::HashSet;
use std::sync::Arc;

use rexdrug_schemas::{COMBINATIONS, DOCUMENTS, SourceRef};

use super::Warehouse;
use super::commit::Attempts;
use super::commit_documents::KnownOwners;
use super::error::Result;
use super::hook::CommitPoint;
use super::keys::KeySet;
use super::ledger::{CombinationsEntry, ExtractionKey};
use super::lookup::{FileRows, Wanted, find_rows};
use super::resolve::{IncomingRow, Owner, Owners};
use super::spool::SpoolFile;
use super::upload::Uploads;

/// Combinations of one file, to be committed.
pub(crate) struct CombinationsJob<'a> {
    pub(crate) source: &'a SourceRef,
    pub(crate) spools: &'a [SpoolFile],
    pub(crate) rows: &'a [IncomingRow],
    pub(crate) key: ExtractionKey,
    /// Documents that the file adds, replaces or deletes.
    pub(crate) touched: KeySet,
    /// Owners as the documents commit left them, where it was made just now.
    pub(crate) known: Option<KnownOwners>,
}

/// Outcome of the combinations commit.
pub(crate) struct CombinationsReport {
    pub(crate) written: i64,
    pub(crate) superseded: i64,
    pub(crate) uploads: Uploads,
    pub(crate) files_read: u64,
}

impl Warehouse {
    pub(crate) async fn commit_combinations(&self, job: CombinationsJob<'_>) -> Result<CombinationsReport> {
        let handle = &self.inner.combinations;
        let mut report = CombinationsReport { uploads: self.uploads(), written: 0, superseded: 0, files_read: 0 };
        let mut attempts = Attempts::new(handle, job.source);
        loop {
            let base = if job.spools.is_empty() && job.key == ExtractionKey::default() {
                // `ingest` into a warehouse without combinations needs no such table.
                match handle.current().await? {
                    Some(base) => base,
                    None => return Ok(report),
                }
            } else {
                handle.current_or_create().await?
            };
            let current = base.ledger.combinations(job.source);
            if let Some(entry) = current.filter(|entry| entry.key == job.key && !entry.again) {
                report.written = entry.written;
                report.superseded = entry.superseded;
                return Ok(report);
            }
            // After the snapshot of this table, not before: a newer file that takes a document over later than this
            // look commits its combinations later than `base`, and finds ours.
            let owners = self.owners(&job, &mut report.files_read).await?;
            let store = base.store();
            let files = base.files_with(&job.touched);
            report.files_read += files.len() as u64;
            let present = find_rows(COMBINATIONS.name, &store, files, Wanted::Keys(&job.touched)).await?;
            let (mut adds, mut removes) = (Vec::new(), Vec::new());
            for FileRows { file, rows } in &present {
                let stays = |owner: &Owner| !owner.is_of(job.source);
                let doomed: Vec<u64> = rows
                    .iter()
                    .filter(|row| {
                        let owner = owners.get(&row.doc_id).filter(|owner| stays(owner));
                        owner.is_none_or(|owner| !owner.is(&row.source, row.record))
                    })
                    .map(|row| row.row)
                    .collect();
                if !doomed.is_empty() {
                    adds.extend(report.uploads.take_out(&COMBINATIONS, &base, file, &doomed).await?);
                    removes.push(file.remove.clone());
                }
            }
            let superseded = not_owned(job.source, job.spools.len(), job.rows, &owners);
            for (spool, dropped) in job.spools.iter().zip(&superseded) {
                adds.extend(report.uploads.spool(&COMBINATIONS, &store, spool, dropped).await?);
            }
            self.reach(CommitPoint::CombinationsUploaded)?;
            report.superseded = superseded.iter().map(|rows| rows.len() as i64).sum();
            report.written = job.rows.len() as i64 - report.superseded;
            let entry = CombinationsEntry {
                source: job.source.clone(),
                key: job.key.clone(),
                generation: current.map_or(0, |entry| entry.generation) + 1,
                again: false,
                written: report.written,
                superseded: report.superseded,
            };
            let committed = handle.commit(&base, adds.clone(), removes, entry.transactions()?).await?;
            if attempts.landed(committed).await? {
                report.uploads.discard_unused(&store, &adds).await;
                return Ok(report);
            }
        }
    }

    /// Live owners of the touched documents now.
    async fn owners<'j>(&self, job: &'j CombinationsJob<'_>, files_read: &mut u64) -> Result<Cow<'j, Owners>> {
        let Some(documents) = self.inner.documents.current().await? else { return Ok(Cow::Owned(Owners::new())) };
        let (mut owners, skip) = match &job.known {
            Some(known) if known.version == documents.version => return Ok(Cow::Borrowed(&known.owners)),
            Some(known) => {
                // A file of ours some of whose rows were marked since does not tell by its path what is left.
                let whole = documents.files.iter().filter(|file| file.deleted() == 0);
                let live: HashSet<&str> = whole.map(|file| file.path.as_ref()).collect();
                if known.own_paths.iter().all(|path| live.contains(path.as_str())) {
                    let own = known.owners.iter().filter(|(_, owner)| owner.is_of(job.source));
                    (own.map(|(id, owner)| (Arc::clone(id), owner.clone())).collect(), known.own_paths.clone())
                } else {
                    (Owners::new(), HashSet::new())
                }
            }
            None => (Owners::new(), HashSet::new()),
        };
        let mut files = documents.files_with(&job.touched);
        files.retain(|file| !skip.contains(file.path.as_ref()));
        *files_read += files.len() as u64;
        let rows = find_rows(DOCUMENTS.name, &documents.store(), files, Wanted::Keys(&job.touched)).await?;
        owners.extend(owners_of(rows));
        Ok(Cow::Owned(owners))
    }
}

/// Owners by document, of rows of `documents`.
pub(crate) fn owners_of(files: Vec<FileRows>) -> impl Iterator<Item = (Arc<str>, Owner)> {
    files.into_iter().flat_map(|file| file.rows).map(|row| (row.doc_id, Owner::new(&row.source, row.record)))
}

/// Spooled rows, per spool file and sorted, whose document does not belong to `source` (any more).
pub(crate) fn not_owned(source: &SourceRef, spools: usize, rows: &[IncomingRow], owners: &Owners) -> Vec<Vec<u64>> {
    let mut dropped = vec![Vec::new(); spools];
    for row in rows {
        if owners.get(&row.doc_id).is_none_or(|owner| !owner.is(source, row.record))
            && let Some(rows) = dropped.get_mut(row.spool)
        {
            rows.push(row.row);
        }
    }
    dropped.iter_mut().for_each(|rows: &mut Vec<u64>| rows.sort_unstable());
    dropped
}
