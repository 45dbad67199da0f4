//! Errors of reading, compiling and loading a lexicon.

use std::path::PathBuf;

/// What went wrong with a lexicon.
#[derive(Debug, thiserror::Error)]
pub enum LexiconError {
    /// A source or artefact file could not be read or written.
    #[error("cannot read or write lexicon file {path}: {source}; check that it exists and is readable")]
    Io {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: std::io::Error,
    },
    /// A table lacks a column that it needs.
    #[error("lexicon table {path} has no column {column:?} in its header (got {got}); add it")]
    MissingColumn {
        /// The file.
        path: PathBuf,
        /// The missing column.
        column: String,
        /// The header that was read.
        got: String,
    },
    /// More unusable rows than the limit allows.
    #[error(
        "lexicon source {source_name} has {bad} unusable rows of {rows}, more than the limit of {limit}; first: {first}; check that the file has the format of this source"
    )]
    TooManyBadRows {
        /// The source.
        source_name: String,
        /// Unusable rows.
        bad: usize,
        /// All rows.
        rows: usize,
        /// Most unusable rows allowed.
        limit: usize,
        /// The first unusable row.
        first: String,
    },
    /// Nothing to compile.
    #[error("lexicon has no usable term ({sources} sources read); give at least one source with names")]
    Empty {
        /// Sources read.
        sources: usize,
    },
    /// A table too large for the file format.
    #[error("lexicon {what} does not fit the file format: got {got}, at most {limit}; split the sources")]
    TooLarge {
        /// Which table.
        what: &'static str,
        /// Its size.
        got: usize,
        /// The limit.
        limit: usize,
    },
    /// The bytes are not a lexicon artefact, or are damaged.
    #[error(
        "lexicon artefact is damaged at {what}: expected {expected}, got {got}; rebuild it with `rexdrug lexicon build`"
    )]
    Damaged {
        /// Which part.
        what: &'static str,
        /// What should be there.
        expected: String,
        /// What is there.
        got: String,
    },
}

/// A row of a source that could not be used; the others were.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadRow {
    /// File name, without its folder.
    pub file: String,
    /// Line number, from 1.
    pub line: u64,
    /// What is wrong with it.
    pub reason: String,
}

impl std::fmt::Display for BadRow {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}: {}", self.file, self.line, self.reason)
    }
}
