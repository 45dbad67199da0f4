//! The engine of a run that sends its plans to a cluster.
//!
//! ```text
//! documents of a file ─▶ warehouse/documents/part-…  (ahead of its commit)
//! the plan of the local engine + sink ─▶ scheduler ─▶ a worker ─▶ warehouse/combinations/part-… and the claim
//! claim ─▶ facts, the file ─▶ the committer of the local engine
//! ```
//!
//! What the scheduler says of a job is a hint: whatever it says, the claim in the warehouse is looked at, and a job that
//! ended without one is sent again. So a scheduler that forgets, loses or repeats work costs time and nothing else.

use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use datafusion::logical_expr::LogicalPlan;
use datafusion::prelude::{ParquetReadOptions, SessionConfig, SessionContext};
use datafusion_proto::logical_plan::AsLogicalPlan;
use datafusion_proto::protobuf::LogicalPlanNode;
use rexdrug_pipeline::PipelineError;
use rexdrug_pipeline::plan;
use rexdrug_pipeline::run::{Engine, ExtractSettings, Extracted, Extraction, RunEvent};
use rexdrug_pipeline::warehouse::{Staging, Warehouse};
use rexdrug_schemas::{COMBINATIONS, DOCUMENTS};

use crate::client::{JobEnd, SchedulerClient};
use crate::codec;
use crate::done::WorkDone;
use crate::error::ClusterError;
use crate::security::Security;
use crate::stage::{StageNode, StageOptions};

/// Jobs of one file that may fail before the run stops.
const FAILURES: u32 = 4;
/// Files that may wait, extracted, for an older one, for each one at the cluster.
const AHEAD: usize = 4;

/// How a run uses a cluster.
#[derive(Debug, Clone)]
pub struct ClusterOptions {
    /// Host and port of the scheduler.
    pub address: String,
    /// Token and certificates.
    pub security: Security,
    /// Files that are at the cluster at a time.
    pub files_at_once: usize,
    /// How long one job may take, its wait for a worker included, before it is sent again.
    pub job_limit: Duration,
    /// How long the scheduler may be away.
    pub patience: Duration,
}

/// The engine.
pub struct ClusterEngine {
    client: SchedulerClient,
    staging: Staging,
    context: SessionContext,
    options: ClusterOptions,
}

impl ClusterEngine {
    /// An engine for runs on `warehouse`; the scheduler is asked whether it is there.
    ///
    /// # Errors
    /// When the scheduler is not there or refuses, or the warehouse cannot be opened.
    pub async fn connect(warehouse: &Warehouse, options: ClusterOptions) -> Result<Self, ClusterError> {
        let staging = warehouse.staging()?;
        let context = SessionContext::new_with_config(SessionConfig::new().with_target_partitions(1));
        let (url, store) = staging.bucket();
        context.register_object_store(url, Arc::clone(store));
        let client = SchedulerClient::connect(&options).await?;
        Ok(Self { client, staging, context, options })
    }

    /// The plan of a file as it travels.
    async fn plan(&self, file: &Extraction<'_>, claim: &str) -> Result<Vec<u8>, ClusterError> {
        let name = file.documents.stored.as_deref().unwrap_or_default();
        let plan = staged_plan(&self.context, &self.staging, name, file.settings, claim).await?;
        let mut bytes = Vec::new();
        LogicalPlanNode::try_from_logical_plan(&plan, &codec::logical())?.try_encode(&mut bytes)?;
        Ok(bytes)
    }

    /// Sends the plan until its claim is in the warehouse.
    async fn claim(&self, file: &str, claim: &str, plan: &[u8]) -> Result<WorkDone, ClusterError> {
        let mut failures = 0;
        loop {
            let end = self.client.run(file, plan, &self.options).await?;
            if let Some(done) = self.staging.claimed(claim).await? {
                return WorkDone::decode(&done);
            }
            let reason = match end {
                JobEnd::Done => "the job ended, but its claim is not in the warehouse".to_owned(),
                JobEnd::Failed(reason) => reason,
                JobEnd::Forgotten => {
                    tracing::warn!(file, "the scheduler has forgotten the job; sending it again");
                    continue;
                }
                JobEnd::Overdue => format!("no claim after {} s", self.options.job_limit.as_secs()),
            };
            failures += 1;
            if failures >= FAILURES {
                return Err(ClusterError::Plan { reason: format!("{failures} jobs failed, the last: {reason}") });
            }
            tracing::warn!(file, failures, reason, "the job failed; sending it again");
            tokio::time::sleep(Duration::from_millis(250) * failures).await;
        }
    }

    async fn extract_file(&self, file: &mut Extraction<'_>) -> Result<Extracted, ClusterError> {
        let started = Instant::now();
        self.staging.stage(&DOCUMENTS, file.documents).await?;
        let source = file.source;
        // One for all attempts of this process at this file, and for no other's.
        let claim = format!("{}/{}", file.settings.extract.run.run_id, uuid::Uuid::new_v4());
        let plan = self.plan(file, &claim).await?;
        let done = self.claim(&source.source_file, &claim, &plan).await?;
        let local = match &done.file {
            Some(part) => Some(self.staging.fetch(&COMBINATIONS, part, file.spool).await?),
            None => None,
        };
        let sentences = done.sentences_extracted;
        file.observer.observe(&RunEvent::Extracting { file: source.source_file.clone(), sentences });
        tracing::debug!(file = source.source_file, worker = done.worker, seconds = done.seconds, "extracted");
        Ok(done.into_extracted(local, started.elapsed().as_secs_f64()))
    }
}

/// The plan of the local engine over the staged documents `name`, under a sink.
pub(crate) async fn staged_plan(
    context: &SessionContext,
    staging: &Staging,
    name: &str,
    settings: &ExtractSettings,
    claim: &str,
) -> Result<LogicalPlan, ClusterError> {
    let (url, schema) = (staging.url_of(&DOCUMENTS, name)?, DOCUMENTS.schema());
    let documents = context.read_parquet(url.as_str(), ParquetReadOptions::default().schema(&schema)).await?;
    let combinations = plan::combinations(documents, settings.prefilter.clone(), settings.extract.clone())?;
    let options = StageOptions { warehouse: staging.root().to_string(), claim: claim.to_owned() };
    Ok(StageNode::plan(options, combinations)?)
}

#[async_trait]
impl Engine for ClusterEngine {
    fn files_at_once(&self) -> usize {
        self.options.files_at_once
    }

    fn files_ahead(&self) -> usize {
        self.options.files_at_once * AHEAD
    }

    async fn extract(&self, mut file: Extraction<'_>) -> Result<Extracted, PipelineError> {
        let extracted = self.extract_file(&mut file).await;
        extracted.map_err(|error| PipelineError::Plan {
            source_file: file.source.source_file.clone(),
            stage: "extraction on the cluster",
            reason: error.to_string(),
        })
    }
}
