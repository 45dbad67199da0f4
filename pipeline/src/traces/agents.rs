//! What the two models are told.

use rexdrug_operators::backend::reasoning::{AnswerFormat, Message, PromptInput, PromptTemplate, Role};
use rexdrug_scoring::task::Task;
use sha2::{Digest, Sha256};

use super::item::TraceItem;
use super::review::CRITERIA;
use super::{Attempt, Generation, TracesError};

const ANALYST: &str = include_str!("templates/analyst-v1.txt");
const REVIEWER: &str = include_str!("templates/reviewer-v1.txt");
const REVIEWER_OF_PAIRS: &str = include_str!("templates/reviewer-ddi13-v1.txt");
const DIVIDER: &str = "\n=== user ===\n";

/// Both models with their prompts.
pub(super) struct Agents<'g> {
    pub(super) generation: &'g Generation,
    /// The prompt of the task itself: what the trained model will be asked.
    pub(super) task: PromptTemplate,
}

impl<'g> Agents<'g> {
    pub(super) fn new(generation: &'g Generation) -> Result<Self, TracesError> {
        Ok(Self { generation, task: PromptTemplate::load(&generation.prompt, generation.task, AnswerFormat::Tags)? })
    }

    pub(super) fn analyst_sha256(&self) -> String {
        hex::encode(Sha256::digest(ANALYST))
    }

    pub(super) fn reviewer_sha256(&self) -> String {
        hex::encode(Sha256::digest(self.reviewer()))
    }

    fn reviewer(&self) -> &'static str {
        match self.generation.task {
            Task::DrugComb => REVIEWER,
            Task::Ddi13 => REVIEWER_OF_PAIRS,
        }
    }

    /// The first question to the analyst: the task as the trained model gets it, and the gold relations.
    pub(super) fn opening(&self, item: &TraceItem) -> Vec<Message> {
        let task = question(&self.task, item);
        let part = |role| task.iter().find(|message| message.role == role).map_or("", |message| &message.content);
        self.fill(ANALYST, item, &[("{task}", part(Role::System)), ("{question}", part(Role::User))])
    }

    /// The question to the reviewer.
    pub(super) fn review(&self, item: &TraceItem, completion: &str) -> Vec<Message> {
        let task = question(&self.task, item);
        let asked = task.last().map_or("", |message| &message.content);
        self.fill(self.reviewer(), item, &[("{question}", asked), ("{answer}", completion)])
    }

    /// What the analyst is told of an attempt that did not pass; the attempt itself stands before it in the dialogue.
    pub(super) fn feedback(&self, attempt: &Attempt) -> String {
        let mut lines = vec!["This answer was not accepted.".to_owned()];
        lines.extend(attempt.findings.iter().map(|finding| format!("- {finding}")));
        match (&attempt.review, &attempt.reviewer_said) {
            (Some(review), _) => {
                let threshold = self.generation.standard.threshold;
                for (criterion, score) in CRITERIA.iter().zip(review.scores) {
                    let verdict = if score < threshold { "too low" } else { "good" };
                    lines.push(format!("- {criterion}: {score} of 5, {verdict} (at least {threshold})"));
                }
                lines.push(format!("Reviewer: {}", review.comment));
            }
            (None, Some(said)) => lines.push(format!("Reviewer: {}", said.trim())),
            (None, None) => {}
        }
        lines.push("Write the whole answer again, mended, in the same format.".to_owned());
        lines.join("\n")
    }

    fn fill(&self, template: &str, item: &TraceItem, places: &[(&str, &str)]) -> Vec<Message> {
        let standard = &self.generation.standard;
        let (least, most, gold) = (standard.min_words.to_string(), standard.max_words.to_string(), item.answer());
        let mut all = vec![("{min_words}", least.as_str()), ("{max_words}", most.as_str()), ("{gold}", gold.as_str())];
        all.extend(places);
        let (system, user) = template.trim_end().split_once(DIVIDER).unwrap_or(("", template));
        vec![Message::new(Role::System, fill(system, &all)), Message::new(Role::User, fill(user, &all))]
    }
}

/// The task as the trained model will be asked it.
pub(super) fn question(task: &PromptTemplate, item: &TraceItem) -> Vec<Message> {
    // All that are marked: those of the gold relations alone would give the answer away.
    let drugs: Vec<&str> = item.drugs.iter().map(String::as_str).collect();
    task.messages(&PromptInput { sentence: &item.sentence, context: &item.context, drugs: &drugs })
}

/// One pass: a place inside an inserted text stays as it is.
fn fill(template: &str, places: &[(&str, &str)]) -> String {
    let mut out = String::new();
    let mut rest = template;
    while let Some(open) = rest.find('{') {
        let (before, place) = rest.split_at(open);
        out.push_str(before);
        match places.iter().find(|(name, _)| place.starts_with(name)) {
            Some((name, text)) => {
                out.push_str(text);
                rest = place.get(name.len()..).unwrap_or_default();
            }
            None => {
                out.push('{');
                rest = place.get(1..).unwrap_or_default();
            }
        }
    }
    out.push_str(rest);
    out
}
