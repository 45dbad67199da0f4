//! The four published rewards, in their two forms.
//!
//! The *completion* form reads tagged output and gives 0 for coverage and accuracy unless the list is well formed. The
//! *answer* form reads the list alone and, as published:
//!
//! * takes an empty or unreadable answer for NO_COMB, so that it earns full marks where gold is NO_COMB;
//! * accepts unknown labels in coverage, not in accuracy.
//!
//! Quirks of both: labels in any letter case; arity is checked before repeated names are merged, and a set that merges
//! to one name is then ignored rather than counted as wrong; the coverage penalty counts every member of a group of
//! repeated sets, so that a set stated twice costs as much as two wrong ones, and compares repeats as written; partial
//! F1 lets one prediction serve several gold sets.

use std::borrow::Cow;

use crate::answer::{RawItem, Sections, tolerant};
use crate::names::DrugSet;
use crate::prf::{Tally, harmonic};
use crate::reward::{Gold, RewardParts, label_of};
use crate::task::{Label, Task};

/// Which published functions are asked: they treat malformed lists differently.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// The list alone, without reasoning.
    Answer,
    /// Tagged output of the reasoning model.
    Completion,
}

/// All four rewards of a completion of the reasoning model, parsed once.
pub fn completion(text: &str, gold: &Gold) -> RewardParts {
    let sections = Sections::of(text);
    let items = sections.answer.and_then(tolerant::items);
    let well_formed = is_well_formed(gold.task, items.as_deref());
    let format = match (sections.think, sections.answer) {
        (Some(_), Some(_)) => 0.5 + 0.5 * f64::from(u8::from(well_formed)),
        _ => 0.0,
    };
    let think = sections.think.is_some_and(has_four_points);
    let (coverage, accuracy) = score_items(Form::Completion, items.as_deref(), well_formed, gold);
    RewardParts { format, think: f64::from(u8::from(think)), coverage, accuracy }
}

/// The three rewards of a bare answer; `think` is 0, since there is none.
pub fn answer(text: &str, gold: &Gold) -> RewardParts {
    let items = tolerant::items(text);
    let well_formed = is_well_formed(gold.task, items.as_deref());
    let (coverage, accuracy) = score_items(Form::Answer, items.as_deref(), well_formed, gold);
    RewardParts { format: f64::from(u8::from(well_formed)), think: 0.0, coverage, accuracy }
}

/// Whether the text holds the points 1 to 4 in any of the styles `[1]`, `(1)`, `1.`, `1)`, `1:`, in any order.
pub fn has_four_points(think: &str) -> bool {
    let bytes = think.as_bytes();
    let mut seen = [false; 4];
    for (at, &byte) in bytes.iter().enumerate() {
        let Some(slot) = byte.checked_sub(b'1').and_then(|digit| seen.get_mut(usize::from(digit))) else { continue };
        let before = at.checked_sub(1).and_then(|at| bytes.get(at)).copied();
        let after = bytes.get(at + 1).copied();
        *slot |= match (before, after) {
            (Some(b'['), Some(b']')) => true,
            (before, Some(b'.' | b')' | b':')) => !before.is_some_and(|byte| byte.is_ascii_digit()),
            _ => false,
        };
    }
    seen == [true; 4]
}

/// A non-empty list of objects with a label of the task and a list of two or more names (NO_COMB: any list).
fn is_well_formed(task: Task, items: Option<&[RawItem<'_>]>) -> bool {
    let fits = |item: &RawItem<'_>| match (label_of(task, item), &item.drugs) {
        (Some(Label::NoComb), Some(_)) => true,
        (Some(_), Some(names)) => names.len() >= 2,
        _ => false,
    };
    items.is_some_and(|items| !items.is_empty() && items.iter().all(fits))
}

