//! The leaderboard rule with ids compared as sets and one-to-one matching.

use std::collections::HashMap;

use crate::prf::{FourScores, FourTallies, Tally};
use crate::published::leaderboard::{
    Documents, SpanLabel, SpanRelation, SpanSet, id_set, names, relations, similarity,
};

/// Scores predictions: rows with the same set of ids, in whatever order, are one relation of the highest label.
pub fn score(gold: &[SpanRelation], pred: &[SpanRelation]) -> FourScores {
    let (gold, pred) = (by_document(gold), by_document(pred));
    let mut four = FourTallies::default();
    for name in names(&gold, &pred) {
        let (gold, pred) = (relations(&gold, name), relations(&pred, name));
        let (gold_pos, pred_pos) = (pos(gold), pos(pred));
        let (gold_any, pred_any) = (gold.iter().collect::<Vec<_>>(), pred.iter().collect::<Vec<_>>());
        four.pos_exact.add(one_to_one(&gold_pos, &pred_pos, true));
        four.pos_partial.add(one_to_one(&gold_pos, &pred_pos, false));
        four.any_exact.add(one_to_one(&gold_any, &pred_any, true));
        four.any_partial.add(one_to_one(&gold_any, &pred_any, false));
    }
    four.scores()
}

fn pos<'d, 'a>(relations: &'d [SpanSet<'a>]) -> Vec<&'d SpanSet<'a>> {
    relations.iter().filter(|(_, label)| *label == SpanLabel::Pos).collect()
}

fn one_to_one(gold: &[&SpanSet<'_>], pred: &[&SpanSet<'_>], exact: bool) -> Tally {
    Tally::one_to_one(gold, pred, |a, b| similarity(&a.0, &b.0, exact))
}

fn by_document(rows: &[SpanRelation]) -> Documents<'_> {
    let mut documents: Documents<'_> = HashMap::with_capacity(rows.len());
    for row in rows.iter().filter(|row| row.relation_label != SpanLabel::NoComb) {
        documents.entry(&row.doc_id).or_default().push((id_set(&row.drug_idxs), row.relation_label));
    }
    for relations in documents.values_mut() {
        relations.sort_unstable_by(|a, b| a.0.cmp(&b.0).then(b.1.cmp(&a.1)));
        relations.dedup_by(|later, kept| later.0 == kept.0);
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
