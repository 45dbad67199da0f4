//! The rules on hand-written hard cases, on GENIA where its text is at hand, and on arbitrary text.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::BTreeSet;
use std::path::Path;

use proptest::prelude::*;

use super::{Segmenter, SentenceSpan, lists};

fn spans(text: &str) -> Vec<SentenceSpan> {
    let mut out = Vec::new();
    Segmenter::new().segment(text, &mut out);
    out
}

fn sentences(text: &str) -> Vec<&str> {
    spans(text).into_iter().map(|span| span.of(text)).collect()
}

/// The cases of `hard_cases.txt` with the topic each stands under.
fn hard_cases() -> Vec<(&'static str, &'static str)> {
    let mut topic = "";
    let mut cases = Vec::new();
    for line in include_str!("hard_cases.txt").lines() {
        if let Some(name) = line.strip_prefix("## ") {
            topic = name;
        } else if !line.starts_with('#') && !line.is_empty() {
            cases.push((topic, line));
        }
    }
    cases
}

#[test]
fn hard_cases_are_cut_as_marked() {
    let cases = hard_cases();
    assert!(cases.len() >= 220, "expected at least 220 hard cases, got {}", cases.len());
    let mut failures = Vec::new();
    for (topic, case) in &cases {
        let text = case.replace("¶ ", "").replace('¶', "");
        let gold: Vec<&str> = case.split('¶').map(str::trim).collect();
        let found = sentences(&text);
        if found != gold {
            failures.push(format!("[{topic}] expected {}\n    got {}", gold.join(" ¶ "), found.join(" ¶ ")));
        }
    }
    let right = cases.len() - failures.len();
    let share = 100.0 * right as f64 / cases.len() as f64;
    eprintln!("hard cases: {right} of {} right ({share:.1} %)\n{}", cases.len(), failures.join("\n"));
    assert!(share >= 97.0, "expected at least 97 % of the hard cases right, got {share:.1} %");
}

/// Precision, recall and F1, in per cent, of the ends of all sentences but the last of each document, over documents
/// that join their gold sentences with one space.
fn boundary_scores(path: &Path) -> (f64, f64, f64) {
    let (mut right, mut found, mut gold) = (0, 0, 0);
    for line in std::fs::read_to_string(path).unwrap().lines() {
        let document: serde_json::Value = serde_json::from_str(line).unwrap();
        let parts: Vec<&str> =
            document["sentences"].as_array().unwrap().iter().map(|sentence| sentence.as_str().unwrap()).collect();
        let text = parts.join(" ");
        let mut at = 0;
        let mut ends = BTreeSet::new();
        for part in &parts[..parts.len() - 1] {
            ends.insert(at + part.len());
            at += part.len() + 1;
        }
        let mut cut: BTreeSet<usize> = spans(&text).iter().map(|span| span.end as usize).collect();
        cut.remove(&text.len());
        right += ends.intersection(&cut).count();
        found += cut.len();
        gold += ends.len();
    }
    let (precision, recall) = (100.0 * right as f64 / found as f64, 100.0 * right as f64 / gold as f64);
    (precision, recall, 2.0 * precision * recall / (precision + recall))
}

#[test]
fn genia_dev_reaches_its_score() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data/sentences/genia-dev.jsonl");
    if !path.exists() {
        eprintln!("skipped: {} is not there; it holds the GENIA sentences this test scores", path.display());
        return;
    }
    let (precision, recall, f1) = boundary_scores(&path);
    eprintln!("GENIA dev: precision {precision:.2}, recall {recall:.2}, F1 {f1:.2}");
    assert!(f1 >= 99.5, "expected F1 of at least 99.5 on GENIA dev, got {f1:.2}");
}

#[test]
fn line_feeds_always_cut_and_nothing_else_is_lost() {
    let text = "A title without a stop\n\n  First line e.g.\r\nsecond line. Third.  ";
    assert_eq!(sentences(text), ["A title without a stop", "First line e.g.", "second line.", "Third."]);
    assert_eq!(sentences(" \n\t\u{a0}\n"), [""; 0]);
}

#[test]
fn spans_are_bytes_and_replace_what_was_there() {
    let text = "β-Blocker. Ärzte?";
    let mut out = vec![SentenceSpan { start: 7, end: 9 }];
    Segmenter::new().segment(text, &mut out);
    assert_eq!(out, [SentenceSpan { start: 0, end: 11 }, SentenceSpan { start: 12, end: 19 }]);
}

#[test]
fn an_unclosed_bracket_does_not_swallow_the_text() {
    let text = format!("It fell (see below. {} It rose.", "The rate was low. ".repeat(40));
    assert!(sentences(&text).len() > 35);
}

