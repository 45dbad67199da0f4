//! Which rows share a run of the model.

/// Packs rows of known length into batches.
pub trait BatchStrategy: Send + Sync + std::fmt::Debug {
    /// Indices into `lengths`, grouped. Every index occurs exactly once.
    fn plan(&self, lengths: &[usize]) -> Vec<Vec<usize>>;
}

/// Rows of similar length together, as many as fit the budget of padded tokens.
///
/// ```text
/// sorted by length    9 11 12 | 30 31 | 90          padded: 36, 62, 90
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TokenBudget {
    /// Most tokens of a batch, padding included; a single longer row still runs, alone.
    pub max_tokens: usize,
    /// Most rows of a batch.
    pub max_rows: usize,
}

impl BatchStrategy for TokenBudget {
    fn plan(&self, lengths: &[usize]) -> Vec<Vec<usize>> {
        let mut order: Vec<usize> = (0..lengths.len()).collect();
        // Longest first, so that the runs that take longest do not come last; ties by position keep it deterministic.
        order.sort_by_key(|&row| (std::cmp::Reverse(lengths.get(row).copied().unwrap_or(0)), row));
        let mut batches: Vec<Vec<usize>> = Vec::new();
        let mut widest = 0;
        for row in order {
            let length = lengths.get(row).copied().unwrap_or(0);
            match batches.last_mut() {
                Some(batch) if batch.len() < self.max_rows.max(1) && widest * (batch.len() + 1) <= self.max_tokens => {
                    batch.push(row);
                }
                _ => {
                    widest = length;
                    batches.push(vec![row]);
                }
            }
        }
        batches
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn batches_follow_the_budget() {
        let budget = |max_tokens, max_rows| TokenBudget { max_tokens, max_rows };
        assert!(budget(10, 2).plan(&[]).is_empty());
        assert_eq!(budget(100, 8).plan(&[30, 9, 90, 12, 31, 11]), vec![vec![2], vec![4, 0, 3], vec![5, 1]]);
        assert_eq!(budget(100, 2).plan(&[5, 5, 5]), vec![vec![0, 1], vec![2]]);
        assert_eq!(budget(4, 8).plan(&[9, 8]), vec![vec![0], vec![1]], "a row over the budget runs alone");
        assert_eq!(budget(0, 0).plan(&[1]), vec![vec![0]]);
    }

    proptest! {
        #[test]
        fn every_row_is_in_one_batch_within_bounds(
            lengths in proptest::collection::vec(1usize..300, 0..200),
            max_tokens in 1usize..5000,
            max_rows in 1usize..40,
        ) {
            let batches = TokenBudget { max_tokens, max_rows }.plan(&lengths);
            let mut seen: Vec<usize> = batches.iter().flatten().copied().collect();
            seen.sort_unstable();
            prop_assert_eq!(seen, (0..lengths.len()).collect::<Vec<_>>());
            for batch in batches {
                let widest = batch.iter().map(|&row| lengths[row]).max().unwrap();
                prop_assert!(batch.len() <= max_rows);
                prop_assert!(batch.len() == 1 || widest * batch.len() <= max_tokens);
            }
        }
    }
}
