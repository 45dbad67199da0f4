//! Reference numbers set right after a full stop.

use super::context::{byte, from};

/// The end of `[12]`, `[3,4]`, `[5-7]`, `(8)` at `at`.
pub(super) fn citation_in_brackets(line: &str, at: usize) -> Option<usize> {
    let close = match byte(line, at) {
        b'[' => b']',
        b'(' => b')',
        _ => return None,
    };
    let after = citation_number(line, at + 1)?;
    (byte(line, after) == close).then_some(after + 1)
}

/// The end of a list of reference numbers at `at`: up to three digits each, joined by commas and dashes, or raised.
pub(super) fn citation_number(line: &str, at: usize) -> Option<usize> {
    let (mut end, mut digits) = (at, 0);
    for (offset, c) in from(line, at).char_indices().take(24) {
        match c {
            '0'..='9' if digits < 3 => digits += 1,
            '¹' | '²' | '³' | '⁰' | '⁴'..='⁹' => digits = 1,
            ',' | '-' | '–' | '‐' if digits > 0 => {
                digits = 0;
                continue;
            }
            '0'..='9' => return None,
            _ => break,
        }
        end = at + offset + c.len_utf8();
    }
    (end > at).then_some(end)
}
