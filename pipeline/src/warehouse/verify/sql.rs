//! Checks that are one query: keys that must be unique, models that must be recorded.

use std::collections::HashSet;
use std::sync::Arc;

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{DataType, Int64Type};
use datafusion::execution::memory_pool::FairSpillPool;
use datafusion::execution::runtime_env::RuntimeEnvBuilder;
use datafusion::prelude::{SessionConfig, SessionContext};

use super::super::Warehouse;
use super::super::error::{Result, WarehouseError};
use super::{Findings, Unfinished};

/// A session that spills, over the tables that can be read.
pub(super) struct Session {
    pub(super) ctx: SessionContext,
    readable: HashSet<&'static str>,
}

impl Session {
    pub(super) async fn open(
        warehouse: &Warehouse,
        memory_bytes: usize,
        readable: &HashSet<&'static str>,
    ) -> Result<Self> {
        let runtime = RuntimeEnvBuilder::new()
            .with_memory_pool(Arc::new(FairSpillPool::new(memory_bytes)))
            .build_arc()
            .map_err(|error| WarehouseError::columns("verify", error))?;
        // Hash joins do not spill; sort-merge joins do. Small batches, because one text can have ten megabytes.
        let config = SessionConfig::new()
            .with_batch_size(1024)
            .set_bool("datafusion.optimizer.prefer_hash_join", false)
            .set_bool("datafusion.execution.parquet.pushdown_filters", true);
        let ctx = SessionContext::new_with_config_rt(config, runtime);
        warehouse.register(&ctx).await?;
        Ok(Self { ctx, readable: readable.clone() })
    }

    /// Whether all these tables can be read; if not, that is a finding, so that no check is left out in silence.
    pub(super) fn can(&self, check: &'static str, tables: &[&'static str], findings: &mut Findings) -> bool {
        match tables.iter().find(|table| !self.readable.contains(*table)) {
            None => true,
            Some(table) => {
                findings.broken("not_checked", table, check, "readable files", "missing or damaged files, see above");
                false
            }
        }
    }

    /// All batches of a query with a small result.
    pub(super) async fn collect(&self, table: &'static str, sql: &str) -> Result<Vec<RecordBatch>> {
        let failed = |error| WarehouseError::columns(table, error);
        self.ctx.sql(sql).await.map_err(failed)?.collect().await.map_err(failed)
    }
}

/// A column as strings; none where it is missing.
pub(super) fn strings(table: &'static str, batch: &RecordBatch, at: usize) -> Result<arrow::array::StringArray> {
    let missing = || WarehouseError::columns(table, format!("column {at} of a query is missing"));
    let cast = arrow::compute::cast(batch.columns().get(at).ok_or_else(missing)?, &DataType::Utf8)
        .map_err(|error| WarehouseError::columns(table, error))?;
    cast.as_string_opt::<i32>().cloned().ok_or_else(missing)
}

/// A column as strings that stay where they are: 1,024 long texts have more bytes than [`strings`] can count.
pub(super) fn views(table: &'static str, batch: &RecordBatch, at: usize) -> Result<arrow::array::StringViewArray> {
    let missing = || WarehouseError::columns(table, format!("column {at} of a query is missing"));
    let cast = arrow::compute::cast(batch.columns().get(at).ok_or_else(missing)?, &DataType::Utf8View)
        .map_err(|error| WarehouseError::columns(table, error))?;
    cast.as_string_view_opt().cloned().ok_or_else(missing)
}

/// A column as 64-bit integers.
pub(super) fn longs(
    table: &'static str,
    batch: &RecordBatch,
    at: usize,
) -> Result<arrow::array::PrimitiveArray<Int64Type>> {
    let missing = || WarehouseError::columns(table, format!("column {at} of a query is missing"));
    let cast = arrow::compute::cast(batch.columns().get(at).ok_or_else(missing)?, &DataType::Int64)
        .map_err(|error| WarehouseError::columns(table, error))?;
    cast.as_primitive_opt::<Int64Type>().cloned().ok_or_else(missing)
}

/// One row per document, one per combination.
pub(super) async fn check_keys(session: &Session, findings: &mut Findings) -> Result<()> {
    for (table, key, code) in
        [("documents", "doc_id", "duplicate_document"), ("combinations", "combination_id", "duplicate_combination")]
    {
        if !session.can(code, &[table], findings) {
            continue;
        }
        let sql = format!(
            "SELECT {key}, count(*), min(source_file), max(source_file) FROM {table} GROUP BY {key} \
             HAVING count(*) > 1 ORDER BY {key} LIMIT 1000"
        );
        for batch in session.collect(table, &sql).await? {
            let (keys, counts) = (strings(table, &batch, 0)?, longs(table, &batch, 1)?);
            let (first, last) = (strings(table, &batch, 2)?, strings(table, &batch, 3)?);
            for row in 0..batch.num_rows() {
                let got = format!("{} (from {} to {})", counts.value(row), first.value(row), last.value(row));
                findings.broken(code, table, keys.value(row), "1 row", got);
            }
        }
    }
    Ok(())
}

/// Every model and lexicon in `combinations` stands in `runs`, for the same source file.
pub(super) async fn check_models(session: &Session, unfinished: &Unfinished, findings: &mut Findings) -> Result<()> {
    if !session.can("unknown_model", &["combinations", "runs"], findings) {
        return Ok(());
    }
    let sql = "SELECT c.source_file, c.source_md5, c.model_sha256, c.lexicon_sha256, c.n FROM \
               (SELECT source_file, source_md5, model_sha256, lexicon_sha256, count(*) AS n FROM combinations \
                GROUP BY source_file, source_md5, model_sha256, lexicon_sha256) c \
               LEFT ANTI JOIN runs r ON c.source_file = r.source_file AND c.source_md5 = r.source_md5 \
               AND c.model_sha256 = r.model_sha256 AND c.lexicon_sha256 = r.lexicon_sha256 \
               ORDER BY c.source_file, c.model_sha256";
    for batch in session.collect("combinations", sql).await? {
        let table = "combinations";
        let (files, md5s) = (strings(table, &batch, 0)?, strings(table, &batch, 1)?);
        let (models, lexicons) = (strings(table, &batch, 2)?, strings(table, &batch, 3)?);
        let counts = longs(table, &batch, 4)?;
        for row in 0..batch.num_rows() {
            if unfinished.has(files.value(row), md5s.value(row)) {
                continue;
            }
            let got = format!("{} rows, none in runs", counts.value(row));
            let expected = format!("model {} lexicon {} in runs", models.value(row), lexicons.value(row));
            findings.broken("unknown_model", table, files.value(row), expected, got);
        }
    }
    Ok(())
}

/// Whether a cell is present.
pub(super) fn present(array: &impl Array, row: usize) -> bool {
    row < array.len() && array.is_valid(row)
}
