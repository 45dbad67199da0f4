//! `--shard i/n`: n processes on one warehouse at once give the rows of one process.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use serde_json::Value;
use tempfile::TempDir;

use crate::corpus::md5_of;
use crate::pmc::Paper;
use crate::support::{command, json, rexdrug, sql, stdout};
use crate::torture::{Case, kill_at, tables};

const FILES: u32 = 14;
const SHARDS: u128 = 4;

fn shard(case: &Case, warehouse: &Path, part: &str) -> Command {
    let mut command = case.run(warehouse);
    command.args(["--shard", part, "--json"]);
    command
}

fn start(command: &mut Command) -> Child {
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

/// The summary of a shard that must end well.
fn summary(child: Child) -> Value {
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// All shards at once; their summaries in order.
fn all_at_once(case: &Case, warehouse: &Path) -> Vec<Value> {
    let parts: Vec<String> = (0..SHARDS).map(|index| format!("{index}/{SHARDS}")).collect();
    let started: Vec<Child> = parts.iter().map(|part| start(&mut shard(case, warehouse, part))).collect();
    started.into_iter().map(summary).collect()
}

/// Which shard each file must be in: the rule of docs/deploy.md, reckoned anew.
fn expected_shards(input: &Path) -> BTreeMap<String, u128> {
    let files = std::fs::read_dir(input).unwrap().map(|entry| entry.unwrap().path());
    let shard = |path: &Path| u128::from_str_radix(&md5_of(&std::fs::read(path).unwrap()), 16).unwrap() % SHARDS;
    files.map(|path| (path.file_name().unwrap().to_string_lossy().into_owned(), shard(&path))).collect()
}

/// Rows of `runs`, without what depends on which of two files was committed first.
fn runs(warehouse: &Path) -> Vec<Value> {
    sql(
        warehouse,
        "SELECT source_file, source_md5, source_seq, verb, status, records_read, records_quarantined, deletions_listed, \
         sentences_read, sentences_kept, combinations_found FROM runs ORDER BY source_file",
    )
}

fn ends_well(case: &Case, warehouse: &Path, alone: &Path) {
    assert_eq!(tables(warehouse)[..3], case.expected[..3]);
    assert_eq!(runs(warehouse), runs(alone));
    assert!(stdout(&["verify", "--warehouse", &warehouse.to_string_lossy()]).contains(": sound\n"));
}

fn commits(warehouse: &Path) -> Vec<usize> {
    let log = |table: &str| std::fs::read_dir(warehouse.join(table).join("_delta_log")).unwrap().count();
    ["documents", "combinations", "quarantine", "runs"].map(log).to_vec()
}

#[test]
fn four_shards_at_once_give_the_rows_of_one_process_and_a_rerun_does_nothing() {
    let case = Case::new(FILES, 6);
    let (alone, warehouse) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    assert!(case.run(alone.path()).output().unwrap().status.success());

    let summaries = all_at_once(&case, warehouse.path());
    let sum = |name: &str| summaries.iter().map(|summary| summary[name].as_u64().unwrap()).sum::<u64>();
    assert_eq!((sum("files_committed"), sum("files_skipped")), (u64::from(FILES), 0), "each file in one shard");
    for summary in &summaries {
        let (here, elsewhere) = (&summary["shard"]["here"], &summary["shard"]["elsewhere"]);
        assert_eq!(here.as_u64().unwrap() + elsewhere.as_u64().unwrap(), u64::from(FILES), "{summary}");
        assert_eq!(summary["files_committed"], *here, "{summary}");
    }
    ends_well(&case, warehouse.path(), alone.path());

    // Which process committed which file is what the rule says.
    let by_run: BTreeMap<&str, u128> =
        (0..SHARDS).zip(&summaries).map(|(index, summary)| (summary["run_id"].as_str().unwrap(), index)).collect();
    let found: BTreeMap<String, u128> = sql(warehouse.path(), "SELECT run_id, source_file FROM runs")
        .iter()
        .map(|row| (row["source_file"].as_str().unwrap().to_owned(), by_run[row["run_id"].as_str().unwrap()]))
        .collect();
    assert_eq!(found, expected_shards(case.input.path()));
    let used: BTreeSet<&u128> = found.values().collect();
    assert!(used.len() > 1, "a test of one shard tests nothing: {found:?}");

    let before = commits(warehouse.path());
    for summary in all_at_once(&case, warehouse.path()) {
        assert_eq!((&summary["files_committed"], &summary["files_skipped"]), (&0.into(), &summary["shard"]["here"]));
    }
    assert_eq!(commits(warehouse.path()), before, "nothing was committed again");
}

#[test]
fn a_shard_that_is_killed_and_run_again_completes_the_tables() {
    let case = Case::new(FILES, 6);
    let (alone, warehouse) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    assert!(case.run(alone.path()).output().unwrap().status.success());
    let of_files = expected_shards(case.input.path());
    let victim = of_files.values().next().unwrap();
    let parts: Vec<u128> = (0..SHARDS).filter(|index| index != victim).collect();
    let others: Vec<Child> =
        parts.iter().map(|index| start(&mut shard(&case, warehouse.path(), &format!("{index}/{SHARDS}")))).collect();
    // Between the first table and the last, while the others commit to the same ones.
    let part = format!("{victim}/{SHARDS}");
    kill_at(shard(&case, warehouse.path(), &part), "documents-committed:1");
    others.into_iter().for_each(|other| drop(summary(other)));
    let missing = of_files.values().filter(|index| *index == victim).count();
    assert_eq!(sql(warehouse.path(), "SELECT * FROM runs").len(), FILES as usize - missing);
    let found = rexdrug(&["verify", "--warehouse", &warehouse.path().to_string_lossy()]);
    assert!(found.status.success(), "unfinished is not broken: {found:?}");

    let again = summary(start(&mut shard(&case, warehouse.path(), &part)));
    assert_eq!(again["files_committed"], missing, "{again}");
    ends_well(&case, warehouse.path(), alone.path());
}

/// Articles that are files of their own are shared out one by one and packed by each shard for itself.
#[test]
fn articles_are_shared_out_one_by_one() {
    let (input, alone, warehouse) = (TempDir::new().unwrap(), TempDir::new().unwrap(), TempDir::new().unwrap());
    for pmcid in 1..=30 {
        let methods = format!("Group {pmcid} got cisplatin with gemcitabine.");
        let paper = Paper { pmcid, pmid: None, licence: "licenses/by/4.0", methods: &methods, results: "Done." };
        std::fs::write(input.path().join(format!("PMC{pmcid}.nxml")), paper.xml()).unwrap();
    }
    let files = input.path().to_string_lossy().into_owned();
    let args = |warehouse: &Path, more: &[&str]| -> Vec<String> {
        let uri = warehouse.to_string_lossy().into_owned();
        let fixed = ["run", &files, "--warehouse", &uri, "--model", "scripted:keyword=with", "--pack", "4", "--json"];
        fixed.iter().chain(more).map(|arg| (*arg).to_owned()).collect()
    };
    let run = |args: Vec<String>| command(&args.iter().map(String::as_str).collect::<Vec<_>>());
    assert!(run(args(alone.path(), &[])).output().unwrap().status.success());
    let started: Vec<Child> =
        ["0/3", "1/3", "2/3"].iter().map(|part| start(&mut run(args(warehouse.path(), &["--shard", part])))).collect();
    let summaries: Vec<Value> = started.into_iter().map(summary).collect();
    let here = |summary: &Value| summary["shard"]["here"].as_u64().unwrap();
    assert_eq!(summaries.iter().map(here).sum::<u64>(), 30, "{summaries:?}");
    assert!(summaries.iter().all(|summary| here(summary) > 0), "{summaries:?}");
    for rows in [
        "SELECT doc_id, version, title, text, source_member, source_etag FROM documents ORDER BY doc_id",
        "SELECT combination_id, doc_id, sentence, drug_key, effect FROM combinations ORDER BY combination_id",
    ] {
        assert_eq!(sql(warehouse.path(), rows), sql(alone.path(), rows));
    }
    let again = json(&args(warehouse.path(), &["--shard", "1/3"]).iter().map(String::as_str).collect::<Vec<_>>());
    assert_eq!((&again["files_committed"], &again["articles_known"]), (&0.into(), &summaries[1]["shard"]["here"]));
}

#[test]
fn parts_come_from_array_jobs_and_wrong_ones_are_refused() {
    let case = Case::new(3, 2);
    let warehouse = TempDir::new().unwrap();
    let mut parts = Vec::new();
    for (index, variable) in
        ["JOB_COMPLETION_INDEX", "AWS_BATCH_JOB_ARRAY_INDEX", "SLURM_ARRAY_TASK_ID"].iter().enumerate()
    {
        let mut run = shard(&case, warehouse.path(), "auto/3");
        parts.push(summary(start(run.env(variable, index.to_string())))["shard"]["part"].clone());
    }
    assert_eq!(parts, ["0/3", "1/3", "2/3"]);
    assert_eq!(tables(warehouse.path())[..3], case.expected[..3]);
    for (part, hint) in [("3/3", "2/3"), ("auto/3", "JOB_COMPLETION_INDEX"), ("half", "0/4")] {
        let output = shard(&case, warehouse.path(), part).output().unwrap();
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.code() == Some(2) && told.contains(hint), "{part}: {told}");
    }
}
