//! Reasoning traces by two collaborating models: an analyst writes, a reviewer scores, what passes becomes training data.
//!
//! ```text
//! gold item ─▶ analyst ─▶ checks ─▶ reviewer ─▶ every criterion ≥ threshold ─▶ accepted.ndjson ─▶ sft.jsonl
//!                ▲           │          │
//!                └─ feedback ┴──────────┘  at most `retries` times, all earlier attempts in sight
//!                                       └─ else ─▶ rejected.ndjson
//! ```
//!
//! What a program can judge (answer equals gold, length, headings, verbatim quotes, betrayal by wording) is judged before
//! the reviewer is paid. Every item is written once it is decided, with its whole dialogue; a run that was stopped goes on
//! with the items that are not decided yet.

mod agents;
mod check;
mod dataset;
mod item;
mod review;
mod store;
mod summary;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};

use futures::StreamExt;
use rexdrug_operators::backend::BackendError;
use rexdrug_operators::backend::openai::{ChatAnswer, ChatClient, ChatError, ChatRequest, Sampling, Usage};
use rexdrug_operators::backend::reasoning::{Message, PromptError, Role};
use rexdrug_scoring::task::Task;
use serde::{Deserialize, Serialize};
use serde_json::json;
use thiserror::Error;

pub use item::{TraceItem, Unusable};
pub use review::{CRITERIA, Review};
pub use summary::Summary;

use agents::Agents;
use store::Store;

/// What generation cannot go on from.
#[derive(Debug, Error)]
pub enum TracesError {
    /// A model that cannot be asked.
    #[error(transparent)]
    Model(#[from] BackendError),
    /// A prompt template that cannot be used.
    #[error(transparent)]
    Prompt(#[from] PromptError),
    /// A file of the output folder.
    #[error("traces {path}: cannot {action}: {message}; correct it, or name another folder")]
    Store {
        /// The file.
        path: PathBuf,
        /// What was tried.
        action: &'static str,
        /// What went wrong.
        message: String,
    },
    /// A folder of another run.
    #[error(
        "traces {folder} were made with other settings ({what}: there {there}, here {here}); name another folder, or \
         repeat the settings"
    )]
    Settings {
        /// The folder.
        folder: PathBuf,
        /// The first setting that differs.
        what: String,
        /// Its value there.
        there: String,
        /// Its value here.
        here: String,
    },
}

/// A model with its way of answering.
#[derive(Debug)]
pub struct Agent {
    /// Its server.
    pub client: ChatClient,
    /// Its name there.
    pub model: String,
    /// How it chooses tokens.
    pub sampling: Sampling,
}

impl Agent {
    async fn ask(&self, messages: Vec<Message>) -> Result<(ChatAnswer, Usage), ChatError> {
        let (model, sampling) = (self.model.clone(), self.sampling.into());
        self.client.ask(&ChatRequest { model, messages, sampling, response_format: None }).await
    }
}

/// When a trace is good enough.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standard {
    /// Least score of every criterion.
    pub threshold: u8,
    /// Shortest reasoning in words.
    pub min_words: usize,
    /// Longest reasoning in words.
    pub max_words: usize,
    /// Attempts after the first.
    pub retries: usize,
}

impl Default for Standard {
    /// The published one.
    fn default() -> Self {
        Self { threshold: 4, min_words: 80, max_words: 220, retries: 3 }
    }
}

/// Everything that generation needs.
#[derive(Debug)]
pub struct Generation {
    /// Writes.
    pub analyst: Agent,
    /// Judges.
    pub reviewer: Agent,
    /// When a trace is good enough.
    pub standard: Standard,
    /// What the items are annotated for.
    pub task: Task,
    /// Prompt template of the task, the one that the trained model will be asked with.
    pub prompt: String,
    /// Items under way at once.
    pub concurrency: usize,
}

/// One try of the analyst.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Attempt {
    /// What it wrote.
    pub completion: String,
    /// What a program found wrong; the reviewer is asked only when this is empty.
    pub findings: Vec<String>,
    /// What the reviewer said, as it came.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reviewer_said: Option<String>,
    /// Its scores, where they could be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub review: Option<Review>,
}

