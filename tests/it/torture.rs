//! SIGKILL at named points and at random moments; the tables end as those of a run that nobody disturbed.
//!
//! `make test` runs a few kills, `make torture` as many as `REXDRUG_KILLS` says, bounded by `REXDRUG_TORTURE_SECONDS`.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde_json::Value;
use tempfile::TempDir;

use crate::corpus::{article, gzip, set};
use crate::support::{command, json, rexdrug, signal, sql, stdout};

/// Every column of the four tables but ids, times and seconds of runs.
const TABLES: [&str; 4] = [
    "SELECT doc_id, version, title, text, source_file, source_md5, source_record FROM documents ORDER BY doc_id",
    "SELECT combination_id, doc_id, sentence, sentence_start, drug_key, effect, confidence, source_file, source_record \
     FROM combinations ORDER BY combination_id",
    "SELECT stage, reason, message, source_file, source_record FROM quarantine ORDER BY source_file, source_record",
    "SELECT source_file, source_md5, verb, status, records_read, documents_written, documents_superseded, \
     documents_replaced, deletions_listed, deletions_applied, sentences_read, sentences_kept, combinations_found, \
     combinations_written, combinations_superseded FROM runs ORDER BY source_file",
];

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|value| value.parse().ok()).unwrap_or(default)
}

/// Baseline files and updates that revise, delete and add; one record of each file is refused.
fn corpus(files: u32, articles: u32) -> TempDir {
    let folder = TempDir::new().unwrap();
    for number in 1..=files {
        let mut records: Vec<String> =
            (1..=articles).map(|pmid| article(number * 100 + pmid, 1, pmid as usize % 3)).collect();
        let mut deleted = Vec::new();
        if number > files / 2 {
            // An update: what it revises and deletes lies in older files.
            let older = (number - files / 2) * 100;
            records.extend([article(older + 1, 2, 2), article(older + 2, 1, 1), article(103, number, 1)]);
            deleted = vec![older + 3, older + 4];
        }
        records.push(article(0, 1, 1).replace("<PMID Version=\"1\">0</PMID>", ""));
        std::fs::write(folder.path().join(format!("kill26n{number:04}.xml.gz")), gzip(&set(&records, &deleted)))
            .unwrap();
    }
    folder
}

pub struct Case {
    pub input: TempDir,
    pub expected: Vec<Vec<Value>>,
    seconds: f64,
}

impl Case {
    /// A corpus, and the tables of an undisturbed run over it.
    pub fn new(files: u32, articles: u32) -> Self {
        let input = corpus(files, articles);
        let warehouse = TempDir::new().unwrap();
        let started = Instant::now();
        let mut case = Self { input, expected: Vec::new(), seconds: 0.0 };
        let code = case.run(warehouse.path()).output().unwrap().status.code();
        case.seconds = started.elapsed().as_secs_f64();
        assert_eq!(code, Some(0));
        case.expected = tables(warehouse.path());
        assert!(case.expected.iter().all(|rows| rows.len() >= files as usize), "{:?}", case.expected);
        case
    }

    pub fn run(&self, warehouse: &Path) -> std::process::Command {
        let (input, warehouse) = (self.input.path().to_string_lossy(), warehouse.to_string_lossy());
        command(&[
            "run",
            &input,
            "--warehouse",
            &warehouse,
            "--model",
            "scripted:keyword=with",
            "--top",
            "0",
            "--max-quarantine",
            "1",
        ])
    }

    /// Runs to the end, compacts, and compares.
    fn ends_well(&self, warehouse: &Path, what: &str) {
        let output = self.run(warehouse).output().unwrap();
        assert!(output.status.success(), "{what}: {}", String::from_utf8_lossy(&output.stderr));
        assert_eq!(tables(warehouse), self.expected, "{what}");
        assert!(stdout(&["verify", "--warehouse", &warehouse.to_string_lossy()]).contains(": sound\n"), "{what}");
    }
}

