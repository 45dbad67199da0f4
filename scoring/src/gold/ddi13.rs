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
}
