//! rexdrug's DataFusion operators.
//!
//! ```text
//! documents ─▶ SentenceSegmentExec ─▶ DrugPrefilterExec ─▶ ExtractExec ─▶ combinations
//!              one row per sentence    keeps sentences      one row per combination,
//!              (slices, no copy)       with ≥ 2 drugs       provenance columns
//! ```
//!
//! Each operator is a pure kernel over one batch inside a shared shell that streams, counts and cancels.
//! Apart from loading models and lexicons, nothing here opens files or sockets, and nothing reads the environment.

pub mod abbreviations;
pub mod backend;
pub mod codec;
mod columns;
pub mod drug_prefilter;
mod error;
pub mod extract;
pub mod functions;
pub mod lexicon;
pub mod logical;
pub mod model;
pub mod pending;
pub mod planner;
pub mod segment;
pub mod sentence_segment;
pub mod text_offsets;
mod unary_exec;
pub mod unary_node;

pub use drug_prefilter::{DrugPrefilter, DrugPrefilterExec, PrefilterOptions};
pub use error::OperatorError;
pub use planner::OperatorResources;
pub use sentence_segment::{SentenceSegment, SentenceSegmentExec};
pub use unary_exec::{BatchKernel, UnaryExec, UnaryOperator};
