//! Decides whether a sentence ends at a candidate. Every rule looks at one line and a bounded stretch of it.

use super::abbreviations::{Abbreviations, Class};
use super::citation::{citation_in_brackets, citation_number};
use super::context::{Following, Next, byte, following, from, skip_closers, skip_space, word_at, word_start};
use super::lists;
use super::words::WordMap;

/// A bracket is searched for its closing partner this far, in bytes; beyond, it is taken for one never closed.
const BRACKET_REACH: usize = 400;
/// A lower-case opener ends a sentence only after a word of at least this many letters, which abbreviations rarely are.
const PLAIN_WORD: usize = 5;

/// Where the scan of a line stands.
#[derive(Debug, Clone, Copy)]
pub(super) struct State {
    /// First byte of the current sentence.
    pub(super) start: usize,
    /// Brackets open at the candidate.
    pub(super) depth: usize,
    /// The outermost open bracket; meaningful while `depth` is not 0.
    pub(super) opened_at: usize,
}

/// The word tables, built once.
#[derive(Debug)]
pub(super) struct Rules {
    abbreviations: Abbreviations,
    openers: WordMap<()>,
    lower_openers: WordMap<()>,
    host_endings: WordMap<()>,
}

impl Rules {
    pub(super) fn new() -> Self {
        Self {
            abbreviations: Abbreviations::new(),
            openers: WordMap::set(lists::OPENERS),
            lower_openers: WordMap::set(lists::LOWER_CASE_OPENERS),
            host_endings: WordMap::set(lists::HOST_ENDINGS),
        }
    }

    /// The end of the sentence that the full stop, question or exclamation mark at `at` closes, or `None`.
    pub(super) fn ends_at_mark(&self, line: &str, state: State, at: usize) -> Option<usize> {
        let mark = byte(line, at);
        let next = byte(line, at + 1);
        // Decimal points and dots inside names, the most common dots that end nothing.
        if next.is_ascii_lowercase() || (next.is_ascii_digit() && byte(line, at.wrapping_sub(1)).is_ascii_digit()) {
            return None;
        }
        // Of a run of marks only the last decides.
        if matches!(next, b'.' | b'?' | b'!') {
            return None;
        }
        let (end, closed) = skip_closers(line, at + 1);
        let resume = skip_space(line, end);
        if resume == line.len() {
            return None;
        }
        if resume == end {
            return if mark == b'.' { self.ends_without_space(line, state, at, end) } else { None };
        }
        let following = following(line, resume);
        if following.next == Next::Other || self.is_inside_bracket(line, state, end, closed) {
            return None;
        }
        if following.bracket == Some(b'[') {
            if is_editorial(from(line, following.inner)) {
                return None;
            }
            if let Some(after) = citation_in_brackets(line, resume) {
                return self.after_citation(line, after);
            }
        }
        let ends =
            if mark == b'.' { self.ends_at_dot(line, state, at, closed, following) } else { may_open(line, following) };
        ends.then_some(end)
    }

    /// The end of the title or remark that the `]` at `at` closes, or `None`. MEDLINE puts translated titles in square
    /// brackets and writes remarks such as `[see comments]` after a title without a full stop.
    pub(super) fn ends_at_bracket(&self, line: &str, state: State, at: usize) -> Option<usize> {
        let content = line.get(state.opened_at + 1..at)?;
        let resume = skip_space(line, at + 1);
        if byte(line, state.opened_at) != b'[' || resume == at + 1 || resume == line.len() {
            return None;
        }
        let following = following(line, resume);
        let opens =
            matches!(following.next, Next::Title | Next::Capitals | Next::Digit | Next::LowerName | Next::Uncased);
        let title = state.opened_at == state.start
            && content.contains(' ')
            && content.starts_with(|c: char| c.is_uppercase())
            && following.next != Next::Digit;
        (opens && (is_editorial(content) || title)).then_some(at + 1)
    }

    /// The end of the sentence that an ellipsis character closes.
    pub(super) fn ends_at_ellipsis(&self, line: &str, state: State, at: usize, length: usize) -> Option<usize> {
        let (end, closed) = skip_closers(line, at + length);
        let resume = skip_space(line, end);
        let spaced = line.get(..at).is_none_or(|before| before.ends_with(char::is_whitespace));
        if resume == end || resume == line.len() || spaced || self.is_inside_bracket(line, state, end, closed) {
            return None;
        }
        (following(line, resume).next == Next::Title).then_some(end)
    }

