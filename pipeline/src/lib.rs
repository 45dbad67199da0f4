//! rexdrug's pipeline: sources, plan, session, run, and the Delta warehouse.
//!
//! Only [`warehouse`] commits; a file goes through [`source`] into a local spool, through the [`plan`] into another, and
//! from there into the tables in one commit each.

mod error;
pub mod estimate;
mod local_files;
pub mod plan;
pub mod run;
pub mod scratch;
pub mod session;
pub mod source;
pub mod stop;
pub mod sync;
pub mod traces;
pub mod warehouse;

pub use error::PipelineError;
