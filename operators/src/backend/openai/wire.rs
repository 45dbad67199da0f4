//! The chat-completions protocol as far as it is used: what is sent, and what is read of the answer.

use rexdrug_scoring::task::{Label, Task};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::backend::reasoning::Message;

/// How tokens are chosen.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Sampling {
    /// 0 takes the most probable token always.
    pub temperature: f64,
    /// Share of the probability that is sampled from.
    pub top_p: f64,
    /// Seed, for servers that take one.
    pub seed: Option<u64>,
    /// Most tokens of an answer.
    pub max_tokens: u32,
}

impl Default for Sampling {
    fn default() -> Self {
        Self { temperature: 0.0, top_p: 1.0, seed: Some(42), max_tokens: 1024 }
    }
}

/// One question to a chat model.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ChatRequest {
    /// Name of the model on the server.
    pub model: String,
    /// The chat so far.
    pub messages: Vec<Message>,
    /// How tokens are chosen.
    #[serde(flatten)]
    pub sampling: SamplingFields,
    /// JSON schema that the server enforces.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub response_format: Option<Value>,
}

/// [`Sampling`] as it is sent: a seed only where there is one.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct SamplingFields {
    temperature: f64,
    top_p: f64,
    max_tokens: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    seed: Option<u64>,
}

impl From<Sampling> for SamplingFields {
    fn from(sampling: Sampling) -> Self {
        let Sampling { temperature, top_p, seed, max_tokens } = sampling;
        Self { temperature, top_p, max_tokens, seed }
    }
}

/// What a model answered, and what it cost.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChatAnswer {
    /// The text.
    pub content: String,
    /// Reasoning that the server split off, as vLLM does with a reasoning parser.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reasoning: Option<String>,
    /// Why it ended; `length` when it ran into `max_tokens`.
    #[serde(default)]
    pub finish_reason: String,
    /// Tokens of the question.
    pub prompt_tokens: u64,
    /// Tokens of the answer.
    pub completion_tokens: u64,
}

impl ChatAnswer {
    /// The text with the reasoning that the server split off put back where the model wrote it.
    pub fn completion(&self) -> String {
        match &self.reasoning {
            Some(reasoning) if !self.content.contains("<think>") => {
                format!("<think>{reasoning}</think>{}", self.content)
            }
            _ => self.content.clone(),
        }
    }

    /// Reads the body of a response.
    ///
    /// # Errors
    /// What is missing, with the beginning of the body.
    pub(crate) fn read(body: &[u8]) -> Result<Self, String> {
        let excerpt = || String::from_utf8_lossy(body).chars().take(120).collect::<String>();
        let value: Value = serde_json::from_slice(body)
            .map_err(|error| format!("the body is no whole JSON document ({error}): `{}`", excerpt()))?;
        let choice = value.pointer("/choices/0").ok_or_else(|| format!("the body has no choice: `{}`", excerpt()))?;
        let text = |pointer: &str| choice.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
        let content = text("/message/content");
        let reasoning = text("/message/reasoning_content").or_else(|| text("/message/reasoning"));
        if content.is_none() && reasoning.is_none() {
            return Err(format!("the first choice has no text: `{}`", excerpt()));
        }
        let tokens = |pointer: &str| value.pointer(pointer).and_then(Value::as_u64).unwrap_or(0);
        Ok(Self {
            content: content.unwrap_or_default(),
            reasoning: reasoning.filter(|text| !text.trim().is_empty()),
            finish_reason: text("/finish_reason").unwrap_or_default(),
            prompt_tokens: tokens("/usage/prompt_tokens"),
            completion_tokens: tokens("/usage/completion_tokens"),
        })
    }
}

/// The schema of [`crate::backend::reasoning::AnswerFormat::JsonSchema`]: reasoning first, then the combinations.
pub(crate) fn answer_schema(task: Task) -> Value {
    let labels: Vec<&str> = task.labels().iter().copied().map(Label::as_str).collect();
    let name = match task {
        Task::DrugComb => "drug_combinations",
        Task::Ddi13 => "drug_interactions",
    };
    let combination = json!({
        "type": "object",
        "properties": {
            "type": {"type": "string", "enum": labels},
            "ent_set": {"type": "array", "items": {"type": "string"}}
        },
        "required": ["type", "ent_set"],
        "additionalProperties": false
    });
    let schema = json!({
        "type": "object",
        "properties": {
            "reasoning": {"type": "string"},
            "combinations": {"type": "array", "items": combination}
        },
        "required": ["reasoning", "combinations"],
        "additionalProperties": false
    });
    json!({"type": "json_schema", "json_schema": {"name": name, "strict": true, "schema": schema}})
}

/// An answer in the form of [`answer_schema`], in the form that [`crate::backend::reasoning::ground`] reads; one that is
/// not of the schema (cut off, say) stays as it is and is judged there.
pub(crate) fn tagged(content: &str) -> String {
    #[derive(Deserialize)]
    struct Structured {
        reasoning: String,
        combinations: Value,
    }
    match serde_json::from_str::<Structured>(content) {
        // A tag inside the reasoning would be taken for the end of it.
        Ok(Structured { reasoning, combinations }) => {
            let reasoning = reasoning.replace("</think>", "").replace("<answer>", "");
            format!("<think>{reasoning}</think><answer>{combinations}</answer>")
        }
        Err(_) => content.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use super::*;

    #[test]
    fn bodies_are_read_or_say_what_they_lack() {
        let body = br#"{"choices": [{"message": {"content": "<answer>[]</answer>", "reasoning_content": "r"},
            "finish_reason": "stop"}], "usage": {"prompt_tokens": 7, "completion_tokens": 3}}"#;
        let answer = ChatAnswer::read(body).unwrap();
        assert_eq!((answer.prompt_tokens, answer.completion_tokens), (7, 3));
        assert_eq!(answer.completion(), "<think>r</think><answer>[]</answer>");
        for (body, lacks) in [
            (&b"{\"choices\": [{\"mess"[..], "no whole JSON"),
            (b"{\"error\": {}}", "no choice"),
            (b"{\"choices\": [{\"message\": {}}]}", "no text"),
            (b"", "no whole JSON"),
        ] {
            assert!(ChatAnswer::read(body).unwrap_err().contains(lacks), "{lacks}");
        }
    }

    #[test]
    fn structured_answers_become_tagged_ones() {
        let content = r#"{"reasoning": "a </think> b", "combinations": [{"type": "POS", "ent_set": ["x", "y"]}]}"#;
        let expected = r#"<think>a  b</think><answer>[{"ent_set":["x","y"],"type":"POS"}]</answer>"#;
        let sorted =
            tagged(content).replace(r#"{"type":"POS","ent_set":["x","y"]}"#, r#"{"ent_set":["x","y"],"type":"POS"}"#);
        assert_eq!(sorted, expected);
        assert_eq!(tagged("{\"reasoning\": \"cut"), "{\"reasoning\": \"cut");
    }
}
