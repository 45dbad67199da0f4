//! DrugComb: both rules, published and mended, mentions, breakdowns and cases.

use crate::breakdown::{Breakdown, Labelled};
use crate::gold::drugcomb::Item;
use crate::mended;
use crate::names::normalize;
use crate::prf::{FourScores, Prf, Tally};
use crate::published;
use crate::published::leaderboard::{SpanLabel, SpanRelation};
use crate::rows::{AnswerRow, ErrorStats, RowError};
use crate::task::Label;

use super::prediction::{FoundDrug, FoundRelation, Prediction};
use super::{Case, CaseRelation, Causes, Mark, MarkKind};

/// Ids from here on are predicted drugs that are no gold span; no item has so many spans.
const UNALIGNED: u32 = 1 << 30;

/// What predictions name their drugs by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Alignment {
    /// Spans, or ids of spans.
    #[default]
    Spans,
    /// Names: spans of one name are one drug, on both sides.
    Names,
}

/// Everything about one set of predictions.
#[derive(Clone, Debug, PartialEq)]
pub struct Evaluation {
    /// The published leaderboard rule.
    pub leaderboard: FourScores,
    /// The same question without its quirks.
    pub leaderboard_mended: FourScores,
    /// The published RexDrug rule.
    pub rexdrug: FourScores,
    /// The same question without its quirks.
    pub rexdrug_mended: FourScores,
    /// Errors in answers that are text.
    pub answer_errors: ErrorStats,
    /// Drugs found, by exact span; none where mentions were given or only the drugs of relations are known.
    pub mentions: Option<Prf>,
    /// Outcomes by arity, label and need of context.
    pub breakdown: Breakdown,
    /// Wrong relations by cause.
    pub causes: Causes,
    /// Items without an answer.
    pub refused: usize,
    /// Every item.
    pub cases: Vec<Case>,
}

/// Judges predictions, one per item in the order of the items; missing ones count as empty.
///
/// # Errors
/// [`RowError`] never for items that were read by this crate: their answers are written here.
pub fn evaluate(items: &[Item], predictions: &[Prediction], alignment: Alignment) -> Result<Evaluation, RowError> {
    let nothing = Prediction::default();
    let pairs = || items.iter().enumerate().map(|(index, item)| (item, predictions.get(index).unwrap_or(&nothing)));
    let (mut gold_rows, mut pred_rows, mut answers) = (Vec::new(), Vec::new(), Vec::with_capacity(items.len()));
    let (mut breakdown, mut causes, mut cases) = (Breakdown::default(), Causes::default(), Vec::new());
    let mut mentions = Tally::default();
    for (item, prediction) in pairs() {
        let ids = Ids { item, alignment };
        gold_rows.extend(item.span_relations().into_iter().map(|row| ids.canonical_row(row)));
        pred_rows.extend(ids.rows(prediction));
        answers.push(answer_row(item, prediction));
        let (gold, pred) = (ids.gold(), ids.predicted(prediction));
        breakdown.add(&gold, &pred);
        let case = ids.case(prediction, &gold, &pred);
        case.count(&mut causes);
        cases.push(case);
        mentions.add(mention_tally(item, prediction));
    }
    let published_rule = published::drugcomb::evaluate(&answers)?;
    let has_spans = alignment == Alignment::Spans;
    Ok(Evaluation {
        leaderboard: published::leaderboard::score(&gold_rows, &pred_rows),
        leaderboard_mended: mended::leaderboard::score(&gold_rows, &pred_rows),
        rexdrug: published_rule.scores,
        rexdrug_mended: mended::drugcomb::evaluate(&answers)?.scores,
        answer_errors: published_rule.error_stats,
        mentions: has_spans.then(|| mentions.prf()),
        breakdown,
        causes,
        refused: pairs().filter(|(_, prediction)| prediction.fault.is_some()).count(),
        cases,
    })
}

/// Span ids of one item as they are compared.
struct Ids<'a> {
    item: &'a Item,
    alignment: Alignment,
}

