//! A logical plan node with one input and no expressions, whatever it runs: comparison, display and planning are the same
//! for rexdrug's operators and for the cluster's sink, and are here once.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use datafusion::catalog::Session;
use datafusion::common::{DFSchema, DFSchemaRef};
use datafusion::error::{DataFusionError, Result};
use datafusion::logical_expr::physical_planning_context::PhysicalPlanningContext;
use datafusion::logical_expr::{Expr, Extension, LogicalPlan, UserDefinedLogicalNode, UserDefinedLogicalNodeCore};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_planner::{ExtensionPlanner, PhysicalPlanner};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::OperatorError;

/// What a unary node runs: options that say all there is to say of it, and travel as JSON.
pub trait NodeKind: Clone + fmt::Debug + Serialize + DeserializeOwned + Send + Sync + 'static {
    /// First bytes of an encoded node of this kind; no other kind's begin with them.
    const MAGIC: &'static [u8];

    /// Name of the plan node.
    fn name(&self) -> &'static str;

    /// Columns that it gives.
    fn output_schema(&self) -> SchemaRef;

    /// What `EXPLAIN` says of it.
    ///
    /// # Errors
    /// Those of the formatter.
    fn describe(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result;

    /// What an execution plan node runs, where it is of this kind.
    fn of(node: &dyn ExecutionPlan) -> Option<Self>;
}

/// Makes execution plan nodes of one kind, with whatever a process holds for them.
pub trait PlanNodes<K>: fmt::Debug + Send + Sync {
    /// Builds the execution plan node of `kind` over `input`.
    ///
    /// # Errors
    /// When the plan names a lexicon or model that this process cannot use, or `input` lacks columns.
    fn plan_node(&self, kind: &K, input: Arc<dyn ExecutionPlan>) -> Result<Arc<dyn ExecutionPlan>>;
}

pub(crate) fn to_json<K: NodeKind>(kind: &K) -> Result<String> {
    serde_json::to_string(kind).map_err(|error| OperatorError::Codec { reason: error.to_string() }.into())
}

/// The logical plan node.
#[derive(Debug, Clone)]
pub struct UnaryNode<K> {
    kind: K,
    /// `kind` as JSON: its identity for comparison and hashing.
    encoded: String,
    input: LogicalPlan,
    schema: DFSchemaRef,
}

impl<K: NodeKind> UnaryNode<K> {
    /// `kind` over `input`.
    ///
    /// # Errors
    /// When the options cannot be serialised.
    pub fn try_new(kind: K, input: LogicalPlan) -> Result<Self> {
        let schema = Arc::new(DFSchema::try_from(kind.output_schema())?);
        Ok(Self { encoded: to_json(&kind)?, kind, input, schema })
    }

    /// As a logical plan.
    ///
    /// # Errors
    /// As [`UnaryNode::try_new`].
    pub fn plan(kind: K, input: LogicalPlan) -> Result<LogicalPlan> {
        Ok(LogicalPlan::Extension(Extension { node: Arc::new(Self::try_new(kind, input)?) }))
    }

    /// What it runs.
    pub fn kind(&self) -> &K {
        &self.kind
    }
}

impl<K> PartialEq for UnaryNode<K> {
    fn eq(&self, other: &Self) -> bool {
        self.encoded == other.encoded && self.input == other.input
    }
}

impl<K> Eq for UnaryNode<K> {}

impl<K> Hash for UnaryNode<K> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.encoded.hash(state);
        self.input.hash(state);
    }
}

impl<K> PartialOrd for UnaryNode<K> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        match self.encoded.cmp(&other.encoded) {
            Ordering::Equal => self.input.partial_cmp(&other.input),
            order => Some(order),
        }
    }
}

impl<K: NodeKind> UserDefinedLogicalNodeCore for UnaryNode<K> {
    fn name(&self) -> &str {
        self.kind.name()
    }

    fn inputs(&self) -> Vec<&LogicalPlan> {
        vec![&self.input]
    }

    fn schema(&self) -> &DFSchemaRef {
        &self.schema
    }

    fn expressions(&self) -> Vec<Expr> {
        Vec::new()
    }

    fn fmt_for_explain(&self, out: &mut fmt::Formatter) -> fmt::Result {
        write!(out, "{}: ", self.kind.name())?;
        self.kind.describe(out)
    }

    fn with_exprs_and_inputs(&self, exprs: Vec<Expr>, mut inputs: Vec<LogicalPlan>) -> Result<Self> {
        match (exprs.is_empty(), inputs.pop(), inputs.is_empty()) {
            (true, Some(input), true) => Self::try_new(self.kind.clone(), input),
            _ => Err(DataFusionError::Internal(format!("{} takes one input and no expressions", self.kind.name()))),
        }
    }
}

/// Plans the [`UnaryNode`]s of one kind; everything else is left to other planners.
#[derive(Debug)]
pub struct NodePlanner<K> {
    nodes: Arc<dyn PlanNodes<K>>,
}

impl<K: NodeKind> NodePlanner<K> {
    /// A planner whose nodes are those of `nodes`.
    pub fn new(nodes: impl PlanNodes<K> + 'static) -> Self {
        Self { nodes: Arc::new(nodes) }
    }
}

#[async_trait]
impl<K: NodeKind> ExtensionPlanner for NodePlanner<K> {
    async fn plan_extension(
        &self,
        _planner: &dyn PhysicalPlanner,
        node: &dyn UserDefinedLogicalNode,
        _logical_inputs: &[&LogicalPlan],
        physical_inputs: &[Arc<dyn ExecutionPlan>],
        _session: &dyn Session,
        _context: &PhysicalPlanningContext,
    ) -> Result<Option<Arc<dyn ExecutionPlan>>> {
        match (node.as_any().downcast_ref::<UnaryNode<K>>(), physical_inputs) {
            (Some(node), [input]) => Ok(Some(self.nodes.plan_node(node.kind(), Arc::clone(input))?)),
            _ => Ok(None),
        }
    }
}
