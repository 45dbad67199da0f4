//! Sentences that could not be extracted, kept until the driver writes them to the `quarantine` table.

use std::borrow::Cow;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arrow::array::{ArrayRef, Int64Array, StringArray, TimestampMicrosecondArray, new_null_array};
use arrow::datatypes::DataType;
use arrow::error::ArrowError;
use arrow::record_batch::RecordBatch;
use rexdrug_schemas::{QUARANTINE, QuarantineStage};
use serde::{Deserialize, Serialize};

use super::output::assemble;

/// Sentences held before the run stops: a run that refuses more than this between two commits has another problem.
const CAPACITY: usize = 100_000;
/// Code points of a refused sentence that are kept.
const EXCERPT_CHARS: usize = 200;

/// One sentence that could not be extracted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct QuarantinedSentence {
    /// Document.
    pub doc_id: String,
    /// First code point in the document.
    pub sentence_start: i32,
    /// One past the last.
    pub sentence_end: i32,
    /// File name.
    pub source_file: String,
    /// Hex md5 of the file.
    pub source_md5: String,
    /// Order among source files.
    pub source_seq: i64,
    /// Number of the record in its file.
    pub source_record: i64,
    /// Run that refused it.
    pub run_id: String,
    /// Stable reason code.
    pub reason: Cow<'static, str>,
    /// What was wrong.
    pub message: String,
    /// Beginning of the sentence, at most 200 code points.
    pub excerpt: String,
}

/// Where all partitions of a process put refused sentences. Clones share their contents.
#[derive(Debug, Clone, Default)]
pub struct QuarantineCollector {
    rows: Arc<Mutex<Vec<QuarantinedSentence>>>,
}

impl QuarantineCollector {
    fn rows(&self) -> MutexGuard<'_, Vec<QuarantinedSentence>> {
        self.rows.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds rows; false when the collector is full and none were taken.
    #[must_use]
    pub(crate) fn extend(&self, found: Vec<QuarantinedSentence>) -> bool {
        let mut rows = self.rows();
        if rows.len() + found.len() > CAPACITY {
            return false;
        }
        rows.extend(found);
        true
    }

    /// Most rows it holds.
    pub const fn capacity() -> usize {
        CAPACITY
    }

    /// Rows held now.
    pub fn len(&self) -> usize {
        self.rows().len()
    }

    /// Whether it holds none.
    pub fn is_empty(&self) -> bool {
        self.rows().is_empty()
    }

    /// Removes and returns the rows of one run and source file, by document and sentence.
    pub fn take(&self, run_id: &str, source_file: &str) -> Vec<QuarantinedSentence> {
        let mut rows = self.rows();
        let (mut taken, kept): (Vec<_>, Vec<_>) =
            rows.drain(..).partition(|row| row.run_id == run_id && row.source_file == source_file);
        *rows = kept;
        drop(rows);
        sort(&mut taken);
        taken
    }

    /// Removes and returns all rows, by file, record and sentence.
    pub fn take_all(&self) -> Vec<QuarantinedSentence> {
        let mut taken = std::mem::take(&mut *self.rows());
        sort(&mut taken);
        taken
    }
}

/// Partitions end in any order; the table should not show it.
fn sort(rows: &mut [QuarantinedSentence]) {
    rows.sort_by(|left, right| {
        let key = |row: &QuarantinedSentence| (row.source_seq, row.source_record, row.sentence_start, row.sentence_end);
        key(left).cmp(&key(right)).then_with(|| left.doc_id.cmp(&right.doc_id))
    });
}

pub(crate) fn excerpt(sentence: &str) -> String {
    sentence.chars().take(EXCERPT_CHARS).collect()
}

/// Rows of the `quarantine` table; `at` is in microseconds since the epoch, UTC.
///
/// # Errors
/// Only when the schema of the table has changed under this function.
pub fn quarantine_batch(rows: &[QuarantinedSentence], at: i64) -> Result<RecordBatch, ArrowError> {
    let text = |value: fn(&QuarantinedSentence) -> &str| -> ArrayRef {
        Arc::new(StringArray::from_iter_values(rows.iter().map(value)))
    };
    let number = |value: fn(&QuarantinedSentence) -> i64| -> ArrayRef {
        Arc::new(Int64Array::from_iter_values(rows.iter().map(value)))
    };
    let place = |row: &QuarantinedSentence| {
        format!("sentence {}..{} of {}: {}", row.sentence_start, row.sentence_end, row.doc_id, row.message)
    };
    assemble(
        &QUARANTINE,
        vec![
            ("stage", text(|_| QuarantineStage::Sentence.label())),
            ("reason", text(|row| &row.reason)),
            ("message", Arc::new(StringArray::from_iter_values(rows.iter().map(place)))),
            ("doc_id", text(|row| &row.doc_id)),
            ("source_file", text(|row| &row.source_file)),
            ("source_md5", text(|row| &row.source_md5)),
            ("source_seq", number(|row| row.source_seq)),
            ("source_record", number(|row| row.source_record)),
            ("byte_offset", new_null_array(&DataType::Int64, rows.len())),
            ("excerpt", text(|row| &row.excerpt)),
            ("run_id", text(|row| &row.run_id)),
            (
                "quarantined_at",
                Arc::new(TimestampMicrosecondArray::from_iter_values(rows.iter().map(|_| at)).with_timezone("UTC")),
            ),
            ("source_member", new_null_array(&DataType::Utf8, rows.len())),
            ("source_etag", new_null_array(&DataType::Utf8, rows.len())),
        ],
    )
}
