//! What a worker runs: one of our sinks, over our operators, over Parquet files of its warehouse. Everything else that a
//! plan could hold (other sources and sinks, functions, shuffles) is refused before it is executed.

use std::sync::Arc;

use ballista_core::JobId;
use ballista_core::execution_plans::ShuffleWriterExec;
use ballista_executor::execution_engine::{DefaultExecutionEngine, ExecutionEngine, QueryStageExecutor};
use datafusion::datasource::physical_plan::{FileScanConfig, ParquetSource};
use datafusion::datasource::source::DataSourceExec;
use datafusion::error::Result;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::expressions::Column;
use datafusion::physical_plan::projection::ProjectionExec;
use datafusion::prelude::SessionConfig;
use rexdrug_operators::pending::PendingExec;
use rexdrug_pipeline::warehouse::Staging;

use crate::error::ClusterError;
use crate::stage::StageExec;

/// Nodes of DataFusion that only pass rows on.
const PASSING: [&str; 3] = ["CooperativeExec", "CoalesceBatchesExec", "BufferExec"];

/// The execution engine of a worker: Ballista's, behind a look at the plan.
pub(crate) struct Guard {
    inner: DefaultExecutionEngine,
    staging: Staging,
}

impl Guard {
    pub(crate) fn new(staging: Staging) -> Self {
        Self { inner: DefaultExecutionEngine::new(), staging }
    }
}

fn refused(what: &str) -> ClusterError {
    ClusterError::Plan {
        reason: format!("{what}; a worker runs rexdrug's operators over Parquet files of its warehouse"),
    }
}

fn is<T: 'static>(plan: &Arc<dyn ExecutionPlan>) -> Option<&T> {
    let any: &dyn std::any::Any = plan.as_ref();
    any.downcast_ref::<T>()
}

/// Looks at a whole task.
pub(crate) fn check(plan: &Arc<dyn ExecutionPlan>, staging: &Staging) -> Result<(), ClusterError> {
    if is::<ShuffleWriterExec>(plan).is_none() {
        return Err(refused(&format!("a task begins with {}", plan.name())));
    }
    match plan.children().as_slice() {
        [sink] if is::<StageExec>(sink).is_some() => {
            sink.children().into_iter().try_for_each(|below| check_below(below, staging))
        }
        [other] => Err(refused(&format!("{} in the place of a sink", other.name()))),
        other => Err(refused(&format!("{} inputs in the place of a sink", other.len()))),
    }
}

fn check_below(plan: &Arc<dyn ExecutionPlan>, staging: &Staging) -> Result<(), ClusterError> {
    if let Some(source) = is::<DataSourceExec>(plan) {
        return match source.downcast_to_file_source::<ParquetSource>() {
            Some((scan, _)) => check_files(scan, staging),
            None => Err(refused("a source that is no Parquet file")),
        };
    }
    if let Some(projection) = is::<ProjectionExec>(plan) {
        let column = |expr: &Arc<dyn PhysicalExpr>| (expr.as_ref() as &dyn std::any::Any).is::<Column>();
        if !projection.expr().iter().all(|projected| column(&projected.expr)) {
            return Err(refused("an expression"));
        }
    } else if is::<PendingExec>(plan).is_none() && !PASSING.contains(&plan.name()) {
        return Err(refused(plan.name()));
    }
    plan.children().into_iter().try_for_each(|below| check_below(below, staging))
}

fn check_files(scan: &FileScanConfig, staging: &Staging) -> Result<(), ClusterError> {
    let (bucket, _) = staging.bucket();
    if scan.object_store_url.as_str().trim_end_matches('/') != bucket.as_str().trim_end_matches('/') {
        return Err(refused(&format!("files of {}", scan.object_store_url.as_str())));
    }
    let root = object_store::path::Path::from_url_path(staging.root().path());
    let root = root.map_err(|error| refused(&error.to_string()))?;
    let files = scan.file_groups.iter().flat_map(|group| group.files());
    for file in files {
        let location = &file.object_meta.location;
        if !location.prefix_matches(&root) {
            return Err(refused(&format!("the file {location}")));
        }
    }
    Ok(())
}

impl ExecutionEngine for Guard {
    fn create_query_stage_exec(
        &self,
        job_id: JobId,
        stage_id: usize,
        task_id: usize,
        global_output_partition_ids: Vec<usize>,
        plan: Arc<dyn ExecutionPlan>,
        work_dir: &str,
        config: &SessionConfig,
    ) -> Result<Arc<dyn QueryStageExecutor>> {
        if let Err(error) = check(&plan, &self.staging) {
            tracing::warn!(%error, %job_id, "task refused");
            return Err(error.into());
        }
        let outputs = global_output_partition_ids;
        self.inner.create_query_stage_exec(job_id, stage_id, task_id, outputs, plan, work_dir, config)
    }
}
