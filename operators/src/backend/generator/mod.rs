//! A reasoning model in this process: an ONNX decoder with a cache of keys and values.
//!
//! ```text
//! items ─▶ prompt ─▶ chat template ─▶ tokens ─▶ batches ─▶ Decoder ─▶ Writer ─▶ text ─▶ ground ─▶ combinations
//!                                     (shared prefix cached)   (grammar, budgets)
//! ```

mod chat;
mod decoder;
mod grammar;
#[cfg(test)]
mod tests;
mod vocabulary;
mod writer;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use futures::stream::{FuturesUnordered, StreamExt};
use rexdrug_scoring::task::Task;
use serde::Deserialize;
use sha2::{Digest, Sha256};
use tokenizers::Tokenizer;

use super::batching::{BatchStrategy, TokenBudget};
use super::pool::Pool;
use super::reasoning::{AnswerFormat, Completions, PromptInput, PromptTemplate, Reasoner, reply};
use super::{
    Backend, BackendError, BackendInfo, Device, ExtractItem, ItemError, OrtRuntime, Reason, Reply, Stats, session,
};
use crate::model::{CONFIG_FILE, GenerationSpec, MODEL_FILE, ModelFolder, TOKENIZER_CONFIG_FILE, TOKENIZER_FILE};
use chat::{ChatTemplate, TokenizerConfig};
use decoder::Decoder;
use grammar::Grammar;
use vocabulary::Vocabulary;
use writer::{Bounds, Choice, Ending, Writer};

/// How tokens are chosen where that is not left to the model folder, as when it is judged over several seeds.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Decoding {
    /// Seed of sampling.
    pub seed: Option<u64>,
    /// 0 takes the most probable token always.
    pub temperature: Option<f32>,
}

/// How a generator is run; what it writes is decided by its model folder.
#[derive(Debug, Clone, PartialEq)]
pub struct GeneratorOptions {
    /// Device.
    pub device: Device,
    /// Most tokens of a batch of prompts, padding included.
    pub max_batch_tokens: usize,
    /// Most rows of a batch.
    pub max_batch_rows: usize,
    /// What of the folder's way of choosing tokens is set aside.
    pub decoding: Decoding,
    /// Library of ONNX Runtime; none for the search of [`OrtRuntime::init`].
    pub library: Option<PathBuf>,
}

impl GeneratorOptions {
    /// Defaults for a device.
    pub fn for_device(device: Device) -> Self {
        let (max_batch_tokens, max_batch_rows) = match device {
            Device::Cpu => (4096, 8),
            Device::Cuda(_) => (32_768, 64),
        };
        Self { device, max_batch_tokens, max_batch_rows, decoding: Decoding::default(), library: None }
    }
}

/// A loaded generator.
#[derive(Debug)]
pub struct Generator {
    info: BackendInfo,
    shared: Arc<Shared>,
    strategy: TokenBudget,
    pool: Pool<Decoder>,
}

/// What does not change between rows.
#[derive(Debug)]
struct Shared {
    task: Task,
    tokenizer: Tokenizer,
    chat: ChatTemplate,
    template: PromptTemplate,
    vocabulary: Arc<Vocabulary>,
    generation: GenerationSpec,
    ends: Vec<u32>,
}

