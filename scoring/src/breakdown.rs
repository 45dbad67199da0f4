//! Error tables: outcomes of gold relations and predictions by arity, label and need of context.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::prf::{Prf, Tally};
use crate::task::Label;

/// A relation of one document, gold or predicted; members are span ids or normalised names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Labelled<T> {
    /// Members, sorted, each once.
    pub members: Vec<T>,
    /// The label.
    pub label: Label,
    /// Whether the label needs the paragraph; `None` where not annotated.
    pub needs_context: Option<bool>,
}

impl<T: Ord> Labelled<T> {
    /// A relation from members in any order.
    pub fn new(members: impl IntoIterator<Item = T>, label: Label) -> Self {
        let mut members: Vec<T> = members.into_iter().collect();
        members.sort_unstable();
        members.dedup();
        Self { members, label, needs_context: None }
    }

    /// The same relation with its need of context.
    pub fn needing_context(self, needs_context: bool) -> Self {
        Self { needs_context: Some(needs_context), ..self }
    }

    fn shared(&self, other: &Self) -> usize {
        self.members.iter().filter(|member| other.members.binary_search(member).is_ok()).count()
    }

    /// How the closest of the other side's relations compares, seen from this one.
    pub fn outcome(&self, others: &[Self]) -> Outcome {
        others.iter().map(|other| self.compare(other)).min().unwrap_or(Outcome::Unmatched)
    }

    fn compare(&self, other: &Self) -> Outcome {
        let shared = self.shared(other);
        let (all_mine, all_theirs) = (shared == self.members.len(), shared == other.members.len());
        match (all_mine, all_theirs) {
            (true, true) if self.label == other.label => Outcome::Correct,
            (true, true) => Outcome::OtherLabel,
            _ if shared < 2 => Outcome::Unmatched,
            (false, true) => Outcome::Subset,
            (true, false) => Outcome::Superset,
            (false, false) => Outcome::Overlap,
        }
    }
}

/// Closest counterpart of a relation, best first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Same members, same label.
    Correct,
    /// Same members, another label.
    OtherLabel,
    /// The counterpart has only some of the members.
    Subset,
    /// The counterpart has all members and more.
    Superset,
    /// At least two members are shared, and both have others.
    Overlap,
    /// Nothing shares two members: missed (gold) or invented (predicted).
    Unmatched,
}

/// Outcomes of one stratum.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stratum {
    /// Gold relations by outcome.
    pub gold: BTreeMap<Outcome, usize>,
    /// Predictions by outcome; empty where a prediction cannot be put in a stratum (need of context).
    pub pred: BTreeMap<Outcome, usize>,
}

impl Stratum {
    /// Members and label right.
    pub fn labelled(&self) -> Prf {
        self.prf(Outcome::Correct)
    }

    /// Members right, label ignored.
    pub fn unlabelled(&self) -> Prf {
        self.prf(Outcome::OtherLabel)
    }

    fn prf(&self, worst: Outcome) -> Prf {
        let side = |outcomes: &BTreeMap<Outcome, usize>| -> (f64, usize) {
            let hits: usize = outcomes.range(..=worst).map(|(_, count)| count).sum();
            (hits as f64, outcomes.values().sum())
        };
        let ((pred_credit, pred_count), (gold_credit, gold_count)) = (side(&self.pred), side(&self.gold));
        Tally { pred_credit, pred_count, gold_credit, gold_count }.prf()
    }
}

impl Stratum {
    /// Adds the outcomes of another run.
    pub fn merge(&mut self, other: &Self) {
        for (mine, theirs) in [(&mut self.gold, &other.gold), (&mut self.pred, &other.pred)] {
            for (outcome, count) in theirs {
                *mine.entry(*outcome).or_default() += count;
            }
        }
    }
}

/// Error tables over a data set.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Breakdown {
    /// Everything.
    pub all: Stratum,
    /// By number of members (of the relation itself, gold or predicted).
    pub by_arity: BTreeMap<usize, Stratum>,
    /// By label (of the relation itself).
    pub by_label: BTreeMap<Label, Stratum>,
    /// By need of context; gold side only.
    pub by_context: BTreeMap<bool, Stratum>,
    /// Gold label and predicted label of relations with the same members.
    pub confusion: BTreeMap<(Label, Label), usize>,
}