impl Ids<'_> {
    fn canonical(&self, id: u32) -> u32 {
        if self.alignment == Alignment::Spans {
            return id;
        }
        let name = self.item.span(id).map(|span| normalize(&span.text));
        let first = self.item.spans.iter().find(|span| Some(normalize(&span.text)) == name);
        first.map_or(id, |span| span.span_id)
    }

    fn canonical_row(&self, mut row: SpanRelation) -> SpanRelation {
        for id in &mut row.drug_idxs {
            *id = self.canonical(*id);
        }
        row
    }

    fn gold(&self) -> Vec<Labelled<u32>> {
        let mut relations = self.item.labelled();
        for relation in &mut relations {
            let ids = relation.members.iter().map(|id| self.canonical(*id));
            relation.members = Labelled::new(ids, relation.label).members;
        }
        relations
    }

    fn id(&self, drugs: &[FoundDrug], member: usize) -> u32 {
        let gold = drugs.get(member).and_then(|drug| drug.gold);
        gold.map_or(UNALIGNED + u32::try_from(member).unwrap_or(0), |id| self.canonical(id))
    }

    fn stated(&self, prediction: &Prediction, relation: &FoundRelation) -> Vec<u32> {
        relation.members.iter().map(|&member| self.id(&prediction.drugs, member)).collect()
    }

    fn predicted(&self, prediction: &Prediction) -> Vec<Labelled<u32>> {
        let labelled = |found: &FoundRelation| Labelled::new(self.stated(prediction, found), found.label);
        prediction.relations.iter().map(labelled).collect()
    }

    /// Members in the order stated: to the published rule one set in two orders is two relations.
    fn rows(&self, prediction: &Prediction) -> Vec<SpanRelation> {
        let row = |found: &FoundRelation| SpanRelation {
            doc_id: self.item.doc_id.clone(),
            drug_idxs: self.stated(prediction, found),
            relation_label: if found.label == Label::Pos { SpanLabel::Pos } else { SpanLabel::Comb },
        };
        prediction.relations.iter().map(row).collect()
    }

    fn case(&self, prediction: &Prediction, gold: &[Labelled<u32>], pred: &[Labelled<u32>]) -> Case {
        let found: Vec<u32> =
            prediction.drugs.iter().filter_map(|drug| drug.gold).map(|id| self.canonical(id)).collect();
        let name = |id: &u32| self.item.span(*id).map_or_else(String::new, |span| span.text.clone());
        let judged_gold = gold.iter().map(|relation| {
            let complete = relation.members.iter().all(|id| found.contains(id));
            CaseRelation::judge(relation, pred, relation.members.iter().map(name).collect(), complete)
        });
        let judged_pred = pred.iter().zip(&prediction.relations).map(|(relation, stated)| {
            let names = prediction.drugs_of(stated).map(|drug| drug.text.clone()).collect();
            let known = prediction.drugs_of(stated).all(|drug| drug.gold.is_some());
            let judged = CaseRelation::judge(relation, gold, names, known);
            CaseRelation { confidence: stated.confidence, ..judged }
        });
        let mut marks: Vec<Mark> = self
            .item
            .spans
            .iter()
            .map(|span| {
                let kind = match found.contains(&self.canonical(span.span_id)) {
                    true => MarkKind::Found,
                    false => MarkKind::Missed,
                };
                Mark { start: span.start, end: span.end, kind }
            })
            .collect();
        let superfluous = prediction.drugs.iter().filter(|drug| drug.gold.is_none()).filter_map(|drug| drug.span);
        marks.extend(superfluous.map(|(start, end)| Mark { start, end, kind: MarkKind::Superfluous }));
        Case {
            id: self.item.doc_id.clone(),
            text: self.item.sentence.clone(),
            context: self.item.paragraph.clone(),
            marks,
            gold: judged_gold.collect(),
            pred: judged_pred.collect(),
            fault: prediction.fault.clone(),
        }
    }
}

/// Exact spans, each once.
fn mention_tally(item: &Item, prediction: &Prediction) -> Tally {
    let mut gold: Vec<(usize, usize)> = item.spans.iter().map(|span| (span.start, span.end)).collect();
    let mut pred: Vec<(usize, usize)> = prediction.drugs.iter().filter_map(|drug| drug.span).collect();
    for spans in [&mut gold, &mut pred] {
        spans.sort_unstable();
        spans.dedup();
    }
    let hits = gold.iter().filter(|span| pred.binary_search(span).is_ok()).count() as f64;
    Tally { pred_credit: hits, pred_count: pred.len(), gold_credit: hits, gold_count: gold.len() }
}

/// Both sides as answers in text, for the rule over names.
fn answer_row(item: &Item, prediction: &Prediction) -> AnswerRow {
    let gold = item.rels.iter().filter(|relation| relation.class != Label::NoComb);
    let labels = answer(gold.map(|relation| (relation.class, item.names(relation).collect())));
    let stated = prediction.relations.iter();
    let names = |relation| prediction.drugs_of(relation).map(|drug| drug.text.as_str()).collect();
    let response = prediction.response.clone();
    AnswerRow { labels, response: response.unwrap_or_else(|| answer(stated.map(|of| (of.label, names(of))))) }
}

