//! Errors of the cluster.

use datafusion::error::DataFusionError;
use rexdrug_operators::backend::BackendError;
use rexdrug_operators::lexicon::LexiconError;
use rexdrug_operators::model::ModelError;
use rexdrug_pipeline::warehouse::WarehouseError;
use thiserror::Error;

/// What keeps a scheduler, a worker or a driver from its work.
#[derive(Debug, Error)]
pub enum ClusterError {
    /// An address that is none.
    #[error("{what} `{got}`: expected {expected}")]
    Address {
        /// Which option.
        what: &'static str,
        /// What was given.
        got: String,
        /// What would do.
        expected: &'static str,
    },
    /// A key, certificate or token that cannot be used.
    #[error("{what} {path}: {reason}")]
    Secret {
        /// Which option.
        what: &'static str,
        /// Its file.
        path: String,
        /// Why not.
        reason: String,
    },
    /// The scheduler is not there, or refuses.
    #[error(
        "scheduler {address}: {reason}; check that `rexdrug scheduler` runs there, and that --cluster-token and TLS agree"
    )]
    Scheduler {
        /// Host and port.
        address: String,
        /// What failed.
        reason: String,
    },
    /// A server of this process failed.
    #[error("{what} stopped: {reason}")]
    Service {
        /// Which one.
        what: &'static str,
        /// Why.
        reason: String,
    },
    /// A plan for another warehouse.
    #[error("the plan writes to {expected}, this worker serves {got}; start it with the --warehouse of the run")]
    OtherWarehouse {
        /// Of the plan.
        expected: String,
        /// Of the worker.
        got: String,
    },
    /// A plan that a worker does not run.
    #[error("plan refused: {reason}")]
    Plan {
        /// What is wrong with it.
        reason: String,
    },
    /// A model or lexicon that is not in the warehouse, or is another one.
    #[error("{what} {sha256}: {reason}")]
    Library {
        /// Model or lexicon.
        what: &'static str,
        /// Which one.
        sha256: String,
        /// Why it cannot be used.
        reason: String,
    },
    /// No device of the kind that the plan asks for.
    #[error("the plan asks for {asked}, this worker has {held}; start it with --device")]
    Device {
        /// What the plan asks for.
        asked: String,
        /// What there is.
        held: String,
    },
    /// A claim that cannot be read.
    #[error("a claim in the warehouse cannot be used: {reason}; use one version of rexdrug on all machines")]
    Claim {
        /// What does not fit.
        reason: String,
    },
    /// The warehouse failed.
    #[error(transparent)]
    Warehouse(#[from] WarehouseError),
    /// The model cannot be used.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// The lexicon cannot be used.
    #[error(transparent)]
    Lexicon(#[from] LexiconError),
    /// The model cannot run.
    #[error(transparent)]
    Backend(#[from] BackendError),
    /// The plan failed.
    #[error("{}", .0.strip_backtrace())]
    DataFusion(#[from] DataFusionError),
}

impl From<ClusterError> for DataFusionError {
    fn from(error: ClusterError) -> Self {
        match error {
            ClusterError::DataFusion(error) => error,
            other => Self::External(Box::new(other)),
        }
    }
}
