//! Joins small files and removes what no snapshot within the retention needs.

use std::collections::VecDeque;
use std::num::NonZeroU64;

use deltalake::kernel::Remove;
use deltalake::operations::vacuum::VacuumMode;
use futures::TryStreamExt;
use parquet::arrow::async_reader::ParquetRecordBatchStreamBuilder;
use rexdrug_schemas::SourceRef;
use serde::Serialize;

use super::Warehouse;
use super::commit::Attempts;
use super::error::{Result, WarehouseError};
use super::hook::CommitPoint;
use super::spool::SpoolWriter;
use super::store_reader::StoreReader;
use super::table::{Loaded, TableFile, TableHandle};
use super::upload::{COPY_BATCH, without};

/// Least hours for which removed and unknown files are kept: readers of an older snapshot and commits in the making
/// need them.
const LEAST_RETENTION_HOURS: i64 = 168;
/// A file with one row in so many marked as deleted is written again.
const ONE_IN: u64 = 20;

/// What `compact` does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CompactOptions {
    /// Size to which small files are joined. Larger files make scans faster and updates dearer, because a file is
    /// written again for each document that changes in it.
    pub target_bytes: NonZeroU64,
    /// Hours for which files are kept after they left the table; at least 168.
    pub retention_hours: i64,
    /// Only say what would be done.
    pub dry_run: bool,
}

impl Default for CompactOptions {
    fn default() -> Self {
        Self {
            target_bytes: NonZeroU64::MIN.saturating_add((64 << 20) - 1),
            retention_hours: LEAST_RETENTION_HOURS,
            dry_run: false,
        }
    }
}

/// What `compact` did to one table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CompactReport {
    /// Table.
    pub table: &'static str,
    /// Live files before.
    pub files_before: usize,
    /// Live files after.
    pub files_after: usize,
    /// Bytes written to join files.
    pub bytes_rewritten: u64,
    /// Files deleted from the store: left the table long ago, or never entered it.
    pub files_deleted: usize,
}

impl Warehouse {
    /// Joins small neighbouring files of each table and writes those again that hold many deleted rows, then deletes files that no snapshot within the retention needs.
    /// Rows do not change. Commits of source files may go on at the same time.
    ///
    /// # Errors
    /// [`WarehouseError::UnsafeRetention`] before anything is done; otherwise the errors of the store.
    pub async fn compact(&self, options: CompactOptions) -> Result<Vec<CompactReport>> {
        if options.retention_hours < LEAST_RETENTION_HOURS {
            let (got_hours, least_hours) = (options.retention_hours, LEAST_RETENTION_HOURS);
            return Err(WarehouseError::UnsafeRetention { got_hours, least_hours });
        }
        let mut reports = Vec::new();
        for handle in self.handles() {
            let Some(before) = handle.current().await? else { continue };
            let (joined, bytes_rewritten) = self.join(handle, &before, options).await?;
            let files_deleted = vacuum(handle, options).await?;
            reports.push(CompactReport {
                table: handle.table.name,
                files_before: before.files.len(),
                files_after: before.files.len().saturating_sub(joined),
                bytes_rewritten,
                files_deleted,
            });
        }
        if !options.dry_run {
            let cleared = self.staging()?.clear_claims(retention(options)).await?;
            tracing::info!(cleared, "old claims of workers");
        }
        Ok(reports)
    }

