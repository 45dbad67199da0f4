//! The classifier: one encoder pass per sentence, then all pairs of its mentions.
//!
//! ```text
//! items ─tokenise─▶ rows ─length buckets─▶ batches ─▶ session threads ─▶ answers in the order given
//!        (blocking pool)   (TokenBudget)               encoder ─▶ mentions ─▶ pairs ─▶ average link
//! ```
//!
//! Mentions: given ones and spans of the tagger are candidates; `mentions.json` of the model folder decides which of them
//! are drugs. A folder without that file takes the union and lets the mention head refuse.
//!
//! `first_pass.json`, where it is asked for, settles sentences that state nothing before they are tokenised. Given
//! mentions always go through the network.
//!
//! A sentence longer than `max_tokens` runs as half-overlapping windows; pairs are averaged over the windows that hold
//! both mentions, and clusters over the pairs that some window held.

mod bare;
mod candidates;
mod decision;
mod decode;
mod encode;
mod features;
mod first_pass;
mod rows;
mod tags;
#[cfg(test)]
mod tests;
mod worker;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use futures::stream::{FuturesUnordered, StreamExt};

use super::batching::{BatchStrategy, TokenBudget};
use super::pool::Pool;
use super::{
    Backend, BackendError, BackendInfo, Device, ExtractItem, Extraction, ItemError, ItemMention, MentionPolicy,
    OrtRuntime, PairExtraction, Reason, Reply, Stats, session,
};
use crate::model::{MODEL_FILE, ModelFolder, ModelTask, PAIRS_FILE};

pub use super::merge::OverlapRule;
pub use bare::bare_loop_seconds;
use decision::Decision;
use encode::{Encoded, Encoder};
use first_pass::FirstPass;
use worker::{Rules, Worker};

/// Sentences in a row that may fail before the run stops.
const FAILURES_IN_A_ROW: usize = 256;

/// Sessions on the processor when nobody says how many: each holds the weights, so more cores are more threads of
/// these, not more copies.
const MOST_SESSIONS: usize = 8;

/// How a classifier is run; what it computes is decided by its model folder alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClassifierOptions {
    /// Device.
    pub device: Device,
    /// Sessions, between which the processor's cores are divided; none for one per core up to eight, and one on a GPU.
    pub sessions: Option<usize>,
    /// Most tokens of a batch, padding included.
    pub max_batch_tokens: usize,
    /// Most rows of a batch.
    pub max_batch_rows: usize,
    /// Library of ONNX Runtime; none for the search of [`OrtRuntime::init`].
    pub library: Option<PathBuf>,
    /// Which span stays where a tagged mention overlaps a given one.
    pub overlap: OverlapRule,
    /// Whether the model's first pass, if it has one, settles hopeless sentences.
    pub first_pass: bool,
}

impl ClassifierOptions {
    /// Defaults for a device: small batches that fit a core's cache, large ones for a GPU.
    pub fn for_device(device: Device) -> Self {
        let (max_batch_tokens, max_batch_rows) = match device {
            Device::Cpu => (1024, 8),
            Device::Cuda(_) => (32_768, 256),
        };
        Self {
            device,
            sessions: None,
            max_batch_tokens,
            max_batch_rows,
            library: None,
            overlap: OverlapRule::default(),
            first_pass: false,
        }
    }
}

/// One answer per item.
type Answers<R> = Vec<Result<R, ItemError>>;

/// A loaded classifier.
#[derive(Debug)]
pub struct Classifier {
    info: BackendInfo,
    encoder: Arc<Encoder>,
    /// Labels of pairs, in the order of the model's output.
    labels: Vec<String>,
    strategy: Box<dyn BatchStrategy>,
    pool: Pool<Worker>,
    sessions: usize,
    failures: AtomicUsize,
    first_pass: Option<FirstPass>,
}

