//! Codecs: unary nodes travel as their options; lexicon and model travel as hashes and are taken from the receiving
//! process. Everything that is of another kind goes to the wrapped codec.

use std::marker::PhantomData;
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
use crate::unary_node::{NodeKind, PlanNodes, UnaryNode, to_json};

fn write<K: NodeKind>(kind: &K, out: &mut Vec<u8>) -> Result<()> {
    out.extend_from_slice(K::MAGIC);
    out.extend_from_slice(to_json(kind)?.as_bytes());
    Ok(())
}

fn read<K: NodeKind>(bytes: &[u8]) -> Option<Result<K>> {
    let refused = |error: serde_json::Error| OperatorError::Codec { reason: error.to_string() };
    bytes.strip_prefix(K::MAGIC).map(|bytes| Ok(serde_json::from_slice(bytes).map_err(refused)?))
}

fn one_input<T: Clone>(inputs: &[T]) -> Result<T> {
    match inputs {
        [input] => Ok(input.clone()),
        _ => Err(OperatorError::Codec { reason: format!("expected one input, got {}", inputs.len()) }.into()),
    }
}

/// Logical codec of one kind; wraps the codec of the engine in use.
#[derive(Debug)]
pub struct LogicalNodeCodec<K> {
    inner: Arc<dyn LogicalExtensionCodec>,
    kind: PhantomData<K>,
}

impl<K: NodeKind> LogicalNodeCodec<K> {
    /// Delegates what is of another kind to `inner`.
    pub fn new(inner: Arc<dyn LogicalExtensionCodec>) -> Self {
        Self { inner, kind: PhantomData }
    }
}

impl<K: NodeKind> LogicalExtensionCodec for LogicalNodeCodec<K> {
    fn try_decode(&self, bytes: &[u8], inputs: &[LogicalPlan], context: &TaskContext) -> Result<Extension> {
        match read::<K>(bytes) {
            Some(kind) => Ok(Extension { node: Arc::new(UnaryNode::try_new(kind?, one_input(inputs)?)?) }),
            None => self.inner.try_decode(bytes, inputs, context),
        }
    }

    fn try_encode(&self, extension: &Extension, out: &mut Vec<u8>) -> Result<()> {
        match extension.node.as_any().downcast_ref::<UnaryNode<K>>() {
            Some(node) => write(node.kind(), out),
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

/// Physical codec of one kind; wraps the codec of the engine in use.
#[derive(Debug)]
pub struct PhysicalNodeCodec<K> {
    inner: Arc<dyn PhysicalExtensionCodec>,
    nodes: Arc<dyn PlanNodes<K>>,
}

impl<K: NodeKind> PhysicalNodeCodec<K> {
    /// Delegates what is of another kind to `inner`; decoded nodes are those of `nodes`.
    pub fn new(inner: Arc<dyn PhysicalExtensionCodec>, nodes: impl PlanNodes<K> + 'static) -> Self {
        Self { inner, nodes: Arc::new(nodes) }
    }
}

impl<K: NodeKind> PhysicalExtensionCodec for PhysicalNodeCodec<K> {
    fn try_decode(
        &self,
        bytes: &[u8],
        inputs: &[Arc<dyn ExecutionPlan>],
        context: &TaskContext,
        converter: &dyn PhysicalProtoConverterExtension,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        match read::<K>(bytes) {
            Some(kind) => self.nodes.plan_node(&kind?, one_input(inputs)?),
            None => self.inner.try_decode(bytes, inputs, context, converter),
        }
    }

    fn try_encode(
        &self,
        node: Arc<dyn ExecutionPlan>,
        out: &mut Vec<u8>,
        converter: &dyn PhysicalProtoConverterExtension,
    ) -> Result<()> {
        match K::of(node.as_ref()) {
            Some(kind) => write(&kind, out),
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
