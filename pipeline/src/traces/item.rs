//! What traces are written about: a sentence, its paragraph, and what the annotators found.

use rexdrug_scoring::gold::drugcomb;
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
    /// The paragraph.
    pub context: String,
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
        let (mut usable, mut unusable) = (Vec::<Self>::new(), Vec::new());
        let mut seen = std::collections::HashSet::new();
        for item in items {
            let relations = item.rels.iter().filter(|relation| relation.class != Label::NoComb);
            let gold: Vec<(Label, Vec<String>)> =
                relations.map(|relation| (relation.class, item.names(relation).map(str::to_owned).collect())).collect();
            let sets: Vec<DrugSet<'_>> = gold.iter().map(|(_, names)| DrugSet::new(names)).collect();
            let fault = if !seen.insert(&item.doc_id) {
                Some("its id came before")
            } else if sets.iter().zip(&gold).any(|(set, (_, names))| set.len() < 2 || set.len() != names.len()) {
                Some("a combination names a drug twice")
            } else if sets.iter().enumerate().any(|(at, set)| sets.iter().take(at).any(|other| other == set)) {
                Some("a combination is stated twice")
            } else {
                None
            };
            match fault {
                Some(reason) => unusable.push(Unusable { id: item.doc_id.clone(), reason: reason.to_owned() }),
                None => usable.push(Self {
                    id: item.doc_id.clone(),
                    sentence: item.sentence.clone(),
                    context: if item.paragraph.is_empty() { item.sentence.clone() } else { item.paragraph.clone() },
                    gold,
                }),
            }
        }
        (usable, unusable)
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
}
