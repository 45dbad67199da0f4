//! `rexdrug.json`, typed.

use std::collections::BTreeMap;

use rexdrug_scoring::task::Task;
use serde::{Deserialize, Serialize};

/// The manifest format that this version reads.
pub const FORMAT: u32 = 1;

/// What a model was trained for; decides its labels and how its scores are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ModelTask {
    /// N-ary sets with an effect: what extraction runs.
    DrugComb,
    /// Typed pairs of DDI Corpus 2013: for evaluation.
    Ddi13,
}

impl ModelTask {
    /// Every task.
    pub const ALL: [Self; 2] = [Self::DrugComb, Self::Ddi13];

    /// The name in the manifest.
    pub const fn name(self) -> &'static str {
        match self {
            Self::DrugComb => "drugcomb",
            Self::Ddi13 => "ddi13",
        }
    }

    /// The task as answers in text are read and scored.
    pub const fn scoring(self) -> Task {
        match self {
            Self::DrugComb => Task::DrugComb,
            Self::Ddi13 => Task::Ddi13,
        }
    }

    /// Order of the pair labels in `pair_logits`; fixed, so that an output column can never be read as another label.
    pub const fn labels(self) -> &'static [&'static str] {
        match self {
            Self::DrugComb => &["NONE", "POS", "NEG", "COMB"],
            Self::Ddi13 => &["NONE", "effect", "advise", "int", "mechanism"],
        }
    }

    /// How scores are read.
    const fn method(self) -> DecodeMethod {
        match self {
            Self::DrugComb => DecodeMethod::AverageLink,
            Self::Ddi13 => DecodeMethod::Pairs,
        }
    }
}

/// `backend` of folders that hold a decoder.
pub(crate) const GENERATOR: &str = "generator";

/// Order of the tags in `tag_logits`.
pub(crate) const TAGS: [&str; 3] = ["O", "B", "I"];

/// The manifest of a model folder. Unknown top-level keys (training data, scores, notes) are kept in `notes`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// Format number, [`FORMAT`].
    pub format: u32,
    /// Name of the model; becomes `model_id`.
    pub name: String,
    /// What it was trained for: `drugcomb` or `ddi13`.
    pub task: String,
    /// The backend that runs it: `classifier` or `generator`.
    pub backend: String,
    /// Pair labels in the order of `pair_logits`.
    #[serde(default)]
    pub labels: Vec<String>,
    /// Tags in the order of `tag_logits`.
    #[serde(default)]
    pub tags: Vec<String>,
    /// How text becomes tokens.
    #[serde(default)]
    pub input: InputSpec,
    /// How scores become sets.
    #[serde(default)]
    pub decode: DecodeSpec,
    /// What may share a batch.
    #[serde(default)]
    pub batch: BatchSpec,
    /// How scores become probabilities.
    #[serde(default)]
    pub calibration: CalibrationSpec,
    /// How a generator is asked and bounded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub generation: Option<GenerationSpec>,
    /// Every other file of the folder with its digest.
    pub files: BTreeMap<String, FileSpec>,
    /// Keys that this version does not know.
    #[serde(flatten)]
    pub notes: serde_json::Map<String, serde_json::Value>,
}

/// How a generator is asked, and what its answers may cost.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct GenerationSpec {
    /// Name or file of the prompt template.
    pub prompt: String,
    /// Code points of document on each side of the sentence.
    pub context_chars: usize,
    /// Whether the answer is bound to valid JSON over the drugs of the sentence.
    pub constrained: bool,
    /// Most tokens of reasoning; then the answer begins.
    pub think_tokens: usize,
    /// Most tokens of the answer.
    pub answer_tokens: usize,
    /// Most seconds a sentence may take, on average over its batch.
    pub seconds: f64,
    /// 0 takes the most probable token always.
    pub temperature: f32,
    /// Share of the probability that is sampled from.
    pub top_p: f32,
    /// Seed of sampling.
    pub seed: u64,
}

impl Default for GenerationSpec {
    fn default() -> Self {
        Self {
            prompt: "drugcomb-v1".to_owned(),
            context_chars: 2000,
            constrained: true,
            think_tokens: 512,
            answer_tokens: 256,
            seconds: 120.0,
            temperature: 0.0,
            top_p: 1.0,
            seed: 42,
        }
    }
}

