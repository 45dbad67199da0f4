//! Answer parsing, official metrics and rewards for drug-combination extraction.
pub mod answer;
pub mod matching;
pub mod mended;
pub mod names;
pub mod prf;
pub mod published;
pub mod reward;
pub mod rows;
pub mod task;
