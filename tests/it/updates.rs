//! Baselines, updates and deletions of the corpus generator, in any number of runs and any order, against what it says a
//! reader must end with.

use std::path::{Path, PathBuf};
use std::process::Command;

use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use rand::{Rng, SeedableRng};
use serde_json::Value;
use tempfile::TempDir;

use crate::support::{command, root, sql, stdout};

/// Writes a corpus; its files in their order of application, and what is expected after all of them.
fn generate(folder: &Path, updates: usize, seed: u64) -> Option<(Vec<PathBuf>, Value)> {
    let tool = root().join("../shared/tools/make_medline.py");
    if !tool.is_file() {
        eprintln!("skipped: {} is not there", tool.display());
        return None;
    }
    let numbers = [
        "--baseline",
        "2",
        "--records",
        "60",
        "--drug-share",
        "0.3",
        "--updates",
        &updates.to_string(),
        "--seed",
        &seed.to_string(),
    ]
    .map(str::to_owned);
    assert!(Command::new("python3").arg(tool).arg(folder).args(numbers).output().unwrap().status.success());
    let mut files = Vec::new();
    for part in ["baseline", "updatefiles"] {
        let Ok(entries) = std::fs::read_dir(folder.join(part)) else { continue };
        files.extend(
            entries.map(|entry| entry.unwrap().path()).filter(|path| path.extension().is_some_and(|end| end == "gz")),
        );
    }
    files.sort_by_key(|path| path.file_name().map(ToOwned::to_owned));
    Some((files, serde_json::from_slice(&std::fs::read(folder.join("expected.json")).unwrap()).unwrap()))
}

fn run(warehouse: &Path, files: &[PathBuf]) {
    let mut run = command(&[
        "run",
        "--warehouse",
        &warehouse.to_string_lossy(),
        "--model",
        "scripted:keyword=with",
        "--top",
        "0",
    ]);
    let output = run.args(files).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// Has updates of this warehouse mark rows in deletion vectors.
fn mark(warehouse: &Path) {
    stdout(&["compact", "--deletion-vectors", "--warehouse", &warehouse.to_string_lossy()]);
}

fn is_as_expected(warehouse: &Path, expected: &Value, what: &str) {
    let documents = sql(warehouse, "SELECT pmid, source_file FROM documents");
    assert_eq!(documents.len() as u64, expected["live"].as_u64().unwrap(), "{what}");
    let writers = expected["last_writer"].as_object().unwrap();
    for document in &documents {
        let pmid = document["pmid"].to_string();
        assert!(writers.get(&pmid).is_none_or(|writer| *writer == document["source_file"]), "{what}: {document}");
    }
    let live: std::collections::HashSet<i64> = documents.iter().map(|row| row["pmid"].as_i64().unwrap()).collect();
    assert_eq!(live.len(), documents.len(), "{what}: one row a document");
    for dead in expected["deleted"].as_array().unwrap() {
        assert!(!live.contains(&dead.as_i64().unwrap()), "{what}: {dead} was deleted");
    }
    let stale = "SELECT count(*) AS n FROM combinations c LEFT JOIN documents d ON c.doc_id = d.doc_id \
        AND c.source_file = d.source_file AND c.source_record = d.source_record WHERE d.doc_id IS NULL";
    assert_eq!(sql(warehouse, stale)[0]["n"], 0, "{what}: combinations of the newest version only");
    assert!(stdout(&["verify", "--warehouse", &warehouse.to_string_lossy()]).contains(": sound\n"), "{what}");
}

#[test]
fn after_every_prefix_of_the_files_the_live_documents_are_the_expected_ones() {
    let (warehouse, whole) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    mark(warehouse.path());
    for updates in 0..=3 {
        let folder = TempDir::new().unwrap();
        let Some((files, expected)) = generate(folder.path(), updates, 11) else { return };
        run(warehouse.path(), &files[files.len() - if updates == 0 { files.len() } else { 1 }..]);
        is_as_expected(warehouse.path(), &expected, &format!("{updates} updates"));
        if updates == 3 {
            run(whole.path(), &files);
            let rows =
                "SELECT combination_id, source_file, source_record, effect FROM combinations ORDER BY combination_id";
            assert_eq!(sql(warehouse.path(), rows), sql(whole.path(), rows));
        }
    }
    eprintln!("updates: live documents as expected after each of 4 prefixes");
}

#[test]
fn any_order_any_number_of_runs_and_any_replays_end_the_same() {
    let seeds = std::env::var("REXDRUG_UPDATE_SEEDS").ok().and_then(|seeds| seeds.parse().ok()).unwrap_or(2);
    for seed in 0..seeds {
        let (folder, warehouse) = (TempDir::new().unwrap(), TempDir::new().unwrap());
        let Some((files, expected)) = generate(folder.path(), 4, 100 + seed) else { return };
        if seed % 2 == 1 {
            mark(warehouse.path());
        }
        let mut random = StdRng::seed_from_u64(seed);
        let mut left = files.clone();
        left.shuffle(&mut random);
        while !left.is_empty() {
            let mut now: Vec<PathBuf> = left.drain(..random.random_range(1..=left.len().min(3))).collect();
            // A file that was given before, or will be given again.
            now.push(files[random.random_range(0..files.len())].clone());
            run(warehouse.path(), &now);
        }
        is_as_expected(warehouse.path(), &expected, &format!("seed {seed}"));
    }
    eprintln!(
        "updates: {seeds} seeds of files in any order with replays, half of them with deletion vectors: as expected"
    );
}
