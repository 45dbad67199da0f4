//! The shell shared by the operators that map one batch to batches without waiting: it streams, counts and displays;
//! a [`BatchKernel`] computes.

use std::fmt::{self, Debug};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::{RecordBatchStream, SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::{EquivalenceProperties, PhysicalExpr};
use datafusion::physical_plan::execution_plan::{EmissionType, ReplaceChildrenOptions};
use datafusion::physical_plan::metrics::{BaselineMetrics, Count, ExecutionPlanMetricsSet, MetricBuilder, MetricsSet};
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, ExecutionPlanProperties, Partitioning, PlanProperties,
};
use futures::{Stream, StreamExt};

/// A pure function over one batch, and what a plan needs to know of it.
///
/// The output of a batch depends on that batch alone, never on its neighbours or on the partition.
pub trait BatchKernel: Debug + Send + Sync + 'static {
    /// Name of the plan node, e.g. `SentenceSegmentExec`.
    const NAME: &'static str;
    /// Input rows given to one call; larger batches are sliced so that memory stays bounded.
    const MAX_ROWS: usize;

    /// Schema of the output; checks that `input` has what the kernel reads.
    ///
    /// # Errors
    /// Names the missing columns.
    fn output_schema(&self, input: &SchemaRef) -> Result<SchemaRef>;

    /// Computes the output rows of `batch`.
    ///
    /// # Errors
    /// Only when a column has another type than declared.
    fn process(&self, batch: &RecordBatch) -> Result<RecordBatch>;

    /// Options for plan display, e.g. `min_drugs=2`.
    fn describe(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result;
}

/// An execution plan node with one child that runs a [`BatchKernel`].
#[derive(Debug)]
pub struct KernelExec<K> {
    kernel: Arc<K>,
    input: Arc<dyn ExecutionPlan>,
    properties: Arc<PlanProperties>,
    metrics: ExecutionPlanMetricsSet,
}

impl<K: BatchKernel> KernelExec<K> {
    /// A node over `input`.
    ///
    /// # Errors
    /// When `input` lacks columns that the kernel reads.
    pub fn try_new(kernel: Arc<K>, input: Arc<dyn ExecutionPlan>) -> Result<Self> {
        let schema = kernel.output_schema(&input.schema())?;
        let properties = Arc::new(unary_properties(&input, schema));
        Ok(Self { kernel, input, properties, metrics: ExecutionPlanMetricsSet::new() })
    }

    /// The kernel.
    pub fn kernel(&self) -> &Arc<K> {
        &self.kernel
    }
}

/// Properties of a node that keeps its child's partitions and emits rows as they come.
pub(crate) fn unary_properties(input: &Arc<dyn ExecutionPlan>, schema: SchemaRef) -> PlanProperties {
    let partitions = input.output_partitioning().partition_count();
    PlanProperties::new(
        EquivalenceProperties::new(schema),
        Partitioning::UnknownPartitioning(partitions),
        EmissionType::Incremental,
        input.boundedness(),
    )
}

impl<K: BatchKernel> DisplayAs for KernelExec<K> {
    fn fmt_as(&self, _kind: DisplayFormatType, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}: ", K::NAME)?;
        self.kernel.describe(out)
    }
}

impl<K: BatchKernel> ExecutionPlan for KernelExec<K> {
    fn name(&self) -> &'static str {
        K::NAME
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![&self.input]
    }

    fn maintains_input_order(&self) -> Vec<bool> {
        vec![true]
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
            (Some(input), true) => Ok(Arc::new(Self::try_new(Arc::clone(&self.kernel), input)?)),
            _ => Err(DataFusionError::Internal(format!("{} takes exactly one child", K::NAME))),
        }
    }

    fn with_new_children(self: Arc<Self>, children: Vec<Arc<dyn ExecutionPlan>>) -> Result<Arc<dyn ExecutionPlan>> {
        self.replace_children(children, recompute())
    }

    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        Ok(Box::pin(KernelStream {
            kernel: Arc::clone(&self.kernel),
            input: self.input.execute(partition, context)?,
            schema: self.schema(),
            pending: None,
            baseline: BaselineMetrics::new(&self.metrics, partition),
            rows_in: MetricBuilder::new(&self.metrics).counter("input_rows", partition),
        }))
    }

    fn metrics(&self) -> Option<MetricsSet> {
        Some(self.metrics.clone_inner())
    }
}

pub(crate) fn recompute() -> ReplaceChildrenOptions {
    ReplaceChildrenOptions::new(datafusion::physical_plan::execution_plan::ChildrenPropertiesMode::Recompute)
}

struct KernelStream<K> {
    kernel: Arc<K>,
    input: SendableRecordBatchStream,
    schema: SchemaRef,
    /// The part of the last input batch that is still to be processed.
    pending: Option<RecordBatch>,
    baseline: BaselineMetrics,
    rows_in: Count,
}

impl<K: BatchKernel> KernelStream<K> {
    fn process_slice(&mut self, batch: RecordBatch) -> Result<RecordBatch> {
        let rows = batch.num_rows().min(K::MAX_ROWS);
        let head = batch.slice(0, rows);
        self.pending = (rows < batch.num_rows()).then(|| batch.slice(rows, batch.num_rows() - rows));
        self.rows_in.add(rows);
        let _timer = self.baseline.elapsed_compute().timer();
        self.kernel.process(&head)
    }
}

impl<K: BatchKernel> Stream for KernelStream<K> {
    type Item = Result<RecordBatch>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            let next = match self.pending.take() {
                Some(batch) => Some(Ok(batch)),
                None => ready!(self.input.poll_next_unpin(context)),
            };
            let out = match next {
                Some(Ok(batch)) => match self.process_slice(batch) {
                    Ok(out) if out.num_rows() == 0 => continue,
                    result => Some(result),
                },
                Some(Err(error)) => Some(Err(error)),
                None => None,
            };
            return self.baseline.record_poll(Poll::Ready(out));
        }
    }
}

impl<K: BatchKernel> RecordBatchStream for KernelStream<K> {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }
}
