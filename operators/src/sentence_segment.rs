//! Documents to sentences.
//!
//! Input: the columns of `documents` that [`REQUIRED`] names (strings as `Utf8` or `Utf8View`). Output:
//! [`SENTENCES`], one row per sentence in document order; `text` and `sentence` are views into the input's buffers,
//! so no text is copied. A document without text has no sentences. The section of a sentence is the section that holds
//! its first code point. A row of a table is one sentence, whatever full stops its cells hold, up to [`ROW_SENTENCE`] code
//! points; a longer one is cut as prose is. Segmentation itself is [`crate::segment`]; left out on purpose: language detection.

use std::fmt;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, Int32Array, StringViewArray, UInt32Array};
use arrow::buffer::ScalarBuffer;
use arrow::compute::take;
use arrow::datatypes::{Int32Type, SchemaRef};
use arrow::record_batch::RecordBatch;
use datafusion::error::Result;
use rexdrug_schemas::{SENTENCES, TABLE_ROW};

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

/// Longest row of a table that is one sentence, in code points.
pub const ROW_SENTENCE: i32 = 2000;

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
    categories: StringViewArray,
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
            categories: string_view(struct_field(values, "nlm_category")?, "sections.nlm_category")?,
            starts: primitive::<Int32Type>(struct_field(values, "start")?, "sections.start", "int32")?,
            ends: primitive::<Int32Type>(struct_field(values, "end")?, "sections.end", "int32")?,
        })
    }

    /// Row in `labels` of the section of document `row` that holds code point `position`; sections are in order.
    fn find(&self, row: usize, position: i32) -> Option<u32> {
        let (first, last) = (*self.offsets.get(row)? as usize, *self.offsets.get(row + 1)? as usize);
        let starts = self.starts.values().get(first..last)?;
        let item = first + starts.partition_point(|start| *start <= position).checked_sub(1)?;
        (position < self.ends.value(item)).then_some(item as u32)
    }

    /// Whether section `item` is a row of a table that is one sentence.
    fn is_sentence(&self, item: u32) -> bool {
        let item = item as usize;
        self.categories.is_valid(item)
            && self.categories.value(item) == TABLE_ROW
            && self.ends.value(item) - self.starts.value(item) <= ROW_SENTENCE
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
        let (mut index, mut open): (i32, Option<(u32, SentenceSpan)>) = (0, None);
        for span in spans.iter() {
            let start = code_points.code_point(span.start) as i32;
            let end = code_points.code_point(span.end) as i32;
            let section = sections.find(row, start);
            if let Some((whole, begun)) = open.filter(|(whole, _)| section == Some(*whole)) {
                let longer = SentenceSpan { start: begun.start, end: span.end };
                open = Some((whole, longer));
                rows.lengthen(sub_view(text, text_view, &longer), end);
                continue;
            }
            open = section.filter(|item| sections.is_sentence(*item)).map(|item| (item, *span));
            rows.document.push(row as u32);
            rows.section.push(section);
            rows.index.push(index);
            rows.view.push(sub_view(text, text_view, span));
            rows.start.push(start);
            rows.end.push(end);
            index += 1;
        }
    }
}

