//! The tables in SQL, and the documents of one source file.

use std::sync::Arc;

use datafusion::catalog::TableProvider;
use datafusion::common::ScalarValue;
use datafusion::datasource::{MemTable, ViewTable, provider_as_source};
use datafusion::error::DataFusionError;
use datafusion::logical_expr::LogicalPlanBuilder;
use datafusion::prelude::{DataFrame, Expr, SessionContext, col, ident, lit};
use rexdrug_schemas::{DOCUMENTS, RunStatus, SourceRef, Table};

use super::Warehouse;
use super::error::{Result, WarehouseError};
use super::table::TableHandle;

/// One source file of a warehouse.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownSource {
    /// The file.
    pub source: SourceRef,
    /// How it ended; none while it is unfinished.
    pub status: Option<RunStatus>,
}

impl Warehouse {
    /// Registers `documents`, `quarantine`, `combinations` and `runs`, each at its newest version, and the views over
    /// them; a table that does not exist yet is an empty one with the right columns.
    ///
    /// # Errors
    /// [`WarehouseError::Delta`] when a log cannot be read, [`WarehouseError::Columns`] when a name is taken.
    pub async fn register(&self, ctx: &SessionContext) -> Result<()> {
        for handle in self.handles() {
            let provider = provider(handle).await?;
            ctx.register_table(handle.table.name, provider)
                .map_err(|error| WarehouseError::columns(handle.table.name, error))?;
        }
        super::views::register(ctx).await.map_err(|error| WarehouseError::columns("views", error))
    }

    /// The live documents that a source file owns, with the columns of `documents`.
    ///
    /// # Errors
    /// [`WarehouseError::Delta`] when the log cannot be read.
    pub async fn documents_of(&self, ctx: &SessionContext, source: &SourceRef) -> Result<DataFrame> {
        let provider = provider(&self.inner.documents).await?;
        let failed = |error| WarehouseError::columns(DOCUMENTS.name, error);
        let frame = ctx.read_table(provider).map_err(failed)?;
        let ours = col("source_file")
            .eq(lit(source.source_file.clone()))
            .and(col("source_md5").eq(lit(source.source_md5.clone())));
        frame.filter(ours).map_err(failed)
    }

    /// URIs of the Parquet files that may hold documents of a source file, for engines that cannot scan Delta tables.
    /// Rows of other source files may be in them: filter by `source_file` and `source_md5`.
    ///
    /// # Errors
    /// [`WarehouseError::Delta`] when the log cannot be read, or when rows of such a file are marked as deleted, which a
    /// reader of the file alone would not see.
    pub async fn document_files_of(&self, source: &SourceRef) -> Result<Vec<String>> {
        let Some(documents) = self.inner.documents.current().await? else { return Ok(Vec::new()) };
        let files = documents.files_of(&source.source_file);
        if let Some(marked) = files.iter().find(|file| file.deleted() > 0) {
            let reason = format!("{} has rows that are marked as deleted; run this without a cluster", marked.path);
            return Err(WarehouseError::delta(DOCUMENTS.name, "hand out its files", reason));
        }
        let root = documents.delta.table_url().to_string();
        let uri = |path: &str| format!("{}/{path}", root.trim_end_matches('/'));
        Ok(files.into_iter().map(|file| uri(file.path.as_ref())).collect())
    }

    /// Every source file whose documents are in the warehouse, by sequence and name.
    ///
    /// # Errors
    /// [`WarehouseError::Delta`] when a log cannot be read.
    pub async fn sources(&self) -> Result<Vec<KnownSource>> {
        let Some(documents) = self.inner.documents.current().await? else { return Ok(Vec::new()) };
        let mut sources: Vec<SourceRef> = documents.ledger.all_documents().map(|entry| entry.source.clone()).collect();
        sources.sort_by(|left, right| {
            (left.source_seq, &left.source_file, &left.source_md5).cmp(&(
                right.source_seq,
                &right.source_file,
                &right.source_md5,
            ))
        });
        let status = self.completed_all(&sources).await?;
        Ok(sources.into_iter().zip(status).map(|(source, status)| KnownSource { source, status }).collect())
    }
}

/// A table at its newest version, columns that came after its layout null; an empty one where it does not exist.
pub(crate) async fn provider(handle: &TableHandle) -> Result<Arc<dyn TableProvider>> {
    let name = handle.table.name;
    match handle.current().await? {
        Some(loaded) => {
            let built = loaded.delta.table_provider().build().await;
            let built = built.map_err(|error| WarehouseError::delta(name, "open it for SQL", error))?;
            of_this_layout(handle.table, Arc::new(built)).map_err(|error| WarehouseError::columns(name, error))
        }
        None => {
            let empty = MemTable::try_new(handle.table.schema(), vec![vec![]]);
            Ok(Arc::new(empty.map_err(|error| WarehouseError::columns(name, error))?))
        }
    }
}

/// `stored` with the columns of `table` that it lacks, null, so that a query of this version reads a table that only an
/// earlier one has written.
fn of_this_layout(
    table: &'static Table,
    stored: Arc<dyn TableProvider>,
) -> std::result::Result<Arc<dyn TableProvider>, DataFusionError> {
    let schema = stored.schema();
    let missing: Vec<_> =
        table.columns().iter().filter(|column| schema.field_with_name(column.name).is_err()).collect();
    if missing.is_empty() {
        return Ok(stored);
    }
    let mut columns: Vec<Expr> = schema.fields().iter().map(|field| ident(field.name())).collect();
    for column in missing {
        columns.push(lit(ScalarValue::try_from(&column.data_type)?).alias(column.name));
    }
    let scan = LogicalPlanBuilder::scan(table.name, provider_as_source(stored), None)?;
    Ok(Arc::new(ViewTable::new(scan.project(columns)?.build()?, None)))
}
