//! What can go wrong in the warehouse.

use std::path::PathBuf;

use thiserror::Error;

use super::location::redact;

/// A failure of the warehouse. Messages never hold credentials: they pass through [`redact`].
#[derive(Debug, Error)]
pub enum WarehouseError {
    /// A warehouse URI that cannot be used.
    #[error(
        "warehouse `{uri}`: {reason}; expected a local path, file:///path or s3://bucket/prefix; correct --warehouse"
    )]
    Location {
        /// The URI, redacted.
        uri: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The Delta log or its store refused.
    #[error("table `{table}`: cannot {action}: {message}; {hint}")]
    Delta {
        /// Table name.
        table: String,
        /// What was attempted.
        action: &'static str,
        /// What the store or the log said, redacted.
        message: String,
        /// What to do next.
        hint: &'static str,
    },
    /// A Parquet file that cannot be read or written.
    #[error("parquet file `{path}`: cannot {action}: {message}; run `rexdrug verify` on the warehouse")]
    Parquet {
        /// File, relative to its table or a local path.
        path: String,
        /// What was attempted.
        action: &'static str,
        /// The reason, redacted.
        message: String,
    },
    /// A local file that cannot be read or written.
    #[error(
        "local file `{}`: cannot {action}: {message}; check free space and permissions of the spool folder",
        .path.display()
    )]
    Local {
        /// The file.
        path: PathBuf,
        /// What was attempted.
        action: &'static str,
        /// The reason.
        message: String,
    },
    /// Spooled rows that do not belong to the file that is being committed.
    #[error("source file `{source_file}`: spool for `{table}`: expected {expected}, got {got}; nothing was committed")]
    Spool {
        /// Source file.
        source_file: String,
        /// Table of the spool file.
        table: &'static str,
        /// What should be there.
        expected: String,
        /// What is there.
        got: String,
    },
    /// Counts of a run that do not add up.
    #[error("source file `{source_file}`: {formula}: expected {expected}, got {got}; nothing was committed")]
    Counts {
        /// Source file.
        source_file: String,
        /// The formula that does not hold.
        formula: &'static str,
        /// Left side.
        expected: i64,
        /// Right side.
        got: i64,
    },
    /// Other writers won every attempt.
    #[error(
        "table `{table}`: commit of `{source_file}` lost against other writers {attempts} times; start it again, nothing is half written"
    )]
    Contention {
        /// Table name.
        table: String,
        /// Source file.
        source_file: String,
        /// Attempts made.
        attempts: u32,
    },
    /// A file whose documents are not in the warehouse cannot be extracted again.
    #[error(
        "source file `{source_file}` (md5 {md5}) has not been committed to this warehouse; run `rexdrug run` or `rexdrug ingest` on it first"
    )]
    UnknownSource {
        /// Source file.
        source_file: String,
        /// Its md5.
        md5: String,
    },
    /// A retention too short to be safe for readers and running commits.
    #[error("vacuum retention of {got_hours} h is unsafe: expected at least {least_hours} h; raise the retention")]
    UnsafeRetention {
        /// Hours asked for.
        got_hours: i64,
        /// Least hours allowed.
        least_hours: i64,
    },
    /// An injected failure (tests).
    #[error("stopped at {point:?} by a commit hook: {message}")]
    Hook {
        /// Where.
        point: super::hook::CommitPoint,
        /// What the hook said.
        message: String,
    },
    /// Columns that cannot be computed on.
    #[error("columns of `{table}`: {message}; the table was not written by this version of rexdrug")]
    Columns {
        /// Table name.
        table: String,
        /// What Arrow or DataFusion said, redacted.
        message: String,
    },
}

/// Result of the warehouse.
pub type Result<T, E = WarehouseError> = std::result::Result<T, E>;

impl WarehouseError {
    pub(crate) fn delta(table: &str, action: &'static str, error: impl std::fmt::Display) -> Self {
        Self::Delta {
            table: table.to_owned(),
            action,
            message: redact(&error.to_string()),
            hint: "check the warehouse URI, the credentials and the network, then run the same command again",
        }
    }

    pub(crate) fn parquet(path: &str, action: &'static str, error: impl std::fmt::Display) -> Self {
        Self::Parquet { path: redact(path), action, message: redact(&error.to_string()) }
    }

    pub(crate) fn local(path: &std::path::Path, action: &'static str, error: impl std::fmt::Display) -> Self {
        Self::Local { path: path.to_owned(), action, message: error.to_string() }
    }

    pub(crate) fn columns(table: &str, error: impl std::fmt::Display) -> Self {
        Self::Columns { table: table.to_owned(), message: redact(&error.to_string()) }
    }
}
