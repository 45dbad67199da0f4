//! Gold sentences in the documents of a warehouse, white space aside.
//!
//! Gold sentences are tokenised ("5-FU , oxaliplatin"), documents may or may not be; and a document may be cut into other
//! sentences than the gold's. So a gold sentence is looked for in the whole text with all white space left out, and
//! offsets are carried over through the characters that are left.

use std::collections::HashMap;

/// Most characters that the search hashes.
const PREFIX: usize = 24;
const BASE: u64 = 0x0001_0000_01b3;

/// A text without white space, and the way back.
#[derive(Clone, Debug)]
pub struct Squeezed {
    chars: Vec<char>,
    /// Place of each character in the text.
    places: Vec<usize>,
}

impl Squeezed {
    /// Leaves out the white space.
    pub fn new(text: &str) -> Self {
        let kept = text.chars().enumerate().filter(|(_, c)| !c.is_whitespace());
        let (places, chars) = kept.unzip();
        Self { chars, places }
    }

    /// Place among the kept characters of the first one at or behind a place of the text.
    fn at(&self, place: usize) -> usize {
        self.places.partition_point(|&kept| kept < place)
    }

    /// The span of the text that holds the kept characters `start..end`.
    fn span(&self, start: usize, end: usize) -> Option<(usize, usize)> {
        let first = *self.places.get(start)?;
        let last = *self.places.get(end.checked_sub(1)?)?;
        (start < end).then_some((first, last + 1))
    }
}

/// A sentence found in a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Located {
    /// Index of the sentence.
    pub sentence: usize,
    /// Place of its first character among the kept characters of the document.
    start: usize,
}

/// Sentences prepared for searching.
#[derive(Debug)]
pub struct Locator {
    sentences: Vec<Squeezed>,
    width: usize,
    by_prefix: HashMap<u64, Vec<usize>>,
}

impl Locator {
    /// Prepares sentences; empty ones are never found.
    pub fn new<'s>(sentences: impl IntoIterator<Item = &'s str>) -> Self {
        let sentences: Vec<Squeezed> = sentences.into_iter().map(Squeezed::new).collect();
        let lengths = sentences.iter().map(|of| of.chars.len()).filter(|length| *length > 0);
        let width = lengths.min().unwrap_or(0).min(PREFIX);
        let mut by_prefix: HashMap<u64, Vec<usize>> = HashMap::new();
        for (index, sentence) in sentences.iter().enumerate().filter(|(_, of)| !of.chars.is_empty()) {
            by_prefix.entry(hash(sentence.chars.iter().take(width))).or_default().push(index);
        }
        Self { sentences, width, by_prefix }
    }

    /// The sentences that a document holds, each at its first place, in one pass.
    pub fn find(&self, document: &Squeezed) -> Vec<Located> {
        let mut found: Vec<Located> = Vec::new();
        if self.width == 0 || document.chars.len() < self.width {
            return found;
        }
        let highest = (1..self.width).fold(1_u64, |power, _| power.wrapping_mul(BASE));
        let mut rolling = hash(document.chars.iter().take(self.width));
        let mut start = 0;
        loop {
            for &sentence in self.by_prefix.get(&rolling).into_iter().flatten() {
                let holds = self.sentences.get(sentence).zip(document.chars.get(start..));
                let new = found.iter().all(|other| other.sentence != sentence);
                if new && holds.is_some_and(|(of, rest)| rest.starts_with(&of.chars)) {
                    found.push(Located { sentence, start });
                }
            }
            let (Some(&out), Some(&next)) = (document.chars.get(start), document.chars.get(start + self.width)) else {
                return found;
            };
            let without = rolling.wrapping_sub(value(out).wrapping_mul(highest));
            rolling = without.wrapping_mul(BASE).wrapping_add(value(next));
            start += 1;
        }
    }

    /// A span of the document as a span of the located sentence; none where it is not inside.
    pub fn carry(&self, located: Located, document: &Squeezed, start: usize, end: usize) -> Option<(usize, usize)> {
        let sentence = self.sentences.get(located.sentence)?;
        let (from, to) = (document.at(start), document.at(end));
        let (from, to) = (from.checked_sub(located.start)?, to.checked_sub(located.start)?);
        sentence.span(from, to)
    }

    /// Whether a span of the document shares a character with the located sentence.
    pub fn overlaps(&self, located: Located, document: &Squeezed, start: usize, end: usize) -> bool {
        let length = self.sentences.get(located.sentence).map_or(0, |of| of.chars.len());
        let (from, to) = (document.at(start), document.at(end));
        from < located.start + length && located.start < to
    }
}

fn value(c: char) -> u64 {
    u64::from(u32::from(c)) + 1
}

fn hash<'c>(chars: impl Iterator<Item = &'c char>) -> u64 {
    chars.fold(0, |hash, &c| hash.wrapping_mul(BASE).wrapping_add(value(c)))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    #[test]
    fn offsets_carry_over_differences_of_white_space() {
        let locator = Locator::new(["α ( Abc ) plus Def .", "absent sentence here", ""]);
        let text = "Title. α (Abc) plus  Def. Tail with Abc.";
        let document = Squeezed::new(text);
        let found = locator.find(&document);
        assert_eq!(found.len(), 1);
        assert_eq!(locator.carry(found[0], &document, 10, 13), Some((4, 7)));
        assert_eq!(locator.carry(found[0], &document, 21, 24), Some((15, 18)));
        assert_eq!(locator.carry(found[0], &document, 0, 5), None, "before it");
        assert_eq!(locator.carry(found[0], &document, 36, 39), None, "behind it");
        assert!(locator.overlaps(found[0], &document, 0, 9));
        assert!(!locator.overlaps(found[0], &document, 26, 39));
    }

    proptest::proptest! {
        #[test]
        fn finds_what_a_plain_search_finds(
            sentences in proptest::collection::vec("[ab ]{0,6}", 0..6),
            text in "[abc ]{0,40}",
        ) {
            let squeeze = |text: &str| text.split_whitespace().collect::<String>();
            let locator = Locator::new(sentences.iter().map(String::as_str));
            let mut found: Vec<(usize, usize)> =
                locator.find(&Squeezed::new(&text)).iter().map(|at| (at.sentence, at.start)).collect();
            found.sort_unstable();
            let expected: Vec<(usize, usize)> = sentences
                .iter()
                .enumerate()
                .filter(|(_, sentence)| !squeeze(sentence).is_empty())
                .filter_map(|(at, sentence)| Some((at, squeeze(&text).find(&squeeze(sentence))?)))
                .collect();
            proptest::prop_assert_eq!(found, expected);
        }
    }
}
