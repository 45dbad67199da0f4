//! Where the plan of a file runs: in this process, or on others.

use std::path::Path;

use async_trait::async_trait;
use rexdrug_operators::extract::{LanguageModelCounts, QuarantinedSentence};
use rexdrug_schemas::SourceRef;

use super::driver::ExtractSettings;
use super::extraction::extract_spool;
use super::report::RunObserver;
use crate::error::PipelineError;
use crate::session::Session;
use crate::warehouse::SpoolFile;

/// What extraction made of one file.
#[derive(Debug, Default)]
pub struct Extracted {
    /// Rows of `combinations`.
    pub combinations: Vec<SpoolFile>,
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
    /// Wall seconds, waiting for a worker included.
    pub seconds: f64,
}

/// The documents of one source file, on their way to extraction.
pub struct Extraction<'f> {
    /// The file.
    pub source: &'f SourceRef,
    /// Its spooled documents; an engine that uploads them ahead of the commit notes their name.
    pub documents: &'f mut SpoolFile,
    /// What is asked.
    pub settings: &'f ExtractSettings,
    /// Folder for spool files.
    pub spool: &'f Path,
    /// Told how far it is.
    pub observer: &'f dyn RunObserver,
}

/// Runs the plan over the documents of source files. Dropping the future gives the work up.
#[async_trait]
pub trait Engine: Send + Sync {
    /// Files that are with it at a time.
    fn files_at_once(&self) -> usize;

    /// Files that may be with it or wait, finished, for an older one to be committed.
    fn files_ahead(&self) -> usize {
        self.files_at_once()
    }

    /// Extracts one file.
    ///
    /// # Errors
    /// When the plan fails in a way that trying again does not mend.
    async fn extract(&self, file: Extraction<'_>) -> Result<Extracted, PipelineError>;
}

/// The engine of this process: one file at a time, on all threads or the device.
#[async_trait]
impl Engine for Session {
    fn files_at_once(&self) -> usize {
        1
    }

    async fn extract(&self, file: Extraction<'_>) -> Result<Extracted, PipelineError> {
        extract_spool(self, file).await
    }
}
