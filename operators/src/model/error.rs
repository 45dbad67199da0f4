//! Errors of model folders.

use std::path::PathBuf;

use thiserror::Error;

/// A model folder that cannot be used.
#[derive(Debug, Error)]
pub enum ModelError {
    /// A file of the folder could not be read.
    #[error("cannot read `{file}` of model folder {folder}: {source}; fetch the folder again or check `--model`")]
    Unreadable {
        /// The model folder.
        folder: PathBuf,
        /// The file inside it.
        file: String,
        /// What the file system said.
        #[source]
        source: std::io::Error,
    },
    /// `rexdrug.json` is no valid manifest.
    #[error(
        "`rexdrug.json` of model folder {folder} is not a manifest of format {expected}: {message}; export the model again"
    )]
    Manifest {
        /// The model folder.
        folder: PathBuf,
        /// The format that this version reads.
        expected: u32,
        /// What the parser said.
        message: String,
    },
    /// `rexdrug.json` has another format number.
    #[error(
        "model folder {folder} has format {got}, this version reads format {expected}; {}",
        if got > expected { "update rexdrug" } else { "export the model again" }
    )]
    Format {
        /// The model folder.
        folder: PathBuf,
        /// The format that this version reads.
        expected: u32,
        /// The format found.
        got: u32,
    },
    /// A value of `rexdrug.json` that this version cannot use.
    #[error(
        "`{field}` in `rexdrug.json` of model folder {folder}: expected {expected}, got {got}; export the model again"
    )]
    Field {
        /// The model folder.
        folder: PathBuf,
        /// Path of the field, e.g. `decode.threshold`.
        field: &'static str,
        /// What it may be.
        expected: String,
        /// What it is.
        got: String,
    },
    /// A file that does not have the declared contents.
    #[error(
        "`{file}` of model folder {folder} has {what} {got}, `rexdrug.json` declares {expected}; \
         the copy is damaged or was changed: fetch the folder again"
    )]
    Contents {
        /// The model folder.
        folder: PathBuf,
        /// The file inside it.
        file: String,
        /// `sha256` or `bytes`.
        what: &'static str,
        /// The declared value.
        expected: String,
        /// The value of the file.
        got: String,
    },
    /// `first_pass.json` cannot be used.
    #[error("`first_pass.json` of model folder {folder} cannot be used: {message}; fit the first pass again")]
    FirstPass {
        /// The folder.
        folder: PathBuf,
        /// What is wrong.
        message: String,
    },
    /// `mentions.json` cannot be used.
    #[error("`mentions.json` of model folder {folder} cannot be used: {message}; fit the mention decision again")]
    Mentions {
        /// The model folder.
        folder: PathBuf,
        /// What is wrong with it.
        message: String,
    },
    /// The whole folder is another model than the one asked for.
    #[error(
        "model folder {folder} has sha256 {got}, the run asks for {expected}; point `--model` to the model of the run"
    )]
    Identity {
        /// The model folder.
        folder: PathBuf,
        /// The sha256 asked for.
        expected: String,
        /// The sha256 of the folder.
        got: String,
    },
    /// A model of another task than the one it is asked to do.
    #[error(
        "model folder {folder} was trained for {got}, this needs a model for {expected} (labels {labels}); name such a \
         folder with --model"
    )]
    Task {
        /// The model folder.
        folder: PathBuf,
        /// The task asked for.
        expected: &'static str,
        /// Its labels.
        labels: String,
        /// The task of the model.
        got: &'static str,
    },
}
