//! Every live file is in the store, whole, with as many rows as the log says, and with the columns of its table.

use std::collections::HashSet;

use arrow::datatypes::Schema;
use object_store::ObjectStoreExt;
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions};
use rexdrug_schemas::Table;

use super::super::Warehouse;
use super::super::error::{Result, WarehouseError};
use super::super::store_reader::StoreReader;
use super::Findings;

/// Columns that no row may be without and that a file lacks; readers would fail, or take them for null.
fn lacking(table: &Table, file: &Schema) -> Vec<String> {
    let schema = table.schema();
    let required = schema.fields().iter().filter(|field| !field.is_nullable()).map(|field| field.name());
    required.filter(|name| file.column_with_name(name).is_none()).cloned().collect()
}

/// Names of the tables whose files can all be read.
pub(super) async fn check(warehouse: &Warehouse, findings: &mut Findings) -> Result<HashSet<&'static str>> {
    let mut readable = HashSet::new();
    for handle in warehouse.handles() {
        let name = handle.table.name;
        let mut sound = true;
        let Some(loaded) = handle.current().await? else {
            readable.insert(name);
            continue;
        };
        let store = loaded.store();
        for file in loaded.files.iter() {
            let place = file.path.to_string();
            match store.head(&file.path).await {
                Err(object_store::Error::NotFound { .. }) => {
                    findings.broken("missing_file", name, place, format!("a file of {} bytes", file.size), "no file");
                    sound = false;
                    continue;
                }
                Err(error) => return Err(WarehouseError::delta(name, "look for a file", error)),
                Ok(meta) if meta.size != file.size => {
                    let (expected, got) = (format!("{} bytes", file.size), format!("{} bytes", meta.size));
                    findings.broken("file_size", name, place, expected, got);
                    sound = false;
                    continue;
                }
                Ok(_) => {}
            }
            let mut reader = StoreReader::new(&store, &file.path, file.size);
            match ArrowReaderMetadata::load_async(&mut reader, ArrowReaderOptions::new()).await {
                Err(error) => {
                    let got = super::super::redact(&error.to_string());
                    findings.broken("unreadable_file", name, place, "a parquet file", got);
                    sound = false;
                }
                Ok(footer) => {
                    let lacking = lacking(handle.table, footer.schema());
                    if !lacking.is_empty() {
                        let expected = format!("a column {}", lacking.join(", "));
                        findings.broken("missing_column", name, &place, expected, "a file without");
                        sound = false;
                    }
                    let rows = u64::try_from(footer.metadata().file_metadata().num_rows()).unwrap_or_default();
                    match file.deleted_rows() {
                        Err(error) => {
                            findings.broken("deletion_vector", name, &place, "a readable one", error.to_string());
                            sound = false;
                        }
                        Ok(deleted) if deleted.max().is_some_and(|last| last >= rows) => {
                            let expected = format!("rows below {rows}");
                            let got = format!("row {}", deleted.max().unwrap_or_default());
                            findings.broken("deletion_vector", name, &place, expected, got);
                            sound = false;
                        }
                        Ok(_) => {}
                    }
                    if let Some(expected) = file.rows.filter(|expected| *expected != rows) {
                        findings.broken("file_rows", name, place, format!("{expected} rows"), format!("{rows} rows"));
                    }
                }
            }
        }
        if sound {
            readable.insert(name);
        }
    }
    Ok(readable)
}