pub fn tables(warehouse: &Path) -> Vec<Vec<Value>> {
    TABLES.iter().map(|query| sql(warehouse, query)).collect()
}

/// Starts `command`, which must pause at `point`, and kills it there.
pub fn kill_at(mut command: std::process::Command, point: &str) {
    let mut child =
        command.env("REXDRUG_PAUSE_AT", point).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let log = BufReader::new(child.stderr.take().unwrap());
    let mut seen = String::new();
    let paused = log.lines().map_while(Result::ok).any(|line| {
        seen.push_str(&line);
        line.contains("paused at")
    });
    assert!(paused, "{point} was not reached: {seen}");
    child.kill().unwrap();
    child.wait().unwrap();
}

fn compact(warehouse: &Path) -> std::process::Command {
    command(&["compact", "--warehouse", &warehouse.to_string_lossy()])
}

#[test]
fn killed_at_every_named_point_and_resumed() {
    let case = Case::new(6, 5);
    for point in [
        "source-read:3",
        "extraction-spooled:2",
        "documents-uploaded:5",
        "documents-committed:5",
        "quarantine-committed:4",
        "combinations-uploaded:5",
        "combinations-committed:5",
        "run-committed:5",
    ] {
        let warehouse = TempDir::new().unwrap();
        kill_at(case.run(warehouse.path()), point);
        let found = rexdrug(&["verify", "--warehouse", &warehouse.path().to_string_lossy()]);
        if warehouse.path().join("documents/_delta_log").is_dir() {
            assert!(found.status.success(), "{point}: unfinished is not broken: {found:?}");
        } else {
            let message = String::from_utf8_lossy(&found.stderr);
            assert!(message.contains("no warehouse there"), "{point}: nothing is committed yet: {message}");
        }
        case.ends_well(warehouse.path(), point);
    }
    let warehouse = TempDir::new().unwrap();
    case.ends_well(warehouse.path(), "before compaction");
    for point in ["compaction-uploaded:1", "compaction-committed:1", "compaction-uploaded:2"] {
        kill_at(compact(warehouse.path()), point);
        case.ends_well(warehouse.path(), point);
    }
    assert!(compact(warehouse.path()).output().unwrap().status.success());
    case.ends_well(warehouse.path(), "after compaction");
}

#[test]
fn killed_before_a_checkpoint_or_without_the_pointer_to_it() {
    let case = Case::new(26, 2);
    let warehouse = TempDir::new().unwrap();
    kill_at(case.run(warehouse.path()), "checkpoint-due:1");
    case.ends_well(warehouse.path(), "checkpoint-due");
    // As if killed between the checkpoint and the file that points to it.
    for table in ["documents", "combinations", "runs"] {
        let pointer = warehouse.path().join(table).join("_delta_log/_last_checkpoint");
        if pointer.exists() {
            std::fs::remove_file(pointer).unwrap();
        }
    }
    case.ends_well(warehouse.path(), "no _last_checkpoint");
}