    fn ends_at_dot(&self, line: &str, state: State, at: usize, closed: usize, following: Following) -> bool {
        let start = word_start(line, at);
        let word = line.as_bytes().get(start..at).unwrap_or(&[]);
        if word.is_empty() {
            return self.ends_after_detached_dot(line, state.start, at, following);
        }
        if word.ends_with(b".") {
            // An ellipsis: a sentence goes on after it unless a new one plainly starts. Standing alone it marks a gap.
            return following.next == Next::Title && word.iter().any(|b| *b != b'.');
        }
        if self.is_list_label(line, state.start, start, at) {
            return false;
        }
        let class = self.abbreviations.classify(line, state.start, start, word);
        // `(... at 11 p.m.) Type` goes on: a bracket that ends in an abbreviation is part of its sentence.
        if closed > 0 && !matches!(class, Class::Plain | Class::Initial | Class::Unit) && state.depth > 0 {
            return false;
        }
        let opener = || self.is_opener(line, following);
        match class {
            Class::Never => false,
            Class::NeedsOpener => opener(),
            Class::ClosesPhrase => following.bracket.is_none() && (opener() || following.next == Next::Title),
            Class::BeforeNumber => {
                following.bracket.is_none()
                    && (opener() || (following.next == Next::Title && !is_roman(word_at(line, following.inner))))
            }
            Class::Unit => following.bracket.is_none() && may_open(line, following),
            Class::Initial => following.bracket.is_none() && opener(),
            Class::Plain if following.next == Next::Lower && following.bracket.is_none() => {
                let plain = word.len() >= PLAIN_WORD && word.iter().all(|b| b.is_ascii_lowercase());
                plain && self.lower_openers.contains(word_at(line, following.inner))
            }
            // Decimals torn apart by conversion: `p < 0. 05`.
            Class::Plain if following.next == Next::Digit && word == b"0" => false,
            Class::Plain => may_open(line, following),
        }
    }

    /// Text split into tokens has ` . ` at the end of sentences; `. . .` is an ellipsis.
    fn ends_after_detached_dot(&self, line: &str, sentence_start: usize, at: usize, following: Following) -> bool {
        let before = line.get(..at).unwrap_or("");
        let bare = before.trim_end();
        if bare.is_empty() || bare.ends_with('.') {
            return false;
        }
        if bare.len() == before.len() {
            // A bracket, a quote or an operator stands right before the dot: `(Fig. 1). The`, `+/+. The`.
            return match following.next {
                Next::Lower => false,
                _ => may_open(line, following),
            };
        }
        if self.is_list_label(line, sentence_start, word_start(line, bare.len()), bare.len()) {
            return false;
        }
        let start = word_start(line, bare.len());
        let word = bare.as_bytes().get(start..).unwrap_or(&[]);
        match self.abbreviations.classify(line, 0, start, word) {
            Class::Never => false,
            Class::Plain | Class::Initial | Class::Unit => may_open(line, following),
            _ => self.is_opener(line, following),
        }
    }

    /// `.[12] The`, `.12 The`, `.¹² The`, and the space forgotten between two sentences (`found.The`).
    fn ends_without_space(&self, line: &str, state: State, at: usize, end: usize) -> Option<usize> {
        let next = byte(line, end);
        let before = byte(line, at.checked_sub(1)?);
        let after_text = before.is_ascii_lowercase() || matches!(before, b')' | b']' | b'%' | b'"');
        if next.is_ascii_digit() && !after_text {
            return None;
        }
        if let Some(after) = citation_in_brackets(line, end).or_else(|| citation_number(line, end)) {
            let ends = self.after_citation(line, after)?;
            return (!next.is_ascii_digit() || self.is_plain_word(line, state, at, before)).then_some(ends);
        }
        if next == b'(' && is_editorial(from(line, end + 1)) {
            return Some(end);
        }
        let glued = next.is_ascii_uppercase()
            && self.opens_without_space(line, state, at, end)
            && !self.is_inside_bracket(line, state, end, 0);
        glued.then_some(end)
    }

    /// Whether a sentence opens at `end` right after a dot: `found.The`, `was low.RESULTS: We`, `trials).Internal`.
    fn opens_without_space(&self, line: &str, state: State, at: usize, end: usize) -> bool {
        let following = following(line, end);
        let word = word_at(line, end);
        let stop = byte(line, end + word.len());
        if stop == b':' && is_section_label(word) {
            return true;
        }
        if !matches!(stop, b' ' | b',') {
            return false;
        }
        let opener = self.is_opener(line, following);
        let before = word_start(line, at);
        let previous = line.as_bytes().get(before..at).unwrap_or(&[]);
        let bracket = matches!(byte(line, at.wrapping_sub(1)), b')' | b']' | b'%' | b' ');
        if bracket || previous.len() < 3 {
            return bracket && (opener || (following.next == Next::Title && byte(line, at.wrapping_sub(1)) != b' '));
        }
        // After a plain word any capitalised word will do, after a name only one that opens sentences.
        let title = following.next == Next::Title && !self.host_endings.contains(word);
        let plain = previous.iter().all(|b| b.is_ascii_lowercase() || *b == b'-');
        let letters = previous.iter().all(|b| b.is_ascii_alphanumeric() || *b == b'-');
        (opener && letters || title && plain)
            && self.abbreviations.classify(line, state.start, before, previous) == Class::Plain
    }

