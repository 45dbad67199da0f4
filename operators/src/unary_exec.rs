//! The plan node shared by rexdrug's operators, all of which have one child and keep its partitions and order.
//!
//! [`UnaryExec`] is the node, a [`UnaryOperator`] what it does. Operators that map one batch to one batch without
//! waiting are a [`BatchKernel`], which is streamed and counted here.

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
use datafusion::physical_plan::execution_plan::{ChildrenPropertiesMode, EmissionType, ReplaceChildrenOptions};
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

/// What a [`UnaryExec`] does with the stream of one partition.
pub trait UnaryOperator: Debug + Send + Sync + 'static {
    /// Name of the plan node, e.g. `ExtractExec`.
    fn name(&self) -> &'static str;

    /// Schema of the output; checks that `input` has what the operator reads.
    ///
    /// # Errors
    /// Names the missing columns.
    fn output_schema(&self, input: &SchemaRef) -> Result<SchemaRef>;

    /// False where more partitions make nothing faster.
    fn benefits_from_partitioning(&self) -> bool {
        true
    }

    /// Options for plan display, e.g. `min_drugs=2`.
    fn describe(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result;

    /// The output of one partition, of schema `schema`, in the order of its input.
    fn stream(
        self: Arc<Self>,
        partition: usize,
        input: SendableRecordBatchStream,
        schema: SchemaRef,
        metrics: &ExecutionPlanMetricsSet,
    ) -> SendableRecordBatchStream;
}

/// An execution plan node with one child that runs a [`UnaryOperator`] over each partition.
#[derive(Debug)]
pub struct UnaryExec<O> {
    operator: Arc<O>,
    input: Arc<dyn ExecutionPlan>,
    properties: Arc<PlanProperties>,
    metrics: ExecutionPlanMetricsSet,
}

impl<O: UnaryOperator> UnaryExec<O> {
    /// A node over `input`.
    ///
    /// # Errors
    /// When `input` lacks columns that the operator reads.
    pub fn try_new(operator: Arc<O>, input: Arc<dyn ExecutionPlan>) -> Result<Self> {
        let schema = operator.output_schema(&input.schema())?;
        let properties = PlanProperties::new(
            EquivalenceProperties::new(schema),
            Partitioning::UnknownPartitioning(input.output_partitioning().partition_count()),
            EmissionType::Incremental,
            input.boundedness(),
        );
        Ok(Self { operator, input, properties: Arc::new(properties), metrics: ExecutionPlanMetricsSet::new() })
    }

    /// What it runs.
    pub fn operator(&self) -> &Arc<O> {
        &self.operator
    }
}

impl<O: UnaryOperator> DisplayAs for UnaryExec<O> {
    fn fmt_as(&self, _kind: DisplayFormatType, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}: ", self.operator.name())?;
        self.operator.describe(out)
    }
}

impl<O: UnaryOperator> ExecutionPlan for UnaryExec<O> {
    fn name(&self) -> &str {
        self.operator.name()
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

    fn benefits_from_input_partitioning(&self) -> Vec<bool> {
        vec![self.operator.benefits_from_partitioning()]
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
            (Some(input), true) => Ok(Arc::new(Self::try_new(Arc::clone(&self.operator), input)?)),
            _ => Err(DataFusionError::Internal(format!("{} takes exactly one child", self.operator.name()))),
        }
    }

    fn with_new_children(self: Arc<Self>, children: Vec<Arc<dyn ExecutionPlan>>) -> Result<Arc<dyn ExecutionPlan>> {
        self.replace_children(children, ReplaceChildrenOptions::new(ChildrenPropertiesMode::Recompute))
    }

    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        let input = self.input.execute(partition, context)?;
        Ok(Arc::clone(&self.operator).stream(partition, input, self.schema(), &self.metrics))
    }

    fn metrics(&self) -> Option<MetricsSet> {
        Some(self.metrics.clone_inner())
    }
}

impl<K: BatchKernel> UnaryOperator for K {
    fn name(&self) -> &'static str {
        K::NAME
    }

    fn output_schema(&self, input: &SchemaRef) -> Result<SchemaRef> {
        BatchKernel::output_schema(self, input)
    }

    fn describe(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        BatchKernel::describe(self, out)
    }

    fn stream(
        self: Arc<Self>,
        partition: usize,
        input: SendableRecordBatchStream,
        schema: SchemaRef,
        metrics: &ExecutionPlanMetricsSet,
    ) -> SendableRecordBatchStream {
        Box::pin(KernelStream {
            kernel: self,
            input,
            schema,
            pending: None,
            baseline: BaselineMetrics::new(metrics, partition),
            rows_in: MetricBuilder::new(metrics).counter("input_rows", partition),
        })
    }
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
