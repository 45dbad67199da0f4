//! Quoted passages in a reasoning trace and whether they are in the text.

use std::borrow::Cow;

/// Quotes of fewer words are terms, not evidence.
const MIN_WORDS: usize = 2;

/// A quoted passage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quote<'a> {
    /// Byte offset of the passage in the trace, behind the opening mark.
    pub start: usize,
    /// The passage without its marks.
    pub passage: &'a str,
}

impl Quote<'_> {
    /// Whether the passage is a verbatim substring of the text. Runs of white space count as one space on both sides,
    /// punctuation at the passage's end is not compared, and an ellipsis splits it into parts that must follow each other
    /// in the text.
    pub fn is_verbatim_in(&self, text: &str) -> bool {
        let (passage, text) = (spaced(self.passage), spaced(text));
        let mut rest = &*text;
        for part in passage.split(['…']).flat_map(|part| part.split("...")) {
            let part = part.trim().trim_end_matches(['.', ',', ';', ':', '!', '?']);
            match rest.find(part) {
                Some(at) => rest = rest.get(at + part.len()..).unwrap_or(""),
                None => return false,
            }
        }
        true
    }
}

/// The text with every run of white space as one space.
fn spaced(text: &str) -> Cow<'_, str> {
    let even = text.split(' ').all(|word| !word.is_empty() && !word.contains(char::is_whitespace));
    if even { Cow::Borrowed(text) } else { Cow::Owned(text.split_whitespace().collect::<Vec<_>>().join(" ")) }
}

/// Passages of at least two words in `"…"`, `“…”`, `«…»`, `‘…’` or `'…'`, in order. Straight single quotes count
/// only at word edges, so that apostrophes and primes do not. Single quotes close at the first word edge: a plural
/// possessive inside them ends the passage early.
pub fn quotes(trace: &str) -> Vec<Quote<'_>> {
    let mut found = Vec::new();
    let mut from = 0;
    while let Some(rest) = trace.get(from..) {
        let Some((offset, open)) = rest.char_indices().find(|(at, c)| opens(rest, *at, *c)) else { break };
        let start = from + offset + open.len_utf8();
        let inside = trace.get(start..).unwrap_or("");
        // A quotation does not run over a line break: an unpaired mark costs one line, not the rest of the trace.
        let line = inside.split('\n').next().unwrap_or("");
        let Some(length) = line.char_indices().find(|(at, c)| closes(line, *at, *c, open)).map(|(at, _)| at) else {
            from = start;
            continue;
        };
        let passage = line.get(..length).unwrap_or("");
        if passage.split_whitespace().count() >= MIN_WORDS {
            found.push(Quote { start, passage });
        }
        from = start + length + line.get(length..).and_then(|tail| tail.chars().next()).map_or(1, char::len_utf8);
    }
    found
}

fn opens(text: &str, at: usize, mark: char) -> bool {
    match mark {
        '"' | '“' | '«' | '‘' => true,
        '\'' => {
            let before = text.get(..at).and_then(|text| text.chars().next_back());
            let after = text.get(at + 1..).and_then(|text| text.chars().next());
            !before.is_some_and(char::is_alphanumeric) && after.is_some_and(char::is_alphanumeric)
        }
        _ => false,
    }
}

fn closes(line: &str, at: usize, mark: char, open: char) -> bool {
    let edge = || !line.get(at + mark.len_utf8()..).and_then(|t| t.chars().next()).is_some_and(char::is_alphanumeric);
    match open {
        '"' => mark == '"',
        '“' => mark == '”',
        '«' => mark == '»',
        '‘' => mark == '’' && edge(),
        _ => mark == '\'' && edge(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn passages(trace: &str) -> Vec<&str> {
        quotes(trace).into_iter().map(|quote| quote.passage).collect()
    }

    #[test]
    fn finds_passages_in_every_style() {
        assert_eq!(
            passages("says \"well tolerated\" and “longer survival” and «in vitro»"),
            ["well tolerated", "longer survival", "in vitro"]
        );
        assert_eq!(passages("the authors' claim 'was synergistic' isn't 5' long"), ["was synergistic"]);
        assert_eq!(passages("‘the patient’s own words’"), ["the patient’s own words"]);
        assert_eq!(passages("\"synergy\" alone"), Vec::<&str>::new());
        assert_eq!(passages("open \" here\nand \"closed there\""), ["closed there"]);
    }

    #[test]
    fn verbatim_means_verbatim() {
        let text = "The combination was well tolerated\nand response rates  rose to 54%.";
        for (passage, expected) in [
            ("was well tolerated", true),
            ("was well tolerated.", true),
            ("Was well tolerated", false),
            ("The combination … rose to 54%", true),
            ("rose to 54% ... well tolerated", false),
            ("well  tolerated and", true),
            ("response rates rose", true),
            ("welltolerated", false),
        ] {
            assert_eq!(Quote { start: 0, passage }.is_verbatim_in(text), expected, "{passage}");
        }
    }
}
