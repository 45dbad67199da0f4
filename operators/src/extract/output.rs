//! Answers to rows of `combinations`. Pure.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanArray, Float32Array, Int32Array, Int64Array, ListArray, StringArray, StructArray,
    TimestampMicrosecondArray,
};
use arrow::buffer::{OffsetBuffer, ScalarBuffer};
use arrow::datatypes::{DataType, Fields};
use arrow::error::ArrowError;
use arrow::record_batch::RecordBatch;
use rexdrug_schemas::{
    COMBINATIONS, ExtractionProvenance, Table, combination_drug_type, combination_id, drug_key, effect_scores_type,
};

use super::kernel::Candidates;
use crate::backend::{ExtractedCombination, Extraction, ItemMention, distinct_drugs};

/// One combination with the place of its sentence.
#[derive(Debug)]
pub(super) struct OutputRow {
    /// Batch among those given to [`combinations_batch`], and row in it.
    pub(super) place: (usize, usize),
    drugs: Vec<ItemMention>,
    combination_id: String,
    pub(super) drug_key: String,
    combination: ExtractedCombination,
    /// Code points of the document.
    context: (i32, i32),
}

/// The rows of one sentence: what [`stated`] says, with its place in the document.
pub(super) fn rows_of(
    candidates: &Candidates,
    place: (usize, usize),
    extraction: Extraction,
    min_confidence: f32,
) -> Vec<OutputRow> {
    let context = (extraction.context_start, extraction.context_end);
    stated(extraction, min_confidence).into_iter().map(|found| row_of(candidates, place, found, context)).collect()
}

/// The row of a combination; `context` is what the model saw, relative to the start of the sentence.
pub(super) fn row_of(candidates: &Candidates, place: (usize, usize), found: Stated, context: (i64, i64)) -> OutputRow {
    let row = place.1;
    let sentence = (candidates.sentence_start.value(row), candidates.sentence_end.value(row));
    let absolute = |offset: i64| i32::try_from(i64::from(sentence.0) + offset).unwrap_or(i32::MAX).max(0);
    let context = (absolute(context.0), absolute(context.1));
    let Stated { drugs, drug_key, combination } = found;
    let spans: Vec<(i32, i32)> =
        drugs.iter().map(|drug| (absolute(drug.start as i64), absolute(drug.end as i64))).collect();
    let combination_id = combination_id(candidates.doc_id.value(row), sentence, &spans);
    OutputRow { place, drugs, combination_id, drug_key, combination, context }
}

/// A combination as it becomes a row.
#[derive(Debug, Clone, PartialEq)]
pub struct Stated {
    /// One mention per drug, its first.
    pub drugs: Vec<ItemMention>,
    /// Sorted normalised names joined by `|`.
    pub drug_key: String,
    /// The combination.
    pub combination: ExtractedCombination,
}

/// The combinations of one sentence that become rows, in the order of the answer: one mention per drug (its first), two
/// drugs or more, `min_confidence` or more. A set of the same drugs with the same effect is stated once, with the higher
/// confidence.
pub fn stated(extraction: Extraction, min_confidence: f32) -> Vec<Stated> {
    let mut found: Vec<Stated> = Vec::new();
    for combination in extraction.combinations {
        let members = distinct_drugs(&extraction.mentions, &combination.members);
        let confidence = combination.confidence;
        if members.len() < 2 || confidence.is_nan() || confidence < min_confidence {
            continue;
        }
        let drugs: Vec<ItemMention> =
            members.iter().filter_map(|&member| extraction.mentions.get(member)).cloned().collect();
        let drug_key = drug_key(drugs.iter().map(|drug| drug.name.as_str()));
        let same = |other: &&mut Stated| other.drug_key == drug_key && other.combination.effect == combination.effect;
        let known = found.iter_mut().find(same);
        if known.as_ref().is_some_and(|known| known.combination.confidence >= combination.confidence) {
            continue;
        }
        let combination = Stated { drugs, drug_key, combination };
        match known {
            Some(known) => *known = combination,
            None => found.push(combination),
        }
    }
    found
}

