//! Provenance: where a row came from and what made it.

use arrow::datatypes::{DataType, TimeUnit};
use serde::{Deserialize, Serialize};

use crate::column::Column;

/// The source columns of one record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceRef {
    /// File name without its folder, e.g. `pubmed26n0001.xml.gz`.
    pub source_file: String,
    /// Hex md5 of the file as delivered (compressed bytes).
    pub source_md5: String,
    /// Order among source files; higher is newer.
    pub source_seq: i64,
}

/// The extraction columns shared by all rows of one run over one file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExtractionProvenance {
    /// Random id of the run.
    pub run_id: String,
    /// Version of rexdrug.
    pub rexdrug_version: String,
    /// Backend: classifier, generator, openai, cascade, scripted.
    pub extractor: String,
    /// Name of the model.
    pub model_id: String,
    /// sha256 over the model folder's files.
    pub model_sha256: String,
    /// sha256 of the lexicon artefact.
    pub lexicon_sha256: String,
    /// sha256 of the prompt template; none for classifiers.
    pub prompt_sha256: Option<String>,
    /// Device that ran the model, e.g. `cpu`, `cuda:0`.
    pub device: String,
    /// Microseconds since the epoch, UTC.
    pub extracted_at: i64,
}

/// A UTC timestamp in microseconds.
pub(crate) fn timestamp() -> DataType {
    DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()))
}

pub(crate) fn source_columns() -> Vec<Column> {
    vec![
        Column::required("source_file", DataType::Utf8, "Name of the source file, without its folder."),
        Column::required("source_md5", DataType::Utf8, "Hex md5 of the source file as delivered."),
        Column::required(
            "source_seq",
            DataType::Int64,
            "Order among source files; higher is newer. PubMed: year and number of the file name; packages and packs of articles: microseconds since the epoch.",
        ),
        Column::required("source_record", DataType::Int64, "Number of the record in its file, from 1."),
    ]
}

/// Where in a package or pack a row comes from; null for files that hold their records themselves.
pub(crate) fn member_columns() -> Vec<Column> {
    vec![
        Column::optional(
            "source_member",
            DataType::Utf8,
            "Name of the article inside a package, or of the file or object.",
        ),
        Column::optional(
            "source_etag",
            DataType::Utf8,
            "ETag of the object as listed, or hex md5 of a file read in a pack.",
        ),
    ]
}

pub(crate) fn extraction_columns() -> Vec<Column> {
    vec![
        Column::required("run_id", DataType::Utf8, "Run that made the row; joins `runs.run_id` with `source_file`."),
        Column::required("rexdrug_version", DataType::Utf8, "Version of rexdrug."),
        Column::required("extractor", DataType::Utf8, "Backend: classifier, generator, openai, cascade or scripted."),
        Column::required("model_id", DataType::Utf8, "Name of the model."),
        Column::required("model_sha256", DataType::Utf8, "sha256 over the files of the model folder."),
        Column::required("lexicon_sha256", DataType::Utf8, "sha256 of the lexicon that found the mentions."),
        Column::optional(
            "prompt_sha256",
            DataType::Utf8,
            "sha256 of the prompt template; null for classifiers and for rows of a cascade without reasoning.",
        ),
        Column::required("device", DataType::Utf8, "Device that ran the model: cpu, cuda:0, ..."),
        Column::required("extracted_at", timestamp(), "When the row was extracted (UTC)."),
    ]
}
