//! The `extract` verb: new combinations for the documents that a source file owns already.

use arrow::array::RecordBatch;
use rexdrug_schemas::{COMBINATIONS, DOCUMENTS, SourceRef};

use super::Warehouse;
use super::commit::{Attempts, CommitReport, Once, refused};
use super::commit_combinations::{not_owned, owners_of};
use super::error::{Result, WarehouseError};
use super::hook::CommitPoint;
use super::incoming::read_keys;
use super::keys::KeySet;
use super::ledger::{CombinationsEntry, ExtractionKey};
use super::lookup::{FileRows, Wanted, find_rows};
use super::resolve::Owners;
use super::run_row::{CommitCounts, RunDraft, run_batch};
use super::spool::SpoolFile;
use super::upload::Uploads;

/// Combinations of the documents of one committed source file, by another model or lexicon.
#[derive(Debug, Clone)]
pub struct ExtractionCommit {
    /// The file; its documents must be in the warehouse.
    pub source: SourceRef,
    /// Spooled `combinations` rows.
    pub combinations: Vec<SpoolFile>,
    /// Sentences that could not be extracted.
    pub quarantine: Vec<RecordBatch>,
    /// Counts, versions and seconds; `records_read` and `records_quarantined` are 0.
    pub run: RunDraft,
}

/// What the warehouse holds of a file's extraction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExtractionState {
    /// What made the current combinations.
    pub key: ExtractionKey,
    /// Counts 1, 2, … with each extraction of the file.
    pub generation: i64,
    /// False when the row in `runs` is still missing: commit the same extraction again to finish it.
    pub finished: bool,
}

impl Warehouse {
    /// The current extraction of a file; none when it has only been ingested.
    ///
    /// # Errors
    /// [`WarehouseError::Delta`] when the log cannot be read.
    pub async fn extraction(&self, source: &SourceRef) -> Result<Option<ExtractionState>> {
        let Some(combinations) = self.inner.combinations.current().await? else { return Ok(None) };
        let Some(entry) = combinations.ledger.combinations(source) else { return Ok(None) };
        if entry.key == ExtractionKey::default() {
            return Ok(None);
        }
        let finished = if entry.again {
            let runs = self.inner.runs.current().await?;
            let id = entry.key.app_id(self.inner.runs.table.name, source);
            runs.and_then(|runs| runs.ledger.version(&id)) == Some(entry.generation)
        } else {
            self.completed(source).await?.is_some()
        };
        Ok(Some(ExtractionState { key: entry.key.clone(), generation: entry.generation, finished }))
    }

    /// How many of `sources` no model has read, at the price of one look at the log.
    ///
    /// # Errors
    /// [`WarehouseError::Delta`] when the log cannot be read.
    pub async fn count_without_extraction(&self, sources: &[SourceRef]) -> Result<u64> {
        if sources.is_empty() {
            return Ok(0);
        }
        let Some(combinations) = self.inner.combinations.current().await? else { return Ok(sources.len() as u64) };
        let nothing = ExtractionKey::default();
        let unread =
            |source: &&SourceRef| combinations.ledger.combinations(source).is_none_or(|entry| entry.key == nothing);
        Ok(sources.iter().filter(unread).count() as u64)
    }