/// Waits for the end of `child` until `deadline`; kills it then. True when it was killed.
fn kill_after(mut child: Child, pause: Duration) -> bool {
    let deadline = Instant::now() + pause;
    while Instant::now() < deadline {
        if let Some(status) = child.try_wait().unwrap() {
            assert!(status.success(), "{status}");
            return false;
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    true
}

#[test]
fn killed_at_random_moments_again_and_again() {
    let (kills, seconds) = (number("REXDRUG_KILLS", 5), number("REXDRUG_TORTURE_SECONDS", 60));
    let seed = number("REXDRUG_TORTURE_SEED", 1);
    let case = Case::new(8, 12);
    let mut random = StdRng::seed_from_u64(seed);
    let (started, mut killed, mut warehouses) = (Instant::now(), 0, 0);
    while killed < kills && started.elapsed().as_secs() < seconds {
        let warehouse = TempDir::new().unwrap();
        warehouses += 1;
        loop {
            // Compaction is killed as well, in between.
            let mut next =
                if random.random_bool(0.25) { compact(warehouse.path()) } else { case.run(warehouse.path()) };
            let child = next.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
            let pause = Duration::from_secs_f64(random.random_range(0.03..0.7) * case.seconds);
            let alive = kill_after(child, pause);
            killed += u64::from(alive);
            if (!alive && next.get_args().any(|arg| arg == "run")) || killed >= kills {
                break;
            }
        }
        case.ends_well(warehouse.path(), &format!("seed {seed}, warehouse {warehouses}, {killed} kills"));
    }
    eprintln!(
        "SIGKILL: {killed} kills of run and compact over {warehouses} warehouses, seed {seed}, {:.0} s: same rows each time",
        started.elapsed().as_secs_f64()
    );
    assert!(killed > 0);
}

#[test]
fn sigterm_ends_a_run_within_half_a_minute_and_the_next_goes_on() {
    let case = Case::new(8, 12);
    let warehouse = TempDir::new().unwrap();
    for (name, pause) in [("TERM", 0.5), ("INT", 0.7)] {
        let child = case.run(warehouse.path()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        std::thread::sleep(Duration::from_secs_f64(case.seconds * pause));
        signal(&child, name);
        let asked = Instant::now();
        let output = child.wait_with_output().unwrap();
        let log = String::from_utf8_lossy(&output.stderr);
        assert!(asked.elapsed() < Duration::from_secs(30));
        eprintln!("SIG{name}: exit {:?} after {:.2} s", output.status.code(), asked.elapsed().as_secs_f64());
        // Done already, or stopped and said so.
        match output.status.code() {
            Some(0) => {}
            Some(4) => assert!(log.lines().last().unwrap().contains("stopped on request"), "{log}"),
            other => panic!("exit {other:?}: {log}"),
        }
        let found = rexdrug(&["verify", "--warehouse", &warehouse.path().to_string_lossy()]);
        assert!(found.status.success(), "{found:?}");
    }
    case.ends_well(warehouse.path(), "after signals");
}

/// Two processes on one warehouse: on different files both succeed, on the same files each is committed once.
#[test]
fn two_runs_at_once_on_one_warehouse() {
    let case = Case::new(6, 5);
    let warehouse = TempDir::new().unwrap();
    let both: Vec<Child> = (0..2)
        .map(|_| case.run(warehouse.path()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap())
        .collect();
    for mut one in both {
        assert!(one.wait().unwrap().success());
    }
    // Which of two files is committed first decides what counts as replaced and what as superseded; the rows do not depend
    // on it.
    assert_eq!(tables(warehouse.path())[..3], case.expected[..3]);
    assert_eq!(tables(warehouse.path())[3].len(), 6, "each file once");

    let warehouse = TempDir::new().unwrap();
    let uri = warehouse.path().to_string_lossy().into_owned();
    let file =
        |number: u32| case.input.path().join(format!("kill26n{number:04}.xml.gz")).to_string_lossy().into_owned();
    let run = |numbers: [u32; 3]| {
        let mut args = vec!["run".to_owned()];
        args.extend(numbers.map(file));
        args.extend(
            ["--warehouse", &uri, "--model", "scripted:keyword=with", "--max-quarantine", "1", "--json"]
                .map(str::to_owned),
        );
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        command(&args).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
    };
    for mut one in [run([1, 3, 5]), run([2, 4, 6])] {
        assert!(one.wait().unwrap().success());
    }
    assert_eq!(tables(warehouse.path())[..3], case.expected[..3]);
    assert!(stdout(&["verify", "--warehouse", &uri]).contains(": sound\n"));
    let summary = json(&["sql", "SELECT count(*) AS n FROM runs", "--format", "json", "--warehouse", &uri]);
    assert_eq!(summary[0]["n"], 6);
}
