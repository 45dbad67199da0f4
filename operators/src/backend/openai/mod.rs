//! A reasoning model behind any server that speaks OpenAI's chat completions: vLLM, SGLang, llama.cpp, hosted ones.
//!
//! ```text
//! item ─▶ prompt ─▶ cache ── known ─────────────────────────┐
//!                     └─ new ─▶ POST, bounded, repeated ─▶ append ─▶ ground ─▶ combinations, reasoning, counts
//! ```
//!
//! This is the only backend that opens sockets.

mod cache;
mod client;
#[cfg(test)]
mod loopback;
mod retry;
#[cfg(test)]
mod tests;
mod wire;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use async_trait::async_trait;
use futures::stream::{FuturesOrdered, StreamExt};
use rexdrug_scoring::answer::tolerant;
use rexdrug_scoring::task::Task;
use serde_json::json;
use sha2::{Digest, Sha256};

use super::reasoning::{AnswerFormat, Completions, PromptTemplate, Reasoner, reply};
use super::{Backend, BackendError, BackendInfo, ExtractItem, ItemError, Reason, Reply, Stats};

pub use cache::AnswerCache;
pub use client::{ApiKey, ChatClient, ChatError, ClientOptions, Usage};
pub use retry::RetryPolicy;
pub use wire::{ChatAnswer, ChatRequest, Sampling, SamplingFields};

/// `device` of rows that a server made: which device it has is its own affair.
pub const REMOTE_DEVICE: &str = "remote";

/// Questions in a row that may stay unanswered before the run stops.
const FAILURES_IN_A_ROW: usize = 16;

/// What a model is asked, and how.
#[derive(Debug, Clone, PartialEq)]
pub struct OpenAiOptions {
    /// Server.
    pub client: ClientOptions,
    /// Name of the model on the server.
    pub model: String,
    /// What it is asked for; only DrugComb is extracted.
    pub task: Task,
    /// Name or file of the prompt template.
    pub prompt: String,
    /// Form of the answer.
    pub format: AnswerFormat,
    /// How tokens are chosen.
    pub sampling: Sampling,
    /// Code points of document on each side of a sentence that the model is shown.
    pub context_chars: usize,
}

/// A model on a server.
#[derive(Debug)]
pub struct OpenAi {
    info: BackendInfo,
    client: Arc<ChatClient>,
    template: PromptTemplate,
    options: OpenAiOptions,
    failures: AtomicUsize,
}

impl OpenAi {
    /// A backend on a server of its own; nothing is sent yet, see [`OpenAi::check`].
    ///
    /// # Errors
    /// Options that cannot work: URL, prompt, cache folder.
    pub fn new(options: OpenAiOptions) -> Result<Self, BackendError> {
        let template = PromptTemplate::load(&options.prompt, options.task, options.format)?;
        let client = Arc::new(ChatClient::new(options.client.clone())?);
        // Everything that decides the answer, short of the weights, which only the server knows. The URL is left out: the
        // same model may be served from another place.
        let identity = json!({
            "model": options.model,
            "prompt": template.sha256(),
            "sampling": options.sampling,
            "format": options.format,
            "context_chars": options.context_chars,
        });
        let info = BackendInfo {
            extractor: "openai".to_owned(),
            model_id: options.model.clone(),
            model_sha256: hex::encode(Sha256::digest(identity.to_string())),
            prompt_sha256: Some(template.sha256().to_owned()),
            device: REMOTE_DEVICE.to_owned(),
            context_chars: options.context_chars,
            preferred_items: (options.client.concurrency * 4).clamp(16, 1024),
        };
        Ok(Self { info, client, template, options, failures: AtomicUsize::new(0) })
    }

    /// Asks the server whether it has the model.
    ///
    /// # Errors
    /// As [`ChatClient::check`].
    pub async fn check(&self) -> Result<(), BackendError> {
        self.client.check(&self.options.model).await
    }

    /// Its client.
    pub fn client(&self) -> &Arc<ChatClient> {
        &self.client
    }

    async fn answer(&self, item: &ExtractItem, stats: &mut Stats) -> Result<Result<String, ItemError>, BackendError> {
        let request = ChatRequest {
            model: self.options.model.clone(),
            messages: self.template.messages_of(item),
            sampling: self.options.sampling.into(),
            response_format: (self.options.format == AnswerFormat::JsonSchema)
                .then(|| wire::answer_schema(self.options.task)),
        };
        let answer = match self.client.ask(&request).await {
            Ok((answer, usage)) => {
                stats.usage.add(&usage);
                self.failures.store(0, Ordering::Relaxed);
                answer
            }
            Err(ChatError::Fatal(error)) => return Err(error),
            Err(ChatError::Unanswered { message, usage }) => {
                stats.usage.add(&usage);
                let failures = self.failures.fetch_add(1, Ordering::Relaxed) + 1;
                if failures >= FAILURES_IN_A_ROW {
                    let device = self.client.options().url.clone();
                    return Err(BackendError::Failing { failures, device, message });
                }
                return Ok(Err(ItemError::new(Reason::InferenceFailed, message)));
            }
        };
        let completion = match self.options.format {
            AnswerFormat::Tags => answer.completion(),
            AnswerFormat::JsonSchema => wire::tagged(&answer.content),
        };
        if answer.finish_reason == "length" && !tolerant::read(self.options.task, &completion).parsed {
            let limit = self.options.sampling.max_tokens;
            let message = format!("the answer was cut at {limit} tokens before its list was whole; raise max_tokens");
            return Ok(Err(ItemError::new(Reason::AnswerCut, message)));
        }
        Ok(Ok(completion))
    }
}

#[async_trait]
impl Reasoner for OpenAi {
    async fn complete(&self, items: Vec<ExtractItem>) -> Result<Completions, BackendError> {
        let started = Instant::now();
        let mut asked: FuturesOrdered<_> = items
            .iter()
            .map(|item| async move {
                let mut stats = Stats::default();
                let answer = self.answer(item, &mut stats).await;
                (answer, stats)
            })
            .collect();
        let mut found = Completions::default();
        while let Some((text, stats)) = asked.next().await {
            found.texts.push(text?);
            found.stats.add(stats);
        }
        found.stats.batches = 1;
        found.stats.inference = started.elapsed();
        Ok(found)
    }
}

#[async_trait]
impl Backend for OpenAi {
    fn info(&self) -> &BackendInfo {
        &self.info
    }

    async fn extract(&self, items: Vec<ExtractItem>) -> Result<Reply, BackendError> {
        if self.options.task != Task::DrugComb {
            let message = format!("it is asked for {}, which no row can hold", self.options.task.name());
            let url = self.options.client.url.clone();
            return Err(BackendError::Endpoint { url, message });
        }
        let completions = self.complete(items.clone()).await?;
        Ok(reply(&items, completions))
    }
}
