//! `rexdrug sync` against a server on loopback that behaves as NLM's does, and as it does on bad nights.

use std::path::Path;
use std::process::{Child, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

use crate::corpus::{article, gzip, set};
use crate::nlm::{Fault, Nlm};
use crate::support::{command, json, signal, sql, stdout};

/// Rows that must not depend on how the files came.
const ROWS: &str = "SELECT combination_id, doc_id, sentence, drug_key, effect, source_file, source_md5, source_record \
    FROM combinations ORDER BY combination_id";
const DOCUMENTS: &str = "SELECT doc_id, version, source_file, text FROM documents ORDER BY doc_id";

struct Site {
    nlm: Nlm,
    downloads: TempDir,
    warehouse: TempDir,
}

impl Site {
    fn new() -> Self {
        Self { nlm: Nlm::start(), downloads: TempDir::new().unwrap(), warehouse: TempDir::new().unwrap() }
    }

    /// Two baseline files of twenty articles each and an update that revises one, adds one and deletes one.
    fn with_files() -> Self {
        let site = Self::new();
        for (path, bytes) in files() {
            let (folder, name) = path.split_once('/').unwrap();
            site.nlm.put(folder, name, bytes);
        }
        site
    }

    fn command(&self, more: &[&str]) -> std::process::Command {
        let (url, warehouse) = (self.nlm.url(), self.warehouse.path().to_string_lossy().into_owned());
        let downloads = self.downloads.path().to_string_lossy().into_owned();
        let mut args = vec!["sync", "--base-url", &url, "--warehouse", &warehouse, "--download-dir", &downloads];
        args.extend(["--model", "scripted:keyword=with", "--json", "--requests-per-second", "200", "--pause", "0.05"]);
        args.extend(more);
        let mut command = command(&args);
        command.env("NO_PROXY", "127.0.0.1");
        command
    }

    fn sync(&self, more: &[&str]) -> Output {
        self.command(more).output().unwrap()
    }

    /// A sync that must end with `code`.
    fn ends(&self, code: i32, more: &[&str]) -> (Value, String) {
        let output = self.sync(more);
        let log = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(code), "{log}");
        (serde_json::from_slice(&output.stdout).unwrap_or_default(), log)
    }

    fn rows(&self) -> (Vec<Value>, Vec<Value>) {
        (sql(self.warehouse.path(), DOCUMENTS), sql(self.warehouse.path(), ROWS))
    }

    fn is_sound(&self) {
        assert!(stdout(&["verify", "--warehouse", &self.warehouse.path().to_string_lossy()]).contains("sound"));
    }

    /// Files asked for, listings and md5 files left out.
    fn fetched(&self) -> Vec<String> {
        let mut files: Vec<String> = self.nlm.requests().into_iter().map(|(path, _)| path).collect();
        files.retain(|path| path.ends_with(".xml.gz"));
        // Two connections: which of two files is asked for first is left to chance.
        files.sort();
        files
    }
}

fn baseline(first: u32, last: u32) -> Vec<u8> {
    gzip(&set(&(first..=last).map(|pmid| article(pmid, 1, pmid as usize % 3)).collect::<Vec<_>>(), &[]))
}

fn files() -> Vec<(&'static str, Vec<u8>)> {
    let update = set(&[article(3, 2, 2), article(41, 1, 1)], &[7]);
    vec![
        ("baseline/pubmed26n0001.xml.gz", baseline(1, 20)),
        ("baseline/pubmed26n0002.xml.gz", baseline(21, 40)),
        ("updatefiles/pubmed26n0003.xml.gz", gzip(&update)),
    ]
}

/// The rows that `run` makes of the same files.
fn expected() -> (Vec<Value>, Vec<Value>) {
    let (input, warehouse) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    for (path, bytes) in files() {
        std::fs::write(input.path().join(path.split_once('/').unwrap().1), bytes).unwrap();
    }
    let uri = warehouse.path().to_string_lossy().into_owned();
    json(&["run", &input.path().to_string_lossy(), "--warehouse", &uri, "--model", "scripted:keyword=with", "--json"]);
    let rows = (sql(warehouse.path(), DOCUMENTS), sql(warehouse.path(), ROWS));
    assert!(rows.0.len() == 40 && rows.1.len() > 20, "{rows:?}");
    rows
}

