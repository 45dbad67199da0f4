//! Rows of the `quarantine` table.

use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, StringArray, TimestampMicrosecondArray};
use arrow::error::ArrowError;
use arrow::record_batch::RecordBatch;
use rexdrug_schemas::{QUARANTINE, QuarantineStage, SourceRef};

/// One refused input.
#[derive(Debug, Clone)]
pub struct QuarantineRow {
    /// File, record or sentence.
    pub stage: QuarantineStage,
    /// Stable reason code.
    pub reason: String,
    /// What was wrong, what was expected, what to do.
    pub message: String,
    /// Document, where known.
    pub doc_id: Option<String>,
    /// Record number from 1; none for a whole file.
    pub record: Option<i64>,
    /// Byte offset into the decompressed file.
    pub byte_offset: Option<i64>,
    /// Beginning of the input, at most 200 characters.
    pub excerpt: Option<String>,
    /// Article inside a package or pack.
    pub member: Option<String>,
    /// Its ETag or md5.
    pub etag: Option<String>,
}

/// `rows` of one source file as a batch of [`QUARANTINE`]; `at` is microseconds since the epoch.
///
/// # Errors
/// Only when the schema and this function disagree.
pub fn quarantine_batch(
    rows: &[QuarantineRow],
    source: &SourceRef,
    run_id: &str,
    at: i64,
) -> Result<RecordBatch, ArrowError> {
    let strings = |of: &dyn Fn(&QuarantineRow) -> Option<String>| -> ArrayRef {
        Arc::new(rows.iter().map(of).collect::<StringArray>())
    };
    let longs = |of: &dyn Fn(&QuarantineRow) -> Option<i64>| -> ArrayRef {
        Arc::new(rows.iter().map(of).collect::<Int64Array>())
    };
    let columns = vec![
        strings(&|row| Some(row.stage.label().to_owned())),
        strings(&|row| Some(row.reason.clone())),
        strings(&|row| Some(row.message.clone())),
        strings(&|row| row.doc_id.clone()),
        strings(&|_| Some(source.source_file.clone())),
        strings(&|_| (!source.source_md5.is_empty()).then(|| source.source_md5.clone())),
        longs(&|_| Some(source.source_seq)),
        longs(&|row| row.record),
        longs(&|row| row.byte_offset),
        strings(&|row| row.excerpt.clone()),
        strings(&|_| Some(run_id.to_owned())),
        Arc::new(TimestampMicrosecondArray::from_value(at, rows.len()).with_timezone("UTC")),
        strings(&|row| row.member.clone()),
        strings(&|row| row.etag.clone()),
    ];
    RecordBatch::try_new(QUARANTINE.schema(), columns)
}
