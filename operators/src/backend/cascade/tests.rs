//! The cascade over scripted backends.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::sync::Arc;
use std::sync::Mutex;

use async_trait::async_trait;
use proptest::prelude::*;
use rexdrug_schemas::Effect;

use super::*;
use crate::backend::{ExtractedCombination, Extraction, ItemError, ItemMention, MentionPolicy, Reason, Scripted};

/// Sentences `N P`: the first backend gives pair probability P (out of 100) and a set above 50; `x` is refused.
#[derive(Debug)]
struct Unsure {
    info: BackendInfo,
    asked: Mutex<Vec<String>>,
    reasoning: Option<String>,
}

impl Unsure {
    fn new(name: &str, reasoning: Option<&str>) -> Arc<Self> {
        let info = BackendInfo {
            model_id: name.to_owned(),
            model_sha256: name.to_owned(),
            ..Scripted::new("").info().clone()
        };
        Arc::new(Self { info, asked: Mutex::default(), reasoning: reasoning.map(str::to_owned) })
    }

    fn answer(&self, item: ExtractItem) -> Result<Extraction, ItemError> {
        self.asked.lock().unwrap().push(item.sentence.to_string());
        let (_, score) = item.sentence.split_once(' ').unwrap();
        let Ok(percent) = score.parse::<u8>() else {
            return Err(ItemError::new(Reason::Scripted, "refused"));
        };
        let found = ExtractedCombination {
            members: vec![0, 1],
            effect: Effect::Positive,
            effect_scores: [1.0, 0.0, 0.0],
            confidence: f32::from(percent) / 100.0,
            reasoning: self.reasoning.clone(),
            prompted: false,
        };
        let combinations = if percent > 50 || self.reasoning.is_some() { vec![found] } else { Vec::new() };
        let pair_score = Some(f32::from(percent) / 100.0);
        Ok(Extraction { mentions: item.mentions, combinations, context_end: 1, pair_score, ..Extraction::default() })
    }
}

#[async_trait]
impl Backend for Unsure {
    fn info(&self) -> &BackendInfo {
        &self.info
    }

    async fn extract(&self, items: Vec<ExtractItem>) -> Result<Reply, BackendError> {
        let answers = items.into_iter().map(|item| self.answer(item)).collect();
        Ok(Reply { answers, ..Reply::default() })
    }
}

fn item(sentence: &str) -> ExtractItem {
    let mention = |at: usize, name: &str| ItemMention {
        start: at,
        end: at + 1,
        drug_id: name.to_owned(),
        name: name.to_owned(),
        surface: sentence.chars().nth(at).unwrap().to_string(),
        kind: "name".to_owned(),
    };
    ExtractItem {
        sentence: Arc::from(sentence),
        context: None,
        mentions: vec![mention(0, "a"), mention(1, "b")],
        policy: MentionPolicy::Given,
    }
}

const SENTENCES: [&str; 6] = ["s 5", "s 20", "s 55", "s 89", "s 90", "s x"];

#[tokio::test]
async fn each_policy_sends_on_what_it_says_and_order_stays() {
    for (policy, sent) in [
        ("positive", vec!["s 55", "s 89", "s 90", "s x"]),
        ("uncertain:0.2:0.9", vec!["s 20", "s 55", "s 89", "s x"]),
        ("uncertain", vec!["s 20", "s 55", "s 89", "s x"]),
        ("either:0.1", vec!["s 20", "s 55", "s 89", "s 90", "s x"]),
        ("uncertain:0:1.5", vec!["s 5", "s 20", "s 55", "s 89", "s 90", "s x"]),
        ("uncertain:0.3:0.3", vec!["s x"]),
    ] {
        let (first, second) = (Unsure::new("one", None), Unsure::new("two", Some("because")));
        let cascade = Cascade::new(first.clone(), second.clone(), policy.parse().unwrap()).unwrap();
        let reply = cascade.extract(SENTENCES.map(item).to_vec()).await.unwrap();
        assert_eq!(*first.asked.lock().unwrap(), SENTENCES, "{policy}");
        assert_eq!(*second.asked.lock().unwrap(), sent, "{policy}");
        for (sentence, answer) in SENTENCES.iter().zip(&reply.answers) {
            match answer {
                // What the second refuses stays refused.
                Err(error) => assert_eq!((*sentence, error.reason), ("s x", Reason::Scripted)),
                Ok(found) => {
                    let reasoned = found.combinations.iter().any(|found| found.reasoning.is_some());
                    assert_eq!(reasoned, sent.contains(sentence), "{policy} {sentence}");
                }
            }
        }
    }
}