fn is_empty(folder: &Path) -> bool {
    let left: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .flat_map(|entry| std::fs::read_dir(entry.unwrap().path()).unwrap().map(|entry| entry.unwrap().path()))
        .collect();
    if !left.is_empty() {
        eprintln!("left: {left:?}");
    }
    left.is_empty()
}

#[test]
fn a_first_night_a_quiet_one_and_one_with_news() {
    let site = Site::with_files();
    let (plan, _) = site.ends(0, &["--dry-run"]);
    assert_eq!(plan["files"].as_array().unwrap().len(), 3, "{plan}");
    assert!(!site.warehouse.path().join("documents").exists(), "a dry run writes nothing");
    let (summary, _) = site.ends(0, &["--max-files", "1"]);
    assert_eq!((&summary["files_downloaded"], &summary["files_left"]), (&1.into(), &2.into()), "{summary}");
    let (summary, _) = site.ends(0, &[]);
    assert_eq!((&summary["files_known"], &summary["files_committed"]), (&1.into(), &2.into()), "{summary}");
    assert_eq!(site.rows(), expected());
    assert!(is_empty(site.downloads.path()), "downloads are removed once they are committed");
    site.nlm.requests();

    let (summary, _) = site.ends(0, &[]);
    assert_eq!((&summary["files_known"], &summary["files_downloaded"]), (&3.into(), &0.into()), "{summary}");
    assert_eq!(site.nlm.requests().len(), 2, "a quiet night asks for the two listings only");

    site.nlm.put("updatefiles", "pubmed26n0004.xml.gz", gzip(&set(&[article(50, 1, 1)], &[2])));
    // The same name with other contents, changed after it was committed: NLM issued it anew.
    site.nlm.put_at("updatefiles", "pubmed26n0003.xml.gz", gzip(&set(&[article(3, 3, 1)], &[8])), "2999-01-01 00:00");
    let (summary, _) = site.ends(0, &[]);
    assert_eq!(summary["files_committed"], 2, "{summary}");
    assert_eq!(site.fetched(), ["updatefiles/pubmed26n0003.xml.gz", "updatefiles/pubmed26n0004.xml.gz"]);
    let live =
        sql(site.warehouse.path(), "SELECT pmid, version FROM documents WHERE pmid IN (2, 3, 8, 50) ORDER BY pmid");
    assert_eq!(
        live,
        serde_json::from_str::<Vec<Value>>("[{\"pmid\":3,\"version\":3},{\"pmid\":50,\"version\":1}]").unwrap()
    );
    let verbs = sql(site.warehouse.path(), "SELECT DISTINCT verb FROM runs");
    assert_eq!(verbs[0]["verb"], "sync");
    site.is_sound();
}

#[test]
fn a_night_of_broken_connections_ends_with_the_same_rows() {
    let site = Site::with_files();
    let path = |name: &str| files().into_iter().map(|(path, _)| path).find(|path| path.contains(name)).unwrap();
    let (one, two, three) = (path("n0001"), path("n0002"), path("n0003"));
    site.nlm.spoil("baseline/", &[Fault::Status(503, Some("1")), Fault::Cut(40)]);
    site.nlm.spoil("updatefiles/", &[Fault::Status(429, None)]);
    site.nlm
        .spoil(one, &[Fault::Cut(300), Fault::Cut(200), Fault::Status(500, None), Fault::WholeBody, Fault::Flip(99)]);
    site.nlm.spoil(two, &[Fault::CutInSilence(250), Fault::Flip(10), Fault::Status(503, Some("0")), Fault::Cut(0)]);
    site.nlm.spoil(three, &[Fault::Trickle(100), Fault::Trickle(100), Fault::Status(502, None)]);
    site.nlm.spoil(&format!("{three}.md5"), &[Fault::Cut(9), Fault::Status(500, None)]);
    let started = Instant::now();
    let (summary, log) = site.ends(0, &["--stall", "1"]);
    assert!(started.elapsed() >= Duration::from_secs(1), "Retry-After is kept");
    assert_eq!((&summary["files_committed"], &summary["missed"]), (&3.into(), &Value::Array(vec![])), "{summary}");
    assert_eq!(site.rows(), expected());
    let resumed: Vec<(String, Option<u64>)> =
        site.nlm.requests().into_iter().filter(|(path, from)| path == one && from.is_some()).collect();
    assert!(resumed.iter().any(|(_, from)| *from == Some(300)), "{resumed:?}");
    assert!(resumed.iter().any(|(_, from)| *from == Some(500)), "{resumed:?}");
    assert!(log.contains("its md5 is"), "{log}");
    assert!(is_empty(site.downloads.path()));
    site.is_sound();
}