#[derive(Deserialize)]
struct ModelConfig {
    eos_token_id: Option<EndTokens>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum EndTokens {
    One(u32),
    Many(Vec<u32>),
}

impl Generator {
    /// Loads the model folder on the device and computes the prefix that all its prompts share.
    ///
    /// # Errors
    /// Everything that would make generation fail: ONNX Runtime missing, the device refused, a graph without a cache, a
    /// tokenizer that is not byte-level, a template that cannot be rendered.
    pub fn load(folder: &ModelFolder, options: &GeneratorOptions) -> Result<Self, BackendError> {
        let runtime = OrtRuntime::init(options.library.as_deref())?;
        let mut shared = Shared::load(folder)?;
        let Decoding { seed, temperature } = options.decoding;
        shared.generation.seed = seed.unwrap_or(shared.generation.seed);
        shared.generation.temperature = temperature.unwrap_or(shared.generation.temperature);
        let shared = Arc::new(shared);
        let graph = |message: String| BackendError::Graph { file: folder.file(MODEL_FILE), message };
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let session = session::build(runtime, &folder.file(MODEL_FILE), options.device, cores)?;
        let pad = shared.ends.first().copied().unwrap_or_default();
        let mut decoder = Decoder::new(session, options.device, i64::from(pad)).map_err(graph)?;
        let prefix = shared
            .prefix()
            .map_err(|message| BackendError::Tokenizer { file: folder.file(TOKENIZER_CONFIG_FILE), message })?;
        decoder
            .set_prefix(prefix)
            .map_err(|error| BackendError::DeviceRefused { device: options.device.to_string(), message: error.0 })?;
        let manifest = folder.manifest();
        let info = BackendInfo {
            extractor: manifest.backend.clone(),
            model_id: manifest.name.clone(),
            model_sha256: folder.sha256().to_owned(),
            prompt_sha256: Some(shared.template.sha256().to_owned()),
            device: options.device.to_string(),
            context_chars: shared.generation.context_chars,
            preferred_items: (options.max_batch_rows * 4).clamp(8, 1024),
        };
        let strategy = TokenBudget { max_tokens: options.max_batch_tokens, max_rows: options.max_batch_rows.max(1) };
        Ok(Self { info, shared, strategy, pool: Pool::start(vec![decoder])? })
    }
}

impl Shared {
    fn load(folder: &ModelFolder) -> Result<Self, BackendError> {
        let file = |name: &str| folder.file(name);
        let refused = |name: &str, message: String| BackendError::Tokenizer { file: file(name), message };
        let text = |name: &str| std::fs::read_to_string(file(name)).map_err(|error| refused(name, error.to_string()));
        let tokenizer =
            Tokenizer::from_file(file(TOKENIZER_FILE)).map_err(|error| refused(TOKENIZER_FILE, error.to_string()))?;
        let vocabulary = Vocabulary::of(&tokenizer).map_err(|message| refused(TOKENIZER_FILE, message))?;
        let config: TokenizerConfig = serde_json::from_str(&text(TOKENIZER_CONFIG_FILE)?)
            .map_err(|error| refused(TOKENIZER_CONFIG_FILE, error.to_string()))?;
        let chat = ChatTemplate::new(&config).map_err(|message| refused(TOKENIZER_CONFIG_FILE, message))?;
        let config: ModelConfig =
            serde_json::from_str(&text(CONFIG_FILE)?).map_err(|error| refused(CONFIG_FILE, error.to_string()))?;
        let mut ends = match config.eos_token_id {
            Some(EndTokens::One(end)) => vec![end],
            Some(EndTokens::Many(ends)) => ends,
            None => Vec::new(),
        };
        ends.extend(tokenizer.token_to_id(chat.eos()).filter(|end| !ends.contains(end)));
        let generation = folder.manifest().generation.clone().unwrap_or_default();
        let task = folder.task().scoring();
        let template = prompt_of(folder)?;
        Ok(Self { task, tokenizer, chat, template, vocabulary: Arc::new(vocabulary), generation, ends })
    }

    fn tokens(&self, messages: &[super::reasoning::Message]) -> Result<Vec<i64>, String> {
        let text = self.chat.render(messages)?;
        let encoding = self.tokenizer.encode(text, false).map_err(|error| error.to_string())?;
        Ok(encoding.get_ids().iter().map(|&id| i64::from(id)).collect())
    }

    /// Tokens that every prompt begins with: what the prompts of two unlike inputs share, less the last one, which may
    /// merge with what follows.
    fn prefix(&self) -> Result<Vec<i64>, String> {
        let of = |sentence: &str, context: &str| {
            self.tokens(&self.template.messages(&PromptInput { sentence, context, drugs: &[] }))
        };
        let (one, other) = (of("A b.", "A b. C.")?, of("9 %", "\"9 %\"")?);
        let shared = one.iter().zip(&other).take_while(|(left, right)| left == right).count();
        Ok(one.into_iter().take(shared.saturating_sub(1)).collect())
    }

