//! The RexDrug rule for DrugComb: names instead of span ids, NO_COMB rows counted.
//!
//! As published: a response must be JSON as a whole (a Python list or text around the list is one structural error and
//! an empty prediction); labels are compared with their case; NO_COMB may carry drugs and then matches on them. In
//! "pos" NEG, COMB *and* NO_COMB are one class beside POS; in "any" NO_COMB stays apart. Two empty sets are a full match, so
//! that always answering NO_COMB scores.

use serde::{Deserialize, Serialize};

use crate::answer::{RawItem, tolerant};
use crate::names::DrugSet;
use crate::prf::{FourScores, FourTallies, Tally};
use crate::rows::{AnswerRow, ErrorStats, RowError};
use crate::task::{Label, Task};

/// Scores of a file by this rule.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// Number of rows.
    pub total_lines: usize,
    /// Errors in the responses.
    pub error_stats: ErrorStats,
    /// The four scores; "pos" is POS against the rest.
    pub scores: FourScores,
}

type Relation<'a> = (Label, DrugSet<'a>);

/// Scores the rows of a file.
///
/// # Errors
/// [`RowError`] for the first row whose gold answer is no JSON list.
pub fn evaluate(rows: &[AnswerRow]) -> Result<Report, RowError> {
    let mut error_stats = ErrorStats::default();
    let mut four = FourTallies::default();
    for (index, row) in rows.iter().enumerate() {
        let gold = tolerant::items_json(&row.labels).ok_or_else(|| RowError::new(index, &row.labels))?;
        let gold = relations(&gold, &mut ErrorStats::default());
        let response = tolerant::items_json(&row.response);
        error_stats.structural_errors += usize::from(response.is_none());
        let response = response.unwrap_or_default();
        let pred = relations(&response, &mut error_stats);
        let (gold_pos, pred_pos) = (classed(&gold, pos_class), classed(&pred, pos_class));
        let (gold_any, pred_any) = (classed(&gold, any_class), classed(&pred, any_class));
        four.pos_exact.add(Tally::best_each_side(&gold_pos, &pred_pos, exact));
        four.pos_partial.add(Tally::best_each_side(&gold_pos, &pred_pos, partial));
        four.any_exact.add(Tally::best_each_side(&gold_any, &pred_any, exact));
        four.any_partial.add(Tally::best_each_side(&gold_any, &pred_any, partial));
    }
    Ok(Report { total_lines: rows.len(), error_stats, scores: four.scores() })
}

/// The items the rule keeps; the others are counted by reason.
fn relations<'i>(items: &'i [RawItem<'_>], stats: &mut ErrorStats) -> Vec<Relation<'i>> {
    let mut kept = Vec::with_capacity(items.len());
    for item in items {
        let (true, Some(names)) = (item.is_object, &item.drugs) else {
            stats.structural_errors += 1;
            continue;
        };
        let Some(label) = item.label.as_deref().and_then(|label| Task::DrugComb.label_exact(label)) else {
            stats.relation_type_errors += 1;
            continue;
        };
        let drugs = DrugSet::new(names);
        if label != Label::NoComb && drugs.len() < 2 {
            stats.ent_set_errors += 1;
        } else {
            kept.push((label, drugs));
        }
    }
    kept
}

fn pos_class(label: Label) -> u8 {
    u8::from(label == Label::Pos)
}

fn any_class(label: Label) -> u8 {
    u8::from(label != Label::NoComb)
}

/// Relations under their class, each once.
fn classed<'r>(relations: &'r [Relation<'_>], class: fn(Label) -> u8) -> Vec<(u8, &'r DrugSet<'r>)> {
    let mut kept: Vec<(u8, &DrugSet<'_>)> = Vec::with_capacity(relations.len());
    for (label, drugs) in relations {
        let relation = (class(*label), drugs);
        if !kept.contains(&relation) {
            kept.push(relation);
        }
    }
    kept
}

fn exact(a: &(u8, &DrugSet<'_>), b: &(u8, &DrugSet<'_>)) -> f64 {
    f64::from(u8::from(a.0 == b.0 && a.1.iter().eq(b.1.iter())))
}

fn partial(a: &(u8, &DrugSet<'_>), b: &(u8, &DrugSet<'_>)) -> f64 {
    match () {
        () if a.0 != b.0 => 0.0,
        () if a.1.is_empty() && b.1.is_empty() => 1.0,
        () => a.1.partial(b.1),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    fn report(pairs: &[(&str, &str)]) -> Report {
        let rows: Vec<AnswerRow> = pairs
            .iter()
            .map(|(labels, response)| AnswerRow { labels: (*labels).into(), response: (*response).into() })
            .collect();
        evaluate(&rows).unwrap()
    }

    const NONE: &str = r#"[{"type": "NO_COMB", "ent_set": []}]"#;

    #[test]
    fn always_no_comb_scores() {
        let pos = r#"[{"type": "POS", "ent_set": ["trametinib", "dabrafenib"]}]"#;
        let scores = report(&[(NONE, NONE), (pos, NONE), (pos, NONE)]).scores;
        assert!((scores.any_exact.f1 - 1.0 / 3.0).abs() < 1e-12);
        assert!((scores.pos_partial.f1 - 1.0 / 3.0).abs() < 1e-12);
    }

    #[test]
    fn no_comb_with_drugs_matches_neg_in_pos_only() {
        let neg = r#"[{"type": "NEG", "ent_set": ["a", "b"]}]"#;
        let odd = r#"[{"type": "NO_COMB", "ent_set": ["A", "b"]}]"#;
        let scores = report(&[(neg, odd)]).scores;
        assert_eq!((scores.pos_exact.f1, scores.any_exact.f1), (1.0, 0.0));
    }

    #[test]
    fn only_json_with_exact_labels_counts() {
        let gold = r#"[{"type": "POS", "ent_set": ["a", "b"]}]"#;
        let found = report(&[
            (gold, "[{'type': 'POS', 'ent_set': ['a', 'b']}]"),
            (gold, r#"so: [{"type": "POS", "ent_set": ["a", "b"]}]"#),
            (gold, r#"[{"type": "pos", "ent_set": ["a", "b"]}, "x", {"type": "POS", "ent_set": ["a", "A"]}]"#),
        ]);
        let stats = ErrorStats { structural_errors: 3, relation_type_errors: 1, ent_set_errors: 1 };
        assert_eq!((found.error_stats, found.scores.any_exact.f1), (stats, 0.0));
    }

    #[test]
    fn unreadable_gold_is_an_error() {
        let rows = [AnswerRow { labels: "none".into(), response: NONE.into() }];
        assert!(evaluate(&rows).unwrap_err().to_string().starts_with("row 1: expected"));
    }
}