fn score_items(form: Form, items: Option<&[RawItem<'_>]>, well_formed: bool, gold: &Gold) -> (f64, f64) {
    if form == Form::Completion && !well_formed {
        return (0.0, 0.0);
    }
    let items = items.unwrap_or(&[]);
    let states_none = match items {
        [] => true,
        [only] => only.is_no_comb() && only.names().is_empty(),
        _ => false,
    };
    (coverage(items, states_none, gold), accuracy(items, states_none, gold))
}

fn coverage(items: &[RawItem<'_>], states_none: bool, gold: &Gold) -> f64 {
    let contradicts = |item: &RawItem<'_>| item.is_object && item.is_no_comb() != item.names().is_empty();
    if items.iter().any(contradicts) {
        return -1.0;
    }
    match (gold.is_no_comb(), states_none) {
        (true, true) => return 1.0,
        (true, false) => return 0.0,
        (false, true) => return -1.0,
        (false, false) => {}
    }
    let stated: Vec<&RawItem<'_>> = items.iter().filter(|item| item.is_object && !item.is_no_comb()).collect();
    let sets: Vec<DrugSet<'_>> = stated.iter().map(|item| DrugSet::new(item.names())).collect();
    let found: f64 = gold
        .relations
        .iter()
        .map(|(_, drugs)| match gold.task {
            Task::DrugComb => sets.iter().map(|set| drugs.partial(set)).fold(0.0, f64::max),
            Task::Ddi13 => f64::from(u8::from(sets.contains(drugs))),
        })
        .sum();
    (found / gold.relations.len() as f64 - repeated_share(&stated)).max(-1.0)
}

/// Share of items whose set, names as written, occurs more than once.
fn repeated_share(stated: &[&RawItem<'_>]) -> f64 {
    if stated.is_empty() {
        return 0.0;
    }
    let mut sets: Vec<Vec<&str>> = stated.iter().map(|item| as_written(item.names())).collect();
    sets.sort_unstable();
    let repeated: usize = sets.chunk_by(|a, b| a == b).map(<[_]>::len).filter(|&length| length > 1).sum();
    repeated as f64 / stated.len() as f64
}

fn as_written<'n>(names: &'n [Cow<'_, str>]) -> Vec<&'n str> {
    let mut names: Vec<&str> = names.iter().map(|name| name.as_ref()).collect();
    names.sort_unstable();
    names.dedup();
    names
}

fn accuracy(items: &[RawItem<'_>], states_none: bool, gold: &Gold) -> f64 {
    if items.iter().any(|item| label_of(gold.task, item).is_none()) {
        return 0.0;
    }
    if gold.is_no_comb() || states_none {
        return f64::from(u8::from(gold.is_no_comb() && states_none));
    }
    let stated = items.iter().filter(|item| !item.is_no_comb());
    if stated.clone().any(|item| item.names().len() < 2) {
        return 0.0;
    }
    let mut predicted: Vec<(Option<Label>, DrugSet<'_>)> = Vec::with_capacity(items.len());
    for item in stated {
        let relation = (label_of(gold.task, item), DrugSet::new(item.names()));
        if relation.1.len() >= 2 && !predicted.contains(&relation) {
            predicted.push(relation);
        }
    }
    let mut wanted: Vec<&(Option<Label>, DrugSet<'static>)> =
        gold.relations.iter().filter(|(_, drugs)| drugs.len() >= 2).collect();
    if gold.task == Task::Ddi13 {
        wanted.sort_unstable();
        wanted.dedup();
        let hits = predicted.iter().filter(|relation| wanted.contains(relation)).count();
        return f1(hits as f64, predicted.len(), hits as f64, wanted.len());
    }
    let predicted: Vec<&(Option<Label>, DrugSet<'_>)> = predicted.iter().collect();
    let side = |similarity: &dyn Fn(&DrugSet<'_>, &DrugSet<'_>) -> f64| {
        let tally =
            Tally::best_each_side(&wanted, &predicted, |a, b| if a.0 == b.0 { similarity(&a.1, &b.1) } else { 0.0 });
        f1(tally.pred_credit, tally.pred_count, tally.gold_credit, tally.gold_count)
    };
    0.33 * side(&|a, b| a.partial(b)) + 0.67 * side(&|a, b| f64::from(u8::from(a == b)))
}

fn f1(pred_credit: f64, pred_count: usize, gold_credit: f64, gold_count: usize) -> f64 {
    if pred_count == 0 || gold_count == 0 {
        return 0.0;
    }
    harmonic(pred_credit / pred_count as f64, gold_credit / gold_count as f64)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    #[test]
    fn points_in_every_style() {
        for (text, expected) in [
            ("[1] a [2] b [3] c [4] d", true),
            ("(1) a (2) b (3) c (4) d", true),
            ("1. a\n2) b\n3: c\n[4] d", true),
            ("4. d 3. c 2. b 1. a", true),
            ("1. a 2. b 3. c", false),
            ("11. a 12. b 13. c 14. d", false),
            ("1 a 2 b 3 c 4 d", false),
            ("", false),
        ] {
            assert_eq!(has_four_points(text), expected, "{text:?}");
        }
    }

    #[test]
    fn unreadable_bare_answer_passes_for_no_comb() {
        let gold = Gold::parse(Task::DrugComb, r#"[{"type": "NO_COMB", "ent_set": []}]"#).unwrap();
        let parts = answer("no idea", &gold);
        assert_eq!((parts.format, parts.coverage, parts.accuracy), (0.0, 1.0, 1.0));
        let parts = completion("<think>x</think><answer>no idea</answer>", &gold);
        assert_eq!((parts.format, parts.coverage, parts.accuracy), (0.5, 0.0, 0.0));
    }
}
