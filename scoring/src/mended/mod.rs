//! The same questions as [`crate::published`] under rules without its quirks.
//!
//! Common to all: names and labels are compared the same way everywhere; a malformed answer never earns anything; NO_COMB
//! is the absence of relations, not a relation; each prediction serves one gold relation at most; stating a relation
//! twice costs precision once.

pub mod ddi13;
pub mod drugcomb;
pub mod leaderboard;
pub mod rewards;
