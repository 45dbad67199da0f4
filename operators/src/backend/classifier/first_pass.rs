//! Settles hopeless sentences before the network sees them: a linear model over hashed words, `first_pass.json` of the
//! model folder.
//!
//! Most sentences that name two drugs combine nothing, and their words show it. The threshold was set where, on documents
//! that the weights had not seen, nearly all of the network's own combinations remain (`scores.first_pass` of the
//! manifest says how many).

use std::collections::BTreeSet;

use serde::Deserialize;

use super::features::fnv1a;
use crate::backend::{ExtractItem, Extraction, ItemMention};
use crate::model::{FIRST_PASS_FILE, ModelError, ModelFolder};

/// Format of `first_pass.json` that this version reads.
const FORMAT: u32 = 1;
/// Stands for a mention among the words, which are lower-cased.
const DRUG: &str = "DRUG";
/// Words between two mentions that are a feature as they are, the later mention included.
const NEAR: usize = 5;
/// Distances are told apart up to this one, in words.
const FAR: usize = 12;

/// The file.
#[derive(Debug, Deserialize)]
struct Stored {
    format: u32,
    bits: u32,
    threshold: f32,
    scale: f32,
    /// Signed bytes in hexadecimal.
    weights: String,
}

/// Weights by slot; scores are log-odds of a combination.
#[derive(Debug, Clone)]
pub(super) struct FirstPass {
    weights: Vec<i8>,
    scale: f32,
    threshold: f32,
}

impl FirstPass {
    /// The first pass of a model folder; none when it has no `first_pass.json`.
    ///
    /// # Errors
    /// When the file cannot be read or is of another format.
    pub(super) fn load(folder: &ModelFolder) -> Result<Option<Self>, ModelError> {
        if !folder.manifest().files.contains_key(FIRST_PASS_FILE) {
            return Ok(None);
        }
        let bytes = std::fs::read(folder.file(FIRST_PASS_FILE)).map_err(|source| ModelError::Unreadable {
            folder: folder.path().to_path_buf(),
            file: FIRST_PASS_FILE.to_owned(),
            source,
        })?;
        let refused = |message: String| ModelError::FirstPass { folder: folder.path().to_path_buf(), message };
        Self::parse(&bytes).map(Some).map_err(refused)
    }

    fn parse(bytes: &[u8]) -> Result<Self, String> {
        let stored: Stored = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
        if stored.format != FORMAT {
            return Err(format!("format {}, this version reads format {FORMAT}", stored.format));
        }
        let weights = hex::decode(&stored.weights).map_err(|error| format!("weights: {error}"))?;
        let expected = 1_usize.checked_shl(stored.bits).filter(|_| stored.bits <= 24).unwrap_or(0);
        if weights.len() != expected || expected == 0 {
            return Err(format!("{} weights for {} bits, expected {expected}", weights.len(), stored.bits));
        }
        if !stored.scale.is_finite() || !stored.threshold.is_finite() {
            return Err("a scale or threshold that is no number".to_owned());
        }
        let weights = weights.into_iter().map(u8::cast_signed).collect();
        Ok(Self { weights, scale: stored.scale, threshold: stored.threshold })
    }

    /// The answer to a sentence that states nothing; none for one that the network has to see.
    pub(super) fn settled(&self, item: &ExtractItem) -> Option<Extraction> {
        let score = self.score(&item.sentence, &item.mentions);
        (score < self.threshold).then(|| Extraction {
            mentions: item.mentions.clone(),
            context_end: i64::try_from(item.sentence.chars().count()).unwrap_or(i64::MAX),
            pair_score: Some(1.0 / (1.0 + (-score).exp())),
            ..Extraction::default()
        })
    }

    /// Log-odds that the network states a combination of `mentions` (in text order, code points of `sentence`).
    fn score(&self, sentence: &str, mentions: &[ItemMention]) -> f32 {
        let mask = self.weights.len() - 1;
        let sum: i64 = features(sentence, mentions)
            .iter()
            .map(|feature| slot(feature) & mask)
            // Two features of one slot count once: a set of slots was trained.
            .collect::<BTreeSet<usize>>()
            .into_iter()
            .filter_map(|slot| self.weights.get(slot))
            .map(|weight| i64::from(*weight))
            .sum();
        sum as f32 * self.scale
    }
}

/// 32-bit FNV-1a, its upper half folded into the lower.
fn slot(feature: &str) -> usize {
    let hash = fnv1a(feature);
    (hash ^ (hash >> 16)) as usize
}

/// Lower-cased runs of letters and digits, other characters alone, white space left out; numbers are `0`.
fn words(text: &str, out: &mut Vec<String>) {
    let mut run = String::new();
    for letter in text.chars().chain([' ']) {
        if letter.is_alphanumeric() {
            run.push(letter);
            continue;
        }
        if !run.is_empty() {
            let number = run.bytes().all(|byte| byte.is_ascii_digit());
            out.push(if number { "0".to_owned() } else { run.to_lowercase() });
            run.clear();
        }
        if !letter.is_whitespace() {
            out.push(letter.to_string());
        }
    }
}

