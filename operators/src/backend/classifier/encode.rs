//! Sentences to word pieces: offsets in code points, windows where a sentence is longer than the model takes.

use std::ops::Range;
use std::path::PathBuf;

use tokenizers::{Encoding, Tokenizer};

use super::candidates::touching;
use crate::backend::{BackendError, ExtractItem, ItemError, Reason};
use crate::model::{ContextMode, InputSpec, ModelFolder, TOKENIZER_FILE};

/// Most windows of one sentence; with half-overlapping windows of 254 pieces that is about 2,200 pieces.
const MAX_WINDOWS: usize = 16;
/// Code points per word piece that are still tokenised: beyond, a "sentence" is no prose and only costs memory.
const MAX_CHARS_PER_PIECE: usize = 16;

/// Special tokens around one sentence, or around a sentence and its context.
#[derive(Debug, Clone, Default)]
struct Template {
    before: Vec<i64>,
    between: Vec<i64>,
    after: Vec<i64>,
}

/// The tokenizer of a model with its input rules.
#[derive(Debug)]
pub(super) struct Encoder {
    tokenizer: Tokenizer,
    input: InputSpec,
    single: Template,
    pair: Template,
    pub(super) pad: i64,
}

/// A tokenised sentence.
#[derive(Debug)]
pub(super) struct Encoded {
    pub(super) item: ExtractItem,
    pub(super) chars: Vec<char>,
    /// Ids of the sentence's word pieces, without special tokens.
    pub(super) pieces: Vec<i64>,
    /// Code points of each piece in the sentence.
    pub(super) offsets: Vec<(usize, usize)>,
    /// Ids before the pieces of every window.
    pub(super) before: Vec<i64>,
    /// Ids after the pieces of every window, with their segment numbers.
    pub(super) after: Vec<(i64, i64)>,
    /// Ranges of pieces that are run together; they cover all pieces.
    pub(super) windows: Vec<Range<usize>>,
    /// Code points that the model sees, relative to the start of the sentence.
    pub(super) seen: (i64, i64),
}

impl Encoded {
    /// Tokens of its longest row.
    pub(super) fn row_tokens(&self) -> usize {
        let longest = self.windows.iter().map(ExactSizeIterator::len).max().unwrap_or(0);
        self.before.len() + longest + self.after.len()
    }

    /// Tokens of all its rows, without padding.
    pub(super) fn tokens(&self) -> usize {
        let around = self.before.len() + self.after.len();
        self.windows.iter().map(|window| window.len() + around).sum()
    }

    /// The pieces that touch the code points `start..end`.
    pub(super) fn pieces_of(&self, start: usize, end: usize) -> Option<Range<usize>> {
        touching(&self.offsets, start, end)
    }
}

impl Encoder {
    pub(super) fn load(folder: &ModelFolder) -> Result<Self, BackendError> {
        let file = folder.file(TOKENIZER_FILE);
        let refused = |message: String| BackendError::Tokenizer { file: file.clone(), message };
        // From bytes already read: the library's own reader answers some damaged files with a panic message of its own.
        let bytes = std::fs::read(&file).map_err(|error| refused(error.to_string()))?;
        let mut tokenizer = Tokenizer::from_bytes(&bytes).map_err(|error| refused(error.to_string()))?;
        let pad = tokenizer.get_padding().map(|padding| padding.pad_id).or_else(|| tokenizer.token_to_id("[PAD]"));
        let pad = i64::from(pad.or_else(|| tokenizer.token_to_id("<pad>")).unwrap_or(0));
        // Rows are cut and padded here, by rules that the provenance columns can tell.
        tokenizer.with_padding(None);
        tokenizer.with_truncation(None).map_err(|error| refused(error.to_string()))?;
        let input = folder.manifest().input.clone();
        let single = template(&tokenizer, false).map_err(refused)?;
        let pair = match input.context {
            ContextMode::None => Template::default(),
            ContextMode::Document => {
                template(&tokenizer, true).map_err(|message| BackendError::Tokenizer { file: file.clone(), message })?
            }
        };
        let encoder = Self { tokenizer, input, single, pair, pad };
        if encoder.room(encoder.input.context_tokens) == 0 {
            let message = format!(
                "input.max_tokens {} leaves no room for a sentence beside {} tokens of context",
                encoder.input.max_tokens, encoder.input.context_tokens
            );
            return Err(BackendError::Tokenizer { file: PathBuf::from(&file), message });
        }
        Ok(encoder)
    }

