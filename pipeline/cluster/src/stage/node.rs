//! The logical sink.

use std::any::Any;
use std::fmt;
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::physical_plan::ExecutionPlan;
use rexdrug_operators::unary_node::{NodeKind, UnaryNode};
use serde::{Deserialize, Serialize};

use super::exec::StageExec;

/// Where the rows of a plan go.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StageOptions {
    /// Root of the warehouse; a worker writes to the one it was started with and to no other.
    pub warehouse: String,
    /// Name of the claim: one for all attempts of a run at a source file.
    pub claim: String,
}

/// What a sink gives back, for people who look at the scheduler: one row with the claim, the file and its rows.
pub fn facts_schema() -> SchemaRef {
    Arc::new(Schema::new(vec![
        Field::new("claim", DataType::Utf8, false),
        Field::new("file", DataType::Utf8, true),
        Field::new("rows", DataType::UInt64, false),
        Field::new("worker", DataType::Utf8, false),
    ]))
}

/// The logical node.
pub type StageNode = UnaryNode<StageOptions>;

impl NodeKind for StageOptions {
    const MAGIC: &'static [u8] = b"rexstage1";

    fn name(&self) -> &'static str {
        "Stage"
    }

    fn output_schema(&self) -> SchemaRef {
        facts_schema()
    }

    fn describe(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.claim)
    }

    fn of(node: &dyn ExecutionPlan) -> Option<Self> {
        let any: &dyn Any = node;
        any.downcast_ref::<StageExec>().map(|stage| stage.options().clone())
    }
}
