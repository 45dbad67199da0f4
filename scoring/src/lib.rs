//! Answer parsing, official metrics and rewards for drug-combination extraction.
pub mod answer;
pub mod names;
pub mod task;
