//! The strict parser: accepts exactly the output format, and says where an output departs from it.

use std::borrow::Cow;

use super::literal::{Grammar, Node, Value, describe, parse};
use super::tolerant::Relation;
use crate::names::DrugSet;
use crate::task::{Label, Task};

/// A completion that follows the format in every point.
#[derive(Clone, Debug, PartialEq)]
pub struct StrictAnswer<'a> {
    /// Text between the think tags.
    pub think: &'a str,
    /// The relations; empty when the answer is NO_COMB.
    pub relations: Vec<Relation<'a>>,
}

/// Where and how a completion departs from the format.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("answer at byte {position}: expected {expected}, got {got}; use the tolerant parser to keep what is usable")]
pub struct AnswerError {
    /// Byte offset in the completion.
    pub position: usize,
    /// What the format asks for there.
    pub expected: String,
    /// What stands there.
    pub got: String,
}

struct Source<'a> {
    text: &'a str,
    task: Task,
}

/// Reads `<think>…</think><answer>[…]</answer>`, white space allowed between the parts, nothing else.
///
/// The list is JSON and not empty; each element has exactly `type` (canonical spelling) and `ent_set` (two or more
/// different names, exactly two for DDI13); NO_COMB stands alone with an empty `ent_set`; no set is stated twice.
///
/// # Errors
/// [`AnswerError`] at the first departure.
pub fn read(task: Task, completion: &str) -> Result<StrictAnswer<'_>, AnswerError> {
    let source = Source { text: completion, task };
    let start = source.skip_space(0);
    let (think, after) = source.section(start, "<think>", "</think>")?;
    let (list, after) = source.section(source.skip_space(after), "<answer>", "</answer>")?;
    let end = source.skip_space(after);
    if end < completion.len() {
        return Err(source.error(end, "nothing behind `</answer>`"));
    }
    let base = after - "</answer>".len() - list.len();
    let node = parse(list, Grammar::Json).map_err(|error| AnswerError {
        position: base + error.position,
        expected: error.expected.to_owned(),
        got: error.got,
    })?;
    let relations = source.relations(node, base)?;
    Ok(StrictAnswer { think, relations })
}

impl<'a> Source<'a> {
    fn error(&self, position: usize, expected: impl Into<String>) -> AnswerError {
        let got = describe(self.text.get(position..).unwrap_or(""));
        AnswerError { position, expected: expected.into(), got }
    }

    fn skip_space(&self, from: usize) -> usize {
        let rest = self.text.get(from..).unwrap_or("");
        self.text.len() - rest.trim_start().len()
    }

    /// The text between two tags that start at `from`, and the offset behind the closing one.
    fn section(&self, from: usize, open: &str, close: &str) -> Result<(&'a str, usize), AnswerError> {
        let rest = self.text.get(from..).unwrap_or("");
        let inside = rest.strip_prefix(open).ok_or_else(|| self.error(from, format!("`{open}`")))?;
        let length = inside.find(close).ok_or_else(|| self.error(self.text.len(), format!("`{close}`")))?;
        Ok((inside.get(..length).unwrap_or(""), from + open.len() + length + close.len()))
    }

