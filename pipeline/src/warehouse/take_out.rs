//! Takes rows out of a live file: marks them in the log where the table allows it, else writes the file again.

use deltalake::kernel::{Add, DeletionVectorDescriptor};
use deltalake::logstore::ObjectStoreRef;
use rexdrug_schemas::Table;
use serde_json::Value;

use super::deletion_vector::encode;
use super::error::{Result, WarehouseError};
use super::table::{Loaded, TableFile};
use super::upload::Uploads;

/// A file of which one row in so many is gone is written again. So marks never slow a scan by more, a vector takes no
/// more than an eighth of a byte a row, and over time a changed document costs the bytes of four others at most.
const ONE_IN: u64 = 5;

impl Uploads {
    /// What takes the place of `file` once the rows `gone` (numbered as in the Parquet file, live until now) are out;
    /// none when no row remains. The caller removes `file` in the same commit.
    pub(crate) async fn take_out(
        &mut self,
        table: &'static Table,
        base: &Loaded,
        file: &TableFile,
        gone: &[u64],
    ) -> Result<Option<Add>> {
        let mut rows = file.deleted_rows()?;
        rows.extend(gone.iter().copied());
        if file.rows == Some(rows.len()) {
            return Ok(None);
        }
        let few = file.rows.is_some_and(|all| rows.len() * ONE_IN < all);
        if few && base.marks_rows() {
            let vector = encode(table.name, &rows)?;
            self.count_marks(file, vector.path_or_inline_dv.len() as u64);
            return marked(table, file, vector).map(Some);
        }
        let store: ObjectStoreRef = base.store();
        let rows: Vec<u64> = rows.iter().collect();
        self.remainder(table, &store, file, &rows).await
    }
}

/// The entry of a file with a new deletion vector; its statistics are those of all its rows, so they are bounds only.
pub(crate) fn marked(table: &Table, file: &TableFile, vector: DeletionVectorDescriptor) -> Result<Add> {
    let failed = |reason: String| WarehouseError::delta(table.name, "mark rows as deleted", reason);
    let stats = file.stats.as_deref().unwrap_or_default();
    let mut stats: Value =
        serde_json::from_str(stats).map_err(|error| failed(format!("statistics of {}: {error}", file.path)))?;
    if let Some(stats) = stats.as_object_mut() {
        stats.insert("tightBounds".to_owned(), Value::Bool(false));
    }
    Ok(Add {
        path: file.remove.path.clone(),
        size: i64::try_from(file.size).unwrap_or(i64::MAX),
        modification_time: chrono::Utc::now().timestamp_millis(),
        data_change: true,
        stats: Some(stats.to_string()),
        partition_values: Default::default(),
        tags: None,
        deletion_vector: Some(vector),
        base_row_id: None,
        default_row_commit_version: None,
        clustering_provider: None,
    })
}
