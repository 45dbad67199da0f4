//! Codecs: plans that hold rexdrug's operators travel as the operators' options; lexicon and model travel as hashes and
//! are taken from the receiving process. Everything that is not ours goes to the wrapped codec.

use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use datafusion::catalog::TableProvider;
use datafusion::common::TableReference;
use datafusion::datasource::file_format::FileFormatFactory;
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::TaskContext;
use datafusion::logical_expr::{Extension, LogicalPlan, ScalarUDF};
use datafusion::physical_plan::ExecutionPlan;
use datafusion_proto::logical_plan::LogicalExtensionCodec;
use datafusion_proto::physical_plan::{PhysicalExtensionCodec, PhysicalProtoConverterExtension};

use crate::OperatorError;
use crate::drug_prefilter::DrugPrefilterExec;
use crate::extract::ExtractExec;
use crate::logical::{Operator, OperatorNode};
use crate::pending::PendingExec;
use crate::planner::PlanOperators;
use crate::sentence_segment::SentenceSegmentExec;

/// Marks our nodes among those of other codecs.
const MAGIC: &[u8] = b"rexdrug1";

fn write(operator: &Operator, out: &mut Vec<u8>) -> Result<()> {
    out.extend_from_slice(MAGIC);
    out.extend_from_slice(operator.encode()?.as_bytes());
    Ok(())
}

fn read(bytes: &[u8]) -> Option<Result<Operator>> {
    bytes.strip_prefix(MAGIC).map(Operator::decode)
}

fn one_input<T: Clone>(inputs: &[T]) -> Result<T> {
    match inputs {
        [input] => Ok(input.clone()),
        _ => Err(OperatorError::Codec { reason: format!("expected one input, got {}", inputs.len()) }.into()),
    }
}

/// Logical codec; wraps the codec of the engine in use.
#[derive(Debug)]
pub struct RexdrugLogicalCodec {
    inner: Arc<dyn LogicalExtensionCodec>,
}

impl RexdrugLogicalCodec {
    /// Delegates what is not ours to `inner`.
    pub fn new(inner: Arc<dyn LogicalExtensionCodec>) -> Self {
        Self { inner }
    }
}

impl LogicalExtensionCodec for RexdrugLogicalCodec {
    fn try_decode(&self, bytes: &[u8], inputs: &[LogicalPlan], context: &TaskContext) -> Result<Extension> {
        match read(bytes) {
            Some(operator) => Ok(Extension { node: Arc::new(OperatorNode::try_new(operator?, one_input(inputs)?)?) }),
            None => self.inner.try_decode(bytes, inputs, context),
        }
    }

    fn try_encode(&self, extension: &Extension, out: &mut Vec<u8>) -> Result<()> {
        match extension.node.as_any().downcast_ref::<OperatorNode>() {
            Some(node) => write(node.operator(), out),
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

/// Physical codec; wraps the codec of the engine in use.
#[derive(Debug)]
pub struct RexdrugPhysicalCodec {
    inner: Arc<dyn PhysicalExtensionCodec>,
    resources: Arc<dyn PlanOperators>,
}

impl RexdrugPhysicalCodec {
    /// Delegates what is not ours to `inner`; decoded operators run on `resources`.
    pub fn new(inner: Arc<dyn PhysicalExtensionCodec>, resources: impl PlanOperators + 'static) -> Self {
        Self { inner, resources: Arc::new(resources) }
    }
}

/// The operator that `node` runs, where it is one of ours.
fn operator_of(node: &Arc<dyn ExecutionPlan>) -> Option<Operator> {
    let any: &dyn std::any::Any = node.as_ref();
    if let Some(node) = any.downcast_ref::<PendingExec>() {
        Some(node.operator().pending().clone())
    } else if any.is::<SentenceSegmentExec>() {
        Some(Operator::SentenceSegment)
    } else if let Some(node) = any.downcast_ref::<DrugPrefilterExec>() {
        Some(Operator::DrugPrefilter(node.operator().options().clone()))
    } else {
        any.downcast_ref::<ExtractExec>().map(|node| Operator::Extract(node.operator().options().clone()))
    }
}

impl PhysicalExtensionCodec for RexdrugPhysicalCodec {
    fn try_decode(
        &self,
        bytes: &[u8],
        inputs: &[Arc<dyn ExecutionPlan>],
        context: &TaskContext,
        converter: &dyn PhysicalProtoConverterExtension,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        match read(bytes) {
            Some(operator) => self.resources.plan_operator(&operator?, one_input(inputs)?),
            None => self.inner.try_decode(bytes, inputs, context, converter),
        }
    }

    fn try_encode(
        &self,
        node: Arc<dyn ExecutionPlan>,
        out: &mut Vec<u8>,
        converter: &dyn PhysicalProtoConverterExtension,
    ) -> Result<()> {
        match operator_of(&node) {
            Some(operator) => write(&operator, out),
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

/// A codec for engines that have none of their own: refuses everything.
#[derive(Debug)]
pub struct NoOtherNodes;

impl PhysicalExtensionCodec for NoOtherNodes {
    fn try_decode(
        &self,
        _bytes: &[u8],
        _inputs: &[Arc<dyn ExecutionPlan>],
        _context: &TaskContext,
        _converter: &dyn PhysicalProtoConverterExtension,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        Err(OperatorError::Codec { reason: "unknown plan node".to_owned() }.into())
    }

    fn try_encode(
        &self,
        node: Arc<dyn ExecutionPlan>,
        _out: &mut Vec<u8>,
        _converter: &dyn PhysicalProtoConverterExtension,
    ) -> Result<()> {
        Err(DataFusionError::NotImplemented(format!("no codec for plan node {}", node.name())))
    }
}
