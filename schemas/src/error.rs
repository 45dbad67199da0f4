//! Errors of this crate.

use thiserror::Error;

/// A value that does not belong to the schema.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum SchemaError {
    /// A string that is no effect label.
    #[error("unknown effect label `{got}`; expected one of POS, NEG, COMB")]
    UnknownEffect {
        /// The string met.
        got: String,
    },
    /// A string that is no run status.
    #[error("unknown run status `{got}`; expected one of done, partial, failed")]
    UnknownStatus {
        /// The string met.
        got: String,
    },
}