/// Relations as an answer; NO_COMB when there is none.
fn answer<'a>(relations: impl Iterator<Item = (Label, Vec<&'a str>)>) -> String {
    let item = |(label, names): (Label, Vec<&str>)| serde_json::json!({"type": label.as_str(), "ent_set": names});
    let mut items: Vec<serde_json::Value> = relations.map(item).collect();
    if items.is_empty() {
        items.push(serde_json::json!({"type": "NO_COMB", "ent_set": []}));
    }
    serde_json::Value::Array(items).to_string()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::super::Cause;
    use super::super::prediction::FoundRelation;
    use super::super::prediction::tests::item;
    use super::*;

    fn relation(label: Label, members: &[usize]) -> FoundRelation {
        FoundRelation { label, members: members.to_vec(), confidence: Some(0.5) }
    }

    /// What the gold says, as a system would.
    fn perfect(item: &Item) -> Prediction {
        let rows: Vec<(Label, Vec<u32>)> = item.rels.iter().map(|of| (of.class, of.spans.clone())).collect();
        Prediction::from_ids(item, &rows)
    }

    fn items() -> Vec<Item> {
        vec![
            item("a", "Abc plus Def was good", &[(Label::Pos, &[1, 0], true)]),
            item("b", "Abc or Def", &[]),
            item("c", "Abc Def Ghi and Jkl", &[(Label::Neg, &[0, 1, 2], false), (Label::Comb, &[2, 3], false)]),
        ]
    }

    #[test]
    fn gold_against_itself_is_perfect_under_every_rule() {
        let items = items();
        let predictions: Vec<_> = items.iter().map(perfect).collect();
        for alignment in [Alignment::Spans, Alignment::Names] {
            let found = evaluate(&items, &predictions, alignment).unwrap();
            for four in [found.leaderboard, found.leaderboard_mended, found.rexdrug, found.rexdrug_mended] {
                assert_eq!((four.pos_exact.f1, four.any_partial.f1), (1.0, 1.0), "{alignment:?}");
            }
            assert!(found.causes.gold.is_empty() && found.cases.iter().all(|case| !case.has_error()));
        }
    }

    #[test]
    fn a_missed_drug_a_wrong_set_and_a_wrong_label_are_told_apart() {
        let items = items();
        let predictions = vec![
            // One end is off: the drug is missed, and another one is superfluous.
            Prediction::from_spans(
                &items[0],
                vec![(0, 3, "Abc".into()), (9, 13, "Def ".into())],
                vec![relation(Label::Pos, &[0, 1])],
            ),
            Prediction::from_ids(&items[1], &[(Label::Comb, vec![0, 1])]),
            Prediction::from_ids(&items[2], &[(Label::Pos, vec![2, 1, 0])]),
        ];
        let found = evaluate(&items, &predictions, Alignment::Spans).unwrap();
        assert_eq!(found.causes.gold, [(Cause::Mention, 1), (Cause::Set, 1), (Cause::Label, 1)].into());
        assert_eq!(found.causes.pred, [(Cause::Mention, 1), (Cause::Set, 1), (Cause::Label, 1)].into());
        // Exact: one of three predictions and one of three gold relations, labels ignored; no POS is right.
        assert!((found.leaderboard.any_exact.f1 - 1.0 / 3.0).abs() < 1e-12);
        assert_eq!(found.leaderboard.pos_exact.f1, 0.0);
        let mentions = found.mentions.unwrap();
        assert!((mentions.precision - 7.0 / 8.0).abs() < 1e-12 && (mentions.recall - 7.0 / 8.0).abs() < 1e-12);
        let kinds: Vec<MarkKind> = found.cases[0].marks.iter().map(|mark| mark.kind).collect();
        assert_eq!(kinds, [MarkKind::Found, MarkKind::Missed, MarkKind::Superfluous]);
        assert_eq!(found.cases[0].pred[0].confidence, Some(0.5));
        assert_eq!(found.cases[0].gold[0].needs_context, Some(true));
    }

    #[test]
    fn names_do_not_tell_two_mentions_of_a_drug_apart() {
        let items = [item("a", "Abc was bad but Abc plus Def was good", &[(Label::Pos, &[1, 2], false)])];
        let answer = r#"[{"type": "POS", "ent_set": ["abc", "DEF"]}]"#;
        let predictions = [Prediction::from_answer(&items[0], answer)];
        let by_name = evaluate(&items, &predictions, Alignment::Names).unwrap();
        assert_eq!((by_name.leaderboard.pos_exact.f1, by_name.rexdrug.pos_exact.f1), (1.0, 1.0));
        assert_eq!(by_name.mentions, None);
        let by_span = evaluate(&items, &predictions, Alignment::Spans).unwrap();
        assert_eq!(by_span.leaderboard.pos_exact.f1, 0.0);
    }

    #[test]
    fn missing_and_refused_predictions_are_empty() {
        let items = items();
        let found = evaluate(&items, &[Prediction::refused("too long")], Alignment::Spans).unwrap();
        assert_eq!((found.refused, found.leaderboard.any_exact.f1), (1, 0.0));
        assert_eq!(found.causes.gold, [(Cause::Mention, 3)].into());
        assert!(found.cases[0].has_error() && !found.cases[1].has_error());
        // NO_COMB on both sides counts under the RexDrug rule: the one item without a relation.
        assert!(found.rexdrug.any_exact.recall > 0.0);
    }
}