impl Classifier {
    /// Loads the model folder on the device and runs it once.
    ///
    /// # Errors
    /// Everything that would make extraction fail or silently differ: ONNX Runtime missing, the device refused, graphs
    /// that are damaged or not of the contract, a probe that fails.
    pub fn load(folder: &ModelFolder, options: &ClassifierOptions) -> Result<Self, BackendError> {
        let runtime = OrtRuntime::init(options.library.as_deref())?;
        let manifest = folder.manifest();
        let encoder = Arc::new(Encoder::load(folder)?);
        let rules = Arc::new(Rules {
            threshold: f64::from(manifest.decode.threshold),
            mention_threshold: f64::from(manifest.decode.mention_threshold),
            tag_threshold: f64::from(manifest.decode.tag_threshold),
            temperature: f64::from(manifest.calibration.temperature),
            decision: Decision::load(folder)?,
            overlap: options.overlap,
            pad: encoder.pad,
        });
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let sessions = options.sessions.unwrap_or(match options.device {
            Device::Cpu => cores.min(MOST_SESSIONS),
            Device::Cuda(_) => 1,
        });
        let threads = match options.device {
            Device::Cpu => (cores / sessions.max(1)).max(1),
            Device::Cuda(_) => 1,
        };
        let open = || -> Result<Worker, BackendError> {
            Ok(Worker {
                encoder: session::open(runtime, folder.file(MODEL_FILE), options.device, threads, &worker::ENCODER)?,
                pairs: session::open(runtime, folder.file(PAIRS_FILE), options.device, 1, &worker::PAIRS)?,
                rules: Arc::clone(&rules),
            })
        };
        let mut workers = (0..sessions.max(1)).map(|_| open()).collect::<Result<Vec<_>, _>>()?;
        if let Some(worker) = workers.first_mut() {
            probe(worker, &encoder, options.device, folder.task())?;
        }
        // Scales that depend on batch mates would make rows depend on them too.
        let max_rows = if manifest.batch.invariant { options.max_batch_rows.max(1) } else { 1 };
        let sessions = workers.len();
        let info = BackendInfo {
            extractor: manifest.backend.clone(),
            model_id: manifest.name.clone(),
            model_sha256: folder.sha256().to_owned(),
            prompt_sha256: None,
            device: options.device.to_string(),
            context_chars: encoder.context_chars(),
            // Enough to fill every session's running and waiting batch, and so many that sorting by length leaves little
            // padding.
            preferred_items: (sessions * max_rows * 32).clamp(64, 4096),
        };
        let strategy = Box::new(TokenBudget { max_tokens: options.max_batch_tokens, max_rows });
        let labels = manifest.labels.clone();
        let (pool, failures) = (Pool::start(workers)?, AtomicUsize::new(0));
        let first_pass = if options.first_pass { FirstPass::load(folder)? } else { None };
        Ok(Self { info, encoder, labels, strategy, pool, sessions, failures, first_pass })
    }

    /// Tokenises off the async threads.
    async fn encode(&self, items: Vec<ExtractItem>) -> Result<Vec<Result<Encoded, ItemError>>, BackendError> {
        let encoder = Arc::clone(&self.encoder);
        let encode = move || items.into_iter().map(|item| encoder.encode(item)).collect();
        let lost = |error: tokio::task::JoinError| BackendError::WorkersLost { message: error.to_string() };
        tokio::task::spawn_blocking(encode).await.map_err(lost)
    }

    /// Groups encoded items into batches of (place, item).
    fn batches(&self, encoded: Vec<(usize, Encoded)>) -> Vec<Vec<(usize, Encoded)>> {
        let (short, long): (Vec<_>, Vec<_>) = encoded.into_iter().partition(|(_, item)| item.windows.len() == 1);
        let lengths: Vec<usize> = short.iter().map(|(_, item)| item.row_tokens()).collect();
        let mut short: Vec<Option<(usize, Encoded)>> = short.into_iter().map(Some).collect();
        let plan = self.strategy.plan(&lengths);
        // A sentence of several windows is a batch already.
        let alone = long.into_iter().map(|item| vec![item]);
        let together = plan
            .into_iter()
            .map(|batch| batch.into_iter().filter_map(|row| short.get_mut(row)?.take()).collect::<Vec<_>>())
            .collect::<Vec<_>>();
        alone.chain(together).collect()
    }

    fn note_failures<R>(&self, answers: &[Result<R, ItemError>]) -> Result<(), BackendError> {
        for answer in answers {
            match answer {
                Err(error) if error.reason == Reason::InferenceFailed => {
                    let failures = self.failures.fetch_add(1, Ordering::Relaxed) + 1;
                    if failures >= FAILURES_IN_A_ROW {
                        let device = self.info.device.clone();
                        return Err(BackendError::Failing { failures, device, message: error.message.clone() });
                    }
                }
                Ok(_) => self.failures.store(0, Ordering::Relaxed),
                Err(_) => {}
            }
        }
        Ok(())
    }

    /// Labels of pairs, in the order of the model's output; the first is NONE.
    pub fn labels(&self) -> &[String] {
        &self.labels
    }

    /// What the sentences state under a task of typed pairs (DDI13), one answer per item in the order given.
    ///
    /// # Errors
    /// As [`Backend::extract`]. A model of another task answers every item with an error.
    pub async fn relations(&self, items: Vec<ExtractItem>) -> Result<Answers<PairExtraction>, BackendError> {
        Ok(self.run(items, Worker::relate).await?.0)
    }