impl Breakdown {
    /// Adds the tables of another run over the same data, so that shares are pooled over both.
    pub fn merge(&mut self, other: &Self) {
        self.all.merge(&other.all);
        for (arity, stratum) in &other.by_arity {
            self.by_arity.entry(*arity).or_default().merge(stratum);
        }
        for (label, stratum) in &other.by_label {
            self.by_label.entry(*label).or_default().merge(stratum);
        }
        for (needed, stratum) in &other.by_context {
            self.by_context.entry(*needed).or_default().merge(stratum);
        }
        for (labels, count) in &other.confusion {
            *self.confusion.entry(*labels).or_default() += count;
        }
    }

    /// Adds one document.
    pub fn add<T: Ord>(&mut self, gold: &[Labelled<T>], pred: &[Labelled<T>]) {
        let count = |outcomes: &mut BTreeMap<Outcome, usize>, outcome| *outcomes.entry(outcome).or_default() += 1;
        for relation in gold {
            let outcome = relation.outcome(pred);
            count(&mut self.all.gold, outcome);
            count(&mut self.by_arity.entry(relation.members.len()).or_default().gold, outcome);
            count(&mut self.by_label.entry(relation.label).or_default().gold, outcome);
            if let Some(needs_context) = relation.needs_context {
                count(&mut self.by_context.entry(needs_context).or_default().gold, outcome);
            }
            for other in pred.iter().filter(|other| other.members == relation.members) {
                *self.confusion.entry((relation.label, other.label)).or_default() += 1;
            }
        }
        for relation in pred {
            let outcome = relation.outcome(gold);
            count(&mut self.all.pred, outcome);
            count(&mut self.by_arity.entry(relation.members.len()).or_default().pred, outcome);
            count(&mut self.by_label.entry(relation.label).or_default().pred, outcome);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sorts_relations_by_their_closest_counterpart() {
        let gold = [
            Labelled::new([0, 1], Label::Pos).needing_context(true),
            Labelled::new([2, 3], Label::Neg).needing_context(false),
            Labelled::new([4, 5, 6], Label::Comb).needing_context(true),
        ];
        let pred = [
            Labelled::new([1, 0], Label::Pos),
            Labelled::new([3, 2], Label::Comb),
            Labelled::new([4, 5], Label::Comb),
            Labelled::new([7, 8], Label::Pos),
        ];
        let mut breakdown = Breakdown::default();
        breakdown.add(&gold, &pred);
        let gold_outcomes = [(Outcome::Correct, 1), (Outcome::OtherLabel, 1), (Outcome::Subset, 1)];
        assert_eq!(breakdown.all.gold, gold_outcomes.into());
        let pred_outcomes =
            [(Outcome::Correct, 1), (Outcome::OtherLabel, 1), (Outcome::Superset, 1), (Outcome::Unmatched, 1)];
        assert_eq!(breakdown.all.pred, pred_outcomes.into());
        let (labelled, unlabelled) = (breakdown.all.labelled(), breakdown.all.unlabelled());
        assert_eq!((labelled.precision, unlabelled.precision), (0.25, 0.5));
        assert_eq!(breakdown.by_arity[&3].labelled().recall, 0.0);
        assert_eq!(breakdown.by_context[&true].labelled().recall, 0.5);
        assert_eq!(breakdown.by_label[&Label::Pos].labelled().precision, 0.5);
        assert_eq!(breakdown.confusion[&(Label::Neg, Label::Comb)], 1);
    }

    #[test]
    fn the_same_label_is_preferred_among_equal_sets() {
        let gold = [Labelled::new(["a", "b"], Label::Pos)];
        let pred = [Labelled::new(["a", "b"], Label::Neg), Labelled::new(["b", "a"], Label::Pos)];
        let mut breakdown = Breakdown::default();
        breakdown.add(&gold, &pred);
        assert_eq!(breakdown.all.gold, [(Outcome::Correct, 1)].into());
    }
}
