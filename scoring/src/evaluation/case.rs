//! One item with what was right and wrong in it, and why.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::breakdown::{Labelled, Outcome};
use crate::task::Label;

/// Why a relation is not right: the first of these that holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// A gold drug of it was not found, or a predicted drug of it is none of the gold's.
    Mention,
    /// Its drugs are right, the set is not.
    Set,
    /// The set is right, the label is not.
    Label,
}

impl Cause {
    /// Every cause.
    pub const ALL: [Self; 3] = [Self::Mention, Self::Set, Self::Label];

    /// The word of the JSON output.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Mention => "mention",
            Self::Set => "set",
            Self::Label => "label",
        }
    }
}

/// Relations that are not right, by cause.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Causes {
    /// Gold relations that were not stated so.
    pub gold: BTreeMap<Cause, usize>,
    /// Predictions that are no gold relation.
    pub pred: BTreeMap<Cause, usize>,
}

impl Causes {
    /// Adds the counts of another run.
    pub fn merge(&mut self, other: &Self) {
        for (mine, theirs) in [(&mut self.gold, &other.gold), (&mut self.pred, &other.pred)] {
            for (cause, count) in theirs {
                *mine.entry(*cause).or_default() += count;
            }
        }
    }
}

/// What a marked span is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MarkKind {
    /// A gold drug that was found.
    Found,
    /// A gold drug that was not found.
    Missed,
    /// A predicted drug that is none of the gold's.
    Superfluous,
}

/// A marked span of the sentence, in characters, half-open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark {
    /// First character.
    pub start: usize,
    /// Character behind it.
    pub end: usize,
    /// What it is.
    pub kind: MarkKind,
}

/// A relation of a case.
#[derive(Clone, Debug, PartialEq)]
pub struct CaseRelation {
    /// Its label.
    pub label: Label,
    /// Its drugs as written.
    pub names: Vec<String>,
    /// How it compares with the other side.
    pub outcome: Outcome,
    /// Why it is not right.
    pub cause: Option<Cause>,
    /// Whether the label needs the paragraph (gold side, where annotated).
    pub needs_context: Option<bool>,
    /// How sure the system is (predicted side, where it says so).
    pub confidence: Option<f64>,
}

impl CaseRelation {
    /// A relation judged against the other side; `mentions_right` says whether both sides have all its drugs.
    pub(super) fn judge<T: Ord>(
        relation: &Labelled<T>,
        others: &[Labelled<T>],
        names: Vec<String>,
        mentions_right: bool,
    ) -> Self {
        let outcome = relation.outcome(others);
        let cause = match outcome {
            Outcome::Correct => None,
            _ if !mentions_right => Some(Cause::Mention),
            Outcome::OtherLabel => Some(Cause::Label),
            _ => Some(Cause::Set),
        };
        let needs_context = relation.needs_context;
        Self { label: relation.label, names, outcome, cause, needs_context, confidence: None }
    }
}

/// An item with everything that was said of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Case {
    /// Identifier of the item.
    pub id: String,
    /// The sentence.
    pub text: String,
    /// The paragraph around it; empty where there is none.
    pub context: String,
    /// Drugs of the sentence.
    pub marks: Vec<Mark>,
    /// Gold relations.
    pub gold: Vec<CaseRelation>,
    /// Predicted relations.
    pub pred: Vec<CaseRelation>,
    /// Why there is no answer.
    pub fault: Option<String>,
}

impl Case {
    /// Whether a relation is wrong on either side, or there was no answer.
    pub fn has_error(&self) -> bool {
        self.fault.is_some() || self.gold.iter().chain(&self.pred).any(|relation| relation.cause.is_some())
    }

    /// Counts the causes of its errors.
    pub(super) fn count(&self, causes: &mut Causes) {
        for (relations, counts) in [(&self.gold, &mut causes.gold), (&self.pred, &mut causes.pred)] {
            for cause in relations.iter().filter_map(|relation| relation.cause) {
                *counts.entry(cause).or_default() += 1;
            }
        }
    }
}
