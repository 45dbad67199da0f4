//! Compaction changes files, never rows.

use std::collections::HashMap;
use std::time::{Duration, SystemTime};

use super::super::{CompactOptions, Warehouse, WarehouseError, verify};
use super::files::{Source, record};
use super::property::model;
use super::scenario::{rows, state};

#[tokio::test]
async fn joins_files_removes_orphans_and_keeps_rows_ledger_and_checkpoints() {
    let folder = tempfile::tempdir().unwrap();
    let spools = tempfile::tempdir().unwrap();
    let uri = folder.path().to_str().unwrap();
    // More commits than the checkpoint interval, so that the ledger is read through a checkpoint too.
    let files: Vec<Source> = (1..=26)
        .map(|seq| Source::new(seq, vec![record(seq, 1, 1), record(1000, 1, 1)]).deleting(&[(seq - 3, 1)]))
        .collect();
    let warehouse = Warehouse::open(uri, HashMap::new()).unwrap();
    for file in &files {
        warehouse.commit_file(&file.commit(spools.path(), "A")).await.unwrap();
    }
    let logs = std::fs::read_dir(folder.path().join("documents/_delta_log")).unwrap();
    assert!(logs.into_iter().any(|entry| entry.unwrap().file_name().to_string_lossy().contains("checkpoint.parquet")));
    let orphan = folder.path().join("documents/part-orphan.parquet");
    let young = folder.path().join("documents/part-young.parquet");
    std::fs::write(&orphan, b"x").unwrap();
    std::fs::write(&young, b"x").unwrap();
    let old = SystemTime::now() - Duration::from_secs(8 * 24 * 3600);
    std::fs::File::options().write(true).open(&orphan).unwrap().set_modified(old).unwrap();

    let unsafe_one = CompactOptions { retention_hours: 1, ..CompactOptions::default() };
    let error = warehouse.compact(unsafe_one).await.unwrap_err();
    assert!(matches!(error, WarehouseError::UnsafeRetention { got_hours: 1, .. }));
    let dry = warehouse.compact(CompactOptions { dry_run: true, ..CompactOptions::default() }).await.unwrap();
    assert!(orphan.exists());
    let reports = warehouse.compact(CompactOptions::default()).await.unwrap();
    assert_eq!(reports.iter().map(|one| one.files_deleted).sum::<usize>(), 1, "{reports:#?}");
    assert!(!orphan.exists() && young.exists());
    assert!(reports.iter().zip(&dry).all(|(done, dry)| done.files_after == 1 && dry.files_after == 1), "{reports:#?}");

    let fresh = Warehouse::open(uri, HashMap::new()).unwrap();
    assert_eq!(state(&fresh).await, model(&files));
    assert_eq!(rows(&fresh, "SELECT count(*) FROM runs").await, [["26"]]);
    assert_eq!(verify(&fresh, Default::default()).await.unwrap(), []);
    for file in files.iter().step_by(9) {
        assert!(fresh.commit_file(&file.commit(spools.path(), "A")).await.unwrap().already_done);
    }
    // A file given out of order after all that is still bound by the deletions of newer ones.
    let late = Source { md5: "late".to_owned(), ..Source::new(2, vec![record(5, 1, 1), record(999, 1, 1)]) };
    let report = fresh.commit_file(&late.commit(spools.path(), "A")).await.unwrap();
    assert_eq!((report.counts.documents_written, report.counts.documents_superseded), (1, 1));
    assert_eq!(verify(&fresh, Default::default()).await.unwrap(), []);
}
