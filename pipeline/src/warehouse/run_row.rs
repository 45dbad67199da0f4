//! The row of `runs`: what the driver counted, what the commit counted, and their sums.

use arrow::array::RecordBatch;
use chrono::{DateTime, SecondsFormat, Utc};
use rexdrug_operators::extract::LanguageModelCounts;
use rexdrug_schemas::{RUNS, RunStatus, SourceRef};
use serde::Serialize;

use super::error::{Result, WarehouseError};
use super::ledger::ExtractionKey;

/// What the driver knows of a file before its commit. Meanings and formulas are those of the `runs` columns.
#[derive(Debug, Clone, PartialEq)]
pub struct RunDraft {
    /// Id of the run.
    pub run_id: String,
    /// Command: run, sync, ingest or extract.
    pub verb: String,
    /// How reading ended.
    pub status: RunStatus,
    /// Size of the source file as delivered.
    pub source_bytes: i64,
    /// Records met: spooled documents + records quarantined.
    pub records_read: i64,
    /// Records refused.
    pub records_quarantined: i64,
    /// Sentences segmented: cut + kept.
    pub sentences_read: i64,
    /// Sentences that the prefilter cut.
    pub sentences_cut: i64,
    /// Sentences with two or more drugs: extracted + quarantined.
    pub sentences_kept: i64,
    /// Sentences that the extractor answered.
    pub sentences_extracted: i64,
    /// Sentences refused.
    pub sentences_quarantined: i64,
    /// Wall seconds of reading and parsing.
    pub ingest_seconds: f64,
    /// Wall seconds of segmentation, prefilter and extraction.
    pub extract_seconds: f64,
    /// Version of rexdrug.
    pub rexdrug_version: String,
    /// Backend; none for `ingest`.
    pub extractor: Option<String>,
    /// Name of the model.
    pub model_id: Option<String>,
    /// sha256 over the model folder.
    pub model_sha256: Option<String>,
    /// sha256 of the lexicon.
    pub lexicon_sha256: Option<String>,
    /// As [`ExtractionKey::rules`].
    pub rules: Option<String>,
    /// As [`ExtractionKey::again`].
    pub again: Option<String>,
    /// Device that ran the model.
    pub device: Option<String>,
    /// sha256 of the prompt template; none for classifiers.
    pub prompt_sha256: Option<String>,
    /// What a language model was asked and what it cost; none where the extractor asks none.
    pub language_model: Option<LanguageModelCounts>,
    /// When reading began.
    pub started_at: DateTime<Utc>,
}

impl RunDraft {
    /// Model, lexicon and rules of this run.
    pub fn extraction_key(&self) -> ExtractionKey {
        ExtractionKey {
            model_sha256: self.model_sha256.clone(),
            lexicon_sha256: self.lexicon_sha256.clone(),
            rules: self.rules.clone(),
            again: self.again.clone(),
        }
    }

    /// Checks the driver's sums against what it spooled.
    ///
    /// # Errors
    /// [`WarehouseError::Counts`] with the formula that does not hold.
    pub(crate) fn check(&self, source: &SourceRef, documents: i64, refused: Refused) -> Result<()> {
        let sums = [
            (
                "records_read = documents spooled + records_quarantined",
                self.records_read,
                documents + self.records_quarantined,
            ),
            ("records_quarantined = rows of stage `record` in quarantine", self.records_quarantined, refused.records),
            (
                "sentences_quarantined = rows of stage `sentence` in quarantine",
                self.sentences_quarantined,
                refused.sentences,
            ),
            (
                "sentences_read = sentences_cut + sentences_kept",
                self.sentences_read,
                self.sentences_cut + self.sentences_kept,
            ),
            (
                "sentences_kept = sentences_extracted + sentences_quarantined",
                self.sentences_kept,
                self.sentences_extracted + self.sentences_quarantined,
            ),
        ];
        match sums.into_iter().find(|(_, expected, got)| expected != got) {
            None => Ok(()),
            Some((formula, expected, got)) => {
                Err(WarehouseError::Counts { source_file: source.source_file.clone(), formula, expected, got })
            }
        }
    }
}

/// Rows of a file in quarantine, by stage.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Refused {
    pub(crate) records: i64,
    pub(crate) sentences: i64,
}

