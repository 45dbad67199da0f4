//! The trie against a double-array Aho-Corasick over folded text and against a naive search.

use daachorse::DoubleArrayAhoCorasick;
use proptest::prelude::*;

use super::super::{MatchScratch, canonical};
use super::lexicon_of;

/// Folded text framed by spaces, so that ` term ` only matches whole words; all the punctuation of these texts is
/// neutral.
fn framed(text: &str) -> String {
    format!(" {} ", canonical(text).replace(' ', "  "))
}

fn pattern(term: &str) -> String {
    format!(" {} ", term.replace(' ', "  "))
}

/// Canonical surfaces of the mentions.
fn by_trie(names: &[String], text: &str) -> Option<Vec<String>> {
    let lexicon = lexicon_of(names)?;
    let (mut scratch, mut mentions) = (MatchScratch::new(), Vec::new());
    lexicon.find_drugs(text, &mut scratch, &mut mentions);
    Some(mentions.iter().map(|mention| canonical(mention.surface(text))).collect())
}

/// Names as the trie has them: forms of three letters or more, and their plurals.
fn forms(names: &[String]) -> Vec<String> {
    let mut forms: Vec<String> = names.iter().map(|name| canonical(name)).collect();
    forms.retain(|form| {
        form.bytes().filter(|b| *b != b' ').count() >= 3 && form.bytes().any(|b| b.is_ascii_lowercase())
    });
    forms.extend(forms.clone().iter().filter_map(|form| super::super::terms::plural(form)));
    forms.sort();
    forms.dedup();
    forms
}

/// All matches of the double array, then leftmost-longest by hand. Overlapping search reports every whole-word match.
fn by_double_array(forms: &[String], text: &str) -> Vec<String> {
    let patterns: Vec<String> = forms.iter().map(|form| pattern(form)).collect();
    let automaton = DoubleArrayAhoCorasick::<u32>::new(&patterns).unwrap();
    let text = framed(text);
    let matches = automaton.find_overlapping_iter(&text).map(|m| (m.start(), m.end(), m.value() as usize)).collect();
    leftmost_longest(matches).into_iter().map(|index| forms[index].clone()).collect()
}

fn by_naive_search(forms: &[String], text: &str) -> Vec<String> {
    let text = framed(text);
    let mut matches = Vec::new();
    for start in 0..text.len() {
        for (index, form) in forms.iter().enumerate() {
            if text[start..].starts_with(&pattern(form)) {
                matches.push((start, start + form.replace(' ', "  ").len() + 2, index));
            }
        }
    }
    leftmost_longest(matches).into_iter().map(|index| forms[index].clone()).collect()
}

/// The frames of neighbours touch: doubled spaces give each word its own.
fn leftmost_longest(mut matches: Vec<(usize, usize, usize)>) -> Vec<usize> {
    matches.sort_by_key(|&(start, end, _)| (start, std::cmp::Reverse(end)));
    let mut free = 0;
    matches
        .into_iter()
        .filter_map(|(start, end, index)| {
            let is_free = start >= free;
            if is_free {
                free = end;
            }
            is_free.then_some(index)
        })
        .collect()
}

fn word() -> impl Strategy<Value = String> {
    prop_oneof![4 => "[ab]{1,5}", 2 => "[a-c]{7,10}", 1 => "[12]{1,2}"]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn trie_double_array_and_naive_search_agree(
        names in prop::collection::vec(prop::collection::vec(word(), 1..4).prop_map(|w| w.join("-")), 1..12),
        text in prop::collection::vec(
            (word(), prop::sample::select(vec![" ", "-", " - ", "‑", "\u{a0}"])), 0..40),
    ) {
        let text: String = text.into_iter().map(|(word, gap)| word + gap).collect();
        let forms = forms(&names);
        let naive = by_naive_search(&forms, &text);
        if let Some(trie) = by_trie(&names, &text) {
            prop_assert_eq!(&trie, &naive, "names {:?} text {:?}", names, text);
        }
        if !forms.is_empty() {
            prop_assert_eq!(&by_double_array(&forms, &text), &naive);
        }
    }
}

#[test]
fn the_three_searches_agree_on_whole_names() {
    let names: Vec<String> = ["abc", "abc-abd", "abd", "abc-abd-12-abe"].map(str::to_owned).to_vec();
    let text = "abc abd 12 abe abc-abd abds abcx";
    let expected = ["abc abd 12 abe", "abc abd", "abds"].map(str::to_owned).to_vec();
    assert_eq!(by_trie(&names, text).unwrap(), expected);
    assert_eq!(by_naive_search(&forms(&names), text), expected);
    assert_eq!(by_double_array(&forms(&names), text), expected);
}
