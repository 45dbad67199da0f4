//! DDI13 items: a sentence with its drug names and typed pairs of names.

use std::io::BufRead;

use serde::{Deserialize, Serialize};

use super::GoldFileError;
use crate::breakdown::Labelled;
use crate::names::{DrugSet, normalize};
use crate::reward::Gold;
use crate::task::{Label, Task};

/// A drug name of the sentence.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entity {
    /// The name.
    pub entity: String,
    /// Its category.
    #[serde(default)]
    pub category: String,
}

/// A pair of names.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Relation {
    /// effect, advise, int, mechanism; anything else (the file writes `other`) is no relation.
    #[serde(rename = "type")]
    pub kind: String,
    /// The two names.
    pub ent_sets: Vec<String>,
}

impl Relation {
    /// The type, `None` for pairs without a relation.
    pub fn label(&self) -> Option<Label> {
        Task::Ddi13.label(&self.kind).filter(|label| *label != Label::NoComb)
    }
}

/// One sentence with its annotation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Item {
    /// Number of the sentence.
    pub id: u64,
    /// The sentence.
    pub context: String,
    /// Its drug names.
    pub entities: Vec<Entity>,
    /// Its pairs.
    pub relations: Vec<Relation>,
}

/// A place where a drug name of the sentence stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mention<'i> {
    /// First character.
    pub start: usize,
    /// Character behind it.
    pub end: usize,
    /// The name as the item lists it.
    pub name: &'i str,
}

/// Reads a file of items, one JSON object per line.
///
/// # Errors
/// [`GoldFileError`] for the first line that cannot be read.
pub fn read(source: impl BufRead) -> Result<Vec<Item>, GoldFileError> {
    let items = super::lines::<Item>(source, "a DDI13 item (id, context, entities, relations)")?;
    Ok(items.into_iter().map(|(_, item)| item).collect())
}

impl Item {
    /// Typed pairs, those without a relation left out.
    pub fn typed(&self) -> impl Iterator<Item = (Label, &[String])> {
        self.relations.iter().filter_map(|relation| Some((relation.label()?, relation.ent_sets.as_slice())))
    }

    /// Where the names stand, in text order: the file gives none of it. Longer names are placed first and nothing
    /// overlaps them; a name is looked for as whole words, and inside words only where it stands nowhere else.
    pub fn mentions(&self) -> Vec<Mention<'_>> {
        let text: Vec<char> = self.context.chars().collect();
        let mut names: Vec<&str> = self.entities.iter().map(|entity| entity.entity.as_str()).collect();
        names.sort_by_key(|name| (std::cmp::Reverse(name.chars().count()), *name));
        names.dedup();
        let mut found: Vec<Mention<'_>> = Vec::new();
        for name in names {
            for (start, end) in occurrences(&text, name) {
                if found.iter().all(|other| end <= other.start || other.end <= start) {
                    found.push(Mention { start, end, name });
                }
            }
        }
        found.sort_by_key(|mention| mention.start);
        found
    }

    /// The gold answer, for rewards.
    pub fn gold(&self) -> Gold {
        Gold::new(Task::Ddi13, self.typed().map(|(label, names)| (label, DrugSet::new(names))))
    }

    /// The relations for a breakdown, as sets of normalised names.
    pub fn labelled(&self) -> Vec<Labelled<String>> {
        self.typed()
            .map(|(label, names)| Labelled::new(names.iter().map(|name| normalize(name).into_owned()), label))
            .collect()
    }
}

/// Places of a name that no letter or digit touches, else all its places.
fn occurrences(text: &[char], name: &str) -> Vec<(usize, usize)> {
    let name: Vec<char> = name.chars().collect();
    if name.is_empty() {
        return Vec::new();
    }
    let places = text.windows(name.len()).enumerate().filter(|(_, window)| *window == name.as_slice());
    let all: Vec<(usize, usize)> = places.map(|(start, _)| (start, start + name.len())).collect();
    let wordy = |place: Option<usize>| place.and_then(|at| text.get(at)).is_some_and(|c| c.is_alphanumeric());
    let whole = |&(start, end): &(usize, usize)| !wordy(start.checked_sub(1)) && !wordy(Some(end));
    let words: Vec<(usize, usize)> = all.iter().copied().filter(whole).collect();
    if words.is_empty() { all } else { words }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    #[test]
    fn other_is_no_relation() {
        let line = r#"{"id": 3, "context": "x", "entities": [{"entity": "a", "category": "drug"}],
            "relations": [{"type": "other", "ent_sets": ["a", "b"]}, {"type": "advise", "ent_sets": ["a", "C"]}]}"#;
        let items = read(line.replace('\n', "").as_bytes()).unwrap();
        let typed: Vec<_> = items[0].typed().collect();
        assert_eq!(typed.len(), 1);
        assert_eq!(typed[0].0, Label::Advise);
        assert_eq!(items[0].labelled()[0].members, ["a", "c"]);
        assert!(!items[0].gold().is_no_comb());
    }

    #[test]
    fn names_are_placed_longest_first_and_as_words_where_they_can_be() {
        let line = r#"{"id": 1, "context": "β-blockers and blockers, unblocking ace", "entities": [
            {"entity": "blockers"}, {"entity": "β-blockers"}, {"entity": "block"}, {"entity": "ace"}, {"entity": "x"},
            {"entity": ""}], "relations": []}"#;
        let items = read(line.replace('\n', "").as_bytes()).unwrap();
        let found: Vec<_> = items[0].mentions().iter().map(|of| (of.start, of.end, of.name.to_owned())).collect();
        let expected = [(0, 10, "β-blockers"), (15, 23, "blockers"), (27, 32, "block"), (36, 39, "ace")];
        assert_eq!(found, expected.map(|(start, end, name)| (start, end, name.to_owned())));
    }
}
