//! Reads the keys of spooled rows and refuses spools that are not of the file being committed.

use std::collections::HashMap;

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{Int32Type, Int64Type};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use rexdrug_schemas::{SourceRef, Table};

use super::error::{Result, WarehouseError};
use super::keys::pmid_of;
use super::lookup::text;
use super::resolve::{Incoming, IncomingRow};
use super::spool::SpoolFile;

/// Keys of the documents and deletions of a file.
pub(crate) async fn read_incoming(
    table: &'static Table,
    source: &SourceRef,
    spools: &[SpoolFile],
    deletions: &[(i64, i32)],
) -> Result<Incoming> {
    let rows = read_keys(table, source, spools).await?;
    let mut highest: HashMap<i64, i32> = HashMap::new();
    for (pmid, version) in deletions {
        let known = highest.entry(*pmid).or_insert(*version);
        *known = (*known).max(*version);
    }
    Ok(Incoming { spools: spools.len(), rows, deletions: highest })
}

/// Keys of spooled rows, with every row checked to be of `source`.
pub(crate) async fn read_keys(
    table: &'static Table,
    source: &SourceRef,
    spools: &[SpoolFile],
) -> Result<Vec<IncomingRow>> {
    let (source, spools) = (source.clone(), spools.to_vec());
    let work = move || {
        let mut rows = Vec::new();
        for (number, spool) in spools.iter().enumerate() {
            read_spool(table, &source, number, spool, &mut rows)?;
        }
        Ok(rows)
    };
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|error| WarehouseError::columns(table.name, format!("reading the spool stopped: {error}")))?
}

fn read_spool(
    table: &'static Table,
    source: &SourceRef,
    number: usize,
    spool: &SpoolFile,
    rows: &mut Vec<IncomingRow>,
) -> Result<()> {
    let failed = |error: &dyn std::fmt::Display| WarehouseError::local(&spool.path, "read its keys", error);
    let file = std::fs::File::open(&spool.path).map_err(|error| failed(&error))?;
    let builder = ParquetRecordBatchReaderBuilder::try_new(file).map_err(|error| failed(&error))?;
    let columns = ["doc_id", "pmid", "version", "source_file", "source_md5", "source_seq", "source_record"].into_iter();
    let mask = ProjectionMask::columns(builder.parquet_schema(), columns);
    let batches = builder.with_projection(mask).with_batch_size(8192).build().map_err(|error| failed(&error))?;
    let mut row = 0;
    for batch in batches {
        let batch = batch.map_err(|error| failed(&error))?;
        read_batch(table, source, number, row, &batch, rows)?;
        row += batch.num_rows() as u64;
    }
    if row == spool.rows {
        return Ok(());
    }
    Err(refused(table, source, format!("{} rows in {}", spool.rows, spool.path.display()), row.to_string()))
}

fn refused(table: &'static Table, source: &SourceRef, expected: String, got: String) -> WarehouseError {
    WarehouseError::Spool { source_file: source.source_file.clone(), table: table.name, expected, got }
}

fn read_batch(
    table: &'static Table,
    source: &SourceRef,
    spool: usize,
    first: u64,
    batch: &RecordBatch,
    rows: &mut Vec<IncomingRow>,
) -> Result<()> {
    let missing = |name: &str| WarehouseError::columns(table.name, format!("column `{name}` is missing in the spool"));
    let (ids, files, md5s) = (
        text(table.name, batch, "doc_id")?,
        text(table.name, batch, "source_file")?,
        text(table.name, batch, "source_md5")?,
    );
    let (Some(ids), Some(files), Some(md5s)) =
        (ids.as_string_opt::<i32>(), files.as_string_opt::<i32>(), md5s.as_string_opt::<i32>())
    else {
        return Err(missing("doc_id"));
    };
    let long = |name: &str| {
        batch
            .column_by_name(name)
            .and_then(|column| column.as_primitive_opt::<Int64Type>())
            .ok_or_else(|| missing(name))
    };
    let (pmids, sequences, records) = (long("pmid")?, long("source_seq")?, long("source_record")?);
    let versions = batch.column_by_name("version").and_then(|column| column.as_primitive_opt::<Int32Type>());
    for at in 0..batch.num_rows() {
        let got = (files.value(at), md5s.value(at), sequences.value(at));
        if got != (source.source_file.as_str(), source.source_md5.as_str(), source.source_seq) {
            let expected = format!("rows of md5 {} sequence {}", source.source_md5, source.source_seq);
            return Err(refused(table, source, expected, format!("{} md5 {} sequence {}", got.0, got.1, got.2)));
        }
        let doc_id = ids.value(at);
        // Files are skipped by `pmid` where the id has one, so the two must say the same.
        let pmid = pmids.is_valid(at).then(|| pmids.value(at));
        if let Some(number) = pmid_of(doc_id)
            && pmid != Some(number)
        {
            return Err(refused(table, source, format!("pmid {number} beside {doc_id}"), format!("{pmid:?}")));
        }
        rows.push(IncomingRow {
            doc_id: doc_id.into(),
            version: versions.map_or(0, |versions| versions.value(at)),
            record: records.value(at),
            spool,
            row: first + at as u64,
        });
    }
    Ok(())
}
