//! The drug lexicon: compiled name lists and the matcher over them.
//!
//! [`LexiconBuilder`] merges sources into one artefact file; [`Lexicon`] loads it (checking its digest) and finds drugs in
//! text. Offsets are byte offsets of the text as given; names are compared after folding (case, hyphens, Greek letters,
//! accents), so `5‑FU` and `5 fu` are the same name.

mod artefact;
mod automaton;
mod builder;
mod count;
mod defined;
mod error;
mod explain;
mod fold;
mod matcher;
mod model;
mod rules;
mod sources;
mod stems;
mod store;
mod terms;
mod words;

#[cfg(test)]
mod tests;

pub use artefact::FORMAT_VERSION;
pub use builder::{BuildReport, CompiledLexicon, LexiconBuilder, SourceSummary};
pub use count::CountPolicy;
pub use defined::DefinedDrugs;
pub use error::{BadRow, LexiconError};
pub use explain::{Candidate, Verdict};
pub use fold::canonical;
pub use matcher::MatchScratch;
pub use model::{DrugMention, EntryId, EntryKind, TermRule};
pub use sources::{LexiconSource, ReadLimits, SourceFile};
pub use store::Lexicon;
