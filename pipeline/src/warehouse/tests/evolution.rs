//! Warehouses of an earlier table layout go on under this one.

use std::collections::{HashMap, HashSet};
use std::path::Path;

use arrow::array::RecordBatch;
use arrow::datatypes::{Field, Schema};
use deltalake::kernel::StructType;
use deltalake::kernel::engine::arrow_conversion::TryIntoKernel;
use deltalake::operations::create::CreateBuilder;
use rexdrug_schemas::{COMBINATIONS, DOCUMENTS, Table};
use serde_json::Value;

use super::super::{CompactOptions, Warehouse, verify};
use super::files::{Source, batch, combination, document, record};
use super::property::model;
use super::scenario::{rows, state};

/// Names of the columns that a table had in layout 1.
fn first_layout(table: &Table) -> HashSet<String> {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("../schemas/golden/v1").join(table.name);
    let golden = std::fs::read(golden.with_extension("json")).unwrap();
    let columns: Vec<Value> = serde_json::from_slice(&golden).unwrap();
    columns.iter().map(|column| column["name"].as_str().unwrap().to_owned()).collect()
}

/// A table as a program of layout 1 left it; the columns that it lacks.
async fn write_first_layout(root: &Path, table: &'static Table, rows: &[Value]) -> Vec<String> {
    let known = first_layout(table);
    let whole = batch(table, rows);
    let kept: Vec<usize> =
        (0..whole.num_columns()).filter(|at| known.contains(whole.schema().field(*at).name())).collect();
    let old: RecordBatch = whole.project(&kept).unwrap();
    let fields: Vec<Field> = old.schema().fields().iter().map(|field| field.as_ref().clone()).collect();
    let schema: StructType = (&Schema::new(fields)).try_into_kernel().unwrap();
    let folder = root.join(table.name);
    std::fs::create_dir_all(&folder).unwrap();
    let delta = CreateBuilder::new()
        .with_location(url::Url::from_directory_path(&folder).unwrap().as_str())
        .with_columns(schema.fields().cloned())
        .await
        .unwrap();
    delta.write(vec![old]).await.unwrap();
    let schema = whole.schema();
    schema.fields().iter().map(|field| field.name().clone()).filter(|name| !known.contains(name)).collect()
}

#[tokio::test]
async fn a_warehouse_of_the_first_layout_takes_updates_and_compactions() {
    let (folder, spools) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let uri = folder.path().to_str().unwrap();
    let baseline = Source::new(1, (1..=6).map(|pmid| record(pmid, 1, i32::from(pmid < 3))).collect());
    let numbered = || (1..).zip(baseline.records.iter().copied());
    let documents: Vec<Value> = numbered().map(|(at, one)| document(&baseline.reference(), at, one)).collect();
    let found = numbered().filter(|(_, one)| one.combinations > 0);
    let combinations: Vec<Value> = found.map(|(at, one)| combination(&baseline.reference(), at, one, 0, "A")).collect();
    let later = write_first_layout(folder.path(), &DOCUMENTS, &documents).await;
    assert!(later.iter().any(|name| name == "related") && later.iter().any(|name| name == "source_etag"), "{later:?}");
    write_first_layout(folder.path(), &COMBINATIONS, &combinations).await;

    let warehouse = Warehouse::open(uri, HashMap::new()).unwrap();
    assert_eq!(rows(&warehouse, "SELECT count(*) FROM documents").await, [["6"]]);
    let update = Source::new(2, vec![record(1, 2, 2)]).deleting(&[(4, 1)]);
    let report = warehouse.commit_file(&update.commit(spools.path(), "A")).await.unwrap();
    assert_eq!((report.counts.documents_replaced, report.counts.deletions_applied), (1, 1));
    let expected = model(&[baseline.clone(), update.clone()]);
    assert_eq!(state(&warehouse).await, expected, "old files were written again with the columns of this layout");
    for name in &later {
        let null = rows(&warehouse, &format!("SELECT count(*) FROM documents WHERE {name} IS NULL")).await;
        assert_eq!(null, [["5"]], "{name}");
    }
    warehouse.compact(CompactOptions::default()).await.unwrap();
    assert_eq!(state(&Warehouse::open(uri, HashMap::new()).unwrap()).await, expected);
    // This test wrote the baseline without an entry in the log or in `runs`; all else is sound.
    let findings = verify(&warehouse, Default::default()).await.unwrap();
    let mut codes: Vec<&str> = findings.iter().map(|finding| finding.code).collect();
    codes.sort_unstable();
    assert_eq!(codes, ["document_rows", "unknown_model"], "{findings:#?}");
}
