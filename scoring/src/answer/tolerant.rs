//! The tolerant parser: takes from a completion what can be taken, as the published code does.

use std::borrow::Cow;

use super::literal::{Grammar, parse_plain};
use super::{RawItem, Sections, items_of, plain};
use crate::names::DrugSet;
use crate::task::{Label, Task};

/// Reads the list between the first `[` and the last `]` as JSON, else as a Python literal; text around it is ignored.
///
/// `None` when there is no such list. An empty list is `Some(vec![])`.
pub fn items(text: &str) -> Option<Vec<RawItem<'_>>> {
    let from = text.find('[')?;
    let to = text.rfind(']')?;
    let list = text.get(from..=to)?;
    if let Some(items) = plain::items(list, Grammar::Python) {
        return Some(items);
    }
    let node = parse_plain(list, Grammar::Json).or_else(|_| parse_plain(list, Grammar::Python)).ok()?;
    items_of(node, list)
}

/// Reads the whole text as JSON, nothing around it; `None` when it is not a JSON list.
pub fn items_json(text: &str) -> Option<Vec<RawItem<'_>>> {
    plain::items(text, Grammar::Json).or_else(|| items_of(parse_plain(text, Grammar::Json).ok()?, text))
}

/// A stated relation with its names both as written and as compared.
#[derive(Clone, Debug, PartialEq)]
pub struct Relation<'a> {
    /// What the answer calls it; never NO_COMB.
    pub label: Label,
    /// Names as written, repeats included.
    pub names: Vec<Cow<'a, str>>,
    /// Names as compared.
    pub drugs: DrugSet<'static>,
}

/// Why an element of the answer was left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Dropped {
    /// Not an object with a string `type` and a list `ent_set`.
    Shape,
    /// A type the task does not have.
    Label,
    /// Fewer than two different names (or a name that is empty).
    Arity,
    /// NO_COMB that carries drugs or stands beside a relation.
    NoCombConflict,
    /// The same drugs and label were already stated.
    Repeat,
}

/// What a completion states, after leaving out what cannot be used.
#[derive(Clone, Debug, PartialEq)]
pub struct TolerantAnswer<'a> {
    /// The reasoning, when both think tags are there.
    pub think: Option<&'a str>,
    /// Usable relations in the order stated. Empty means "no combination" only when [`Self::parsed`] holds.
    pub relations: Vec<Relation<'a>>,
    /// Elements left out, in order.
    pub dropped: Vec<Dropped>,
    /// False when no list could be read at all.
    pub parsed: bool,
}

/// Reads a completion for use in the pipeline: the list inside the answer tags, or anywhere when a tag is missing.
pub fn read<'a>(task: Task, completion: &'a str) -> TolerantAnswer<'a> {
    let sections = Sections::of(completion);
    let without_think = || completion.rsplit_once("</think>").map_or(completion, |(_, rest)| rest);
    let list = items(sections.answer.unwrap_or_else(without_think));
    let mut answer =
        TolerantAnswer { think: sections.think, relations: Vec::new(), dropped: Vec::new(), parsed: list.is_some() };
    let mut empty_no_comb = 0;
    for item in list.unwrap_or_default() {
        match usable(task, item) {
            Ok(None) => empty_no_comb += 1,
            Ok(Some(relation)) => {
                let known = |other: &Relation<'_>| other.label == relation.label && other.drugs == relation.drugs;
                if answer.relations.iter().any(known) {
                    answer.dropped.push(Dropped::Repeat);
                } else {
                    answer.relations.push(relation);
                }
            }
            Err(reason) => answer.dropped.push(reason),
        }
    }
    if !answer.relations.is_empty() {
        answer.dropped.extend(std::iter::repeat_n(Dropped::NoCombConflict, empty_no_comb));
    }
    answer
}

/// A relation, or `None` for a plain NO_COMB.
fn usable<'a>(task: Task, item: RawItem<'a>) -> Result<Option<Relation<'a>>, Dropped> {
    let (Some(label), Some(names)) = (item.label, item.drugs) else { return Err(Dropped::Shape) };
    let label = task.label(label.trim()).ok_or(Dropped::Label)?;
    if label == Label::NoComb {
        return if names.is_empty() { Ok(None) } else { Err(Dropped::NoCombConflict) };
    }
    let drugs = DrugSet::new(&names).into_owned();
    if drugs.len() < 2 || drugs.contains("") || task == Task::Ddi13 && drugs.len() > 2 {
        return Err(Dropped::Arity);
    }
    Ok(Some(Relation { label, names, drugs }))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    #[test]
    fn reads_json_python_and_lists_inside_prose() {
        for text in [
            r#"[{"type": "POS", "ent_set": ["Alpelisib", "fulvestrant"]}]"#,
            "[{'type': 'POS', 'ent_set': ['Alpelisib', 'fulvestrant']}]",
            "Result: [{'ent_set': ['Alpelisib', 'fulvestrant',], 'type': 'POS'}] as asked",
        ] {
            let items = items(text).unwrap();
            assert_eq!(items.len(), 1);
            assert_eq!(items[0].label.as_deref(), Some("POS"));
            assert_eq!(items[0].names(), ["Alpelisib", "fulvestrant"]);
        }
        assert!(items("[{\"type\": \"POS\", \"ent_set\": [\"a\", \"b\"]").is_none(), "cut off");
        assert!(items("] [").is_none());
        assert_eq!(items("none: []").unwrap(), []);
        assert!(items_json("none: []").is_none());
        assert!(items_json("['a']").is_none());
    }

    #[test]
    fn keeps_the_usable_and_names_the_rest() {
        let completion = r#"<think>t</think><answer>[
            {"type": "pos", "ent_set": ["Sorafenib", "regorafenib"]},
            {"type": "POS", "ent_set": ["regorafenib", "sorafenib "]},
            {"type": "POS", "ent_set": ["sorafenib", "Sorafenib"]},
            {"type": "effect", "ent_set": ["a", "b"]},
            {"type": "NO_COMB", "ent_set": []},
            {"type": "COMB"}, 7]</answer>"#;
        let answer = read(Task::DrugComb, completion);
        assert_eq!(answer.think, Some("t"));
        assert_eq!(answer.relations.len(), 1);
        assert_eq!(answer.relations[0].names, ["Sorafenib", "regorafenib"]);
        assert_eq!(
            answer.dropped,
            [Dropped::Repeat, Dropped::Arity, Dropped::Label, Dropped::Shape, Dropped::Shape, Dropped::NoCombConflict]
        );
    }

    #[test]
    fn no_combination_differs_from_no_answer() {
        let none = read(Task::DrugComb, "<answer>[{\"type\": \"NO_COMB\", \"ent_set\": []}]</answer>");
        assert!(none.parsed && none.relations.is_empty() && none.dropped.is_empty());
        assert!(!read(Task::DrugComb, "I cannot tell").parsed);
        let brackets_in_thought = read(Task::DrugComb, "<think>[1] x</think>[]");
        assert!(brackets_in_thought.parsed);
    }
}
