//! The published functions' outputs, reproduced to 1e-9; and cases of our own with values worked out by hand.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use serde_json::Value;

fn expected(folder: &std::path::Path) -> Value {
    serde_json::from_str(&std::fs::read_to_string(folder.join("expected.json")).unwrap()).unwrap()
}

#[test]
fn published_rewards() {
    let Some(folder) = common::shared("scoring_parity") else { return };
    assert_eq!(common::check_rewards(&folder.join("rewards.jsonl")), 3500);
}

#[test]
fn published_metrics() {
    let Some(folder) = common::shared("scoring_parity") else { return };
    let expected = expected(&folder);
    let mut compared = 0;
    for (name, scores) in expected.as_object().unwrap() {
        compared += common::check_metrics(&folder.join(name), scores, name);
    }
    assert_eq!(compared, 4 * (2 * 12 + 4 + 12 + 4 + 3 + 1 + 5 * 4));
}

#[test]
fn our_reward_cases() {
    assert!(common::check_rewards(&common::fixtures().join("rewards.jsonl")) >= 7 * 40);
}

#[test]
fn our_metric_cases() {
    let folder = common::fixtures();
    for (name, scores) in expected(&folder).as_object().unwrap() {
        common::check_metrics(&folder.join(name), scores, name);
    }
}
