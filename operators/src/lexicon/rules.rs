//! Rules that decide whether a matched term is a mention.

use super::model::TermRule;

/// Why a match is not a mention.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    InsideWord,
    OtherTerm,
    LetterCase,
    ChemicalPrefix,
    ProteinHead,
    NoContext,
    Shorter,
}

/// Two characters with a mark between them (`S-1`, `7+3`): without it (`S1`) they are mostly something else.
pub(crate) fn is_marked_pair(written: &str) -> bool {
    // Most names are longer, and this is asked of every match.
    written.len() <= 8
        && written.chars().any(|c| !c.is_alphanumeric() && !c.is_whitespace())
        && written.chars().filter(|c| c.is_alphanumeric()).count() == 2
}

/// Whether the letters of `surface` satisfy the rule of its term. `Context` is judged later, over the whole sentence.
pub(crate) fn case_allows(rule: TermRule, surface: &str, written: &str) -> bool {
    if is_marked_pair(written) && !(is_marked_pair(surface) && same_letters(surface, written)) {
        return false;
    }
    match rule {
        TermRule::Any | TermRule::Context => true,
        TermRule::CaseSensitive => same_letters(surface, written),
        TermRule::UppercaseOnly => {
            let plural = surface.strip_suffix('s').filter(|rest| rest.len() >= 2);
            !plural.unwrap_or(surface).chars().any(char::is_lowercase)
        }
        // Two capitals: `An` at the start of a sentence is not the abbreviation `AN`.
        TermRule::Abbreviation => surface.chars().filter(|c| c.is_uppercase() || c.is_numeric()).count() >= 2,
    }
}

/// Equal letter by letter and digit by digit, whatever stands between them.
fn same_letters(a: &str, b: &str) -> bool {
    let mut first = a.chars().filter(|c| c.is_alphanumeric());
    let mut second = b.chars().filter(|c| c.is_alphanumeric());
    loop {
        match (first.next(), second.next()) {
            (None, None) => return true,
            (Some(x), Some(y)) if x == y => {}
            _ => return false,
        }
    }
}

/// Whether a sentence ends somewhere in `between`: a blank line, or a full stop, question or exclamation mark followed by
/// white space and a capital. Callers that pass one sentence at a time never meet one.
pub(crate) fn has_sentence_end(between: &str) -> bool {
    let bytes = between.as_bytes();
    memchr::memchr3_iter(b'.', b'?', b'!', bytes).any(|at| {
        let rest = bytes.get(at + 1..).unwrap_or_default();
        let spaces = rest.iter().take_while(|b| b.is_ascii_whitespace()).count();
        spaces > 0 && rest.get(spaces).is_none_or(u8::is_ascii_uppercase)
    }) || memchr::memmem::find(bytes, b"\n\n").is_some()
}
