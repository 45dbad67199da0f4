//! Gold sentences through the prefilter that `run` uses.

use std::sync::Arc;

use anyhow::{Context, Result};
use arrow::array::{ArrayRef, AsArray, BooleanArray, Int32Array, StringViewArray, new_null_array};
use arrow::compute::cast;
use arrow::datatypes::DataType;
use arrow::record_batch::RecordBatch;
use rexdrug_operators::PrefilterOptions;
use rexdrug_operators::backend::{ExtractItem, ItemError};
use rexdrug_operators::extract::items_of;
use rexdrug_operators::logical::{Operator, OperatorNode};
use rexdrug_pipeline::plan;
use rexdrug_pipeline::session::Session;
use rexdrug_schemas::SENTENCES;

/// What became of a sentence; none where there is nothing.
pub type Slot<T> = Option<Result<T, ItemError>>;

/// A sentence with the document around it.
pub struct GoldSentence<'g> {
    pub sentence: &'g str,
    /// The paragraph; what does not hold the sentence is not used.
    pub document: &'g str,
}

/// What the prefilter keeps of the sentences, as items for a backend; none for a sentence it cuts.
///
/// # Errors
/// When the plan fails.
pub async fn items(
    session: &Session,
    prefilter: PrefilterOptions,
    sentences: &[GoldSentence<'_>],
    context_chars: usize,
) -> Result<Vec<Slot<ExtractItem>>> {
    let context = session.context();
    let rows = context.read_batch(batch(sentences)?)?.into_unoptimized_plan();
    let kept = OperatorNode::plan(Operator::DrugPrefilter(prefilter), rows)?;
    let mut items: Vec<Slot<ExtractItem>> = Vec::new();
    items.resize_with(sentences.len(), || None);
    for batch in plan::frame(context, kept).collect().await? {
        let names = batch.column_by_name("doc_id").context("the prefilter gave no column `doc_id`")?;
        let names = cast(names, &DataType::Utf8)?;
        let names = names.as_string::<i32>();
        for (row, item) in items_of(&batch, context_chars)?.into_iter().enumerate() {
            let place: usize = names.value(row).parse().context("the prefilter changed a document id")?;
            if let Some(slot) = items.get_mut(place) {
                *slot = Some(item);
            }
        }
    }
    Ok(items)
}

/// Rows between segmentation and prefilter; the document id is the number of the sentence.
fn batch(sentences: &[GoldSentence<'_>]) -> Result<RecordBatch> {
    let (mut texts, mut starts, mut ends) = (Vec::new(), Vec::new(), Vec::new());
    for GoldSentence { sentence, document } in sentences {
        let byte = document.find(sentence);
        let text = if byte.is_some() { document } else { sentence };
        let start = text.get(..byte.unwrap_or(0)).unwrap_or("").chars().count();
        texts.push(*text);
        starts.push(i32::try_from(start)?);
        ends.push(i32::try_from(start + sentence.chars().count())?);
    }
    let count = sentences.len();
    let schema = SENTENCES.schema();
    let columns = schema.fields().iter().map(|field| -> ArrayRef {
        match field.name().as_str() {
            "doc_id" => Arc::new(StringViewArray::from_iter_values((0..count).map(|index| index.to_string()))),
            "is_retracted" => Arc::new(BooleanArray::from(vec![false; count])),
            "text" => Arc::new(StringViewArray::from_iter_values(&texts)),
            "sentence" => Arc::new(StringViewArray::from_iter_values(sentences.iter().map(|of| of.sentence))),
            "sentence_start" => Arc::new(Int32Array::from(starts.clone())),
            "sentence_end" => Arc::new(Int32Array::from(ends.clone())),
            "sentence_index" => Arc::new(Int32Array::from(vec![0; count])),
            _ if field.is_nullable() => new_null_array(field.data_type(), count),
            _ if field.data_type() == &DataType::Utf8View => {
                Arc::new(StringViewArray::from_iter_values(std::iter::repeat_n("gold", count)))
            }
            _ => Arc::new(arrow::array::Int64Array::from(vec![0; count])),
        }
    });
    Ok(RecordBatch::try_new(Arc::clone(&schema), columns.collect())?)
}
