//! Canned answers, for tests and for trying a pipeline without a model.

use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use rexdrug_schemas::Effect;
use sha2::{Digest, Sha256};
use tokio::sync::Mutex;

use super::{
    Backend, BackendError, BackendInfo, ExtractItem, ExtractedCombination, Extraction, ItemError, Reason, Reply, Stats,
    distinct_drugs,
};

/// All mentions of a sentence joined as POS when it contains a keyword; refused when it contains another.
///
/// As an address: `scripted:keyword=with;refuse=unreadable;delay_ms=5;service_us=300`; every part may be left out.
/// `delay_ms` is the latency of a call, as of a server far away; `service_us` is the time that a sentence occupies a device
/// that serves one call after the other.
#[derive(Debug, Clone)]
pub struct Scripted {
    keyword: String,
    refuse: Option<String>,
    delay: Duration,
    service: Duration,
    device: Arc<Mutex<()>>,
    info: BackendInfo,
}

/// Prefix of its addresses.
pub const SCRIPTED_SCHEME: &str = "scripted:";

impl Scripted {
    /// Joins the mentions of sentences that contain `keyword`.
    pub fn new(keyword: &str) -> Self {
        let keyword = keyword.to_owned();
        let info = BackendInfo {
            extractor: "scripted".to_owned(),
            model_id: "scripted".to_owned(),
            model_sha256: String::new(),
            prompt_sha256: None,
            device: "cpu".to_owned(),
            context_chars: 0,
            preferred_items: 64,
        };
        Self { keyword, refuse: None, delay: Duration::ZERO, service: Duration::ZERO, device: Arc::default(), info }
            .identified()
    }

    /// Refuses sentences that contain `text`.
    pub fn refusing(mut self, text: &str) -> Self {
        self.refuse = Some(text.to_owned());
        self.identified()
    }

    /// Takes `delay` for every call.
    pub fn with_delay(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }

    /// Asks for calls of about `items` items.
    pub fn with_preferred_items(mut self, items: usize) -> Self {
        self.info.preferred_items = items;
        self
    }

    /// Reads an address.
    ///
    /// # Errors
    /// Names the part that is not understood.
    pub fn from_address(uri: &str) -> Result<Self, BackendError> {
        let refused = |message: String| BackendError::Address { uri: uri.to_owned(), message };
        let script = uri
            .strip_prefix(SCRIPTED_SCHEME)
            .ok_or_else(|| refused(format!("expected it to begin with {SCRIPTED_SCHEME}")))?;
        let mut backend = Self::new("with");
        for part in script.split(';').filter(|part| !part.is_empty()) {
            match part.split_once('=') {
                Some(("keyword", keyword)) => backend.keyword = keyword.to_owned(),
                Some(("refuse", text)) => backend.refuse = Some(text.to_owned()),
                Some(("delay_ms", number)) => {
                    let millis = number.parse().map_err(|_| refused(format!("delay_ms is `{number}`, no number")))?;
                    backend.delay = Duration::from_millis(millis);
                }
                Some(("service_us", number)) => {
                    let micros = number.parse().map_err(|_| refused(format!("service_us is `{number}`, no number")))?;
                    backend.service = Duration::from_micros(micros);
                }
                _ => {
                    let expected = "expected keyword=, refuse=, delay_ms= or service_us=";
                    return Err(refused(format!("unknown part `{part}`; {expected}")));
                }
            }
        }
        Ok(backend.identified())
    }

    /// The same script has the same hash, another one another.
    fn identified(mut self) -> Self {
        let script = format!("{}\n{:?}", self.keyword, self.refuse);
        self.info.model_sha256 = hex::encode(Sha256::digest(script.as_bytes()));
        self
    }

    fn answer(&self, item: ExtractItem) -> Result<Extraction, ItemError> {
        if self.refuse.as_ref().is_some_and(|text| item.sentence.contains(text.as_str())) {
            return Err(ItemError::new(Reason::Scripted, "the script refuses this sentence"));
        }
        let members: Vec<usize> = (0..item.mentions.len()).collect();
        let stated = item.sentence.contains(&self.keyword) && distinct_drugs(&item.mentions, &members).len() > 1;
        let combination = ExtractedCombination {
            members,
            effect: Effect::Positive,
            effect_scores: [0.8, 0.05, 0.15],
            confidence: 0.9,
            reasoning: None,
            prompted: false,
        };
        let context_end = i64::try_from(item.sentence.chars().count()).unwrap_or(i64::MAX);
        let combinations = if stated { vec![combination] } else { Vec::new() };
        Ok(Extraction { mentions: item.mentions, combinations, context_end, ..Extraction::default() })
    }
}

#[async_trait]
impl Backend for Scripted {
    fn info(&self) -> &BackendInfo {
        &self.info
    }

    async fn extract(&self, items: Vec<ExtractItem>) -> Result<Reply, BackendError> {
        let started = Instant::now();
        if !self.delay.is_zero() {
            tokio::time::sleep(self.delay).await;
        }
        if !self.service.is_zero() {
            let _turn = self.device.lock().await;
            tokio::time::sleep(self.service * u32::try_from(items.len()).unwrap_or(u32::MAX)).await;
        }
        let answers = items.into_iter().map(|item| self.answer(item)).collect();
        Ok(Reply { answers, stats: Stats { batches: 1, inference: started.elapsed(), ..Stats::default() } })
    }
}
