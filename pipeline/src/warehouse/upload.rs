//! Brings Parquet files into a table's store: spooled ones as they are, or without some rows; rewritten ones.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::{BooleanArray, RecordBatch};
use deltalake::kernel::Add;
use deltalake::logstore::ObjectStoreRef;
use futures::TryStreamExt;
use object_store::ObjectStoreExt;
use object_store::buffered::BufWriter;
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReaderBuilder};
use parquet::arrow::async_reader::ParquetRecordBatchStreamBuilder;
use rexdrug_schemas::Table;
use tokio::io::AsyncWriteExt;

use super::error::{Result, WarehouseError};
use super::spool::{SpoolFile, SpoolWriter};
use super::stats::delta_stats;
use super::store_reader::StoreReader;
use super::table::TableFile;
use crate::scratch::Scratch;

/// Rows per batch while copying: small, because one article can have ten megabytes.
pub(crate) const COPY_BATCH: usize = 256;

/// Uploads of one commit, kept over its attempts so that a lost race costs no second upload.
pub(crate) struct Uploads {
    scratch: Arc<Path>,
    part_bytes: usize,
    made: HashMap<(String, Vec<u64>), Option<Add>>,
    /// Length of the deletion vector of each file that was marked.
    marks: HashMap<String, u64>,
    /// Bytes of rewritten remainders of existing files, and of deletion vectors that mark rows instead.
    pub(crate) bytes_rewritten: u64,
    /// Bytes of new files.
    pub(crate) bytes_added: u64,
}

impl Uploads {
    /// None yet; rows that are written again wait below `scratch`, and uploads are sent in parts of `part_bytes`.
    pub(crate) fn new(scratch: Arc<Path>, part_bytes: usize) -> Self {
        Self { scratch, part_bytes, made: HashMap::new(), marks: HashMap::new(), bytes_rewritten: 0, bytes_added: 0 }
    }

    /// Uploads a spool file without the rows `dropped` (sorted); none when no row remains.
    pub(crate) async fn spool(
        &mut self,
        table: &'static Table,
        store: &ObjectStoreRef,
        spool: &SpoolFile,
        dropped: &[u64],
    ) -> Result<Option<Add>> {
        let key = (format!("spool:{}", spool.path.display()), dropped.to_vec());
        if let Some(known) = self.made.get(&key) {
            return Ok(known.clone());
        }
        let add = if dropped.len() as u64 >= spool.rows {
            None
        } else if dropped.is_empty() {
            Some(match stored(store, spool).await {
                Some(name) => added(table, name, &spool.path, spool.bytes)?,
                None => self.upload(table, store, &spool.path).await?,
            })
        } else {
            let scratch = scratch_in(&self.scratch)?;
            let kept = filter_local(table, spool.path.clone(), scratch.path().to_owned(), dropped.to_vec()).await?;
            Some(self.upload(table, store, &kept.path).await?)
        };
        self.bytes_added += add.as_ref().map_or(0, |add| u64::try_from(add.size).unwrap_or_default());
        self.made.insert(key, add.clone());
        Ok(add)
    }

    /// Rewrites a live file without the rows `dropped` (sorted); none when no row remains.
    pub(crate) async fn remainder(
        &mut self,
        table: &'static Table,
        store: &ObjectStoreRef,
        file: &TableFile,
        dropped: &[u64],
    ) -> Result<Option<Add>> {
        let key = (format!("store:{}", file.path), dropped.to_vec());
        if let Some(known) = self.made.get(&key) {
            return Ok(known.clone());
        }
        let scratch = scratch_in(&self.scratch)?;
        let kept = filter_stored(table, store, file, scratch.path(), dropped).await?;
        let add = if kept.rows == 0 { None } else { Some(self.upload(table, store, &kept.path).await?) };
        self.bytes_rewritten += add.as_ref().map_or(0, |add| u64::try_from(add.size).unwrap_or_default());
        self.made.insert(key, add.clone());
        Ok(add)
    }

    /// Streams a local Parquet file to a unique name in the store.
    async fn upload(&self, table: &'static Table, store: &ObjectStoreRef, path: &Path) -> Result<Add> {
        let (name, size) = send(table, store, path, self.part_bytes).await?;
        added(table, &name, path, size)
    }

    /// Counts a deletion vector, once however many attempts its commit takes.
    pub(crate) fn count_marks(&mut self, file: &TableFile, bytes: u64) {
        let before = self.marks.insert(file.path.to_string(), bytes).unwrap_or_default();
        self.bytes_rewritten = self.bytes_rewritten - before + bytes;
    }

    /// Deletes, as well as it can, uploads that the winning attempt did not use.
    pub(crate) async fn discard_unused(&self, store: &ObjectStoreRef, used: &[Add]) {
        for add in self.made.values().flatten() {
            if !used.iter().any(|other| other.path == add.path) {
                // An orphan that stays is removed by `compact`.
                let _ = store.delete(&object_store::path::Path::from(add.path.as_str())).await;
            }
        }
    }
}

/// A folder for rows that are written again, below `root`.
pub(crate) fn scratch_in(root: &Path) -> Result<Scratch> {
    Scratch::create(root).map_err(|error| WarehouseError::local(root, "create a folder", error))
}

