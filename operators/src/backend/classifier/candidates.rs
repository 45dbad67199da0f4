//! Spans of a sentence that may be drugs: what the lexicon knows, parts of it, and what the tagger sees.
//!
//! `training/src/rexdrug_training/candidates.py` follows the same rules; a fixture holds both to them.

use std::collections::BTreeMap;
use std::ops::Range;

use super::tags::{self, Tags};
use crate::backend::ItemMention;

/// A sentence as the mention decision sees it.
#[derive(Debug, Clone, Copy)]
pub(super) struct View<'a> {
    pub(super) chars: &'a [char],
    /// Mentions of the lexicon, in text order.
    pub(super) known: &'a [ItemMention],
    /// Code points of each word piece.
    pub(super) offsets: &'a [(usize, usize)],
    /// One entry per piece; none where no window saw it.
    pub(super) tags: &'a [Option<Tags>],
}

/// A span that may be a drug, and how it came about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Candidate {
    pub(super) start: usize,
    pub(super) end: usize,
    /// The lexicon mention that it is, or is a part of.
    pub(super) of: Option<usize>,
    pub(super) lexicon: bool,
    /// Leading words of a lexicon mention.
    pub(super) head: bool,
    /// Trailing words of a lexicon mention.
    pub(super) tail: bool,
    pub(super) tagged: bool,
}

/// Pieces that touch the code points `start..end`; none when only empty ones do.
pub(super) fn touching(offsets: &[(usize, usize)], start: usize, end: usize) -> Option<Range<usize>> {
    // Offsets never go backwards, so the first piece can be searched for.
    let from = offsets.partition_point(|&(_, piece_end)| piece_end <= start);
    let rest = offsets.get(from..)?;
    let touched = rest.iter().take_while(|&&(piece_start, _)| piece_start < end).count();
    let full = |index: usize| offsets.get(index).is_some_and(|&(piece_start, piece_end)| piece_start < piece_end);
    let first = (from..from + touched).find(|&index| full(index))?;
    let last = (from..from + touched).rev().find(|&index| full(index))?;
    Some(first..last + 1)
}

/// Runs of letters and digits in `start..end`.
pub(super) fn words(chars: &[char], start: usize, end: usize) -> Vec<(usize, usize)> {
    let mut found: Vec<(usize, usize)> = Vec::new();
    for (place, letter) in chars.iter().enumerate().take(end).skip(start) {
        match found.last_mut() {
            _ if !letter.is_alphanumeric() => {}
            Some(last) if last.1 == place => last.1 = place + 1,
            _ => found.push((place, place + 1)),
        }
    }
    found
}

impl View<'_> {
    /// All candidates, in text order. `tag_thresholds` are those that the decision was trained with.
    pub(super) fn candidates(&self, tag_thresholds: &[f64]) -> Vec<Candidate> {
        let mut found: BTreeMap<(usize, usize), Candidate> = BTreeMap::new();
        let mut add = |start: usize, end: usize, of: Option<usize>, mark: fn(&mut Candidate)| {
            let new = Candidate { start, end, of, ..Candidate::default() };
            mark(found.entry((start, end)).or_insert(new));
        };
        for (number, mention) in self.known.iter().enumerate() {
            add(mention.start, mention.end, Some(number), |candidate| candidate.lexicon = true);
            let words = words(self.chars, mention.start, mention.end);
            for (left, right) in words.iter().zip(words.iter().skip(1)) {
                add(mention.start, left.1, Some(number), |candidate| candidate.head = true);
                add(right.0, mention.end, Some(number), |candidate| candidate.tail = true);
            }
        }
        for &threshold in tag_thresholds {
            for (start, end) in tags::spans(self.chars, self.offsets, self.tags, threshold) {
                add(start, end, None, |candidate| candidate.tagged = true);
            }
        }
        // What no word piece touches cannot be scored.
        let seen = |candidate: &Candidate| touching(self.offsets, candidate.start, candidate.end).is_some();
        found.into_values().filter(seen).collect()
    }
}