/// Rows of the `combinations` table.
///
/// # Errors
/// Only when the schema of the table has changed under this function.
pub(super) fn combinations_batch(
    batches: &[Arc<Candidates>],
    rows: &[OutputRow],
    provenance: &ExtractionProvenance,
) -> Result<RecordBatch, ArrowError> {
    let sources = || rows.iter().filter_map(|row| Some((batches.get(row.place.0)?, row.place.1)));
    macro_rules! text {
        ($column:ident) => {
            Arc::new(StringArray::from_iter(sources().map(|(batch, row)| view(&batch.$column, row)))) as ArrayRef
        };
    }
    macro_rules! number {
        ($array:ty, $column:ident) => {
            Arc::new(<$array>::from_iter(sources().map(|(batch, row)| cell(&batch.$column, row)))) as ArrayRef
        };
    }
    let strings = |value: &dyn Fn(&OutputRow) -> Option<String>| -> ArrayRef {
        Arc::new(StringArray::from_iter(rows.iter().map(value)))
    };
    let ints = |value: &dyn Fn(&OutputRow) -> i32| -> ArrayRef {
        Arc::new(Int32Array::from_iter_values(rows.iter().map(value)))
    };
    let constant = |value: &str| -> ArrayRef { Arc::new(StringArray::from_iter_values(rows.iter().map(|_| value))) };
    let confidence = Float32Array::from_iter_values(rows.iter().map(|row| row.combination.confidence));
    let retracted = BooleanArray::from_iter(sources().map(|(batch, row)| Some(batch.is_retracted.value(row))));
    let at = TimestampMicrosecondArray::from_iter_values(rows.iter().map(|_| provenance.extracted_at));
    let prompt = strings(&|row| provenance.prompt_sha256.clone().filter(|_| row.combination.prompted));
    assemble(
        &COMBINATIONS,
        vec![
            ("combination_id", strings(&|row| Some(row.combination_id.clone()))),
            ("doc_id", text!(doc_id)),
            ("pmid", number!(Int64Array, pmid)),
            ("pmcid", text!(pmcid)),
            ("pub_year", number!(Int32Array, pub_year)),
            ("is_retracted", Arc::new(retracted)),
            ("section", text!(section)),
            ("sentence_index", number!(Int32Array, sentence_index)),
            ("sentence", text!(sentence)),
            ("sentence_start", number!(Int32Array, sentence_start)),
            ("sentence_end", number!(Int32Array, sentence_end)),
            ("drugs", drugs(batches, rows)?),
            ("drug_key", strings(&|row| Some(row.drug_key.clone()))),
            ("arity", ints(&|row| i32::try_from(row.drugs.len()).unwrap_or(i32::MAX))),
            ("effect", strings(&|row| Some(row.combination.effect.label().to_owned()))),
            ("effect_scores", effect_scores(rows)?),
            ("confidence", Arc::new(confidence)),
            ("reasoning", strings(&|row| row.combination.reasoning.clone())),
            ("context_start", ints(&|row| row.context.0)),
            ("context_end", ints(&|row| row.context.1)),
            ("source_file", text!(source_file)),
            ("source_md5", text!(source_md5)),
            ("source_seq", number!(Int64Array, source_seq)),
            ("source_record", number!(Int64Array, source_record)),
            ("run_id", constant(&provenance.run_id)),
            ("rexdrug_version", constant(&provenance.rexdrug_version)),
            ("extractor", constant(&provenance.extractor)),
            ("model_id", constant(&provenance.model_id)),
            ("model_sha256", constant(&provenance.model_sha256)),
            ("lexicon_sha256", constant(&provenance.lexicon_sha256)),
            ("prompt_sha256", prompt),
            ("device", constant(&provenance.device)),
            ("extracted_at", Arc::new(at.with_timezone("UTC"))),
        ],
    )
}

fn view(array: &arrow::array::StringViewArray, row: usize) -> Option<&str> {
    use arrow::array::Array;
    array.is_valid(row).then(|| array.value(row))
}

