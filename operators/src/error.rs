//! Errors of the operators.

use datafusion::error::DataFusionError;
use thiserror::Error;

/// What an operator can refuse.
#[derive(Debug, Error)]
pub enum OperatorError {
    /// The input of an operator lacks columns.
    #[error("{operator} needs columns {expected:?}; its input lacks {missing:?} and has {found:?}")]
    MissingColumns {
        /// Operator name.
        operator: &'static str,
        /// Columns that are required.
        expected: Vec<String>,
        /// Required columns that are absent.
        missing: Vec<String>,
        /// Columns of the input.
        found: Vec<String>,
    },
    /// A column has an unusable type.
    #[error("column `{column}` has type {got}; expected {expected}")]
    ColumnType {
        /// Column name.
        column: String,
        /// Acceptable types.
        expected: &'static str,
        /// Type met.
        got: String,
    },
    /// A plan asks for a resource that this process does not hold.
    #[error(
        "the plan needs {resource} with sha256 {expected}; this process holds {got}; give both the same {resource}"
    )]
    Resource {
        /// `lexicon` or `model`.
        resource: &'static str,
        /// Hash in the plan.
        expected: String,
        /// Hash here, or `none`.
        got: String,
    },
    /// A plan node could not be decoded.
    #[error("cannot decode plan node: {reason}; scheduler and workers must run the same rexdrug version")]
    Codec {
        /// What was wrong.
        reason: String,
    },
}

impl From<OperatorError> for DataFusionError {
    fn from(error: OperatorError) -> Self {
        Self::External(Box::new(error))
    }
}
