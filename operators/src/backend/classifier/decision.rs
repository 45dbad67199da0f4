//! Which candidates are drugs: a logistic regression over features of the span, with learned weights per surface and
//! per drug. The weights are `mentions.json` of the model folder.

use std::collections::HashMap;

use serde::Deserialize;

use super::candidates::{Candidate, View};
use super::features::{FEATURES, fnv1a, folded, logit};
use crate::backend::{ItemMention, merge};
use crate::model::{MENTIONS_FILE, ModelError, ModelFolder};

/// Format of `mentions.json` that this version reads.
const FORMAT: u32 = 1;

/// Learned weights; scores are log-odds.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Decision {
    format: u32,
    features: Vec<String>,
    weights: Vec<f64>,
    threshold: f64,
    tag_thresholds: Vec<f64>,
    /// By the hexadecimal 32-bit FNV-1a of the folded surface: names are not kept, only weights.
    surfaces: HashMap<String, f64>,
    /// By the same hash of the drug id.
    drugs: HashMap<String, f64>,
}

/// 32-bit FNV-1a in hexadecimal.
fn key(text: &str) -> String {
    format!("{:08x}", fnv1a(text))
}

impl Decision {
    /// The decision of a model folder; none when it has no `mentions.json`.
    ///
    /// # Errors
    /// When the file cannot be read or was made for other features.
    pub(super) fn load(folder: &ModelFolder) -> Result<Option<Self>, ModelError> {
        if !folder.manifest().files.contains_key(MENTIONS_FILE) {
            return Ok(None);
        }
        let bytes = std::fs::read(folder.file(MENTIONS_FILE)).map_err(|source| ModelError::Unreadable {
            folder: folder.path().to_path_buf(),
            file: MENTIONS_FILE.to_owned(),
            source,
        })?;
        let refused = |message: String| ModelError::Mentions { folder: folder.path().to_path_buf(), message };
        Self::parse(&bytes).map(Some).map_err(refused)
    }

    fn parse(bytes: &[u8]) -> Result<Self, String> {
        let decision: Self = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
        if decision.format != FORMAT {
            return Err(format!("format {}, this version reads format {FORMAT}", decision.format));
        }
        if decision.features != FEATURES || decision.weights.len() != FEATURES.len() {
            let (features, weights) = (decision.features.len(), decision.weights.len());
            return Err(format!(
                "{features} features and {weights} weights, expected the {} features of this version, in its order",
                FEATURES.len()
            ));
        }
        let is_share = |share: &f64| (0.0..=1.0).contains(share);
        if !is_share(&decision.threshold) || !decision.tag_thresholds.iter().all(is_share) {
            return Err("a threshold outside 0 to 1".to_owned());
        }
        Ok(decision)
    }

    /// Candidates with their log-odds, in text order.
    fn scored(&self, view: View<'_>) -> Vec<(f64, Candidate)> {
        let score = |candidate: Candidate| {
            let surface = folded(view.chars.get(candidate.start..candidate.end)?);
            let surface = self.surfaces.get(&key(&surface)).copied();
            let drug = candidate.of.and_then(|number| view.known.get(number));
            let drug = drug.and_then(|mention| self.drugs.get(&key(&mention.drug_id))).copied();
            let features = view.features(&candidate, surface.is_none(), drug.is_none())?;
            let sum: f64 = features.iter().zip(&self.weights).map(|(value, weight)| value * weight).sum();
            Some((sum + surface.unwrap_or(0.0) + drug.unwrap_or(0.0), candidate))
        };
        view.candidates(&self.tag_thresholds).into_iter().filter_map(score).collect()
    }

    /// The mentions of a sentence, in text order: the best candidates above the threshold, none that overlaps a better
    /// one.
    pub(super) fn mentions(&self, view: View<'_>) -> Vec<ItemMention> {
        let least = logit(self.threshold);
        let mut ranked = self.scored(view);
        ranked.retain(|(score, _)| *score > least);
        // In text order already, so that equals stay in it.
        ranked.sort_by(|left, right| right.0.total_cmp(&left.0));
        let mut kept: Vec<Candidate> = Vec::new();
        for (_, candidate) in ranked {
            if kept.iter().all(|other| candidate.end <= other.start || other.end <= candidate.start) {
                kept.push(candidate);
            }
        }
        kept.sort_unstable_by_key(|candidate| candidate.start);
        kept.iter().map(|candidate| mention(view, candidate)).collect()
    }
}