/// What is known of a sentence, as strings to hash.
fn features(sentence: &str, mentions: &[ItemMention]) -> Vec<String> {
    let bytes: Vec<usize> = sentence.char_indices().map(|(byte, _)| byte).chain([sentence.len()]).collect();
    let between = |from: usize, to: usize| -> &str {
        bytes.get(from).zip(bytes.get(to)).and_then(|(&from, &to)| sentence.get(from..to)).unwrap_or_default()
    };
    let (mut tokens, mut drugs, mut last) = (Vec::new(), Vec::new(), 0);
    for mention in mentions.iter().filter(|mention| mention.end < bytes.len()) {
        if mention.start >= last {
            words(between(last, mention.start), &mut tokens);
            drugs.push(tokens.len());
            tokens.push(DRUG.to_owned());
            last = mention.end;
        }
    }
    words(between(last, bytes.len() - 1), &mut tokens);

    let ids: BTreeSet<&str> = mentions.iter().map(|mention| mention.drug_id.as_str()).collect();
    let mut found = vec![
        "bias".to_owned(),
        format!("n{}", ids.len().min(6)),
        format!("m{}", mentions.len().min(8)),
        format!("l{}", (tokens.len() / 8).min(10)),
    ];
    found.extend(ids.iter().map(|id| format!("d:{id}")));
    found.extend(tokens.iter().map(|token| format!("u:{token}")));
    for pair in tokens.windows(2) {
        found.push(format!("b:{}", pair.join(" ")));
    }
    for three in tokens.windows(3).filter(|three| three.iter().any(|token| token == DRUG)) {
        found.push(format!("t:{}", three.join(" ")));
    }
    let mut nearest = FAR;
    for pair in drugs.windows(2) {
        let &[left, right] = pair else { continue };
        let distance = right - left;
        nearest = nearest.min(distance);
        found.push(match tokens.get(left + 1..right).filter(|_| distance <= NEAR) {
            Some(gap) => format!("g:{}", gap.join(" ")),
            None => format!("g:far {}", (distance / 5).min(5)),
        });
    }
    found.push(format!("near {nearest}"));
    found
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::sync::Arc;

    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;
    use crate::backend::MentionPolicy;

    const CASES: &str = include_str!("../fixtures/first_pass_parity.json");

    fn mention(start: usize, end: usize, id: &str) -> ItemMention {
        ItemMention {
            start,
            end,
            drug_id: id.to_owned(),
            name: id.to_owned(),
            surface: id.to_owned(),
            kind: "drug".to_owned(),
        }
    }

    fn mentions(case: &Value) -> Vec<ItemMention> {
        let number = |value: &Value| usize::try_from(value.as_u64().unwrap()).unwrap();
        let rows = case["mentions"].as_array().unwrap().iter();
        rows.map(|row| mention(number(&row[0]), number(&row[1]), row[2].as_str().unwrap())).collect()
    }

    /// A pass whose weights are `of(slot)`.
    fn pass(threshold: f32, of: impl Fn(usize) -> i8) -> FirstPass {
        FirstPass { weights: (0..1 << 16).map(of).collect(), scale: 0.5, threshold }
    }

    #[test]
    fn slots_are_those_of_the_training_code() {
        let cases: Vec<Value> = serde_json::from_str(CASES).unwrap();
        assert!(cases.len() >= 10);
        for case in &cases {
            let text = case["text"].as_str().unwrap();
            let got: BTreeSet<usize> = features(text, &mentions(case)).iter().map(|one| slot(one) & 0xffff).collect();
            let expected = case["slots"].as_array().unwrap().iter();
            let expected: BTreeSet<usize> = expected.map(|of| usize::try_from(of.as_u64().unwrap()).unwrap()).collect();
            assert_eq!(got, expected, "{text}");
        }
    }

    #[test]
    fn only_a_score_below_the_threshold_settles_a_sentence() {
        let item = ExtractItem {
            sentence: Arc::from("aspirin versus ibuprofén"),
            context: None,
            mentions: vec![mention(0, 7, "a"), mention(15, 24, "b")],
            policy: MentionPolicy::Union,
        };
        let bias = slot("bias") & 0xffff;
        let one = |slot: usize| if slot == bias { -4 } else { 0 };
        assert_eq!(pass(-2.0, one).settled(&item), None, "a score of the threshold itself goes on");
        let answer = pass(-1.9, one).settled(&item).unwrap();
        assert!(answer.combinations.is_empty());
        assert_eq!((answer.mentions.len(), answer.context_end), (2, 24));
        assert!((answer.pair_score.unwrap() - 0.1192).abs() < 1e-4);
    }

    #[test]
    fn a_damaged_file_is_refused_with_what_is_wrong() {
        let file = |bits: u32, weights: &str, format: u32| {
            format!(r#"{{"format":{format},"bits":{bits},"threshold":0,"scale":1,"weights":"{weights}"}}"#)
        };
        let refused = |text: String| FirstPass::parse(text.as_bytes()).unwrap_err();
        assert!(FirstPass::parse(file(1, "ff01", 1).as_bytes()).is_ok());
        assert!(refused(file(1, "ff01", 2)).contains("format 2"));
        assert!(refused(file(2, "ff01", 1)).contains("2 weights for 2 bits, expected 4"));
        assert!(refused(file(99, "ff01", 1)).contains("99 bits"));
        assert!(refused(file(1, "fg01", 1)).contains("weights"));
    }

    proptest! {
        #[test]
        fn any_text_with_any_spans_has_features(text in "\\PC{0,40}", spans in prop::collection::vec((0usize..45, 0usize..45), 0..5)) {
            let mut spans: Vec<_> = spans.into_iter().map(|(a, b)| mention(a.min(b), a.max(b), "x")).collect();
            spans.sort_by_key(|span| span.start);
            prop_assert!(features(&text, &spans).len() >= 5);
        }
    }
}