#[test]
fn identity_covers_both_models_and_the_policy() {
    let make = |one: &str, two: &str, policy: &str| {
        let cascade = Cascade::new(Unsure::new(one, None), Unsure::new(two, None), policy.parse().unwrap()).unwrap();
        cascade.info().model_sha256.clone()
    };
    let mut all = vec![
        make("a", "b", "positive"),
        make("a", "c", "positive"),
        make("c", "b", "positive"),
        make("a", "b", "uncertain:0.1:0.9"),
        make("a", "b", "uncertain:0.1:0.8"),
    ];
    assert_eq!(all[3], make("a", "b", "uncertain"));
    all.sort();
    all.dedup();
    assert_eq!(all.len(), 5);
}

#[test]
fn policies_parse_strictly() {
    for bad in [
        "",
        "positive:1",
        "uncertain:0.5",
        "uncertain:0.9:0.1",
        "either:2",
        "either:x",
        "uncertain:-1:1",
        "uncertain:NaN:1",
    ] {
        let message = bad.parse::<CascadePolicy>().unwrap_err().to_string();
        assert!(message.contains("cascade policy: expected"), "{bad}: {message}");
    }
    for good in ["positive", "uncertain:0.25:0.5", "either:0"] {
        assert_eq!(good.parse::<CascadePolicy>().unwrap().to_string(), good);
    }
}

fn scored(score: f32, right: bool) -> Result<Extraction, ItemError> {
    Ok(Extraction { pair_score: Some(score), context_end: i64::from(right), ..Extraction::default() })
}

fn accuracy(answers: &[&Result<Extraction, ItemError>]) -> f64 {
    let right = answers.iter().filter(|answer| answer.as_ref().is_ok_and(|found| found.context_end == 1)).count();
    right as f64 / answers.len() as f64
}

#[test]
fn the_curve_spends_questions_where_the_first_is_unsure() {
    // A first backend that is wrong exactly where it is unsure, a second that is always right.
    let first: Vec<_> =
        (0..=100).map(|percent: u8| scored(f32::from(percent) / 100.0, !(35..=65).contains(&percent))).collect();
    let second: Vec<_> = (0..=100).map(|_| scored(0.5, true)).collect();
    let points = curve(&first, &second, 0.5, 11, accuracy);
    assert_eq!((points.len(), points[0].share, points[10].share), (11, 0.0, 1.0));
    assert!((points[0].score - 70.0 / 101.0).abs() < 1e-12, "{points:?}");
    assert!((points[10].score - 1.0).abs() < 1e-12);
    // Thirty-one of the hundred and one sentences are all that is needed.
    let enough = points.iter().find(|point| point.score >= 1.0).unwrap();
    assert!(enough.share < 0.42, "{points:?}");
    assert!(points.windows(2).all(|two| two[0].score <= two[1].score && two[0].width <= two[1].width));
}

proptest! {
    #[test]
    fn the_ends_of_the_curve_are_the_two_backends(
        rows in proptest::collection::vec((0u8..=100, any::<bool>(), any::<bool>()), 1..30),
        points in 0usize..40,
    ) {
        let first: Vec<_> = rows.iter().map(|row| scored(f32::from(row.0) / 100.0, row.1)).collect();
        let second: Vec<_> = rows.iter().map(|row| scored(0.5, row.2)).collect();
        let found = curve(&first, &second, 0.5, points, accuracy);
        let alone = |answers: &[Result<Extraction, ItemError>]| accuracy(&answers.iter().collect::<Vec<_>>());
        prop_assert_eq!(found.first().unwrap().score, alone(&first));
        prop_assert_eq!(found.last().unwrap().score, alone(&second));
        prop_assert!(found.windows(2).all(|two| two[0].share <= two[1].share));
    }
}
