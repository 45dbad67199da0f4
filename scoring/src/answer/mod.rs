//! Reading the output of a reasoning model: `<think>…</think><answer>[…]</answer>`.

mod escape;
pub mod literal;
mod plain;
pub mod strict;
pub mod tolerant;

use std::borrow::Cow;

use literal::{Node, Value};

/// The tagged parts of a completion. Tags are matched in lower case, the first opening with the nearest closing one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sections<'a> {
    /// Text between the think tags, as written; `None` unless both tags are there.
    pub think: Option<&'a str>,
    /// Text between the answer tags, trimmed; `None` unless both tags are there.
    pub answer: Option<&'a str>,
}

impl<'a> Sections<'a> {
    /// Finds both parts.
    pub fn of(completion: &'a str) -> Self {
        Self { think: between(completion, "<think>", "</think>"), answer: answer_part(completion) }
    }
}

/// Text between the answer tags, trimmed.
pub(crate) fn answer_part(completion: &str) -> Option<&str> {
    between(completion, "<answer>", "</answer>").map(str::trim)
}

fn between<'a>(text: &'a str, open: &str, close: &str) -> Option<&'a str> {
    let inside = text.get(find_tag(text, open)? + open.len()..)?;
    inside.get(..find_tag(inside, close)?)
}

/// Byte offset of a tag. Looking for `<` first is several times faster than a general substring search.
fn find_tag(text: &str, tag: &str) -> Option<usize> {
    let mut from = 0;
    loop {
        let rest = text.get(from..)?;
        let at = rest.find('<')?;
        if rest.get(at..)?.starts_with(tag) {
            return Some(from + at);
        }
        from += at + 1;
    }
}

/// One element of the answer list as it came, before any rule judges it.
#[derive(Clone, Debug, PartialEq)]
pub struct RawItem<'a> {
    /// False when the element is not an object at all (a bare string, a number).
    pub is_object: bool,
    /// The `type`, when it is a string.
    pub label: Option<Cow<'a, str>>,
    /// The names of `ent_set` as written, when it is a list. Elements that are no strings appear as their source text.
    pub drugs: Option<Vec<Cow<'a, str>>>,
}

impl<'a> RawItem<'a> {
    fn of(node: Node<'a>, source: &'a str) -> Self {
        let Value::Object(entries) = node.value else {
            return Self { is_object: false, label: None, drugs: None };
        };
        let (mut label, mut drugs) = (None, None);
        for (key, value) in entries {
            match key.value {
                Value::Text(key) if key == "type" => {
                    label = if let Value::Text(text) = value.value { Some(text) } else { None };
                }
                Value::Text(key) if key == "ent_set" => {
                    let Value::List(items) = value.value else {
                        drugs = None;
                        continue;
                    };
                    let name = |item: Node<'a>| match item.value {
                        Value::Text(text) => text,
                        _ => Cow::Borrowed(source.get(item.start..item.end).unwrap_or("")),
                    };
                    drugs = Some(items.into_iter().map(name).collect());
                }
                _ => {}
            }
        }
        Self { is_object: true, label, drugs }
    }

    /// Whether the label is NO_COMB in any letter case.
    pub fn is_no_comb(&self) -> bool {
        self.label.as_deref().is_some_and(|label| label.eq_ignore_ascii_case("NO_COMB"))
    }

    /// The names, empty when there is no list.
    pub fn names(&self) -> &[Cow<'a, str>] {
        self.drugs.as_deref().unwrap_or(&[])
    }
}

/// The items of a parsed value that is a list; `None` for any other value.
fn items_of<'a>(node: Node<'a>, source: &'a str) -> Option<Vec<RawItem<'a>>> {
    let Value::List(items) = node.value else { return None };
    Some(items.into_iter().map(|item| RawItem::of(item, source)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_both_parts_in_any_order() {
        let sections = Sections::of("x<answer> [] </answer> <think>\na</think> tail </answer>");
        assert_eq!(sections, Sections { think: Some("\na"), answer: Some("[]") });
        assert_eq!(Sections::of("<think>a<answer>[]"), Sections { think: None, answer: None });
        assert_eq!(Sections::of("</answer><answer>"), Sections { think: None, answer: None });
    }
}
