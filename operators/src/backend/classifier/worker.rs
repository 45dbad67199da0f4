//! One pair of sessions, and what it does with a batch.

use std::sync::Arc;

use ort::session::{Session, SessionInputValue};
use ort::value::{TensorElementType, TensorRef};

use super::candidates::View;
use super::decision::Decision;
use super::decode::{PairScores, average_link, softmax, typed_pairs};
use super::encode::Encoded;
use super::rows::{PairRows, TokenRows};
use super::tags::{self, Tags};
use crate::backend::merge::{OverlapRule, union};
use crate::backend::session::{RunError, Signature, floats};
use crate::backend::{
    ExtractedCombination, Extraction, ItemError, ItemMention, MentionPolicy, PairExtraction, Reason, distinct_drugs,
};

/// Most pairs of one run: the features of a pair are five hidden vectors, 2,048 of them 16 MB at width 384.
const MAX_PAIRS: usize = 2048;

/// Labels of a task of typed pairs: NONE and four types.
const TYPED: usize = 5;

const LONG: TensorElementType = TensorElementType::Int64;
const FLOAT: TensorElementType = TensorElementType::Float32;

/// `model.onnx`.
pub(super) const ENCODER: Signature = Signature {
    inputs: &[("input_ids", LONG, 2), ("attention_mask", LONG, 2), ("token_type_ids", LONG, 2)],
    optional_inputs: &[],
    outputs: &[("hidden", FLOAT, 3), ("tag_logits", FLOAT, 3)],
};

/// `pairs.onnx`.
pub(super) const PAIRS: Signature = Signature {
    inputs: &[("hidden", FLOAT, 3), ("mentions", LONG, 2), ("pairs", LONG, 2)],
    optional_inputs: &[("attention_mask", LONG, 2)],
    outputs: &[("pair_logits", FLOAT, 2), ("mention_logits", FLOAT, 2)],
};

/// How scores become sets.
#[derive(Debug, Clone)]
pub(super) struct Rules {
    pub(super) threshold: f64,
    pub(super) mention_threshold: f64,
    pub(super) tag_threshold: f64,
    pub(super) temperature: f64,
    /// Which candidates are drugs; none for the union of given and tagged mentions.
    pub(super) decision: Option<Decision>,
    pub(super) overlap: OverlapRule,
    pub(super) pad: i64,
}

/// The sessions of one thread.
#[derive(Debug)]
pub(super) struct Worker {
    pub(super) encoder: Session,
    pub(super) pairs: Session,
    pub(super) rules: Arc<Rules>,
}

/// What is known of one item while its batch runs.
pub(super) struct Draft<const N: usize = 4> {
    pub(super) mentions: Vec<ItemMention>,
    pub(super) scores: PairScores<N>,
    /// Sum of P(real) and number of windows, per mention.
    pub(super) real: Vec<(f64, u32)>,
    fault: Option<ItemError>,
}

impl Worker {
    /// Answers a batch. When the run fails, for memory or otherwise, its halves are tried, down to single sentences.
    pub(super) fn answer(&mut self, batch: Vec<Encoded>) -> Vec<Result<Extraction, ItemError>> {
        let mut answers = Vec::with_capacity(batch.len());
        answer_splitting(&batch, &mut |part| self.run(part), &mut answers);
        answers
    }

    /// Answers a batch under a task of typed pairs; [`Worker::answer`] otherwise.
    pub(super) fn relate(&mut self, batch: Vec<Encoded>) -> Vec<Result<PairExtraction, ItemError>> {
        let mut answers = Vec::with_capacity(batch.len());
        let mut run = |part: &[Encoded]| {
            let drafts = self.score::<TYPED>(part)?;
            Ok(drafts.into_iter().zip(part).map(|(draft, item)| pairs_of(draft?, item, &self.rules)).collect())
        };
        answer_splitting(&batch, &mut run, &mut answers);
        answers
    }

    fn run(&mut self, batch: &[Encoded]) -> Result<Vec<Result<Extraction, ItemError>>, RunError> {
        let drafts = self.score::<4>(batch)?;
        let answers = drafts.into_iter().zip(batch).map(|(draft, item)| finish(draft?, item, &self.rules));
        Ok(answers.collect())
    }

