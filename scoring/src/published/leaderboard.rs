//! The DrugComb leaderboard rule: span ids, NO_COMB ignored, NEG merged into COMB.
//!
//! Rows with the same document and the same ids *in the same order* are one relation, of the highest label (POS over
//! COMB over NO_COMB); the same ids in another order stay a second relation. Each side then takes its best counterpart
//! in the same document, which several may share. "pos" looks at POS relations only, "any" ignores labels; "exact" wants
//! the same set, "partial" gives Jaccard when two ids are shared.

use std::borrow::Cow;
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
    let mut four = FourTallies::default();
    for name in names(&gold, &pred) {
        four.add_best_each_side(relations(&gold, name), relations(&pred, name));
    }
    four.scores()
}

/// A set of span ids (sorted, without repeats) and its label.
pub(crate) type SpanSet<'a> = (Cow<'a, [u32]>, SpanLabel);

/// Relations per document, NO_COMB left out.
pub(crate) type Documents<'a> = HashMap<&'a str, Vec<SpanSet<'a>>>;

fn by_document(rows: &[SpanRelation]) -> Documents<'_> {
    let mut stated: HashMap<&str, Vec<(&[u32], SpanLabel)>> = HashMap::with_capacity(rows.len());
    for row in rows {
        stated.entry(&row.doc_id).or_default().push((&row.drug_idxs, row.relation_label));
    }
    stated.into_iter().map(|(name, relations)| (name, span_sets(relations))).collect()
}

/// Merges rows with the same ids in the same order, keeping the highest label.
fn span_sets(mut rows: Vec<(&[u32], SpanLabel)>) -> Vec<SpanSet<'_>> {
    rows.sort_unstable_by(|a, b| a.0.cmp(b.0).then(b.1.cmp(&a.1)));
    rows.dedup_by_key(|row| row.0);
    let combinations = rows.into_iter().filter(|(_, label)| *label != SpanLabel::NoComb);
    combinations.map(|(ids, label)| (id_set(ids), label)).collect()
}

/// Ids as a set; borrows when they are one already.
pub(crate) fn id_set(ids: &[u32]) -> Cow<'_, [u32]> {
    if ids.is_sorted_by(|a, b| a < b) {
        return Cow::Borrowed(ids);
    }
    let mut set = ids.to_vec();
    set.sort_unstable();
    set.dedup();
    Cow::Owned(set)
}

/// Relations of a document, none where it is not in the file.
pub(crate) fn relations<'d, 'a>(documents: &'d Documents<'a>, name: &str) -> &'d [SpanSet<'a>] {
    documents.get(name).map_or(&[], Vec::as_slice)
}

/// Documents of both sides in a fixed order, so that sums are the same on every run.
pub(crate) fn names<'a>(gold: &Documents<'a>, pred: &Documents<'a>) -> Vec<&'a str> {
    let mut names: Vec<&str> = gold.keys().chain(pred.keys()).copied().collect();
    names.sort_unstable();
    names.dedup();
    names
}

pub(crate) fn similarity(a: &[u32], b: &[u32], exact: bool) -> f64 {
    if exact {
        return f64::from(u8::from(a == b));
    }
    overlap(a.iter().filter(|id| b.binary_search(id).is_ok()).count(), a.len(), b.len())
}

impl FourTallies {
    fn add_best_each_side(&mut self, gold: &[SpanSet<'_>], pred: &[SpanSet<'_>]) {
        for (relations, others, of_gold) in [(gold, pred, true), (pred, gold, false)] {
            for (ids, label) in relations {
                let (mut any, mut pos) = ([0.0_f64; 2], [0.0_f64; 2]);
                for (other_ids, other_label) in others {
                    let found = [similarity(ids, other_ids, true), similarity(ids, other_ids, false)];
                    let best = |best: &mut [f64; 2]| *best = [best[0].max(found[0]), best[1].max(found[1])];
                    best(&mut any);
                    if *other_label == SpanLabel::Pos {
                        best(&mut pos);
                    }
                }
                let add = |tally: &mut Tally, credit: f64| {
                    let (sum, count) = if of_gold {
                        (&mut tally.gold_credit, &mut tally.gold_count)
                    } else {
                        (&mut tally.pred_credit, &mut tally.pred_count)
                    };
                    *sum += credit;
                    *count += 1;
                };
                add(&mut self.any_exact, any[0]);
                add(&mut self.any_partial, any[1]);
                if *label == SpanLabel::Pos {
                    add(&mut self.pos_exact, pos[0]);
                    add(&mut self.pos_partial, pos[1]);
                }
            }
        }
    }
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
