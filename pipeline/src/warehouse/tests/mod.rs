//! Tests of the warehouse on temporary folders (and on S3, through [`scenario`]).
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod compaction;
mod concurrency;
mod deletion_vectors;
mod evolution;
mod faults;
mod faulty_store;
mod files;
mod property;
pub(crate) mod scenario;