#[test]
fn what_cannot_be_fetched_is_named_left_out_and_fetched_the_next_night() {
    let site = Site::with_files();
    site.nlm.put("updatefiles", "pubmed26n0004.xml.gz", gzip(&set(&[article(60, 1, 1)], &[])));
    site.nlm.put("updatefiles", "pubmed26n0005.xml.gz", gzip(&set(&[article(61, 1, 1)], &[])));
    site.nlm.spoil_always("baseline/pubmed26n0002.xml.gz", Fault::Flip(77));
    site.nlm.spoil_always("updatefiles/pubmed26n0003.xml.gz", Fault::Status(404, None));
    site.nlm.spoil_always("updatefiles/pubmed26n0004.xml.gz.md5", Fault::Status(404, None));
    let (summary, log) = site.ends(1, &["--attempts", "3"]);
    let missed: Vec<&str> =
        summary["missed"].as_array().unwrap().iter().map(|one| one["file"].as_str().unwrap()).collect();
    assert_eq!(missed, ["pubmed26n0002.xml.gz", "pubmed26n0003.xml.gz", "pubmed26n0004.xml.gz"]);
    assert!(log.lines().last().unwrap().contains("3 files not fetched"), "{log}");
    for expected in [
        "n0002.xml.gz: its md5 is",
        "n0003.xml.gz: the server says 404",
        "n0004.xml.gz: its md5 file: the server says 404",
    ] {
        assert!(log.contains(expected), "{expected} in {log}");
    }
    let there = sql(site.warehouse.path(), "SELECT source_file FROM runs ORDER BY 1");
    assert_eq!(there.len(), 2, "the others are applied: {there:?}");
    assert!(sql(site.warehouse.path(), "SELECT * FROM quarantine").is_empty(), "what was not fetched is not refused");
    site.nlm.mend();
    let (summary, _) = site.ends(0, &[]);
    assert_eq!(summary["files_committed"], 3, "{summary}");
    let live = sql(site.warehouse.path(), "SELECT count(*) AS n, max(version) AS v FROM documents");
    assert_eq!((&live[0]["n"], &live[0]["v"]), (&42.into(), &2.into()));
    site.is_sound();

    site.nlm.take_down();
    let (_, log) = site.ends(2, &[]);
    assert!(log.contains("lists no file such as"), "a maintenance page is not an empty night: {log}");
    site.nlm.mend();
    site.nlm.spoil_always("baseline/", Fault::Status(503, Some("86400")));
    let (_, log) = site.ends(2, &[]);
    assert!(log.contains("cannot list") && log.contains("86400"), "{log}");
}

fn wait(mut child: Child) -> (Option<i32>, String) {
    let mut log = String::new();
    std::io::Read::read_to_string(&mut child.stderr.take().unwrap(), &mut log).unwrap();
    (child.wait().unwrap().code(), log)
}

