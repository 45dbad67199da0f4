//! Documents to sentences.
//!
//! Input: the columns of `documents` that [`REQUIRED`] names (strings as `Utf8` or `Utf8View`). Output:
//! [`SENTENCES`], one row per sentence in document order; `text` and `sentence` are views into the input's buffers,
//! so no text is copied. A document without text has no sentences. The section of a sentence is the section that holds
//! its first code point. Segmentation itself is [`crate::segment`]; left out on purpose: language detection.

use std::fmt;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, Int32Array, StringViewArray, UInt32Array};
use arrow::buffer::ScalarBuffer;
use arrow::compute::take;
use arrow::datatypes::{Int32Type, SchemaRef};
use arrow::record_batch::RecordBatch;
use datafusion::error::Result;
use rexdrug_schemas::SENTENCES;

use crate::columns::{column, list, primitive, require, string_view, struct_field, structure};
use crate::segment::{Segmenter, SentenceSpan};
use crate::text_offsets::CodePointIndex;
use crate::unary_exec::{BatchKernel, UnaryExec};

/// Columns read from the input.
pub const REQUIRED: [&str; 11] = [
    "doc_id",
    "pmid",
    "pmcid",
    "pub_year",
    "is_retracted",
    "text",
    "sections",
    "source_file",
    "source_md5",
    "source_seq",
    "source_record",
];

/// The plan node.
pub type SentenceSegmentExec = UnaryExec<SentenceSegment>;

/// The kernel; see the module.
#[derive(Debug, Default)]
pub struct SentenceSegment {
    segmenter: Segmenter,
}

/// One section of one document: label row in the sections' values, span in code points.
struct Sections<'b> {
    offsets: &'b [i32],
    labels: StringViewArray,
    starts: &'b Int32Array,
    ends: &'b Int32Array,
}

impl<'b> Sections<'b> {
    fn try_new(batch: &'b RecordBatch) -> Result<Self> {
        let lists = list(column(batch, "sections")?, "sections")?;
        let values = structure(lists.values(), "sections")?;
        Ok(Self {
            offsets: lists.value_offsets(),
            labels: string_view(struct_field(values, "label")?, "sections.label")?,
            starts: primitive::<Int32Type>(struct_field(values, "start")?, "sections.start", "int32")?,
            ends: primitive::<Int32Type>(struct_field(values, "end")?, "sections.end", "int32")?,
        })
    }

    /// Row in `labels` of the section of document `row` that holds code point `position`.
    fn find(&self, row: usize, position: i32) -> Option<u32> {
        let (first, last) = (*self.offsets.get(row)?, *self.offsets.get(row + 1)?);
        (first..last)
            .find(|&item| {
                let item = item as usize;
                self.starts.value(item) <= position && position < self.ends.value(item)
            })
            .map(|item| item as u32)
    }
}

/// The rows under construction.
#[derive(Default)]
struct Rows {
    document: Vec<u32>,
    section: Vec<Option<u32>>,
    index: Vec<i32>,
    view: Vec<u128>,
    start: Vec<i32>,
    end: Vec<i32>,
}

impl SentenceSegment {
    fn segment_document(
        &self,
        row: usize,
        text: &str,
        text_view: u128,
        sections: &Sections,
        spans: &mut Vec<SentenceSpan>,
        rows: &mut Rows,
    ) {
        self.segmenter.segment(text, spans);
        let code_points = CodePointIndex::new(text);
        for (index, span) in spans.iter().enumerate() {
            let start = code_points.code_point(span.start) as i32;
            let end = code_points.code_point(span.end) as i32;
            rows.document.push(row as u32);
            rows.section.push(sections.find(row, start));
            rows.index.push(index as i32);
            rows.view.push(sub_view(text, text_view, span));
            rows.start.push(start);
            rows.end.push(end);
        }
    }
}

/// The view of a slice of a string, given the view of the whole.
fn sub_view(text: &str, text_view: u128, span: &SentenceSpan) -> u128 {
    let slice = span.of(text).as_bytes();
    // A view longer than 12 bytes holds buffer number in bits 64..96 and offset in bits 96..128.
    let (buffer, offset) = ((text_view >> 64) as u32, (text_view >> 96) as u32);
    arrow::array::make_view(slice, buffer, offset.wrapping_add(span.start))
}

impl BatchKernel for SentenceSegment {
    const NAME: &'static str = "SentenceSegmentExec";
    const MAX_ROWS: usize = 1024;

    fn output_schema(&self, input: &SchemaRef) -> Result<SchemaRef> {
        require(Self::NAME, input, &REQUIRED)?;
        Ok(SENTENCES.schema())
    }

    fn process(&self, batch: &RecordBatch) -> Result<RecordBatch> {
        let text = string_view(column(batch, "text")?, "text")?;
        let sections = Sections::try_new(batch)?;
        let (mut rows, mut spans) = (Rows::default(), Vec::new());
        for row in 0..text.len() {
            if text.is_valid(row) {
                self.segment_document(row, text.value(row), text.views()[row], &sections, &mut spans, &mut rows);
            }
        }
        let documents = UInt32Array::from(rows.document);
        let sentence = StringViewArray::try_new(ScalarBuffer::from(rows.view), text.data_buffers().to_vec(), None)?;
        let labels: ArrayRef = Arc::new(sections.labels.clone());
        let schema = SENTENCES.schema();
        let mut columns = Vec::with_capacity(schema.fields().len());
        let mut index: Option<ArrayRef> = Some(Arc::new(Int32Array::from(rows.index)));
        let mut sentence: Option<ArrayRef> = Some(Arc::new(sentence));
        let mut start: Option<ArrayRef> = Some(Arc::new(Int32Array::from(rows.start)));
        let mut end: Option<ArrayRef> = Some(Arc::new(Int32Array::from(rows.end)));
        let section = UInt32Array::from(rows.section);
        for field in schema.fields() {
            let made = match field.name().as_str() {
                "sentence_index" => index.take(),
                "sentence" => sentence.take(),
                "sentence_start" => start.take(),
                "sentence_end" => end.take(),
                "section" => Some(take(&labels, &section, None)?),
                _ => None,
            };
            columns.push(match made {
                Some(array) => array,
                None => repeat(batch, field.name(), &documents)?,
            });
        }
        Ok(RecordBatch::try_new(schema, columns)?)
    }

    fn describe(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("biomedical rules")
    }
}

/// Column `name` of the document of each sentence.
fn repeat(batch: &RecordBatch, name: &str, documents: &UInt32Array) -> Result<ArrayRef> {
    let array = column(batch, name)?;
    let array: ArrayRef =
        if array.data_type().is_string() { Arc::new(string_view(array, name)?) } else { Arc::clone(array) };
    Ok(take(&array, documents, None)?)
}
