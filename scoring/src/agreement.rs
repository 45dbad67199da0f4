//! Agreement between raters: Cohen's kappa for two, Fleiss' kappa for any number.

use serde::{Deserialize, Serialize};

/// How far apart two ratings count as disagreement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Distance {
    /// Equal or not.
    Nominal,
    /// By the number of steps between them.
    Linear,
    /// By the square of it: the usual one for a scale from 0 to 5.
    Quadratic,
}

impl Distance {
    fn between(self, a: usize, b: usize, categories: usize) -> f64 {
        let steps = a.abs_diff(b) as f64 / categories.saturating_sub(1).max(1) as f64;
        match self {
            Self::Nominal => f64::from(u8::from(a != b)),
            Self::Linear => steps,
            Self::Quadratic => steps * steps,
        }
    }
}

/// Cohen's kappa of two raters over the same items; ratings are `0..categories`.
///
/// `None` where it is not defined: no items, a rating out of range, raters of different length, or no disagreement to be
/// expected by chance because both use one and the same category throughout.
pub fn cohen(a: &[usize], b: &[usize], categories: usize, distance: Distance) -> Option<f64> {
    if a.is_empty() || a.len() != b.len() || a.iter().chain(b).any(|rating| *rating >= categories) {
        return None;
    }
    let count = a.len() as f64;
    let share = |ratings: &[usize], of: usize| ratings.iter().filter(|rating| **rating == of).count() as f64 / count;
    let observed: f64 = a.iter().zip(b).map(|(x, y)| distance.between(*x, *y, categories)).sum::<f64>() / count;
    let mut expected = 0.0;
    for x in 0..categories {
        for y in 0..categories {
            expected += share(a, x) * share(b, y) * distance.between(x, y, categories);
        }
    }
    (expected > 0.0).then(|| 1.0 - observed / expected)
}

/// Fleiss' kappa. Each item has its ratings, `0..categories`; all items must have the same number, two or more.
///
/// `None` where it is not defined, as for [`cohen`].
pub fn fleiss(items: &[Vec<usize>], categories: usize) -> Option<f64> {
    let raters = items.first()?.len();
    let fits = |ratings: &Vec<usize>| ratings.len() == raters && ratings.iter().all(|rating| *rating < categories);
    if raters < 2 || !items.iter().all(fits) {
        return None;
    }
    let (pairs, all) = ((raters * (raters - 1)) as f64, (items.len() * raters) as f64);
    let mut totals = vec![0_usize; categories];
    let mut observed = 0.0;
    for ratings in items {
        for (category, total) in totals.iter_mut().enumerate() {
            let count = ratings.iter().filter(|rating| **rating == category).count();
            *total += count;
            observed += (count * count.saturating_sub(1)) as f64 / pairs;
        }
    }
    observed /= items.len() as f64;
    let expected: f64 = totals.iter().map(|total| (*total as f64 / all).powi(2)).sum();
    (expected < 1.0).then(|| (observed - expected) / (1.0 - expected))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    fn close(found: Option<f64>, expected: f64) {
        let found = found.unwrap();
        assert!((found - expected).abs() < 1e-12, "{found} {expected}");
    }

    #[test]
    fn cohen_equals_values_worked_out_by_hand() {
        // 40 items: both yes 18, both no 10, only the first yes 4, only the second yes 8.
        // Observed 28/40; expected 22/40 · 26/40 + 18/40 · 14/40 = 824/1600; kappa (1120 − 824) / (1600 − 824).
        let table = [(1, 1, 18), (0, 0, 10), (1, 0, 4), (0, 1, 8)];
        let side = |pick: fn(&(usize, usize, usize)) -> usize| -> Vec<usize> {
            table.iter().flat_map(|row| std::iter::repeat_n(pick(row), row.2)).collect()
        };
        close(cohen(&side(|row| row.0), &side(|row| row.1), 2, Distance::Nominal), 296.0 / 776.0);
        // Three categories, both raters with shares 1/4, 1/4, 1/2; two neighbours swapped.
        // Quadratic: observed 1/8, expected 11/32. Linear: observed 1/4, expected 7/16. Nominal: 1/2 and 5/8.
        let (a, b) = ([0, 1, 2, 2], [0, 2, 2, 1]);
        close(cohen(&a, &b, 3, Distance::Quadratic), 7.0 / 11.0);
        close(cohen(&a, &b, 3, Distance::Linear), 3.0 / 7.0);
        close(cohen(&a, &b, 3, Distance::Nominal), 0.2);
        close(cohen(&[0, 1], &[1, 0], 2, Distance::Nominal), -1.0);
    }

    #[test]
    fn fleiss_equals_values_worked_out_by_hand() {
        // Three raters: agreement 1, 1, 1/3 → 7/9; shares 5/9 and 4/9 → chance 41/81; (63 − 41) / (81 − 41).
        close(fleiss(&[vec![0, 0, 0], vec![1, 1, 1], vec![0, 1, 0]], 2), 0.55);
        // Two raters, three categories: agreement 1/2; shares 1/2, 1/4, 1/4 → 3/8; (1/2 − 3/8) / (5/8).
        close(fleiss(&[vec![0, 0], vec![1, 2]], 3), 0.2);
        close(fleiss(&[vec![0, 0], vec![1, 1]], 2), 1.0);
    }

    #[test]
    fn what_is_not_defined_has_no_value() {
        assert_eq!(cohen(&[], &[], 2, Distance::Nominal), None);
        assert_eq!(cohen(&[0], &[0, 1], 2, Distance::Nominal), None);
        assert_eq!(cohen(&[2], &[0], 2, Distance::Nominal), None);
        assert_eq!(cohen(&[1, 1], &[1, 1], 2, Distance::Nominal), None, "nothing to disagree about");
        assert_eq!(fleiss(&[], 2), None);
        assert_eq!(fleiss(&[vec![0]], 2), None);
        assert_eq!(fleiss(&[vec![0, 1], vec![0]], 2), None);
        assert_eq!(fleiss(&[vec![1, 1]], 2), None);
    }

    proptest::proptest! {
        #[test]
        fn kappa_is_one_for_equal_raters_and_never_above(
            ratings in proptest::collection::vec((0_usize..6, 0_usize..6), 1..40),
        ) {
            let (a, b): (Vec<usize>, Vec<usize>) = ratings.iter().copied().unzip();
            for distance in [Distance::Nominal, Distance::Linear, Distance::Quadratic] {
                if let Some(kappa) = cohen(&a, &b, 6, distance) {
                    let swapped = cohen(&b, &a, 6, distance).unwrap();
                    proptest::prop_assert!(kappa <= 1.0 + 1e-12 && (kappa - swapped).abs() < 1e-9);
                }
                if let Some(kappa) = cohen(&a, &a, 6, distance) {
                    proptest::prop_assert_eq!(kappa, 1.0);
                }
            }
        }
    }
}
