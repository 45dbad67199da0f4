//! Plan nodes that wait for their lexicon and model.
//!
//! A scheduler plans and sends operators that it never runs, and a worker decodes them before it has fetched what they
//! need. Both do so with [`Pending`]: its nodes know their options, columns and place in the plan and nothing else. The
//! worker puts the real nodes in their place with [`resolve`]; a pending node that is executed fails.

use std::fmt;
use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::SendableRecordBatchStream;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::execution_plan::{ChildrenPropertiesMode, ReplaceChildrenOptions};
use datafusion::physical_plan::metrics::ExecutionPlanMetricsSet;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;

use crate::OperatorError;
use crate::logical::Operator;
use crate::unary_exec::{UnaryExec, UnaryOperator};
use crate::unary_node::{NodeKind, PlanNodes};

/// Plans every operator as a pending node.
#[derive(Debug, Clone, Copy, Default)]
pub struct Pending;

impl PlanNodes<Operator> for Pending {
    fn plan_node(&self, operator: &Operator, input: Arc<dyn ExecutionPlan>) -> Result<Arc<dyn ExecutionPlan>> {
        Ok(Arc::new(PendingExec::try_new(Arc::new(PendingOperator { operator: operator.clone() }), input)?))
    }
}

/// The plan node.
pub type PendingExec = UnaryExec<PendingOperator>;

/// What a pending node knows.
#[derive(Debug)]
pub struct PendingOperator {
    operator: Operator,
}

impl PendingOperator {
    /// The operator that waits.
    pub fn pending(&self) -> &Operator {
        &self.operator
    }
}

impl UnaryOperator for PendingOperator {
    fn name(&self) -> &'static str {
        self.operator.name()
    }

    fn output_schema(&self, _input: &SchemaRef) -> Result<SchemaRef> {
        Ok(self.operator.output_schema())
    }

    fn describe(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("pending")
    }

    fn stream(
        self: Arc<Self>,
        _partition: usize,
        _input: SendableRecordBatchStream,
        schema: SchemaRef,
        _metrics: &ExecutionPlanMetricsSet,
    ) -> SendableRecordBatchStream {
        let reason = format!("{} was run without its lexicon or model; only a worker's sink runs it", self.name());
        let failed = futures::stream::once(async move { Err(OperatorError::Codec { reason }.into()) });
        Box::pin(RecordBatchStreamAdapter::new(schema, failed))
    }
}

/// The operators that wait in `plan`, from the root down.
pub fn pending(plan: &Arc<dyn ExecutionPlan>) -> Vec<Operator> {
    let own = as_pending(plan).map(|node| node.operator().pending().clone());
    own.into_iter().chain(plan.children().into_iter().flat_map(pending)).collect()
}

/// A copy of `plan` with metrics of its own, in which `operators` has put real nodes in the place of pending ones.
///
/// # Errors
/// As [`PlanNodes::plan_node`].
pub fn resolve(plan: &Arc<dyn ExecutionPlan>, operators: &dyn PlanNodes<Operator>) -> Result<Arc<dyn ExecutionPlan>> {
    let mut children =
        plan.children().into_iter().map(|child| resolve(child, operators)).collect::<Result<Vec<_>>>()?;
    match as_pending(plan) {
        Some(node) => match (children.pop(), children.is_empty()) {
            (Some(input), true) => operators.plan_node(node.operator().pending(), input),
            _ => Err(DataFusionError::Internal(format!("{} takes one input", plan.name()))),
        },
        None => {
            Arc::clone(plan).replace_children(children, ReplaceChildrenOptions::new(ChildrenPropertiesMode::Recompute))
        }
    }
}

fn as_pending(plan: &Arc<dyn ExecutionPlan>) -> Option<&PendingExec> {
    let any: &dyn std::any::Any = plan.as_ref();
    any.downcast_ref::<PendingExec>()
}
