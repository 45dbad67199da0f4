//! DDI13 over its four types: pairs as sets, repeats merged on both sides, NO_COMB not a type.

use std::collections::BTreeMap;

use super::drugcomb::count_errors;
use crate::answer::tolerant;
use crate::names::DrugSet;
use crate::published::ddi13::{Counts, Report, report};
use crate::rows::{AnswerRow, ErrorStats, RowError};
use crate::task::{Label, Task};

/// Scores the rows of a file. All four types take part in the macro average, also those that do not occur.
///
/// # Errors
/// [`RowError`] for the first row whose gold answer is no list.
pub fn evaluate(rows: &[AnswerRow]) -> Result<Report, RowError> {
    let mut error_stats = ErrorStats::default();
    let types = Task::Ddi13.labels().iter().filter(|label| **label != Label::NoComb);
    let mut counts: BTreeMap<Label, Counts> = types.map(|&label| (label, Counts::default())).collect();
    for (index, row) in rows.iter().enumerate() {
        let gold = tolerant::read(Task::Ddi13, &row.labels);
        if !gold.parsed {
            return Err(RowError::new(index, &row.labels));
        }
        let pred = tolerant::read(Task::Ddi13, &row.response);
        count_errors(&pred, &mut error_stats);
        let (gold, pred) = (pairs(&gold), pairs(&pred));
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
    Ok(report(rows.len(), error_stats, &counts))
}

fn pairs<'r>(answer: &'r tolerant::TolerantAnswer<'_>) -> Vec<(Label, &'r DrugSet<'static>)> {
    answer.relations.iter().map(|relation| (relation.label, &relation.drugs)).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    #[test]
    fn repeats_merge_and_no_comb_is_no_type() {
        let gold = r#"[{"type": "int", "ent_set": ["a", "b"]}, {"type": "int", "ent_set": ["B", "a"]}]"#;
        let pred = r#"[{"type": "int", "ent_set": ["a", "b", "a"]}]"#;
        let none = r#"[{"type": "NO_COMB", "ent_set": []}]"#;
        let rows = [
            AnswerRow { labels: gold.into(), response: pred.into() },
            AnswerRow { labels: none.into(), response: none.into() },
        ];
        let found = evaluate(&rows).unwrap();
        assert_eq!((found.micro.f1, found.per_type[&Label::Int].support), (1.0, 1));
        assert_eq!(found.macro_f1, 0.25);
        assert!(!found.per_type.contains_key(&Label::NoComb));
    }
}
