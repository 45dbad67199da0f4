//! Reads all application transactions of a Delta table: newest checkpoint, then the commits after it.
//!
//! `deltalake` answers one application id at a time, each by a replay of the log; thousands of source files need one.

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::Int64Type;
use deltalake::logstore::LogStoreRef;
use futures::TryStreamExt;
use object_store::ObjectMeta;
use object_store::path::Path;
use parquet::arrow::ProjectionMask;
use parquet::arrow::async_reader::ParquetRecordBatchStreamBuilder;
use serde::Deserialize;

use super::error::{Result, WarehouseError};
use super::ledger::Ledger;
use super::store_reader::StoreReader;

#[derive(Deserialize)]
struct Line {
    txn: Option<Txn>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Txn {
    app_id: String,
    version: i64,
}

/// Reads the ledger of a table at `version`.
pub(crate) async fn read_ledger(table: &str, store: &LogStoreRef, version: u64) -> Result<Ledger> {
    let mut ledger = Ledger::default();
    let mut next = 0;
    if let Some((at, parts)) = newest_checkpoint(table, store, version).await? {
        for part in parts {
            read_checkpoint_part(table, store, &part, &mut ledger).await?;
        }
        next = at + 1;
    }
    advance_ledger(table, store, &mut ledger, next, version).await?;
    Ok(ledger)
}

/// Takes in the commits `from..=to`.
pub(crate) async fn advance_ledger(
    table: &str,
    store: &LogStoreRef,
    ledger: &mut Ledger,
    from: u64,
    to: u64,
) -> Result<()> {
    for version in from..=to {
        let commit = store
            .read_commit_entry(version)
            .await
            .map_err(|error| WarehouseError::delta(table, "read a commit", error))?
            .ok_or_else(|| WarehouseError::delta(table, "read a commit", format!("version {version} is missing")))?;
        let commit = std::str::from_utf8(&commit)
            .map_err(|error| WarehouseError::delta(table, "read a commit", format!("version {version}: {error}")))?;
        // Lines of adds and removes are long; only those that can hold a transaction are parsed.
        for line in commit.lines().filter(|line| line.contains("\"txn\"")) {
            let line: Line = serde_json::from_str(line).map_err(|error| {
                WarehouseError::delta(table, "parse a commit", format!("version {version}: {error}"))
            })?;
            if let Some(txn) = line.txn {
                ledger.apply(txn.app_id, txn.version)?;
            }
        }
    }
    Ok(())
}

/// Version and complete part list of the newest checkpoint that is not newer than `version`.
async fn newest_checkpoint(table: &str, store: &LogStoreRef, version: u64) -> Result<Option<(u64, Vec<ObjectMeta>)>> {
    let objects = store.object_store(None);
    let mut found: Vec<(u64, usize, ObjectMeta)> = Vec::new();
    let mut listing = objects.list(Some(&Path::from("_delta_log")));
    let failed = |error| WarehouseError::delta(table, "list the log", error);
    while let Some(meta) = listing.try_next().await.map_err(failed)? {
        if let Some((at, parts)) = meta.location.filename().and_then(parse_checkpoint_name)
            && at <= version
        {
            found.push((at, parts, meta));
        }
    }
    found.sort_by(|left, right| (right.0, right.1, &right.2.location).cmp(&(left.0, left.1, &left.2.location)));
    for at in found.iter().map(|(at, ..)| *at) {
        let of_version = || found.iter().filter(move |(other, ..)| *other == at);
        for parts in of_version().map(|(_, parts, _)| *parts) {
            let files: Vec<ObjectMeta> =
                of_version().filter(|(_, other, _)| *other == parts).map(|(.., meta)| meta.clone()).collect();
            if files.len() == parts {
                return Ok(Some((at, files)));
            }
            if parts == 1 {
                // Several one-part checkpoints of one version say the same.
                return Ok(files.into_iter().next().map(|meta| (at, vec![meta])));
            }
        }
    }
    Ok(None)
}

/// Version and number of parts of a checkpoint file name; sidecars and JSON checkpoints are not ours and skipped.
fn parse_checkpoint_name(name: &str) -> Option<(u64, usize)> {
    let rest = name.strip_suffix(".parquet")?;
    let (version, rest) = rest.split_once(".checkpoint")?;
    let version = version.parse().ok()?;
    match rest.split('.').filter(|part| !part.is_empty()).collect::<Vec<_>>().as_slice() {
        [_, parts] => Some((version, parts.parse().ok()?)),
        _ => Some((version, 1)),
    }
}

async fn read_checkpoint_part(table: &str, store: &LogStoreRef, part: &ObjectMeta, ledger: &mut Ledger) -> Result<()> {
    let failed = |error: &dyn std::fmt::Display| WarehouseError::delta(table, "read a checkpoint", error);
    let reader = StoreReader::new(&store.object_store(None), &part.location, part.size);
    let builder = ParquetRecordBatchStreamBuilder::new(reader).await.map_err(|error| failed(&error))?;
    let mask = ProjectionMask::columns(builder.parquet_schema(), ["txn"]);
    let mut batches = builder.with_projection(mask).build().map_err(|error| failed(&error))?;
    while let Some(batch) = batches.try_next().await.map_err(|error| failed(&error))? {
        apply_batch(&batch, ledger)?;
    }
    Ok(())
}

fn apply_batch(batch: &RecordBatch, ledger: &mut Ledger) -> Result<()> {
    let Some(txns) = batch.column_by_name("txn").and_then(|column| column.as_struct_opt()) else { return Ok(()) };
    let ids = txns
        .column_by_name("appId")
        .and_then(|column| arrow::compute::cast(column, &arrow::datatypes::DataType::Utf8).ok());
    let versions = txns.column_by_name("version").and_then(|column| column.as_primitive_opt::<Int64Type>());
    let (Some(ids), Some(versions)) = (ids, versions) else { return Ok(()) };
    let Some(ids) = ids.as_string_opt::<i32>() else { return Ok(()) };
    for row in 0..txns.len() {
        if txns.is_valid(row) && ids.is_valid(row) && versions.is_valid(row) {
            ledger.apply(ids.value(row).to_owned(), versions.value(row))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    #[test]
    fn checkpoint_names_of_every_kind() {
        for (name, expected) in [
            ("00000000000000000010.checkpoint.parquet", Some((10, 1))),
            ("00000000000000000010.checkpoint.0000000001.0000000003.parquet", Some((10, 3))),
            ("00000000000000000010.checkpoint.80a083e8-7026-4e79-81be-64bd76c43a11.parquet", Some((10, 1))),
            ("00000000000000000010.json", None),
            ("_last_checkpoint", None),
            ("80a083e8.parquet", None),
        ] {
            assert_eq!(parse_checkpoint_name(name), expected, "{name}");
        }
    }
}
