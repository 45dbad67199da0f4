//! What an extraction is asked to do; travels with the plan.

use serde::{Deserialize, Serialize};

use crate::backend::{BackendInfo, Device};

/// Options of [`super::ExtractExec`]. What the rows hold depends on the model, `min_confidence`, `first_pass` and `run`;
/// the rest decides only how fast they come.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExtractOptions {
    /// Model folder, or `scripted:…`.
    pub model_uri: String,
    /// sha256 of the model, so that a plan that travels finds the same one.
    pub model_sha256: String,
    /// `cpu`, `cuda` or `cuda:N`.
    pub device: String,
    /// Most tokens of a batch, padding included; none for the default of the device.
    #[serde(default)]
    pub max_batch_tokens: Option<usize>,
    /// Most rows of a batch; none for the default of the device.
    #[serde(default)]
    pub max_batch_rows: Option<usize>,
    /// Most sentences that wait for the model or are in it, over all partitions.
    pub queue_rows: usize,
    /// Combinations of lower confidence give no row.
    pub min_confidence: f32,
    /// Whether the model's first pass settles hopeless sentences: faster, at the price of a few rows in a thousand.
    #[serde(default)]
    pub first_pass: bool,
    /// Provenance that only the run knows.
    pub run: RunFields,
}

/// Extraction columns that only the run knows; the others come from the engine.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunFields {
    /// Random id of the run.
    pub run_id: String,
    /// Version of rexdrug.
    pub rexdrug_version: String,
    /// sha256 of the lexicon that found the mentions.
    pub lexicon_sha256: String,
    /// Microseconds since the epoch, UTC; one value for the whole run, so that equal runs give equal rows.
    pub extracted_at: i64,
}

impl Default for ExtractOptions {
    fn default() -> Self {
        Self {
            model_uri: String::new(),
            model_sha256: String::new(),
            device: Device::Cpu.to_string(),
            max_batch_tokens: None,
            max_batch_rows: None,
            queue_rows: 4096,
            min_confidence: 0.0,
            first_pass: false,
            run: RunFields::default(),
        }
    }
}

impl ExtractOptions {
    /// Defaults for the model that an engine holds.
    pub fn for_engine(info: &BackendInfo, model_uri: &str, run: RunFields) -> Self {
        Self {
            model_uri: model_uri.to_owned(),
            model_sha256: info.model_sha256.clone(),
            device: info.device.clone(),
            run,
            ..Self::default()
        }
    }
}
