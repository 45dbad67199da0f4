//! DrugComb by names: the leaderboard's question for predictions that carry names instead of span ids.
//!
//! NO_COMB counts on neither side; NEG and COMB are merged in "any" as on the leaderboard, and "pos" looks at POS only;
//! relations are one-to-one; the response is read tolerantly.

use serde::{Deserialize, Serialize};

use crate::answer::tolerant::{self, Dropped};
use crate::names::DrugSet;
use crate::prf::{FourScores, FourTallies, Tally};
use crate::rows::{AnswerRow, ErrorStats, RowError};
use crate::task::{Label, Task};

/// Scores of a file by this rule.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// Number of rows.
    pub total_lines: usize,
    /// Errors in the responses; an unreadable response is one structural error.
    pub error_stats: ErrorStats,
    /// Share of rows where both sides agree on whether there is a combination: what NO_COMB is worth, kept apart.
    pub detection_accuracy: f64,
    /// The four scores.
    pub scores: FourScores,
}

/// Scores the rows of a file.
///
/// # Errors
/// [`RowError`] for the first row whose gold answer is no list.
pub fn evaluate(rows: &[AnswerRow]) -> Result<Report, RowError> {
    let mut error_stats = ErrorStats::default();
    let mut four = FourTallies::default();
    let mut agree = 0_usize;
    for (index, row) in rows.iter().enumerate() {
        let gold = tolerant::read(Task::DrugComb, &row.labels);
        if !gold.parsed {
            return Err(RowError::new(index, &row.labels));
        }
        let pred = tolerant::read(Task::DrugComb, &row.response);
        count_errors(&pred, &mut error_stats);
        agree += usize::from(pred.parsed && gold.relations.is_empty() == pred.relations.is_empty());
        let (gold_pos, pred_pos) = (sets(&gold, true), sets(&pred, true));
        let (gold_any, pred_any) = (sets(&gold, false), sets(&pred, false));
        four.pos_exact.add(Tally::one_to_one(&gold_pos, &pred_pos, exact));
        four.pos_partial.add(Tally::one_to_one(&gold_pos, &pred_pos, partial));
        four.any_exact.add(Tally::one_to_one(&gold_any, &pred_any, exact));
        four.any_partial.add(Tally::one_to_one(&gold_any, &pred_any, partial));
    }
    let detection_accuracy = if rows.is_empty() { 0.0 } else { agree as f64 / rows.len() as f64 };
    Ok(Report { total_lines: rows.len(), error_stats, detection_accuracy, scores: four.scores() })
}

/// Counts what the tolerant parser left out.
pub(super) fn count_errors(answer: &tolerant::TolerantAnswer<'_>, stats: &mut ErrorStats) {
    stats.structural_errors += usize::from(!answer.parsed);
    for dropped in &answer.dropped {
        match dropped {
            Dropped::Shape => stats.structural_errors += 1,
            Dropped::Label => stats.relation_type_errors += 1,
            Dropped::Arity | Dropped::NoCombConflict => stats.ent_set_errors += 1,
            Dropped::Repeat => {}
        }
    }
}

/// The drug sets, each once whatever its labels; only POS when asked.
fn sets<'r>(answer: &'r tolerant::TolerantAnswer<'_>, only_pos: bool) -> Vec<&'r DrugSet<'static>> {
    let mut sets: Vec<&DrugSet<'static>> = Vec::with_capacity(answer.relations.len());
    for relation in &answer.relations {
        if (!only_pos || relation.label == Label::Pos) && !sets.contains(&&relation.drugs) {
            sets.push(&relation.drugs);
        }
    }
    sets
}

fn exact(a: &&DrugSet<'static>, b: &&DrugSet<'static>) -> f64 {
    f64::from(u8::from(a == b))
}

fn partial(a: &&DrugSet<'static>, b: &&DrugSet<'static>) -> f64 {
    a.partial(b)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    #[test]
    fn no_comb_earns_nothing_and_is_reported_apart() {
        let none = r#"[{"type": "NO_COMB", "ent_set": []}]"#.to_owned();
        let pos = r#"[{"type": "POS", "ent_set": ["ribociclib", "letrozole"]}]"#.to_owned();
        let rows = [
            AnswerRow { labels: none.clone(), response: none.clone() },
            AnswerRow { labels: pos.clone(), response: none },
            AnswerRow { labels: pos, response: "so [{'type': 'pos', 'ent_set': ['Letrozole', 'ribociclib']}]".into() },
        ];
        let report = evaluate(&rows).unwrap();
        let prf = report.scores.pos_exact;
        assert_eq!((prf.precision, prf.recall), (1.0, 0.5));
        assert!((report.detection_accuracy - 2.0 / 3.0).abs() < 1e-12);
        assert_eq!(report.error_stats, ErrorStats::default());
    }
}
