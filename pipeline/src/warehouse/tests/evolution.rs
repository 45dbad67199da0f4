//! Warehouses of an earlier table layout go on under this one.

use std::collections::{HashMap, HashSet};
use std::path::Path;

use arrow::array::RecordBatch;
use arrow::datatypes::{Field, Schema};
use deltalake::kernel::StructType;
use deltalake::kernel::engine::arrow_conversion::TryIntoKernel;
use deltalake::operations::create::CreateBuilder;
use rexdrug_operators::extract::LanguageModelCounts;
use rexdrug_schemas::{COMBINATIONS, DOCUMENTS, RUNS, Table};
use serde_json::Value;

use crate::estimate::{Choice, Measured};

use super::super::run_row::{CommitCounts, RunDraft, run_batch};
use super::super::{CompactOptions, Warehouse, verify};
use super::files::{Source, batch, combination, document, draft, record};
use super::property::model;
use super::scenario::{rows, state};

/// Names of the columns that a table had in a layout.
fn layout(version: u32, table: &Table) -> HashSet<String> {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../schemas/golden/v{version}")).join(table.name);
    let golden = std::fs::read(golden.with_extension("json")).unwrap();
    let columns: Vec<Value> = serde_json::from_slice(&golden).unwrap();
    columns.iter().map(|column| column["name"].as_str().unwrap().to_owned()).collect()
}

/// A table as a program of layout 1 left it; the columns that it lacks.
async fn write_first_layout(root: &Path, table: &'static Table, rows: &[Value]) -> Vec<String> {
    write_layout(1, root, table, batch(table, rows)).await
}

/// A table as a program of an earlier layout left it; the columns that it lacks.
async fn write_layout(version: u32, root: &Path, table: &'static Table, whole: RecordBatch) -> Vec<String> {
    let known = layout(version, table);
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

#[tokio::test]
async fn runs_of_the_second_layout_are_read_and_continued_with_what_language_models_cost() {
    let (folder, spools) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let uri = folder.path().to_str().unwrap();
    let before = Source::new(1, vec![record(1, 1, 1)]);
    let row = run_batch(&before.reference(), &draft(1, 1, "A"), CommitCounts::default(), &[], 0.5).unwrap();
    let later = write_layout(2, folder.path(), &RUNS, row).await;
    assert_eq!(later.len(), 7, "{later:?}");

    let warehouse = Warehouse::open(uri, HashMap::new()).unwrap();
    let costs = "SELECT source_seq, prompt_sha256, llm_answers, llm_cached, llm_requests, prompt_tokens, \
        completion_tokens, llm_cost FROM runs ORDER BY source_seq";
    let nothing = ["1", "", "", "", "", "", "", ""];
    assert_eq!(rows(&warehouse, costs).await, [nothing], "read before anything is written to it");
    let choice = Choice { prompt_sha256: Some("prompt".to_owned()), ..Choice::default() };
    Measured::of(&warehouse, &choice).await.unwrap();

    let asked = LanguageModelCounts {
        answers: 5,
        cached: 2,
        requests: 4,
        prompt_tokens: 300,
        completion_tokens: 60,
        cost_micros: 1_250_000,
        ..LanguageModelCounts::default()
    };
    let update = Source::new(2, vec![record(2, 1, 1)]);
    let mut commit = update.commit(spools.path(), "A");
    let (prompt_sha256, language_model) = (Some("prompt".to_owned()), Some(asked));
    commit.run = RunDraft { prompt_sha256, language_model, ..commit.run };
    warehouse.commit_file(&commit).await.unwrap();
    let written = ["2", "prompt", "5", "2", "4", "300", "60", "1.25"];
    assert_eq!(rows(&warehouse, costs).await, [nothing, written]);
    warehouse.commit_file(&Source::new(3, vec![record(3, 1, 0)]).commit(spools.path(), "A")).await.unwrap();
    let classifier = ["3", "", "", "", "", "", "", ""];
    assert_eq!(rows(&Warehouse::open(uri, HashMap::new()).unwrap(), costs).await, [nothing, written, classifier]);
}
