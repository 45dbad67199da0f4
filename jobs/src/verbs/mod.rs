//! One file per verb: its arguments and what it does.

pub mod compact;
pub mod eval;
pub mod extract;
pub mod lexicon;
pub mod model;
pub mod plan;
pub mod run;
#[cfg(feature = "cluster")]
pub mod scheduler;
pub mod sql;
pub mod sync;
pub mod traces;
pub mod try_text;
pub mod verify;
#[cfg(feature = "cluster")]
pub mod worker;
