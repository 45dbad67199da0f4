//! Accuracy against the share of sentences that the second backend sees: what a policy buys, and what it costs.

use serde::Serialize;

use crate::backend::{Extraction, ItemError};

/// One setting of the thresholds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct CurvePoint<S> {
    /// Half the width of the open interval of probabilities around `centre`.
    pub width: f32,
    /// Share of the sentences that the second backend was asked about, 0 to 1.
    pub share: f64,
    /// What the caller's score gives the merged answers.
    pub score: S,
}

/// The curve from the first backend alone (share 0) to the second alone (share 1), over intervals that grow around
/// `centre` just so far that one more sentence is open. Both backends are asked once about everything; every point
/// after that is arithmetic. `score` judges the merged answers of all sentences, in their order.
pub fn curve<'a, S>(
    first: &'a [Result<Extraction, ItemError>],
    second: &'a [Result<Extraction, ItemError>],
    centre: f32,
    points: usize,
    score: impl Fn(&[&'a Result<Extraction, ItemError>]) -> S,
) -> Vec<CurvePoint<S>> {
    let count = first.len().min(second.len());
    // How uncertain the first backend is: the distance of its probability from the centre, 0 where it gave none.
    let distance = |answer: &Result<Extraction, ItemError>| match answer {
        Ok(found) => found.pair_score.map_or(0.0, |score| (score - centre).abs()),
        Err(_) => 0.0,
    };
    let mut order: Vec<(f32, usize)> =
        first.iter().take(count).enumerate().map(|(at, answer)| (distance(answer), at)).collect();
    order.sort_by(|left, right| left.0.total_cmp(&right.0).then(left.1.cmp(&right.1)));
    let mut merged: Vec<&Result<Extraction, ItemError>> = first.iter().take(count).collect();
    let steps = points.clamp(2, count.max(1) + 1);
    let mut out = Vec::with_capacity(steps);
    let mut open = 0;
    for step in 0..steps {
        let wanted = count * step / (steps - 1);
        let mut width = 0.0;
        for &(distance, at) in order.get(open..wanted).unwrap_or_default() {
            width = distance;
            if let (Some(slot), Some(answer)) = (merged.get_mut(at), second.get(at)) {
                *slot = answer;
            }
        }
        open = wanted;
        let share = if count == 0 { 0.0 } else { open as f64 / count as f64 };
        out.push(CurvePoint { width, share, score: score(&merged) });
    }
    out
}
