//! Precision, recall and F1, and the sums they come from.

use serde::{Deserialize, Serialize};

/// Precision, recall and their harmonic mean, each between 0 and 1; 0 where a denominator is 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Prf {
    /// Credit per prediction.
    #[serde(rename = "P")]
    pub precision: f64,
    /// Credit per gold relation.
    #[serde(rename = "R")]
    pub recall: f64,
    /// Harmonic mean of the two.
    #[serde(rename = "F1")]
    pub f1: f64,
}

/// Credit collected on both sides. Exact rules give credit 0 or 1, partial rules a similarity.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Tally {
    /// Credit summed over predictions.
    pub pred_credit: f64,
    /// Number of predictions.
    pub pred_count: usize,
    /// Credit summed over gold relations.
    pub gold_credit: f64,
    /// Number of gold relations.
    pub gold_count: usize,
}

impl Tally {
    /// Precision, recall and F1 of the sums.
    pub fn prf(&self) -> Prf {
        let precision = ratio(self.pred_credit, self.pred_count);
        let recall = ratio(self.gold_credit, self.gold_count);
        Prf { precision, recall, f1: harmonic(precision, recall) }
    }

    /// Adds the sums of another part of the data.
    pub fn add(&mut self, other: Tally) {
        self.pred_credit += other.pred_credit;
        self.pred_count += other.pred_count;
        self.gold_credit += other.gold_credit;
        self.gold_count += other.gold_count;
    }

    /// Each side takes its best counterpart, which several may share: the matching of the published rules.
    pub(crate) fn best_each_side<T>(gold: &[T], pred: &[T], similarity: impl Fn(&T, &T) -> f64) -> Self {
        let best = |of: &T, among: &[T]| among.iter().map(|other| similarity(of, other)).fold(0.0, f64::max);
        Self {
            pred_credit: pred.iter().map(|item| best(item, gold)).sum(),
            pred_count: pred.len(),
            gold_credit: gold.iter().map(|item| best(item, pred)).sum(),
            gold_count: gold.len(),
        }
    }

    /// Each prediction serves one gold relation at most: the matching of the mended rules.
    pub(crate) fn one_to_one<T>(gold: &[T], pred: &[T], similarity: impl Fn(&T, &T) -> f64) -> Self {
        let total = crate::matching::best_total(gold.len(), pred.len(), |row, column| {
            match (gold.get(row), pred.get(column)) {
                (Some(a), Some(b)) => similarity(a, b),
                _ => 0.0,
            }
        });
        Self { pred_credit: total, pred_count: pred.len(), gold_credit: total, gold_count: gold.len() }
    }
}

fn ratio(credit: f64, count: usize) -> f64 {
    if count == 0 { 0.0 } else { credit / count as f64 }
}

pub(crate) fn harmonic(precision: f64, recall: f64) -> f64 {
    if precision + recall > 0.0 { 2.0 * precision * recall / (precision + recall) } else { 0.0 }
}

/// The four DrugComb scores of one rule.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct FourScores {
    /// Only POS relations, identical sets.
    pub pos_exact: Prf,
    /// Only POS relations (or POS against the rest), overlap credit.
    pub pos_partial: Prf,
    /// Any relation, identical sets.
    pub any_exact: Prf,
    /// Any relation, overlap credit.
    pub any_partial: Prf,
}

/// The sums behind [`FourScores`].
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct FourTallies {
    pub(crate) pos_exact: Tally,
    pub(crate) pos_partial: Tally,
    pub(crate) any_exact: Tally,
    pub(crate) any_partial: Tally,
}

impl FourTallies {
    pub(crate) fn scores(&self) -> FourScores {
        FourScores {
            pos_exact: self.pos_exact.prf(),
            pos_partial: self.pos_partial.prf(),
            any_exact: self.any_exact.prf(),
            any_partial: self.any_partial.prf(),
        }
    }
}

/// Mean and sample standard deviation over seeds or folds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct MeanSd {
    /// Arithmetic mean.
    pub mean: f64,
    /// Standard deviation with n − 1; 0 for a single value.
    pub sd: f64,
    /// Number of values.
    pub n: usize,
}

impl MeanSd {
    /// `None` when there is no value.
    pub fn of(values: &[f64]) -> Option<Self> {
        let n = values.len();
        if n == 0 {
            return None;
        }
        let mean = values.iter().sum::<f64>() / n as f64;
        let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
        let sd = if n > 1 { (squares / (n - 1) as f64).sqrt() } else { 0.0 };
        Some(Self { mean, sd, n })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    #[test]
    fn sums_become_scores() {
        let mut tally = Tally { pred_credit: 1.5, pred_count: 2, gold_credit: 1.0, gold_count: 2 };
        assert_eq!(tally.prf(), Prf { precision: 0.75, recall: 0.5, f1: 0.6 });
        tally.add(Tally { pred_credit: 0.0, pred_count: 1, gold_credit: 1.0, gold_count: 2 });
        assert_eq!(tally.prf(), Prf { precision: 0.5, recall: 0.5, f1: 0.5 });
        assert_eq!(Tally::default().prf(), Prf::default());
    }

    #[test]
    fn sharing_a_counterpart_is_what_separates_the_rules() {
        let equal = |a: &i32, b: &i32| f64::from(u8::from(a == b));
        let shared = Tally::best_each_side(&[1], &[1, 1], equal);
        assert_eq!((shared.pred_credit, shared.gold_credit), (2.0, 1.0));
        let single = Tally::one_to_one(&[1], &[1, 1], equal);
        assert_eq!((single.pred_credit, single.gold_credit), (1.0, 1.0));
    }

    #[test]
    fn mean_and_sd() {
        let of = MeanSd::of(&[1.0, 2.0, 3.0]).unwrap();
        assert_eq!((of.mean, of.sd, of.n), (2.0, 1.0, 3));
        assert_eq!(MeanSd::of(&[4.0]).unwrap().sd, 0.0);
        assert!(MeanSd::of(&[]).is_none());
    }
}