/// How a sentence is given to the model.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct InputSpec {
    /// Longest row in word pieces, special tokens and context included.
    pub max_tokens: usize,
    /// Whether the tokenizer lower-cases (it does so itself; recorded for readers).
    #[serde(default)]
    pub lowercase: bool,
    /// What of the document is given beside the sentence.
    #[serde(default)]
    pub context: ContextMode,
    /// Most word pieces of context.
    #[serde(default)]
    pub context_tokens: usize,
}

/// What of the document a model is given beside the sentence.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ContextMode {
    /// The sentence alone.
    #[default]
    None,
    /// Text around the sentence as the second segment.
    Document,
}

/// How pair scores become sets.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct DecodeSpec {
    /// Clustering rule.
    pub method: DecodeMethod,
    /// Two clusters join while their mean P(not NONE) is above it.
    pub threshold: f32,
    /// A mention whose P(real) is below it takes part in no set.
    #[serde(default)]
    pub mention_threshold: f32,
    /// A word piece belongs to a tagged mention when P(B) + P(I) is at least this.
    #[serde(default = "half")]
    pub tag_threshold: f32,
}

fn half() -> f32 {
    0.5
}

/// Clustering rules.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DecodeMethod {
    /// Agglomerative clustering by the mean score between two clusters.
    #[default]
    AverageLink,
    /// Every pair on its own, related when its P(not NONE) is above the threshold.
    Pairs,
}

impl DecodeMethod {
    const fn name(self) -> &'static str {
        match self {
            Self::AverageLink => "average_link",
            Self::Pairs => "pairs",
        }
    }
}

/// What may share a batch.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BatchSpec {
    /// True when the score of a row does not depend on its batch mates. False (the default) runs rows one by one.
    #[serde(default)]
    pub invariant: bool,
}

/// How scores become probabilities.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CalibrationSpec {
    /// Pair logits are divided by it before the softmax.
    pub temperature: f32,
}

impl Default for CalibrationSpec {
    fn default() -> Self {
        Self { temperature: 1.0 }
    }
}

/// Digest of one file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileSpec {
    /// Hex sha256.
    pub sha256: String,
    /// Size in bytes.
    pub bytes: u64,
}

impl Manifest {
    /// The task, where this version knows it.
    pub fn known_task(&self) -> Option<ModelTask> {
        ModelTask::ALL.into_iter().find(|task| task.name() == self.task)
    }

    /// The first value that this version cannot use, as (field, expected, got).
    pub(crate) fn fault(&self) -> Option<(&'static str, String, String)> {
        let share = |field, value: f32| {
            (!(0.0..=1.0).contains(&value)).then(|| (field, "a number from 0 to 1".to_owned(), value.to_string()))
        };
        let list = |field, expected: &[&str], got: &[String]| {
            (expected != got).then(|| (field, expected.join(", "), got.join(", ")))
        };
        let unknown_task = || ("task", ModelTask::ALL.map(ModelTask::name).join(" or "), self.task.clone());
        if self.backend == GENERATOR {
            if self.known_task().is_none() {
                return Some(unknown_task());
            }
            let generation = self.generation.clone().unwrap_or_default();
            return share("generation.top_p", generation.top_p).or_else(|| {
                let temperature = generation.temperature;
                let usable = temperature.is_finite() && temperature >= 0.0;
                (!usable).then(|| ("generation.temperature", "a number from 0".to_owned(), temperature.to_string()))
            });
        }
        if self.backend != "classifier" {
            return Some(("backend", "classifier or generator".to_owned(), self.backend.clone()));
        }
        if !(8..=8192).contains(&self.input.max_tokens) {
            return Some(("input.max_tokens", "8 to 8192".to_owned(), self.input.max_tokens.to_string()));
        }
        let temperature = self.calibration.temperature;
        if !(temperature.is_finite() && temperature > 0.0) {
            return Some(("calibration.temperature", "a number above 0".to_owned(), temperature.to_string()));
        }
        let Some(task) = self.known_task() else {
            return Some(unknown_task());
        };
        if self.decode.method != task.method() {
            let (expected, got) = (task.method().name(), self.decode.method.name());
            return Some(("decode.method", format!("{expected} for {}", self.task), got.to_owned()));
        }
        list("labels", task.labels(), &self.labels)
            .or_else(|| list("tags", &TAGS, &self.tags))
            .or_else(|| share("decode.threshold", self.decode.threshold))
            .or_else(|| share("decode.mention_threshold", self.decode.mention_threshold))
            .or_else(|| share("decode.tag_threshold", self.decode.tag_threshold))
    }
}