/// Counts of one committed file, as in its row of `runs`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct CommitCounts {
    /// Documents committed from this file.
    pub documents_written: i64,
    /// Documents of this file that were already newer in the warehouse, later in the file or deleted.
    pub documents_superseded: i64,
    /// Older documents that this file replaced.
    pub documents_replaced: i64,
    /// Deletions listed.
    pub deletions_listed: i64,
    /// Documents removed because of them.
    pub deletions_applied: i64,
    /// Combinations spooled.
    pub combinations_found: i64,
    /// Combinations committed.
    pub combinations_written: i64,
    /// Combinations of superseded documents.
    pub combinations_superseded: i64,
}

#[derive(Serialize)]
struct DeletedPmid {
    pmid: i64,
    version: i32,
}

#[derive(Serialize)]
struct RunRow<'a> {
    run_id: &'a str,
    verb: &'a str,
    status: &'static str,
    #[serde(flatten)]
    source: &'a SourceRef,
    source_bytes: i64,
    records_read: i64,
    records_quarantined: i64,
    sentences_read: i64,
    sentences_cut: i64,
    sentences_kept: i64,
    sentences_extracted: i64,
    sentences_quarantined: i64,
    #[serde(flatten)]
    counts: CommitCounts,
    deleted: Vec<DeletedPmid>,
    ingest_seconds: f64,
    extract_seconds: f64,
    commit_seconds: f64,
    rexdrug_version: &'a str,
    extractor: &'a Option<String>,
    model_id: &'a Option<String>,
    model_sha256: &'a Option<String>,
    lexicon_sha256: &'a Option<String>,
    device: &'a Option<String>,
    prompt_sha256: &'a Option<String>,
    llm_answers: Option<u64>,
    llm_cached: Option<u64>,
    llm_requests: Option<u64>,
    prompt_tokens: Option<u64>,
    completion_tokens: Option<u64>,
    llm_cost: Option<f64>,
    started_at: String,
    finished_at: String,
}

/// One row of `runs`.
pub(crate) fn run_batch(
    source: &SourceRef,
    draft: &RunDraft,
    counts: CommitCounts,
    deleted: &[(i64, i32)],
    commit_seconds: f64,
) -> Result<RecordBatch> {
    let failed = |error: &dyn std::fmt::Display| WarehouseError::columns(RUNS.name, error);
    let time = |at: DateTime<Utc>| at.to_rfc3339_opts(SecondsFormat::Micros, true);
    let asked = |count: fn(&LanguageModelCounts) -> u64| draft.language_model.as_ref().map(count);
    let row = RunRow {
        run_id: &draft.run_id,
        verb: &draft.verb,
        status: draft.status.label(),
        source,
        source_bytes: draft.source_bytes,
        records_read: draft.records_read,
        records_quarantined: draft.records_quarantined,
        sentences_read: draft.sentences_read,
        sentences_cut: draft.sentences_cut,
        sentences_kept: draft.sentences_kept,
        sentences_extracted: draft.sentences_extracted,
        sentences_quarantined: draft.sentences_quarantined,
        counts,
        deleted: deleted.iter().map(|(pmid, version)| DeletedPmid { pmid: *pmid, version: *version }).collect(),
        ingest_seconds: draft.ingest_seconds,
        extract_seconds: draft.extract_seconds,
        commit_seconds,
        rexdrug_version: &draft.rexdrug_version,
        extractor: &draft.extractor,
        model_id: &draft.model_id,
        model_sha256: &draft.model_sha256,
        lexicon_sha256: &draft.lexicon_sha256,
        device: &draft.device,
        prompt_sha256: &draft.prompt_sha256,
        llm_answers: asked(|counts| counts.answers),
        llm_cached: asked(|counts| counts.cached),
        llm_requests: asked(|counts| counts.requests),
        prompt_tokens: asked(|counts| counts.prompt_tokens),
        completion_tokens: asked(|counts| counts.completion_tokens),
        llm_cost: draft.language_model.as_ref().map(LanguageModelCounts::cost),
        started_at: time(draft.started_at),
        finished_at: time(Utc::now()),
    };
    let mut decoder = arrow::json::ReaderBuilder::new(RUNS.schema()).build_decoder().map_err(|error| failed(&error))?;
    decoder.serialize(&[row]).map_err(|error| failed(&error))?;
    let batch = decoder.flush().map_err(|error| failed(&error))?;
    batch.ok_or_else(|| failed(&"the row of the run came out empty"))
}