#[test]
fn no_break_spaces_and_dashes_separate_words() {
    let text = "It rose (see\u{a0}Fig.\u{a0}2). Smith\u{2009}et\u{a0}al.\u{a0}2010 agree—cf. Table 3. It fell.";
    assert_eq!(
        sentences(text),
        ["It rose (see\u{a0}Fig.\u{a0}2).", "Smith\u{2009}et\u{a0}al.\u{a0}2010 agree—cf. Table 3.", "It fell."]
    );
}

/// Each piece makes a rule look around; work that grew with the square of the text would not end here.
#[test]
fn long_text_of_one_piece_is_cut_in_linear_time() {
    for piece in [
        "a.1",
        "a.1\u{a0}A",
        "a.\u{a0}",
        "(",
        "(.",
        "[a] ",
        "]",
        ". (",
        ".\"",
        "é. É",
        "a. . ",
        "1. ",
        "A. ",
        "。",
        "…",
        "?",
        " ",
    ] {
        let text = piece.repeat(2_000_000 / piece.len());
        let last = spans(&text).last().map_or(0, |span| span.end as usize);
        assert_eq!(last, text.trim_end().len(), "{piece:?}");
    }
}

#[test]
fn lists_hold_bare_lower_case_words_the_table_can_hold() {
    let groups = [
        lists::NEVER_ENDS,
        lists::NEVER_ENDS_LOWER,
        lists::NEVER_ENDS_CAPITALISED,
        lists::BEFORE_NUMBER,
        lists::NEEDS_OPENER,
        lists::IN_CAPITALS,
        lists::JOURNAL,
        lists::CLOSES_PHRASE,
        lists::UNITS,
        lists::LOWER_CASE_OPENERS,
        lists::OPENERS,
        lists::BEFORE_INITIAL,
        lists::LABELLED,
        lists::SECTION_LABELS,
        lists::HOST_ENDINGS,
        lists::GREEK,
    ];
    for group in groups {
        let mut seen = BTreeSet::new();
        for word in group.split(' ') {
            assert!((1..=16).contains(&word.len()), "{word}: expected 1 to 16 bytes");
            assert_eq!(word, word.to_ascii_lowercase());
            assert!(!word.ends_with('.'), "{word}: expected no final dot");
            assert!(seen.insert(word), "{word}: listed twice");
        }
    }
}

/// Text made of the pieces the rules look at, which random characters would hardly ever put together.
fn field_like_text() -> impl Strategy<Value = String> {
    let pieces = prop::sample::select(vec![
        "The",
        "p53",
        "cells",
        "et al",
        "e.g",
        "i.v",
        "U.S",
        "E",
        "coli",
        "Fig",
        "1",
        "12",
        "0",
        "III",
        "mRNA",
        "β",
        "薬",
        ".",
        ".",
        ".",
        ". ",
        ". ",
        "?",
        "!",
        "。",
        "؟",
        "…",
        "(",
        ")",
        "[",
        "]",
        "\"",
        "”",
        "“",
        " ",
        " ",
        "\u{a0}",
        "\n",
        "\r\n",
        ",",
        "-",
        "see comments",
        "RESULTS:",
        "²",
        "é",
        "\u{0}",
    ]);
    prop::collection::vec(pieces, 0..60).prop_map(|pieces| pieces.concat())
}

fn check_invariants(text: &str) {
    let found = spans(text);
    let mut last = 0;
    let mut uncovered = String::new();
    for span in &found {
        let (start, end) = (span.start as usize, span.end as usize);
        assert!(last <= start && start < end && end <= text.len());
        let sentence = text.get(start..end).expect("a span lies on character boundaries");
        assert_eq!(sentence, sentence.trim());
        assert!(!sentence.contains('\n'));
        uncovered.push_str(&text[last..start]);
        last = end;
    }
    uncovered.push_str(&text[last..]);
    assert_eq!(uncovered.trim(), "", "every character that is not white space lies in a sentence");
    assert_eq!(found, spans(text));
    let mut by_line = Vec::new();
    let mut offset = 0;
    for line in text.split('\n') {
        by_line
            .extend(spans(line).iter().map(|span| SentenceSpan { start: span.start + offset, end: span.end + offset }));
        offset += line.len() as u32 + 1;
    }
    assert_eq!(found, by_line);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn invariants_hold_on_text_of_the_field(text in field_like_text()) {
        check_invariants(&text);
    }

    #[test]
    fn invariants_hold_on_arbitrary_text(text in any::<String>()) {
        check_invariants(&text);
    }
}