    fn relations(&self, node: Node<'a>, base: usize) -> Result<Vec<Relation<'a>>, AnswerError> {
        let start = base + node.start;
        let Value::List(items) = node.value else { return Err(self.error(start, "a JSON array")) };
        if items.is_empty() {
            return Err(self.error(start, "at least one element; no combination is NO_COMB with an empty `ent_set`"));
        }
        let alone = items.len() == 1;
        let mut relations: Vec<Relation<'a>> = Vec::with_capacity(items.len());
        for item in items {
            let place = base + item.start;
            let Some(relation) = self.item(item, base)? else {
                if alone {
                    return Ok(Vec::new());
                }
                return Err(self.error(place, "NO_COMB as the only element"));
            };
            if relations.iter().any(|other| other.drugs == relation.drugs) {
                return Err(self.error(place, "a set of drugs that was not stated before"));
            }
            relations.push(relation);
        }
        Ok(relations)
    }

    fn item(&self, node: Node<'a>, base: usize) -> Result<Option<Relation<'a>>, AnswerError> {
        let start = base + node.start;
        let Value::Object(entries) = node.value else { return Err(self.error(start, "an object")) };
        let (mut label, mut names) = (None, None);
        for (key, value) in entries {
            let key_place = base + key.start;
            let known = match &key.value {
                Value::Text(key) if key == "type" && label.is_none() => {
                    label = Some(self.label(&value, base)?);
                    true
                }
                Value::Text(key) if key == "ent_set" && names.is_none() => {
                    let place = base + value.start;
                    names = Some((self.names(value, base)?, place));
                    true
                }
                _ => false,
            };
            if !known {
                return Err(self.error(key_place, "only the keys `type` and `ent_set`, once each"));
            }
        }
        let (Some(label), Some((names, place))) = (label, names) else {
            return Err(self.error(start, "an object with `type` and `ent_set`"));
        };
        if label == Label::NoComb {
            return if names.is_empty() { Ok(None) } else { Err(self.error(place, "an empty `ent_set` for NO_COMB")) };
        }
        let drugs = DrugSet::new(&names).into_owned();
        if drugs.len() != names.len() {
            return Err(self.error(place, "each drug once"));
        }
        match (self.task, drugs.len()) {
            (_, 0 | 1) => Err(self.error(place, "two or more drugs")),
            (Task::Ddi13, 3..) => Err(self.error(place, "exactly two drugs")),
            _ => Ok(Some(Relation { label, names, drugs })),
        }
    }

    fn label(&self, value: &Node<'a>, base: usize) -> Result<Label, AnswerError> {
        let known = if let Value::Text(text) = &value.value { self.task.label_exact(text) } else { None };
        known.ok_or_else(|| {
            let labels: Vec<&str> = self.task.labels().iter().map(|label| label.as_str()).collect();
            self.error(base + value.start, format!("one of {}", labels.join(", ")))
        })
    }

    fn names(&self, value: Node<'a>, base: usize) -> Result<Vec<Cow<'a, str>>, AnswerError> {
        let Value::List(items) = value.value else {
            return Err(self.error(base + value.start, "an array of drug names"));
        };
        let mut names = Vec::with_capacity(items.len());
        for item in items {
            match item.value {
                Value::Text(text) if !text.trim().is_empty() => names.push(text),
                _ => return Err(self.error(base + item.start, "a drug name")),
            }
        }
        Ok(names)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    fn wrap(list: &str) -> String {
        format!("<think>t</think>\n<answer>{list}</answer>\n")
    }

    #[test]
    fn accepts_the_format() {
        let text = wrap(r#"[{"type": "NEG", "ent_set": ["Warfarin", "aspirin"]}]"#);
        let answer = read(Task::DrugComb, &text).unwrap();
        assert_eq!((answer.think, answer.relations.len()), ("t", 1));
        assert_eq!(answer.relations[0].label, Label::Neg);
        let text = wrap(r#"[{"type": "NO_COMB", "ent_set": []}]"#);
        assert!(read(Task::Ddi13, &text).unwrap().relations.is_empty());
    }

    #[test]
    fn says_where_it_departs() {
        // (list, offset inside the list, part of "expected")
        for (list, offset, expected) in [
            ("[]", 0, "at least one element"),
            ("{}", 0, "a JSON array"),
            ("[1]", 1, "an object"),
            (r#"[{"type": "pos", "ent_set": ["a", "b"]}]"#, 10, "one of POS, NEG, COMB, NO_COMB"),
            (r#"[{"type": "POS"}]"#, 1, "an object with `type` and `ent_set`"),
            (r#"[{"type": "POS", "ent_set": "a"}]"#, 28, "an array of drug names"),
            (r#"[{"type": "POS", "ent_set": ["a", 2]}]"#, 34, "a drug name"),
            (r#"[{"type": "POS", "ent_set": ["a"]}]"#, 28, "two or more drugs"),
            (r#"[{"type": "POS", "ent_set": ["a", "A "]}]"#, 28, "each drug once"),
            (r#"[{"type": "NO_COMB", "ent_set": ["a"]}]"#, 32, "an empty `ent_set`"),
            (r#"[{"type": "POS", "ent_set": ["a", "b"], "note": 1}]"#, 40, "only the keys"),
            (r#"[{'type': 'POS'}]"#, 2, "a quoted key"),
            (
                r#"[{"type": "POS", "ent_set": ["a", "b"]}, {"type": "NEG", "ent_set": ["B", "a"]}]"#,
                41,
                "not stated before",
            ),
            (r#"[{"type": "POS", "ent_set": ["a", "b"]}, {"type": "NO_COMB", "ent_set": []}]"#, 41, "the only element"),
        ] {
            let error = read(Task::DrugComb, &wrap(list)).unwrap_err();
            let base = "<think>t</think>\n<answer>".len();
            assert_eq!(error.position, base + offset, "{list}: {error}");
            assert!(error.expected.contains(expected), "{list}: {error}");
        }
        let three = wrap(r#"[{"type": "int", "ent_set": ["a", "b", "c"]}]"#);
        assert!(read(Task::Ddi13, &three).unwrap_err().expected.contains("exactly two"));
    }

    #[test]
    fn says_which_tag_is_missing() {
        for (text, position, expected) in [
            ("[]", 0, "`<think>`"),
            ("<think>a", 8, "`</think>`"),
            ("<think>a</think>[]", 16, "`<answer>`"),
            ("<think>a</think><answer>[]", 26, "`</answer>`"),
            (
                r#"<think></think><answer>[{"type": "NO_COMB", "ent_set": []}]</answer> so"#,
                69,
                "nothing behind `</answer>`",
            ),
        ] {
            let error = read(Task::DrugComb, text).unwrap_err();
            assert_eq!((error.position, error.expected.as_str()), (position, expected), "{text}");
        }
    }
}
