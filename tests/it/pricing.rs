//! `rexdrug plan`: what a run would take.

use std::path::Path;

use serde_json::Value;
use tempfile::TempDir;

use crate::corpus::{article, gzip, set};
use crate::support::{command, json, rexdrug, sql, stdout};

const MODEL: &str = "scripted:keyword=with";

fn corpus(folder: &Path, numbers: std::ops::RangeInclusive<u32>) {
    for number in numbers {
        let articles: Vec<String> = (1..=20).map(|pmid| article(number * 100 + pmid, 1, 2)).collect();
        std::fs::write(folder.join(format!("plan26n{number:04}.xml.gz")), gzip(&set(&articles, &[]))).unwrap();
    }
}

fn plan(input: &Path, warehouse: &Path, more: &[&str]) -> Value {
    let (input, warehouse) = (input.to_string_lossy(), warehouse.to_string_lossy());
    let mut args = vec!["plan", &input, "--warehouse", &warehouse, "--json"];
    args.extend(if more.contains(&"--model") { [].as_slice() } else { &["--model", MODEL] });
    args.extend(more);
    json(&args)
}

fn run(input: &Path, warehouse: &Path) {
    let (input, warehouse) = (input.to_string_lossy(), warehouse.to_string_lossy());
    json(&["run", &input, "--warehouse", &warehouse, "--model", MODEL, "--json"]);
}

#[test]
fn assumptions_before_the_first_run_rates_after_it_and_nothing_when_all_is_done() {
    let (input, warehouse) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    corpus(input.path(), 1..=2);
    let first = plan(input.path(), warehouse.path(), &[]);
    let estimate = &first["estimate"];
    assert_eq!((&estimate["files"]["value"], &estimate["files"]["basis"]), (&2.0.into(), &"counted".into()));
    for name in ["records", "candidate_sentences", "reading_hours", "commit_hours", "hours_at_most"] {
        assert_eq!(estimate[name]["basis"], "assumed", "{name}");
        assert!(!estimate[name]["why"].as_array().unwrap().is_empty(), "{name}");
    }
    assert_eq!(estimate["store_requests"]["value"], 0.0, "a folder has no requests");
    assert!(!warehouse.path().join("runs").exists(), "nothing is written");

    run(input.path(), warehouse.path());
    corpus(input.path(), 3..=6);
    let next = plan(input.path(), warehouse.path(), &[]);
    let estimate = &next["estimate"];
    assert_eq!((&estimate["files"]["value"], &estimate["files_done"]["value"]), (&4.0.into(), &2.0.into()));
    let sums = &sql(
        warehouse.path(),
        "SELECT CAST(sum(records_read) AS DOUBLE) / sum(source_bytes) AS records, \
         CAST(sum(sentences_kept) AS DOUBLE) / sum(records_read) AS kept, \
         sum(extract_seconds) / sum(sentences_kept) AS extract, sum(commit_seconds) / count(*) AS commits FROM runs",
    )[0];
    let rate = |name: &str| sums[name].as_f64().unwrap();
    let records = estimate["bytes"]["value"].as_f64().unwrap() * rate("records");
    let expected = [
        ("records", records),
        ("candidate_sentences", records * rate("kept")),
        ("extraction_hours", records * rate("kept") * rate("extract") / 3600.0),
        ("commit_hours", 4.0 * rate("commits") / 3600.0),
    ];
    for (name, expected) in expected {
        let found = estimate[name]["value"].as_f64().unwrap();
        assert!((found - expected).abs() <= expected * 1e-9, "{name}: {found}, expected {expected}");
        assert_eq!(estimate[name]["basis"], "measured", "{name}");
    }
    // Another device has no rates here.
    let elsewhere = plan(input.path(), warehouse.path(), &["--model", "data/models/rexdrug-mini", "--device", "cuda"]);
    assert_eq!(elsewhere["estimate"]["extraction_hours"]["basis"], "assumed");
    assert_eq!(elsewhere["choice"]["device"], "cuda:0");

    run(input.path(), warehouse.path());
    let done = plan(input.path(), warehouse.path(), &[]);
    for (name, figure) in done["estimate"].as_object().unwrap() {
        let expected = if name == "files_done" { 6.0 } else { 0.0 };
        assert_eq!(figure["value"], expected, "{name}");
    }
}

#[test]
fn a_shard_is_priced_by_itself_and_the_plan_is_shown() {
    let (input, warehouse) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    corpus(input.path(), 1..=8);
    let files =
        |more: &[&str]| plan(input.path(), warehouse.path(), more)["estimate"]["files"]["value"].as_f64().unwrap();
    let parts: f64 = ["0/3", "1/3", "2/3"].iter().map(|part| files(&["--shard", part])).sum();
    assert_eq!((parts, files(&[])), (8.0, 8.0));

    let (folder, uri) = (input.path().to_string_lossy(), warehouse.path().to_string_lossy());
    let told = stdout(&["plan", &folder, "--warehouse", &uri, "--min-confidence", "0.5", "--shard", "1/3"]);
    let place = |text: &str| told.find(text).unwrap_or_else(|| panic!("{text} in {told}"));
    assert!(place("shard 1/3") < place("candidate sentences"), "{told}");
    let nodes =
        ["Extract: model=", "min_confidence=0.5", "DrugPrefilter: min_drugs=2", "SentenceSegment:", "TableScan: "];
    assert!(nodes.map(place).is_sorted(), "{told}");
    assert!(told.contains("\n[1] "), "{told}");
    for line in told.lines().filter(|line| line.starts_with("hours")) {
        assert!(line.contains("assumed ["), "a figure says what it rests on: {line}");
    }
}

#[test]
fn language_models_are_priced_in_tokens_and_nobody_is_asked() {
    let (input, warehouse) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    corpus(input.path(), 1..=2);
    let (folder, uri) = (input.path().to_string_lossy(), warehouse.path().to_string_lossy());
    // Nobody listens there.
    let server = ["--llm-url", "http://127.0.0.1:1/v1", "--llm-model", "m"];
    let priced = |extractor: &str| {
        let mut args = vec!["plan", &folder, "--warehouse", &uri, "--json", "--extractor", extractor];
        args.extend(server);
        json(&args)["estimate"].clone()
    };
    let tokens = |estimate: &Value| estimate["prompt_tokens"]["value"].as_f64().unwrap();
    let (openai, cascade) = (priced("openai"), priced("cascade"));
    let candidates = openai["candidate_sentences"]["value"].as_f64().unwrap();
    assert!(tokens(&openai) > candidates * 500.0, "the instructions alone are longer: {openai}");
    assert!(tokens(&cascade) < tokens(&openai));
    assert_eq!(openai["cost"]["value"], 0.0, "no price, no cost");

    let output = rexdrug(&["plan", &folder, "--warehouse", &uri, "--sentences-per-second", "0"]);
    assert_eq!(output.status.code(), Some(2));
    let output = command(&["plan", "/no/such/file.xml.gz", "--warehouse", &uri]).output().unwrap();
    assert!(String::from_utf8_lossy(&output.stderr).contains("no input file matches"), "{output:?}");
}
