//! A whole data set judged: scores under every rule, breakdowns, causes of errors, and the cases to look at.
//!
//! ```text
//! gold items + predictions ──▶ drugcomb::evaluate / ddi13::evaluate ──▶ Evaluation ──▶ summary (JSON) · html (report)
//! ```
//!
//! A prediction is aligned to the spans of its item first ([`prediction`]); everything after that compares span ids.

mod case;
pub mod ddi13;
pub mod drugcomb;
pub mod files;
pub mod html;
pub mod locate;
pub mod prediction;
pub mod reasoning;
pub mod sheet;
pub mod summary;
pub mod text;
pub mod traces_file;

pub use case::{Case, CaseRelation, Cause, Causes, Mark, MarkKind};
