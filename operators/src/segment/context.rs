//! What stands on either side of a full stop: the word before it and the way the text goes on after it.

use super::lists;

/// The byte at `at`, or 0 outside the line.
pub(super) fn byte(line: &str, at: usize) -> u8 {
    line.as_bytes().get(at).copied().unwrap_or(0)
}

/// The part of the line from `at` on; empty when `at` is outside the line or inside a character.
pub(super) fn from(line: &str, at: usize) -> &str {
    line.get(at..).unwrap_or("")
}

/// The first character at or after `at` that is not white space, or the length of the line.
pub(super) fn skip_space(line: &str, at: usize) -> usize {
    // One ASCII space is the common case and needs no decoding.
    if byte(line, at) == b' ' && byte(line, at + 1).is_ascii_graphic() {
        return at + 1;
    }
    line.len() - from(line, at).trim_start().len()
}

/// The end of the closing quotes and brackets that start at `at`, and how many brackets they close.
pub(super) fn skip_closers(line: &str, mut at: usize) -> (usize, usize) {
    let mut brackets = 0;
    loop {
        match byte(line, at) {
            b')' | b']' => brackets += 1,
            b'"' | b'\'' | b'}' => {}
            0..=0x7F => return (at, brackets),
            _ => match from(line, at).chars().next() {
                Some(c @ ('”' | '’' | '»' | '」' | '』' | '）' | '】' | '›')) => {
                    at += c.len_utf8() - 1;
                }
                _ => return (at, brackets),
            },
        }
        at += 1;
    }
}

/// The bytes a word does not contain: white space, brackets, quotes, slashes, list punctuation and operators.
const BREAKS: [bool; 256] = {
    let breaks = b" \t\r\x0B\x0C([{)]}\"'/,;:<>=+*&|";
    let mut table = [false; 256];
    let mut at = 0;
    while at < breaks.len() {
        table[breaks[at] as usize] = true;
        at += 1;
    }
    table
};

/// Longest stretch searched for the start of a word, in bytes; it bounds the work on text without spaces.
const WORD_REACH: usize = 64;

/// The start of the word that ends at `end`, which is `end` itself where no word does.
pub(super) fn word_start(line: &str, end: usize) -> usize {
    let floor = end.saturating_sub(WORD_REACH);
    let bytes = line.as_bytes().get(floor..end).unwrap_or(&[]);
    let start = bytes.iter().rposition(|b| BREAKS[usize::from(*b)]).map_or(floor, |at| floor + at + 1);
    let word = line.as_bytes().get(start..end).unwrap_or(&[]);
    if word.is_ascii() { start } else { wide_word_start(line, start, end) }
}

/// [`word_start`] for a word that is not all ASCII: no-break spaces, dashes and curly quotes end it too.
fn wide_word_start(line: &str, start: usize, end: usize) -> usize {
    let breaks =
        |c: char| c.is_whitespace() || matches!(c, '“' | '”' | '‘' | '’' | '«' | '»' | '–' | '—' | '（' | '）');
    let Some(word) = line.get(start..end) else { return start };
    word.char_indices().rev().find(|(_, c)| breaks(*c)).map_or(start, |(at, c)| start + at + c.len_utf8())
}

/// The word before the white space that precedes `at`, without trailing punctuation, and whether a comma, a dot or a
/// like mark was cut off.
pub(super) fn previous_word(line: &str, at: usize) -> (&str, bool) {
    let before = line.get(..at).unwrap_or("").trim_end();
    let bare = before.trim_end_matches([',', '.', ';', ':', ')']);
    let start = word_start(bare, bare.len());
    (bare.get(start..).unwrap_or(""), bare.len() != before.len())
}

/// How the text goes on after a full stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    /// A capital followed by a lower-case letter: `The`, `Patients`.
    Title,
    /// A capital otherwise: an acronym, an initial or a symbol (`IL-2`, `A`, `S1`).
    Capitals,
    /// A digit, possibly after a sign.
    Digit,
    /// A lower-case word that opens sentences in this field: `mRNA`, `p53`, `c-Fos`, `alpha-Tocopherol`, `β-Catenin`.
    LowerName,
    /// Any other lower-case word.
    Lower,
    /// A letter of a script without case.
    Uncased,
    /// A list or heading mark: `-`, `--`, `•`, `*`, `#`.
    Bullet,
    /// Anything else: operators, further punctuation, nothing at all.
    Other,
}

