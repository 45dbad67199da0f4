//! Traces from the rows of a warehouse: the reasoning of each sentence with the combinations that were committed of it.

use anyhow::{Result, bail};
use futures::TryStreamExt;
use rexdrug_operators::OperatorResources;
use rexdrug_operators::backend::reasoning::NOT_IN_TEXT;
use rexdrug_pipeline::session::{Session, SessionOptions};
use rexdrug_scoring::evaluation::reasoning::TraceItem;
use serde_json::{Value, json};

use super::super::try_text::{field, int, mentions, string};
use crate::config::Settings;
use crate::resources;

/// Rows of one sentence and reasoning stand together.
const QUERY: &str = "SELECT c.doc_id, c.sentence_start, c.context_start, c.context_end, c.effect, c.drugs, c.reasoning, \
    d.text FROM combinations c JOIN documents d ON c.doc_id = d.doc_id WHERE c.reasoning IS NOT NULL \
    ORDER BY c.doc_id, c.sentence_start, c.reasoning, c.combination_id";

/// One trace per sentence with reasoning, by document and place. Marks behind quotes that are not verbatim are taken out
/// again, so that the trace is judged as the model wrote it; the answer is what was committed of it, and the text what
/// the model was shown.
///
/// # Errors
/// When the warehouse cannot be read, or holds no reasoning.
pub async fn traces(settings: &Settings) -> Result<Vec<TraceItem>> {
    let warehouse = resources::existing_warehouse(settings).await?;
    let resources = OperatorResources { lexicon: None, engine: None };
    let session = Session::new(&SessionOptions::with_threads(settings.threads), resources)?;
    warehouse.register(session.context()).await?;
    let mut rows = session.context().sql(QUERY).await?.execute_stream().await?;
    let mut found: Vec<TraceItem> = Vec::new();
    let mut open: Option<Sentence> = None;
    while let Some(batch) = rows.try_next().await? {
        for row in 0..batch.num_rows() {
            let id = format!("{}:{}", string(field(&batch, "doc_id")?, row)?, int(&batch, "sentence_start", row)?);
            let reasoning = string(field(&batch, "reasoning")?, row)?;
            let drugs: Vec<String> = mentions(&batch, "drugs", row, 0)?.into_iter().map(|of| of.surface).collect();
            let relation = json!({"type": string(field(&batch, "effect")?, row)?, "ent_set": drugs});
            if let Some(sentence) = open.as_mut().filter(|of| of.id == id && of.reasoning == reasoning) {
                sentence.relations.push(relation);
                continue;
            }
            found.extend(open.take().map(Sentence::trace));
            let place = |name| Ok::<usize, anyhow::Error>(usize::try_from(int(&batch, name, row)?).unwrap_or(0));
            let (start, end) = (place("context_start")?, place("context_end")?);
            let text = string(field(&batch, "text")?, row)?;
            let text = text.chars().skip(start).take(end.saturating_sub(start)).collect();
            open = Some(Sentence { id, text, reasoning, relations: vec![relation] });
        }
    }
    found.extend(open.map(Sentence::trace));
    if found.is_empty() {
        bail!(
            "warehouse {} holds no reasoning; fill it with `run --extractor openai` or a generator, or judge --completions",
            settings.warehouse
        );
    }
    Ok(found)
}

struct Sentence {
    id: String,
    text: String,
    reasoning: String,
    relations: Vec<Value>,
}

impl Sentence {
    fn trace(self) -> TraceItem {
        let (think, answer) = (self.reasoning.replace(NOT_IN_TEXT, ""), Value::Array(self.relations));
        let completion = format!("<think>{think}</think><answer>{answer}</answer>");
        TraceItem { id: self.id, text: self.text, completion, names: Vec::new() }
    }
}
