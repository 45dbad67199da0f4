//! Abbreviations that a text defines for itself, `gemcitabine (GEM)` or `GEM (gemcitabine)`, by the rule of Schwartz and
//! Hearst (2003): the letters of the short form stand in the long form in order, its first letter at the start of a word.

use memchr::memchr_iter;

/// Longest text between brackets that is looked at, in bytes.
const MAX_INSIDE: usize = 120;

/// A short form and its definition, as byte ranges of the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Definition<'t> {
    /// The short form.
    pub short: &'t str,
    /// What it stands for.
    pub long: &'t str,
}

/// The definitions of `text` in order; of a short form defined twice, the first counts. A definition stands on one line.
pub fn definitions<'t>(text: &'t str, out: &mut Vec<Definition<'t>>) {
    out.clear();
    for open in memchr_iter(b'(', text.as_bytes()) {
        let Some(inside) = inside_brackets(text, open) else { continue };
        let before = line_before(text, open);
        let found = bracketed_short(before, inside).or_else(|| bracketed_long(before, inside));
        if let Some(found) = found.filter(|found| !out.iter().any(|known| known.short == found.short)) {
            out.push(found);
        }
    }
}

/// What stands between the bracket at `open` and the next one, without what follows a comma or semicolon.
fn inside_brackets(text: &str, open: usize) -> Option<&str> {
    let rest = text.get(open + 1..)?;
    let end = rest.bytes().take(MAX_INSIDE).position(|byte| matches!(byte, b'(' | b')' | b'\n'))?;
    let inside = rest.get(..end).filter(|_| rest.as_bytes().get(end) == Some(&b')'))?;
    Some(inside.split([',', ';']).next().unwrap_or_default().trim())
}

fn line_before(text: &str, at: usize) -> &str {
    let before = text.get(..at).unwrap_or_default();
    let line = before.rfind('\n').map_or(before, |feed| before.get(feed + 1..).unwrap_or_default());
    line.trim_end_matches(' ')
}

/// `long (short)`.
fn bracketed_short<'t>(before: &'t str, short: &'t str) -> Option<Definition<'t>> {
    if !is_short_form(short) {
        return None;
    }
    let letters = short.chars().count();
    let words = (letters + 5).min(letters * 2);
    let from = before.rmatch_indices(' ').nth(words - 1).map_or(0, |(space, _)| space + 1);
    let long = long_form(before.get(from..)?, short)?;
    Some(Definition { short, long })
}

/// `short (long)`.
fn bracketed_long<'t>(before: &'t str, inside: &'t str) -> Option<Definition<'t>> {
    let short = before.rsplit([' ', '(', '/', '+']).next()?;
    if !is_short_form(short) || inside.len() <= short.len() {
        return None;
    }
    let long = long_form(inside, short).filter(|long| long.len() == inside.len())?;
    Some(Definition { short, long })
}

/// Two to ten characters, one word or two, a capital or digit among them and a letter.
fn is_short_form(text: &str) -> bool {
    let letters = text.chars().count();
    (2..=10).contains(&letters)
        && text.split(' ').count() <= 2
        && text.starts_with(char::is_alphanumeric)
        && text.chars().any(char::is_alphabetic)
        && text.chars().any(|letter| letter.is_uppercase() || letter.is_ascii_digit())
}

/// The shortest end of `before` that holds the letters of `short` in order, its first letter at the start of a word.
fn long_form<'t>(before: &'t str, short: &str) -> Option<&'t str> {
    let mut places = before.char_indices().rev().peekable();
    let mut start = before.len();
    let mut wanted = short.chars().rev().filter(|letter| letter.is_alphanumeric()).peekable();
    while let Some(letter) = wanted.next() {
        let is_first = wanted.peek().is_none();
        start = loop {
            let (at, found) = places.next()?;
            let begins = places.peek().is_none_or(|(_, previous)| !previous.is_alphanumeric());
            if same(found, letter) && (!is_first || begins) {
                break at;
            }
        };
    }
    let long = before.get(start..)?;
    let is_longer = long.chars().count() > short.chars().count();
    let balanced = long.matches(['(', '[']).count() == long.matches([')', ']']).count();
    let holds_short = long.split([' ', '-']).any(|word| word == short);
    (is_longer && balanced && !holds_short && start < before.len()).then_some(long)
}

fn same(left: char, right: char) -> bool {
    left == right || left.to_lowercase().eq(right.to_lowercase())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use proptest::prelude::*;

    use super::*;

    fn found(text: &str) -> Vec<(&str, &str)> {
        let mut out = Vec::new();
        definitions(text, &mut out);
        out.iter().map(|definition| (definition.short, definition.long)).collect()
    }

    #[test]
    fn definitions_of_both_forms_are_found() {
        for (text, expected) in [
            ("We gave gemcitabine (GEM) twice.", vec![("GEM", "gemcitabine")]),
            ("then 5-fluorouracil (5-FU) was", vec![("5-FU", "5-fluorouracil")]),
            ("of pegylated liposomal doxorubicin (PLD; 40 mg/m2)", vec![("PLD", "pegylated liposomal doxorubicin")]),
            ("GEM (gemcitabine) and", vec![("GEM", "gemcitabine")]),
            ("tetrahydrolipstatin (THL, orlistat)", vec![("THL", "tetrahydrolipstatin")]),
            ("β-cyclodextrin (β-CD)", vec![("β-CD", "β-cyclodextrin")]),
            (
                "overall survival (OS) and progression-free survival (PFS)",
                vec![("OS", "overall survival"), ("PFS", "progression-free survival")],
            ),
            ("gemcitabine (GEM) ... germanium (GEM)", vec![("GEM", "gemcitabine")]),
            ("gemcitabine (1000 mg)", vec![]),
            ("gemcitabine (see below)", vec![]),
            ("in mice (n = 5)", vec![]),
            ("a line\n(GEM)", vec![]),
            ("gemcitabine (GEM", vec![]),
            ("gemcitabine (XYZ)", vec![]),
            ("the GEM arm (GEM)", vec![]),
            ("(P-trend, 0.41) nor age at start of treatment (P-trend)", vec![]),
        ] {
            assert_eq!(found(text), expected, "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_text_passes_and_definitions_are_pieces_of_it(text in "[a-cA-C0-9αé (),;\n-]{0,60}") {
            let mut out = Vec::new();
            definitions(&text, &mut out);
            for Definition { short, long } in out {
                prop_assert!(text.contains(short) && text.contains(long) && long.chars().count() > short.chars().count());
                let first = short.chars().find(|letter| letter.is_alphanumeric()).unwrap();
                prop_assert!(long.starts_with(|letter| same(letter, first)));
                let mut rest = long.chars();
                for letter in short.chars().filter(|letter| letter.is_alphanumeric()) {
                    prop_assert!(rest.any(|found| same(found, letter)));
                }
            }
        }
    }
}
