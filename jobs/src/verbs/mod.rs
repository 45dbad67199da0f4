//! One file per verb: its arguments and what it does.

pub mod compact;
pub mod eval;
pub mod extract;
pub mod lexicon;
pub mod model;
pub mod plan;
pub mod run;
pub mod sql;
pub mod sync;
pub mod traces;
pub mod try_text;
pub mod verify;
