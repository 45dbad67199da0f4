//! What a reasoning model writes about gold items: a generator folder, or a model on a server.

use anyhow::Result;
use rexdrug_operators::backend::{ExtractItem, ItemContext, ItemError, MentionPolicy};
use rexdrug_scoring::gold::{ddi13, drugcomb};
use rexdrug_scoring::task::Task;

use super::model::{given, gold_mentions};
use crate::config::Settings;
use crate::resources;

/// Sentences in one call to the model.
const CHUNK: usize = 1024;

/// A DrugComb item with its gold mentions, and its whole paragraph where that holds the sentence.
pub fn combination_item(item: &drugcomb::Item) -> ExtractItem {
    let context = item.paragraph.find(&item.sentence).map(|byte| ItemContext {
        text: item.paragraph.as_str().into(),
        offset: 0,
        sentence_start: item.paragraph.get(..byte).unwrap_or_default().chars().count(),
    });
    ExtractItem {
        sentence: item.sentence.as_str().into(),
        context,
        mentions: gold_mentions(item),
        policy: MentionPolicy::Given,
    }
}

/// A DDI13 item with its drug names, each where it stands.
pub fn pair_item(item: &ddi13::Item) -> ExtractItem {
    let letters: Vec<char> = item.context.chars().collect();
    let mentions = item.mentions();
    let spans = mentions.iter().map(|of| (of.start, of.end, of.name));
    ExtractItem {
        sentence: item.context.as_str().into(),
        context: None,
        mentions: given(&letters, spans),
        policy: MentionPolicy::Given,
    }
}

/// The completion of each item, in order, by the model of the settings, with what that is.
///
/// # Errors
/// A model that writes no reasoning or cannot be used.
pub async fn of_model(
    settings: &Settings,
    task: Task,
    items: Vec<ExtractItem>,
) -> Result<(Vec<Result<String, ItemError>>, String)> {
    let model = resources::reasoner(settings, task)?;
    let mut texts = Vec::with_capacity(items.len());
    for chunk in items.chunks(CHUNK) {
        texts.extend(model.complete(chunk.to_vec()).await?.texts);
    }
    let info = model.info();
    let hash = info.model_sha256.get(..12).unwrap_or(&info.model_sha256);
    Ok((texts, format!("{} {hash} on {}", info.model_id, info.device)))
}
