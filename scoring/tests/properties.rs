//! Properties that hold for every answer: bounds, perfection, order, and no panic on any text.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use proptest::prelude::*;
use rexdrug_scoring::answer::{Sections, strict, tolerant};
use rexdrug_scoring::names::normalize;
use rexdrug_scoring::published::leaderboard::{SpanLabel, SpanRelation};
use rexdrug_scoring::reasoning::{self, Trace};
use rexdrug_scoring::reward::{Gold, RewardParts, Weights};
use rexdrug_scoring::rows::AnswerRow;
use rexdrug_scoring::task::{Label, Task};
use rexdrug_scoring::{mended, published};

const NAMES: [&str; 8] =
    ["Afatinib", "cetuximab", "5-FU", "folinic acid", "IL-2", "mitotane", "St John's wort", "β-carotene"];

type Item = (usize, Vec<usize>);

fn tasks() -> impl Strategy<Value = Task> {
    prop_oneof![Just(Task::DrugComb), Just(Task::Ddi13)]
}

/// Label numbers and name numbers; any shape, also wrong ones.
fn loose_items() -> impl Strategy<Value = Vec<Item>> {
    prop::collection::vec((0_usize..6, prop::collection::vec(0_usize..NAMES.len(), 0..5)), 0..6)
}

fn render(task: Task, items: &[Item]) -> String {
    let labels = task.labels();
    let list: Vec<serde_json::Value> = items
        .iter()
        .map(|(label, names)| {
            let label = labels.get(*label).map_or("OTHER", |label| label.as_str());
            serde_json::json!({"type": label, "ent_set": names.iter().map(|name| NAMES[*name]).collect::<Vec<_>>()})
        })
        .collect();
    serde_json::Value::Array(list).to_string()
}

/// Answers that follow the format: NO_COMB alone, or different sets of two or more (DDI13: two) different names.
fn valid_items() -> impl Strategy<Value = (Task, Vec<Item>)> {
    (tasks(), prop::collection::btree_map(prop::collection::btree_set(0_usize..NAMES.len(), 2..6), 0_usize..3, 0..4))
        .prop_map(|(task, relations)| {
            let none = task.labels().len() - 1;
            let mut seen = std::collections::BTreeSet::new();
            let mut items: Vec<Item> = Vec::new();
            for (names, label) in relations {
                let names: Vec<usize> = names.into_iter().take(if task == Task::Ddi13 { 2 } else { 9 }).collect();
                if seen.insert(names.clone()) {
                    items.push((label, names));
                }
            }
            if items.is_empty() {
                items.push((none, Vec::new()));
            }
            (task, items)
        })
}

fn tagged(list: &str) -> String {
    format!(
        "<think>[1] Clinical scenario\na\n[2] Drugs\nb\n[3] Reasoning\nc\n[4] Summary\nd</think>\n<answer>{list}</answer>"
    )
}

fn rewards(task: Task, gold: &str, list: &str) -> [RewardParts; 3] {
    let gold = Gold::parse(task, gold).unwrap();
    [
        published::rewards::completion(&tagged(list), &gold),
        published::rewards::answer(list, &gold),
        mended::rewards::completion(&tagged(list), &gold),
    ]
}

fn row(labels: &str, response: &str) -> AnswerRow {
    AnswerRow { labels: labels.to_owned(), response: response.to_owned() }
}

fn span_rows() -> impl Strategy<Value = Vec<SpanRelation>> {
    let label = prop_oneof![Just(SpanLabel::Pos), Just(SpanLabel::Comb), Just(SpanLabel::NoComb)];
    let one = (0_u8..3, prop::collection::vec(0_u32..6, 0..5), label).prop_map(|(doc, drug_idxs, relation_label)| {
        SpanRelation { doc_id: doc.to_string(), drug_idxs, relation_label }
    });
    prop::collection::vec(one, 0..8)
}