/// A candidate as a mention. One that only the tagger found has the identity of the lexicon mention that it overlaps,
/// if that is exactly one.
fn mention(view: View<'_>, candidate: &Candidate) -> ItemMention {
    let mut overlapped = view.known.iter().filter(|known| known.start < candidate.end && candidate.start < known.end);
    let only = match (overlapped.next(), overlapped.next()) {
        (Some(only), None) => Some(only),
        _ => None,
    };
    let surface: String = view.chars.get(candidate.start..candidate.end).unwrap_or_default().iter().collect();
    match candidate.of.and_then(|number| view.known.get(number)).or(only) {
        Some(known) => ItemMention { start: candidate.start, end: candidate.end, surface, ..known.clone() },
        None => merge::tagged_mention(candidate.start, candidate.end, surface),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use proptest::prelude::*;

    use super::*;

    const DECISION: &[u8] = include_bytes!("../fixtures/mentions.json");
    const CASES: &str = include_str!("../fixtures/mentions_parity.json");

    #[derive(Deserialize)]
    struct Case {
        text: String,
        known: Vec<(usize, usize, String, String, String)>,
        pieces: Vec<(usize, usize)>,
        tags: Vec<[f64; 3]>,
        candidates: Vec<(usize, usize, f64)>,
        features: Vec<Vec<f64>>,
        kept: Vec<(usize, usize)>,
    }

    fn known(chars: &[char], given: &[(usize, usize, String, String, String)]) -> Vec<ItemMention> {
        let mention = |(start, end, id, name, kind): &(usize, usize, String, String, String)| ItemMention {
            start: *start,
            end: *end,
            drug_id: id.clone(),
            name: name.clone(),
            surface: chars[*start..*end].iter().collect(),
            kind: kind.clone(),
        };
        given.iter().map(mention).collect()
    }

    #[test]
    fn scores_are_those_of_the_training_code() {
        let decision = Decision::parse(DECISION).unwrap();
        let cases: Vec<Case> = serde_json::from_str(CASES).unwrap();
        assert!(cases.iter().map(|case| case.candidates.len()).sum::<usize>() > 100);
        for case in cases {
            let chars: Vec<char> = case.text.chars().collect();
            let known = known(&chars, &case.known);
            let tags: Vec<_> = case.tags.iter().copied().map(Some).collect();
            let view = View { chars: &chars, known: &known, offsets: &case.pieces, tags: &tags };
            let scored = decision.scored(view);
            let spans: Vec<_> = scored.iter().map(|(_, candidate)| (candidate.start, candidate.end)).collect();
            let expected: Vec<_> = case.candidates.iter().map(|row| (row.0, row.1)).collect();
            assert_eq!(spans, expected, "{}", case.text);
            for ((score, candidate), (row, values)) in scored.iter().zip(case.candidates.iter().zip(&case.features)) {
                let surface: String = chars[candidate.start..candidate.end].iter().collect();
                let features = view.features(candidate, false, false).unwrap();
                for ((name, got), value) in FEATURES.iter().zip(features).zip(values) {
                    assert!((got - value).abs() < 1e-5, "`{surface}` in {}: {name} {got} {value}", case.text);
                }
                assert!((score - row.2).abs() < 1e-4, "`{surface}` in {}: {score} {}", case.text, row.2);
            }
            let kept: Vec<_> = decision.mentions(view).iter().map(|mention| (mention.start, mention.end)).collect();
            assert_eq!(kept, case.kept, "{}", case.text);
        }
    }

    #[test]
    fn files_for_other_features_are_refused() {
        let fault = |change: fn(&mut serde_json::Value)| {
            let mut value: serde_json::Value = serde_json::from_slice(DECISION).unwrap();
            change(&mut value);
            Decision::parse(value.to_string().as_bytes()).unwrap_err()
        };
        assert!(fault(|value| value["format"] = 2.into()).contains("format 2"));
        assert!(fault(|value| value["features"][3] = "other".into()).contains("features of this version"));
        assert!(fault(|value| value["weights"] = serde_json::json!([1.0])).contains("1 weights"));
        assert!(fault(|value| value["threshold"] = 1.5.into()).contains("outside 0 to 1"));
        assert!(fault(|value| value["surfaces"] = serde_json::json!({"00000000": null})).contains("null"));
    }

    proptest! {
        /// Whatever the text and the tags: mentions are slices in text order that do not overlap.
        #[test]
        fn mentions_are_disjoint_slices(
            text in "[a-cA-C漢é0-2 ()/+-]{0,40}",
            cuts in proptest::collection::vec(0usize..41, 0..12),
            tags in proptest::collection::vec((0.0f64..0.5, 0.0f64..0.5), 41),
            spans in proptest::collection::vec((0usize..40, 1usize..12), 0..4),
        ) {
            let decision = Decision::parse(DECISION).unwrap();
            let chars: Vec<char> = text.chars().collect();
            let mut cuts: Vec<usize> = cuts.into_iter().filter(|cut| *cut <= chars.len()).chain([0, chars.len()]).collect();
            cuts.sort_unstable();
            let offsets: Vec<_> = cuts.windows(2).map(|cut| (cut[0], cut[1])).collect();
            let tags: Vec<_> = tags.into_iter().take(offsets.len()).map(|(b, i)| Some([1.0 - b - i, b, i])).collect();
            let mut end = 0;
            let mut given = Vec::new();
            for (gap, length) in spans {
                let (from, to) = (end + gap, end + gap + length);
                if to <= chars.len() {
                    given.push((from, to, format!("id{length}"), "name".to_owned(), "drug".to_owned()));
                    end = to;
                }
            }
            let known = known(&chars, &given);
            let mut last = 0;
            for mention in decision.mentions(View { chars: &chars, known: &known, offsets: &offsets, tags: &tags }) {
                prop_assert!(last <= mention.start && mention.start < mention.end);
                prop_assert_eq!(chars[mention.start..mention.end].iter().collect::<String>(), mention.surface);
                last = mention.end;
            }
        }
    }
}
