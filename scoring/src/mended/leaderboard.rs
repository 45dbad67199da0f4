//! The leaderboard rule with ids compared as sets and one-to-one matching.

use std::collections::HashMap;

use crate::prf::{FourScores, Tally};
use crate::published::leaderboard::{Documents, SpanLabel, SpanRelation, id_set, similarity, tally};

/// Scores predictions: rows with the same set of ids, in whatever order, are one relation of the highest label.
pub fn score(gold: &[SpanRelation], pred: &[SpanRelation]) -> FourScores {
    let (gold, pred) = (by_document(gold), by_document(pred));
    tally(&gold, &pred, |gold, pred, exact| Tally::one_to_one(gold, pred, |a, b| similarity(a, b, exact))).scores()
}

fn by_document(rows: &[SpanRelation]) -> Documents<'_> {
    let mut places: HashMap<(&str, Vec<u32>), usize> = HashMap::with_capacity(rows.len());
    let mut documents = Documents::new();
    for row in rows.iter().filter(|row| row.relation_label != SpanLabel::NoComb) {
        let relations = documents.entry(&row.doc_id).or_default();
        let ids = id_set(&row.drug_idxs);
        let place = *places.entry((&row.doc_id, ids.clone())).or_insert(relations.len());
        match relations.get_mut(place) {
            Some((_, label)) => *label = (*label).max(row.relation_label),
            None => relations.push((ids, row.relation_label)),
        }
    }
    documents
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(ids: &[u32], relation_label: SpanLabel) -> SpanRelation {
        SpanRelation { doc_id: "d".into(), drug_idxs: ids.to_vec(), relation_label }
    }

    #[test]
    fn order_does_not_make_a_second_relation() {
        let gold = [row(&[0, 1], SpanLabel::Pos), row(&[2, 3], SpanLabel::Comb)];
        let pred = [row(&[1, 0], SpanLabel::Comb), row(&[0, 1], SpanLabel::Pos)];
        let scores = score(&gold, &pred);
        assert_eq!((scores.any_exact.precision, scores.any_exact.recall), (1.0, 0.5));
        assert_eq!(scores.pos_exact.f1, 1.0);
    }

    #[test]
    fn one_prediction_does_not_serve_two_gold_relations() {
        let gold = [row(&[0, 1, 2], SpanLabel::Pos), row(&[0, 1, 3], SpanLabel::Pos)];
        let pred = [row(&[0, 1], SpanLabel::Pos)];
        assert!((score(&gold, &pred).any_partial.recall - 1.0 / 3.0).abs() < 1e-12);
    }
}
