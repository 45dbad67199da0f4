//! The four rewards without the published quirks.
//!
//! | part | difference from the published rule |
//! |---|---|
//! | format | the full mark needs the strict format: both parts once, in order, nothing around them, JSON, canonical labels, distinct names, NO_COMB alone |
//! | think | the four numbers stand at line starts, in order, each with text behind it |
//! | coverage | unreadable is 0, never NO_COMB; a prediction serves one gold set; a repeat is penalised once; repeats are compared as names are |
//! | accuracy | unreadable is 0; every stated item counts as a prediction, also a repeat or a set that merges to one name; one-to-one partial matching |

use crate::answer::{RawItem, Sections, strict, tolerant};
use crate::matching::best_total;
use crate::names::DrugSet;
use crate::prf::harmonic;
use crate::reward::{Gold, RewardParts, label_of};
use crate::task::{Label, Task};

/// All four rewards of a completion.
pub fn completion(text: &str, gold: &Gold) -> RewardParts {
    let sections = Sections::of(text);
    let format = if strict::read(gold.task, text).is_ok() {
        1.0
    } else if sections.think.is_some() && sections.answer.is_some() {
        0.5
    } else {
        0.0
    };
    let think = f64::from(u8::from(sections.think.is_some_and(has_four_points)));
    let items = sections.answer.and_then(tolerant::items);
    let (coverage, accuracy) = items.map_or((0.0, 0.0), |items| score_items(&items, gold));
    RewardParts { format, think, coverage, accuracy }
}

/// Whether lines start with the points 1 to 4 in order, in one of the styles `[1]`, `(1)`, `1.`, `1)`, `1:` (after list
/// or emphasis marks), each with text before the next.
pub fn has_four_points(think: &str) -> bool {
    let mut next = 1;
    let mut has_text = true;
    for line in think.lines() {
        let line = line.trim_start_matches(|c: char| c.is_whitespace() || "#*-".contains(c));
        match point(line) {
            Some((number, rest)) if number == next && has_text => {
                next += 1;
                has_text = has_words(rest);
            }
            _ => has_text |= has_words(line),
        }
    }
    next == 5 && has_text
}

fn has_words(text: &str) -> bool {
    text.chars().any(char::is_alphanumeric)
}

/// The number of a heading and what follows it on the line.
pub(crate) fn point(line: &str) -> Option<(u8, &str)> {
    let bracketed = line.strip_prefix(['[', '(']);
    let mut rest = bracketed.unwrap_or(line).chars();
    let number = rest.next().and_then(|c| c.to_digit(10)).and_then(|digit| u8::try_from(digit).ok())?;
    let close = rest.next()?;
    let fits = if bracketed.is_some() { matches!(close, ']' | ')') } else { matches!(close, '.' | ')' | ':') };
    fits.then_some((number, rest.as_str()))
}

