use proptest::prelude::*;

use super::super::{MatchScratch, canonical};
use super::lexicon;

/// Texts in which names, pieces of names and oddities stand close together.
fn texts() -> impl Strategy<Value = String> {
    let pieces = prop::sample::select(vec![
        "cisplatin",
        "Cisplatinum",
        "5",
        "FU",
        "-",
        "‑",
        " ",
        " ",
        "/",
        "+",
        ", ",
        ". ",
        "α",
        "interferon",
        "alfa",
        "2b",
        "é",
        "\u{301}",
        "\u{ad}",
        "\u{a0}",
        "日本",
        "R",
        "CHOP",
        "FOLFOX",
        "taxane",
        "s",
        "hydrochloride",
        "lead",
        "AS",
        "xorfatinib",
        "mab",
        "vitamin",
        "A",
        "acid",
        "receptor",
        "hydroxy",
        "®",
        "²",
        "₂",
        "(",
        ")",
        "\n",
        "😀",
        "İ",
        "ß",
    ]);
    prop_oneof![
        prop::collection::vec(pieces, 0..24).prop_map(|pieces| pieces.concat()),
        "\\PC{0,80}",
        prop::collection::vec(any::<char>(), 0..60).prop_map(|chars| chars.into_iter().collect()),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1024))]

    #[test]
    fn mentions_are_ordered_on_char_boundaries_and_fold_to_their_terms(text in texts()) {
        let lexicon = lexicon();
        let (mut scratch, mut mentions) = (MatchScratch::new(), Vec::new());
        lexicon.find_drugs(&text, &mut scratch, &mut mentions);
        let mut end = 0;
        for mention in &mentions {
            prop_assert!(end <= mention.start && mention.start < mention.end);
            end = mention.end;
            let surface = text.get(mention.start as usize..mention.end as usize);
            prop_assert!(surface.is_some(), "not on a character boundary");
            let form = canonical(surface.unwrap_or_default());
            if mention.entry.is_stem() {
                prop_assert_eq!(lexicon.drug_id(mention, &text).into_owned(), format!("stem:{form}"));
                continue;
            }
            let is_term = |form: &str| {
                lexicon.terms.iter().any(|term| term.entry == mention.entry && term.canonical == form)
            };
            let without_salt = form.rsplit_once(' ').map_or(form.as_str(), |(base, _)| base);
            let plural = |form: &str| form.strip_suffix('s').is_some_and(is_term);
            prop_assert!(
                is_term(&form) || plural(&form) || is_term(without_salt) || plural(without_salt),
                "{:?} folds to no term", form
            );
        }
    }

    #[test]
    fn the_scratch_keeps_nothing_between_calls(first in texts(), second in texts()) {
        let lexicon = lexicon();
        let (mut scratch, mut reused, mut fresh) = (MatchScratch::new(), Vec::new(), Vec::new());
        lexicon.find_drugs(&first, &mut scratch, &mut reused);
        lexicon.find_drugs(&second, &mut scratch, &mut reused);
        lexicon.find_drugs(&second, &mut MatchScratch::new(), &mut fresh);
        prop_assert_eq!(&reused, &fresh);
        let explained = lexicon.explain(&second);
        let kept = explained.iter().filter(|c| {
            matches!(c.verdict, super::super::Verdict::Kept | super::super::Verdict::KeptByStem)
        });
        prop_assert!(kept.count() >= fresh.len());
    }

    #[test]
    fn a_name_is_found_between_any_separators(
        index in 0usize..1000,
        before in prop::sample::select(vec!["", " ", "(", "/", "+", "- ", "anti-", "日 ", ", "]),
        after in prop::sample::select(vec!["", " ", ")", "/x", "+", "-based", ".", ", and", "®", "\u{a0}"]),
    ) {
        let lexicon = lexicon();
        let terms: Vec<_> = lexicon.terms.iter().filter(|t| t.rule == super::super::TermRule::Any).collect();
        let term = terms[index % terms.len()];
        let text = format!("{before}{}{after}", term.written);
        let (mut scratch, mut mentions) = (MatchScratch::new(), Vec::new());
        lexicon.find_drugs(&text, &mut scratch, &mut mentions);
        let wanted = (before.len() as u32, (before.len() + term.written.len()) as u32);
        prop_assert!(
            mentions.iter().any(|m| m.start <= wanted.0 && m.end >= wanted.1),
            "{:?} not found in {:?}", term.written, text
        );
    }
}
