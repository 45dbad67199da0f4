//! Local Parquet files that wait for their commit.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::{RecordBatch, new_null_array};
use arrow::datatypes::{Schema, SchemaRef};
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::schema::types::ColumnPath;
use rexdrug_schemas::Table;

use super::error::{Result, WarehouseError};
use super::stats::stats_columns;

/// Rows of one row group at most.
const GROUP_ROWS: usize = 65_536;
/// Bytes of one row group at most: its pages are held until it is full, and readers hold the columns that they want of it.
const GROUP_BYTES: usize = 2 << 20;
/// Bytes of a page, and of a column's dictionary, at most: each is held, and compressed, as a whole.
const PAGE_BYTES: usize = 256 << 10;
/// Rows after which these bounds are looked at.
const LOOK_ROWS: usize = 512;

/// A finished local Parquet file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpoolFile {
    /// Where it lies.
    pub path: PathBuf,
    /// Rows in it.
    pub rows: u64,
    /// Size in bytes.
    pub bytes: u64,
    /// Its name in the store of its table, where it lies there already; not part of the table before its commit.
    pub stored: Option<String>,
}

/// Writes rows of one warehouse table to a local Parquet file, ready to be uploaded as it is.
pub struct SpoolWriter {
    table: &'static Table,
    path: PathBuf,
    writer: ArrowWriter<File>,
    rows: u64,
}

impl SpoolWriter {
    /// Creates a uniquely named file of `table` in `folder`.
    ///
    /// # Errors
    /// [`WarehouseError::Local`] when the file cannot be created.
    pub fn create(table: &'static Table, folder: &Path) -> Result<Self> {
        let path = folder.join(format!("{}-{}.parquet", table.name, uuid::Uuid::new_v4()));
        let file = File::create_new(&path).map_err(|error| WarehouseError::local(&path, "create it", error))?;
        let writer = ArrowWriter::try_new(file, table.schema(), Some(writer_properties(table)))
            .map_err(|error| WarehouseError::local(&path, "start parquet", error))?;
        Ok(Self { table, path, writer, rows: 0 })
    }

    /// Appends rows; columns are matched by name and cast to the table's types (views to strings).
    ///
    /// # Errors
    /// [`WarehouseError::Columns`] for columns that do not fit, [`WarehouseError::Local`] for a failed write.
    pub fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        let batch = conform(self.table.name, &self.table.schema(), batch)?;
        self.writer.write(&batch).map_err(|error| WarehouseError::local(&self.path, "write rows", error))?;
        self.rows += batch.num_rows() as u64;
        Ok(())
    }

    /// Appends rows of a stored file, which may be of an earlier layout: columns that came later are null.
    pub(crate) fn write_stored(&mut self, batch: &RecordBatch) -> Result<()> {
        self.write(&widened(self.table, batch)?)
    }

    /// Rows written so far.
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// Writes the footer.
    ///
    /// # Errors
    /// [`WarehouseError::Local`] when the footer cannot be written.
    pub fn finish(self) -> Result<SpoolFile> {
        let Self { path, writer, rows, .. } = self;
        writer.close().map_err(|error| WarehouseError::local(&path, "finish parquet", error))?;
        let bytes = std::fs::metadata(&path).map_err(|error| WarehouseError::local(&path, "stat", error))?.len();
        Ok(SpoolFile { path, rows, bytes, stored: None })
    }
}

/// Leaf columns of values that hardly repeat: long texts and keys. They have no dictionary, which would be filled to its
/// bound and given up, and are compressed by Zstandard, level 1. That costs a column's writer 0.3 MB of contexts and its
/// reader 0.2, whatever it holds.
fn dense_columns(table: &str) -> &'static [&'static str] {
    match table {
        "documents" => {
            &["doc_id", "pmid", "doi", "title", "text", "source_record", "other_abstracts.list.element.text"]
        }
        "combinations" => &["combination_id", "sentence", "reasoning"],
        "quarantine" => &["message", "excerpt"],
        _ => &[],
    }
}

