//! What runs a model over sentences: one trait, and the backends behind it.
//!
//! ```text
//! items ──▶ Backend::extract ──▶ one Result<Extraction, ItemError> per item, in the order given
//!            ├─ classifier   ONNX encoder and pair scorer, batches by padded tokens
//!            ├─ generator    ONNX decoder that reasons, with a cache of keys and values
//!            ├─ openai       a reasoning model behind any OpenAI-compatible server
//!            ├─ cascade      one backend first, another for what it leaves open
//!            └─ scripted     canned answers for tests
//! ```
//!
//! Only `runtime`, `session`, `classifier` and `generator` know ONNX Runtime; only `openai` opens sockets.

mod batching;
pub mod cascade;
mod classifier;
mod device;
mod error;
mod generator;
mod merge;
pub mod openai;
mod pool;
pub mod reasoning;
mod runtime;
mod scripted;
mod session;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use rexdrug_schemas::Effect;

pub use batching::{BatchStrategy, TokenBudget};
pub use cascade::{Cascade, CascadePolicy};
pub use classifier::{Classifier, ClassifierOptions, OverlapRule, bare_loop_seconds};
pub use device::Device;
pub use error::{BackendError, ItemError, Reason};
pub(crate) use generator::prompt_of;
pub use generator::{Decoding, Generator, GeneratorOptions};
pub use openai::{OpenAi, OpenAiOptions};
pub use runtime::{LIBRARY_VARIABLES, OrtRuntime};
pub use scripted::{SCRIPTED_SCHEME, Scripted};

/// Runs a model over sentences.
#[async_trait]
pub trait Backend: Send + Sync + std::fmt::Debug {
    /// What the backend is, for the provenance of its rows.
    fn info(&self) -> &BackendInfo;

    /// Answers every item, in the order given; one that cannot be answered is an [`ItemError`], not the end of the run.
    /// Dropping the future cancels the work that has not started.
    ///
    /// # Errors
    /// Only what makes further calls useless: the workers are gone, or nothing succeeds any more.
    async fn extract(&self, items: Vec<ExtractItem>) -> Result<Reply, BackendError>;
}

/// What a backend is; fills the extraction columns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BackendInfo {
    /// `classifier`, `scripted`, ...
    pub extractor: String,
    /// Name of the model.
    pub model_id: String,
    /// sha256 over the model folder.
    pub model_sha256: String,
    /// sha256 of the prompt template; none for classifiers.
    pub prompt_sha256: Option<String>,
    /// The device that answered the start-up probe.
    pub device: String,
    /// Code points of document that the backend reads on each side of a sentence; 0 when it reads the sentence alone.
    pub context_chars: usize,
    /// Items that keep it busy: enough for every session's running and waiting batch.
    pub preferred_items: usize,
}

impl BackendInfo {
    /// Whether it asks a language model, on a server or in the process.
    pub fn asks_language_model(&self) -> bool {
        self.prompt_sha256.is_some()
    }
}

/// One sentence to extract from.
#[derive(Debug, Clone, PartialEq)]
pub struct ExtractItem {
    /// The sentence.
    pub sentence: Arc<str>,
    /// The document around it, for backends that want it.
    pub context: Option<ItemContext>,
    /// Known mentions, in text order.
    pub mentions: Vec<ItemMention>,
    /// What the backend may do to them.
    pub policy: MentionPolicy,
}

/// The document of a sentence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ItemContext {
    /// Text around the sentence, the sentence included; a part of the document.
    pub text: Arc<str>,
    /// First code point of `text` in the document.
    pub offset: usize,
    /// First code point of the sentence in `text`.
    pub sentence_start: usize,
}

/// A drug mention. `start` and `end` are code points from the start of the sentence, half-open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ItemMention {
    /// First code point.
    pub start: usize,
    /// One past the last.
    pub end: usize,
    /// Id of the drug; `tag:<lower-case surface>` where only the tagger knows it.
    pub drug_id: String,
    /// Name of the drug.
    pub name: String,
    /// Exactly the slice of the sentence.
    pub surface: String,
    /// How it was found, e.g. `tagged`.
    pub kind: String,
}

/// What a backend may do to the mentions it is given.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum MentionPolicy {
    /// Add the mentions that the model's tagger finds and drop those that its mention head refuses.
    #[default]
    Union,
    /// Take them as they are (gold mentions).
    Given,
}

