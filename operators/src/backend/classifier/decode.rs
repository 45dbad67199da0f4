//! From pair probabilities to sets: average-link clustering, by the rules that the training code uses.

use rexdrug_schemas::Effect;

use crate::backend::TypedPair;

/// Probabilities of `N` labels for the pairs of `count` mentions in text order. Pairs that no window saw have none.
#[derive(Debug, Clone)]
pub(super) struct PairScores<const N: usize = 4> {
    count: usize,
    /// Sums over the windows that saw the pair, and their number; row-major upper triangle in a full square.
    cells: Vec<([f64; N], u32)>,
}

/// A set of mentions with its scores.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Set {
    pub(super) members: Vec<usize>,
    pub(super) effect: Effect,
    pub(super) effect_scores: [f32; 3],
    pub(super) confidence: f32,
}

impl<const N: usize> PairScores<N> {
    pub(super) fn new(count: usize) -> Self {
        Self { count, cells: vec![([0.0; N], 0); count * count] }
    }

    /// Adds what one window says of a pair.
    pub(super) fn add(&mut self, left: usize, right: usize, labels: [f64; N]) {
        let (low, high) = (left.min(right), left.max(right));
        if let Some((sums, seen)) = self.cells.get_mut(low * self.count + high) {
            for (sum, label) in sums.iter_mut().zip(labels) {
                *sum += label;
            }
            *seen += 1;
        }
    }

    /// Mean over the windows that saw the pair.
    pub(super) fn get(&self, left: usize, right: usize) -> Option<[f64; N]> {
        let (low, high) = (left.min(right), left.max(right));
        let (sums, seen) = self.cells.get(low * self.count + high)?;
        (*seen > 0).then(|| sums.map(|sum| sum / f64::from(*seen)))
    }

    /// Greatest P(not NONE) of a pair of the mentions in `kept`; none without a pair.
    pub(super) fn highest(&self, kept: &[usize]) -> Option<f32> {
        let pairs = kept.iter().enumerate().flat_map(|(place, &left)| {
            kept.iter().skip(place + 1).filter_map(move |&right| Some(1.0 - self.get(left, right)?[0]))
        });
        pairs.max_by(f64::total_cmp).map(|score| score.clamp(0.0, 1.0) as f32)
    }
}

/// Sets of two or more of the mentions in `kept`, in text order of their first members.
///
/// Clusters start as single mentions; while the best mean P(not NONE) between two clusters is above `threshold`, they
/// join. Of equal means the pair with the smallest first members joins. Means are over the pairs that were seen.
pub(super) fn average_link(scores: &PairScores, kept: &[usize], threshold: f64) -> Vec<Set> {
    let mut clusters: Vec<Vec<usize>> = kept.iter().map(|&mention| vec![mention]).collect();
    // (sum of P(not NONE), pairs seen) between clusters.
    let mut links: Vec<Vec<(f64, u32)>> = kept
        .iter()
        .map(|&left| {
            let link = |&right: &usize| match scores.get(left, right) {
                Some(labels) if left != right => (1.0 - labels[0], 1),
                _ => (0.0, 0),
            };
            kept.iter().map(link).collect()
        })
        .collect();
    while let Some((left, right)) = best_link(&links, threshold) {
        let absorbed = clusters.remove(right);
        if let Some(cluster) = clusters.get_mut(left) {
            cluster.extend(absorbed);
            cluster.sort_unstable();
        }
        let row = links.remove(right);
        if let Some(target) = links.get_mut(left) {
            for (cell, (sum, seen)) in target.iter_mut().zip(row) {
                *cell = (cell.0 + sum, cell.1 + seen);
            }
        }
        for row in &mut links {
            let (sum, seen) = row.remove(right);
            if let Some(cell) = row.get_mut(left) {
                *cell = (cell.0 + sum, cell.1 + seen);
            }
        }
    }
    clusters.sort_unstable();
    clusters.into_iter().filter(|members| members.len() > 1).filter_map(|members| label(scores, members)).collect()
}

/// The link with the highest mean above `threshold`; the first one of equals.
fn best_link(links: &[Vec<(f64, u32)>], threshold: f64) -> Option<(usize, usize)> {
    let mut best = None;
    let mut best_mean = threshold;
    for (left, row) in links.iter().enumerate() {
        for (right, &(sum, seen)) in row.iter().enumerate().skip(left + 1) {
            let mean = if seen > 0 { sum / f64::from(seen) } else { 0.0 };
            if mean > best_mean {
                best_mean = mean;
                best = Some((left, right));
            }
        }
    }
    best
}

