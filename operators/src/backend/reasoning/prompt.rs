//! Prompt templates: versioned texts with places for the sentence, its paragraph and its drugs, one set per task.
//!
//! A template is one text: the system message, a line `=== user ===`, the user message. Places are `{sentence}`,
//! `{context}`, `{drugs}` and `{format}`; the last is filled when the template is built, so that the hash covers every
//! constant word that a model is told.

use std::path::{Path, PathBuf};

use rexdrug_scoring::task::Task;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use thiserror::Error;

use crate::backend::ExtractItem;

/// Divides the two messages of a template.
const DIVIDER: &str = "\n=== user ===\n";

const BUILT_IN: [(&str, Task, &str); 4] = [
    ("drugcomb-v1", Task::DrugComb, include_str!("templates/drugcomb-v1.txt")),
    ("drugcomb-mentions-v1", Task::DrugComb, include_str!("templates/drugcomb-mentions-v1.txt")),
    ("ddi13-v1", Task::Ddi13, include_str!("templates/ddi13-v1.txt")),
    ("ddi13-mentions-v1", Task::Ddi13, include_str!("templates/ddi13-mentions-v1.txt")),
];

/// The template of a task for sentences whose drugs the model has to find itself.
pub const fn default_prompt(task: Task) -> &'static str {
    match task {
        Task::DrugComb => "drugcomb-v1",
        Task::Ddi13 => "ddi13-v1",
    }
}

/// A template that cannot be used.
#[derive(Debug, Error)]
pub enum PromptError {
    /// Neither a built-in name nor a file that can be read.
    #[error("no prompt template `{name}`: expected {} or a file, got {message}", .known.join(", "))]
    Unknown {
        /// What was asked for.
        name: String,
        /// The built-in names.
        known: Vec<&'static str>,
        /// What the file system said.
        message: String,
    },
    /// A built-in template that asks for the answers of another task.
    #[error("prompt template `{name}` is for {of}, not for {wanted}; expected {} or a file of your own", .known.join(", "))]
    OtherTask {
        /// What was asked for.
        name: String,
        /// What it is for.
        of: &'static str,
        /// What it would be used for.
        wanted: &'static str,
        /// The built-in names of that task.
        known: Vec<&'static str>,
    },
    /// A template without one of its parts.
    #[error("prompt template `{name}` lacks {missing}; add it to the file")]
    Incomplete {
        /// The template.
        name: String,
        /// What is not there.
        missing: &'static str,
    },
}

/// Who speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Standing instructions.
    System,
    /// The one who asks.
    User,
    /// The model.
    Assistant,
}

/// One message of a chat.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Message {
    /// Who speaks.
    pub role: Role,
    /// What is said.
    pub content: String,
}

impl Message {
    /// A message.
    pub fn new(role: Role, content: impl Into<String>) -> Self {
        Self { role, content: content.into() }
    }
}

/// The form in which a model is asked to answer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AnswerFormat {
    /// `<think>…</think><answer>[…]</answer>`, what RexDrug models are trained to write.
    #[default]
    Tags,
    /// One JSON object with `reasoning` and `combinations`, which servers can enforce by a schema.
    JsonSchema,
}

/// What varies between two prompts.
#[derive(Debug, Clone, Copy)]
pub struct PromptInput<'a> {
    /// The target sentence.
    pub sentence: &'a str,
    /// The text around it.
    pub context: &'a str,
    /// Known drug mentions as written.
    pub drugs: &'a [&'a str],
}

/// A prompt template with its hash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PromptTemplate {
    name: String,
    task: Task,
    system: String,
    user: String,
    sha256: String,
}

