//! The two extraction tasks and their labels.

use serde::{Deserialize, Serialize};

/// Which benchmark an answer belongs to; it decides the labels that are allowed and how coverage and accuracy count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Task {
    /// N-ary drug combinations labelled POS, NEG, COMB or NO_COMB.
    DrugComb,
    /// Drug pairs of DDI Corpus 2013 typed effect, advise, int or mechanism, or NO_COMB.
    #[serde(alias = "ddi")]
    Ddi13,
}

/// Label of one answer item, over both tasks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Label {
    /// Used together with a stated benefit.
    #[serde(rename = "POS")]
    Pos,
    /// Used together or interacting, with stated harm.
    #[serde(rename = "NEG")]
    Neg,
    /// Used together, effect neutral, mixed or not judged.
    #[serde(rename = "COMB")]
    Comb,
    /// No combination (DrugComb) or no interaction (DDI13); carries no drugs.
    #[serde(rename = "NO_COMB")]
    NoComb,
    /// DDI13: an effect of the interaction is described.
    #[serde(rename = "effect")]
    Effect,
    /// DDI13: a recommendation about using both.
    #[serde(rename = "advise")]
    Advise,
    /// DDI13: an interaction is stated and nothing more.
    #[serde(rename = "int")]
    Int,
    /// DDI13: a pharmacokinetic or pharmacodynamic mechanism is given.
    #[serde(rename = "mechanism")]
    Mechanism,
}

impl Task {
    /// Its name in files and on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Task::DrugComb => "drugcomb",
            Task::Ddi13 => "ddi13",
        }
    }

    /// Every label the task allows, NO_COMB last.
    pub fn labels(self) -> &'static [Label] {
        match self {
            Task::DrugComb => &[Label::Pos, Label::Neg, Label::Comb, Label::NoComb],
            Task::Ddi13 => &[Label::Effect, Label::Advise, Label::Int, Label::Mechanism, Label::NoComb],
        }
    }

    /// Reads a label in any letter case, as the published rewards do; `None` for a label of the other task.
    pub fn label(self, text: &str) -> Option<Label> {
        self.labels().iter().copied().find(|label| label.as_str().eq_ignore_ascii_case(text))
    }

    /// Reads a label in its canonical spelling only.
    pub fn label_exact(self, text: &str) -> Option<Label> {
        self.labels().iter().copied().find(|label| label.as_str() == text)
    }
}

impl Label {
    /// Canonical spelling, as in the published data.
    pub fn as_str(self) -> &'static str {
        match self {
            Label::Pos => "POS",
            Label::Neg => "NEG",
            Label::Comb => "COMB",
            Label::NoComb => "NO_COMB",
            Label::Effect => "effect",
            Label::Advise => "advise",
            Label::Int => "int",
            Label::Mechanism => "mechanism",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_belong_to_their_task_and_read_back() {
        for task in [Task::DrugComb, Task::Ddi13] {
            for &label in task.labels() {
                assert_eq!(task.label_exact(label.as_str()), Some(label));
                assert_eq!(task.label(&label.as_str().to_uppercase()), Some(label));
                assert_eq!(task.label(&label.as_str().to_lowercase()), Some(label));
            }
        }
        assert_eq!(Task::DrugComb.label("effect"), None);
        assert_eq!(Task::Ddi13.label("POS"), None);
        assert_eq!(Task::DrugComb.label_exact("pos"), None);
        assert_eq!(Task::DrugComb.label(" POS"), None, "no trimming: the published check has none");
    }
}
