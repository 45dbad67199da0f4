//! The `runs` table.

use std::str::FromStr;

use arrow::datatypes::DataType;

use crate::SchemaError;
use crate::column::{Column, Table, list_of, struct_of};
use crate::provenance::timestamp;

/// How a source file ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RunStatus {
    /// Read to its end.
    Done,
    /// Read up to a fault; what came before it is in the tables.
    Partial,
    /// Nothing of it could be used.
    Failed,
}

impl RunStatus {
    /// The value stored in `runs.status`.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Partial => "partial",
            Self::Failed => "failed",
        }
    }
}

impl FromStr for RunStatus {
    type Err = SchemaError;

    fn from_str(text: &str) -> Result<Self, SchemaError> {
        [Self::Done, Self::Partial, Self::Failed]
            .into_iter()
            .find(|status| status.label() == text)
            .ok_or_else(|| SchemaError::UnknownStatus { got: text.to_owned() })
    }
}

fn columns() -> Vec<Column> {
    let count = |name, doc| Column::required(name, DataType::Int64, doc);
    let seconds = |name, doc| Column::required(name, DataType::Float64, doc);
    vec![
        Column::required("run_id", DataType::Utf8, "Id of the run; one run may cover many files."),
        Column::required("verb", DataType::Utf8, "Command that did it: run, sync, ingest or extract."),
        Column::required("status", DataType::Utf8, "done, partial (read up to a fault) or failed."),
        Column::required("source_file", DataType::Utf8, "Name of the source file."),
        Column::required(
            "source_md5",
            DataType::Utf8,
            "Hex md5 of the source file; of a file that its .md5 contradicts, a digest of both.",
        ),
        Column::required("source_seq", DataType::Int64, "Order among source files."),
        count("source_bytes", "Size of the source file in bytes, as delivered."),
        count("records_read", "Records met: documents_written + documents_superseded + records_quarantined."),
        count("documents_written", "Documents committed from this file."),
        count(
            "documents_superseded",
            "Documents of this file that were already newer in the warehouse or later in the file.",
        ),
        count("documents_replaced", "Older documents that this file replaced."),
        count("records_quarantined", "Records refused; each has a row in `quarantine`."),
        count("deletions_listed", "PMIDs listed in DeleteCitation."),
        count("deletions_applied", "Documents removed because of them."),
        Column::required(
            "deleted",
            list_of(struct_of(vec![("pmid", DataType::Int64, false), ("version", DataType::Int32, false)])),
            "The deletions themselves, so that a file given out of order cannot bring a document back.",
        ),
        count("sentences_read", "Sentences segmented: sentences_cut + sentences_kept."),
        count("sentences_cut", "Sentences that the prefilter cut."),
        count("sentences_kept", "Sentences with two or more drugs: sentences_extracted + sentences_quarantined."),
        count("sentences_extracted", "Sentences that the extractor answered."),
        count("sentences_quarantined", "Sentences refused; each has a row in `quarantine`."),
        count("combinations_found", "Combinations extracted: combinations_written + combinations_superseded."),
        count("combinations_written", "Combinations committed."),
        count("combinations_superseded", "Combinations of superseded documents, not committed."),
        seconds("ingest_seconds", "Wall seconds of reading and parsing."),
        seconds("extract_seconds", "Wall seconds of segmentation, prefilter and extraction."),
        seconds("commit_seconds", "Wall seconds of resolving versions and committing."),
        Column::required("rexdrug_version", DataType::Utf8, "Version of rexdrug."),
        Column::optional("extractor", DataType::Utf8, "Backend; null for `ingest`."),
        Column::optional("model_id", DataType::Utf8, "Name of the model."),
        Column::optional("model_sha256", DataType::Utf8, "sha256 over the files of the model folder."),
        Column::optional("lexicon_sha256", DataType::Utf8, "sha256 of the lexicon."),
        Column::optional("device", DataType::Utf8, "Device that ran the model."),
        Column::optional("prompt_sha256", DataType::Utf8, "sha256 of the prompt template; null for classifiers."),
        Column::optional(
            "llm_answers",
            DataType::Int64,
            "Sentences that a language model answered; null, as the next five, where none is asked.",
        ),
        Column::optional(
            "llm_cached",
            DataType::Int64,
            "Those of them whose answer was kept from before; the others were paid for.",
        ),
        Column::optional(
            "llm_requests",
            DataType::Int64,
            "Requests sent to a server, repetitions included; 0 for a model in the process.",
        ),
        Column::optional("prompt_tokens", DataType::Int64, "Tokens of the questions that were paid for."),
        Column::optional("completion_tokens", DataType::Int64, "Tokens of the answers that were paid for."),
        Column::optional(
            "llm_cost",
            DataType::Float64,
            "Cost of both in the currency of the configured prices per million tokens; 0 where none is configured.",
        ),
        Column::required("started_at", timestamp(), "When reading the file began (UTC)."),
        Column::required("finished_at", timestamp(), "When its last commit was prepared (UTC)."),
    ]
}

/// One row per run and source file.
pub static RUNS: Table =
    Table::new("runs", "One row per run and source file: counts at every stage, seconds, versions, status.", columns);
