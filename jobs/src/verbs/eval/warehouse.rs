//! Predictions from the tables of a warehouse.

use std::collections::HashMap;

use anyhow::{Result, bail};
use arrow::array::AsArray;
use arrow::datatypes::Float32Type;
use arrow::record_batch::RecordBatch;
use futures::TryStreamExt;
use rexdrug_operators::OperatorResources;
use rexdrug_pipeline::session::{Session, SessionOptions};
use rexdrug_scoring::evaluation::locate::{Located, Locator, Squeezed};
use rexdrug_scoring::evaluation::prediction::{FoundDrug, FoundRelation, Prediction};
use rexdrug_scoring::gold::drugcomb::Item;
use rexdrug_scoring::task::{Label, Task};

use super::super::try_text::{field, int, mentions, string};
use crate::config::Settings;
use crate::resources;

/// A document that holds gold sentences.
struct Holder {
    text: Squeezed,
    found: Vec<Located>,
}

/// One row of `combinations`, offsets into its document.
struct Row {
    span: (usize, usize),
    label: Label,
    confidence: f64,
    drugs: Vec<(usize, usize, String)>,
}

/// One prediction per item, and how many of the sentences the warehouse holds. A sentence that is in several documents
/// is judged in the first of them, by id; one that is in none has no answer.
///
/// # Errors
/// When the warehouse cannot be read, or holds none of the sentences.
pub async fn predictions(settings: &Settings, items: &[Item]) -> Result<(Vec<Prediction>, usize)> {
    let warehouse = resources::existing_warehouse(settings).await?;
    let session = Session::new(
        &SessionOptions::with_threads(settings.threads),
        OperatorResources { lexicon: None, engine: None },
    )?;
    warehouse.register(session.context()).await?;
    let locator = Locator::new(items.iter().map(|item| item.sentence.as_str()));
    let holders = holders(&session, &locator).await?;
    let mut chosen: Vec<Option<(&str, Located)>> = vec![None; items.len()];
    for (doc_id, holder) in &holders {
        for located in &holder.found {
            if let Some(slot) = chosen.get_mut(located.sentence)
                && slot.is_none_or(|(other, _)| doc_id.as_str() < other)
            {
                *slot = Some((doc_id, *located));
            }
        }
    }
    let found = chosen.iter().flatten().count();
    if found == 0 {
        bail!(
            "warehouse {} holds none of the {} gold sentences; was it filled from them?",
            settings.warehouse,
            items.len()
        );
    }
    let rows = rows(&session, &holders).await?;
    let nothing: Vec<Row> = Vec::new();
    let prediction = |(item, place): (&Item, &Option<(&str, Located)>)| {
        let Some((doc_id, located)) = *place else {
            return Prediction::refused("the sentence is in no document of the warehouse");
        };
        let Some(holder) = holders.get(doc_id) else { return Prediction::default() };
        predict(item, &locator, located, &holder.text, rows.get(doc_id).unwrap_or(&nothing))
    };
    Ok((items.iter().zip(&chosen).map(prediction).collect(), found))
}

async fn holders(session: &Session, locator: &Locator) -> Result<HashMap<String, Holder>> {
    let mut documents = session.context().sql("SELECT doc_id, text FROM documents").await?.execute_stream().await?;
    let mut holders = HashMap::new();
    while let Some(batch) = documents.try_next().await? {
        for row in 0..batch.num_rows() {
            let text = Squeezed::new(&string(field(&batch, "text")?, row)?);
            let found = locator.find(&text);
            if !found.is_empty() {
                holders.insert(string(field(&batch, "doc_id")?, row)?, Holder { text, found });
            }
        }
    }
    Ok(holders)
}

async fn rows(session: &Session, holders: &HashMap<String, Holder>) -> Result<HashMap<String, Vec<Row>>> {
    // In the order of the text, so that equal warehouses give equal reports.
    let query = "SELECT doc_id, sentence_start, sentence_end, effect, confidence, drugs FROM combinations \
        ORDER BY doc_id, sentence_start, combination_id";
    let mut combinations = session.context().sql(query).await?.execute_stream().await?;
    let mut rows: HashMap<String, Vec<Row>> = HashMap::new();
    while let Some(batch) = combinations.try_next().await? {
        for row in 0..batch.num_rows() {
            let doc_id = string(field(&batch, "doc_id")?, row)?;
            if holders.contains_key(&doc_id) {
                let read = read(&batch, row)?;
                rows.entry(doc_id).or_default().extend(read);
            }
        }
    }
    Ok(rows)
}

fn read(batch: &RecordBatch, row: usize) -> Result<Option<Row>> {
    let Some(label) = Task::DrugComb.label_exact(&string(field(batch, "effect")?, row)?) else { return Ok(None) };
    let place = |value: i32| usize::try_from(value).unwrap_or(0);
    let drugs = mentions(batch, "drugs", row, 0)?;
    Ok(Some(Row {
        span: (place(int(batch, "sentence_start", row)?), place(int(batch, "sentence_end", row)?)),
        label,
        confidence: f64::from(field(batch, "confidence")?.as_primitive::<Float32Type>().value(row)),
        drugs: drugs.into_iter().map(|of| (place(of.start), place(of.end), of.surface)).collect(),
    }))
}

/// Rows whose sentence overlaps the gold sentence; a drug outside of it is a drug of its own.
fn predict(item: &Item, locator: &Locator, located: Located, text: &Squeezed, rows: &[Row]) -> Prediction {
    let mut prediction = Prediction::default();
    for row in rows.iter().filter(|row| locator.overlaps(located, text, row.span.0, row.span.1)) {
        let mut members = Vec::with_capacity(row.drugs.len());
        for (start, end, surface) in &row.drugs {
            let span = locator.carry(located, text, *start, *end);
            let gold = item.spans.iter().find(|of| Some((of.start, of.end)) == span).map(|of| of.span_id);
            let drug = FoundDrug { text: surface.clone(), span, gold };
            let known = prediction.drugs.iter().position(|other| *other == drug);
            members.push(known.unwrap_or(prediction.drugs.len()));
            if known.is_none() {
                prediction.drugs.push(drug);
            }
        }
        let confidence = Some(row.confidence);
        prediction.relations.push(FoundRelation { label: row.label, members, confidence });
    }
    prediction
}