    /// Both graphs over a batch: mentions and pairs with their scores.
    pub(super) fn score<const N: usize>(
        &mut self,
        batch: &[Encoded],
    ) -> Result<Vec<Result<Draft<N>, ItemError>>, RunError> {
        let tokens = TokenRows::of(batch, self.rules.pad);
        let shape = [tokens.rows, tokens.width];
        let encoded = self.encoder.run(ort::inputs! {
            "input_ids" => TensorRef::from_array_view((shape, tokens.ids.as_slice()))?,
            "attention_mask" => TensorRef::from_array_view((shape, tokens.mask.as_slice()))?,
            "token_type_ids" => TensorRef::from_array_view((shape, tokens.types.as_slice()))?,
        })?;
        let tag_logits = floats(&encoded, "tag_logits", &[tokens.rows, tokens.width, 3])?;
        let hidden = encoded.get("hidden").ok_or_else(|| RunError::new("the graph gave no output `hidden`"))?;

        let mut pairs = PairRows::default();
        let mut drafts = Vec::with_capacity(batch.len());
        for (number, (item, &first_row)) in batch.iter().zip(&tokens.first_row).enumerate() {
            let draft = draft(item, first_row, tokens.width, tag_logits, &self.rules);
            drafts.push(draft.and_then(|draft| {
                pairs.push(number, first_row, item, &draft.mentions)?;
                Ok(draft)
            }));
        }

        let mention_shape = [pairs.mention_places.len(), 3];
        let wants_mask = self.pairs.inputs().iter().any(|input| input.name() == "attention_mask");
        for (number, (part, places)) in
            pairs.pairs.chunks(MAX_PAIRS * 2).zip(pairs.pair_places.chunks(MAX_PAIRS)).enumerate()
        {
            let mut inputs: Vec<(&str, SessionInputValue<'_>)> = vec![
                ("hidden", hidden.into()),
                ("mentions", TensorRef::from_array_view((mention_shape, pairs.mentions.as_slice()))?.into()),
                ("pairs", TensorRef::from_array_view(([places.len(), 2], part))?.into()),
            ];
            if wants_mask {
                inputs.push(("attention_mask", TensorRef::from_array_view((shape, tokens.mask.as_slice()))?.into()));
            }
            let outputs = self.pairs.run(inputs)?;
            let logits = floats(&outputs, "pair_logits", &[places.len(), N])?;
            for (row, place) in logits.chunks_exact(N).zip(places) {
                if let Some(Ok(draft)) = drafts.get_mut(place.item) {
                    match softmax::<N>(row, self.rules.temperature) {
                        Some(labels) => draft.scores.add(place.left, place.right, labels),
                        None => draft.fault = Some(invalid("pair")),
                    }
                }
            }
            // Every part gives the same answer for all mentions.
            if number > 0 {
                continue;
            }
            let logits = floats(&outputs, "mention_logits", &[pairs.mention_places.len(), 2])?;
            for (row, &(item, mention)) in logits.chunks_exact(2).zip(&pairs.mention_places) {
                if let Some(Ok(draft)) = drafts.get_mut(item) {
                    match (softmax::<2>(row, 1.0), draft.real.get_mut(mention)) {
                        (Some([_, real]), Some(sum)) => *sum = (sum.0 + real, sum.1 + 1),
                        _ => draft.fault = Some(invalid("mention")),
                    }
                }
            }
        }
        Ok(drafts)
    }
}

fn invalid(what: &str) -> ItemError {
    ItemError::new(Reason::InvalidOutput, format!("the model gave {what} scores that are no finite numbers"))
}

/// The mentions of an item: those given, or what the decision makes of them and of the tagger's.
fn draft<const N: usize>(
    item: &Encoded,
    first_row: usize,
    width: usize,
    tag_logits: &[f32],
    rules: &Rules,
) -> Result<Draft<N>, ItemError> {
    let mut mentions = item.item.mentions.clone();
    mentions.sort_by_key(|mention| (mention.start, mention.end));
    if item.item.policy == MentionPolicy::Union {
        let mut sums: Vec<(Tags, u32)> = vec![([0.0; 3], 0); item.pieces.len()];
        for (number, window) in item.windows.iter().enumerate() {
            let from = ((first_row + number) * width + item.before.len()) * 3;
            let logits = tag_logits.get(from..from + window.len() * 3).unwrap_or_default();
            for (row, sum) in logits.chunks_exact(3).zip(sums.get_mut(window.clone()).unwrap_or_default()) {
                let tags = softmax::<3>(row, 1.0).ok_or_else(|| invalid("tag"))?;
                for (sum, tag) in sum.0.iter_mut().zip(tags) {
                    *sum += tag;
                }
                sum.1 += 1;
            }
        }
        let mean = |(sums, seen): (Tags, u32)| (seen > 0).then(|| sums.map(|sum| sum / f64::from(seen)));
        let tags: Vec<Option<Tags>> = sums.into_iter().map(mean).collect();
        mentions = match &rules.decision {
            Some(decision) => {
                decision.mentions(View { chars: &item.chars, known: &mentions, offsets: &item.offsets, tags: &tags })
            }
            None => {
                let spans = tags::spans(&item.chars, &item.offsets, &tags, rules.tag_threshold);
                union(&item.item.sentence, &mentions, &spans, rules.overlap)
            }
        };
    }
    let count = mentions.len();
    Ok(Draft { mentions, scores: PairScores::new(count), real: vec![(0.0, 0); count], fault: None })
}

