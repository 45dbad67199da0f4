//! Extraction: candidate sentences to drug combinations.
//!
//! ```text
//! partition 0 ─candidates─▶ chunk ─┐                        ┌─▶ combinations, in the order of partition 0
//! partition 1 ─candidates─▶ chunk ─┼─▶ ExtractEngine ───────┤
//! partition 2 ─candidates─▶ chunk ─┘   (one per process,    └─▶ QuarantineCollector: what could not be answered
//!                                       queue of sentences)
//! ```
//!
//! * `kernel`: columns of a candidate batch to items, with every offset checked (pure)
//! * `output`: answers to rows of `combinations` (pure)
//! * `regimens`: rows that the name of a regimen states (pure)
//! * `engine`: the backend with its bounded queue
//! * `exec`: the plan node

mod engine;
mod exec;
mod kernel;
mod language_model;
mod options;
mod output;
mod quarantine;
mod regimens;
#[cfg(test)]
mod tests;

pub use engine::ExtractEngine;
pub use exec::{Extract, ExtractExec};
pub use kernel::items_of;
pub use language_model::LanguageModelCounts;
pub use options::{ExtractOptions, RunFields};
pub use output::{Stated, stated};
pub use quarantine::{QuarantineCollector, QuarantinedSentence, quarantine_batch};
