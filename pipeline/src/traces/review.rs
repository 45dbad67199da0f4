//! The reviewer's verdict: six scores and a comment.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The criteria, in their order.
pub const CRITERIA: [&str; 6] = ["format", "plausibility", "faithfulness", "consistency", "naturalness", "usefulness"];

/// Scores from 0 to 5, in the order of [`CRITERIA`], and a comment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Review {
    /// The scores.
    pub scores: [u8; 6],
    /// What would mend it.
    pub comment: String,
}

impl Review {
    /// Reads the JSON object of a reply, whatever stands around it; `None` when a score is missing or none.
    pub fn read(reply: &str) -> Option<Self> {
        let object = reply.get(reply.find('{')?..=reply.rfind('}')?)?;
        let value: Value = serde_json::from_str(object).ok()?;
        let mut scores = [0; 6];
        for (score, criterion) in scores.iter_mut().zip(CRITERIA) {
            let given = value.get(criterion)?.as_f64()?;
            // A fraction counts as the whole number below it: 3.9 has not reached 4.
            *score = (0.0..=5.0).contains(&given).then(|| given.floor() as u8)?;
        }
        let comment = value.get("comment").and_then(Value::as_str).unwrap_or_default().trim().to_owned();
        Some(Self { scores, comment })
    }

    /// Whether every criterion reaches the threshold.
    pub fn passes(&self, threshold: u8) -> bool {
        self.scores.iter().all(|score| *score >= threshold)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use super::*;

    #[test]
    fn replies_are_read_strictly_inside_and_loosely_around() {
        let object = r#"{"format": 5, "plausibility": 4, "faithfulness": 4.9, "consistency": 5.0, "naturalness": 4,
            "usefulness": 3, "comment": " say why "}"#;
        let review = Review::read(&format!("Here it is:\n```json\n{object}\n```")).unwrap();
        assert_eq!((review.scores, review.comment.as_str()), ([5, 4, 4, 5, 4, 3], "say why"));
        assert!(review.passes(3) && !review.passes(4));
        for bad in [
            "",
            "5 of 5",
            &object.replace("5.0", "6"),
            &object.replace("\"usefulness\": 3,", ""),
            &object.replace("4.9", "\"4\""),
        ] {
            assert_eq!(Review::read(bad), None, "{bad}");
        }
    }
}
