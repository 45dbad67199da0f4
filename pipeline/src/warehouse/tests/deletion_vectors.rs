//! Tables whose updates mark rows in the log: what is rewritten, and that no reader of ours sees a marked row.

use std::collections::HashMap;

use super::super::deletion_vector::encode;
use super::super::table::Committed;
use super::super::take_out::marked;
use super::super::{CompactOptions, ExtractionCommit, RunDraft, Warehouse, verify};
use super::files::{Source, draft, record};
use super::property::model;
use super::scenario::{rows, state};

/// Two baseline files, then updates that each change a few documents of both.
fn files() -> Vec<Source> {
    let mut files: Vec<Source> = (0..2)
        .map(|nth| Source::new(nth + 1, (1..=400).map(|n| record(1000 * nth + n, 1, i32::from(n % 4 == 0))).collect()))
        .collect();
    for seq in 3..=12 {
        let revised = (0..4).map(|n| record(1000 * (n % 2) + 20 * seq + n, 2, 1));
        let added = [record(5000 + seq, 1, 1)];
        files.push(Source::new(seq, revised.chain(added).collect()).deleting(&[(10 * seq, 1), (1000 + 10 * seq, 1)]));
    }
    files
}

fn data_files(folder: &std::path::Path, table: &str) -> std::collections::BTreeSet<String> {
    let entries = std::fs::read_dir(folder.join(table)).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned());
    names.filter(|name| name.ends_with(".parquet")).collect()
}

/// Commits the files one after the other; bytes written again by the updates.
async fn life(uri: &str, marks: bool) -> u64 {
    let spools = tempfile::tempdir().unwrap();
    let warehouse = Warehouse::open(uri, HashMap::new()).unwrap();
    if marks {
        assert_eq!(warehouse.enable_deletion_vectors().await.unwrap(), ["documents", "combinations"]);
        assert!(warehouse.enable_deletion_vectors().await.unwrap().is_empty());
    }
    let mut rewritten = 0;
    for file in files() {
        // Another process each time: what is marked must be found in the log.
        let warehouse = Warehouse::open(uri, HashMap::new()).unwrap();
        rewritten += warehouse.commit_file(&file.commit(spools.path(), "A")).await.unwrap().bytes_rewritten;
    }
    let warehouse = Warehouse::open(uri, HashMap::new()).unwrap();
    assert_eq!(state(&warehouse).await, model(&files()));
    assert_eq!(verify(&warehouse, Default::default()).await.unwrap(), []);
    rewritten
}

#[tokio::test]
async fn an_update_marks_rows_and_writes_no_file_again() {
    let (rewriting, marking) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let dear = life(rewriting.path().to_str().unwrap(), false).await;
    let cheap = life(marking.path().to_str().unwrap(), true).await;
    assert!(cheap > 0 && cheap * 20 < dear, "{cheap} bytes where rewriting takes {dear}");
    // Two halves of each source file, none written a second time.
    assert_eq!(data_files(marking.path(), "documents").len(), 24);

    let warehouse = Warehouse::open(marking.path().to_str().unwrap(), HashMap::new()).unwrap();
    // Statistics of a marked file are bounds: the least and greatest must come from its live rows.
    let ends = "SELECT min(pmid), max(pmid), count(*) FROM documents WHERE source_seq = 1";
    let live = "SELECT pmid FROM documents WHERE source_seq = 1";
    let live: Vec<i64> = rows(&warehouse, live).await.iter().map(|row| row[0].parse().unwrap()).collect();
    let expected = [live.iter().min().unwrap(), live.iter().max().unwrap(), &(live.len() as i64)];
    assert_eq!(rows(&warehouse, ends).await, [expected.map(ToString::to_string)]);
}