/// What a sentence states.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Extraction {
    /// The mentions that were scored, in text order; tagged ones included.
    pub mentions: Vec<ItemMention>,
    /// Indices into `mentions` of those that take part in nothing: the model does not believe them.
    pub refused: Vec<usize>,
    /// The combinations, in text order of their first members.
    pub combinations: Vec<ExtractedCombination>,
    /// First code point that the model saw, relative to the start of the sentence (negative: before it).
    pub context_start: i64,
    /// One past the last code point that the model saw, relative to the start of the sentence.
    pub context_end: i64,
    /// Greatest probability that two of the mentions are combined, whether or not it made a set; none from backends
    /// that give no probabilities, and for sentences without a pair.
    pub pair_score: Option<f32>,
}

/// What a sentence states under a task of typed pairs.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct PairExtraction {
    /// The mentions that were scored, in text order.
    pub mentions: Vec<ItemMention>,
    /// The pairs that relate, by their first and then their second mention.
    pub pairs: Vec<TypedPair>,
}

/// Two mentions that relate.
#[derive(Debug, Clone, PartialEq)]
pub struct TypedPair {
    /// Index of the first mention.
    pub left: usize,
    /// Index of the second mention.
    pub right: usize,
    /// The most probable type: an index into the labels of the model, never 0 (NONE).
    pub label: usize,
    /// Probability that they relate at all.
    pub confidence: f32,
}

/// A set of mentions that the sentence combines.
#[derive(Debug, Clone, PartialEq)]
pub struct ExtractedCombination {
    /// Indices into [`Extraction::mentions`], ascending; two or more different drugs.
    pub members: Vec<usize>,
    /// The most probable effect.
    pub effect: Effect,
    /// Probability of POS, NEG and COMB given that it is a combination; they add up to 1.
    pub effect_scores: [f32; 3],
    /// Probability that it is a combination.
    pub confidence: f32,
    /// Reasoning, from backends that give one.
    pub reasoning: Option<String>,
    /// Whether it answers a prompt: of the rows of a cascade only some do, of a regimen's name none.
    pub prompted: bool,
}

/// Answers of one call, with what they cost.
#[derive(Debug, Default)]
pub struct Reply {
    /// One per item, in the order given.
    pub answers: Vec<Result<Extraction, ItemError>>,
    /// What it cost.
    pub stats: Stats,
}

/// Cost of a call.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Stats {
    /// Sentences that a first pass settled.
    pub settled: usize,
    /// Batches run.
    pub batches: usize,
    /// Tokens run, padding included.
    pub padded_tokens: usize,
    /// Padding among them.
    pub padding_tokens: usize,
    /// Time until the first batch of a call was in a session: waiting for room, and for batches of other calls.
    pub queue_wait: Duration,
    /// Time in sessions, added up.
    pub inference: Duration,
    /// What language models were asked and what it cost.
    pub usage: openai::Usage,
    /// What became of the relations that reasoning models stated.
    pub grounding: reasoning::Grounding,
}

impl Stats {
    /// Adds the cost of another call.
    pub fn add(&mut self, other: Self) {
        self.settled += other.settled;
        self.batches += other.batches;
        self.padded_tokens += other.padded_tokens;
        self.padding_tokens += other.padding_tokens;
        self.queue_wait += other.queue_wait;
        self.inference += other.inference;
        self.usage.add(&other.usage);
        self.grounding.add(&other.grounding);
    }
}

/// Drops, of mentions of one drug (same id or same normalised name), all but the first.
/// Indices into `mentions` go in and come out; the number that comes out is the arity.
pub fn distinct_drugs(mentions: &[ItemMention], members: &[usize]) -> Vec<usize> {
    let mut seen: Vec<(&str, String)> = Vec::new();
    let mut distinct = Vec::new();
    for &member in members {
        let Some(mention) = mentions.get(member) else { continue };
        let name = rexdrug_schemas::drug_key([mention.name.as_str()]);
        if seen.iter().any(|(id, key)| *id == mention.drug_id || *key == name) {
            continue;
        }
        seen.push((&mention.drug_id, name));
        distinct.push(member);
    }
    distinct
}
