//! Codecs and planner of the cluster: our sink, then our operators, then Ballista's own nodes; anything else is refused.

use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use ballista_core::serde::{BallistaLogicalExtensionCodec, BallistaPhysicalExtensionCodec};
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::TableReference;
use datafusion::datasource::file_format::FileFormatFactory;
use datafusion::error::Result;
use datafusion::execution::TaskContext;
use datafusion::execution::context::QueryPlanner;
use datafusion::logical_expr::physical_planning_context::PhysicalPlanningContext;
use datafusion::logical_expr::{Extension, LogicalPlan, ScalarUDF, UserDefinedLogicalNode};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_planner::{DefaultPhysicalPlanner, ExtensionPlanner, PhysicalPlanner};
use datafusion_proto::logical_plan::LogicalExtensionCodec;
use datafusion_proto::physical_plan::{PhysicalExtensionCodec, PhysicalProtoConverterExtension};
use rexdrug_operators::codec::{RexdrugLogicalCodec, RexdrugPhysicalCodec};
use rexdrug_operators::pending::Pending;
use rexdrug_operators::planner::OperatorPlanner;

use crate::error::ClusterError;
use crate::stage::{StageExec, StageNode, StageOptions};
use crate::workshop::Workshop;

/// Marks the sink among the nodes of other codecs.
const MAGIC: &[u8] = b"rexstage1";

fn write(options: &StageOptions, out: &mut Vec<u8>) -> Result<()> {
    out.extend_from_slice(MAGIC);
    let refused = |error: serde_json::Error| ClusterError::Plan { reason: error.to_string() };
    out.extend(serde_json::to_vec(options).map_err(refused)?);
    Ok(())
}

fn read(bytes: &[u8]) -> Option<Result<StageOptions>> {
    let refused = |error: serde_json::Error| ClusterError::Plan { reason: error.to_string() };
    bytes.strip_prefix(MAGIC).map(|bytes| Ok(serde_json::from_slice(bytes).map_err(refused)?))
}

fn one_input<T: Clone>(inputs: &[T]) -> Result<T> {
    match inputs {
        [input] => Ok(input.clone()),
        _ => Err(ClusterError::Plan { reason: format!("a sink takes one input, got {}", inputs.len()) }.into()),
    }
}

/// The logical codec of driver and scheduler.
#[derive(Debug)]
pub struct ClusterLogicalCodec {
    inner: RexdrugLogicalCodec,
}

impl Default for ClusterLogicalCodec {
    fn default() -> Self {
        Self { inner: RexdrugLogicalCodec::new(Arc::new(BallistaLogicalExtensionCodec::default())) }
    }
}

impl LogicalExtensionCodec for ClusterLogicalCodec {
    fn try_decode(&self, bytes: &[u8], inputs: &[LogicalPlan], context: &TaskContext) -> Result<Extension> {
        match read(bytes) {
            Some(options) => Ok(Extension { node: Arc::new(StageNode::try_new(options?, one_input(inputs)?)?) }),
            None => self.inner.try_decode(bytes, inputs, context),
        }
    }

    fn try_encode(&self, extension: &Extension, out: &mut Vec<u8>) -> Result<()> {
        match extension.node.as_any().downcast_ref::<StageNode>() {
            Some(node) => write(node.options(), out),
            None => self.inner.try_encode(extension, out),
        }
    }

    fn try_decode_table_provider(
        &self,
        bytes: &[u8],
        table: &TableReference,
        schema: SchemaRef,
        context: &TaskContext,
    ) -> Result<Arc<dyn TableProvider>> {
        self.inner.try_decode_table_provider(bytes, table, schema, context)
    }

    fn try_encode_table_provider(
        &self,
        table: &TableReference,
        provider: Arc<dyn TableProvider>,
        out: &mut Vec<u8>,
    ) -> Result<()> {
        self.inner.try_encode_table_provider(table, provider, out)
    }

    fn try_decode_file_format(&self, bytes: &[u8], context: &TaskContext) -> Result<Arc<dyn FileFormatFactory>> {
        self.inner.try_decode_file_format(bytes, context)
    }