    /// Code points of document that are read on each side of a sentence.
    pub(super) fn context_chars(&self) -> usize {
        match self.input.context {
            ContextMode::None => 0,
            ContextMode::Document => self.input.context_tokens * MAX_CHARS_PER_PIECE,
        }
    }

    /// Pieces of a sentence that fit a row beside `context` pieces of context.
    fn room(&self, context: usize) -> usize {
        let template = if self.input.context == ContextMode::Document { &self.pair } else { &self.single };
        let special = template.before.len() + template.between.len() + template.after.len();
        self.input.max_tokens.saturating_sub(special + context)
    }

    /// Tokenises one sentence.
    pub(super) fn encode(&self, item: ExtractItem) -> Result<Encoded, ItemError> {
        let chars: Vec<char> = item.sentence.chars().collect();
        let too_long = |length: usize, unit: &str, limit: usize| {
            let message = format!("the sentence has {length} {unit}, the model takes at most {limit}");
            ItemError::new(Reason::SentenceTooLong, message)
        };
        let char_limit = self.input.max_tokens * MAX_WINDOWS * MAX_CHARS_PER_PIECE;
        if chars.len() > char_limit {
            return Err(too_long(chars.len(), "code points", char_limit));
        }
        let encoding = self.tokenise(&item.sentence)?;
        let pieces: Vec<i64> = encoding.get_ids().iter().map(|&id| i64::from(id)).collect();
        let offsets = encoding.get_offsets().to_vec();
        let (context, seen) = self.context(&item, chars.len())?;
        let (before, after) = match self.input.context {
            ContextMode::None => {
                (self.single.before.clone(), self.single.after.iter().map(|&id| (id, 0)).collect::<Vec<_>>())
            }
            ContextMode::Document => {
                let first = self.pair.between.iter().map(|&id| (id, 0));
                let second = context.iter().chain(&self.pair.after).map(|&id| (id, 1));
                (self.pair.before.clone(), first.chain(second).collect())
            }
        };
        let room = self.room(context.len());
        let windows = windows(pieces.len(), room);
        if windows.len() > MAX_WINDOWS {
            return Err(too_long(pieces.len(), "word pieces", (MAX_WINDOWS + 1) * room / 2));
        }
        Ok(Encoded { item, chars, pieces, offsets, before, after, windows, seen })
    }

    fn tokenise(&self, text: &str) -> Result<Encoding, ItemError> {
        self.tokenizer
            .encode_char_offsets(text, false)
            .map_err(|error| ItemError::new(Reason::InvalidOutput, format!("the tokenizer refused the text: {error}")))
    }

