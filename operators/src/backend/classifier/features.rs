//! What is known of a candidate span, as numbers.

use super::candidates::{Candidate, View, touching, words};
use crate::backend::ItemMention;

/// Names of the numbers, in order; a decision trained with others is refused.
pub(super) const FEATURES: [&str; 47] = [
    "bias",
    "lexicon",
    "head",
    "tail",
    "tagged",
    "tag_only",
    "kind_drug",
    "kind_product",
    "kind_class",
    "kind_regimen",
    "kind_stem",
    "tag_mean",
    "tag_min",
    "tag_max",
    "tag_first",
    "tag_begin",
    "tag_before",
    "tag_after",
    "tag_goes_on",
    "surface_unseen",
    "drug_unseen",
    "length",
    "at_most_4",
    "at_most_6",
    "capitals",
    "mixed_case",
    "title_case",
    "digit",
    "hyphen",
    "slash",
    "two_words",
    "more_words",
    "plural",
    "after_paren",
    "before_paren",
    "after_hyphen",
    "before_hyphen",
    "after_slash",
    "before_slash",
    "before_opening",
    "same_before",
    "same_after",
    "alias",
    "aliased",
    "lexicon_count",
    "inside_lexicon",
    "holds_lexicon",
];

/// 32-bit FNV-1a: weights of names and words travel under it, the names and words do not.
pub(super) fn fnv1a(text: &str) -> u32 {
    text.bytes().fold(0x811c_9dc5, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193))
}

/// Values in the order of [`FEATURES`].
pub(super) type Features = [f64; FEATURES.len()];

const KINDS: [&str; 5] = ["drug", "product", "class", "regimen", "stem"];

pub(super) fn is_hyphen(letter: char) -> bool {
    matches!(letter, '-' | '‐' | '‑' | '–')
}

/// Log-odds, cut at one in ten thousand.
pub(super) fn logit(probability: f64) -> f64 {
    let probability = probability.clamp(1e-4, 1.0 - 1e-4);
    (probability / (1.0 - probability)).ln()
}

/// Lower case; runs of spaces and hyphens are one space.
pub(super) fn folded(surface: &[char]) -> String {
    let lower = surface.iter().collect::<String>().to_lowercase();
    let parts = lower.split(|letter: char| letter.is_whitespace() || is_hyphen(letter));
    parts.filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ")
}

impl View<'_> {
    /// Features of a candidate; none when no word piece touches it. `surface_unseen` and `drug_unseen` say whether the
    /// decision has no weight for its surface and its drug.
    pub(super) fn features(&self, of: &Candidate, surface_unseen: bool, drug_unseen: bool) -> Option<Features> {
        let (start, end) = (of.start, of.end);
        let surface = self.chars.get(start..end)?;
        let known = of.of.and_then(|number| self.known.get(number));
        let kind = known.map_or("", |mention| mention.kind.as_str());
        let kind = if known.is_some() && !KINDS.contains(&kind) { "drug" } else { kind };
        let upper = surface.iter().filter(|letter| letter.is_uppercase()).count();
        let letters = surface.iter().filter(|letter| letter.is_alphabetic()).count();
        let word_count = words(self.chars, start, end).len();
        let left = start.checked_sub(1).and_then(|place| self.chars.get(place)).copied();
        let right = self.chars.get(end).copied();
        let is_slash = |letter: &char| matches!(letter, '/' | '+');
        let hyphen = |letter: Option<char>| letter.is_some_and(is_hyphen);
        let slash = |letter: Option<char>| letter.as_ref().is_some_and(is_slash);
        let same = || {
            let same = move |mention: &&ItemMention| {
                known.is_some_and(|known| known.drug_id == mention.drug_id)
                    && (mention.end <= start || mention.start >= end)
            };
            self.known.iter().filter(same)
        };
        let is_whole = |mention: &ItemMention| (mention.start, mention.end) == (start, end);
        let tags = self.tag_features(start, end)?;
        let [is_drug, is_product, is_class, is_regimen, is_stem] = KINDS.map(|name| f64::from(kind == name));
        let [mean, min, max, first, begin, before, after, goes_on] = tags;
        let flag = |value: bool| f64::from(value);
        Some([
            1.0,
            flag(of.lexicon),
            flag(of.head),
            flag(of.tail),
            flag(of.tagged),
            flag(known.is_none()),
            is_drug,
            is_product,
            is_class,
            is_regimen,
            is_stem,
            mean,
            min,
            max,
            first,
            begin,
            before,
            after,
            goes_on,
            flag(surface_unseen),
            flag(drug_unseen),
            surface.len().min(30) as f64 / 10.0,
            flag(surface.len() <= 4),
            flag(surface.len() <= 6),
            flag(letters > 0 && upper == letters),
            flag(1 < upper && upper < letters),
            flag(upper == 1 && surface.first().is_some_and(|letter| letter.is_uppercase())),
            flag(surface.iter().any(|letter| letter.is_numeric())),
            flag(surface.iter().copied().any(is_hyphen)),
            flag(surface.iter().any(is_slash)),
            flag(word_count == 2),
            flag(word_count >= 3),
            flag(surface.last() == Some(&'s')),
            flag(left == Some('(')),
            flag(right == Some(')')),
            flag(hyphen(left)),
            flag(hyphen(right)),
            flag(slash(left)),
            flag(slash(right)),
            flag(self.chars.get(end..end + 2) == Some(&[' ', '('])),
            flag(same().any(|mention| mention.end <= start)),
            flag(same().any(|mention| mention.start >= end)),
            flag(same().any(|mention| self.opens(mention.end, start))),
            flag(same().any(|mention| self.opens(end, mention.start))),
            (self.known.len() as f64).ln_1p(),
            flag(self.known.iter().any(|other| other.start <= start && end <= other.end && !is_whole(other))),
            flag(self.known.iter().any(|other| start <= other.start && other.end <= end && !is_whole(other))),
        ])
    }

    /// Whether nothing but an opening bracket stands in `from..to`.
    fn opens(&self, from: usize, to: usize) -> bool {
        let mut between = self.chars.get(from..to).unwrap_or_default().iter().filter(|letter| !letter.is_whitespace());
        matches!((between.next(), between.next()), (Some('(' | '['), None))
    }

    /// What the tagger says inside a span and beside it; beyond the sentence it says nothing.
    fn tag_features(&self, start: usize, end: usize) -> Option<[f64; 8]> {
        let pieces = touching(self.offsets, start, end)?;
        let tags = |piece: usize| {
            let is_text = self.offsets.get(piece).is_some_and(|&(from, to)| from < to);
            self.tags.get(piece).copied().flatten().filter(|_| is_text).unwrap_or([1.0, 0.0, 0.0])
        };
        let inside = |[_, begin, inner]: [f64; 3]| begin + inner;
        let values: Vec<f64> = pieces.clone().map(|piece| inside(tags(piece))).collect();
        let mean = values.iter().sum::<f64>() / values.len().max(1) as f64;
        let before = pieces.start.checked_sub(1).map_or(0.0, |piece| inside(tags(piece)));
        let after = tags(pieces.end);
        Some([
            logit(mean),
            logit(values.iter().copied().fold(f64::INFINITY, f64::min)),
            logit(values.iter().copied().fold(f64::NEG_INFINITY, f64::max)),
            logit(inside(tags(pieces.start))),
            logit(tags(pieces.start)[1]),
            logit(before),
            logit(inside(after)),
            logit(after[2]),
        ])
    }
}
