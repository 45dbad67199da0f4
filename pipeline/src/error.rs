//! Errors of the pipeline.

use datafusion::error::DataFusionError;
use thiserror::Error;

use crate::warehouse::WarehouseError;

/// What stops a run. Bad input never does: it goes to quarantine.
#[derive(Debug, Error)]
pub enum PipelineError {
    /// The warehouse refused.
    #[error(transparent)]
    Warehouse(#[from] WarehouseError),
    /// The plan of a file failed.
    #[error("{source_file}: {stage} failed: {reason}")]
    Plan {
        /// Source file.
        source_file: String,
        /// What was running.
        stage: &'static str,
        /// The root cause.
        reason: String,
    },
    /// Rows that do not fit the schema: a fault of this program.
    #[error("rows of `{table}` do not fit its schema: {reason}; please report this")]
    Rows {
        /// Table.
        table: &'static str,
        /// What Arrow said.
        reason: String,
    },
    /// The store of the articles failed.
    #[error("{uri}: {reason}")]
    Store {
        /// Root of the articles, without secrets.
        uri: String,
        /// What failed, and what to do.
        reason: String,
    },
    /// A listing of articles that cannot be used.
    #[error("listing {uri}: {reason}")]
    Inventory {
        /// The listing.
        uri: String,
        /// Line, what was expected, what was found.
        reason: String,
    },
    /// A background task ended abnormally.
    #[error("{task} stopped: {reason}")]
    Task {
        /// Which task.
        task: &'static str,
        /// Why.
        reason: String,
    },
}

impl PipelineError {
    pub(crate) fn rows(table: &'static str, error: &arrow::error::ArrowError) -> Self {
        Self::Rows { table, reason: error.to_string() }
    }

    pub(crate) fn plan(source_file: &str, stage: &'static str, error: &DataFusionError) -> Self {
        Self::Plan { source_file: source_file.to_owned(), stage, reason: error.strip_backtrace() }
    }
}
