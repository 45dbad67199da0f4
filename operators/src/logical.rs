//! The logical side of the operators: one extension node that carries any of them, so that planning, display and codec
//! exist once.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use datafusion::common::{DFSchema, DFSchemaRef};
use datafusion::error::{DataFusionError, Result};
use datafusion::logical_expr::{Expr, Extension, LogicalPlan, UserDefinedLogicalNodeCore};
use rexdrug_schemas::{CANDIDATES, COMBINATIONS, SENTENCES};
use serde::{Deserialize, Serialize};

use crate::OperatorError;
use crate::drug_prefilter::PrefilterOptions;
use crate::extract::ExtractOptions;

/// An operator and its options; serialises to the bytes that the codecs send.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "operator", content = "options", rename_all = "snake_case")]
pub enum Operator {
    /// Documents to sentences.
    SentenceSegment,
    /// Sentences to candidates.
    DrugPrefilter(PrefilterOptions),
    /// Candidates to combinations.
    Extract(ExtractOptions),
}

impl Operator {
    /// The JSON that travels.
    pub(crate) fn encode(&self) -> Result<String> {
        serde_json::to_string(self).map_err(|error| OperatorError::Codec { reason: error.to_string() }.into())
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<Self> {
        serde_json::from_slice(bytes).map_err(|error| OperatorError::Codec { reason: error.to_string() }.into())
    }

    /// Name of its plan node.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::SentenceSegment => "SentenceSegment",
            Self::DrugPrefilter(_) => "DrugPrefilter",
            Self::Extract(_) => "Extract",
        }
    }

    /// Table whose columns it gives.
    pub(crate) fn output(&self) -> &'static rexdrug_schemas::Table {
        match self {
            Self::SentenceSegment => &SENTENCES,
            Self::DrugPrefilter(_) => &CANDIDATES,
            Self::Extract(_) => &COMBINATIONS,
        }
    }

    /// What `EXPLAIN` says of it, in the words of the execution nodes.
    fn describe(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let short = |hash: &str| hash.get(..12).unwrap_or(hash).to_owned();
        match self {
            Self::SentenceSegment => out.write_str("biomedical rules"),
            Self::DrugPrefilter(options) => {
                write!(out, "min_drugs={}, lexicon={}", options.min_drugs, short(&options.lexicon_sha256))
            }
            Self::Extract(options) => {
                write!(
                    out,
                    "model={}, sha256={}, device={}",
                    options.model_uri,
                    short(&options.model_sha256),
                    options.device
                )?;
                if options.min_confidence > 0.0 {
                    write!(out, ", min_confidence={}", options.min_confidence)?;
                }
                Ok(())
            }
        }
    }
}

/// A logical plan node with one input that runs an [`Operator`].
#[derive(Debug, Clone)]
pub struct OperatorNode {
    operator: Operator,
    /// The operator as JSON: its identity for comparison and hashing.
    encoded: String,
    input: LogicalPlan,
    schema: DFSchemaRef,
}

impl OperatorNode {
    /// `operator` over `input`.
    ///
    /// # Errors
    /// When the options cannot be serialised.
    pub fn try_new(operator: Operator, input: LogicalPlan) -> Result<Self> {
        let schema = Arc::new(DFSchema::try_from(operator.output().schema())?);
        Ok(Self { encoded: operator.encode()?, operator, input, schema })
    }

    /// As a logical plan.
    ///
    /// # Errors
    /// As [`OperatorNode::try_new`].
    pub fn plan(operator: Operator, input: LogicalPlan) -> Result<LogicalPlan> {
        Ok(LogicalPlan::Extension(Extension { node: Arc::new(Self::try_new(operator, input)?) }))
    }

    /// The operator.
    pub fn operator(&self) -> &Operator {
        &self.operator
    }
}

impl PartialEq for OperatorNode {
    fn eq(&self, other: &Self) -> bool {
        self.encoded == other.encoded && self.input == other.input
    }
}

impl Eq for OperatorNode {}

impl Hash for OperatorNode {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.encoded.hash(state);
        self.input.hash(state);
    }
}

impl PartialOrd for OperatorNode {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        match self.encoded.cmp(&other.encoded) {
            Ordering::Equal => self.input.partial_cmp(&other.input),
            order => Some(order),
        }
    }
}

impl UserDefinedLogicalNodeCore for OperatorNode {
    fn name(&self) -> &str {
        self.operator.name()
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
        write!(out, "{}: ", self.operator.name())?;
        self.operator.describe(out)
    }

    fn with_exprs_and_inputs(&self, exprs: Vec<Expr>, mut inputs: Vec<LogicalPlan>) -> Result<Self> {
        match (exprs.is_empty(), inputs.pop(), inputs.is_empty()) {
            (true, Some(input), true) => Self::try_new(self.operator.clone(), input),
            _ => Err(DataFusionError::Internal(format!("{} takes one input and no expressions", self.operator.name()))),
        }
    }
}