/// The way the text goes on at `at`, seen through opening quotes and brackets.
#[derive(Debug, Clone, Copy)]
pub(super) struct Following {
    pub(super) next: Next,
    /// The opening bracket the text starts with, if any: `(` or `[`.
    pub(super) bracket: Option<u8>,
    /// Where the text inside the brackets or quotes starts.
    pub(super) inner: usize,
}

pub(super) fn following(line: &str, at: usize) -> Following {
    let mut inner = at;
    let mut bracket = None;
    loop {
        match byte(line, inner) {
            b @ (b'(' | b'[') => {
                bracket = bracket.or(Some(b));
                inner += 1;
            }
            b'"' | b'\'' | b'{' => inner += 1,
            0..=0x7F => break,
            _ => match from(line, inner).chars().next() {
                Some(c @ ('“' | '‘' | '«' | '¿' | '¡' | '「' | '『' | '（' | '‹')) => inner += c.len_utf8(),
                _ => break,
            },
        }
    }
    Following { next: classify(line, inner), bracket, inner }
}

/// The ASCII word at `at`, up to white space or punctuation other than a hyphen; cut after 32 bytes.
pub(super) fn word_at(line: &str, at: usize) -> &[u8] {
    let rest = line.as_bytes().get(at..).unwrap_or(&[]);
    let rest = rest.get(..32).unwrap_or(rest);
    let length = rest.iter().position(|b| !(b.is_ascii_alphanumeric() || *b == b'-')).unwrap_or(rest.len());
    rest.get(..length).unwrap_or(&[])
}

fn classify(line: &str, at: usize) -> Next {
    match byte(line, at) {
        b'A'..=b'Z' if byte(line, at + 1).is_ascii_lowercase() => Next::Title,
        b'A'..=b'Z' => Next::Capitals,
        b'0'..=b'9' => Next::Digit,
        b'~' | b'$' | b'<' | b'>' if digit_from(line, at + 1) => Next::Digit,
        b'a'..=b'z' => {
            let word = word_at(line, at);
            if opens_in_lower_case(word) { Next::LowerName } else { classify_mixed(line, at, word) }
        }
        b'-' | b'*' | b'#' => Next::Bullet,
        0..=0x7F => Next::Other,
        _ => classify_other_script(line, at),
    }
}

/// Whether a number stands at `at`, possibly after one space.
fn digit_from(line: &str, at: usize) -> bool {
    byte(line, at + usize::from(byte(line, at) == b' ')).is_ascii_digit()
}

/// A lower-case name may continue in another script right away: `pβ2`, `aβ`.
fn classify_mixed(line: &str, at: usize, word: &[u8]) -> Next {
    let short = word.len() <= 2;
    let greek = |c: char| ('α'..='ω').contains(&c);
    if short && from(line, at + word.len()).chars().next().is_some_and(greek) { Next::LowerName } else { Next::Lower }
}

fn classify_other_script(line: &str, at: usize) -> Next {
    let mut letters = from(line, at).chars();
    match letters.next() {
        Some(c @ ('≥' | '≤' | '≈')) if digit_from(line, at + c.len_utf8()) => Next::Digit,
        Some('•' | '‣' | '–' | '—' | '●' | '▪') => Next::Bullet,
        Some(c) if c.is_uppercase() => {
            if letters.next().is_some_and(char::is_lowercase) {
                Next::Title
            } else {
                Next::Capitals
            }
        }
        // Greek letters name compounds and proteins: `α-Tocopherol was`, `β2-Agonists are`.
        Some('α'..='ω') => Next::LowerName,
        Some(c) if c.is_lowercase() => Next::Lower,
        Some(c) if c.is_numeric() => Next::Digit,
        Some(c) if c.is_alphabetic() => Next::Uncased,
        _ => Next::Other,
    }
}

/// Names of genes, transcripts, proteins and compounds that keep their lower-case letter at the start of a sentence:
/// a digit or a capital among the first five characters, a viral or cellular prefix, or a Greek letter spelled out.
fn opens_in_lower_case(word: &[u8]) -> bool {
    let head = word.get(..word.len().min(5)).unwrap_or(&[]);
    if head.iter().any(|b| b.is_ascii_digit() || b.is_ascii_uppercase()) {
        return true;
    }
    let prefix = word.split(|b| *b == b'-').next().unwrap_or(&[]);
    let hyphenated = prefix.len() < word.len();
    (hyphenated && matches!(prefix, b"c" | b"v" | b"n" | b"p" | b"o" | b"m" | b"d" | b"l" | b"r" | b"nab"))
        || lists::GREEK.split(' ').any(|greek| greek.as_bytes() == prefix)
}