    /// Tokenises, batches and runs; one answer of `job` per item, in the order given.
    async fn run<R: Send + 'static>(
        &self,
        items: Vec<ExtractItem>,
        job: fn(&mut Worker, Vec<Encoded>) -> Answers<R>,
    ) -> Result<(Answers<R>, Stats), BackendError> {
        let mut answers: Vec<Option<Result<R, ItemError>>> = Vec::new();
        answers.resize_with(items.len(), || None);
        let mut encoded = Vec::with_capacity(items.len());
        for ((place, result), slot) in self.encode(items).await?.into_iter().enumerate().zip(&mut answers) {
            match result {
                Ok(item) => encoded.push((place, item)),
                Err(error) => *slot = Some(Err(error)),
            }
        }
        let mut stats = Stats::default();
        let mut running: FuturesUnordered<_> = self
            .batches(encoded)
            .into_iter()
            .map(|batch| {
                let width = batch.iter().map(|(_, item)| item.row_tokens()).max().unwrap_or(0);
                let rows: usize = batch.iter().map(|(_, item)| item.windows.len()).sum();
                let tokens: usize = batch.iter().map(|(_, item)| item.tokens()).sum();
                stats.batches += 1;
                stats.padded_tokens += width * rows;
                stats.padding_tokens += width * rows - tokens;
                let (places, items): (Vec<usize>, Vec<Encoded>) = batch.into_iter().unzip();
                async move { (places, self.pool.run(move |worker: &mut Worker| job(worker, items)).await) }
            })
            .collect();
        let mut waits = Vec::new();
        while let Some((places, done)) = running.next().await {
            let done = done?;
            waits.push(done.waited);
            stats.inference += done.ran;
            let found = done.outcome.unwrap_or_else(|panic| {
                let error = ItemError::new(Reason::InferenceFailed, format!("the worker panicked: {panic}"));
                places.iter().map(|_| Err(error.clone())).collect()
            });
            self.note_failures(&found)?;
            for (place, answer) in places.into_iter().zip(found) {
                if let Some(slot) = answers.get_mut(place) {
                    *slot = Some(answer);
                }
            }
        }
        drop(running);
        stats.queue_wait = waits.into_iter().min().unwrap_or_default();
        let unanswered = || Err(ItemError::new(Reason::InferenceFailed, "the worker gave no answer"));
        let answers = answers.into_iter().map(|answer| answer.unwrap_or_else(unanswered)).collect();
        Ok((answers, stats))
    }
}

#[async_trait]
impl Backend for Classifier {
    fn info(&self) -> &BackendInfo {
        &self.info
    }

    async fn extract(&self, items: Vec<ExtractItem>) -> Result<Reply, BackendError> {
        let mut answers: Vec<Option<Result<Extraction, ItemError>>> = Vec::with_capacity(items.len());
        let mut open = Vec::with_capacity(items.len());
        for item in items {
            let pass = self.first_pass.as_ref().filter(|_| item.policy == MentionPolicy::Union);
            let settled = pass.and_then(|pass| pass.settled(&item));
            if settled.is_none() {
                open.push(item);
            }
            answers.push(settled.map(Ok));
        }
        let settled = answers.len() - open.len();
        let (found, mut stats) = self.run(open, Worker::answer).await?;
        stats.settled += settled;
        let mut found = found.into_iter();
        let unanswered = || Err(ItemError::new(Reason::InferenceFailed, "the worker gave no answer"));
        let answers = answers.into_iter().map(|answer| answer.or_else(|| found.next()).unwrap_or_else(unanswered));
        Ok(Reply { answers: answers.collect(), stats })
    }
}

/// Runs two mentions through both graphs, so that a device or graph that cannot work says so before the run.
fn probe(worker: &mut Worker, encoder: &Encoder, device: Device, task: ModelTask) -> Result<(), BackendError> {
    let refused = |message: String| BackendError::DeviceRefused { device: device.to_string(), message };
    let mention = |start: usize, surface: &str| ItemMention {
        start,
        end: start + surface.len(),
        drug_id: surface.to_owned(),
        name: surface.to_owned(),
        surface: surface.to_owned(),
        kind: "name".to_owned(),
    };
    let item = ExtractItem {
        sentence: Arc::from("aspirin plus ibuprofen"),
        context: None,
        mentions: vec![mention(0, "aspirin"), mention(13, "ibuprofen")],
        policy: MentionPolicy::Given,
    };
    let encoded = encoder.encode(item).map_err(|error| refused(error.message))?;
    let answer = match task {
        ModelTask::DrugComb => worker.answer(vec![encoded]).pop().map(|answer| answer.map(drop)),
        ModelTask::Ddi13 => worker.relate(vec![encoded]).pop().map(|answer| answer.map(drop)),
    };
    match answer {
        Some(Ok(_)) => Ok(()),
        Some(Err(error)) => Err(refused(error.message)),
        None => Err(refused("the probe gave no answer".to_owned())),
    }
}
