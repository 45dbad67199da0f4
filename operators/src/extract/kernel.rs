//! Columns of a candidate batch to items for the backend. Pure; every offset is checked here.

use std::sync::Arc;

use arrow::array::{
    Array, AsArray, BooleanArray, Int32Array, Int64Array, ListArray, StringArray, StringViewArray, StructArray,
};
use arrow::datatypes::{DataType, Int32Type, Int64Type};
use arrow::record_batch::RecordBatch;

use crate::OperatorError;
use crate::backend::{ExtractItem, ItemContext, ItemError, ItemMention, MentionPolicy, Reason};
use crate::columns::{column, list, primitive, string_view, struct_field, structure};
use crate::drug_prefilter::MEMBER;

/// The item of each row of a batch with the columns of [`rexdrug_schemas::CANDIDATES`], as [`super::ExtractExec`] gives
/// them to its backend; `context_chars` is the backend's.
///
/// # Errors
/// Names a column that is missing or has another type. A row whose offsets do not fit its text is an error of its own.
pub fn items_of(
    batch: &RecordBatch,
    context_chars: usize,
) -> Result<Vec<Result<ExtractItem, ItemError>>, OperatorError> {
    let candidates = Candidates::try_new(batch)?;
    let mut cursor = Cursor::default();
    Ok((0..candidates.len()).map(|row| candidates.item(row, context_chars, &mut cursor)).collect())
}

/// The columns of one candidate batch.
#[derive(Debug)]
pub(super) struct Candidates {
    pub(super) doc_id: StringViewArray,
    pub(super) pmid: Int64Array,
    pub(super) pmcid: StringViewArray,
    pub(super) pub_year: Int32Array,
    pub(super) is_retracted: BooleanArray,
    pub(super) text: StringViewArray,
    pub(super) section: StringViewArray,
    pub(super) sentence_index: Int32Array,
    pub(super) sentence: StringViewArray,
    pub(super) sentence_start: Int32Array,
    pub(super) sentence_end: Int32Array,
    pub(super) source_file: StringViewArray,
    pub(super) source_md5: StringViewArray,
    pub(super) source_seq: Int64Array,
    pub(super) source_record: Int64Array,
    mentions: ListArray,
    spans: [Int32Array; 2],
    strings: [StringArray; 4],
}

impl Candidates {
    /// Typed access to a batch with the columns of [`rexdrug_schemas::CANDIDATES`].
    ///
    /// # Errors
    /// Names the column that is missing or has another type.
    pub(super) fn try_new(batch: &RecordBatch) -> Result<Self, OperatorError> {
        let text = |name: &str| string_view(column(batch, name)?, name);
        let int = |name: &str| primitive::<Int32Type>(column(batch, name)?, name, "a 32-bit number").cloned();
        let long = |name: &str| primitive::<Int64Type>(column(batch, name)?, name, "a 64-bit number").cloned();
        let flags = column(batch, "is_retracted")?;
        let is_retracted = flags.as_boolean_opt().cloned().ok_or_else(|| OperatorError::ColumnType {
            column: "is_retracted".to_owned(),
            expected: "a boolean",
            got: flags.data_type().to_string(),
        })?;
        let mentions = list(column(batch, "mentions")?, "mentions")?.clone();
        let items: StructArray = structure(mentions.values(), "mentions")?.clone();
        let span = |name: &str| primitive::<Int32Type>(struct_field(&items, name)?, name, "a 32-bit number").cloned();
        let string = |name: &str| -> Result<StringArray, OperatorError> {
            let field = struct_field(&items, name)?;
            let wrong = || OperatorError::ColumnType {
                column: format!("mentions.{name}"),
                expected: "a string",
                got: field.data_type().to_string(),
            };
            let plain = arrow::compute::cast(field, &DataType::Utf8).map_err(|_| wrong())?;
            plain.as_string_opt::<i32>().cloned().ok_or_else(wrong)
        };
        Ok(Self {
            doc_id: text("doc_id")?,
            pmid: long("pmid")?,
            pmcid: text("pmcid")?,
            pub_year: int("pub_year")?,
            is_retracted,
            text: text("text")?,
            section: text("section")?,
            sentence_index: int("sentence_index")?,
            sentence: text("sentence")?,
            sentence_start: int("sentence_start")?,
            sentence_end: int("sentence_end")?,
            source_file: text("source_file")?,
            source_md5: text("source_md5")?,
            source_seq: long("source_seq")?,
            source_record: long("source_record")?,
            spans: [span("start")?, span("end")?],
            strings: [string("surface")?, string("drug_id")?, string("name")?, string("kind")?],
            mentions,
        })
    }

    /// Rows of the batch.
    pub(super) fn len(&self) -> usize {
        self.doc_id.len()
    }