    /// A citation belongs to the sentence before it when a new sentence starts after it.
    fn after_citation(&self, line: &str, after: usize) -> Option<usize> {
        let (end, _) = skip_closers(line, after);
        let resume = skip_space(line, end);
        let following = following(line, resume);
        let opens = matches!(following.next, Next::Title | Next::Capitals | Next::Uncased);
        (resume > end && resume < line.len() && opens).then_some(end)
    }

    /// Whether the word before the dot at `at` is three or more lower-case letters and no abbreviation, or a bracket.
    fn is_plain_word(&self, line: &str, state: State, at: usize, before: u8) -> bool {
        if !before.is_ascii_lowercase() {
            return true;
        }
        let start = word_start(line, at);
        let word = line.as_bytes().get(start..at).unwrap_or(&[]);
        word.len() >= 3
            && word.iter().all(|b| b.is_ascii_lowercase() || *b == b'-')
            && self.abbreviations.classify(line, state.start, start, word) == Class::Plain
    }

    /// `1. First`, `(2). Second`, `follows: 1. First`, `A. Clinical`: the label belongs to what follows.
    fn is_list_label(&self, line: &str, sentence_start: usize, word_start: usize, at: usize) -> bool {
        let Some(label) = line.get(sentence_start..at) else { return false };
        let number = label.trim_start_matches(['(', '[']).trim_end_matches([')', ']']);
        if is_list_number(number.as_bytes()) {
            return true;
        }
        let word = line.as_bytes().get(word_start..at).unwrap_or(&[]);
        let before = line.get(..word_start).unwrap_or("");
        let bare = before.trim_end();
        word.len() <= 2
            && word.iter().all(u8::is_ascii_digit)
            && bare.len() < before.len()
            && (bare.ends_with(';') || (bare.ends_with(':') && word == b"1"))
    }

    fn is_opener(&self, line: &str, following: Following) -> bool {
        if following.next == Next::Title {
            return self.openers.contains(word_at(line, following.inner));
        }
        // `A` is an article when a lower-case word follows, an initial otherwise.
        byte(line, following.inner) == b'A'
            && byte(line, following.inner + 1) == b' '
            && byte(line, following.inner + 2).is_ascii_lowercase()
    }

    /// Whether `end` lies inside a bracket that is closed further on, after the `closed` brackets just passed.
    fn is_inside_bracket(&self, line: &str, state: State, end: usize, closed: usize) -> bool {
        let Some(mut open) = state.depth.checked_sub(closed).filter(|open| *open > 0) else { return false };
        if end.saturating_sub(state.opened_at) > BRACKET_REACH {
            return false;
        }
        for b in line.as_bytes().get(end..).unwrap_or(&[]).iter().take(BRACKET_REACH) {
            match b {
                b'(' | b'[' => open += 1,
                b')' | b']' => open -= 1,
                _ => {}
            }
            if open == 0 {
                return true;
            }
        }
        false
    }
}

/// Whether a sentence may open here after an ordinary word and a full stop.
fn may_open(line: &str, following: Following) -> bool {
    match following.next {
        Next::Title | Next::Capitals | Next::Digit | Next::LowerName | Next::Uncased => true,
        Next::Bullet => following.bracket.is_none(),
        // `(i) Acute`, `(a) Patients`: a list goes on; `(data not shown)` stays with what it comments on.
        Next::Lower => {
            let length = word_at(line, following.inner).len();
            following.bracket == Some(b'(') && length <= 4 && byte(line, following.inner + length) == b')'
        }
        Next::Other => false,
    }
}

fn is_section_label(label: &[u8]) -> bool {
    lists::SECTION_LABELS.split(' ').any(|known| label.eq_ignore_ascii_case(known.as_bytes()))
}

fn is_editorial(text: &str) -> bool {
    lists::EDITORIAL
        .iter()
        .any(|known| text.as_bytes().get(..known.len()).is_some_and(|head| head.eq_ignore_ascii_case(known.as_bytes())))
}

fn is_roman(word: &[u8]) -> bool {
    !word.is_empty() && word.iter().all(|b| b"IVXivx".contains(b))
}

/// A number of one or two digits, a letter, or a small Roman numeral.
fn is_list_number(label: &[u8]) -> bool {
    match label.len() {
        0 => false,
        1 => label.iter().all(u8::is_ascii_alphanumeric),
        2 if label.iter().all(u8::is_ascii_digit) => true,
        2..=4 => is_roman(label),
        _ => false,
    }
}
