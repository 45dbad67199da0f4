//! What traces are written about: a sentence, its paragraph, and what the annotators found.

use std::collections::HashSet;

use rexdrug_scoring::gold::{ddi13, drugcomb};
use rexdrug_scoring::names::DrugSet;
use rexdrug_scoring::task::Label;
use serde::Serialize;
use serde_json::json;

/// One gold item.
#[derive(Debug, Clone, PartialEq)]
pub struct TraceItem {
    /// Its id; unique in its file.
    pub id: String,
    /// The target sentence.
    pub sentence: String,
    /// The paragraph; the sentence itself where there is none.
    pub context: String,
    /// The drugs that the annotators marked, whether or not they are combined.
    pub drugs: Vec<String>,
    /// Its relations with names as written; empty when there is none.
    pub gold: Vec<(Label, Vec<String>)>,
}

/// An item that no trace can be written about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Unusable {
    /// Its id.
    pub id: String,
    /// Why.
    pub reason: String,
}

impl TraceItem {
    /// Items of a DrugComb file, and those that cannot be used: a set of one name after comparing names, a set that is
    /// stated twice, an id that came before.
    pub fn of_drugcomb(items: &[drugcomb::Item]) -> (Vec<Self>, Vec<Unusable>) {
        sift(items.iter().map(|item| {
            let relations = item.rels.iter().filter(|relation| relation.class != Label::NoComb);
            Self {
                id: item.doc_id.clone(),
                sentence: item.sentence.clone(),
                context: if item.paragraph.is_empty() { item.sentence.clone() } else { item.paragraph.clone() },
                drugs: item.spans.iter().map(|span| span.text.clone()).collect(),
                gold: relations
                    .map(|relation| (relation.class, item.names(relation).map(str::to_owned).collect()))
                    .collect(),
            }
        }))
    }

    /// Items of a DDI13 file, and those that cannot be used, as [`TraceItem::of_drugcomb`] says it of combinations.
    pub fn of_ddi13(items: &[ddi13::Item]) -> (Vec<Self>, Vec<Unusable>) {
        sift(items.iter().map(|item| Self {
            id: item.id.to_string(),
            sentence: item.context.clone(),
            context: item.context.clone(),
            drugs: item.entities.iter().map(|entity| entity.entity.clone()).collect(),
            gold: item.typed().map(|(label, names)| (label, names.to_vec())).collect(),
        }))
    }

    /// The gold answer as a model has to write it.
    pub fn answer(&self) -> String {
        let none = [json!({"type": "NO_COMB", "ent_set": []})];
        let stated: Vec<_> =
            self.gold.iter().map(|(label, names)| json!({"type": label.as_str(), "ent_set": names})).collect();
        let list = if stated.is_empty() { none.as_slice() } else { stated.as_slice() };
        serde_json::Value::from(list.to_vec()).to_string()
    }

    /// The gold relations as they are compared.
    pub(super) fn sets(&self) -> Vec<(Label, DrugSet<'_>)> {
        let mut sets: Vec<_> = self.gold.iter().map(|(label, names)| (*label, DrugSet::new(names))).collect();
        sets.sort();
        sets
    }

    /// Why no answer can state its gold relations.
    fn fault(&self) -> Option<&'static str> {
        let sets: Vec<DrugSet<'_>> = self.gold.iter().map(|(_, names)| DrugSet::new(names)).collect();
        if sets.iter().zip(&self.gold).any(|(set, (_, names))| set.len() < 2 || set.len() != names.len()) {
            Some("a combination names a drug twice")
        } else if sets.iter().enumerate().any(|(at, set)| sets.iter().take(at).any(|other| other == set)) {
            Some("a combination is stated twice")
        } else {
            None
        }
    }
}

/// Items that traces can be written about, and the others with the reason.
fn sift(items: impl Iterator<Item = TraceItem>) -> (Vec<TraceItem>, Vec<Unusable>) {
    let (mut usable, mut unusable) = (Vec::new(), Vec::new());
    let mut seen = HashSet::new();
    for item in items {
        let fault = if seen.insert(item.id.clone()) { item.fault() } else { Some("its id came before") };
        match fault {
            Some(reason) => unusable.push(Unusable { id: item.id, reason: reason.to_owned() }),
            None => usable.push(item),
        }
    }
    (usable, unusable)
}