    /// The item of one row. `cursor` remembers where the last sentence of the same document was found.
    ///
    /// # Errors
    /// [`Reason::OffsetMismatch`] when the sentence or a mention is not the slice that its offsets name.
    pub(super) fn item(&self, row: usize, context_chars: usize, cursor: &mut Cursor) -> Result<ExtractItem, ItemError> {
        let mismatch = |what: String| ItemError::new(Reason::OffsetMismatch, what);
        let (start, end) = (self.sentence_start.value(row), self.sentence_end.value(row));
        let (text, sentence) = (self.text.value(row), self.sentence.value(row));
        let span = usize::try_from(start).ok().zip(usize::try_from(end).ok());
        let slice = span.and_then(|(start, end)| cursor.slice(text, start, end));
        let Some((from, _)) = slice.filter(|(_, found)| *found == sentence) else {
            let got =
                slice.map_or("nothing".to_owned(), |(_, found)| format!("`{}`", super::quarantine::excerpt(found)));
            return Err(mismatch(format!("the sentence is not the text at {start}..{end}, where {got} stands")));
        };
        let chars: Vec<usize> = sentence.char_indices().map(|(byte, _)| byte).chain([sentence.len()]).collect();
        let [.., kinds] = &self.strings;
        let mentions = self
            .range(row)
            .filter(|&index| kinds.value(index) != MEMBER)
            .map(|index| {
                let mention = self.mention(index);
                let byte = |place: i32| usize::try_from(place).ok().and_then(|place| chars.get(place)).copied();
                let [starts, ends] = &self.spans;
                let bytes = byte(starts.value(index)).zip(byte(ends.value(index)));
                let slice = bytes.and_then(|(start, end)| sentence.get(start..end));
                match slice {
                    Some(slice) if slice == mention.surface && !slice.is_empty() => Ok(mention),
                    _ => Err(mismatch(format!(
                        "mention `{}` is not the text of the sentence at {}..{}, where `{}` stands",
                        mention.surface,
                        starts.value(index),
                        ends.value(index),
                        slice.unwrap_or("nothing")
                    ))),
                }
            })
            .collect::<Result<Vec<_>, _>>()?;
        let context = (context_chars > 0).then(|| context(text, sentence, start as usize, from, context_chars));
        Ok(ExtractItem { sentence: Arc::from(sentence), context, mentions, policy: MentionPolicy::Union })
    }

    /// Members of the regimens of one row, those of one regimen beside each other.
    pub(super) fn members(&self, row: usize) -> Vec<ItemMention> {
        let [.., kinds] = &self.strings;
        self.range(row).filter(|&index| kinds.value(index) == MEMBER).map(|index| self.mention(index)).collect()
    }

    /// Where the mentions of one row lie among those of the batch.
    fn range(&self, row: usize) -> std::ops::Range<usize> {
        let offsets = self.mentions.value_offsets();
        let range = offsets.get(row).zip(offsets.get(row + 1));
        range.map(|(&first, &last)| first as usize..last as usize).unwrap_or_default()
    }

    fn mention(&self, index: usize) -> ItemMention {
        let ([starts, ends], [surfaces, ids, names, kinds]) = (&self.spans, &self.strings);
        ItemMention {
            start: usize::try_from(starts.value(index)).unwrap_or_default(),
            end: usize::try_from(ends.value(index)).unwrap_or_default(),
            surface: surfaces.value(index).to_owned(),
            drug_id: ids.value(index).to_owned(),
            name: names.value(index).to_owned(),
            kind: kinds.value(index).to_owned(),
        }
    }
}

/// At most `reach` code points on each side of the sentence that begins at code point `start`, byte `from`.
fn context(text: &str, sentence: &str, start: usize, from: usize, reach: usize) -> ItemContext {
    let (head, tail) = (text.get(..from).unwrap_or_default(), text.get(from + sentence.len()..).unwrap_or_default());
    let (before, first) =
        head.char_indices().rev().take(reach).fold((0, from), |(count, _), (byte, _)| (count + 1, byte));
    let after = tail.char_indices().nth(reach).map_or(tail.len(), |(byte, _)| byte);
    let slice = text.get(first..from + sentence.len() + after).unwrap_or(sentence);
    ItemContext { text: Arc::from(slice), offset: start - before.min(start), sentence_start: before }
}

/// Finds code points of a document going forward, so that all its sentences together cost one pass over it.
#[derive(Debug, Default)]
pub(super) struct Cursor {
    /// Address and length of the document: its identity within one batch, whose buffers stay where they are.
    document: (usize, usize),
    point: usize,
    byte: usize,
}

impl Cursor {
    /// First byte and slice of the code points `start..end` of `text`; none beyond its end.
    fn slice<'t>(&mut self, text: &'t str, start: usize, end: usize) -> Option<(usize, &'t str)> {
        let document = (text.as_ptr() as usize, text.len());
        if document != self.document || start < self.point {
            *self = Self { document, point: 0, byte: 0 };
        }
        let from = self.byte + forward(text.get(self.byte..)?, start - self.point)?;
        (self.point, self.byte) = (start, from);
        let length = forward(text.get(from..)?, end.checked_sub(start)?)?;
        Some((from, text.get(from..from + length)?))
    }
}

/// Bytes of the first `count` code points.
fn forward(text: &str, count: usize) -> Option<usize> {
    if count == 0 {
        return Some(0);
    }
    let (byte, last) = text.char_indices().nth(count - 1)?;
    Some(byte + last.len_utf8())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_cursor_slices_as_code_points_do(
            text in "[a-zé漢😀 ]{0,40}",
            spans in proptest::collection::vec((0usize..45, 0usize..45), 1..12),
        ) {
            let chars: Vec<char> = text.chars().collect();
            let mut cursor = Cursor::default();
            for (start, end) in spans {
                let expected = chars.get(start..end).map(|slice| slice.iter().collect::<String>());
                let got = cursor.slice(&text, start, end);
                prop_assert_eq!(got.map(|(_, slice)| slice.to_owned()), expected);
                if let Some((from, slice)) = got {
                    prop_assert_eq!(&text[from..from + slice.len()], slice);
                }
            }
        }
    }

    #[test]
    fn context_is_cut_around_the_sentence() {
        let text = "αβ. Dose was low. Then γδ followed.";
        let sentence = "Dose was low.";
        let from = text.find(sentence).unwrap();
        let cut = context(text, sentence, 4, from, 3);
        assert_eq!((&*cut.text, cut.offset, cut.sentence_start), ("β. Dose was low. Th", 1, 3));
        let whole = context(text, sentence, 4, from, 100);
        assert_eq!((&*whole.text, whole.offset, whole.sentence_start), (text, 0, 4));
    }
}
