//! Encoded sentences to tensors, and back to places in them. No ONNX Runtime here.

use super::encode::Encoded;
use crate::backend::{ItemError, ItemMention, Reason};

/// Most mentions of one sentence: clustering is cubic in them, pairs are quadratic.
const MAX_MENTIONS: usize = 256;

/// Token tensors of a batch, `[rows, width]` row-major.
#[derive(Debug, Default)]
pub(super) struct TokenRows {
    pub(super) rows: usize,
    pub(super) width: usize,
    pub(super) ids: Vec<i64>,
    pub(super) mask: Vec<i64>,
    pub(super) types: Vec<i64>,
    /// First row of each item.
    pub(super) first_row: Vec<usize>,
}

impl TokenRows {
    pub(super) fn of(batch: &[Encoded], pad: i64) -> Self {
        let width = batch.iter().map(Encoded::row_tokens).max().unwrap_or(0);
        let rows = batch.iter().map(|item| item.windows.len()).sum();
        let mut out = Self { rows, width, ..Self::default() };
        for item in batch {
            out.first_row.push(out.ids.len().checked_div(width).unwrap_or(0));
            for window in &item.windows {
                let pieces = item.pieces.get(window.clone()).unwrap_or_default();
                let row = item.before.iter().chain(pieces).map(|&id| (id, 0)).chain(item.after.iter().copied());
                let end = out.ids.len() + width;
                for (id, kind) in row {
                    out.ids.push(id);
                    out.types.push(kind);
                    out.mask.push(1);
                }
                out.ids.resize(end, pad);
                out.types.resize(end, 0);
                out.mask.resize(end, 0);
            }
        }
        out
    }
}

/// A pair of one item's mentions as it goes into one window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct PairPlace {
    pub(super) item: usize,
    /// Mentions of the item.
    pub(super) left: usize,
    pub(super) right: usize,
}

/// Mention and pair tensors of a batch with the way back.
#[derive(Debug, Default)]
pub(super) struct PairRows {
    /// `[M, 3]`: row, first token, one past the last.
    pub(super) mentions: Vec<i64>,
    /// (item, mention) of each row of `mentions`.
    pub(super) mention_places: Vec<(usize, usize)>,
    /// `[P, 2]`: rows of `mentions`.
    pub(super) pairs: Vec<i64>,
    pub(super) pair_places: Vec<PairPlace>,
}

impl PairRows {
    /// Adds all mentions and pairs of one item, window by window.
    ///
    /// A mention counts in the windows that hold it whole; one that no piece or no window holds is an error.
    pub(super) fn push(
        &mut self,
        item: usize,
        first_row: usize,
        encoded: &Encoded,
        mentions: &[ItemMention],
    ) -> Result<(), ItemError> {
        if mentions.len() > MAX_MENTIONS {
            let message = format!("the sentence has {} mentions, at most {MAX_MENTIONS} are scored", mentions.len());
            return Err(ItemError::new(Reason::TooManyMentions, message));
        }
        let lost = |mention: &ItemMention, why: &str| {
            let place = format!("`{}` at {}..{}", mention.surface, mention.start, mention.end);
            ItemError::new(Reason::MentionLost, format!("mention {place} {why}"))
        };
        let mut spans = Vec::with_capacity(mentions.len());
        for mention in mentions {
            let span =
                encoded.pieces_of(mention.start, mention.end).ok_or_else(|| lost(mention, "has no word piece"))?;
            if !encoded.windows.iter().any(|window| window.start <= span.start && span.end <= window.end) {
                return Err(lost(mention, "is longer than a window of the model"));
            }
            spans.push(span);
        }
        for (number, window) in encoded.windows.iter().enumerate() {
            let base = self.mention_places.len();
            let inside: Vec<usize> = (0..spans.len())
                .filter(|&mention| {
                    spans.get(mention).is_some_and(|span| window.start <= span.start && span.end <= window.end)
                })
                .collect();
            for &mention in &inside {
                let Some(span) = spans.get(mention) else { continue };
                let token = |piece: usize| (encoded.before.len() + piece - window.start) as i64;
                self.mentions.extend([(first_row + number) as i64, token(span.start), token(span.end)]);
                self.mention_places.push((item, mention));
            }
            for (place, &left) in inside.iter().enumerate() {
                for (other, &right) in inside.iter().enumerate().skip(place + 1) {
                    self.pairs.extend([(base + place) as i64, (base + other) as i64]);
                    self.pair_places.push(PairPlace { item, left, right });
                }
            }
        }
        Ok(())
    }
}
