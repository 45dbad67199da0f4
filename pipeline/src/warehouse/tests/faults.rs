//! Faults planted by hand: `verify` finds each, and only it.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use deltalake::kernel::transaction::{CommitBuilder, CommitProperties};
use deltalake::kernel::{Action, Add};
use deltalake::protocol::{DeltaOperation, SaveMode};
use parquet::arrow::ArrowWriter;
use rexdrug_schemas::{COMBINATIONS, DOCUMENTS, RUNS, Table};
use serde_json::{Value, json};

use super::super::verify::{Finding, Severity};
use super::super::{CommitHook, CommitPoint, SpoolFile, Warehouse, verify};
use super::files::{Source, batch, combination, document, record, spool};
use super::scenario::rows;

/// Finding codes that a damage must cause, and the damage.
type Damage = (&'static [&'static str], fn(&mut Value));

async fn sound(uri: &str) -> (Warehouse, Source) {
    let folder = tempfile::tempdir().unwrap();
    let warehouse = Warehouse::open(uri, HashMap::new()).unwrap();
    let mut file = Source::new(1, vec![record(1, 1, 2), record(2, 1, 1), record(3, 1, 0)]);
    file.refused = 1;
    warehouse.commit_file(&file.commit(folder.path(), "A")).await.unwrap();
    assert_eq!(findings(&warehouse).await, []);
    (warehouse, file)
}

async fn findings(warehouse: &Warehouse) -> Vec<Finding> {
    verify(warehouse, Default::default()).await.unwrap()
}

async fn codes(warehouse: &Warehouse) -> Vec<&'static str> {
    let mut codes: Vec<_> = findings(warehouse).await.into_iter().map(|finding| finding.code).collect();
    codes.dedup();
    codes
}

/// Adds rows behind the warehouse's back, in place of the whole table where asked.
async fn plant(warehouse: &Warehouse, table: &'static Table, planted: &[Value], instead: bool) {
    let folder = tempfile::tempdir().unwrap();
    plant_file(warehouse, &spool(table, folder.path(), planted), table, instead).await;
}

/// As [`plant`], with a Parquet file.
async fn plant_file(warehouse: &Warehouse, file: &SpoolFile, table: &'static Table, instead: bool) {
    let handle = warehouse.handles().into_iter().find(|handle| handle.table.name == table.name).unwrap();
    let base = handle.current_or_create().await.unwrap();
    let add = warehouse.uploads().spool(table, &base.store(), file, &[]).await.unwrap();
    let adds: Vec<Add> = add.into_iter().collect();
    let removes = base.files.iter().filter(|_| instead).map(|file| Action::Remove(file.remove.clone()));
    let actions = removes.chain(adds.into_iter().map(Action::Add)).collect();
    CommitBuilder::from(CommitProperties::default())
        .with_actions(actions)
        .build(
            Some(base.delta.snapshot().unwrap()),
            base.delta.log_store(),
            DeltaOperation::Write { mode: SaveMode::Append, partition_by: None, predicate: None },
        )
        .await
        .unwrap();
}

/// Rows of a table as JSON, to be damaged and planted again.
async fn json_rows(warehouse: &Warehouse, table: &str) -> Vec<Value> {
    let ctx = datafusion::prelude::SessionContext::new();
    warehouse.register(&ctx).await.unwrap();
    let batches = ctx.table(table).await.unwrap().collect().await.unwrap();
    let mut bytes = Vec::new();
    let mut writer = arrow::json::ArrayWriter::new(&mut bytes);
    writer.write_batches(&batches.iter().collect::<Vec<_>>()).unwrap();
    writer.finish().unwrap();
    serde_json::from_slice(&bytes).unwrap()
}

fn parquet_file(root: &Path, table: &str) -> std::path::PathBuf {
    let files = std::fs::read_dir(root.join(table)).unwrap().map(|entry| entry.unwrap().path());
    files.filter(|path| path.extension().is_some_and(|end| end == "parquet")).min().unwrap()
}

#[tokio::test]
async fn a_missing_or_cut_file() {
    let folder = tempfile::tempdir().unwrap();
    let (warehouse, _) = sound(folder.path().to_str().unwrap()).await;
    let file = parquet_file(folder.path(), "documents");
    let bytes = std::fs::read(&file).unwrap();
    std::fs::write(&file, &bytes[..bytes.len() - 1]).unwrap();
    assert!(codes(&warehouse).await.starts_with(&["file_size"]));
    let mut flipped = bytes.clone();
    let last = flipped.len() - 1;
    flipped[last] ^= 0xff;
    std::fs::write(&file, &flipped).unwrap();
    assert!(codes(&warehouse).await.starts_with(&["unreadable_file"]));
    std::fs::remove_file(&file).unwrap();
    let found = findings(&warehouse).await;
    let missing = found.iter().find(|finding| finding.code == "missing_file").unwrap();
    assert!(missing.place.starts_with("part-") && missing.severity == Severity::Broken);
    assert!(found.iter().all(|finding| ["missing_file", "not_checked"].contains(&finding.code)), "{found:#?}");
}

