//! Several writers on one warehouse.

use std::collections::HashMap;

use super::super::Warehouse;
use super::files::{Source, record};
use super::property::model;
use super::scenario::{rows, state};

/// Each task has its own `Warehouse`, as another process would.
async fn commit_all(uri: &str, files: Vec<Source>) {
    let spool = tempfile::tempdir().unwrap();
    let mut tasks = Vec::new();
    for file in files {
        let warehouse = Warehouse::open(uri, HashMap::new()).unwrap();
        let job = file.commit(spool.path(), "A");
        tasks.push(tokio::spawn(async move { warehouse.commit_file(&job).await }));
    }
    for task in tasks {
        task.await.unwrap().unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn different_files_all_land_and_overlaps_resolve() {
    for _ in 0..3 {
        let folder = tempfile::tempdir().unwrap();
        let uri = folder.path().to_str().unwrap();
        // Every file revises PMID 1, some delete what others bring.
        let files: Vec<Source> = (1..=6)
            .map(|seq| {
                let records = vec![record(1, 1, 1), record(10 * seq, 1, 1), record(10 * seq + 1, 1, 2)];
                Source::new(seq, records).deleting(&[(10 * (seq - 1), 1)])
            })
            .collect();
        commit_all(uri, files.clone()).await;
        let warehouse = Warehouse::open(uri, HashMap::new()).unwrap();
        assert_eq!(state(&warehouse).await, model(&files));
        let findings = super::super::verify(&warehouse, Default::default()).await.unwrap();
        assert!(findings.is_empty(), "{findings:#?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_same_file_twice_at_once_commits_once() {
    for _ in 0..5 {
        let folder = tempfile::tempdir().unwrap();
        let uri = folder.path().to_str().unwrap();
        let mut file = Source::new(1, vec![record(1, 1, 1), record(2, 1, 2)]);
        file.refused = 1;
        commit_all(uri, vec![file.clone(), file.clone(), file.clone()]).await;
        let warehouse = Warehouse::open(uri, HashMap::new()).unwrap();
        assert_eq!(state(&warehouse).await, model(&[file]));
        let counts =
            rows(&warehouse, "SELECT (SELECT count(*) FROM runs) AS a, (SELECT count(*) FROM quarantine) AS b").await;
        assert_eq!(counts, [["1", "1"]]);
        assert!(warehouse.versions().await.unwrap().iter().all(|(_, version)| *version == Some(1)));
    }
}