#[tokio::test]
async fn a_file_with_many_marked_rows_is_written_again() {
    let folder = tempfile::tempdir().unwrap();
    let spools = tempfile::tempdir().unwrap();
    let warehouse = Warehouse::open(folder.path().to_str().unwrap(), HashMap::new()).unwrap();
    warehouse.enable_deletion_vectors().await.unwrap();
    let baseline = Source::new(1, (1..=200).map(|pmid| record(pmid, 1, 0)).collect());
    let update = |seq, pmids: std::ops::RangeInclusive<i64>| {
        Source::new(seq, Vec::new()).deleting(&pmids.map(|pmid| (pmid, 1)).collect::<Vec<_>>())
    };
    // Rows 1 to 100 are one file: 19 marks stay marks, 21 have it written again, and at last no row remains.
    let files = [baseline, update(2, 1..=19), update(3, 20..=21), update(4, 22..=100)];
    let mut names = Vec::new();
    for file in &files {
        warehouse.commit_file(&file.commit(spools.path(), "A")).await.unwrap();
        let live = warehouse.inner.documents.current().await.unwrap().unwrap();
        names.push(live.files.iter().map(|file| (file.path.to_string(), file.deleted())).collect::<Vec<_>>());
    }
    assert_eq!(names.iter().map(Vec::len).collect::<Vec<_>>(), [2, 2, 2, 1]);
    let marked = |nth: usize| names[nth].iter().map(|(_, deleted)| *deleted).sum::<u64>();
    assert_eq!([marked(0), marked(1), marked(2), marked(3)], [0, 19, 0, 0]);
    assert_eq!(state(&warehouse).await, model(&files));
}

#[tokio::test]
async fn compaction_and_extraction_leave_marked_rows_behind() {
    let folder = tempfile::tempdir().unwrap();
    let spools = tempfile::tempdir().unwrap();
    let uri = folder.path().to_str().unwrap();
    life(uri, true).await;
    let warehouse = Warehouse::open(uri, HashMap::new()).unwrap();
    let baseline = &files()[0];
    let job = ExtractionCommit {
        source: baseline.reference(),
        combinations: baseline.commit(spools.path(), "B").combinations,
        quarantine: Vec::new(),
        run: RunDraft { verb: "extract".to_owned(), ..draft(0, 100, "B") },
    };
    warehouse.replace_combinations(&job).await.unwrap();
    assert_eq!(state(&warehouse).await, model(&files()));
    let reports = warehouse.compact(CompactOptions::default()).await.unwrap();
    assert!(reports.iter().all(|report| report.files_after == 1), "{reports:#?}");
    let documents = warehouse.inner.documents.current().await.unwrap().unwrap();
    assert!(documents.files.iter().all(|file| file.deleted() == 0));
    assert_eq!(state(&Warehouse::open(uri, HashMap::new()).unwrap()).await, model(&files()));
    assert_eq!(verify(&warehouse, Default::default()).await.unwrap(), []);
    // A replay finds everything done.
    for file in files() {
        assert!(warehouse.commit_file(&file.commit(spools.path(), "A")).await.unwrap().already_done);
    }
}

#[tokio::test]
async fn verify_finds_a_vector_that_is_damaged_or_marks_rows_that_are_not_there() {
    for damaged in [true, false] {
        let folder = tempfile::tempdir().unwrap();
        let spools = tempfile::tempdir().unwrap();
        let warehouse = Warehouse::open(folder.path().to_str().unwrap(), HashMap::new()).unwrap();
        warehouse.enable_deletion_vectors().await.unwrap();
        let source = Source::new(1, (1..=20).map(|pmid| record(pmid, 1, 0)).collect());
        warehouse.commit_file(&source.commit(spools.path(), "A")).await.unwrap();
        let handle = &warehouse.inner.documents;
        let base = handle.current().await.unwrap().unwrap();
        let mut vector = encode("documents", &[5000_u64].into_iter().collect()).unwrap();
        if damaged {
            vector.path_or_inline_dv.replace_range(..5, "00000");
        }
        let (file, expected) = (&base.files[0], if damaged { "begin with" } else { "row 5000" });
        let add = marked(handle.table, file, vector).unwrap();
        let planted = handle.commit(&base, vec![add], vec![file.remove.clone()], Vec::new()).await.unwrap();
        assert!(matches!(planted, Committed::Yes(_)));
        let findings = verify(&warehouse, Default::default()).await.unwrap();
        let found = findings.iter().find(|finding| finding.code == "deletion_vector").unwrap();
        assert!(found.got.contains(expected), "{findings:#?}");
    }
}