#[tokio::test]
async fn a_file_without_a_column() {
    let folder = tempfile::tempdir().unwrap();
    let (warehouse, file) = sound(folder.path().to_str().unwrap()).await;
    let whole = batch(&DOCUMENTS, &[document(&file.reference(), 1, record(1, 1, 2))]);
    let kept: Vec<usize> = (0..whole.num_columns()).filter(|at| whole.schema().field(*at).name() != "text").collect();
    let less = whole.project(&kept).unwrap();
    let path = folder.path().join("less.parquet");
    let mut writer = ArrowWriter::try_new(std::fs::File::create(&path).unwrap(), less.schema(), None).unwrap();
    writer.write(&less).unwrap();
    writer.close().unwrap();
    let bytes = std::fs::metadata(&path).unwrap().len();
    plant_file(&warehouse, &SpoolFile { path, rows: 1, bytes, stored: None }, &DOCUMENTS, true).await;
    let found = findings(&warehouse).await;
    let missing = found.iter().find(|finding| finding.code == "missing_column").unwrap();
    assert!(missing.expected.contains("text") && missing.place.starts_with("part-"), "{missing:?}");
    assert!(found.iter().all(|finding| ["missing_column", "not_checked"].contains(&finding.code)), "{found:#?}");
}

#[tokio::test]
async fn a_duplicate_document() {
    let folder = tempfile::tempdir().unwrap();
    let (warehouse, file) = sound(folder.path().to_str().unwrap()).await;
    plant(&warehouse, &DOCUMENTS, &[document(&file.reference(), 1, record(1, 1, 2))], false).await;
    let found = codes(&warehouse).await;
    assert!(found.contains(&"duplicate_document") && found.contains(&"document_rows"), "{found:?}");
}

#[tokio::test]
async fn wrong_offsets_arity_keys_and_ids() {
    let folder = tempfile::tempdir().unwrap();
    let (warehouse, _) = sound(folder.path().to_str().unwrap()).await;
    let good = json_rows(&warehouse, "combinations").await;
    let damages: [Damage; 6] = [
        (&["surface_offset", "combination_id"], |row| {
            row["drugs"][0]["start"] = json!(row["drugs"][0]["start"].as_i64().unwrap() + 1)
        }),
        (&["surface_offset"], |row| row["drugs"][0]["surface"] = json!("other")),
        (&["sentence_offset"], |row| row["sentence"] = json!("not this")),
        (&["arity"], |row| row["arity"] = json!(3)),
        (&["drug_key"], |row| row["drug_key"] = json!("a|b")),
        (&["combination_id"], |row| row["combination_id"] = json!("0")),
    ];
    for (expected, damage) in damages {
        let mut rows = good.clone();
        damage(&mut rows[0]);
        plant(&warehouse, &COMBINATIONS, &rows, true).await;
        assert_eq!(codes(&warehouse).await, expected);
    }
    plant(&warehouse, &COMBINATIONS, &good, true).await;
    assert_eq!(findings(&warehouse).await, []);
}

#[tokio::test]
async fn orphans_and_rows_of_another_owner() {
    let folder = tempfile::tempdir().unwrap();
    let (warehouse, file) = sound(folder.path().to_str().unwrap()).await;
    let good = json_rows(&warehouse, "combinations").await;
    let mut rows = good.clone();
    rows.push(combination(&file.reference(), 9, record(77, 1, 1), 0, "A"));
    plant(&warehouse, &COMBINATIONS, &rows, true).await;
    assert_eq!(codes(&warehouse).await, ["orphan_combination", "combination_rows"]);
    let mut rows = good;
    rows[0]["source_record"] = json!(500);
    plant(&warehouse, &COMBINATIONS, &rows, true).await;
    assert_eq!(codes(&warehouse).await, ["stale_combination"]);
}

#[tokio::test]
async fn wrong_run_counts_and_unknown_models() {
    let folder = tempfile::tempdir().unwrap();
    let (warehouse, _) = sound(folder.path().to_str().unwrap()).await;
    let good = json_rows(&warehouse, "runs").await;
    let damages: [Damage; 5] = [
        (&["run_sum"], |row| row["records_read"] = json!(50)),
        (&["run_sum"], |row| row["sentences_cut"] = json!(50)),
        (&["run_sum", "run_counts"], |row| row["documents_written"] = json!(4)),
        (&["run_sum", "quarantine_rows"], |row| row["records_quarantined"] = json!(0)),
        (&["unknown_model"], |row| row["model_sha256"] = json!("B")),
    ];
    for (expected, damage) in damages {
        let mut rows = good.clone();
        damage(&mut rows[0]);
        plant(&warehouse, &RUNS, &rows, true).await;
        assert_eq!(codes(&warehouse).await, expected);
    }
    plant(&warehouse, &RUNS, &[good[0].clone(), good[0].clone()], true).await;
    assert!(codes(&warehouse).await.contains(&"run_counts"), "two rows of one file");
}

