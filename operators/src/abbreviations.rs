//! Abbreviations that a text defines for itself, `gemcitabine (GEM)` or `GEM (gemcitabine)`, by the rule of Schwartz and
//! Hearst (2003): the letters of the short form stand in the long form in order, its first letter at the start of a word.
//! Words whose first letters are the short form come before that, `intracellular lipid inclusions (ILI)`, and the numbers
//! of a chemical name belong to it, `5-fluorouracil (FU)`.

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

/// What stands after the bracket at `open`, up to its end or a comma or semicolon; nothing where the bracket is a part of a
/// name, `oxadiazol-2(3H)-one`.
fn inside_brackets(text: &str, open: usize) -> Option<&str> {
    let rest = text.get(open + 1..)?;
    let mark = |byte: u8| matches!(byte, b'(' | b')' | b',' | b';' | b'\n');
    let end = rest.bytes().take(MAX_INSIDE).position(mark)?;
    let goes_on = |after: char| after == '-' || after.is_alphanumeric();
    match rest.as_bytes().get(end)? {
        b')' if rest.get(end + 1..)?.starts_with(goes_on) => None,
        b')' | b',' | b';' => Some(rest.get(..end)?.trim()),
        _ => None,
    }
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
    let before = before.get(from..)?;
    let singular = short.strip_suffix('s').filter(|rest| rest.ends_with(char::is_uppercase));
    let long = long_form(before, short).or_else(|| long_form(before, singular?))?;
    Some(Definition { short, long })
}

/// `short (long)`.
fn bracketed_long<'t>(before: &'t str, inside: &'t str) -> Option<Definition<'t>> {
    let short = before.rsplit([' ', '(', '/', '+']).next()?;
    // A citation after the long form is no part of it.
    let inside = inside.split(" [").next().unwrap_or(inside);
    if !is_short_form(short) || inside.len() <= short.len() {
        return None;
    }
    let whole = |long: &&str| long.len() == inside.len();
    let singular = short.strip_suffix('s').filter(|rest| rest.ends_with(char::is_uppercase));
    let long = long_form(inside, short).filter(whole);
    let long = long.or_else(|| long_form(inside, singular?).filter(whole))?;
    Some(Definition { short, long })
}

/// Two to ten characters, one word or two, a letter among them, in each word a capital or digit.
fn is_short_form(text: &str) -> bool {
    let letters = text.chars().count();
    let marked = |word: &str| word.chars().any(|letter| letter.is_uppercase() || letter.is_ascii_digit());
    (2..=10).contains(&letters)
        && text.split(' ').count() <= 2
        && text.split(' ').all(marked)
        && text.starts_with(char::is_alphanumeric)
        && text.chars().any(char::is_alphabetic)
        && !text.contains(['%', '\''])
}

/// Where the words begin whose first letters are those of `short`, the last words of `before`.
fn initials(before: &str, short: &str) -> Option<usize> {
    let mut words = before.char_indices().rev().filter_map(|(at, letter)| {
        let begins =
            before.get(..at)?.chars().next_back().is_none_or(|previous| matches!(previous, ' ' | '-' | '–' | '/'));
        (begins && letter.is_alphanumeric()).then_some((at, letter))
    });
    let mut start = None;
    for wanted in short.chars().rev().filter(|letter| letter.is_alphanumeric()) {
        let (at, letter) = words.next()?;
        start = same(letter, wanted).then_some(at);
        start?;
    }
    start
}

/// `start`, or the start of the numbers before it that say where a part of a molecule stands: `2,2′-`, `5-`.
fn with_locants(before: &str, start: usize) -> usize {
    let Some(ahead) = before.get(..start) else { return start };
    let word = ahead.rfind([' ', '(']).map_or(0, |space| space + 1);
    let numbers = ahead.get(word..).unwrap_or_default();
    let is_place = |letter: char| letter.is_ascii_digit() || matches!(letter, ',' | '-' | '′' | '\'');
    let is_locant = numbers.ends_with('-') && numbers.starts_with(|first: char| first.is_ascii_digit());
    if is_locant && numbers.chars().all(is_place) { word } else { start }
}

/// The end of `before` that `short` stands for.
fn long_form<'t>(before: &'t str, short: &str) -> Option<&'t str> {
    let start = initials(before, short).or_else(|| letters(before, short))?;
    let start = with_locants(before, start);
    let long = before.get(start..)?;
    let is_longer = long.chars().count() > short.chars().count();
    let balanced = long.matches(['(', '[']).count() == long.matches([')', ']']).count();
    let holds_short = long.split([' ', '-']).any(|word| word == short);
    (is_longer && balanced && !holds_short && start < before.len()).then_some(long)
}

/// Where the shortest end of `before` begins that holds the letters of `short` in order, its first at the start of a word.
fn letters(before: &str, short: &str) -> Option<usize> {
    let mut places = before.char_indices().rev().peekable();
    let mut start = None;
    let mut wanted = short.chars().rev().filter(|letter| letter.is_alphanumeric()).peekable();
    while let Some(letter) = wanted.next() {
        let is_first = wanted.peek().is_none();
        start = loop {
            let (at, found) = places.next()?;
            let begins = places.peek().is_none_or(|(_, previous)| !previous.is_alphanumeric());
            if same(found, letter) && (!is_first || begins) {
                break Some(at);
            }
        };
    }
    start
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
            ("lipids in intracellular lipid inclusions (ILI)", vec![("ILI", "intracellular lipid inclusions")]),
            ("of CVs (coefficients of variation [3]) and", vec![("CVs", "coefficients of variation")]),
            ("of CVs (coefficient of variations) and", vec![("CVs", "coefficient of variations")]),
            ("monoclonal antibodies (MAB)", vec![("MAB", "monoclonal antibodies")]),
            ("the Clinical Trials Units (CTUs)", vec![("CTUs", "Clinical Trials Units")]),
            ("standard LB (lysogeny broth [55]), then", vec![("LB", "lysogeny broth")]),
            ("had 5-fluorouracil (FU) or", vec![("FU", "5-fluorouracil")]),
            ("2,2′-azino acid (AA)", vec![("AA", "2,2′-azino acid")]),
            ("the anti-programmed death 1 (PD1)", vec![("PD1", "programmed death 1")]),
            (
                "a hazard ratio (HR, 0.7; 95% confidence interval (CI) 0.5)",
                vec![("HR", "hazard ratio"), ("CI", "confidence interval")],
            ),
            ("confidence interval (95% CI)", vec![]),
            ("the groups of mice (group I)", vec![]),
            ("x-oxadiazol-2(3H)-one", vec![]),
            ("the late promoter (pR')", vec![]),
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
                let named = long.trim_start_matches(|letter: char| letter.is_ascii_digit() || matches!(letter, ',' | '-'));
                let starts = |text: &str| text.starts_with(|letter| same(letter, first));
                prop_assert!(starts(long) || starts(named));
                let mut rest = long.chars();
                for letter in short.chars().filter(|letter| letter.is_alphanumeric()) {
                    prop_assert!(rest.any(|found| same(found, letter)));
                }
            }
        }
    }
}
