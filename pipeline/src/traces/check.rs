//! What a program can judge of a trace before a reviewer is paid for it.

use rexdrug_operators::backend::reasoning::check_quotes;
use rexdrug_scoring::answer::strict;
use rexdrug_scoring::reasoning::{Trace, score};
use rexdrug_scoring::task::Task;

use super::Standard;
use super::item::TraceItem;

/// Wording that betrays that the writer knew the result.
const BETRAYALS: [&str; 14] = [
    "annotation",
    "annotated",
    "annotator",
    "gold standard",
    "gold label",
    "gold answer",
    "ground truth",
    "ground-truth",
    "expected answer",
    "expected result",
    "given result",
    "given answer",
    "provided label",
    "as instructed",
];

/// Everything that is wrong with a completion, in words that the analyst can act on.
pub(super) fn findings(task: Task, item: &TraceItem, completion: &str, standard: &Standard) -> Vec<String> {
    let answer = match strict::read(task, completion) {
        Ok(answer) => answer,
        Err(error) => {
            return vec![format!(
                "Format: at byte {}, expected {}, got {}.",
                error.position, error.expected, error.got
            )];
        }
    };
    let mut found = Vec::new();
    let mut stated: Vec<_> = answer.relations.iter().map(|relation| (relation.label, relation.drugs.clone())).collect();
    stated.sort();
    if stated != item.sets() {
        found.push("Answer: it does not state exactly the result of the annotation.".to_owned());
    }
    let text = format!("{}\n{}", item.sentence, item.context);
    let trace = Trace { task, think: answer.think, relations: &answer.relations, text: &text, names: &[] };
    let scores = score(&trace);
    if !scores.is_structured() {
        found.push(format!("Format: {} of the four headed sections [1] to [4] are there, in order.", scores.points));
    }
    let (least, most) = (standard.min_words, standard.max_words);
    if !(least..=most).contains(&scores.words) {
        found.push(format!("Length: {} words of reasoning, expected {least} to {most}.", scores.words));
    }
    let quotes = check_quotes(answer.think, &text);
    if quotes.verbatim < quotes.quotes {
        let wrong = quotes.quotes - quotes.verbatim;
        found.push(format!("Quotes: {wrong} of {} quoted passages are not verbatim in the text.", quotes.quotes));
    }
    let think = answer.think.to_lowercase();
    if let Some(word) = BETRAYALS.iter().find(|word| think.contains(**word)) {
        // The text itself may use such a word.
        if !text.to_lowercase().contains(word) {
            found.push(format!("Naturalness: the words \"{word}\" betray that the result was known."));
        }
    }
    found
}
