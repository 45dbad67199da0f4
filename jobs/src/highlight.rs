//! Drugs highlighted in a sentence: colour on a terminal, brackets elsewhere.

use std::io::IsTerminal;

/// How a highlighted span is marked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Marks {
    /// ANSI bold cyan.
    Colour,
    /// `[…]`.
    Brackets,
}

impl Marks {
    /// Colour when standard output is a terminal and `NO_COLOR` is not set.
    pub fn for_stdout() -> Self {
        if std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none() {
            Self::Colour
        } else {
            Self::Brackets
        }
    }

    fn pair(self) -> (&'static str, &'static str) {
        match self {
            Self::Colour => ("\u{1b}[1;36m", "\u{1b}[0m"),
            Self::Brackets => ("[", "]"),
        }
    }
}

/// `text` with `spans` (code points, half-open) marked; overlapping spans are marked once.
pub fn highlight(text: &str, spans: &[(i32, i32)], marks: Marks) -> String {
    let (open, close) = marks.pair();
    let mut spans = spans.to_vec();
    spans.sort_unstable();
    let mut out = String::with_capacity(text.len() + spans.len() * (open.len() + close.len()));
    let mut spans = spans.into_iter().peekable();
    let mut until = None;
    for (position, letter) in text.chars().enumerate() {
        let position = i32::try_from(position).unwrap_or(i32::MAX);
        if until == Some(position) {
            out.push_str(close);
            until = None;
        }
        while let Some((_, end)) = spans.next_if(|(start, _)| *start <= position) {
            if end > position && until.is_none_or(|until| end > until) {
                if until.is_none() {
                    out.push_str(open);
                }
                until = Some(end);
            }
        }
        out.push(letter);
    }
    if until.is_some() {
        out.push_str(close);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_count_code_points_and_merge_overlaps() {
        for (text, spans, expected) in [
            ("α with b.", vec![(0, 1), (7, 8)], "[α] with [b]."),
            ("5-FU/LV", vec![(0, 4), (5, 7)], "[5-FU]/[LV]"),
            ("abcdef", vec![(0, 4), (2, 6)], "[abcdef]"),
            ("ab", vec![(0, 1), (1, 2)], "[a][b]"),
            ("ab", vec![], "ab"),
            ("ab", vec![(5, 9)], "ab"),
        ] {
            assert_eq!(highlight(text, &spans, Marks::Brackets), expected);
        }
    }
}