fn score_items(items: &[RawItem<'_>], gold: &Gold) -> (f64, f64) {
    let labels: Vec<Option<Label>> = items.iter().map(|item| label_of(gold.task, item)).collect();
    let malformed = items.is_empty()
        || items.iter().any(|item| item.drugs.is_none())
        || labels.contains(&None)
        || items.len() > 1 && labels.contains(&Some(Label::NoComb));
    if malformed {
        return (0.0, 0.0);
    }
    if items.iter().any(|item| item.is_no_comb() != item.names().is_empty()) {
        return (-1.0, 0.0);
    }
    let states_none = labels.contains(&Some(Label::NoComb));
    match (gold.is_no_comb(), states_none) {
        (true, true) => return (1.0, 1.0),
        (true, false) => return (0.0, 0.0),
        (false, true) => return (-1.0, 0.0),
        (false, false) => {}
    }
    let pred: Vec<(Option<Label>, DrugSet<'_>)> =
        labels.into_iter().zip(items.iter().map(|item| DrugSet::new(item.names()))).collect();
    let mut wanted: Vec<&(Option<Label>, DrugSet<'static>)> = gold.relations.iter().collect();
    wanted.sort_unstable();
    wanted.dedup();
    (coverage(gold.task, &wanted, &pred), accuracy(gold.task, &wanted, &pred))
}

type Labelled<'a> = (Option<Label>, DrugSet<'a>);

fn coverage(task: Task, wanted: &[&Labelled<'static>], pred: &[Labelled<'_>]) -> f64 {
    let mut sets: Vec<&DrugSet<'_>> = pred.iter().map(|(_, drugs)| drugs).collect();
    sets.sort_unstable();
    sets.dedup();
    let mut targets: Vec<&DrugSet<'_>> = wanted.iter().map(|(_, drugs)| drugs).collect();
    targets.sort_unstable();
    targets.dedup();
    let found = best_total(targets.len(), sets.len(), |row, column| match (targets.get(row), sets.get(column)) {
        (Some(a), Some(b)) if task == Task::DrugComb => a.partial(b),
        (Some(a), Some(b)) => f64::from(u8::from(a == b)),
        _ => 0.0,
    });
    let superfluous = (pred.len() - sets.len()) as f64 / pred.len() as f64;
    (found / targets.len() as f64 - superfluous).max(-1.0)
}

fn accuracy(task: Task, wanted: &[&Labelled<'static>], pred: &[Labelled<'_>]) -> f64 {
    let f1 = |similarity: &dyn Fn(&DrugSet<'_>, &DrugSet<'_>) -> f64| {
        let total = best_total(wanted.len(), pred.len(), |row, column| match (wanted.get(row), pred.get(column)) {
            (Some(a), Some(b)) if a.0 == b.0 => similarity(&a.1, &b.1),
            _ => 0.0,
        });
        harmonic(total / pred.len() as f64, total / wanted.len() as f64)
    };
    let exact = f1(&|a, b| f64::from(u8::from(a == b)));
    match task {
        Task::Ddi13 => exact,
        Task::DrugComb => 0.33 * f1(&|a, b| a.partial(b)) + 0.67 * exact,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    const POINTS: &str = "[1] Clinical scenario\n- x\n[2] Drugs\n- y\n[3] Reasoning\n- z\n[4] Summary\n- s";

    fn parts(gold: &str, list: &str) -> RewardParts {
        let gold = Gold::parse(Task::DrugComb, gold).unwrap();
        completion(&format!("<think>{POINTS}</think><answer>{list}</answer>"), &gold)
    }

    const GOLD: &str = r#"[{"type": "POS", "ent_set": ["a", "b"]}]"#;

    #[test]
    fn points_in_order_with_text() {
        for (text, expected) in [
            (POINTS, true),
            ("1. a\n2. b\n3. c\n4. d", true),
            ("**1) a**\n- 2) b\n### 3: c\n(4) d", true),
            ("1. a 2. b 3. c 4. d", false),
            ("2. b\n1. a\n3. c\n4. d", false),
            ("1.\n2.\n3.\n4.", false),
            ("1. a\n2. b\n3. c\n4.", false),
        ] {
            assert_eq!(has_four_points(text), expected, "{text:?}");
        }
    }

    #[test]
    fn unreadable_and_self_repeating_answers_earn_less() {
        let none = r#"[{"type": "NO_COMB", "ent_set": []}]"#;
        let unreadable = parts(none, "no idea");
        assert_eq!((unreadable.format, unreadable.coverage, unreadable.accuracy), (0.5, 0.0, 0.0));
        let right = parts(none, none);
        assert_eq!((right.format, right.think, right.coverage, right.accuracy), (1.0, 1.0, 1.0, 1.0));
        let twice = parts(GOLD, r#"[{"type": "POS", "ent_set": ["a", "b"]}, {"type": "POS", "ent_set": ["B", "a"]}]"#);
        assert_eq!((twice.format, twice.coverage), (0.5, 0.5));
        // one right, one superfluous: precision 1/2, recall 1
        assert!((twice.accuracy - 2.0 / 3.0).abs() < 1e-12);
        let merged = parts(GOLD, r#"[{"type": "POS", "ent_set": ["a", "b"]}, {"type": "POS", "ent_set": ["a", "A"]}]"#);
        assert!((merged.accuracy - 2.0 / 3.0).abs() < 1e-12);
    }

    #[test]
    fn no_comb_rules() {
        assert_eq!(parts(GOLD, r#"[{"type": "NO_COMB", "ent_set": []}]"#).coverage, -1.0);
        assert_eq!(parts(GOLD, r#"[{"type": "NO_COMB", "ent_set": ["a", "b"]}]"#).coverage, -1.0);
        let mixed = parts(GOLD, r#"[{"type": "POS", "ent_set": ["a", "b"]}, {"type": "NO_COMB", "ent_set": []}]"#);
        assert_eq!((mixed.coverage, mixed.accuracy), (0.0, 0.0));
    }
}
