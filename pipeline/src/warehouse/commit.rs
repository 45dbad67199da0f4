//! The commit of one source file: documents, quarantine, combinations, runs, each one atomic, each one once.

use std::future::Future;
use std::time::Duration;

use arrow::array::{Array, AsArray, RecordBatch};
use rexdrug_schemas::{COMBINATIONS, DOCUMENTS, QuarantineStage, RunStatus, SourceRef};

use super::Warehouse;
use super::commit_combinations::{CombinationsJob, CombinationsReport};
use super::error::{Result, WarehouseError};
use super::hook::CommitPoint;
use super::incoming::{read_incoming, read_keys};
use super::lookup::text;
use super::run_row::{CommitCounts, Refused, RunDraft, run_batch};
use super::spool::SpoolFile;
use super::table::{Committed, TableHandle};

/// Attempts against other writers; each starts from a fresh snapshot.
const ATTEMPTS: u32 = 60;

/// Everything of one source file that goes into the warehouse.
#[derive(Debug, Clone)]
pub struct FileCommit {
    /// The file.
    pub source: SourceRef,
    /// Spooled `documents` rows, all of them of this file.
    pub documents: Vec<SpoolFile>,
    /// PMIDs that the file deletes, with the highest deleted version.
    pub deletions: Vec<(i64, i32)>,
    /// Rows of `quarantine`.
    pub quarantine: Vec<RecordBatch>,
    /// Spooled `combinations` rows; empty for `ingest`.
    pub combinations: Vec<SpoolFile>,
    /// Counts, versions and seconds of the run so far.
    pub run: RunDraft,
}

/// What became of a commit.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CommitReport {
    /// Counts as in the row of `runs`.
    pub counts: CommitCounts,
    /// True when the file was already done and nothing was written.
    pub already_done: bool,
    /// Bytes of remainders of existing Parquet files that had to be written again.
    pub bytes_rewritten: u64,
    /// Bytes of new Parquet files.
    pub bytes_added: u64,
    /// Existing Parquet files whose key columns were read to find older versions.
    pub files_read: u64,
}

impl Warehouse {
    /// Commits one source file; a file that is done already is left alone, an unfinished one is finished.
    ///
    /// # Errors
    /// [`WarehouseError::Spool`] and [`WarehouseError::Counts`] before anything is written;
    /// [`WarehouseError::Contention`], [`WarehouseError::Delta`] and the file errors where the store fails. After any
    /// error the same call may be made again.
    pub async fn commit_file(&self, job: &FileCommit) -> Result<CommitReport> {
        let started = std::time::Instant::now();
        if self.completed(&job.source).await?.is_some() {
            return Ok(CommitReport { already_done: true, ..CommitReport::default() });
        }
        let incoming = read_incoming(&DOCUMENTS, &job.source, &job.documents, &job.deletions).await?;
        let spooled = read_keys(&COMBINATIONS, &job.source, &job.combinations).await?;
        let refused = refused(&job.quarantine)?;
        job.run.check(&job.source, incoming.rows.len() as i64, refused)?;

        let documents = self.commit_documents(job, &incoming).await?;
        self.reach(CommitPoint::DocumentsCommitted)?;
        self.commit_quarantine(&job.source, &job.quarantine, None).await?;
        self.reach(CommitPoint::QuarantineCommitted)?;
        let combinations = CombinationsJob {
            source: &job.source,
            spools: &job.combinations,
            rows: &spooled,
            key: job.run.extraction_key(),
            touched: incoming.touched(),
            known: documents.known,
        };
        let combinations = self.commit_combinations(combinations).await?;
        self.reach(CommitPoint::CombinationsCommitted)?;

        let counts = counts(&documents.entry, &combinations, job.deletions.len(), spooled.len());
        let seconds = started.elapsed().as_secs_f64();
        let row = run_batch(&job.source, &job.run, counts, &job.deletions, seconds)?;
        let done = super::ledger::app_id(self.inner.runs.table.name, &job.source);
        self.append_once(
            &self.inner.runs,
            &job.source,
            &[row],
            done,
            Once::Version(super::ledger::status_code(job.run.status)),
        )
        .await?;
        self.reach(CommitPoint::RunCommitted)?;
        Ok(CommitReport {
            counts,
            already_done: false,
            bytes_rewritten: documents.uploads.bytes_rewritten + combinations.uploads.bytes_rewritten,
            bytes_added: documents.uploads.bytes_added + combinations.uploads.bytes_added,
            files_read: documents.files_read + combinations.files_read,
        })
    }

    /// How a source file ended in this warehouse, from the log of `runs`; none when it is not done.
    ///
    /// # Errors
    /// [`WarehouseError::Delta`] when the log cannot be read.
    pub async fn completed(&self, source: &SourceRef) -> Result<Option<RunStatus>> {
        let Some(runs) = self.inner.runs.current().await? else { return Ok(None) };
        let id = super::ledger::app_id(self.inner.runs.table.name, source);
        Ok(runs.ledger.version(&id).map(super::ledger::status_of))
    }

    /// [`Warehouse::completed`] for many files at the price of one look at the log, in the order given.
    ///
    /// # Errors
    /// [`WarehouseError::Delta`] when the log cannot be read.
    pub async fn completed_all(&self, sources: &[SourceRef]) -> Result<Vec<Option<RunStatus>>> {
        let Some(runs) = self.inner.runs.current().await? else { return Ok(vec![None; sources.len()]) };
        let status = |source: &SourceRef| {
            let id = super::ledger::app_id(self.inner.runs.table.name, source);
            runs.ledger.version(&id).map(super::ledger::status_of)
        };
        Ok(sources.iter().map(status).collect())
    }

