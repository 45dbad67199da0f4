//! Model folders: `rexdrug.json`, the ONNX graphs and the tokenizer, checked file by file before use.
//!
//! This module reads and hashes files; it knows nothing of ONNX Runtime.

mod error;
mod folder;
mod manifest;

pub use error::ModelError;
pub use folder::{
    CONFIG_FILE, FIRST_PASS_FILE, MANIFEST_FILE, MENTIONS_FILE, MODEL_FILE, ModelFolder, ModelReport, PAIRS_FILE,
    TOKENIZER_CONFIG_FILE, TOKENIZER_FILE,
};
pub(crate) use manifest::GENERATOR;
pub use manifest::{
    BatchSpec, CalibrationSpec, ContextMode, DecodeMethod, DecodeSpec, FORMAT, FileSpec, GenerationSpec, InputSpec,
    Manifest, ModelTask,
};
