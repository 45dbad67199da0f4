//! Summaries as tables for people.

use std::fmt::Write as _;

use serde_json::Value;

/// Rules and the names of their four scores.
const RULES: [(&str, &str); 4] = [
    ("leaderboard", "leaderboard (published)"),
    ("leaderboard_mended", "leaderboard (mended)"),
    ("rexdrug", "RexDrug (published)"),
    ("rexdrug_mended", "RexDrug (mended)"),
];
const SCORES: [&str; 4] = ["pos_exact", "pos_partial", "any_exact", "any_partial"];

/// The DrugComb summary of one section (see [`super::summary::drugcomb`]).
pub fn drugcomb(title: &str, section: &Value) -> String {
    let mut out = format!("{title}: {} items\n\n", section["items"]);
    let head = SCORES.map(|name| format!("{:>18}", name.replace('_', " "))).concat();
    line(&mut out, &format!("{:<26}{head}", ""));
    for (key, name) in RULES {
        let cells = SCORES.map(|score| format!("{:>18}", f1(&section[key][score]))).concat();
        line(&mut out, &format!("{name:<26}{cells}"));
    }
    for (part, name) in [("p", "  leaderboard precision"), ("r", "  leaderboard recall")] {
        let cells = SCORES.map(|score| format!("{:>18}", percent(&section["leaderboard"][score][part]))).concat();
        line(&mut out, &format!("{name:<26}{cells}"));
    }
    if !section["mentions"].is_null() {
        let mentions = &section["mentions"];
        let (p, r) = (percent(&mentions["p"]), percent(&mentions["r"]));
        line(&mut out, &format!("\n{:<26}{:>18}   precision {p}  recall {r}", "mentions (exact spans)", f1(mentions)));
    }
    strata(&mut out, "label", &section["by_label"]);
    strata(&mut out, "arity", &section["by_arity"]);
    line(&mut out, &format!("\n{:<14}{:>8}{:>12}{:>18}", "paragraph", "gold", "exact R", "R, label aside"));
    for (key, name) in [("needed", "needed"), ("not_needed", "not needed")] {
        let of = &section["by_context"][key];
        let (exact, any) = (percent(&of["exact_r"]), percent(&of["exact_any_label_r"]));
        line(&mut out, &format!("{name:<14}{:>8}{exact:>12}{any:>18}", of["gold"].to_string()));
    }
    errors(&mut out, &section["errors"]);
    out
}

/// The DDI13 summary (see [`super::summary::ddi13`]).
pub fn ddi13(section: &Value) -> String {
    let mut out = format!("DDI13: {} items\n\n", section["items"]);
    let micro = &section["micro"];
    let (p, r) = (percent(&micro["p"]), percent(&micro["r"]));
    line(&mut out, &format!("{:<14}{:>16}   precision {p}  recall {r}", "micro F1", f1(micro)));
    line(&mut out, &format!("{:<14}{:>16}", "macro F1", percent(&section["macro_f1"])));
    line(&mut out, &format!("\n{:<14}{:>8}{:>16}{:>12}{:>10}", "type", "gold", "F1", "precision", "recall"));
    for (name, of) in section["per_type"].as_object().into_iter().flatten() {
        let (p, r, support) = (percent(&of["p"]), percent(&of["r"]), of["support"].to_string());
        line(&mut out, &format!("{name:<14}{support:>8}{:>16}{p:>12}{r:>10}", f1(of)));
    }
    let published = &section["published"];
    let (micro, macro_f1) = (f1(&published["micro"]), percent(&published["macro_f1"]));
    line(&mut out, &format!("\npublished script (NO_COMB is a type): micro {micro}, macro {macro_f1}"));
    errors(&mut out, &section["errors"]);
    out
}

fn strata(out: &mut String, name: &str, strata: &Value) {
    let rest = ["gold", "predicted", "exact F1", "P", "R", "F1, label aside"];
    let [gold, pred, exact, p, r, any] = rest;
    line(out, &format!("\n{name:<14}{gold:>8}{pred:>11}{exact:>12}{p:>8}{r:>8}{any:>18}"));
    for (key, of) in numbered(strata) {
        let (gold, pred, exact) = (of["gold"].to_string(), of["pred"].to_string(), &of["exact"]);
        let (p, r, any) = (percent(&exact["p"]), percent(&exact["r"]), percent(&of["exact_any_label"]["f1"]));
        line(out, &format!("{key:<14}{gold:>8}{pred:>11}{:>12}{p:>8}{r:>8}{any:>18}", percent(&exact["f1"])));
    }
}

/// Entries by number where the keys are numbers, else by name.
pub(super) fn numbered(strata: &Value) -> Vec<(&String, &Value)> {
    let mut entries: Vec<(&String, &Value)> = strata.as_object().into_iter().flatten().collect();
    entries.sort_by_key(|(key, _)| (key.parse::<u64>().ok(), *key));
    entries
}

fn errors(out: &mut String, errors: &Value) {
    line(out, &format!("\n{:<24}{:>8}{:>11}", "not right because of", "gold", "predicted"));
    for (cause, name) in [("mention", "a drug"), ("set", "the set"), ("label", "the label")] {
        let (gold, pred) = (errors["gold"][cause].to_string(), errors["pred"][cause].to_string());
        line(out, &format!("{name:<24}{gold:>8}{pred:>11}"));
    }
    if errors["refused"].as_u64().unwrap_or(0) > 0 {
        line(out, &format!("items without an answer: {}", errors["refused"]));
    }
}

fn line(out: &mut String, text: &str) {
    // Writing to a string cannot fail.
    let _ = writeln!(out, "{}", text.trim_end());
}

fn percent(value: &Value) -> String {
    value.as_f64().map_or_else(|| "-".to_owned(), |value| format!("{:.1}", value * 100.0))
}

/// F1 in percent, with its deviation where there are several runs.
fn f1(prf: &Value) -> String {
    match prf["sd"]["f1"].as_f64() {
        Some(sd) => format!("{} ± {:.1}", percent(&prf["f1"]), sd * 100.0),
        None => percent(&prf["f1"]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn figures_are_percent_with_their_deviation() {
        assert_eq!(f1(&json!({"f1": 0.6666})), "66.7");
        assert_eq!(f1(&json!({"f1": 0.5, "sd": {"f1": 0.0123}})), "50.0 ± 1.2");
        assert_eq!(percent(&Value::Null), "-");
        let keys: Value = json!({"10": 1, "9": 1, "2": 1});
        assert_eq!(numbered(&keys).iter().map(|(key, _)| key.as_str()).collect::<Vec<_>>(), ["2", "9", "10"]);
        let table = drugcomb("gold mentions", &json!({"items": 3, "by_arity": {"2": {"gold": 5}}}));
        assert!(table.starts_with("gold mentions: 3 items\n") && table.contains("\n2 "), "{table}");
        assert!(!ddi13(&json!({})).contains("without an answer"));
    }
}