    /// Appends the rows of a file that were refused, once per file (and per extraction for `extract`).
    pub(crate) async fn commit_quarantine(
        &self,
        source: &SourceRef,
        rows: &[RecordBatch],
        again: Option<(String, i64)>,
    ) -> Result<()> {
        if rows.iter().all(|batch| batch.num_rows() == 0) {
            return Ok(());
        }
        let (id, once) = match again {
            Some((id, generation)) => (id, Once::Generation(generation)),
            None => (super::ledger::app_id(self.inner.quarantine.table.name, source), Once::Version(1)),
        };
        self.append_once(&self.inner.quarantine, source, rows, id, once).await
    }

    /// Appends rows under an application transaction, unless it is committed already.
    pub(crate) async fn append_once(
        &self,
        handle: &TableHandle,
        source: &SourceRef,
        rows: &[RecordBatch],
        id: String,
        once: Once,
    ) -> Result<()> {
        let mut uploads = self.uploads();
        let folder = self.scratch()?;
        let mut spool = super::spool::SpoolWriter::create(handle.table, folder.path())?;
        for batch in rows {
            spool.write(batch)?;
        }
        let spool = spool.finish()?;
        let mut attempts = Attempts::new(handle, source);
        loop {
            let base = handle.current_or_create().await?;
            if once.is_done(base.ledger.version(&id)) {
                return Ok(());
            }
            let add = uploads.spool(handle.table, &base.store(), &spool, &[]).await?;
            let transaction = super::ledger::transaction(id.clone(), once.version());
            let adds: Vec<_> = add.into_iter().collect();
            let committed = handle.commit(&base, adds, Vec::new(), vec![transaction]).await?;
            if attempts.landed(committed).await? {
                return Ok(());
            }
        }
    }

    pub(crate) fn reach(&self, point: CommitPoint) -> Result<()> {
        super::hook::reach(self.inner.hook.as_deref(), point)
    }
}

/// When an application transaction counts as already there.
#[derive(Clone, Copy)]
pub(crate) enum Once {
    /// As soon as the id has any version.
    Version(i64),
    /// When the id has at least this generation.
    Generation(i64),
}

impl Once {
    fn is_done(self, known: Option<i64>) -> bool {
        match self {
            Self::Version(_) => known.is_some(),
            Self::Generation(generation) => known.is_some_and(|known| known >= generation),
        }
    }

    fn version(self) -> i64 {
        match self {
            Self::Version(version) | Self::Generation(version) => version,
        }
    }
}

/// Bounded attempts with growing, jittered pauses.
pub(crate) struct Attempts<'a> {
    handle: &'a TableHandle,
    source: &'a SourceRef,
    made: u32,
    failures: u32,
}

impl<'a> Attempts<'a> {
    pub(crate) fn new(handle: &'a TableHandle, source: &'a SourceRef) -> Self {
        Self { handle, source, made: 0, failures: 0 }
    }

    /// True when the commit is in; false to try again from a new snapshot, after a pause.
    ///
    /// An unknown outcome is tried again as well: the next snapshot shows whether it is in the log.
    pub(crate) async fn landed(&mut self, committed: Committed) -> Result<bool> {
        match committed {
            Committed::Yes(_) => return Ok(true),
            Committed::Lost => {}
            Committed::Unknown(error) => {
                self.failures += 1;
                if self.failures > 5 {
                    return Err(error);
                }
                tracing::warn!(%error, "commit failed, looking whether it is in the log");
            }
        }
        self.made += 1;
        if self.made >= ATTEMPTS {
            return Err(WarehouseError::Contention {
                table: self.handle.table.name.to_owned(),
                source_file: self.source.source_file.clone(),
                attempts: self.made,
            });
        }
        self.pause().await;
        Ok(false)
    }

    fn pause(&self) -> impl Future<Output = ()> + use<> {
        let most = 10_u64 << self.made.min(7);
        let jitter = u64::from_le_bytes(uuid::Uuid::new_v4().into_bytes()[..8].try_into().unwrap_or_default()) % most;
        tokio::time::sleep(Duration::from_millis(most / 2 + jitter))
    }
}

fn counts(
    documents: &super::ledger::DocumentsEntry,
    combinations: &CombinationsReport,
    listed: usize,
    found: usize,
) -> CommitCounts {
    CommitCounts {
        documents_written: documents.written,
        documents_superseded: documents.superseded,
        documents_replaced: documents.replaced,
        deletions_listed: listed as i64,
        deletions_applied: documents.deletions_applied,
        combinations_found: found as i64,
        combinations_written: combinations.written,
        combinations_superseded: combinations.superseded,
    }
}

/// Counts the quarantine rows of a file by stage.
pub(crate) fn refused(rows: &[RecordBatch]) -> Result<Refused> {
    let mut refused = Refused::default();
    for batch in rows {
        let stages = text("quarantine", batch, "stage")?;
        let Some(stages) = stages.as_string_opt::<i32>() else { continue };
        for stage in (0..stages.len()).map(|at| stages.value(at)) {
            refused.records += i64::from(stage == QuarantineStage::Record.label());
            refused.sentences += i64::from(stage == QuarantineStage::Sentence.label());
        }
    }
    Ok(refused)
}
