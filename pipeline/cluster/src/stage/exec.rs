//! The sink as a plan node.
//!
//! It has one partition, whatever the engine makes of partitions, and runs everything below it itself, on a copy of the
//! plan whose operators have the worker's lexicon and model: so counts and refused sentences are those of this attempt
//! alone, however many attempts share a process.

use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use arrow::array::{ArrayRef, RecordBatch, StringArray, UInt64Array};
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::{Distribution, EquivalenceProperties, PhysicalExpr};
use datafusion::physical_plan::execution_plan::{
    Boundedness, ChildrenPropertiesMode, EmissionType, ReplaceChildrenOptions,
};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, ExecutionPlanProperties, Partitioning, PlanProperties, execute_stream,
};
use futures::StreamExt;
use rexdrug_pipeline::run::counts_of;
use rexdrug_pipeline::warehouse::{SpoolFile, SpoolWriter};
use rexdrug_schemas::COMBINATIONS;

use super::node::{StageOptions, facts_schema};
use crate::done::WorkDone;
use crate::error::ClusterError;
use crate::workshop::Workshop;

/// The plan node.
#[derive(Debug)]
pub struct StageExec {
    options: StageOptions,
    input: Arc<dyn ExecutionPlan>,
    /// None in a process that plans and does not run.
    workshop: Option<Arc<Workshop>>,
    properties: Arc<PlanProperties>,
}

impl StageExec {
    /// A sink over `input`; without a workshop it can be planned and sent, but not run.
    pub fn new(options: StageOptions, input: Arc<dyn ExecutionPlan>, workshop: Option<Arc<Workshop>>) -> Self {
        let properties = PlanProperties::new(
            EquivalenceProperties::new(facts_schema()),
            Partitioning::UnknownPartitioning(1),
            EmissionType::Final,
            Boundedness::Bounded,
        );
        Self { options, input, workshop, properties: Arc::new(properties) }
    }

    /// Where the rows go.
    pub fn options(&self) -> &StageOptions {
        &self.options
    }
}

impl DisplayAs for StageExec {
    fn fmt_as(&self, _kind: DisplayFormatType, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "StageExec: {}", self.options.claim)
    }
}

impl ExecutionPlan for StageExec {
    fn name(&self) -> &str {
        "StageExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![&self.input]
    }

    fn required_input_distribution(&self) -> Vec<Distribution> {
        vec![Distribution::SinglePartition]
    }

    fn benefits_from_input_partitioning(&self) -> Vec<bool> {
        vec![false]
    }

    fn apply_expressions(
        &self,
        _visit: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn replace_children(
        self: Arc<Self>,
        mut children: Vec<Arc<dyn ExecutionPlan>>,
        _options: ReplaceChildrenOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        match (children.pop(), children.is_empty()) {
            (Some(input), true) => Ok(Arc::new(Self::new(self.options.clone(), input, self.workshop.clone()))),
            _ => Err(DataFusionError::Internal("StageExec takes exactly one child".to_owned())),
        }
    }

    fn with_new_children(self: Arc<Self>, children: Vec<Arc<dyn ExecutionPlan>>) -> Result<Arc<dyn ExecutionPlan>> {
        self.replace_children(children, ReplaceChildrenOptions::new(ChildrenPropertiesMode::Recompute))
    }

    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        let refused = |reason: &str| ClusterError::Plan { reason: reason.to_owned() };
        let parts = self.input.output_partitioning().partition_count();
        if partition != 0 || parts != 1 {
            return Err(refused(&format!("a sink runs as one partition over one; got {partition} of {parts}")).into());
        }
        let Some(workshop) = self.workshop.clone() else {
            return Err(refused("this process plans and does not run; start workers").into());
        };
        let (options, input) = (self.options.clone(), Arc::clone(&self.input));
        let facts = async move { facts(&options, &work(&workshop, &options, &input, context).await?) };
        Ok(Box::pin(RecordBatchStreamAdapter::new(facts_schema(), futures::stream::once(facts))))
    }
}

/// Runs the plan, unless another attempt has done so already; the claim that stands is the answer.
async fn work(
    workshop: &Workshop,
    options: &StageOptions,
    input: &Arc<dyn ExecutionPlan>,
    context: Arc<TaskContext>,
) -> Result<WorkDone, ClusterError> {
    let staging = workshop.staging();
    let (expected, got) = (options.warehouse.clone(), staging.root().to_string());
    if expected != got {
        return Err(ClusterError::OtherWarehouse { expected, got });
    }
    if let Some(claim) = staging.claimed(&options.claim).await? {
        return WorkDone::decode(&claim);
    }
    let started = Instant::now();
    let job = workshop.prepare(input).await?;
    let folder = workshop.scratch()?;
    let spool = run(&job.plan, context, folder.path()).await?;
    let counts = counts_of(job.plan.as_ref());
    let file = match &spool {
        Some(spool) => Some(staging.stage_with_facts(&COMBINATIONS, spool).await?),
        None => None,
    };
    let done = WorkDone {
        file,
        quarantine: job.quarantine.take_all(),
        sentences_read: counts.sentences_read,
        sentences_kept: counts.sentences_kept,
        sentences_extracted: counts.sentences_extracted,
        language_model: counts.language_model,
        worker: workshop.name().to_owned(),
        device: job.device.clone(),
        seconds: started.elapsed().as_secs_f64(),
    };
    if staging.claim(&options.claim, done.encode()?).await? {
        tracing::info!(claim = options.claim, seconds = done.seconds, "extracted");
        return Ok(done);
    }
    // Another attempt was first: its file counts, ours does not.
    if let Some(file) = &done.file {
        staging.discard(&COMBINATIONS, file).await;
    }
    let reason = || ClusterError::Claim { reason: format!("{} vanished", options.claim) };
    let claim = staging.claimed(&options.claim).await?.ok_or_else(reason)?;
    tracing::info!(claim = options.claim, "another attempt was first");
    WorkDone::decode(&claim)
}

async fn run(
    plan: &Arc<dyn ExecutionPlan>,
    context: Arc<TaskContext>,
    folder: &std::path::Path,
) -> Result<Option<SpoolFile>, ClusterError> {
    let mut rows = execute_stream(Arc::clone(plan), context)?;
    let mut writer = None;
    while let Some(batch) = rows.next().await {
        let batch = batch?;
        if writer.is_none() {
            writer = Some(SpoolWriter::create(&COMBINATIONS, folder)?);
        }
        if let Some(writer) = &mut writer {
            writer.write(&batch)?;
        }
    }
    Ok(writer.map(SpoolWriter::finish).transpose()?)
}

fn facts(options: &StageOptions, done: &WorkDone) -> Result<RecordBatch> {
    let columns: Vec<ArrayRef> = vec![
        Arc::new(StringArray::from(vec![options.claim.as_str()])),
        Arc::new(StringArray::from(vec![done.file.as_ref().map(|file| file.name.as_str())])),
        Arc::new(UInt64Array::from(vec![done.file.as_ref().map_or(0, |file| file.rows)])),
        Arc::new(StringArray::from(vec![done.worker.as_str()])),
    ];
    Ok(RecordBatch::try_new(facts_schema(), columns)?)
}
