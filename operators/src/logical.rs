//! Which operators there are: one type says all that a plan needs to know of any of them.

use std::any::Any;
use std::fmt;

use arrow::datatypes::SchemaRef;
use datafusion::physical_plan::ExecutionPlan;
use rexdrug_schemas::{CANDIDATES, COMBINATIONS, SENTENCES};
use serde::{Deserialize, Serialize};

use crate::drug_prefilter::{DrugPrefilterExec, PrefilterOptions};
use crate::extract::{ExtractExec, ExtractOptions};
use crate::pending::PendingExec;
use crate::sentence_segment::SentenceSegmentExec;
use crate::unary_node::{NodeKind, UnaryNode};

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

/// The logical plan node of an operator.
pub type OperatorNode = UnaryNode<Operator>;

impl NodeKind for Operator {
    const MAGIC: &'static [u8] = b"rexdrug1";

    fn name(&self) -> &'static str {
        match self {
            Self::SentenceSegment => "SentenceSegment",
            Self::DrugPrefilter(_) => "DrugPrefilter",
            Self::Extract(_) => "Extract",
        }
    }

    fn output_schema(&self) -> SchemaRef {
        let table = match self {
            Self::SentenceSegment => &SENTENCES,
            Self::DrugPrefilter(_) => &CANDIDATES,
            Self::Extract(_) => &COMBINATIONS,
        };
        table.schema()
    }

    /// In the words of the execution nodes.
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

    fn of(node: &dyn ExecutionPlan) -> Option<Self> {
        let any: &dyn Any = node;
        if let Some(node) = any.downcast_ref::<PendingExec>() {
            Some(node.operator().pending().clone())
        } else if any.is::<SentenceSegmentExec>() {
            Some(Self::SentenceSegment)
        } else if let Some(node) = any.downcast_ref::<DrugPrefilterExec>() {
            Some(Self::DrugPrefilter(node.operator().options().clone()))
        } else {
            any.downcast_ref::<ExtractExec>().map(|node| Self::Extract(node.operator().options().clone()))
        }
    }
}
