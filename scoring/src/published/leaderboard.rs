//! The DrugComb leaderboard rule: span ids, NO_COMB ignored, NEG merged into COMB.
//!
//! Rows with the same document and the same ids *in the same order* are one relation, of the highest label (POS over
//! COMB over NO_COMB); the same ids in another order stay a second relation. Each side then takes its best counterpart
//! in the same document, which several may share. "pos" looks at POS relations only, "any" ignores labels; "exact" wants
//! the same set, "partial" gives Jaccard when two ids are shared.

use std::collections::HashMap;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::names::overlap;
use crate::prf::{FourScores, FourTallies, Tally};

/// Label of a leaderboard row. NEG and COMB are one class there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum SpanLabel {
    /// No combination: 0 or `NO_COMB`.
    NoComb,
    /// A combination without stated benefit: 1, `COMB` or `NEG`.
    Comb,
    /// A beneficial combination: 2 or `POS`.
    Pos,
}

impl<'de> Deserialize<'de> for SpanLabel {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Form {
            Number(i64),
            Text(String),
        }
        let got = match Form::deserialize(deserializer)? {
            Form::Number(0) => return Ok(Self::NoComb),
            Form::Number(1) => return Ok(Self::Comb),
            Form::Number(2) => return Ok(Self::Pos),
            Form::Number(number) => number.to_string(),
            Form::Text(text) => match text.as_str() {
                "NO_COMB" => return Ok(Self::NoComb),
                "COMB" | "NEG" => return Ok(Self::Comb),
                "POS" => return Ok(Self::Pos),
                _ => text,
            },
        };
        Err(D::Error::custom(format!("relation_label: expected 0, 1, 2, POS, NEG, COMB or NO_COMB, got {got}")))
    }
}

impl Serialize for SpanLabel {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u8(match self {
            Self::NoComb => 0,
            Self::Comb => 1,
            Self::Pos => 2,
        })
    }
}

/// One line of a leaderboard file, gold or predicted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SpanRelation {
    /// Document the sentence belongs to.
    pub doc_id: String,
    /// Ids of the drug spans of the sentence, in the order stated.
    pub drug_idxs: Vec<u32>,
    /// The label.
    pub relation_label: SpanLabel,
}

/// Scores predictions by the leaderboard rule.
pub fn score(gold: &[SpanRelation], pred: &[SpanRelation]) -> FourScores {
    let (gold, pred) = (by_document(gold), by_document(pred));
    tally(&gold, &pred, |gold, pred, exact| Tally::best_each_side(gold, pred, |a, b| similarity(a, b, exact))).scores()
}

/// A set of span ids: sorted, without repeats.
pub(crate) type IdSet = Vec<u32>;

/// Relations per document, NO_COMB left out.
pub(crate) type Documents<'a> = HashMap<&'a str, Vec<(IdSet, SpanLabel)>>;

fn by_document(rows: &[SpanRelation]) -> Documents<'_> {
    let mut labels: HashMap<(&str, &[u32]), SpanLabel> = HashMap::with_capacity(rows.len());
    for row in rows {
        let label = labels.entry((&row.doc_id, &row.drug_idxs)).or_insert(row.relation_label);
        *label = (*label).max(row.relation_label);
    }
    let mut documents = Documents::new();
    // In file order, so that sums are the same on every run.
    for row in rows {
        if let Some(label) = labels.remove(&(row.doc_id.as_str(), row.drug_idxs.as_slice()))
            && label != SpanLabel::NoComb
        {
            documents.entry(&row.doc_id).or_default().push((id_set(&row.drug_idxs), label));
        }
    }
    documents
}

pub(crate) fn id_set(ids: &[u32]) -> IdSet {
    let mut set = ids.to_vec();
    set.sort_unstable();
    set.dedup();
    set
}

pub(crate) fn similarity(a: &IdSet, b: &IdSet, exact: bool) -> f64 {
    if exact {
        return f64::from(u8::from(a == b));
    }
    overlap(a.iter().filter(|id| b.binary_search(id).is_ok()).count(), a.len(), b.len())
}

/// Sums the four scores over documents with a matching rule `(gold, pred, exact)`.
pub(crate) fn tally(
    gold: &Documents<'_>,
    pred: &Documents<'_>,
    matching: impl Fn(&[IdSet], &[IdSet], bool) -> Tally,
) -> FourTallies {
    let mut names: Vec<&str> = gold.keys().chain(pred.keys()).copied().collect();
    names.sort_unstable();
    names.dedup();
    let mut four = FourTallies::default();
    for name in names {
        let sets = |documents: &Documents<'_>, least: SpanLabel| -> Vec<IdSet> {
            let relations = documents.get(name).map_or(&[][..], Vec::as_slice);
            relations.iter().filter(|(_, label)| *label >= least).map(|(ids, _)| ids.clone()).collect()
        };
        let (gold_pos, pred_pos) = (sets(gold, SpanLabel::Pos), sets(pred, SpanLabel::Pos));
        let (gold_any, pred_any) = (sets(gold, SpanLabel::Comb), sets(pred, SpanLabel::Comb));
        four.pos_exact.add(matching(&gold_pos, &pred_pos, true));
        four.pos_partial.add(matching(&gold_pos, &pred_pos, false));
        four.any_exact.add(matching(&gold_any, &pred_any, true));
        four.any_partial.add(matching(&gold_any, &pred_any, false));
    }
    four
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    #[test]
    fn labels_come_as_numbers_or_names() {
        for (json, label) in [("2", SpanLabel::Pos), ("\"NEG\"", SpanLabel::Comb), ("\"NO_COMB\"", SpanLabel::NoComb)] {
            assert_eq!(serde_json::from_str::<SpanLabel>(json).unwrap(), label);
        }
        let error = serde_json::from_str::<SpanLabel>("3").unwrap_err();
        assert!(error.to_string().contains("got 3"), "{error}");
    }

    fn row(doc_id: &str, drug_idxs: &[u32], relation_label: SpanLabel) -> SpanRelation {
        SpanRelation { doc_id: doc_id.to_owned(), drug_idxs: drug_idxs.to_vec(), relation_label }
    }

    #[test]
    fn same_order_merges_and_other_order_counts_again() {
        let gold = [row("d", &[0, 1], SpanLabel::Pos)];
        let merged = [row("d", &[0, 1], SpanLabel::Comb), row("d", &[0, 1], SpanLabel::Pos)];
        assert_eq!(score(&gold, &merged).any_exact.precision, 1.0);
        assert_eq!(score(&gold, &merged).pos_exact.f1, 1.0);
        let apart = [row("d", &[0, 1], SpanLabel::Pos), row("d", &[1, 0], SpanLabel::Comb)];
        let scores = score(&[row("d", &[0, 1], SpanLabel::Pos), row("d", &[2, 3], SpanLabel::Pos)], &apart);
        assert_eq!((scores.any_exact.precision, scores.any_exact.recall), (1.0, 0.5));
    }

    #[test]
    fn no_comb_counts_on_neither_side() {
        let none = [row("d", &[0, 1], SpanLabel::NoComb)];
        assert_eq!(score(&none, &none), FourScores::default());
    }
}
