//! What both sets of reward rules share: the parts, their weights, and the gold answer.

use serde::{Deserialize, Serialize};

use crate::answer::{RawItem, tolerant};
use crate::names::DrugSet;
use crate::task::{Label, Task};

/// The four parts of a reward.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RewardParts {
    /// Tags and list shape: 0, 0.5 or 1.
    pub format: f64,
    /// Four numbered points in the reasoning: 0 or 1.
    pub think: f64,
    /// Gold drug sets found, labels ignored: −1 to 1.
    pub coverage: f64,
    /// F1 with labels: 0 to 1.
    pub accuracy: f64,
}

/// How much each part counts.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Weights {
    /// Weight of [`RewardParts::format`].
    pub format: f64,
    /// Weight of [`RewardParts::think`].
    pub think: f64,
    /// Weight of [`RewardParts::coverage`].
    pub coverage: f64,
    /// Weight of [`RewardParts::accuracy`].
    pub accuracy: f64,
}

impl Default for Weights {
    /// The published weights: 0.05, 0.05, 0.1, 0.8.
    fn default() -> Self {
        Self { format: 0.05, think: 0.05, coverage: 0.1, accuracy: 0.8 }
    }
}

impl RewardParts {
    /// Weighted sum; between −0.1 and 1 with the published weights.
    pub fn total(&self, weights: &Weights) -> f64 {
        weights.format * self.format
            + weights.think * self.think
            + weights.coverage * self.coverage
            + weights.accuracy * self.accuracy
    }
}

/// A gold answer that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("gold answer: expected a list of items with `type` and `ent_set`, got {got}; check the solution column")]
pub struct GoldError {
    /// The beginning of what was given.
    pub got: String,
}

/// A gold answer, read once and used for every completion of the same prompt.
#[derive(Clone, Debug, PartialEq)]
pub struct Gold {
    pub(crate) task: Task,
    pub(crate) relations: Vec<(Option<Label>, DrugSet<'static>)>,
}

impl Gold {
    /// Reads a solution: the list inside `<answer>` tags when they are there, else the text itself.
    ///
    /// # Errors
    /// [`GoldError`] when there is no list.
    pub fn parse(task: Task, solution: &str) -> Result<Self, GoldError> {
        let text = crate::answer::answer_part(solution).unwrap_or(solution);
        let items = tolerant::items(text).ok_or_else(|| GoldError { got: crate::answer::literal::describe(text) })?;
        let relations = items.iter().filter(|item| item.is_object && !item.is_no_comb());
        Ok(Self {
            task,
            relations: relations.map(|item| (label_of(task, item), DrugSet::new(item.names()).into_owned())).collect(),
        })
    }

    /// A gold answer from relations, for example from a gold file. None means NO_COMB.
    pub fn new<'a>(task: Task, relations: impl IntoIterator<Item = (Label, DrugSet<'a>)>) -> Self {
        let relations = relations.into_iter().filter(|(label, _)| *label != Label::NoComb);
        Self { task, relations: relations.map(|(label, drugs)| (Some(label), drugs.into_owned())).collect() }
    }

    /// The task the answer belongs to.
    pub fn task(&self) -> Task {
        self.task
    }

    /// True when the gold answer states no combination.
    pub fn is_no_comb(&self) -> bool {
        self.relations.is_empty()
    }
}

/// The label of an item, letter case ignored.
pub(crate) fn label_of(task: Task, item: &RawItem<'_>) -> Option<Label> {
    item.label.as_deref().and_then(|label| task.label(label))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    #[test]
    fn the_published_weights_sum_to_one() {
        let full = RewardParts { format: 1.0, think: 1.0, coverage: 1.0, accuracy: 1.0 };
        assert!((full.total(&Weights::default()) - 1.0).abs() < 1e-12);
        let parts = RewardParts { format: 0.5, think: 0.0, coverage: -1.0, accuracy: 0.25 };
        assert!((parts.total(&Weights::default()) - 0.125).abs() < 1e-12);
    }

    #[test]
    fn gold_reads_tagged_and_bare_solutions() {
        let bare = r#"[{"type": "POS", "ent_set": ["Olaparib", "Bevacizumab"]}]"#;
        let tagged = format!("<think>[1]</think><answer>{bare}</answer>");
        assert_eq!(Gold::parse(Task::DrugComb, bare), Gold::parse(Task::DrugComb, &tagged));
        assert!(Gold::parse(Task::DrugComb, r#"[{"type": "NO_COMB", "ent_set": []}]"#).unwrap().is_no_comb());
        let error = Gold::parse(Task::DrugComb, "unknown").unwrap_err();
        assert!(error.to_string().contains("got `unknown`"), "{error}");
    }
}
