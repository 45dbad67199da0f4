//! Predictions of a model, through the lexicon, prefilter and backend that `run` uses.

use std::sync::Arc;

use anyhow::{Context, Result};
use rexdrug_operators::backend::{ExtractItem, Extraction, ItemError, ItemMention, MentionPolicy};
use rexdrug_operators::extract::{ExtractEngine, stated};
use rexdrug_operators::{OperatorResources, PrefilterOptions};
use rexdrug_pipeline::session::{Session, SessionOptions};
use rexdrug_schemas::Effect;
use rexdrug_scoring::evaluation::prediction::{FoundRelation, Prediction};
use rexdrug_scoring::gold::drugcomb::Item;
use rexdrug_scoring::task::Label;

use super::candidates::{self, GoldSentence, Slot};
use crate::config::Settings;
use crate::resources;

/// A loaded model with the session that feeds it.
pub struct Model {
    session: Session,
    engine: Arc<ExtractEngine>,
    prefilter: PrefilterOptions,
    min_confidence: f32,
    /// Name, sha256 and device, for reports.
    pub description: String,
}

impl Model {
    /// Loads model and lexicon as `run` does.
    ///
    /// # Errors
    /// As [`resources::extraction`].
    pub fn load(settings: &Settings) -> Result<Self> {
        let loaded = resources::extraction(settings, "eval", 0)?;
        let engine = loaded.resources.engine.clone().context("the model was loaded without an engine")?;
        let info = engine.info();
        let hash = info.model_sha256.get(..12).unwrap_or(&info.model_sha256);
        let description = format!("{} {hash} on {}", info.model_id, info.device);
        let resources = OperatorResources { lexicon: loaded.resources.lexicon, engine: None };
        let session = Session::new(&SessionOptions::with_threads(settings.threads), resources)?;
        let (prefilter, min_confidence) = (loaded.settings.prefilter, loaded.settings.extract.min_confidence);
        Ok(Self { session, engine, prefilter, min_confidence, description })
    }

    /// Every sentence as an item with what the lexicon finds, also those that the prefilter cuts.
    async fn all(&self, items: &[Item]) -> Result<Vec<Slot<ExtractItem>>> {
        self.kept(items, PrefilterOptions { min_drugs: 0, ..self.prefilter.clone() }).await
    }

    async fn kept(&self, items: &[Item], prefilter: PrefilterOptions) -> Result<Vec<Slot<ExtractItem>>> {
        let sentences: Vec<GoldSentence<'_>> =
            items.iter().map(|item| GoldSentence { sentence: &item.sentence, document: &item.paragraph }).collect();
        candidates::items(&self.session, prefilter, &sentences, self.engine.info().context_chars).await
    }

    /// What the model states when it is given the gold mentions.
    ///
    /// # Errors
    /// When the plan or the backend fails as a whole.
    pub async fn with_gold_mentions(&self, items: &[Item]) -> Result<Vec<Prediction>> {
        let mut asked = self.all(items).await?;
        for (slot, gold) in asked.iter_mut().zip(items) {
            if let Some(Ok(item)) = slot {
                item.mentions = gold_mentions(gold);
                item.policy = MentionPolicy::Given;
            }
        }
        let answers = self.ask(asked).await?;
        let prediction = |(gold, answer): (&Item, Slot<Extraction>)| match answer {
            Some(Ok(extraction)) => {
                let spans = extraction.mentions.iter().map(|of| (of.start, of.end, of.surface.clone())).collect();
                let relation = |found: &rexdrug_operators::backend::ExtractedCombination| FoundRelation {
                    label: label(found.effect),
                    members: found.members.clone(),
                    confidence: Some(f64::from(found.confidence)),
                };
                Prediction::from_spans(gold, spans, extraction.combinations.iter().map(relation).collect())
            }
            Some(Err(error)) => Prediction::refused(error.message),
            None => Prediction::refused("the sentence was lost before the model"),
        };
        Ok(items.iter().zip(answers).map(prediction).collect())
    }

    /// What `run` would commit for the sentences, and the mentions that the model believes.
    ///
    /// # Errors
    /// When the plan or the backend fails as a whole.
    pub async fn end_to_end(&self, items: &[Item]) -> Result<Vec<Prediction>> {
        let (answers, cut) = (self.candidates(items).await?, self.without_model(items).await?);
        Ok(items
            .iter()
            .zip(answers)
            .zip(cut)
            .map(|((gold, answer), cut)| answer.map_or(cut, |answer| self.committed(gold, answer)))
            .collect())
    }

