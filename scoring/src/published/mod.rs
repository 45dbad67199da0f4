//! The published rules, quirks included, each as the published outputs show it.
//!
//! Quirks worth knowing: [`mod@rewards`] treats an unreadable bare answer like NO_COMB; [`mod@drugcomb`] is JSON-only,
//! case-sensitive in labels, and counts NO_COMB rows; [`mod@ddi13`] compares sorted name lists rather than sets.
//! The same questions under mended rules: [`crate::mended`].

pub mod ddi13;
pub mod drugcomb;
pub mod leaderboard;
pub mod rewards;