/// Leaf columns with values enough of their own to be compressed, by LZ4, which needs next to no memory. The others repeat a
/// few values, which dictionaries and run lengths store in bytes.
fn light_columns(table: &str) -> &'static [&'static str] {
    match table {
        "documents" => &[
            "pmcid",
            "journal",
            "sections.list.element.label",
            "sections.list.element.start",
            "sections.list.element.end",
        ],
        "combinations" => &[
            "doc_id",
            "pmid",
            "drug_key",
            "drugs.list.element.drug_id",
            "drugs.list.element.name",
            "drugs.list.element.surface",
            "drugs.list.element.start",
            "drugs.list.element.end",
            "source_record",
        ],
        "quarantine" => &["doc_id"],
        _ => &[],
    }
}

/// Parquet settings of a table: chunk statistics on the columns that readers skip by, none on long texts.
pub(crate) fn writer_properties(table: &Table) -> WriterProperties {
    let mut builder = WriterProperties::builder()
        .set_compression(Compression::UNCOMPRESSED)
        .set_max_row_group_row_count(Some(GROUP_ROWS))
        .set_max_row_group_bytes(Some(GROUP_BYTES))
        .set_data_page_size_limit(PAGE_BYTES)
        .set_dictionary_page_size_limit(PAGE_BYTES)
        .set_write_batch_size(LOOK_ROWS)
        .set_statistics_enabled(EnabledStatistics::None);
    let leaf = |path: &str| ColumnPath::from(path.split('.').map(str::to_owned).collect::<Vec<_>>());
    for path in dense_columns(table.name) {
        let zstd = Compression::ZSTD(ZstdLevel::try_new(1).unwrap_or_default());
        builder = builder.set_column_compression(leaf(path), zstd).set_column_dictionary_enabled(leaf(path), false);
    }
    for path in light_columns(table.name) {
        builder = builder.set_column_compression(leaf(path), Compression::LZ4_RAW);
    }
    for name in stats_columns(table.name) {
        builder =
            builder.set_column_statistics_enabled(ColumnPath::from(vec![(*name).to_owned()]), EnabledStatistics::Chunk);
    }
    builder.build()
}

/// The batch with those nullable columns of `table` that it lacks, null in all rows.
fn widened(table: &Table, batch: &RecordBatch) -> Result<RecordBatch> {
    let (mut fields, mut columns) = (batch.schema().fields().to_vec(), batch.columns().to_vec());
    for field in table.schema().fields() {
        if field.is_nullable() && batch.column_by_name(field.name()).is_none() {
            columns.push(new_null_array(field.data_type(), batch.num_rows()));
            fields.push(Arc::clone(field));
        }
    }
    let schema = Arc::new(Schema::new(fields));
    RecordBatch::try_new(schema, columns).map_err(|error| WarehouseError::columns(table.name, error))
}

/// Brings a batch to the columns, order and types of `schema`; metadata and list item names do not matter.
pub(crate) fn conform(table: &str, schema: &SchemaRef, batch: &RecordBatch) -> Result<RecordBatch> {
    let mut columns = Vec::with_capacity(schema.fields().len());
    for field in schema.fields() {
        let column = batch
            .column_by_name(field.name())
            .ok_or_else(|| WarehouseError::columns(table, format!("column `{}` is missing", field.name())))?;
        if column.data_type() == field.data_type() {
            columns.push(Arc::clone(column));
        } else {
            let cast = arrow::compute::cast(column, field.data_type())
                .map_err(|error| WarehouseError::columns(table, format!("column `{}`: {error}", field.name())))?;
            columns.push(cast);
        }
    }
    RecordBatch::try_new(Arc::clone(schema), columns).map_err(|error| WarehouseError::columns(table, error))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use parquet::arrow::ArrowSchemaConverter;
    use rexdrug_schemas::{COMBINATIONS, DOCUMENTS, QUARANTINE, RUNS};

    use super::*;

    #[test]
    fn the_columns_named_are_compressed_and_no_others() {
        for table in [&DOCUMENTS, &COMBINATIONS, &QUARANTINE, &RUNS] {
            let leaves = ArrowSchemaConverter::new().convert(&table.schema()).unwrap();
            let properties = writer_properties(table);
            let compressed: Vec<String> = leaves
                .columns()
                .iter()
                .filter(|leaf| properties.compression(leaf.path()) != Compression::UNCOMPRESSED)
                .map(|leaf| leaf.path().string())
                .collect();
            let mut named = [dense_columns(table.name), light_columns(table.name)].concat();
            named.sort_by_key(|name| compressed.iter().position(|path| path == name));
            assert_eq!(compressed, named, "{}", table.name);
        }
    }
}