impl Rows {
    /// Lets the last sentence go on to `end`.
    fn lengthen(&mut self, whole: u128, end: i32) {
        if let (Some(view), Some(last)) = (self.view.last_mut(), self.end.last_mut()) {
            (*view, *last) = (whole, end);
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use arrow::array::{AsArray, Int64Array, NullArray, StringArray};
    use arrow::buffer::OffsetBuffer;
    use arrow::compute::cast;
    use arrow::datatypes::DataType;
    use rexdrug_schemas::DOCUMENTS;

    use super::*;

    /// One document whose sections are `parts`, each with its label and category.
    fn document(parts: &[(&str, Option<&str>, &str)]) -> RecordBatch {
        let (mut text, mut starts, mut ends) = (String::new(), Vec::new(), Vec::new());
        for (_, _, part) in parts {
            if !text.is_empty() {
                text.push('\n');
            }
            starts.push(text.chars().count() as i32);
            text.push_str(part);
            ends.push(text.chars().count() as i32);
        }
        let schema = DOCUMENTS.schema();
        let DataType::List(item) = schema.field_with_name("sections").unwrap().data_type().clone() else {
            unreachable!()
        };
        let DataType::Struct(fields) = item.data_type().clone() else { unreachable!() };
        let labels = StringArray::from_iter_values(parts.iter().map(|(label, ..)| *label));
        let categories = StringArray::from_iter(parts.iter().map(|(_, category, _)| *category));
        let values = arrow::array::StructArray::new(
            fields,
            vec![
                Arc::new(labels),
                Arc::new(categories),
                Arc::new(Int32Array::from(starts)),
                Arc::new(Int32Array::from(ends)),
            ],
            None,
        );
        let sections =
            arrow::array::ListArray::new(item, OffsetBuffer::from_lengths([parts.len()]), Arc::new(values), None);
        let fields: Vec<_> =
            REQUIRED.iter().map(|name| Arc::new(schema.field_with_name(name).unwrap().clone())).collect();
        let columns = fields.iter().map(|field| -> ArrayRef {
            match field.name().as_str() {
                "text" => Arc::new(StringArray::from(vec![text.clone()])),
                "sections" => Arc::new(sections.clone()),
                _ if field.is_nullable() => cast(&NullArray::new(1), field.data_type()).unwrap(),
                _ => cast(&Int64Array::from(vec![1]), field.data_type()).unwrap(),
            }
        });
        let columns = columns.collect();
        RecordBatch::try_new(Arc::new(arrow::datatypes::Schema::new(fields)), columns).unwrap()
    }

    fn sentences(parts: &[(&str, Option<&str>, &str)]) -> Vec<(i32, String, String)> {
        let found = SentenceSegment::default().process(&document(parts)).unwrap();
        let text = |name: &str| found.column_by_name(name).unwrap().as_string_view().clone();
        let (labels, texts) = (text("section"), text("sentence"));
        let index = found.column_by_name("sentence_index").unwrap().as_primitive::<Int32Type>();
        let (starts, ends) = (
            found.column_by_name("sentence_start").unwrap().as_primitive::<Int32Type>(),
            found.column_by_name("sentence_end").unwrap().as_primitive::<Int32Type>(),
        );
        let whole: Vec<char> = parts.iter().map(|(_, _, part)| *part).collect::<Vec<_>>().join("\n").chars().collect();
        (0..found.num_rows())
            .map(|row| {
                let slice: String = whole[starts.value(row) as usize..ends.value(row) as usize].iter().collect();
                assert_eq!(slice, texts.value(row));
                (index.value(row), labels.value(row).to_owned(), slice)
            })
            .collect()
    }

    #[test]
    fn a_row_of_a_table_is_one_sentence_unless_it_is_long() {
        let row = "Drugs: α-IFN vs. placebo. Given daily; Response: Yes. Later no.";
        let long = "It was seen. ".repeat(200);
        let found = sentences(&[
            ("TITLE", Some("TITLE"), "One. Two."),
            ("Table 1", Some("TABLE"), row),
            ("Table 1 > Row 1", Some("TABLE_ROW"), row),
            ("Table 1 > Row 2", Some("TABLE_ROW"), "A: 1"),
            ("Table 1 > Row 3", Some("TABLE_ROW"), long.trim_end()),
            ("Results", None, "End. Of it."),
        ]);
        let of = |label: &str| found.iter().filter(|(_, section, _)| section == label).count();
        assert_eq!((of("TITLE"), of("Table 1 > Row 1"), of("Table 1 > Row 2"), of("Results")), (2, 1, 1, 2));
        assert!(of("Table 1") > 2 && of("Table 1 > Row 3") == 200);
        assert!(found.iter().any(|(_, section, text)| section == "Table 1 > Row 1" && text == row));
        assert_eq!(
            found.iter().map(|(index, ..)| *index).collect::<Vec<_>>(),
            (0..found.len() as i32).collect::<Vec<_>>()
        );
    }
}