    /// Replaces the combinations of a file's documents and adds a row to `runs`.
    ///
    /// The same model, lexicon and rules as the current, finished extraction change nothing.
    ///
    /// # Errors
    /// [`WarehouseError::UnknownSource`] when the file is not done; otherwise as [`Warehouse::commit_file`].
    pub async fn replace_combinations(&self, job: &ExtractionCommit) -> Result<CommitReport> {
        let started = std::time::Instant::now();
        let key = job.run.extraction_key();
        if self.completed(&job.source).await?.is_none() {
            let source = &job.source;
            let (source_file, md5) = (source.source_file.clone(), source.source_md5.clone());
            return Err(WarehouseError::UnknownSource { source_file, md5 });
        }
        let state = self.extraction(&job.source).await?;
        if state.is_some_and(|state| state.key == key && state.finished) {
            return Ok(CommitReport { already_done: true, ..CommitReport::default() });
        }
        let rows = read_keys(&COMBINATIONS, &job.source, &job.combinations).await?;
        job.run.check(&job.source, 0, refused(&job.quarantine)?)?;
        let (entry, uploads, files_read) = self.swap_combinations(job, &key, &rows).await?;
        self.reach(CommitPoint::CombinationsCommitted)?;
        let refusals = key.app_id(self.inner.quarantine.table.name, &job.source);
        self.commit_quarantine(&job.source, &job.quarantine, Some((refusals, entry.generation))).await?;
        self.reach(CommitPoint::QuarantineCommitted)?;
        let counts = CommitCounts {
            combinations_found: rows.len() as i64,
            combinations_written: entry.written,
            combinations_superseded: entry.superseded,
            ..CommitCounts::default()
        };
        let row = run_batch(&job.source, &job.run, counts, &[], started.elapsed().as_secs_f64())?;
        let done = key.app_id(self.inner.runs.table.name, &job.source);
        self.append_once(&self.inner.runs, &job.source, &[row], done, Once::Generation(entry.generation)).await?;
        self.reach(CommitPoint::RunCommitted)?;
        let (bytes_rewritten, bytes_added) = (uploads.bytes_rewritten, uploads.bytes_added);
        Ok(CommitReport { counts, already_done: false, bytes_rewritten, bytes_added, files_read })
    }

    async fn swap_combinations(
        &self,
        job: &ExtractionCommit,
        key: &ExtractionKey,
        rows: &[super::resolve::IncomingRow],
    ) -> Result<(CombinationsEntry, Uploads, u64)> {
        let handle = &self.inner.combinations;
        let mut uploads = self.uploads();
        let mut files_read = 0;
        let mut attempts = Attempts::new(handle, &job.source);
        let touched = KeySet::new(rows.iter().map(|row| &row.doc_id));
        let mut ours = None;
        loop {
            let base = handle.current_or_create().await?;
            let current = base.ledger.combinations(&job.source);
            // Finished or not was looked at before; here an entry of this key is our own, committed by an attempt.
            if let Some(entry) = current.filter(|entry| entry.key == *key && ours_or_unfinished(entry, &ours)) {
                return Ok((entry.clone(), uploads, files_read));
            }
            let owners = self.owners_now(&touched, &mut files_read).await?;
            let store = base.store();
            let files = base.files_of(&job.source.source_file);
            files_read += files.len() as u64;
            let present = find_rows(COMBINATIONS.name, &store, files, Wanted::Source(&job.source)).await?;
            let (mut adds, mut removes) = (Vec::new(), Vec::new());
            for FileRows { file, rows } in &present {
                let doomed: Vec<u64> = rows.iter().map(|row| row.row).collect();
                adds.extend(uploads.take_out(&COMBINATIONS, &base, file, &doomed).await?);
                removes.push(file.remove.clone());
            }
            let superseded = not_owned(&job.source, job.combinations.len(), rows, &owners);
            for (spool, dropped) in job.combinations.iter().zip(&superseded) {
                adds.extend(uploads.spool(&COMBINATIONS, &store, spool, dropped).await?);
            }
            self.reach(CommitPoint::CombinationsUploaded)?;
            let superseded = superseded.iter().map(|rows| rows.len() as i64).sum();
            let entry = CombinationsEntry {
                source: job.source.clone(),
                key: key.clone(),
                generation: current.map_or(0, |entry| entry.generation) + 1,
                again: true,
                written: rows.len() as i64 - superseded,
                superseded,
            };
            ours = Some(entry.generation);
            let committed = handle.commit(&base, adds.clone(), removes, entry.transactions()?).await?;
            if attempts.landed(committed).await? {
                uploads.discard_unused(&store, &adds).await;
                return Ok((entry, uploads, files_read));
            }
        }
    }

    async fn owners_now(&self, keys: &KeySet, files_read: &mut u64) -> Result<Owners> {
        let Some(documents) = self.inner.documents.current().await? else { return Ok(Owners::new()) };
        let files = documents.files_with(keys);
        *files_read += files.len() as u64;
        let rows = find_rows(DOCUMENTS.name, &documents.store(), files, Wanted::Keys(keys)).await?;
        Ok(owners_of(rows).collect())
    }
}

/// An entry made by `extract` with this key: of an earlier, unfinished start, or of this very attempt.
fn ours_or_unfinished(entry: &CombinationsEntry, ours: &Option<i64>) -> bool {
    entry.again || ours.is_some_and(|generation| entry.generation >= generation)
}
