//! Reading of parity files, shared by the tests over the published cases and over our own.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, dead_code)]

use std::path::{Path, PathBuf};

use rexdrug_scoring::evaluation::drugcomb::{Alignment, evaluate};
use rexdrug_scoring::evaluation::prediction::Prediction;
use rexdrug_scoring::gold::drugcomb::Item;
use rexdrug_scoring::prf::FourScores;
use rexdrug_scoring::published::leaderboard::{SpanLabel, SpanRelation};
use rexdrug_scoring::published::{self, rewards::Form};
use rexdrug_scoring::reward::{Gold, RewardParts};
use rexdrug_scoring::rows::{AnswerRow, ErrorStats};
use rexdrug_scoring::task::{Label, Task};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

pub const TOLERANCE: f64 = 1e-9;

/// The shared data beside the repository, when this machine has it.
pub fn shared(folder: &str) -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data").join(folder);
    if path.is_dir() {
        return Some(path);
    }
    eprintln!("skipped: no shared/data/{folder} beside the repository");
    None
}

pub fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures")
}

pub fn lines<T: DeserializeOwned>(path: &Path) -> Vec<T> {
    let text = std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    text.lines()
        .enumerate()
        .map(|(at, line)| serde_json::from_str(line).unwrap_or_else(|e| panic!("{}:{}: {e}", path.display(), at + 1)))
        .collect()
}

#[derive(Deserialize)]
pub struct RewardCase {
    pub task: Task,
    pub completion: String,
    pub solution: String,
    pub rewards: Value,
    pub answer: String,
    pub answer_solution: String,
}

pub fn number(value: &Value, key: &str) -> f64 {
    value[key].as_f64().unwrap_or_else(|| panic!("no number under {key} in {value}"))
}

#[track_caller]
pub fn close(found: f64, expected: f64, what: &str) {
    assert!((found - expected).abs() <= TOLERANCE, "{what}: found {found}, expected {expected}");
}

/// Checks all seven published reward values of every case; returns the number of values compared.
pub fn check_rewards(path: &Path) -> usize {
    let cases: Vec<RewardCase> = lines(path);
    for (at, case) in cases.iter().enumerate() {
        let bare: RewardParts =
            published::rewards::answer(&case.answer, &Gold::parse(case.task, &case.answer_solution).unwrap());
        let tagged: RewardParts =
            published::rewards::completion(&case.completion, &Gold::parse(case.task, &case.solution).unwrap());
        for (name, found) in [
            ("format", bare.format),
            ("coverage", bare.coverage),
            ("accuracy", bare.accuracy),
            ("cot_format", tagged.format),
            ("cot_think", tagged.think),
            ("coverage_cot", tagged.coverage),
            ("accuracy_cot", tagged.accuracy),
        ] {
            let form = if name.contains("cot") { Form::Completion } else { Form::Answer };
            let what = format!("case {} {name} ({form:?})\n{}\n{}", at + 1, case.completion, case.answer_solution);
            close(found, number(&case.rewards, name), &what);
        }
    }
    cases.len() * 7
}

fn check_prf(found: &impl serde::Serialize, expected: &Value, what: &str) -> usize {
    let found = serde_json::to_value(found).unwrap();
    for key in ["P", "R", "F1"] {
        close(number(&found, key), number(expected, key), &format!("{what} {key}"));
    }
    3
}

fn check_stats(found: (usize, ErrorStats), expected: &Value, what: &str) -> usize {
    assert_eq!(found.0 as u64, expected["total_lines"].as_u64().unwrap(), "{what} total_lines");
    let stats: ErrorStats = serde_json::from_value(expected["error_stats"].clone()).unwrap();
    assert_eq!(found.1, stats, "{what} error_stats");
    4
}