    fn try_encode_file_format(&self, out: &mut Vec<u8>, format: Arc<dyn FileFormatFactory>) -> Result<()> {
        self.inner.try_encode_file_format(out, format)
    }

    fn try_decode_udf(&self, name: &str, bytes: &[u8]) -> Result<Arc<ScalarUDF>> {
        self.inner.try_decode_udf(name, bytes)
    }

    fn try_encode_udf(&self, function: &ScalarUDF, out: &mut Vec<u8>) -> Result<()> {
        self.inner.try_encode_udf(function, out)
    }
}

/// The physical codec of scheduler and workers. Operators come out pending: a worker's sink gives them what they need.
#[derive(Debug)]
pub struct ClusterPhysicalCodec {
    inner: RexdrugPhysicalCodec,
    workshop: Option<Arc<Workshop>>,
}

impl ClusterPhysicalCodec {
    /// Without a workshop (a scheduler) plans can be decoded and sent on, but not run.
    pub fn new(workshop: Option<Arc<Workshop>>) -> Self {
        let ballista = Arc::new(BallistaPhysicalExtensionCodec::default());
        Self { inner: RexdrugPhysicalCodec::new(ballista, Pending), workshop }
    }
}

impl PhysicalExtensionCodec for ClusterPhysicalCodec {
    fn try_decode(
        &self,
        bytes: &[u8],
        inputs: &[Arc<dyn ExecutionPlan>],
        context: &TaskContext,
        converter: &dyn PhysicalProtoConverterExtension,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        match read(bytes) {
            Some(options) => Ok(Arc::new(StageExec::new(options?, one_input(inputs)?, self.workshop.clone()))),
            None => self.inner.try_decode(bytes, inputs, context, converter),
        }
    }

    fn try_encode(
        &self,
        node: Arc<dyn ExecutionPlan>,
        out: &mut Vec<u8>,
        converter: &dyn PhysicalProtoConverterExtension,
    ) -> Result<()> {
        let any: &dyn std::any::Any = node.as_ref();
        match any.downcast_ref::<StageExec>() {
            Some(stage) => write(stage.options(), out),
            None => self.inner.try_encode(node, out, converter),
        }
    }

    fn try_decode_udf(&self, name: &str, bytes: &[u8]) -> Result<Arc<ScalarUDF>> {
        self.inner.try_decode_udf(name, bytes)
    }

    fn try_encode_udf(&self, function: &ScalarUDF, out: &mut Vec<u8>) -> Result<()> {
        self.inner.try_encode_udf(function, out)
    }
}

/// The query planner of a scheduler.
#[derive(Debug)]
pub struct ClusterPlanner;

#[async_trait]
impl QueryPlanner for ClusterPlanner {
    async fn create_physical_plan(&self, plan: &LogicalPlan, session: &dyn Session) -> Result<Arc<dyn ExecutionPlan>> {
        let planners: Vec<Arc<dyn ExtensionPlanner + Send + Sync>> =
            vec![Arc::new(StagePlanner), Arc::new(OperatorPlanner::new(Pending))];
        DefaultPhysicalPlanner::with_extension_planners(planners).create_physical_plan(plan, session).await
    }
}

struct StagePlanner;

#[async_trait]
impl ExtensionPlanner for StagePlanner {
    async fn plan_extension(
        &self,
        _planner: &dyn PhysicalPlanner,
        node: &dyn UserDefinedLogicalNode,
        _logical_inputs: &[&LogicalPlan],
        physical_inputs: &[Arc<dyn ExecutionPlan>],
        _session: &dyn Session,
        _context: &PhysicalPlanningContext,
    ) -> Result<Option<Arc<dyn ExecutionPlan>>> {
        Ok(match (node.as_any().downcast_ref::<StageNode>(), physical_inputs) {
            (Some(stage), [input]) => {
                Some(Arc::new(StageExec::new(stage.options().clone(), Arc::clone(input), None)) as _)
            }
            _ => None,
        })
    }
}