fn in_unit(value: f64) -> bool {
    (0.0..=1.0 + 1e-12).contains(&value)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn rewards_stay_in_bounds(task in tasks(), gold in loose_items(), pred in loose_items()) {
        for parts in rewards(task, &render(task, &gold), &render(task, &pred)) {
            prop_assert!([0.0, 0.5, 1.0].contains(&parts.format));
            prop_assert!([0.0, 1.0].contains(&parts.think));
            prop_assert!((-1.0..=1.0 + 1e-12).contains(&parts.coverage), "{}", parts.coverage);
            prop_assert!(in_unit(parts.accuracy), "{}", parts.accuracy);
            let total = parts.total(&Weights::default());
            prop_assert!((-0.1 - 1e-12..=1.0 + 1e-12).contains(&total));
        }
    }

    #[test]
    fn the_gold_answer_earns_everything((task, items) in valid_items()) {
        let list = render(task, &items);
        let [completion, bare, mended] = rewards(task, &list, &list);
        for (parts, think) in [(completion, 1.0), (bare, 0.0), (mended, 1.0)] {
            prop_assert_eq!((parts.format, parts.think), (1.0, think));
            prop_assert!((parts.coverage - 1.0).abs() < 1e-12, "{:?}", parts);
            prop_assert!((parts.accuracy - 1.0).abs() < 1e-12, "{:?}", parts);
        }
        let rows = [row(&list, &list)];
        if task == Task::DrugComb {
            let scores = published::drugcomb::evaluate(&rows).unwrap().scores;
            prop_assert_eq!((scores.any_exact.f1, scores.any_partial.f1), (1.0, 1.0));
            let scores = mended::drugcomb::evaluate(&rows).unwrap();
            let expected = if items[0].1.is_empty() { 0.0 } else { 1.0 };
            prop_assert_eq!((scores.scores.any_exact.f1, scores.detection_accuracy), (expected, 1.0));
        } else {
            prop_assert_eq!(published::ddi13::evaluate(&rows).unwrap().micro.f1, 1.0);
        }
    }

    #[test]
    fn order_changes_nothing(task in tasks(), gold in loose_items(), pred in loose_items(), turn in 0_usize..5) {
        let mut turned: Vec<Item> = pred.iter().map(|(label, names)| (*label, names.iter().rev().copied().collect())).collect();
        if !turned.is_empty() {
            let by = turn % turned.len();
            turned.rotate_left(by);
        }
        let gold = render(task, &gold);
        for (a, b) in rewards(task, &gold, &render(task, &pred)).iter().zip(rewards(task, &gold, &render(task, &turned))) {
            prop_assert_eq!((a.format, a.think), (b.format, b.think));
            prop_assert!((a.coverage - b.coverage).abs() < 1e-12 && (a.accuracy - b.accuracy).abs() < 1e-12);
        }
        let (one, other) = ([row(&gold, &render(task, &pred))], [row(&gold, &render(task, &turned))]);
        let f1 = |rows: &[AnswerRow]| match task {
            Task::DrugComb => [
                published::drugcomb::evaluate(rows).unwrap().scores.any_partial.f1,
                published::drugcomb::evaluate(rows).unwrap().scores.pos_exact.f1,
                mended::drugcomb::evaluate(rows).unwrap().scores.any_partial.f1,
            ],
            Task::Ddi13 => [
                published::ddi13::evaluate(rows).unwrap().micro.f1,
                published::ddi13::evaluate(rows).unwrap().macro_f1,
                mended::ddi13::evaluate(rows).unwrap().micro.f1,
            ],
        };
        for (a, b) in f1(&one).into_iter().zip(f1(&other)) {
            prop_assert!((a - b).abs() < 1e-12 && in_unit(a), "{a} {b}");
        }
    }

    #[test]
    fn leaderboard_scores_are_bounded_ordered_and_independent_of_file_order(gold in span_rows(), pred in span_rows()) {
        let (mut gold_back, mut pred_back) = (gold.clone(), pred.clone());
        gold_back.reverse();
        pred_back.reverse();
        for (scores, back) in [
            (published::leaderboard::score(&gold, &pred), published::leaderboard::score(&gold_back, &pred_back)),
            (mended::leaderboard::score(&gold, &pred), mended::leaderboard::score(&gold_back, &pred_back)),
        ] {
            for (a, b) in [
                (scores.pos_exact, back.pos_exact),
                (scores.pos_partial, back.pos_partial),
                (scores.any_exact, back.any_exact),
                (scores.any_partial, back.any_partial),
            ] {
                prop_assert!(in_unit(a.precision) && in_unit(a.recall) && in_unit(a.f1));
                prop_assert!((a.f1 - b.f1).abs() < 1e-12 && (a.precision - b.precision).abs() < 1e-12);
            }
        }
    }

    #[test]
    fn leaderboard_perfection_is_one(rows in span_rows()) {
        let usable = |row: &&SpanRelation| {
            let mut ids = row.drug_idxs.clone();
            ids.sort_unstable();
            ids.dedup();
            ids.len() >= 2
        };
        let rows: Vec<SpanRelation> = rows.iter().filter(usable).cloned().collect();
        let any = rows.iter().any(|row| row.relation_label != SpanLabel::NoComb);
        for scores in [published::leaderboard::score(&rows, &rows), mended::leaderboard::score(&rows, &rows)] {
            let expected = f64::from(u8::from(any));
            prop_assert!((scores.any_exact.f1 - expected).abs() < 1e-12 && (scores.any_partial.f1 - expected).abs() < 1e-12);
        }
    }

    #[test]
    fn strict_answers_are_what_the_tolerant_parser_reads((task, items) in valid_items()) {
        let text = tagged(&render(task, &items));
        let strict = strict::read(task, &text).unwrap();
        let tolerant = tolerant::read(task, &text);
        prop_assert_eq!(strict.relations, tolerant.relations);
        prop_assert!(tolerant.dropped.is_empty());
    }

    #[test]
    fn tolerant_relations_are_usable(task in tasks(), items in loose_items()) {
        for relation in tolerant::read(task, &render(task, &items)).relations {
            prop_assert!(relation.label != Label::NoComb && relation.drugs.len() >= 2);
            prop_assert!(task == Task::DrugComb || relation.drugs.len() == 2);
        }
    }

    #[test]
    fn normalising_twice_changes_nothing(name in "\\PC{0,20}") {
        let once = normalize(&name).into_owned();
        prop_assert_eq!(normalize(&once), once.as_str());
        prop_assert_eq!(once.trim(), once.as_str());
    }

    #[test]
    fn no_text_makes_anything_panic(
        task in tasks(),
        text in prop_oneof![any::<String>(), "[\\[\\]{}()\"'\\\\,:<>/a-cтU0-9u \n]{0,60}", "(<think>|</think>|<answer>|</answer>|\\[|\\]|\\{|\\}|'type'|\"ent_set\"|:|,|\\[1\\]|\\\\u|\\PC){0,20}"],
        other in any::<String>(),
    ) {
        let gold = Gold::parse(task, &text).unwrap_or_else(|_| Gold::new(task, []));
        for completion in [text.clone(), tagged(&text), tagged(&format!("[{text}]"))] {
            let _ = (published::rewards::completion(&completion, &gold), mended::rewards::completion(&completion, &gold));
            let _ = (published::rewards::answer(&completion, &gold), Sections::of(&completion));
            let answer = tolerant::read(task, &completion);
            if let Err(error) = strict::read(task, &completion) {
                prop_assert!(error.position <= completion.len());
                prop_assert!(completion.is_char_boundary(error.position), "{error}");
            }
            let trace = Trace { task, think: &text, relations: &answer.relations, text: &other, names: &[&other, "a"] };
            let scores = reasoning::score(&trace);
            prop_assert!(scores.points <= 4 && scores.titled <= scores.points);
            let rows = [row("[]", &completion)];
            let _ = (published::drugcomb::evaluate(&rows), published::ddi13::evaluate(&rows));
            let _ = (mended::drugcomb::evaluate(&rows), mended::ddi13::evaluate(&rows));
        }
    }
}
