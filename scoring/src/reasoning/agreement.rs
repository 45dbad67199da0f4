//! Whether the conclusion of a trace states the labels of its answer.

use super::Share;
use crate::answer::tolerant::Relation;
use crate::task::{Label, Task};

/// Wording that states a label. Checked on lower-cased text; a stem matches at the start of a word.
const DRUGCOMB_CUES: &[(Label, &[&str])] = &[
    (Label::NoComb, &["no combination", "no drug combination", "not a combination", "not combined", "no_comb"]),
    (Label::Pos, &["benefi", "synerg", "improv", "effective", "superior", "positive", "favourable", "favorable"]),
    (Label::Neg, &["harm", "toxic", "antagon", "adverse", "detriment", "reduced efficacy", "avoid", "negative"]),
    (Label::Comb, &["neutral", "not judged", "unclear", "mixed", "unspecified", "no stated effect", "not stated"]),
];

const DDI13_CUES: &[(Label, &[&str])] = &[
    (Label::NoComb, &["no interaction", "do not interact", "does not interact", "no_comb"]),
    (Label::Advise, &["advis", "recommend", "avoid", "caution", "should not", "contraindicat"]),
    (
        Label::Mechanism,
        &["mechanism", "pharmacokinetic", "clearance", "concentration", "metaboli", "absorption", "plasma level"],
    ),
    (Label::Effect, &["effect", "toxic", "potentiat", "enhanc", "risk of"]),
    (Label::Int, &["interact"]),
];

/// Words that turn the cue behind them around.
const NEGATIONS: [&str; 6] = ["no", "not", "without", "lack", "neither", "nor"];

/// Labels of the answer (NO_COMB when it has no relation) that the conclusion states, in label words of the task or in
/// prose. Nothing is looked at when the conclusion states no label.
pub fn labels(task: Task, conclusion: &str, relations: &[Relation<'_>]) -> Share {
    let stated = stated_labels(task, conclusion);
    if stated.is_empty() {
        return Share::default();
    }
    let mut answered: Vec<Label> = relations.iter().map(|relation| relation.label).collect();
    if answered.is_empty() {
        answered.push(Label::NoComb);
    }
    answered.sort_unstable();
    answered.dedup();
    Share::of(answered.into_iter().map(|label| stated.contains(&label)))
}

/// Labels a text states: label words in capitals (DrugComb) when there are any, else the cues of prose.
pub fn stated_labels(task: Task, text: &str) -> Vec<Label> {
    if task == Task::DrugComb {
        let words = text.split(|c: char| !(c.is_alphanumeric() || c == '_'));
        let mut explicit: Vec<Label> = words.filter_map(|word| task.label_exact(word)).collect();
        if !explicit.is_empty() {
            explicit.sort_unstable();
            explicit.dedup();
            return explicit;
        }
    }
    let cues = match task {
        Task::DrugComb => DRUGCOMB_CUES,
        Task::Ddi13 => DDI13_CUES,
    };
    let text = text.to_lowercase();
    cues.iter()
        .filter(|(label, stems)| stems.iter().any(|stem| has_cue(&text, stem, *label == Label::NoComb)))
        .map(|(label, _)| *label)
        .collect()
}

/// Whether a stem stands at the start of a word and is not negated by one of the three words before it. Cues of
/// NO_COMB carry their own negation.
fn has_cue(text: &str, stem: &str, negated_itself: bool) -> bool {
    text.match_indices(stem).any(|(at, _)| {
        let before = text.get(..at).unwrap_or("");
        if before.chars().next_back().is_some_and(char::is_alphanumeric) {
            return false;
        }
        let clause = before.rsplit(['.', ';', ',', '\n']).next().unwrap_or("");
        negated_itself || !clause.split_whitespace().rev().take(3).any(|word| NEGATIONS.contains(&word))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_label_words_before_prose() {
        assert_eq!(stated_labels(Task::DrugComb, "Label: COMB, though effective"), [Label::Comb]);
        assert_eq!(stated_labels(Task::DrugComb, "The pair is synergistic"), [Label::Pos]);
        assert_eq!(stated_labels(Task::DrugComb, "It was not synergistic; toxicity rose"), [Label::Neg]);
        assert_eq!(stated_labels(Task::DrugComb, "There is no combination here"), [Label::NoComb]);
        assert_eq!(stated_labels(Task::DrugComb, "ineffective"), []);
        assert_eq!(stated_labels(Task::Ddi13, "clearance falls"), [Label::Mechanism]);
    }

    #[test]
    fn no_relation_agrees_with_no_combination() {
        assert_eq!(labels(Task::DrugComb, "No combination is stated.", &[]), Share { hits: 1, total: 1 });
        assert_eq!(labels(Task::DrugComb, "Beneficial.", &[]), Share { hits: 0, total: 1 });
        assert_eq!(labels(Task::DrugComb, "Two arms.", &[]), Share::default());
    }
}