/// A decided item with its whole dialogue.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// Id of the item.
    pub id: String,
    /// Whether the last attempt passed.
    pub accepted: bool,
    /// The attempts in order.
    pub attempts: Vec<Attempt>,
    /// What the analyst cost.
    pub analyst: Usage,
    /// What the reviewer cost.
    pub reviewer: Usage,
}

/// Decides every item that is not decided yet, writes the datasets, and says how it went.
///
/// # Errors
/// A model that does not answer any more, a folder of other settings, a file that cannot be written. What was decided
/// stays, and the same call goes on from there.
pub async fn generate(
    items: &[TraceItem],
    unusable: &[Unusable],
    generation: &Generation,
    folder: &Path,
    decided: impl Fn(&Record),
) -> Result<Summary, TracesError> {
    let agents = Agents::new(generation)?;
    let mut store = Store::open(folder, &settings(generation, &agents))?;
    let open: Vec<&TraceItem> = items.iter().filter(|item| !store.holds(&item.id)).collect();
    let mut running = futures::stream::iter(open)
        .map(|item| {
            let agents = &agents;
            async move { (item, decide(item, agents).await) }
        })
        .buffer_unordered(generation.concurrency.max(1));
    let (mut unanswered, mut in_a_row) = (Vec::new(), 0);
    while let Some((item, outcome)) = running.next().await {
        match outcome {
            Ok(record) => {
                in_a_row = 0;
                store.put(&record)?;
                decided(&record);
            }
            Err(ChatError::Fatal(error)) => return Err(error.into()),
            Err(ChatError::Unanswered { message, .. }) => {
                tracing::warn!(item = item.id, message, "not decided; the next call tries again");
                in_a_row += 1;
                if in_a_row >= FAILURES_IN_A_ROW {
                    let device = "the analyst's or the reviewer's server".to_owned();
                    return Err(BackendError::Failing { failures: in_a_row, device, message }.into());
                }
                unanswered.push(item.id.clone());
            }
        }
    }
    drop(running);
    let records = store.records()?;
    dataset::write(folder, items, &records, &agents.task)?;
    let summary = Summary::of(items, unusable, &records, &generation.standard, unanswered);
    store.write("summary.json", &summary)?;
    Ok(summary)
}

/// Items in a row that may stay unanswered.
const FAILURES_IN_A_ROW: usize = 16;

/// What decides the records: kept beside them, so that one folder never mixes two ways of judging.
fn settings(generation: &Generation, agents: &Agents) -> serde_json::Value {
    let agent = |agent: &Agent| json!({"model": agent.model, "sampling": agent.sampling});
    json!({
        "task_prompt_sha256": agents.task.sha256(),
        "analyst_prompt_sha256": agents.analyst_sha256(),
        "reviewer_prompt_sha256": agents.reviewer_sha256(),
        "analyst": agent(&generation.analyst),
        "reviewer": agent(&generation.reviewer),
        "standard": generation.standard,
    })
}

/// One item through its attempts.
async fn decide(item: &TraceItem, agents: &Agents<'_>) -> Result<Record, ChatError> {
    let mut record = Record {
        id: item.id.clone(),
        accepted: false,
        attempts: Vec::new(),
        analyst: Usage::default(),
        reviewer: Usage::default(),
    };
    let mut dialogue = agents.opening(item);
    for number in 0..=agents.generation.standard.retries {
        let (answer, usage) = agents.generation.analyst.ask(dialogue.clone()).await?;
        record.analyst.add(&usage);
        let completion = answer.completion();
        let findings = check::findings(agents.generation.task, item, &completion, &agents.generation.standard);
        let mut attempt = Attempt { completion, findings, reviewer_said: None, review: None };
        if attempt.findings.is_empty() {
            let (said, usage) = agents.generation.reviewer.ask(agents.review(item, &attempt.completion)).await?;
            record.reviewer.add(&usage);
            attempt.review = Review::read(&said.completion());
            attempt.reviewer_said = Some(said.completion());
        }
        let threshold = agents.generation.standard.threshold;
        record.accepted = attempt.review.as_ref().is_some_and(|review| review.passes(threshold));
        let last = record.accepted || number == agents.generation.standard.retries;
        if !last {
            dialogue.push(Message::new(Role::Assistant, attempt.completion.clone()));
            dialogue.push(Message::new(Role::User, agents.feedback(&attempt)));
        }
        record.attempts.push(attempt);
        if last {
            break;
        }
    }
    Ok(record)
}