    /// The model's answers to the sentences that `run` would show it; none for those that the prefilter cuts.
    ///
    /// # Errors
    /// When the plan or the backend fails as a whole.
    pub async fn candidates(&self, items: &[Item]) -> Result<Vec<Slot<Extraction>>> {
        let kept = self.kept(items, self.prefilter.clone()).await?;
        self.ask(kept).await
    }

    /// What is said of each sentence if no model sees it: the mentions of the lexicon, no combination.
    ///
    /// # Errors
    /// When the plan fails.
    pub async fn without_model(&self, items: &[Item]) -> Result<Vec<Prediction>> {
        let cut = items.iter().zip(self.all(items).await?).map(|(gold, lexicon)| match lexicon {
            Some(Ok(item)) => Prediction::from_spans(gold, spans(&item.mentions), Vec::new()),
            Some(Err(error)) => Prediction::refused(error.message),
            None => Prediction::refused("the sentence was lost before the model"),
        });
        Ok(cut.collect())
    }

    /// What `run` would commit of an answer.
    pub fn committed(&self, gold: &Item, answer: Result<Extraction, ItemError>) -> Prediction {
        let mut extraction = match answer {
            Ok(extraction) => extraction,
            Err(error) => return Prediction::refused(error.message),
        };
        let refused = std::mem::take(&mut extraction.refused);
        let believed = extraction.mentions.iter().enumerate().filter(|(index, _)| !refused.contains(index));
        let mentions: Vec<ItemMention> = believed.map(|(_, mention)| mention.clone()).collect();
        let place = |drug: &ItemMention| mentions.iter().position(|of| (of.start, of.end) == (drug.start, drug.end));
        let relations = stated(extraction, self.min_confidence).into_iter().map(|row| FoundRelation {
            label: label(row.combination.effect),
            members: row.drugs.iter().filter_map(place).collect(),
            confidence: Some(f64::from(row.combination.confidence)),
        });
        Prediction::from_spans(gold, spans(&mentions), relations.collect())
    }

    /// Answers in the order of the slots; slots without an item have none.
    async fn ask(&self, slots: Vec<Slot<ExtractItem>>) -> Result<Vec<Slot<Extraction>>> {
        let mut answers: Vec<Slot<Extraction>> = Vec::with_capacity(slots.len());
        let (mut places, mut items) = (Vec::new(), Vec::new());
        for (place, slot) in slots.into_iter().enumerate() {
            answers.push(match slot {
                Some(Ok(item)) => {
                    places.push(place);
                    items.push(item);
                    None
                }
                Some(Err(error)) => Some(Err(error)),
                None => None,
            });
        }
        // Large calls, so that rows of one length meet; bounded, so that a gold file of any size fits.
        let chunk = self.engine.queue_rows().clamp(1, 4096);
        let mut places = places.into_iter();
        let mut items = items.into_iter().peekable();
        while items.peek().is_some() {
            let part: Vec<ExtractItem> = items.by_ref().take(chunk).collect();
            for answer in self.engine.extract(part).await?.answers {
                if let Some(slot) = places.next().and_then(|place| answers.get_mut(place)) {
                    *slot = Some(answer);
                }
            }
        }
        Ok(answers)
    }
}

fn spans(mentions: &[ItemMention]) -> Vec<(usize, usize, String)> {
    mentions.iter().map(|mention| (mention.start, mention.end, mention.surface.clone())).collect()
}

fn label(effect: Effect) -> Label {
    match effect {
        Effect::Positive => Label::Pos,
        Effect::Negative => Label::Neg,
        Effect::Unclear => Label::Comb,
    }
}

/// The gold mentions of an item.
pub fn gold_mentions(item: &Item) -> Vec<ItemMention> {
    let letters: Vec<char> = item.sentence.chars().collect();
    let spans = item.spans.iter().map(|span| (span.start, span.end, span.text.as_str()));
    given(&letters, spans)
}

/// Mentions to be taken as they are. The surface is what stands at the offsets, which is not always the name.
pub fn given<'s>(letters: &[char], spans: impl Iterator<Item = (usize, usize, &'s str)>) -> Vec<ItemMention> {
    let mention = |(start, end, name): (usize, usize, &str)| {
        let surface: String = letters.get(start..end).unwrap_or_default().iter().collect();
        let drug_id = format!("gold:{}", name.to_lowercase());
        ItemMention { start, end, drug_id, name: name.to_owned(), surface, kind: "gold".to_owned() }
    };
    let mut mentions: Vec<ItemMention> = spans.map(mention).collect();
    mentions.sort_by_key(|mention| (mention.start, mention.end));
    mentions
}
