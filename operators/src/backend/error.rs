//! Errors of backends.

use std::path::PathBuf;

use thiserror::Error;

use super::reasoning::PromptError;
use crate::model::ModelError;

/// Something that ends a run: nothing can be extracted until it is repaired.
#[derive(Debug, Error)]
pub enum BackendError {
    /// The model folder cannot be used.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// The prompt template cannot be used.
    #[error(transparent)]
    Prompt(#[from] PromptError),
    /// A server that cannot be used.
    #[error("language model at {url}: {message}")]
    Endpoint {
        /// Root of its API.
        url: String,
        /// What is wrong, and what to do.
        message: String,
    },
    /// The cache of answers cannot be used.
    #[error("answer cache {path}: cannot {action}: {message}; free space or name another folder")]
    AnswerCache {
        /// The folder or file.
        path: PathBuf,
        /// What was tried.
        action: &'static str,
        /// What went wrong.
        message: String,
    },
    /// A cascade policy that cannot work.
    #[error("cascade policy: expected {expected}, got {got}; correct `[cascade]` or the flags")]
    Cascade {
        /// What it may be.
        expected: &'static str,
        /// What it is.
        got: String,
    },
    /// No ONNX Runtime library was found.
    #[error(
        "no ONNX Runtime library found; looked at {}; run `make setup` or set REXDRUG_ORT_LIBRARY to a \
         libonnxruntime.so of version 1.24 or newer", .looked_at.join(", ")
    )]
    RuntimeMissing {
        /// The places tried.
        looked_at: Vec<String>,
    },
    /// The library could not be loaded.
    #[error(
        "cannot load ONNX Runtime from {library}: {message}; expected version 1.24 or newer for this machine; \
         run `make setup` or point REXDRUG_ORT_LIBRARY to another library"
    )]
    RuntimeRefused {
        /// The library.
        library: PathBuf,
        /// What the loader said.
        message: String,
    },
    /// A second library was asked for; a process can hold one.
    #[error("ONNX Runtime is already loaded from {loaded}, cannot load {asked}; use one library per process")]
    RuntimeConflict {
        /// The library in use.
        loaded: PathBuf,
        /// The library asked for.
        asked: PathBuf,
    },
    /// A device name that is none.
    #[error("unknown device `{got}`; expected cpu, cuda or cuda:N")]
    UnknownDevice {
        /// The name.
        got: String,
    },
    /// The device asked for refused to work.
    #[error(
        "device {device} cannot run the model: {message}; check the driver and that the ONNX Runtime library is a GPU \
         build, or ask for `--device cpu`"
    )]
    DeviceRefused {
        /// The device.
        device: String,
        /// What ONNX Runtime said.
        message: String,
    },
    /// A graph that ONNX Runtime cannot load.
    #[error("cannot load {file}: {message}; export the model again")]
    Graph {
        /// The ONNX file.
        file: PathBuf,
        /// What ONNX Runtime said.
        message: String,
    },
    /// A graph whose inputs or outputs are not those of the contract.
    #[error("{file} has {side} {found}; expected {expected}; export the model again with these names and types")]
    Signature {
        /// The ONNX file.
        file: PathBuf,
        /// `inputs` or `outputs`.
        side: &'static str,
        /// What the contract asks for.
        expected: String,
        /// What the graph declares.
        found: String,
    },
    /// A tokenizer that cannot be used.
    #[error("cannot use {file}: {message}; export the model again")]
    Tokenizer {
        /// `tokenizer.json`.
        file: PathBuf,
        /// What the tokenizer library said.
        message: String,
    },
    /// A model address that no backend understands.
    #[error("cannot open model `{uri}`: {message}")]
    Address {
        /// The address.
        uri: String,
        /// What is wrong with it.
        message: String,
    },
    /// The threads that own the sessions are gone.
    #[error("the inference workers have stopped: {message}; start the run again")]
    WorkersLost {
        /// What is known about it.
        message: String,
    },
    /// Nothing succeeds any more.
    #[error(
        "{failures} sentences in a row failed on {device}, the last with: {message}; check the device and the model"
    )]
    Failing {
        /// Failures in a row.
        failures: usize,
        /// The device.
        device: String,
        /// Message of the last one.
        message: String,
    },
}

/// Why one sentence could not be extracted; the code is stored in `quarantine.reason`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Reason {
    /// More word pieces than the model and the window limit allow.
    SentenceTooLong,
    /// More mentions than can be scored in bounded memory.
    TooManyMentions,
    /// A mention that no word piece covers.
    MentionLost,
    /// A mention whose surface is not the slice of the text it points to.
    OffsetMismatch,
    /// The session failed on this sentence alone.
    InferenceFailed,
    /// The model answered something that is no probability.
    InvalidOutput,
    /// A language model ran into its limit of tokens before its answer was whole.
    AnswerCut,
    /// Refused by a script, in tests.
    Scripted,
}

impl Reason {
    /// The stored code.
    pub const fn code(self) -> &'static str {
        match self {
            Self::SentenceTooLong => "sentence_too_long",
            Self::TooManyMentions => "too_many_mentions",
            Self::MentionLost => "mention_lost",
            Self::OffsetMismatch => "offset_mismatch",
            Self::InferenceFailed => "inference_failed",
            Self::InvalidOutput => "invalid_output",
            Self::AnswerCut => "answer_cut",
            Self::Scripted => "scripted",
        }
    }
}

/// One sentence that could not be extracted.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{message}")]
pub struct ItemError {
    /// Stable reason.
    pub reason: Reason,
    /// What was wrong, what was expected.
    pub message: String,
}

impl ItemError {
    pub(crate) fn new(reason: Reason, message: impl Into<String>) -> Self {
        Self { reason, message: message.into() }
    }
}
