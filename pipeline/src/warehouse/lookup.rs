//! Reads the key columns of the files that may hold some documents; never whole tables, never texts.

use std::sync::Arc;

use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::{DataType, Int32Type, Int64Type};
use deltalake::logstore::ObjectStoreRef;
use futures::{StreamExt, TryStreamExt};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions};
use parquet::arrow::async_reader::ParquetRecordBatchStreamBuilder;
use rexdrug_schemas::SourceRef;

use super::error::{Result, WarehouseError};
use super::keys::KeySet;
use super::stats::group_range;
use super::store_reader::StoreReader;
use super::table::TableFile;

const KEY_COLUMNS: [&str; 6] = ["doc_id", "version", "source_file", "source_md5", "source_seq", "source_record"];
const KEY_BATCH: usize = 8192;
/// Files read at the same time.
const CONCURRENCY: usize = 4;

/// One row of `documents` or `combinations`, by its keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct KeyRow {
    pub(crate) doc_id: Arc<str>,
    /// PMID version; 0 in tables without one.
    pub(crate) version: i32,
    pub(crate) source: Arc<SourceRef>,
    pub(crate) record: i64,
    /// Number of the row in its file, from 0.
    pub(crate) row: u64,
}

/// Rows that were asked for, of one file.
#[derive(Debug)]
pub(crate) struct FileRows {
    pub(crate) file: TableFile,
    pub(crate) rows: Vec<KeyRow>,
}

/// Which rows are asked for.
#[derive(Clone, Copy)]
pub(crate) enum Wanted<'a> {
    /// Rows of these documents.
    Keys(&'a KeySet),
    /// Rows of this source file.
    Source(&'a SourceRef),
}

impl Wanted<'_> {
    fn takes(&self, row: &Keys<'_>, at: usize) -> bool {
        match self {
            Self::Keys(keys) => keys.contains(row.doc_id.value(at)),
            Self::Source(source) => row.file.value(at) == source.source_file && row.md5.value(at) == source.source_md5,
        }
    }
}

/// Finds the wanted rows in `files`; the result has one entry per file that holds any.
pub(crate) async fn find_rows(
    table: &str,
    store: &ObjectStoreRef,
    files: Vec<&TableFile>,
    wanted: Wanted<'_>,
) -> Result<Vec<FileRows>> {
    let files: Vec<TableFile> = files.into_iter().cloned().collect();
    let reads = files.into_iter().map(|file| async move {
        let rows = rows_of_file(table, store, &file, wanted).await?;
        Ok::<_, WarehouseError>((!rows.is_empty()).then_some(FileRows { file, rows }))
    });
    let found: Vec<Option<FileRows>> = futures::stream::iter(reads).buffered(CONCURRENCY).try_collect().await?;
    Ok(found.into_iter().flatten().collect())
}

async fn rows_of_file(
    table: &str,
    store: &ObjectStoreRef,
    file: &TableFile,
    wanted: Wanted<'_>,
) -> Result<Vec<KeyRow>> {
    let failed = |error: &dyn std::fmt::Display| {
        WarehouseError::parquet(&format!("{table}/{}", file.path), "read its keys", error)
    };
    let mut reader = StoreReader::new(store, &file.path, file.size);
    let metadata = ArrowReaderMetadata::load_async(&mut reader, ArrowReaderOptions::new())
        .await
        .map_err(|error| failed(&error))?;
    let footer = Arc::clone(metadata.metadata());
    let deleted = file.deleted_rows()?;
    let mut found = Vec::new();
    let mut first_row = 0_u64;
    for (group, group_meta) in footer.row_groups().iter().enumerate() {
        let base = first_row;
        first_row += u64::try_from(group_meta.num_rows()).unwrap_or_default();
        if let Wanted::Keys(keys) = wanted
            && !keys.overlaps(&group_range(&footer, group))
        {
            continue;
        }
        let builder = ParquetRecordBatchStreamBuilder::new_with_metadata(reader.clone(), metadata.clone());
        let mask = ProjectionMask::columns(builder.parquet_schema(), KEY_COLUMNS);
        let mut batches = builder
            .with_projection(mask)
            .with_row_groups(vec![group])
            .with_batch_size(KEY_BATCH)
            .build()
            .map_err(|error| failed(&error))?;
        let mut row = base;
        while let Some(batch) = batches.try_next().await.map_err(|error| failed(&error))? {
            collect(table, &batch, row, wanted, &mut found)?;
            row += batch.num_rows() as u64;
        }
    }
    found.retain(|row| !deleted.contains(row.row));
    Ok(found)
}

struct Keys<'a> {
    doc_id: &'a arrow::array::StringArray,
    file: &'a arrow::array::StringArray,
    md5: &'a arrow::array::StringArray,
}

fn collect(table: &str, batch: &RecordBatch, base: u64, wanted: Wanted<'_>, found: &mut Vec<KeyRow>) -> Result<()> {
    let (doc_id, file, md5) =
        (text(table, batch, "doc_id")?, text(table, batch, "source_file")?, { text(table, batch, "source_md5")? });
    let missing = |name: &str| WarehouseError::columns(table, format!("column `{name}` is missing or of another type"));
    let as_text = |column: &'_ arrow::array::ArrayRef, name: &str| {
        column.as_string_opt::<i32>().cloned().ok_or_else(|| missing(name))
    };
    let (doc_id, file, md5) =
        (as_text(&doc_id, "doc_id")?, as_text(&file, "source_file")?, as_text(&md5, "source_md5")?);
    let keys = Keys { doc_id: &doc_id, file: &file, md5: &md5 };
    let version = batch.column_by_name("version").and_then(|column| column.as_primitive_opt::<Int32Type>());
    let long = |name: &str| {
        batch
            .column_by_name(name)
            .and_then(|column| column.as_primitive_opt::<Int64Type>())
            .ok_or_else(|| missing(name))
    };
    let (sequence, record) = (long("source_seq")?, long("source_record")?);
    let is = |source: &SourceRef, at: usize| {
        (source.source_file.as_str(), source.source_md5.as_str(), source.source_seq)
            == (file.value(at), md5.value(at), sequence.value(at))
    };
    for at in 0..batch.num_rows() {
        if wanted.takes(&keys, at) {
            // Rows of a source file lie side by side, so one copy of its name and digest serves most of them.
            let source = match found.last() {
                Some(row) if is(&row.source, at) => Arc::clone(&row.source),
                _ => Arc::new(SourceRef {
                    source_file: file.value(at).to_owned(),
                    source_md5: md5.value(at).to_owned(),
                    source_seq: sequence.value(at),
                }),
            };
            found.push(KeyRow {
                doc_id: doc_id.value(at).into(),
                version: version.map_or(0, |version| version.value(at)),
                source,
                record: record.value(at),
                row: base + at as u64,
            });
        }
    }
    Ok(())
}

/// A string column as plain `Utf8`, whatever the file's writer chose.
pub(crate) fn text(table: &str, batch: &RecordBatch, name: &str) -> Result<arrow::array::ArrayRef> {
    let column = batch
        .column_by_name(name)
        .ok_or_else(|| WarehouseError::columns(table, format!("column `{name}` is missing")))?;
    arrow::compute::cast(column, &DataType::Utf8)
        .map_err(|error| WarehouseError::columns(table, format!("column `{name}`: {error}")))
}
