//! Sentence segmentation of biomedical text by local rules, one pass and no regular expression.
//!
//! [`Segmenter::segment`] scans for the few bytes that can end a sentence (`scanner`), looks at the words on either
//! side of each (`context`) and decides (`rules`) with the help of a few word lists (`lists`,
//! `abbreviations`).
//!
//! What a sentence is here:
//!
//! * A line feed always ends a sentence, and no rule looks across one: the text of a document joins its title, its
//!   abstract and its sections with line feeds. Text pasted with wrapped lines is therefore cut at each wrap; join the
//!   lines first where that is not wanted.
//! * A label stays with what it labels: `RESULTS: We ...`, `1. First ...` are one sentence each. A label with a full stop
//!   of its own (`METHODS. We ...`) is a sentence, as in GENIA.
//! * A citation after the full stop (`.[12]`, `.12`) and a remark such as `[see comments]` stay with what precedes them.
//! * A bracket that is closed within 400 bytes is not cut.
//! * Text in brackets at the start of a line is a translated title, as MEDLINE writes it, and ends with its bracket.

mod abbreviations;
mod citation;
mod context;
mod lists;
mod rules;
mod scanner;
#[cfg(test)]
mod tests;
mod words;

use rules::{Rules, State};
use scanner::Candidates;

/// One sentence of a text: a half-open range of **bytes** on character boundaries, without surrounding white space,
/// never empty. Use [`crate::text_offsets::CodePointIndex`] for offsets in Unicode code points.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SentenceSpan {
    /// First byte of the sentence.
    pub start: u32,
    /// Byte after the last one of the sentence.
    pub end: u32,
}

impl SentenceSpan {
    /// The sentence in the text it was found in; empty for a range that is not one of that text.
    #[must_use]
    pub fn of<'t>(&self, text: &'t str) -> &'t str {
        text.get(self.start as usize..self.end as usize).unwrap_or("")
    }
}

/// Cuts text into sentences. Holds a few small word tables; build it once and share it between threads.
#[derive(Debug)]
pub struct Segmenter {
    rules: Rules,
}

impl Default for Segmenter {
    fn default() -> Self {
        Self::new()
    }
}

impl Segmenter {
    /// Builds the word tables.
    #[must_use]
    pub fn new() -> Self {
        Self { rules: Rules::new() }
    }

    /// Replaces the content of `out` by the sentences of `text`: in order, not overlapping, and together holding every
    /// character that is not white space. Allocates nothing but what `out` needs.
    ///
    /// Offsets are `u32` as in Arrow's string views. Text beyond the first 4 GiB, which no Arrow string can hold, is not
    /// looked at.
    pub fn segment(&self, text: &str, out: &mut Vec<SentenceSpan>) {
        out.clear();
        let text = within_u32(text);
        let mut start = 0;
        for end in memchr::memchr_iter(b'\n', text.as_bytes()) {
            self.segment_line(text, start, end, out);
            start = end + 1;
        }
        self.segment_line(text, start, text.len(), out);
    }

    fn segment_line(&self, text: &str, from: usize, to: usize, out: &mut Vec<SentenceSpan>) {
        let Some(line) = text.get(from..to).map(str::trim_end) else { return };
        let mut push = |start: usize, end: usize| {
            // Both fit: `segment` looks at no more than u32::MAX bytes.
            let span = SentenceSpan { start: (from + start) as u32, end: (from + end) as u32 };
            if span.start < span.end {
                out.push(span);
            }
        };
        let mut state = State { start: context::skip_space(line, 0), depth: 0, opened_at: 0 };
        for at in Candidates::new(line) {
            if at < state.start {
                continue;
            }
            if let Some(end) = self.end_of_sentence(line, &mut state, at) {
                push(state.start, end);
                state = State { start: context::skip_space(line, end), depth: 0, opened_at: 0 };
            }
        }
        push(state.start, line.len());
    }

    /// Looks at one candidate: follows the brackets and asks the rules about the rest.
    fn end_of_sentence(&self, line: &str, state: &mut State, at: usize) -> Option<usize> {
        match context::byte(line, at) {
            b'(' | b'[' => {
                if state.depth == 0 {
                    state.opened_at = at;
                }
                state.depth += 1;
                None
            }
            closing @ (b')' | b']') => {
                let was_open = state.depth > 0;
                state.depth = state.depth.saturating_sub(1);
                (closing == b']' && was_open && state.depth == 0)
                    .then(|| self.rules.ends_at_bracket(line, *state, at))
                    .flatten()
            }
            b'.' | b'?' | b'!' => self.rules.ends_at_mark(line, *state, at),
            _ => {
                let mark = context::from(line, at).chars().next()?;
                if mark == '…' {
                    return self.rules.ends_at_ellipsis(line, *state, at, mark.len_utf8());
                }
                lists::FULL_STOPS.contains(&mark).then(|| context::skip_closers(line, at + mark.len_utf8()).0)
            }
        }
    }
}

/// The longest prefix of whole characters whose offsets fit `u32`.
fn within_u32(text: &str) -> &str {
    let limit = u32::MAX as usize;
    if text.len() <= limit {
        return text;
    }
    text.get(..text.floor_char_boundary(limit)).unwrap_or("")
}
