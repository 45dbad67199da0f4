//! Tables of an earlier layout: columns that came later are added to them, null in their old rows.

use std::collections::HashSet;

use arrow::datatypes::{Field, Schema};
use deltalake::DeltaTable;
use deltalake::kernel::StructType;
use deltalake::kernel::engine::arrow_conversion::TryIntoKernel;
use deltalake::kernel::transaction::CommitProperties;
use rexdrug_schemas::Table;

use super::error::{Result, WarehouseError};

/// Adds the columns of `table` that `delta` lacks; false where there are none.
///
/// # Errors
/// When a missing column may not be null, or the commit fails; another writer may have been first.
pub(crate) async fn add_missing_columns(table: &'static Table, delta: &DeltaTable) -> Result<bool> {
    let failed = |error: &dyn std::fmt::Display| WarehouseError::delta(table.name, "add columns to it", error);
    let snapshot = delta.snapshot().map_err(|error| failed(&error))?;
    let schema = snapshot.schema();
    let present: HashSet<&str> = schema.fields().map(|field| field.name().as_str()).collect();
    let missing: Vec<_> = table.columns().iter().filter(|column| !present.contains(column.name)).collect();
    if missing.is_empty() {
        return Ok(false);
    }
    if let Some(column) = missing.iter().find(|column| !column.nullable) {
        let reason = format!("column `{}` is missing and may not be null; start a new warehouse", column.name);
        return Err(failed(&reason));
    }
    let comment = |doc: &str| [("comment".to_owned(), doc.to_owned())].into_iter().collect();
    let fields: Vec<Field> = missing.iter().map(|column| column.field().with_metadata(comment(column.doc))).collect();
    let fields: StructType = (&Schema::new(fields)).try_into_kernel().map_err(|error| failed(&error))?;
    let fields: Vec<_> = fields.fields().cloned().collect();
    let properties = CommitProperties::default().with_max_retries(0);
    let added = delta.clone().add_columns().with_fields(fields).with_commit_properties(properties).await;
    added.map(|_| true).map_err(|error| failed(&error))
}