    /// Pieces of the document around the sentence, nearest first in need but in text order, and what is seen of it.
    fn context(&self, item: &ExtractItem, length: usize) -> Result<(Vec<i64>, (i64, i64)), ItemError> {
        let end = i64::try_from(length).unwrap_or(i64::MAX);
        let Some(context) = item.context.as_ref().filter(|_| self.input.context == ContextMode::Document) else {
            return Ok((Vec::new(), (0, end)));
        };
        let encoding = self.tokenise(&context.text)?;
        let (start, stop) = (context.sentence_start, context.sentence_start + length);
        let offsets = encoding.get_offsets();
        let before_end = offsets.partition_point(|&(_, piece_end)| piece_end <= start);
        let after_start = offsets.partition_point(|&(piece_start, _)| piece_start < stop).max(before_end);
        let (left, right) = (before_end, offsets.len() - after_start);
        let budget = self.input.context_tokens;
        // Half to each side; what one side cannot use goes to the other.
        let take_left = left.min((budget / 2).max(budget.saturating_sub(right)));
        let take_right = right.min(budget - take_left);
        let (first, last) = (before_end - take_left, after_start + take_right);
        let kept = (first..before_end).chain(after_start..last);
        let ids = kept.filter_map(|index| encoding.get_ids().get(index)).map(|&id| i64::from(id)).collect();
        let relative = |place: usize| i64::try_from(place).unwrap_or(i64::MAX) - i64::try_from(start).unwrap_or(0);
        let seen_from = if take_left > 0 { offsets.get(first).map_or(0, |offset| relative(offset.0)) } else { 0 };
        let seen_to = if take_right > 0 { offsets.get(last - 1).map_or(end, |offset| relative(offset.1)) } else { end };
        Ok((ids, (seen_from.min(0), seen_to.max(end))))
    }
}

/// Ranges of at most `room` of `count` pieces that cover all of them, each overlapping the last by half.
fn windows(count: usize, room: usize) -> Vec<Range<usize>> {
    let whole = 0..count;
    if count <= room {
        return vec![whole];
    }
    let step = (room / 2).max(1);
    let mut ranges = Vec::new();
    let mut start = 0;
    while start + room < count {
        ranges.push(start..start + room);
        start += step;
    }
    // The last window is as long as the others, so that its pieces have as much around them.
    ranges.push(count - room..count);
    ranges
}

/// The special tokens that the tokenizer puts around text, read off an example.
fn template(tokenizer: &Tokenizer, pair: bool) -> Result<Template, String> {
    const SAMPLE: &str = "a";
    let encoding = if pair {
        tokenizer.encode_char_offsets((SAMPLE, SAMPLE), true)
    } else {
        tokenizer.encode_char_offsets(SAMPLE, true)
    };
    let encoding = encoding.map_err(|error| error.to_string())?;
    let mut runs: Vec<Vec<i64>> = vec![Vec::new()];
    let mut in_text = false;
    for (&id, &special) in encoding.get_ids().iter().zip(encoding.get_special_tokens_mask()) {
        if special == 0 {
            in_text = true;
            continue;
        }
        if in_text {
            runs.push(Vec::new());
            in_text = false;
        }
        if let Some(run) = runs.last_mut() {
            run.push(i64::from(id));
        }
    }
    let wanted = if pair { 3 } else { 2 };
    if in_text {
        runs.push(Vec::new());
    }
    if runs.len() != wanted {
        return Err(format!(
            "expected special tokens around {} texts, got {}",
            wanted - 1,
            runs.len().saturating_sub(1)
        ));
    }
    let after = runs.pop().unwrap_or_default();
    let between = if pair { runs.pop().unwrap_or_default() } else { Vec::new() };
    let before = runs.pop().unwrap_or_default();
    Ok(Template { before, between, after })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn windows_cover_and_overlap() {
        assert_eq!(windows(0, 10), vec![0..0]);
        assert_eq!(windows(10, 10), vec![0..10]);
        assert_eq!(windows(11, 10), vec![0..10, 1..11]);
        assert_eq!(windows(24, 10), vec![0..10, 5..15, 10..20, 14..24]);
    }

    proptest! {
        #[test]
        fn every_neighbourhood_of_half_a_window_lies_in_one(count in 0usize..400, room in 2usize..60) {
            let ranges = windows(count, room);
            prop_assert!(ranges.iter().all(|range| range.len() <= room && range.end <= count));
            let reach = room / 2;
            for piece in 0..count {
                let end = (piece + reach).min(count);
                prop_assert!(ranges.iter().any(|range| range.start <= piece && end <= range.end), "{piece} of {ranges:?}");
            }
        }
    }
}
