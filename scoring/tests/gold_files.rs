//! The gold files of both tasks, read whole, when they are beside the repository.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::fs::File;
use std::io::BufReader;

use rexdrug_scoring::breakdown::Breakdown;
use rexdrug_scoring::evaluation;
use rexdrug_scoring::evaluation::ddi13::Answer;
use rexdrug_scoring::evaluation::drugcomb::Alignment;
use rexdrug_scoring::evaluation::prediction::Prediction;
use rexdrug_scoring::gold::{ddi13, drugcomb};
use rexdrug_scoring::published::leaderboard;
use rexdrug_scoring::task::Label;

#[test]
fn drugcomb_train() {
    let Some(folder) = common::shared("drugcomb") else { return };
    let items = drugcomb::read(BufReader::new(File::open(folder.join("train.jsonl")).unwrap())).unwrap();
    assert_eq!(items.len(), 1362);
    assert_eq!(items.iter().map(|item| item.misaligned_spans().len()).sum::<usize>(), 4);
    let rows: Vec<_> = items.iter().flat_map(drugcomb::Item::span_relations).collect();
    let scores = leaderboard::score(&rows, &rows);
    assert_eq!((scores.pos_exact.f1, scores.any_partial.f1), (1.0, 1.0));
    let mut breakdown = Breakdown::default();
    for item in &items {
        breakdown.add(&item.labelled(), &item.labelled());
    }
    let gold = |label| breakdown.by_label[&label].gold.values().sum::<usize>();
    assert_eq!((gold(Label::Pos), gold(Label::Comb), gold(Label::Neg)), (688, 235, 116));
    assert_eq!(breakdown.by_context[&true].gold.values().sum::<usize>(), 398 + 235 + 69);
    assert_eq!(breakdown.by_arity.keys().max(), Some(&11));
    assert_eq!(breakdown.all.labelled().f1, 1.0);
}

#[test]
fn ddi13_train() {
    let Some(folder) = common::shared("ddi13") else { return };
    let items = ddi13::read(BufReader::new(File::open(folder.join("train.jsonl")).unwrap())).unwrap();
    assert_eq!(items.len(), 3135);
    let count = |label| items.iter().flat_map(ddi13::Item::typed).filter(|(of, _)| *of == label).count();
    let counts = [Label::Effect, Label::Mechanism, Label::Advise, Label::Int].map(count);
    assert_eq!(counts, [1347, 1193, 697, 157]);
}

#[test]
fn gold_answers_are_perfect_under_every_rule() {
    let Some(folder) = common::shared("drugcomb") else { return };
    let items = drugcomb::read(BufReader::new(File::open(folder.join("train.jsonl")).unwrap())).unwrap();
    let rows = |item: &drugcomb::Item| -> Vec<_> { item.rels.iter().map(|of| (of.class, of.spans.clone())).collect() };
    let predictions: Vec<_> = items.iter().map(|item| Prediction::from_ids(item, &rows(item))).collect();
    let found = evaluation::drugcomb::evaluate(&items, &predictions, Alignment::Spans).unwrap();
    for four in [found.leaderboard, found.leaderboard_mended, found.rexdrug, found.rexdrug_mended] {
        assert_eq!(
            (four.pos_exact.f1, four.pos_partial.f1, four.any_exact.f1, four.any_partial.f1),
            (1.0, 1.0, 1.0, 1.0)
        );
    }
    assert!(found.cases.iter().all(|case| !case.has_error()));
    assert_eq!((found.breakdown.by_label[&Label::Neg].labelled().f1, found.mentions.unwrap().f1), (1.0, 1.0));

    let Some(folder) = common::shared("ddi13") else { return };
    let items = ddi13::read(BufReader::new(File::open(folder.join("train.jsonl")).unwrap())).unwrap();
    let pair = |(label, names): (Label, &[String])| (label, [names[0].clone(), names[1].clone()]);
    let answers: Vec<_> = items
        .iter()
        .map(|item| {
            let pairs: Vec<_> = item.typed().map(pair).collect();
            Answer::from_pairs(pairs.iter().map(|(label, [left, right])| (*label, [left.as_str(), right.as_str()])))
        })
        .collect();
    let found = evaluation::ddi13::evaluate(&items, &answers).unwrap();
    assert!(found.scores.micro.f1 > 0.999, "{:?}", found.scores.micro);
    let placed: usize = items.iter().filter(|item| item.mentions().len() < item.entities.len()).count();
    eprintln!("{placed} items of {} have a name that stands nowhere on its own", items.len());
}