    fn writer(&self, item: &ExtractItem) -> Writer {
        let generation = &self.generation;
        let bounds = match generation.constrained {
            true => Bounds::Grammar {
                grammar: Grammar::new(self.task, item.mentions.iter().map(|mention| mention.surface.as_str())),
                state: Grammar::start(),
                think_tokens: generation.think_tokens,
                answer_tokens: generation.answer_tokens,
            },
            false => {
                Bounds::Free { ends: self.ends.clone(), tokens: generation.think_tokens + generation.answer_tokens }
            }
        };
        let choice = Choice { temperature: generation.temperature, top_p: generation.top_p };
        // A row's random numbers depend on what it is asked, never on where in which batch it stands.
        let mut hash = Sha256::new();
        hash.update(generation.seed.to_le_bytes());
        hash.update(item.sentence.as_bytes());
        hash.update(item.context.as_ref().map_or(&[][..], |context| context.text.as_bytes()));
        let seed = hash.finalize().iter().take(8).fold(0u64, |seed, byte| seed << 8 | u64::from(*byte));
        Writer::new(Arc::clone(&self.vocabulary), bounds, choice, seed)
    }

    fn finish(&self, writer: &Writer, stats: &mut Stats) -> Result<String, ItemError> {
        stats.usage.answers += 1;
        stats.usage.completion_tokens += writer.tokens.len() as u64;
        match &writer.ending {
            Some(Ending::Whole) => {}
            Some(Ending::Fault(message)) => return Err(ItemError::new(Reason::InvalidOutput, *message)),
            Some(Ending::Cut) | None => {
                let message =
                    format!("the answer was cut after {} tokens; raise the budgets of the model", writer.tokens.len());
                return Err(ItemError::new(Reason::AnswerCut, message));
            }
        }
        Ok(writer.text())
    }
}

/// The prompt template of a model folder; one of its own lies in the folder, so that it is hashed and travels with the
/// model.
///
/// # Errors
/// A template that cannot be used or is of another task.
pub(crate) fn prompt_of(folder: &ModelFolder) -> Result<PromptTemplate, BackendError> {
    let task = folder.task().scoring();
    let prompt = folder.manifest().generation.clone().unwrap_or_default().prompt;
    let own = folder.file(&prompt);
    let prompt = if own.is_file() { own.to_string_lossy().into_owned() } else { prompt };
    Ok(PromptTemplate::load(&prompt, task, AnswerFormat::Tags)?)
}

/// A prompt with the place of its item.
type Prompt = (usize, Vec<i64>);

#[async_trait]
impl Backend for Generator {
    fn info(&self) -> &BackendInfo {
        &self.info
    }