    /// Has updates mark rows as deleted in `documents` and `combinations`, in deletion vectors, where they wrote files
    /// again before; the tables are created where they are missing. There is no way back: see `docs/nightly.md` for the
    /// readers that refuse such tables. Returns the tables that were changed.
    ///
    /// # Errors
    /// [`WarehouseError::Delta`] when a log cannot be read or written.
    pub async fn enable_deletion_vectors(&self) -> Result<Vec<&'static str>> {
        let mut changed = Vec::new();
        for handle in [&self.inner.documents, &self.inner.combinations] {
            if handle.enable_deletion_vectors().await? {
                changed.push(handle.table.name);
            }
        }
        Ok(changed)
    }

    /// Joins groups, one commit each; returns by how many files the table shrank, and the bytes written.
    async fn join(&self, handle: &TableHandle, before: &Loaded, options: CompactOptions) -> Result<(usize, u64)> {
        let target = options.target_bytes.get();
        let (mut fewer, mut bytes) = (0, 0);
        for group in groups(&before.files, target) {
            if options.dry_run {
                fewer += group.len().saturating_sub(1);
                bytes += group.iter().map(|file| file.size).sum::<u64>();
                continue;
            }
            let folder = self.scratch()?;
            let mut writer = SpoolWriter::create(handle.table, folder.path())?;
            let store = before.store();
            for file in &group {
                let failed = |error: &dyn std::fmt::Display| {
                    WarehouseError::parquet(&format!("{}/{}", handle.table.name, file.path), "read it", error)
                };
                let reader = StoreReader::new(&store, &file.path, file.size);
                let builder = ParquetRecordBatchStreamBuilder::new(reader).await.map_err(|error| failed(&error))?;
                let mut batches = builder.with_batch_size(COPY_BATCH).build().map_err(|error| failed(&error))?;
                let deleted: Vec<u64> = file.deleted_rows()?.iter().collect();
                let mut row = 0;
                while let Some(batch) = batches.try_next().await.map_err(|error| failed(&error))? {
                    writer.write_stored(&without(handle.table, &batch, row, &deleted)?)?;
                    row += batch.num_rows() as u64;
                }
            }
            let spool = writer.finish()?;
            let mut uploads = self.uploads();
            let add = uploads.spool(handle.table, &store, &spool, &[]).await?;
            let adds: Vec<_> =
                add.into_iter().map(|add| deltalake::kernel::Add { data_change: false, ..add }).collect();
            let removes: Vec<Remove> =
                group.iter().map(|file| Remove { data_change: false, ..file.remove.clone() }).collect();
            let whole = SourceRef { source_file: "compaction".to_owned(), source_md5: String::new(), source_seq: 0 };
            let mut attempts = Attempts::new(handle, &whole);
            self.reach(CommitPoint::CompactionUploaded)?;
            loop {
                let Some(base) = handle.current().await? else { break };
                if adds.iter().any(|add| base.files.iter().any(|file| file.path.as_ref() == add.path)) {
                    break;
                }
                let live = |file: &TableFile| base.files.iter().any(|other| other.is_same(file));
                if !group.iter().all(live) {
                    // A commit took rows out of one of them in the meantime; the next compaction will see it.
                    uploads.discard_unused(&store, &[]).await;
                    break;
                }
                if attempts.landed(handle.commit(&base, adds.clone(), removes.clone(), Vec::new()).await?).await? {
                    fewer += group.len() - adds.len();
                    bytes += uploads.bytes_added;
                    self.reach(CommitPoint::CompactionCommitted)?;
                    break;
                }
            }
        }
        Ok((fewer, bytes))
    }
}

/// Groups of small files that lie next to each other by key, each up to the target size; and files with many deleted
/// rows, alone where they are large.
fn groups(files: &[TableFile], target: u64) -> VecDeque<Vec<TableFile>> {
    let worn = |file: &TableFile| file.rows.is_some_and(|rows| file.deleted() > 0 && file.deleted() * ONE_IN >= rows);
    let mut small: Vec<&TableFile> = files.iter().filter(|file| file.size < target / 2 || worn(file)).collect();
    small.sort_by_key(|file| (file.range.pmid, file.range.doc_id.clone(), file.sources.clone()));
    let mut groups = VecDeque::new();
    let mut group: Vec<TableFile> = Vec::new();
    for file in small {
        if group.iter().map(|file| file.size).sum::<u64>() + file.size > target {
            groups.push_back(std::mem::take(&mut group));
        }
        group.push(file.clone());
    }
    groups.push_back(group);
    groups.retain(|group| group.len() > 1 || group.iter().any(worn));
    groups
}

fn retention(options: CompactOptions) -> chrono::Duration {
    chrono::Duration::try_hours(options.retention_hours).unwrap_or(chrono::Duration::MAX)
}

async fn vacuum(handle: &TableHandle, options: CompactOptions) -> Result<usize> {
    let Some(loaded) = handle.current().await? else { return Ok(0) };
    let vacuumed = loaded
        .delta
        .vacuum()
        .with_retention_period(retention(options))
        .with_mode(VacuumMode::Full)
        .with_dry_run(options.dry_run)
        .await;
    let (_, metrics) = vacuumed.map_err(|error| WarehouseError::delta(handle.table.name, "remove old files", error))?;
    Ok(metrics.files_deleted.len())
}