struct StopAt(CommitPoint);

impl CommitHook for StopAt {
    fn reached(&self, point: CommitPoint) -> Result<(), String> {
        if point == self.0 { Err("stopped".to_owned()) } else { Ok(()) }
    }
}

#[tokio::test]
async fn unfinished_is_not_broken() {
    for point in CommitPoint::ALL {
        let folder = tempfile::tempdir().unwrap();
        let spools = tempfile::tempdir().unwrap();
        let uri = folder.path().to_str().unwrap();
        sound(uri).await;
        let update = Source::new(2, vec![record(1, 2, 1), record(9, 1, 1)]).deleting(&[(2, 1)]);
        let stopped = Warehouse::open_with_hook(uri, HashMap::new(), Arc::new(StopAt(point))).unwrap();
        stopped.commit_file(&update.commit(spools.path(), "A")).await.unwrap_err();
        let warehouse = Warehouse::open(uri, HashMap::new()).unwrap();
        let found = findings(&warehouse).await;
        let expected = match point {
            CommitPoint::DocumentsUploaded | CommitPoint::RunCommitted => 0,
            CommitPoint::CombinationsCommitted => 1,
            _ => 4,
        };
        assert_eq!(found.len(), expected, "{point:?} {found:#?}");
        assert!(found.iter().all(|finding| finding.severity == Severity::Unfinished), "{point:?} {found:#?}");
        warehouse.commit_file(&update.commit(spools.path(), "A")).await.unwrap();
        assert_eq!(findings(&warehouse).await, [], "{point:?}");
        assert_eq!(rows(&warehouse, "SELECT count(*) FROM runs").await, [["2"]]);
    }
}

/// All four tables, without ids and times of runs.
async fn everything(warehouse: &Warehouse) -> Vec<Vec<Vec<String>>> {
    let runs = "SELECT verb, status, source_file, records_read, documents_written, documents_superseded, \
                documents_replaced, records_quarantined, deletions_listed, deletions_applied, deleted, sentences_kept, \
                combinations_found, combinations_written, combinations_superseded FROM runs";
    let mut tables = vec![rows(warehouse, runs).await];
    for table in ["documents", "quarantine", "combinations"] {
        tables.push(rows(warehouse, &format!("SELECT * FROM {table}")).await);
    }
    tables
}

#[tokio::test]
async fn killed_anywhere_and_resumed_ends_with_the_same_rows() {
    let spools = tempfile::tempdir().unwrap();
    let mut update =
        Source::new(2, vec![record(1, 2, 1), record(9, 1, 1), record(9, 2, 2)]).deleting(&[(2, 1), (8, 1)]);
    update.refused = 2;
    let mut expected = None;
    for point in [None].into_iter().chain(CommitPoint::ALL.map(Some)) {
        let folder = tempfile::tempdir().unwrap();
        let uri = folder.path().to_str().unwrap();
        sound(uri).await;
        if let Some(point) = point {
            let stopped = Warehouse::open_with_hook(uri, HashMap::new(), Arc::new(StopAt(point))).unwrap();
            stopped.commit_file(&update.commit(spools.path(), "A")).await.unwrap_err();
        }
        let warehouse = Warehouse::open(uri, HashMap::new()).unwrap();
        warehouse.commit_file(&update.commit(spools.path(), "A")).await.unwrap();
        let found = everything(&warehouse).await;
        assert_eq!(expected.get_or_insert(found.clone()), &found, "{point:?}");
    }
}

#[tokio::test]
async fn wrong_drafts_and_spools_are_refused_before_anything_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let spools = tempfile::tempdir().unwrap();
    let (warehouse, _) = sound(folder.path().to_str().unwrap()).await;
    let versions = warehouse.versions().await.unwrap();
    let file = Source::new(2, vec![record(1, 2, 1)]);
    let mut job = file.commit(spools.path(), "A");
    job.run.records_read += 1;
    let error = warehouse.commit_file(&job).await.unwrap_err().to_string();
    assert!(error.contains("records_read = documents spooled + records_quarantined"), "{error}");
    let mut job = file.commit(spools.path(), "A");
    job.source.source_md5 = "ffff".to_owned();
    assert!(warehouse.commit_file(&job).await.unwrap_err().to_string().contains("md5 ffff"));
    let mut wrong = document(&file.reference(), 1, record(1, 2, 0));
    wrong["pmid"] = json!(5);
    let mut job = file.commit(spools.path(), "A");
    job.documents = vec![spool(&DOCUMENTS, spools.path(), &[wrong])];
    assert!(warehouse.commit_file(&job).await.unwrap_err().to_string().contains("pmid 1 beside pmid:1"));
    assert_eq!(warehouse.versions().await.unwrap(), versions);
    assert_eq!(batch(&DOCUMENTS, &[]).num_rows(), 0);
}
