//! The sink of a plan on the cluster: rows into one Parquet file in the warehouse, facts into a claim.
//!
//! * `node`: the logical node, which the driver puts on top of the plan that the local engine runs
//! * `exec`: the plan node, which runs whole in one task of one worker

mod exec;
mod node;

pub use exec::StageExec;
pub use node::{StageNode, StageOptions};