    async fn extract(&self, items: Vec<ExtractItem>) -> Result<Reply, BackendError> {
        if self.shared.task != Task::DrugComb {
            let message = format!("it was trained for {}, which no row can hold", self.shared.task.name());
            return Err(BackendError::Address { uri: self.info.model_id.clone(), message });
        }
        let completions = self.complete(items.clone()).await?;
        Ok(reply(&items, completions))
    }
}

#[async_trait]
impl Reasoner for Generator {
    async fn complete(&self, items: Vec<ExtractItem>) -> Result<Completions, BackendError> {
        let items = Arc::new(items);
        let (shared, asked) = (Arc::clone(&self.shared), Arc::clone(&items));
        let render = move || -> Vec<Result<Vec<i64>, String>> {
            asked.iter().map(|item| shared.tokens(&shared.template.messages_of(item))).collect()
        };
        let lost = |error: tokio::task::JoinError| BackendError::WorkersLost { message: error.to_string() };
        let rendered = tokio::task::spawn_blocking(render).await.map_err(lost)?;
        let mut answers: Vec<Option<Result<String, ItemError>>> = Vec::new();
        answers.resize_with(items.len(), || None);
        let mut prompts: Vec<Option<Prompt>> = Vec::new();
        for (place, (prompt, slot)) in rendered.into_iter().zip(&mut answers).enumerate() {
            match prompt {
                Ok(prompt) => prompts.push(Some((place, prompt))),
                Err(message) => *slot = Some(Err(ItemError::new(Reason::InvalidOutput, message))),
            }
        }
        let lengths: Vec<usize> = prompts.iter().flatten().map(|(_, prompt)| prompt.len()).collect();
        let mut stats = Stats::default();
        let mut running: FuturesUnordered<_> = self
            .strategy
            .plan(&lengths)
            .into_iter()
            .map(|batch| {
                let batch: Vec<Prompt> = batch.into_iter().filter_map(|row| prompts.get_mut(row)?.take()).collect();
                let (items, shared) = (Arc::clone(&items), Arc::clone(&self.shared));
                let width = batch.iter().map(|(_, prompt)| prompt.len()).max().unwrap_or(0);
                let tokens: usize = batch.iter().map(|(_, prompt)| prompt.len()).sum();
                stats.batches += 1;
                stats.padded_tokens += width * batch.len();
                stats.padding_tokens += width * batch.len() - tokens;
                stats.usage.prompt_tokens += tokens as u64;
                async move {
                    let places: Vec<usize> = batch.iter().map(|(place, _)| *place).collect();
                    (
                        places,
                        self.pool.run(move |decoder: &mut Decoder| write_batch(decoder, &shared, &items, batch)).await,
                    )
                }
            })
            .collect();
        let mut found = Stats::default();
        while let Some((places, done)) = running.next().await {
            let done = done?;
            found.inference += done.ran;
            found.queue_wait = found.queue_wait.max(done.waited);
            match done.outcome {
                Ok((rows, cost)) => {
                    found.add(cost);
                    for (place, answer) in rows {
                        if let Some(slot) = answers.get_mut(place) {
                            *slot = Some(answer);
                        }
                    }
                }
                Err(panic) => {
                    let error = ItemError::new(Reason::InferenceFailed, format!("the worker panicked: {panic}"));
                    places.iter().for_each(|place| {
                        if let Some(slot) = answers.get_mut(*place) {
                            *slot = Some(Err(error.clone()));
                        }
                    });
                }
            }
        }
        drop(running);
        stats.add(found);
        let unanswered = || Err(ItemError::new(Reason::InferenceFailed, "the worker gave no answer"));
        let texts = answers.into_iter().map(|answer| answer.unwrap_or_else(unanswered)).collect();
        Ok(Completions { texts, stats })
    }
}

/// Texts of a batch, by place, with what they cost.
type Written = (Vec<(usize, Result<String, ItemError>)>, Stats);

/// Writes a batch; one that fails (out of memory, say) is tried again in halves, down to single rows.
fn write_batch(decoder: &mut Decoder, shared: &Shared, items: &[ExtractItem], batch: Vec<Prompt>) -> Written {
    let (mut answers, mut stats) = (Vec::with_capacity(batch.len()), Stats::default());
    // Rows that do not begin with the shared prefix (a template that puts the input first) run apart.
    let (with, without): (Vec<_>, Vec<_>) = batch.into_iter().partition(|(_, prompt)| decoder.shares_prefix(prompt));
    let mut open: Vec<Vec<Prompt>> = [with, without].into_iter().filter(|batch| !batch.is_empty()).collect();
    while let Some(mut batch) = open.pop() {
        let mut writers: Vec<Writer> =
            batch.iter().filter_map(|(place, _)| items.get(*place)).map(|item| shared.writer(item)).collect();
        let prompts: Vec<Vec<i64>> = batch.iter().map(|(_, prompt)| prompt.clone()).collect();
        let budget = Duration::try_from_secs_f64(shared.generation.seconds).unwrap_or(Duration::MAX);
        let deadline = Instant::now().checked_add(budget.saturating_mul(u32::try_from(batch.len()).unwrap_or(1)));
        let deadline = deadline.unwrap_or_else(|| Instant::now() + Duration::from_secs(1 << 30));
        match decoder.run(&prompts, &mut writers, deadline) {
            Ok(()) => {
                for ((place, _), writer) in batch.iter().zip(&writers) {
                    answers.push((*place, shared.finish(writer, &mut stats)));
                }
            }
            Err(error) if batch.len() > 1 => {
                tracing::debug!(rows = batch.len(), message = error.0, "batch failed, trying its halves");
                let right = batch.split_off(batch.len() / 2);
                open.extend([right, batch]);
            }
            Err(error) => {
                let error = ItemError::new(Reason::InferenceFailed, format!("ONNX Runtime failed: {}", error.0));
                answers.extend(batch.iter().map(|(place, _)| (*place, Err(error.clone()))));
            }
        }
    }
    (answers, stats)
}