/// Name of `spool` in `store`, where it lies there whole.
async fn stored<'s>(store: &ObjectStoreRef, spool: &'s SpoolFile) -> Option<&'s str> {
    let name = spool.stored.as_deref()?;
    let facts = store.head(&object_store::path::Path::from(name)).await.ok()?;
    (facts.size == spool.bytes).then_some(name)
}

/// Streams a local file to a new unique name in the store, in parts of `part_bytes`; gives the name and the bytes. One
/// part is sent while the next is read, so two are in memory, and no more, however slow the store is.
pub(crate) async fn send(
    table: &'static Table,
    store: &ObjectStoreRef,
    path: &Path,
    part_bytes: usize,
) -> Result<(String, u64)> {
    let local = |action: &'static str| move |error: std::io::Error| WarehouseError::local(path, action, error);
    let name = format!("part-{}.parquet", uuid::Uuid::new_v4());
    let mut source = tokio::fs::File::open(path).await.map_err(local("open it"))?;
    let size = source.metadata().await.map_err(local("stat it"))?.len();
    let place = object_store::path::Path::from(name.as_str());
    let mut target = BufWriter::with_capacity(Arc::clone(store), place, part_bytes).with_max_concurrency(1);
    let sent = match tokio::io::copy(&mut source, &mut target).await {
        Ok(_) => target.shutdown().await,
        Err(error) => {
            let _ = target.abort().await;
            Err(error)
        }
    };
    sent.map_err(|error| WarehouseError::delta(table.name, "upload a file", error))?;
    Ok((name, size))
}

/// The log's entry for a file in the store of which `path` is a local copy.
fn added(table: &'static Table, name: &str, path: &Path, size: u64) -> Result<Add> {
    let file = std::fs::File::open(path).map_err(|error| WarehouseError::local(path, "open it", error))?;
    let footer = ArrowReaderMetadata::load(&file, ArrowReaderOptions::new())
        .map_err(|error| WarehouseError::local(path, "read its footer", error))?;
    Ok(Add {
        path: name.to_owned(),
        size: i64::try_from(size).unwrap_or(i64::MAX),
        modification_time: chrono::Utc::now().timestamp_millis(),
        data_change: true,
        stats: Some(delta_stats(table.name, footer.metadata())),
        partition_values: HashMap::new(),
        tags: None,
        deletion_vector: None,
        base_row_id: None,
        default_row_commit_version: None,
        clustering_provider: None,
    })
}

async fn filter_local(table: &'static Table, source: PathBuf, folder: PathBuf, dropped: Vec<u64>) -> Result<SpoolFile> {
    let shown = source.clone();
    let work = move || {
        let failed = |error: &dyn std::fmt::Display| WarehouseError::local(&source, "read it", error);
        let file = std::fs::File::open(&source).map_err(|error| failed(&error))?;
        let batches = ParquetRecordBatchReaderBuilder::try_new(file)
            .and_then(|builder| builder.with_batch_size(COPY_BATCH).build())
            .map_err(|error| failed(&error))?;
        let mut writer = SpoolWriter::create(table, &folder)?;
        let mut row = 0;
        for batch in batches {
            let batch = batch.map_err(|error| failed(&error))?;
            writer.write(&without(table, &batch, row, &dropped)?)?;
            row += batch.num_rows() as u64;
        }
        writer.finish()
    };
    tokio::task::spawn_blocking(work).await.map_err(|error| WarehouseError::local(&shown, "filter it", error))?
}

async fn filter_stored(
    table: &'static Table,
    store: &ObjectStoreRef,
    file: &TableFile,
    folder: &Path,
    dropped: &[u64],
) -> Result<SpoolFile> {
    let failed = |error: &dyn std::fmt::Display| {
        WarehouseError::parquet(&format!("{}/{}", table.name, file.path), "read it", error)
    };
    let reader = StoreReader::new(store, &file.path, file.size);
    let builder = ParquetRecordBatchStreamBuilder::new(reader).await.map_err(|error| failed(&error))?;
    let mut batches = builder.with_batch_size(COPY_BATCH).build().map_err(|error| failed(&error))?;
    let mut writer = SpoolWriter::create(table, folder)?;
    let mut row = 0;
    while let Some(batch) = batches.try_next().await.map_err(|error| failed(&error))? {
        writer.write_stored(&without(table, &batch, row, dropped)?)?;
        row += batch.num_rows() as u64;
    }
    writer.finish()
}

/// The batch whose first row is row `first` of its file, without the rows `dropped`.
pub(crate) fn without(table: &Table, batch: &RecordBatch, first: u64, dropped: &[u64]) -> Result<RecordBatch> {
    let rows = batch.num_rows() as u64;
    let from = dropped.partition_point(|row| *row < first);
    let to = dropped.partition_point(|row| *row < first + rows);
    let gone = dropped.get(from..to).unwrap_or_default();
    if gone.is_empty() {
        return Ok(batch.clone());
    }
    let mask: BooleanArray = (first..first + rows).map(|row| Some(gone.binary_search(&row).is_err())).collect();
    arrow::compute::filter_record_batch(batch, &mask).map_err(|error| WarehouseError::columns(table.name, error))
}
