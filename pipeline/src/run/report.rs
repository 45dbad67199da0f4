//! What a run tells: events as it goes, a summary at the end.

use rexdrug_operators::extract::LanguageModelCounts;
use rexdrug_schemas::{RunStatus, SourceRef};
use serde::Serialize;

use crate::warehouse::CommitCounts;

/// Counts of one file or of a whole run; the formulas are those of the `runs` table.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct FileCounts {
    /// Bytes of the source as delivered.
    pub source_bytes: u64,
    /// Records met.
    pub records_read: u64,
    /// Records refused.
    pub records_quarantined: u64,
    /// Those among them whose licence is not allowed.
    pub records_unlicensed: u64,
    /// Sentences segmented.
    pub sentences_read: u64,
    /// Sentences with two or more drugs.
    pub sentences_kept: u64,
    /// Sentences that the extractor answered.
    pub sentences_extracted: u64,
    /// Sentences refused.
    pub sentences_quarantined: u64,
    /// What was asked of language models; all 0 for classifiers.
    pub language_model: LanguageModelCounts,
    /// What the commit counted.
    #[serde(flatten)]
    pub commit: CommitCounts,
}

impl FileCounts {
    /// Adds the counts of another file.
    pub fn add(&mut self, other: &Self) {
        self.source_bytes += other.source_bytes;
        self.records_read += other.records_read;
        self.records_quarantined += other.records_quarantined;
        self.records_unlicensed += other.records_unlicensed;
        self.sentences_read += other.sentences_read;
        self.sentences_kept += other.sentences_kept;
        self.sentences_extracted += other.sentences_extracted;
        self.sentences_quarantined += other.sentences_quarantined;
        self.language_model.add(&other.language_model);
        let (sum, add) = (&mut self.commit, &other.commit);
        sum.documents_written += add.documents_written;
        sum.documents_superseded += add.documents_superseded;
        sum.documents_replaced += add.documents_replaced;
        sum.deletions_listed += add.deletions_listed;
        sum.deletions_applied += add.deletions_applied;
        sum.combinations_found += add.combinations_found;
        sum.combinations_written += add.combinations_written;
        sum.combinations_superseded += add.combinations_superseded;
    }
}

/// How far a run is.
#[derive(Debug, Clone)]
pub enum RunEvent {
    /// The model is reading a file.
    Extracting {
        /// File name.
        file: String,
        /// Sentences of the file that it has answered.
        sentences: u64,
    },
    /// The file was in the warehouse already.
    Skipped {
        /// File name.
        file: String,
        /// How it ended then.
        status: RunStatus,
    },
    /// The file was committed.
    Committed {
        /// File name.
        file: String,
        /// How reading ended.
        status: RunStatus,
        /// Its counts.
        counts: Box<FileCounts>,
        /// Wall seconds of its stages, added up; stages of different files overlap.
        seconds: f64,
    },
}

/// Told how far a run is; must not block.
pub trait RunObserver: Send + Sync {
    /// Takes one event.
    fn observe(&self, event: &RunEvent);
}

/// A whole run.
#[derive(Debug, Clone, Default, Serialize)]
pub struct RunSummary {
    /// Id of the run.
    pub run_id: String,
    /// Files committed.
    pub files_committed: u64,
    /// Files that were in the warehouse already.
    pub files_skipped: u64,
    /// Files among the skipped whose documents no model has read: they came by `ingest`.
    pub files_without_extraction: u64,
    /// Files that could be read only up to a fault, skipped ones included.
    pub files_partial: u64,
    /// Files that could not be used, skipped ones included.
    pub files_failed: u64,
    /// Sums over the committed files.
    pub counts: FileCounts,
    /// Bytes of existing Parquet files that had to be written again.
    pub bytes_rewritten: u64,
    /// Wall seconds.
    pub seconds: f64,
    /// Ended on request, with files left.
    pub stopped: bool,
    /// The files that were in the warehouse already.
    #[serde(skip)]
    pub(crate) skipped: Vec<SourceRef>,
}

impl RunSummary {
    /// Share of the records read that were refused, 0 to 1; those that the user did not want for their licence are not
    /// among them.
    pub fn quarantine_share(&self) -> f64 {
        let unwanted = self.counts.records_unlicensed;
        share(
            self.counts.records_quarantined.saturating_sub(unwanted),
            self.counts.records_read.saturating_sub(unwanted),
        )
    }

    /// Share of the sentences put to the model that it did not answer, 0 to 1.
    pub fn unanswered_share(&self) -> f64 {
        share(self.counts.sentences_quarantined, self.counts.sentences_kept)
    }

    pub(crate) fn count_status(&mut self, status: RunStatus) {
        match status {
            RunStatus::Done => {}
            RunStatus::Partial => self.files_partial += 1,
            RunStatus::Failed => self.files_failed += 1,
        }
    }
}

fn share(refused: u64, of: u64) -> f64 {
    if of == 0 { 0.0 } else { refused as f64 / of as f64 }
}