impl PromptTemplate {
    /// A built-in template by name, else the file of that path; what it says of the answer is that of the task.
    ///
    /// # Errors
    /// An unknown name, a built-in one of another task, or a text that lacks a part.
    pub fn load(name: &str, task: Task, format: AnswerFormat) -> Result<Self, PromptError> {
        match BUILT_IN.iter().find(|(known, ..)| *known == name) {
            Some((_, of, text)) if *of == task => Self::parse(name, text, task, format),
            Some((_, of, _)) => Err(PromptError::OtherTask {
                name: name.to_owned(),
                of: of.name(),
                wanted: task.name(),
                known: BUILT_IN.iter().filter(|(_, of, _)| *of == task).map(|(known, ..)| *known).collect(),
            }),
            None => {
                let text = std::fs::read_to_string(Path::new(name)).map_err(|error| PromptError::Unknown {
                    name: name.to_owned(),
                    known: BUILT_IN.iter().map(|(known, ..)| *known).collect(),
                    message: error.to_string(),
                })?;
                let stem = PathBuf::from(name).file_stem().map(|stem| stem.to_string_lossy().into_owned());
                Self::parse(stem.as_deref().unwrap_or(name), &text.replace("\r\n", "\n"), task, format)
            }
        }
    }

    /// A template from its text.
    ///
    /// # Errors
    /// [`PromptError::Incomplete`].
    pub fn parse(name: &str, text: &str, task: Task, format: AnswerFormat) -> Result<Self, PromptError> {
        let incomplete = |missing| PromptError::Incomplete { name: name.to_owned(), missing };
        let (system, user) =
            text.split_once(DIVIDER).ok_or_else(|| incomplete("the line `=== user ===` between its two messages"))?;
        if !user.contains("{sentence}") {
            return Err(incomplete("the place `{sentence}` in its user message"));
        }
        let format = match format {
            AnswerFormat::Tags => include_str!("templates/format-tags-v1.txt"),
            AnswerFormat::JsonSchema => include_str!("templates/format-json-v1.txt"),
        };
        let (types, members, example) = match task {
            Task::DrugComb => ("POS, NEG, COMB or NO_COMB", "the drugs", "POS"),
            Task::Ddi13 => ("effect, mechanism, advise, int or NO_COMB", "the two drugs", "effect"),
        };
        let format = format.trim_end().replace("{types}", types).replace("{members}", members);
        let format = format.replace("{type}", example);
        let system = system.replace("{format}", &format).trim_end().to_owned();
        let user = user.replace("{format}", &format).trim_end().to_owned();
        let mut hash = Sha256::new();
        hash.update(system.as_bytes());
        hash.update([0]);
        hash.update(user.as_bytes());
        Ok(Self { name: name.to_owned(), task, sha256: hex::encode(hash.finalize()), system, user })
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The task whose answers it asks for.
    pub fn task(&self) -> Task {
        self.task
    }

    /// sha256 of its constant words; what varies between prompts is not in it.
    pub fn sha256(&self) -> &str {
        &self.sha256
    }

    /// The messages for one input. Places inside the input itself stay as they are.
    pub fn messages(&self, input: &PromptInput<'_>) -> Vec<Message> {
        vec![Message::new(Role::System, fill(&self.system, input)), Message::new(Role::User, fill(&self.user, input))]
    }

    /// The messages for an item of extraction.
    pub fn messages_of(&self, item: &ExtractItem) -> Vec<Message> {
        let drugs: Vec<&str> = item.mentions.iter().map(|mention| mention.surface.as_str()).collect();
        let context = item.context.as_ref().map_or(&*item.sentence, |context| &*context.text);
        self.messages(&PromptInput { sentence: &item.sentence, context, drugs: &drugs })
    }
}

/// One pass, so that a place inside an inserted text is never taken for one of the template.
fn fill(template: &str, input: &PromptInput<'_>) -> String {
    let mut out = String::with_capacity(template.len() + input.context.len() + input.sentence.len());
    let mut rest = template;
    while let Some(open) = rest.find('{') {
        let (before, place) = rest.split_at(open);
        out.push_str(before);
        rest = if let Some(rest) = place.strip_prefix("{sentence}") {
            out.push_str(input.sentence);
            rest
        } else if let Some(rest) = place.strip_prefix("{context}") {
            out.push_str(input.context);
            rest
        } else if let Some(rest) = place.strip_prefix("{drugs}") {
            let mut seen: Vec<&str> = Vec::new();
            for &drug in input.drugs {
                if !seen.contains(&drug) {
                    seen.push(drug);
                }
            }
            out.push_str(&seen.join("; "));
            rest
        } else {
            out.push('{');
            place.get(1..).unwrap_or_default()
        };
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use super::*;

    #[test]
    fn built_in_templates_hold_all_their_places_and_differ() {
        let mut hashes = Vec::new();
        for (name, task, _) in BUILT_IN {
            for format in [AnswerFormat::Tags, AnswerFormat::JsonSchema] {
                let template = PromptTemplate::load(name, task, format).unwrap();
                let input = PromptInput { sentence: "A with B.", context: "X. A with B.", drugs: &["A", "B", "A"] };
                let messages = template.messages(&input);
                assert!(messages[1].content.contains("A with B.") && !messages[0].content.contains("A with B."));
                assert_eq!(messages[1].content.contains("X. A with B."), task == Task::DrugComb, "{name}");
                for place in ["{format}", "{types}", "{members}", "{type}"] {
                    assert!(!messages.iter().any(|message| message.content.contains(place)), "{name} {place}");
                }
                for label in task.labels() {
                    assert!(messages[0].content.contains(&format!("- {}: ", label.as_str())), "{name} {label:?}");
                }
                assert_eq!(messages[1].content.contains("A; B"), name.contains("mentions"), "{name}");
                assert_eq!(messages[0].content.contains("<answer>"), format == AnswerFormat::Tags);
                hashes.push(template.sha256().to_owned());
            }
        }
        hashes.sort();
        hashes.dedup();
        assert_eq!(hashes.len(), 8);
    }

    /// The prompt that rows and cached answers were made with stays what it is.
    #[test]
    fn the_drugcomb_prompt_has_the_hash_it_always_had() {
        let sha256 = |name: &str, format| PromptTemplate::load(name, Task::DrugComb, format).unwrap().sha256;
        assert_eq!(
            sha256("drugcomb-v1", AnswerFormat::Tags),
            "498c19a7b080d49f72d65e23556c97fdea566ae1d6542615e1fa76af49c62cc0"
        );
        assert_eq!(
            sha256("drugcomb-v1", AnswerFormat::JsonSchema),
            "948339bc373be6f17826d2b3fdcf2d0be9c2f4740c7f49fc555de6bd7360974b"
        );
    }

    #[test]
    fn a_template_of_another_task_is_refused_with_those_of_this_one() {
        let error = PromptTemplate::load("drugcomb-v1", Task::Ddi13, AnswerFormat::Tags).unwrap_err().to_string();
        assert!(error.contains("is for drugcomb, not for ddi13") && error.contains("ddi13-mentions-v1"), "{error}");
        for task in [Task::DrugComb, Task::Ddi13] {
            assert_eq!(PromptTemplate::load(default_prompt(task), task, AnswerFormat::Tags).unwrap().task(), task);
        }
    }

    fn parse(name: &str, text: &str) -> Result<PromptTemplate, PromptError> {
        PromptTemplate::parse(name, text, Task::DrugComb, AnswerFormat::Tags)
    }

    #[test]
    fn places_inside_the_input_stay_as_they_are() {
        let template = parse("t", "s {x} {context\n=== user ===\n{context}|{sentence}|{").unwrap();
        let input = PromptInput { sentence: "{context} {drugs}", context: "{sentence}", drugs: &[] };
        let messages = template.messages(&input);
        assert_eq!(messages[0].content, "s {x} {context");
        assert_eq!(messages[1].content, "{sentence}|{context} {drugs}|{");
    }

    #[test]
    fn a_template_that_lacks_a_part_says_which() {
        for (text, missing) in [("no divider", "=== user ==="), ("a\n=== user ===\nb", "{sentence}")] {
            let message = parse("mine", text).unwrap_err().to_string();
            assert!(message.contains(missing) && message.contains("mine"), "{message}");
        }
        let message = PromptTemplate::load("no-such", Task::DrugComb, AnswerFormat::Tags).unwrap_err().to_string();
        assert!(message.contains("drugcomb-v1") && message.contains("no-such"), "{message}");
    }
}
