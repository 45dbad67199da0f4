//! The gold files of both tasks, read whole, when they are beside the repository.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::fs::File;
use std::io::BufReader;

use rexdrug_scoring::breakdown::Breakdown;
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