/// Effect and scores of a set: means over its pairs.
fn label(scores: &PairScores, members: Vec<usize>) -> Option<Set> {
    let mut sums = [0.0; 4];
    let mut pairs = 0u32;
    for (place, &left) in members.iter().enumerate() {
        for &right in members.iter().skip(place + 1) {
            if let Some(labels) = scores.get(left, right) {
                for (sum, label) in sums.iter_mut().zip(labels) {
                    *sum += label;
                }
                pairs += 1;
            }
        }
    }
    if pairs == 0 {
        return None;
    }
    let [none, positive, negative, unclear] = sums.map(|sum| sum / f64::from(pairs));
    let given = (positive + negative + unclear).max(f64::MIN_POSITIVE);
    let effect_scores = [positive, negative, unclear].map(|mean| mean / given);
    // The first of equals, as argmax has it.
    let mut best = (Effect::Positive, effect_scores[0]);
    for (effect, score) in Effect::ALL.into_iter().zip(effect_scores) {
        if score > best.1 {
            best = (effect, score);
        }
    }
    let effect_scores = effect_scores.map(|score| score as f32);
    Some(Set { members, effect: best.0, effect_scores, confidence: (1.0 - none) as f32 })
}

/// Pairs of the mentions in `kept` that relate: P(not NONE) above `threshold`; the type is the most probable of the
/// others, the first of equals.
pub(super) fn typed_pairs<const N: usize>(scores: &PairScores<N>, kept: &[usize], threshold: f64) -> Vec<TypedPair> {
    let mut pairs = Vec::new();
    for (place, &left) in kept.iter().enumerate() {
        for &right in kept.iter().skip(place + 1) {
            let Some(labels) = scores.get(left, right) else { continue };
            let relates = 1.0 - labels.first().copied().unwrap_or(1.0);
            if relates <= threshold {
                continue;
            }
            let mut best = (1, f64::NEG_INFINITY);
            for (label, &probability) in labels.iter().enumerate().skip(1) {
                if probability > best.1 {
                    best = (label, probability);
                }
            }
            pairs.push(TypedPair { left, right, label: best.0, confidence: relates.clamp(0.0, 1.0) as f32 });
        }
    }
    pairs
}

