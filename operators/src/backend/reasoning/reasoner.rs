//! A model that writes: what it is asked, and what its texts become.

use async_trait::async_trait;

use super::ground;
use crate::backend::{Backend, BackendError, ExtractItem, ItemError, Reply, Stats};

/// What a model wrote for a number of items, and what it cost.
#[derive(Debug, Default)]
pub struct Completions {
    /// `<think>…</think><answer>[…]</answer>`, one per item, in the order given; an error where there is no whole text.
    pub texts: Vec<Result<String, ItemError>>,
    /// What it cost.
    pub stats: Stats,
}

/// A model that reasons and answers in text, for either task.
#[async_trait]
pub trait Reasoner: Backend {
    /// What it writes for every item, in the order given.
    ///
    /// # Errors
    /// Only what makes further calls useless.
    async fn complete(&self, items: Vec<ExtractItem>) -> Result<Completions, BackendError>;
}

/// Completions of the task DrugComb as answers of a backend.
pub(crate) fn reply(items: &[ExtractItem], completions: Completions) -> Reply {
    let mut stats = completions.stats;
    let answers = items
        .iter()
        .zip(completions.texts)
        .map(|(item, text)| {
            let grounded = ground(item, &text?)?;
            stats.grounding.add(&grounded.counts);
            Ok(grounded.extraction)
        })
        .collect();
    Reply { answers, stats }
}
