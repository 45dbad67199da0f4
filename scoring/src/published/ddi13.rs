//! The published DDI13 evaluation: micro and macro F1 with NO_COMB as a fifth type.
//!
//! As published: pairs are compared as sorted lists of names, so that a name stated twice makes a different pair; a
//! response without usable items (unreadable, empty, or all dropped) counts as NO_COMB; where the response is NO_COMB,
//! repeated gold relations count every time, elsewhere once; NO_COMB with drugs, repeated, or beside relations is
//! neither right nor wrong. Items of unknown type or with fewer than two names are dropped and counted as errors. The
//! macro average runs over the types that occur on either side.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::answer::{RawItem, tolerant};
use crate::names::normalized;
use crate::prf::{Prf, Tally};
use crate::rows::{AnswerRow, ErrorStats, RowError};
use crate::task::{Label, Task};

/// Scores of one type.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct TypeScores {
    /// Precision, recall, F1.
    #[serde(flatten)]
    pub scores: Prf,
    /// Number of gold relations of the type.
    pub support: usize,
}

/// Scores of a DDI13 file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// Number of rows.
    pub total_lines: usize,
    /// Errors in the responses.
    pub error_stats: ErrorStats,
    /// Over all relations together.
    pub micro: Prf,
    /// Mean F1 of the types in [`Self::per_type`].
    pub macro_f1: f64,
    /// Per type.
    pub per_type: BTreeMap<Label, TypeScores>,
}

/// Right, wrong and missed relations of one type.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) right: usize,
    pub(crate) wrong: usize,
    pub(crate) missed: usize,
}

impl Counts {
    fn scores(self) -> Prf {
        let right = self.right as f64;
        let (pred_count, gold_count) = (self.right + self.wrong, self.right + self.missed);
        Tally { pred_credit: right, pred_count, gold_credit: right, gold_count }.prf()
    }
}

/// A report from the counts of the types that took part.
pub(crate) fn report(rows: usize, error_stats: ErrorStats, counts: &BTreeMap<Label, Counts>) -> Report {
    let mut all = Counts::default();
    let mut per_type = BTreeMap::new();
    for (&label, &count) in counts {
        all.right += count.right;
        all.wrong += count.wrong;
        all.missed += count.missed;
        per_type.insert(label, TypeScores { scores: count.scores(), support: count.right + count.missed });
    }
    let f1_sum: f64 = per_type.values().map(|of: &TypeScores| of.scores.f1).sum();
    let macro_f1 = if per_type.is_empty() { 0.0 } else { f1_sum / per_type.len() as f64 };
    Report { total_lines: rows, error_stats, micro: all.scores(), macro_f1, per_type }
}

type Relation<'a> = (Label, Vec<Cow<'a, str>>);

/// Scores the rows of a file.
///
/// # Errors
/// [`RowError`] for the first row whose gold answer is no list.
pub fn evaluate(rows: &[AnswerRow]) -> Result<Report, RowError> {
    let mut error_stats = ErrorStats::default();
    let mut counts: BTreeMap<Label, Counts> = BTreeMap::new();
    for (index, row) in rows.iter().enumerate() {
        let gold = tolerant::items(&row.labels).ok_or_else(|| RowError::new(index, &row.labels))?;
        let gold = relations(gold, &mut ErrorStats::default());
        let pred = relations(tolerant::items(&row.response).unwrap_or_default(), &mut error_stats);
        count_row(gold, pred, &mut counts);
    }
    Ok(report(rows.len(), error_stats, &counts))
}

fn relations<'a>(items: Vec<RawItem<'a>>, stats: &mut ErrorStats) -> Vec<Relation<'a>> {
    let mut kept = Vec::with_capacity(items.len());
    for item in items {
        let (true, Some(names)) = (item.is_object, item.drugs) else {
            stats.structural_errors += 1;
            continue;
        };
        let Some(label) = item.label.as_deref().and_then(|label| Task::Ddi13.label(label)) else {
            stats.relation_type_errors += 1;
            continue;
        };
        if label != Label::NoComb && names.len() < 2 {
            stats.ent_set_errors += 1;
            continue;
        }
        let mut names: Vec<Cow<'_, str>> = names.into_iter().map(normalized).collect();
        names.sort_unstable();
        kept.push((label, names));
    }
    kept
}

fn states_none(relations: &[Relation<'_>]) -> bool {
    match relations {
        [] => true,
        [(label, names)] => *label == Label::NoComb && names.is_empty(),
        _ => false,
    }
}

fn count_row<'r>(mut gold: Vec<Relation<'r>>, mut pred: Vec<Relation<'r>>, counts: &mut BTreeMap<Label, Counts>) {
    let (gold_none, pred_none) = (states_none(&gold), states_none(&pred));
    if gold_none {
        let none = counts.entry(Label::NoComb).or_default();
        none.right += usize::from(pred_none);
        none.missed += usize::from(!pred_none);
    } else if pred_none {
        counts.entry(Label::NoComb).or_default().wrong += 1;
        for (label, _) in &gold {
            counts.entry(*label).or_default().missed += 1;
        }
        return;
    }
    for side in [&mut gold, &mut pred] {
        side.retain(|(label, _)| *label != Label::NoComb);
        side.sort_unstable();
        side.dedup();
    }
    for relation in &pred {
        let count = counts.entry(relation.0).or_default();
        if gold.contains(relation) {
            count.right += 1;
        } else {
            count.wrong += 1;
        }
    }
    for relation in gold.iter().filter(|relation| !pred.contains(relation)) {
        counts.entry(relation.0).or_default().missed += 1;
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    fn of(pairs: &[(&str, &str)]) -> Report {
        let rows: Vec<AnswerRow> = pairs
            .iter()
            .map(|(labels, response)| AnswerRow { labels: (*labels).into(), response: (*response).into() })
            .collect();
        evaluate(&rows).unwrap()
    }

    const TWICE: &str = r#"[{"type": "int", "ent_set": ["a", "b"]}, {"type": "int", "ent_set": ["B", "a"]}]"#;

    #[test]
    fn repeated_gold_counts_twice_only_against_no_comb() {
        assert_eq!(of(&[(TWICE, "[]")]).per_type[&Label::Int].support, 2);
        assert_eq!(of(&[(TWICE, TWICE)]).per_type[&Label::Int].support, 1);
    }

    #[test]
    fn a_name_stated_twice_makes_another_pair() {
        let found = of(&[(TWICE, r#"[{"type": "int", "ent_set": ["a", "b", "a"]}]"#)]);
        assert_eq!((found.micro.f1, found.error_stats.ent_set_errors), (0.0, 0));
    }

    #[test]
    fn everything_unusable_is_no_comb() {
        let none = r#"[{"type": "NO_COMB", "ent_set": []}]"#;
        for response in ["nothing", "[]", r#"["x"]"#, r#"[{"type": "effect", "ent_set": ["a"]}]"#] {
            assert_eq!(of(&[(none, response)]).micro.f1, 1.0, "{response}");
        }
        let twice = r#"[{"type": "NO_COMB", "ent_set": []}, {"type": "NO_COMB", "ent_set": []}]"#;
        assert_eq!(of(&[(none, twice)]).micro.f1, 0.0);
    }
}