/// Softmax of logits divided by `temperature`; none when a logit is no finite number.
pub(super) fn softmax<const N: usize>(logits: &[f32], temperature: f64) -> Option<[f64; N]> {
    let logits: [f32; N] = logits.try_into().ok()?;
    if logits.iter().any(|logit| !logit.is_finite()) {
        return None;
    }
    let top = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let weights = logits.map(|logit| (f64::from(logit - top) / temperature).exp());
    let total: f64 = weights.iter().sum();
    Some(weights.map(|weight| weight / total))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use proptest::prelude::*;

    use super::*;

    /// Probabilities of NONE, POS, NEG, COMB.
    type Labels = [f64; 4];

    fn scores(count: usize, pairs: &[(usize, usize, Labels)]) -> PairScores {
        let mut scores = PairScores::new(count);
        for left in 0..count {
            for right in left + 1..count {
                let given = pairs.iter().find(|pair| (pair.0, pair.1) == (left, right));
                scores.add(left, right, given.map_or([1.0, 0.0, 0.0, 0.0], |pair| pair.2));
            }
        }
        scores
    }

    fn positive(link: f64) -> Labels {
        [1.0 - link, link * 0.8, link * 0.1, link * 0.1]
    }

    #[test]
    fn sets_follow_the_table() {
        let all = |count| (0..count).collect::<Vec<_>>();
        let members = |scores: &PairScores, kept: &[usize]| {
            average_link(scores, kept, 0.5).into_iter().map(|set| set.members).collect::<Vec<_>>()
        };
        assert!(members(&PairScores::new(0), &[]).is_empty());
        assert!(members(&scores(1, &[]), &all(1)).is_empty());
        assert!(members(&scores(3, &[]), &all(3)).is_empty());
        assert!(
            members(&scores(2, &[(0, 1, positive(0.5))]), &all(2)).is_empty(),
            "the threshold itself is not enough"
        );
        assert_eq!(members(&scores(2, &[(0, 1, positive(0.51))]), &all(2)), [[0, 1]]);
        // A triangle joins whole; a chain whose ends do not hold together stays apart: (0.9 + 0) / 2 < 0.5.
        let triangle = [(0, 1, positive(0.9)), (1, 2, positive(0.8)), (0, 2, positive(0.7))];
        assert_eq!(members(&scores(3, &triangle), &all(3)), [[0, 1, 2]]);
        let chain = [(0, 1, positive(0.9)), (1, 2, positive(0.9))];
        assert_eq!(members(&scores(3, &chain), &all(3)), [[0, 1]], "of equal links the first in the text joins");
        let two = [(0, 3, positive(0.9)), (1, 2, positive(0.95))];
        assert_eq!(members(&scores(4, &two), &all(4)), [[0, 3], [1, 2]]);
        assert_eq!(members(&scores(3, &triangle), &[0, 2]), [[0, 2]], "a refused mention takes no part");
        // 0–2 was never seen together: the mean is over what was seen.
        let mut unseen = PairScores::new(3);
        unseen.add(0, 1, positive(0.9));
        unseen.add(1, 2, positive(0.9));
        assert_eq!(members(&unseen, &all(3)), [[0, 1, 2]]);
    }

    #[test]
    fn labels_are_means_over_the_pairs_of_the_set() {
        let pairs = [(0, 1, [0.1, 0.6, 0.2, 0.1]), (0, 2, [0.3, 0.1, 0.5, 0.1]), (1, 2, [0.2, 0.1, 0.6, 0.1])];
        let [set] = <[Set; 1]>::try_from(average_link(&scores(3, &pairs), &[0, 1, 2], 0.5)).unwrap();
        assert_eq!(set.effect, Effect::Negative);
        assert!((set.confidence - 0.8).abs() < 1e-6);
        for (got, expected) in set.effect_scores.iter().zip([0.8 / 2.4, 1.3 / 2.4, 0.3 / 2.4]) {
            assert!((got - expected).abs() < 1e-6, "{:?}", set.effect_scores);
        }
        let even = average_link(&scores(2, &[(0, 1, [0.1, 0.3, 0.3, 0.3])]), &[0, 1], 0.5);
        assert_eq!(even[0].effect, Effect::Positive, "the first of equals");
    }

    #[test]
    fn pairs_relate_above_the_threshold_and_take_the_likeliest_type() {
        let mut scores = PairScores::<5>::new(3);
        scores.add(0, 1, [0.4, 0.1, 0.2, 0.2, 0.1]);
        scores.add(2, 0, [0.5, 0.5, 0.0, 0.0, 0.0]);
        scores.add(1, 2, [0.1, 0.0, 0.0, 0.0, 0.9]);
        let found = |kept: &[usize]| {
            typed_pairs(&scores, kept, 0.5).iter().map(|pair| (pair.left, pair.right, pair.label)).collect::<Vec<_>>()
        };
        assert_eq!(found(&[0, 1, 2]), [(0, 1, 2), (1, 2, 4)], "the first of equal types; the threshold is not enough");
        assert_eq!(found(&[0, 2]), []);
        assert!(typed_pairs(&PairScores::<5>::new(2), &[0, 1], 0.5).is_empty(), "a pair that was never seen");
    }

    #[test]
    fn softmax_divides_by_the_temperature_and_refuses_what_is_no_number() {
        let even = softmax::<2>(&[3.0, 3.0], 1.0).unwrap();
        assert!((even[0] - 0.5).abs() < 1e-12);
        let sharp = softmax::<2>(&[2.0, 0.0], 1.0).unwrap();
        let flat = softmax::<2>(&[2.0, 0.0], 2.0).unwrap();
        assert!((sharp[0] - 0.880_797_077_977_882).abs() < 1e-9 && (flat[0] - 0.731_058_578_630_005).abs() < 1e-9);
        assert!(softmax::<2>(&[f32::NAN, 0.0], 1.0).is_none());
        assert!(softmax::<2>(&[0.0], 1.0).is_none());
        assert!(softmax::<2>(&[1e30, -1e30], 1.0).is_some());
    }

    proptest! {
        /// Sets are disjoint, hold together on average, and no two of them could still join.
        #[test]
        fn clusters_are_a_fixed_point(count in 0usize..24, seeds in proptest::collection::vec(0.0f64..1.0, 276)) {
            let mut table = PairScores::new(count);
            let mut next = seeds.into_iter();
            for left in 0..count {
                for right in left + 1..count {
                    table.add(left, right, positive(next.next().unwrap()));
                }
            }
            let sets = average_link(&table, &(0..count).collect::<Vec<_>>(), 0.5);
            let mut seen: Vec<usize> = sets.iter().flat_map(|set| set.members.clone()).collect();
            let total = seen.len();
            seen.sort_unstable();
            seen.dedup();
            prop_assert_eq!(seen.len(), total);
            let single = (0..count).filter(|mention| !seen.contains(mention)).map(|mention| vec![mention]);
            let clusters: Vec<Vec<usize>> = sets.iter().map(|set| set.members.clone()).chain(single).collect();
            for (place, left) in clusters.iter().enumerate() {
                for right in &clusters[place + 1..] {
                    let sum: f64 = left
                        .iter()
                        .flat_map(|&a| right.iter().map(move |&b| (a, b)))
                        .map(|(a, b)| 1.0 - table.get(a, b).unwrap()[0])
                        .sum();
                    prop_assert!(sum / ((left.len() * right.len()) as f64) <= 0.5 + 1e-9);
                }
            }
        }
    }
}