#[test]
fn a_second_start_says_who_is_at_work_and_a_stopped_one_leaves_parts_to_resume() {
    let site = Site::with_files();
    let slow = "baseline/pubmed26n0002.xml.gz";
    site.nlm.spoil(slow, &[Fault::Trickle(20)]);
    let first = site.command(&[]).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    site.nlm.wait_for(slow);
    let (_, log) = site.ends(3, &[]);
    assert!(log.contains("another sync works on") && log.contains(&format!("process {}", first.id())), "{log}");
    // Some bytes of the slow file are there by now.
    std::thread::sleep(Duration::from_millis(1500));
    let asked = Instant::now();
    signal(&first, "TERM");
    let (code, log) = wait(first);
    assert_eq!(code, Some(4), "{log}");
    assert!(asked.elapsed() < Duration::from_secs(30));
    assert!(log.lines().last().unwrap().contains("stopped on request"), "{log}");
    site.nlm.requests();
    // The lease was given back, and the part is not fetched again.
    site.ends(0, &[]);
    let resumed = site.nlm.requests().into_iter().find(|(path, _)| path == slow).unwrap();
    assert!(resumed.1.is_some_and(|from| from > 0), "{resumed:?}");
    assert_eq!(site.rows(), expected());
    site.is_sound();
}

#[test]
fn a_new_baseline_year_replaces_the_old_one_and_drops_what_it_no_longer_holds() {
    let site = Site::with_files();
    site.ends(0, &[]);
    // The new year restates every document with version 1, whatever its version was, and lacks 11, 12 and 41.
    site.nlm.remove_all();
    let restated = |pmids: Vec<u32>| {
        let articles: Vec<String> = pmids.into_iter().map(|pmid| article(pmid, 1, 1)).collect();
        gzip(&set(&articles, &[]))
    };
    let live: Vec<u32> = (1..=40).filter(|pmid| ![7, 11, 12].contains(pmid)).collect();
    site.nlm.put("baseline", "pubmed27n0001.xml.gz", restated(live[..20].to_vec()));
    site.nlm.put("baseline", "pubmed27n0002.xml.gz", restated(live[20..].to_vec()));
    let (summary, _) = site.ends(0, &["--max-drop", "1"]);
    assert!(summary["year"].is_null(), "nothing is dropped before the baseline is followed by an update: {summary}");
    site.nlm.put("updatefiles", "pubmed27n0003.xml.gz", gzip(&set(&[article(70, 1, 1)], &[])));
    let (summary, log) = site.ends(1, &[]);
    assert!(summary["year"]["refused"].as_str().unwrap().contains("3 of 41 documents (7.3 %)"), "{summary}");
    assert!(log.contains("--max-drop"), "{log}");
    let (summary, _) = site.ends(0, &["--max-drop", "0.1"]);
    assert_eq!(summary["year"]["pmids"], serde_json::json!([11, 12, 41]), "{summary}");
    let old = "SELECT count(*) AS n FROM documents WHERE source_file LIKE 'pubmed26%'";
    assert_eq!(sql(site.warehouse.path(), old)[0]["n"], 0);
    let all = sql(site.warehouse.path(), "SELECT count(*) AS n, max(version) AS v FROM documents");
    assert_eq!((&all[0]["n"], &all[0]["v"]), (&38.into(), &1.into()));
    let orphans = "SELECT count(*) AS n FROM combinations WHERE doc_id NOT IN (SELECT doc_id FROM documents)";
    assert_eq!(sql(site.warehouse.path(), orphans)[0]["n"], 0);
    let report = sql(
        site.warehouse.path(),
        "SELECT deletions_applied AS n FROM runs WHERE source_file = 'pubmed27n0000.dropped'",
    );
    assert_eq!(report[0]["n"], 3);
    site.is_sound();
    let (summary, _) = site.ends(0, &[]);
    assert!(summary["year"].is_null() && summary["files_downloaded"] == 0, "{summary}");
    // A file of the old year that turns up late does not bring them back.
    let input = TempDir::new().unwrap();
    std::fs::write(
        input.path().join("pubmed26n0009.xml.gz"),
        gzip(&set(&[article(11, 5, 1), article(12, 1, 1), article(1, 9, 1)], &[])),
    )
    .unwrap();
    let uri = site.warehouse.path().to_string_lossy().into_owned();
    json(&["run", &input.path().to_string_lossy(), "--warehouse", &uri, "--model", "scripted:keyword=with", "--json"]);
    assert_eq!(sql(site.warehouse.path(), old)[0]["n"], 0);
    site.is_sound();
}
