//! Prediction files that pair a gold answer with a response, and the errors counted while reading them.

use serde::{Deserialize, Serialize};

/// One line of a prediction file in the published layout: both fields hold the answer list as text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AnswerRow {
    /// Gold answer.
    pub labels: String,
    /// Model answer.
    pub response: String,
}

/// What was wrong with the responses of a file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorStats {
    /// Items (or whole responses, where the rule counts those) without the right shape.
    pub structural_errors: usize,
    /// Items with a type the task does not have.
    pub relation_type_errors: usize,
    /// Items with too few drugs for their type.
    pub ent_set_errors: usize,
}

/// A gold answer of a prediction file that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("row {row}: expected a list of gold relations in `labels`, got {got}; check the prediction file")]
pub struct RowError {
    /// Row, counted from 1.
    pub row: usize,
    /// The beginning of what was given.
    pub got: String,
}

impl RowError {
    pub(crate) fn new(index: usize, labels: &str) -> Self {
        Self { row: index + 1, got: crate::answer::literal::describe(labels) }
    }
}
