//! rexdrug on Apache DataFusion Ballista: scheduler, workers, and the engine of a run that uses them.
//!
//! ```text
//! driver (`run --cluster`) ──plan──▶ scheduler ◀──asks for work── workers
//!        └────────── documents, claims, rows: the warehouse ─────────┘
//! ```
//!
//! One job a source file, one task a job; no rows travel between processes. Workers ask, so only the scheduler opens a
//! port. Here and nowhere else is Ballista known.

mod client;
mod codec;
mod done;
mod engine;
mod engines;
mod error;
mod guard;
mod library;
mod runtime;
mod scheduler;
mod security;
mod stage;
#[cfg(test)]
mod tests;
mod worker;
mod workshop;

pub use engine::{ClusterEngine, ClusterOptions};
pub use error::ClusterError;
pub use library::{publish_lexicon, publish_model};
pub use scheduler::{SchedulerOptions, serve_scheduler};
pub use security::{Security, SecurityFiles, Token};
pub use worker::{WorkerOptions, run_worker};
