//! Files of traces, JSON Lines: what a model saw and what it wrote.
//!
//! `{"id", "text", "completion"}`; `sentence` with `paragraph` or `context` stands for `text`, `doc_id` for `id`,
//! `response` or `output` for `completion`, which may also be a list of chat messages. A line without a text takes the one
//! of its gold item.

use std::io::BufRead;

use serde::Deserialize;
use serde_json::Value;

use super::files::PredictionFileError;

/// One line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TraceRow {
    /// The item; its line number where it has none.
    pub id: String,
    /// Sentence and context, where the line has them.
    pub text: Option<String>,
    /// What the model wrote.
    pub completion: String,
}

#[derive(Deserialize)]
struct Line {
    #[serde(default, alias = "doc_id")]
    id: Option<Value>,
    #[serde(default)]
    text: Option<String>,
    #[serde(default)]
    sentence: Option<String>,
    #[serde(default, alias = "context")]
    paragraph: Option<String>,
    #[serde(alias = "response", alias = "output")]
    completion: Value,
}

/// Reads a file.
///
/// # Errors
/// [`PredictionFileError`] for the first line that does not fit.
pub fn read(source: impl BufRead) -> Result<Vec<TraceRow>, PredictionFileError> {
    let expected = "an object with `completion` (text or chat messages), `id` and `text`";
    let mut rows = Vec::new();
    for (index, text) in source.lines().enumerate() {
        let number = index + 1;
        let text = text.map_err(|source| PredictionFileError::Io { line: number, source })?;
        if text.trim().is_empty() {
            continue;
        }
        let wrong = |got: String| PredictionFileError::Layout { line: number, expected, got };
        let line: Line = serde_json::from_str(&text).map_err(|error| wrong(error.to_string()))?;
        let completion = written(&line.completion).ok_or_else(|| wrong(format!("completion {}", line.completion)))?;
        let id = match line.id {
            Some(Value::String(id)) => id,
            Some(id) => id.to_string(),
            None => number.to_string(),
        };
        let joined = line.sentence.map(|sentence| joined(&sentence, line.paragraph.as_deref()));
        rows.push(TraceRow { id, text: line.text.or(joined), completion });
    }
    Ok(rows)
}

/// Sentence and paragraph as one text.
pub fn joined(sentence: &str, paragraph: Option<&str>) -> String {
    match paragraph.filter(|paragraph| !paragraph.is_empty()) {
        Some(paragraph) if paragraph.contains(sentence) => paragraph.to_owned(),
        Some(paragraph) => format!("{sentence}\n{paragraph}"),
        None => sentence.to_owned(),
    }
}

/// The text, or the content of the last message.
fn written(completion: &Value) -> Option<String> {
    let text = match completion {
        Value::Array(messages) => messages.last()?.get("content")?,
        other => other,
    };
    text.as_str().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    #[test]
    fn lines_come_in_several_forms() {
        let text = concat!(
            r#"{"id": 3, "text": "t", "completion": "c"}"#,
            "\n\n",
            r#"{"doc_id": "d", "sentence": "s.", "paragraph": "A s. B", "response": "r"}"#,
            "\n",
            r#"{"completion": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}]}"#
        );
        let rows = read(text.as_bytes()).unwrap();
        let row = |id: &str, text: Option<&str>, completion: &str| TraceRow {
            id: id.to_owned(),
            text: text.map(str::to_owned),
            completion: completion.to_owned(),
        };
        assert_eq!(rows, [row("3", Some("t"), "c"), row("d", Some("A s. B"), "r"), row("4", None, "a")]);
        assert_eq!(joined("s", Some("other")), "s\nother");
        let error = read(&br#"{"completion": 1}"#[..]).unwrap_err().to_string();
        assert!(error.contains("line 1") && error.contains("got completion 1"), "{error}");
    }
}
