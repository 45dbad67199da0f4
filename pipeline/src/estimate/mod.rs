//! What a run will take, said before it starts: records, sentences, hours, requests, tokens.
//!
//! ```text
//! inputs ─▶ Work ──────────────┐
//! `runs` ─▶ Measured ──────────┼─▶ estimate ─▶ Estimate, each figure with where it comes from
//! assumptions, where nothing ──┘
//! is measured
//! ```
//!
//! A figure is *counted* where the inputs say it, *measured* where this warehouse has done the like before, and
//! *assumed* otherwise; the assumptions are listed in `docs/reference/estimates.md`.

mod arithmetic;
mod assumptions;
mod basis;
mod measured;
mod work;

pub use arithmetic::{Estimate, Hardware, LanguageModel, estimate};
pub use assumptions::assumptions_markdown;
pub use basis::{Basis, Figure};
pub use measured::{Choice, Measured};
pub use work::{Part, SourceKind, Work};
