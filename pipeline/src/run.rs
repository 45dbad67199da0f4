//! The main job: files through ingest, extraction and commit, overlapped.
//!
//! ```text
//! files ─▶ ingest (prefetch ahead, blocking threads) ─▶ extract (an engine: this process or a cluster) ─▶ commit, in order
//! ```
//!
//! Files are committed in the order given, one after the other, while the next ones are read and extracted; queues
//! between the stages are bounded, so memory does not grow with the number of files.

mod driver;
mod engine;
mod extract_again;
mod extract_stage;
mod extraction;
mod report;

pub(crate) use driver::empty_draft;
pub use driver::{ExtractSettings, RunOptions, run_files};
pub use engine::{Engine, Extracted, Extraction};
pub use extract_again::extract_again;
pub use extraction::counts_of;
pub use report::{FileCounts, RunEvent, RunObserver, RunSummary};
