//! Random files, kills and replays against a small model.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use proptest::prelude::*;

use super::super::{CommitHook, CommitPoint, Warehouse, WarehouseError};
use super::files::{Record, Source, record};
use super::scenario::{State, rows, state};

/// Stops at the `n`-th point reached, once.
struct KillAt(AtomicUsize);

impl CommitHook for KillAt {
    fn reached(&self, point: CommitPoint) -> Result<(), String> {
        match self.0.fetch_sub(1, Ordering::SeqCst) {
            0 => Err(format!("killed at {point:?}")),
            _ => Ok(()),
        }
    }
}

/// The live documents after these files, in any order: the greatest key that no deletion forbids.
pub(crate) fn model(files: &[Source]) -> State {
    let mut documents: BTreeMap<i64, (i32, i64, i64)> = BTreeMap::new();
    let mut counts = HashMap::new();
    for file in files {
        for (number, one) in (1_i64..).zip(&file.records) {
            let deleted = files.iter().any(|other| {
                other.seq >= file.seq
                    && other.deletions.iter().any(|(pmid, version)| *pmid == one.pmid && *version >= one.version)
            });
            if deleted {
                continue;
            }
            let key = (one.version, file.seq, number);
            counts.insert((one.pmid, file.seq, number), i64::from(one.combinations));
            let known = documents.entry(one.pmid).or_insert(key);
            *known = (*known).max(key);
        }
    }
    let combinations = documents
        .iter()
        .map(|(pmid, (_, seq, number))| ((*pmid, *seq, *number), counts[&(*pmid, *seq, *number)]))
        .filter(|(_, count)| *count > 0)
        .collect();
    (documents, combinations)
}

fn files() -> impl Strategy<Value = Vec<Source>> {
    let one = (
        prop::collection::vec((1_i64..25, 0_i32..2, 0_i32..3), 0..10),
        prop::collection::vec(1_i64..25, 0..4),
        0_i64..2,
    );
    prop::collection::vec(one, 1..5).prop_map(|drawn| {
        // Versions never fall from one file to a newer one; so the end does not depend on the order.
        let mut versions: HashMap<i64, i32> = HashMap::new();
        let mut files = Vec::new();
        for (seq, (records, deletions, refused)) in (1_i64..).zip(drawn) {
            let records: Vec<Record> = records
                .into_iter()
                .map(|(pmid, rise, combinations)| {
                    let version = versions.entry(pmid).or_insert(1);
                    *version += rise;
                    record(pmid, *version, combinations)
                })
                .collect();
            let deletions =
                deletions.into_iter().map(|pmid| (pmid, versions.get(&pmid).copied().unwrap_or(1))).collect();
            let mut file = Source::new(seq, records);
            file.deletions = deletions;
            file.refused = refused;
            files.push(file);
        }
        files
    })
}

/// One start of the pipeline over some file, killed after so many points or not at all.
#[derive(Debug, Clone)]
struct Start {
    file: prop::sample::Index,
    kill: Option<usize>,
}

fn starts() -> impl Strategy<Value = Vec<Start>> {
    let start = (any::<prop::sample::Index>(), prop::option::weighted(0.6, 0_usize..6));
    prop::collection::vec(start.prop_map(|(file, kill)| Start { file, kill }), 0..8)
}

async fn play(files: &[Source], starts: &[Start], marks: bool) -> (State, Vec<Vec<String>>) {
    let folder = tempfile::tempdir().unwrap();
    let spool = tempfile::tempdir().unwrap();
    let uri = folder.path().to_str().unwrap();
    if marks {
        Warehouse::open(uri, HashMap::new()).unwrap().enable_deletion_vectors().await.unwrap();
    }
    for start in starts {
        let file = start.file.get(files);
        let kill = start.kill.map_or(usize::MAX, |after| after);
        let hook = Arc::new(KillAt(AtomicUsize::new(kill)));
        let warehouse = Warehouse::open_with_hook(uri, HashMap::new(), hook).unwrap();
        match warehouse.commit_file(&file.commit(spool.path(), "A")).await {
            Ok(_) | Err(WarehouseError::Hook { .. }) => {}
            Err(error) => panic!("{error}"),
        }
    }
    // At last every file is given once more, newest first, as a resumed run would.
    let warehouse = Warehouse::open(uri, HashMap::new()).unwrap();
    for file in files.iter().rev() {
        warehouse.commit_file(&file.commit(spool.path(), "A")).await.unwrap();
    }
    let sums = rows(
        &warehouse,
        "SELECT source_seq, records_read, documents_written, documents_superseded, records_quarantined, \
         combinations_found, combinations_written, combinations_superseded FROM runs",
    )
    .await;
    let balance =
        rows(&warehouse, "SELECT sum(documents_written) - sum(documents_replaced) - sum(deletions_applied) FROM runs")
            .await;
    let state = state(&warehouse).await;
    assert_eq!(balance[0][0], state.0.len().to_string(), "written - replaced - deleted = live");
    let findings = super::super::verify(&warehouse, Default::default()).await.unwrap();
    assert!(findings.is_empty(), "{findings:#?}");
    (state, sums)
}

/// Each case starts the commit up to a dozen times on disk; `PROPTEST_CASES` gives more.
fn cases() -> u32 {
    std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(12)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), max_shrink_iters: 40, ..ProptestConfig::default() })]

    #[test]
    fn any_order_any_kill_any_replay_ends_with_the_model(files in files(), starts in starts(), marks: bool) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let (state, sums) = runtime.block_on(play(&files, &starts, marks));
        prop_assert_eq!(state, model(&files));
        prop_assert_eq!(sums.len(), files.len(), "one row of runs per file");
    }
}
