//! The logical sink.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::common::{DFSchema, DFSchemaRef};
use datafusion::error::{DataFusionError, Result};
use datafusion::logical_expr::{Expr, Extension, LogicalPlan, UserDefinedLogicalNodeCore};
use serde::{Deserialize, Serialize};

/// Where the rows of a plan go.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Serialize, Deserialize)]
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

/// The logical node: one input, no expressions.
#[derive(Debug, Clone)]
pub struct StageNode {
    options: StageOptions,
    input: LogicalPlan,
    schema: DFSchemaRef,
}

impl StageNode {
    /// A sink over `input`, whose rows are those of `combinations`.
    ///
    /// # Errors
    /// Only when the schema of the facts is broken.
    pub fn try_new(options: StageOptions, input: LogicalPlan) -> Result<Self> {
        let schema = Arc::new(DFSchema::try_from(facts_schema())?);
        Ok(Self { options, input, schema })
    }

    /// As a logical plan.
    ///
    /// # Errors
    /// As [`StageNode::try_new`].
    pub fn plan(options: StageOptions, input: LogicalPlan) -> Result<LogicalPlan> {
        Ok(LogicalPlan::Extension(Extension { node: Arc::new(Self::try_new(options, input)?) }))
    }

    /// Where the rows go.
    pub fn options(&self) -> &StageOptions {
        &self.options
    }
}

impl PartialEq for StageNode {
    fn eq(&self, other: &Self) -> bool {
        self.options == other.options && self.input == other.input
    }
}

impl Eq for StageNode {}

impl Hash for StageNode {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.options.hash(state);
        self.input.hash(state);
    }
}

impl PartialOrd for StageNode {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        match self.options.partial_cmp(&other.options) {
            Some(Ordering::Equal) => self.input.partial_cmp(&other.input),
            order => order,
        }
    }
}

impl UserDefinedLogicalNodeCore for StageNode {
    fn name(&self) -> &str {
        "Stage"
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
        write!(out, "Stage: {}", self.options.claim)
    }

    fn with_exprs_and_inputs(&self, exprs: Vec<Expr>, mut inputs: Vec<LogicalPlan>) -> Result<Self> {
        match (exprs.is_empty(), inputs.pop(), inputs.is_empty()) {
            (true, Some(input), true) => Self::try_new(self.options.clone(), input),
            _ => Err(DataFusionError::Internal("Stage takes one input and no expressions".to_owned())),
        }
    }
}
