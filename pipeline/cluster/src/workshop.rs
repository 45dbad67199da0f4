//! What a worker works with: its warehouse, its library, its devices.

use std::path::PathBuf;
use std::sync::Arc;

use datafusion::error::Result;
use datafusion::physical_plan::ExecutionPlan;
use rexdrug_operators::OperatorResources;
use rexdrug_operators::extract::{Extract, ExtractExec, ExtractOptions, QuarantineCollector};
use rexdrug_operators::lexicon::Lexicon;
use rexdrug_operators::logical::Operator;
use rexdrug_operators::pending::{pending, resolve};
use rexdrug_operators::unary_node::PlanNodes;
use rexdrug_pipeline::warehouse::{Staging, WarehouseError};
use tempfile::TempDir;

use crate::engines::{EngineLease, Engines};
use crate::error::ClusterError;
use crate::library::Library;

/// One for each worker process.
#[derive(Debug)]
pub struct Workshop {
    name: String,
    staging: Staging,
    library: Library,
    engines: Engines,
    scratch: PathBuf,
}

/// A plan that is ready to run.
pub struct Job {
    /// The plan, with lexicon and model.
    pub plan: Arc<dyn ExecutionPlan>,
    /// Sentences that this plan, and no other, could not extract.
    pub quarantine: QuarantineCollector,
    /// The device it runs on.
    pub device: String,
    _lease: EngineLease,
}

impl Workshop {
    /// A workshop for the warehouse of `staging`; files in the making lie in `scratch`.
    pub fn new(name: String, library: Library, engines: Engines, scratch: PathBuf) -> Self {
        let staging = library.staging().clone();
        Self { name, staging, library, engines, scratch }
    }

    /// Host and process, for people.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The warehouse.
    pub fn staging(&self) -> &Staging {
        &self.staging
    }

    /// A folder that goes when it is dropped.
    ///
    /// # Errors
    /// When it cannot be created.
    pub fn scratch(&self) -> Result<TempDir, ClusterError> {
        let created = tempfile::Builder::new().prefix("task-").tempdir_in(&self.scratch);
        created.map_err(|error| {
            let (path, message) = (self.scratch.clone(), error.to_string());
            ClusterError::Warehouse(WarehouseError::Local { path, action: "create a folder", message })
        })
    }

    /// Fetches what the operators in `plan` need, and puts them in their places.
    ///
    /// # Errors
    /// When the plan has no extraction, or its lexicon, model or device cannot be had.
    pub async fn prepare(&self, plan: &Arc<dyn ExecutionPlan>) -> Result<Job, ClusterError> {
        let (mut lexicon, mut extract) = (None, None);
        for operator in pending(plan) {
            match operator {
                Operator::SentenceSegment => {}
                Operator::DrugPrefilter(options) => lexicon = Some(options.lexicon_sha256),
                Operator::Extract(options) => extract = Some(options),
            }
        }
        let missing = |what: &str| ClusterError::Plan { reason: format!("a sink without {what} below it") };
        let lexicon = self.library.lexicon(&lexicon.ok_or_else(|| missing("a prefilter"))?).await?;
        let options = extract.ok_or_else(|| missing("an extraction"))?;
        let lease = self.engines.lease(&self.library, &options).await?;
        let quarantine = QuarantineCollector::default();
        let operators = TaskOperators { lexicon, lease: &lease, quarantine: quarantine.clone() };
        let plan = resolve(plan, &operators)?;
        Ok(Job { plan, quarantine, device: lease.engine().info().device.clone(), _lease: lease })
    }
}

/// The operators of one task.
#[derive(Debug)]
struct TaskOperators<'l> {
    lexicon: Arc<Lexicon>,
    lease: &'l EngineLease,
    quarantine: QuarantineCollector,
}

impl PlanNodes<Operator> for TaskOperators<'_> {
    fn plan_node(&self, operator: &Operator, input: Arc<dyn ExecutionPlan>) -> Result<Arc<dyn ExecutionPlan>> {
        match operator {
            Operator::Extract(options) => {
                let engine = self.lease.engine();
                // The plan names a kind of device, the engine is one of it.
                let options = ExtractOptions { device: engine.info().device.clone(), ..options.clone() };
                let extract = Extract::try_new(options, Arc::clone(engine))?.with_quarantine(self.quarantine.clone());
                Ok(Arc::new(ExtractExec::try_new(Arc::new(extract), input)?))
            }
            other => {
                let resources = OperatorResources { lexicon: Some(Arc::clone(&self.lexicon)), engine: None };
                resources.plan_node(other, input)
            }
        }
    }
}
