//! The `quarantine` table.

use arrow::datatypes::DataType;

use crate::column::{Column, Table};
use crate::provenance::{member_columns, timestamp};

/// Where an input was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum QuarantineStage {
    /// A whole source file, or the rest of it.
    File,
    /// One record of a source file.
    Record,
    /// One sentence that could not be extracted.
    Sentence,
}

impl QuarantineStage {
    /// The value stored in `quarantine.stage`.
    pub const fn label(self) -> &'static str {
        match self {
            Self::File => "file",
            Self::Record => "record",
            Self::Sentence => "sentence",
        }
    }
}

fn columns() -> Vec<Column> {
    let mut columns = vec![
        Column::required("stage", DataType::Utf8, "What was refused: file, record or sentence."),
        Column::required("reason", DataType::Utf8, "Stable reason code, e.g. `truncated_gzip`, `book_article`."),
        Column::required("message", DataType::Utf8, "What was wrong, what was expected, what to do."),
        Column::optional("doc_id", DataType::Utf8, "Document, where it is known."),
        Column::required("source_file", DataType::Utf8, "Name of the source file."),
        Column::optional(
            "source_md5",
            DataType::Utf8,
            "Hex md5 of the source file, where it could be read; of a file that its .md5 contradicts, a digest of both.",
        ),
        Column::required("source_seq", DataType::Int64, "Order among source files."),
        Column::optional("source_record", DataType::Int64, "Record number from 1; null for a whole file."),
        Column::optional("byte_offset", DataType::Int64, "Offset into the decompressed file, in bytes."),
        Column::optional("excerpt", DataType::Utf8, "Beginning of the refused input, at most 200 characters."),
        Column::required("run_id", DataType::Utf8, "Run that refused it."),
        Column::required("quarantined_at", timestamp(), "When (UTC)."),
    ];
    columns.extend(member_columns());
    columns
}

/// One row per input that was refused, with the reason.
pub static QUARANTINE: Table =
    Table::new("quarantine", "One row per file, record or sentence that was refused, with the reason.", columns);