fn cell<T: arrow::datatypes::ArrowPrimitiveType>(
    array: &arrow::array::PrimitiveArray<T>,
    row: usize,
) -> Option<T::Native> {
    use arrow::array::Array;
    array.is_valid(row).then(|| array.value(row))
}

fn fields_of(data_type: DataType) -> Result<Fields, ArrowError> {
    match data_type {
        DataType::Struct(fields) => Ok(fields),
        other => Err(ArrowError::SchemaError(format!("expected a struct, the schema has {other}"))),
    }
}

fn drugs(batches: &[Arc<Candidates>], rows: &[OutputRow]) -> Result<ArrayRef, ArrowError> {
    let DataType::List(item) = combination_drug_type() else {
        return Err(ArrowError::SchemaError("column `drugs` is no list any more".to_owned()));
    };
    // A list, because the array builders want to know how many there are.
    let all: Vec<(&OutputRow, &ItemMention)> =
        rows.iter().flat_map(|row| row.drugs.iter().map(move |drug| (row, drug))).collect();
    let start = |row: &OutputRow| batches.get(row.place.0).map_or(0, |batch| batch.sentence_start.value(row.place.1));
    let text = |value: fn(&ItemMention) -> &str| -> ArrayRef {
        Arc::new(StringArray::from_iter_values(all.iter().map(|(_, drug)| value(drug))))
    };
    let place = |value: fn(&ItemMention) -> usize| -> ArrayRef {
        let places =
            all.iter().map(|(row, drug)| start(row).saturating_add(i32::try_from(value(drug)).unwrap_or(i32::MAX)));
        Arc::new(Int32Array::from_iter_values(places))
    };
    let columns = [
        ("drug_id", text(|drug| &drug.drug_id)),
        ("name", text(|drug| &drug.name)),
        ("surface", text(|drug| &drug.surface)),
        ("start", place(|drug| drug.start)),
        ("end", place(|drug| drug.end)),
    ];
    let values = structs(fields_of(item.data_type().clone())?, &columns)?;
    let offsets = OffsetBuffer::from_lengths(rows.iter().map(|row| row.drugs.len()));
    Ok(Arc::new(ListArray::try_new(item, offsets, values, None)?))
}

fn effect_scores(rows: &[OutputRow]) -> Result<ArrayRef, ArrowError> {
    let score = |pick: fn(&[f32; 3]) -> f32| -> ArrayRef {
        let scores = rows.iter().map(|row| pick(&row.combination.effect_scores));
        Arc::new(Float32Array::new(ScalarBuffer::from_iter(scores), None))
    };
    let columns = [("pos", score(|s| s[0])), ("neg", score(|s| s[1])), ("comb", score(|s| s[2]))];
    structs(fields_of(effect_scores_type())?, &columns)
}

/// Columns by name, so that the order in the schema can never swap two columns of one type.
fn structs(fields: Fields, columns: &[(&str, ArrayRef)]) -> Result<ArrayRef, ArrowError> {
    let arrays = fields.iter().map(|field| pick(columns, field.name())).collect::<Result<Vec<_>, _>>()?;
    Ok(Arc::new(StructArray::try_new(fields, arrays, None)?))
}

fn pick(columns: &[(&str, ArrayRef)], name: &str) -> Result<ArrayRef, ArrowError> {
    let found = columns.iter().find(|(column, _)| *column == name).map(|(_, array)| Arc::clone(array));
    found.ok_or_else(|| ArrowError::SchemaError(format!("the schema has a column `{name}` that nothing fills")))
}

/// A batch of `table` from named columns.
pub(super) fn assemble(table: &Table, columns: Vec<(&str, ArrayRef)>) -> Result<RecordBatch, ArrowError> {
    let schema = table.schema();
    let arrays = schema.fields().iter().map(|field| pick(&columns, field.name())).collect::<Result<Vec<_>, _>>()?;
    RecordBatch::try_new(schema, arrays)
}
