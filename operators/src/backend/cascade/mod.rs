//! Two backends in a row: the first answers every sentence, the second those that the first leaves open.
//!
//! ```text
//! items ─▶ first ──▶ policy ── settled ───────────────▶ answers of the first
//!                      └─ open ─▶ second ─────────────▶ answers of the second, whatever they are
//! ```
//!
//! Where the second refuses a sentence, the refusal stands: an answer of the first in its place would pass for one that
//! was checked.

mod curve;
mod policy;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use async_trait::async_trait;
use sha2::{Digest, Sha256};

pub use curve::{CurvePoint, curve};
pub use policy::CascadePolicy;

use super::{Backend, BackendError, BackendInfo, ExtractItem, Reply};

/// A backend for everything and one for what it leaves open.
#[derive(Debug)]
pub struct Cascade {
    info: BackendInfo,
    first: Arc<dyn Backend>,
    second: Arc<dyn Backend>,
    policy: CascadePolicy,
}

impl Cascade {
    /// A cascade; its identity is that of both backends and the policy.
    ///
    /// # Errors
    /// Thresholds that are none.
    pub fn new(first: Arc<dyn Backend>, second: Arc<dyn Backend>, policy: CascadePolicy) -> Result<Self, BackendError> {
        policy.check()?;
        let (one, two) = (first.info(), second.info());
        let identity = format!("{}\n{}\n{policy}", one.model_sha256, two.model_sha256);
        let info = BackendInfo {
            extractor: "cascade".to_owned(),
            model_id: format!("{} > {}", one.model_id, two.model_id),
            model_sha256: hex::encode(Sha256::digest(identity)),
            prompt_sha256: two.prompt_sha256.clone().or_else(|| one.prompt_sha256.clone()),
            device: one.device.clone(),
            context_chars: one.context_chars.max(two.context_chars),
            preferred_items: one.preferred_items.max(two.preferred_items),
        };
        Ok(Self { info, first, second, policy })
    }
}

#[async_trait]
impl Backend for Cascade {
    fn info(&self) -> &BackendInfo {
        &self.info
    }

    async fn extract(&self, items: Vec<ExtractItem>) -> Result<Reply, BackendError> {
        let mut reply = self.first.extract(items.clone()).await?;
        let open: Vec<usize> = (0..items.len())
            .filter(|&place| reply.answers.get(place).is_some_and(|answer| self.policy.is_open(answer)))
            .collect();
        if open.is_empty() {
            return Ok(reply);
        }
        let asked: Vec<ExtractItem> = open.iter().filter_map(|&place| items.get(place).cloned()).collect();
        let count = asked.len();
        let second = self.second.extract(asked).await?;
        if second.answers.len() != count {
            let message = format!("the second backend gave {} answers for {count} sentences", second.answers.len());
            return Err(BackendError::WorkersLost { message });
        }
        for (place, answer) in open.into_iter().zip(second.answers) {
            if let Some(slot) = reply.answers.get_mut(place) {
                *slot = answer;
            }
        }
        reply.stats.add(second.stats);
        Ok(reply)
    }
}
