//! End-to-end tests over the real parts: the binary, the sample corpus, the default model, Delta tables, S3.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod cli;
mod eval;
mod operators;
mod readers;
mod real_data;
mod support;
