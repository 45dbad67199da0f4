//! Abbreviations that articles define, against those found by hand: real articles and fictional ones of our own.
//!
//! `cargo test --workspace --test it abbreviations:: -- --nocapture` prints the figures of docs/pmc.md.

use std::collections::BTreeMap;
use std::path::PathBuf;

use rexdrug_jats::ArticleReader;
use rexdrug_operators::abbreviations::definitions;

use crate::support::{root, shared};

/// Short and long forms of each article.
fn gold() -> BTreeMap<&'static str, Vec<(&'static str, &'static str)>> {
    let mut gold: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for line in include_str!("abbreviations/gold.tsv").lines().filter(|line| !line.starts_with('#')) {
        let mut fields = line.split('\t');
        let mut next = || fields.next().unwrap();
        gold.entry(next()).or_default().push((next(), next()));
    }
    gold
}

fn place(name: &str) -> Option<PathBuf> {
    let ours = root().join("tests/it/abbreviations").join(name);
    if ours.exists() { Some(ours) } else { shared("pmc").map(|folder| folder.join(name)) }
}

#[test]
fn definitions_are_those_found_by_hand_as_often_as_documented() {
    // Right, found, by hand.
    let expected = BTreeMap::from([
        ("1471-2180-11-174.nxml", (11, 11, 13)),
        ("6605965a.nxml", (4, 4, 4)),
        ("pntd.0002065.nxml", (8, 9, 9)),
        ("pone.0046493.nxml", (23, 25, 29)),
        ("trial.nxml", (16, 16, 17)),
        ("synergy.nxml", (14, 14, 14)),
        ("regimens.nxml", (12, 13, 13)),
    ]);
    let (mut right_of_all, mut found_of_all, mut gold_of_all) = (0, 0, 0);
    for (name, gold) in gold() {
        let Some(path) = place(name) else { continue };
        let article = ArticleReader::default().read(&std::fs::read(path).unwrap(), name).unwrap();
        let sections = article.sections.iter().map(|section| section.text.as_str());
        let text = std::iter::once(article.title.as_str()).chain(sections).collect::<Vec<_>>().join("\n");
        let mut found = Vec::new();
        definitions(&text, &mut found);
        let pairs: Vec<(&str, String)> =
            found.iter().map(|definition| (definition.short, definition.long.to_lowercase())).collect();
        let is_right =
            |pair: &(&str, &str)| pairs.iter().any(|(short, long)| *short == pair.0 && *long == pair.1.to_lowercase());
        let right = gold.iter().filter(|pair| is_right(pair)).count();
        let percent = |of: usize| 100.0 * right as f64 / of as f64;
        eprintln!(
            "{name}: {right} of {} found are right ({:.0} %), of {} by hand ({:.0} %)",
            found.len(),
            percent(found.len()),
            gold.len(),
            percent(gold.len())
        );
        for (short, long) in gold.iter().filter(|pair| !is_right(pair)) {
            eprintln!("    missed {short} = {long}");
        }
        for (short, long) in pairs
            .iter()
            .filter(|(short, long)| !gold.iter().any(|pair| pair.0 == *short && pair.1.to_lowercase() == *long))
        {
            eprintln!("    wrong {short} = {long}");
        }
        assert_eq!((right, found.len(), gold.len()), expected[name], "{name}");
        right_of_all += right;
        found_of_all += found.len();
        gold_of_all += gold.len();
    }
    eprintln!(
        "all: precision {:.3}, recall {:.3}",
        right_of_all as f64 / found_of_all as f64,
        right_of_all as f64 / gold_of_all as f64
    );
}
