//! Gold files in the published layouts.

pub mod ddi13;
pub mod drugcomb;

use std::io::BufRead;

use serde::de::DeserializeOwned;

/// A gold file that cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum GoldFileError {
    /// The source failed.
    #[error("gold file line {line}: expected to read on, got {source}; check the file")]
    Io {
        /// Line, counted from 1.
        line: usize,
        /// What the source reported.
        source: std::io::Error,
    },
    /// A line is not an item of the layout.
    #[error("gold file line {line}: expected {expected}, got {source}; check the layout and the split")]
    Layout {
        /// Line, counted from 1.
        line: usize,
        /// Name of the layout.
        expected: &'static str,
        /// What the JSON reader reported.
        source: serde_json::Error,
    },
    /// A relation names a span its item does not have.
    #[error("gold file line {line}: expected span ids of document {doc_id}, got {span}; check the relations")]
    Span {
        /// Line, counted from 1.
        line: usize,
        /// Document of the item.
        doc_id: String,
        /// The id without a span.
        span: u32,
    },
}

/// Items of a JSON Lines source with their line numbers; empty lines are passed over.
fn lines<T: DeserializeOwned>(source: impl BufRead, expected: &'static str) -> Result<Vec<(usize, T)>, GoldFileError> {
    let mut items = Vec::new();
    for (index, text) in source.lines().enumerate() {
        let line = index + 1;
        let text = text.map_err(|source| GoldFileError::Io { line, source })?;
        if text.trim().is_empty() {
            continue;
        }
        let item = serde_json::from_str(&text).map_err(|source| GoldFileError::Layout { line, expected, source })?;
        items.push((line, item));
    }
    Ok(items)
}