/// The mentions that may take part in something, and those that may not.
fn believed<const N: usize>(draft: &Draft<N>, item: &Encoded, rules: &Rules) -> (Vec<usize>, Vec<usize>) {
    let real = |mention: &usize| match draft.real.get(*mention) {
        // Given mentions are taken as real, and so are decided ones, and those of a batch without any pair, where
        // nothing was asked.
        _ if item.item.policy == MentionPolicy::Given || rules.decision.is_some() => true,
        Some((sum, seen)) if *seen > 0 => sum / f64::from(*seen) >= rules.mention_threshold,
        _ => true,
    };
    (0..draft.mentions.len()).partition(real)
}

/// Typed pairs, from the scores.
fn pairs_of(draft: Draft<TYPED>, item: &Encoded, rules: &Rules) -> Result<PairExtraction, ItemError> {
    let (kept, _) = believed(&draft, item, rules);
    match draft.fault {
        Some(fault) => Err(fault),
        None => {
            let pairs = typed_pairs(&draft.scores, &kept, rules.threshold);
            Ok(PairExtraction { mentions: draft.mentions, pairs })
        }
    }
}

/// Sets of different drugs, from the scores.
fn finish(draft: Draft, item: &Encoded, rules: &Rules) -> Result<Extraction, ItemError> {
    let (kept, refused) = believed(&draft, item, rules);
    if let Some(fault) = draft.fault {
        return Err(fault);
    }
    let mut combinations: Vec<ExtractedCombination> = Vec::new();
    for set in average_link(&draft.scores, &kept, rules.threshold) {
        let drugs = distinct_drugs(&draft.mentions, &set.members);
        if drugs.len() < 2 {
            continue;
        }
        combinations.push(ExtractedCombination {
            members: set.members,
            effect: set.effect,
            effect_scores: set.effect_scores,
            confidence: set.confidence.clamp(0.0, 1.0),
            reasoning: None,
            prompted: false,
        });
    }
    let (context_start, context_end) = item.seen;
    let pair_score = draft.scores.highest(&kept);
    Ok(Extraction { mentions: draft.mentions, refused, combinations, context_start, context_end, pair_score })
}

/// Runs `batch`; a failure is retried on its halves until it is one sentence's own.
fn answer_splitting<T, R>(
    batch: &[T],
    run: &mut impl FnMut(&[T]) -> Result<Vec<Result<R, ItemError>>, RunError>,
    answers: &mut Vec<Result<R, ItemError>>,
) {
    let message = match run(batch) {
        Ok(found) if found.len() == batch.len() => return answers.extend(found),
        Ok(found) => format!("the run gave {} answers for {} sentences", found.len(), batch.len()),
        Err(RunError(message)) => message,
    };
    if batch.len() < 2 {
        let error = ItemError::new(Reason::InferenceFailed, format!("ONNX Runtime failed: {message}"));
        return answers.extend(batch.iter().map(|_| Err(error.clone())));
    }
    tracing::debug!(sentences = batch.len(), message, "batch failed, trying its halves");
    let (left, right) = batch.split_at(batch.len() / 2);
    answer_splitting(left, run, answers);
    answer_splitting(right, run, answers);
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use super::*;

    #[test]
    fn a_failing_batch_is_split_until_the_culprit_is_alone() {
        let mut sizes = Vec::new();
        let mut run = |part: &[u32]| {
            sizes.push(part.len());
            if part.len() > 4 {
                return Err(RunError::new("out of memory"));
            }
            if part.contains(&6) {
                return Err(RunError::new("row 6 is poison"));
            }
            Ok(part.iter().map(|row| Ok(row * 10)).collect())
        };
        let mut answers = Vec::new();
        answer_splitting(&[0, 1, 2, 3, 4, 5, 6, 7], &mut run, &mut answers);
        for (row, answer) in answers.iter().enumerate() {
            match answer {
                Ok(value) => assert_eq!(*value, row as u32 * 10),
                Err(error) => {
                    assert_eq!((row, error.reason), (6, Reason::InferenceFailed));
                    assert!(error.message.contains("row 6 is poison"));
                }
            }
        }
        assert_eq!(answers.len(), 8);
        assert_eq!(answers.iter().filter(|answer| answer.is_err()).count(), 1);
        assert_eq!(sizes, [8, 4, 4, 2, 2, 1, 1]);
    }
}