/// The gold items that rows of the leaderboard stand for, with a name for every id that gold or predictions use.
fn items(gold: &[SpanRelation], pred: &[SpanRelation]) -> Vec<Item> {
    let mut names: Vec<&str> = gold.iter().chain(pred).map(|row| row.doc_id.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    let lines = names.into_iter().map(|doc_id| {
        let of = |rows: &[SpanRelation]| -> Vec<SpanRelation> {
            rows.iter().filter(|row| row.doc_id == doc_id).cloned().collect()
        };
        let (gold, pred) = (of(gold), of(pred));
        let most = gold.iter().chain(&pred).flat_map(|row| row.drug_idxs.iter().copied()).max().unwrap_or(0);
        let spans: Vec<Value> = (0..=most)
            .map(|id| serde_json::json!({"span_id": id, "text": format!("d{id:04}"), "start": id * 6, "end": id * 6 + 5}))
            .collect();
        let class = |row: &SpanRelation| if row.relation_label == SpanLabel::Pos { "POS" } else { "COMB" };
        let rels: Vec<Value> = gold
            .iter()
            .filter(|row| row.relation_label != SpanLabel::NoComb)
            .map(|row| serde_json::json!({"class": class(row), "spans": row.drug_idxs}))
            .collect();
        let sentence: Vec<String> = (0..=most).map(|id| format!("d{id:04}")).collect();
        let item = serde_json::json!({"doc_id": doc_id, "sentence": sentence.join(" "), "spans": spans, "rels": rels});
        format!("{item}\n")
    });
    rexdrug_scoring::gold::drugcomb::read(lines.collect::<String>().as_bytes()).unwrap()
}

/// The leaderboard rule as `eval` asks for it: over items and predictions of ids.
fn evaluated(gold: &[SpanRelation], pred: &[SpanRelation]) -> FourScores {
    let items = items(gold, pred);
    let label = |label| match label {
        SpanLabel::Pos => Label::Pos,
        SpanLabel::Comb => Label::Comb,
        SpanLabel::NoComb => Label::NoComb,
    };
    let predictions: Vec<Prediction> = items
        .iter()
        .map(|item| {
            let rows = pred.iter().filter(|row| row.doc_id == item.doc_id);
            let rows: Vec<(Label, Vec<u32>)> =
                rows.map(|row| (label(row.relation_label), row.drug_idxs.clone())).collect();
            Prediction::from_ids(item, &rows)
        })
        .collect();
    evaluate(&items, &predictions, Alignment::Spans).unwrap().leaderboard
}

/// Checks a folder of metric files against its expected scores; returns the number of values compared.
pub fn check_metrics(folder: &Path, expected: &Value, what: &str) -> usize {
    let mut compared = 0;
    let gold: Vec<SpanRelation> = lines(&folder.join("leaderboard_gold.jsonl"));
    let pred: Vec<SpanRelation> = lines(&folder.join("leaderboard_pred.jsonl"));
    for (how, scores) in [("rows", published::leaderboard::score(&gold, &pred)), ("items", evaluated(&gold, &pred))] {
        for (name, found) in [
            ("pos_exact", &scores.pos_exact),
            ("pos_partial", &scores.pos_partial),
            ("any_exact", &scores.any_exact),
            ("any_partial", &scores.any_partial),
        ] {
            compared += check_prf(found, &expected["leaderboard"][name], &format!("{what} leaderboard {how} {name}"));
        }
    }

    let rows: Vec<AnswerRow> = lines(&folder.join("rexdrug_drugcomb.jsonl"));
    let report = published::drugcomb::evaluate(&rows).unwrap();
    let wanted = &expected["rexdrug_drugcomb"];
    compared += check_stats((report.total_lines, report.error_stats), &wanted["summary"], &format!("{what} drugcomb"));
    for (class, kind, found) in [
        ("pos_vs_other", "exact", &report.scores.pos_exact),
        ("pos_vs_other", "partial", &report.scores.pos_partial),
        ("any_comb", "exact", &report.scores.any_exact),
        ("any_comb", "partial", &report.scores.any_partial),
    ] {
        compared += check_prf(found, &wanted[class][kind], &format!("{what} drugcomb {class} {kind}"));
    }

    let rows: Vec<AnswerRow> = lines(&folder.join("rexdrug_ddi13.jsonl"));
    let report = published::ddi13::evaluate(&rows).unwrap();
    let wanted = &expected["rexdrug_ddi13"];
    compared += check_stats((report.total_lines, report.error_stats), &wanted["summary"], &format!("{what} ddi13"));
    compared += check_prf(&report.micro, &wanted["micro"], &format!("{what} ddi13 micro"));
    close(report.macro_f1, number(&wanted["macro"], "F1"), &format!("{what} ddi13 macro"));
    let per_type = wanted["macro"]["per_type"].as_object().unwrap();
    assert_eq!(report.per_type.len(), per_type.len(), "{what} ddi13 types");
    for (name, scores) in per_type {
        let label: Label = Task::Ddi13.label(name).unwrap();
        let found = report.per_type.get(&label).unwrap_or_else(|| panic!("{what} ddi13 {name} is missing"));
        compared += 1 + check_prf(found, scores, &format!("{what} ddi13 {name}"));
        assert_eq!(found.support as u64, scores["support"].as_u64().unwrap(), "{what} ddi13 {name} support");
    }
    compared + 1
}
