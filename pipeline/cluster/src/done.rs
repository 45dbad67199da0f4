//! What a worker says of a source file that it has extracted; the contents of a claim.

use rexdrug_operators::extract::{LanguageModelCounts, QuarantinedSentence};
use rexdrug_pipeline::run::Extracted;
use rexdrug_pipeline::warehouse::{SpoolFile, StagedFile};
use serde::{Deserialize, Serialize};

use crate::error::ClusterError;

/// The facts of one file's extraction: enough to commit it without asking the worker again.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WorkDone {
    /// Rows of `combinations`; none where there are no rows.
    pub file: Option<StagedFile>,
    /// Sentences that could not be extracted.
    pub quarantine: Vec<QuarantinedSentence>,
    /// Sentences segmented.
    pub sentences_read: u64,
    /// Sentences with two or more drugs.
    pub sentences_kept: u64,
    /// Sentences that the extractor answered.
    pub sentences_extracted: u64,
    /// What was asked of language models.
    pub language_model: LanguageModelCounts,
    /// Host and process of the worker, for people.
    pub worker: String,
    /// Device that ran the model.
    pub device: String,
    /// Wall seconds on the worker.
    pub seconds: f64,
}

impl WorkDone {
    /// The bytes of a claim.
    ///
    /// # Errors
    /// Only when a number cannot be written as JSON.
    pub fn encode(&self) -> Result<Vec<u8>, ClusterError> {
        serde_json::to_vec(self).map_err(|error| ClusterError::Claim { reason: error.to_string() })
    }

    /// Reads a claim.
    ///
    /// # Errors
    /// [`ClusterError::Claim`] when the bytes are not of this version.
    pub fn decode(bytes: &[u8]) -> Result<Self, ClusterError> {
        serde_json::from_slice(bytes).map_err(|error| ClusterError::Claim { reason: error.to_string() })
    }

    /// As a run takes it; `file` is the local copy of the worker's file.
    pub fn into_extracted(self, file: Option<SpoolFile>, seconds: f64) -> Extracted {
        Extracted {
            combinations: file.into_iter().collect(),
            quarantine: self.quarantine,
            sentences_read: self.sentences_read,
            sentences_kept: self.sentences_kept,
            sentences_extracted: self.sentences_extracted,
            language_model: self.language_model,
            seconds,
        }
    }
}
