//! A short life of a warehouse that any store must give; also run against S3.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use arrow::util::display::array_value_to_string;
use datafusion::prelude::SessionContext;
use rexdrug_schemas::RunStatus;

use super::super::{ExtractionCommit, Warehouse};
use super::files::{Source, draft, record};

/// Rows of a query as strings.
pub(crate) async fn rows(warehouse: &Warehouse, sql: &str) -> Vec<Vec<String>> {
    let ctx = SessionContext::new();
    warehouse.register(&ctx).await.unwrap();
    let batches = ctx.sql(sql).await.unwrap().collect().await.unwrap();
    let mut rows = Vec::new();
    for batch in &batches {
        for row in 0..batch.num_rows() {
            let cell = |column: &arrow::array::ArrayRef| array_value_to_string(column, row).unwrap();
            rows.push(batch.columns().iter().map(cell).collect());
        }
    }
    rows.sort();
    rows
}

/// Live documents (`pmid` → version, sequence, record) and combinations (`pmid`, sequence, record → count).
pub(crate) type State = (BTreeMap<i64, (i32, i64, i64)>, BTreeMap<(i64, i64, i64), i64>);

pub(crate) async fn state(warehouse: &Warehouse) -> State {
    let number = |cell: &String| cell.parse::<i64>().unwrap();
    let documents = rows(warehouse, "SELECT pmid, version, source_seq, source_record FROM documents").await;
    let combinations = rows(
        warehouse,
        "SELECT pmid, source_seq, source_record, count(*) FROM combinations GROUP BY pmid, source_seq, source_record",
    )
    .await;
    let count = documents.len();
    let documents: BTreeMap<_, _> = documents
        .iter()
        .map(|row| (number(&row[0]), (number(&row[1]) as i32, number(&row[2]), number(&row[3]))))
        .collect();
    assert_eq!(documents.len(), count, "one row per document");
    let combinations =
        combinations.iter().map(|row| ((number(&row[0]), number(&row[1]), number(&row[2])), number(&row[3]))).collect();
    (documents, combinations)
}

/// Baseline, update with a revision, a deletion and a late old file, replay, re-extraction.
pub(crate) async fn run(uri: &str, options: &HashMap<String, String>) {
    let folder = tempfile::tempdir().unwrap();
    let open = || Warehouse::open(uri, options.clone()).unwrap();
    let baseline = Source::new(1, (1..=40).map(|pmid| record(pmid, 1, i32::from(pmid % 5 == 0) * 2)).collect());
    let disjoint = Source::new(2, (101..=140).map(|pmid| record(pmid, 1, 1)).collect());
    let mut update = Source::new(4, vec![record(5, 2, 1), record(101, 1, 0), record(300, 1, 1)]).deleting(&[
        (10, 1),
        (7, 1),
        (999, 1),
    ]);
    update.refused = 2;
    let late = Source::new(3, vec![record(5, 1, 1), record(10, 1, 1), record(301, 1, 1)]);

    let warehouse = open();
    assert_eq!(warehouse.completed(&baseline.reference()).await.unwrap(), None);
    assert!(state(&warehouse).await.0.is_empty(), "missing tables read as empty ones");
    let report = warehouse.commit_file(&baseline.commit(folder.path(), "A")).await.unwrap();
    assert_eq!((report.counts.documents_written, report.counts.combinations_written), (40, 16));
    let report = warehouse.commit_file(&disjoint.commit(folder.path(), "A")).await.unwrap();
    assert_eq!((report.files_read, report.bytes_rewritten), (0, 0), "a disjoint file reads and rewrites nothing");

    // Another process: nothing is known in memory.
    let warehouse = open();
    let report = warehouse.commit_file(&update.commit(folder.path(), "A")).await.unwrap();
    assert_eq!(report.counts.documents_replaced, 2);
    assert_eq!((report.counts.deletions_listed, report.counts.deletions_applied), (3, 2));
    assert!(report.bytes_rewritten > 0);
    let report = warehouse.commit_file(&late.commit(folder.path(), "A")).await.unwrap();
    assert_eq!((report.counts.documents_written, report.counts.documents_superseded), (1, 2));
    assert_eq!((report.counts.combinations_written, report.counts.combinations_superseded), (1, 2));

    let (documents, combinations) = state(&warehouse).await;
    let live: BTreeSet<i64> = documents.keys().copied().collect();
    let expected: BTreeSet<i64> =
        (1..=40).filter(|pmid| ![7, 10].contains(pmid)).chain(101..=140).chain([300, 301]).collect();
    assert_eq!(live, expected);
    assert_eq!(documents[&5], (2, 4, 1));
    assert_eq!(combinations.get(&(5, 4, 1)), Some(&1));
    assert!(!combinations.keys().any(|key| key.0 == 10 || (key.0 == 101) || (key.0 == 5 && key.1 != 4)));

    let versions = warehouse.versions().await.unwrap();
    for source in [&late, &baseline, &update, &disjoint] {
        let report = open().commit_file(&source.commit(folder.path(), "A")).await.unwrap();
        assert!(report.already_done);
    }
    assert_eq!(open().versions().await.unwrap(), versions, "a replay changes no table");
    let asked = [update.reference(), Source::new(9, Vec::new()).reference()];
    assert_eq!(open().completed_all(&asked).await.unwrap(), [Some(RunStatus::Done), None]);

    let again = baseline.commit(folder.path(), "B");
    let job = ExtractionCommit {
        source: baseline.reference(),
        combinations: again.combinations.clone(),
        quarantine: Vec::new(),
        run: super::super::RunDraft { verb: "extract".to_owned(), ..draft(0, 16, "B") },
    };
    let report = warehouse.replace_combinations(&job).await.unwrap();
    assert_eq!((report.counts.combinations_found, report.counts.combinations_superseded), (16, 4));
    assert!(warehouse.replace_combinations(&job).await.unwrap().already_done);
    let models = rows(&warehouse, "SELECT source_seq, model_sha256, count(*) FROM combinations GROUP BY 1, 2").await;
    let expected = [["1", "B", "12"], ["2", "A", "39"], ["3", "A", "1"], ["4", "A", "2"]];
    assert_eq!(models, expected.map(|row| row.map(str::to_owned).to_vec()));
    let ctx = SessionContext::new();
    let owned = warehouse.documents_of(&ctx, &baseline.reference()).await.unwrap().count().await.unwrap();
    assert_eq!(owned, 37);
    assert_eq!(warehouse.sources().await.unwrap().len(), 4);
}

#[tokio::test]
async fn a_short_life_on_local_disk() {
    let folder = tempfile::tempdir().unwrap();
    run(folder.path().to_str().unwrap(), &HashMap::new()).await;
}

/// Set `REXDRUG_TEST_S3_URI` and the AWS variables of a test server to run this on S3.
#[tokio::test]
async fn a_short_life_on_s3() {
    let Ok(uri) = std::env::var("REXDRUG_TEST_S3_URI") else {
        eprintln!("skipped: REXDRUG_TEST_S3_URI is not set");
        return;
    };
    run(&format!("{uri}/{}", uuid::Uuid::new_v4()), &HashMap::new()).await;
}
