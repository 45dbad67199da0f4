//! End-to-end tests over the real parts: the binary, the sample corpus, the default model, Delta tables, S3.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod abbreviations;
mod advisories;
mod bad_input;
mod cli;
mod cluster;
mod corpus;
mod deploy;
mod eval;
mod eval_models;
mod fuzz_corpus;
mod llm;
mod nlm;
mod operations;
mod operators;
mod pmc;
mod pmc_inventory;
mod pricing;
mod readers;
mod real_data;
mod s3;
mod shards;
mod supply_chain;
mod support;
mod sync;
mod torture;
mod updates;
