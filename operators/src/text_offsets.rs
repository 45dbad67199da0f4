//! Byte offsets to Unicode code-point offsets. Rust and Arrow count bytes; the tables of rexdrug and Python count code
//! points, and the two are the same for ASCII text.

/// Bytes of text per entry of the table.
const STRIDE: usize = 512;

/// Turns byte offsets of one text, in any order, into code-point offsets.
///
/// For ASCII text it holds nothing and [`code_point`](Self::code_point) returns its argument. Other text is counted
/// once, when the index is built; a look-up then counts at most 512 bytes.
#[derive(Debug, Clone)]
pub struct CodePointIndex<'t> {
    text: &'t [u8],
    /// Code points that start before each multiple of [`STRIDE`] bytes; empty for ASCII text.
    before: Vec<u32>,
    ascii: bool,
}

impl<'t> CodePointIndex<'t> {
    /// Builds the index. Allocates nothing for ASCII text. Counts are exact up to 4 Gi code points, more than an Arrow
    /// string can hold.
    #[must_use]
    pub fn new(text: &'t str) -> Self {
        let bytes = text.as_bytes();
        if bytes.is_ascii() {
            return Self { text: bytes, before: Vec::new(), ascii: true };
        }
        let mut before = Vec::with_capacity(bytes.len() / STRIDE + 1);
        let mut count = 0u32;
        for block in bytes.chunks(STRIDE) {
            before.push(count);
            count = count.saturating_add(character_starts(block));
        }
        Self { text: bytes, before, ascii: false }
    }

    /// Whether the text is all ASCII, so that byte and code-point offsets agree.
    #[must_use]
    pub fn is_ascii(&self) -> bool {
        self.ascii
    }

    /// The number of code points that start before byte `byte`: for a byte on a character boundary, its code-point
    /// offset. A byte inside a character counts that character; a byte beyond the text gives the length of the text in
    /// code points.
    #[inline]
    #[must_use]
    pub fn code_point(&self, byte: u32) -> u32 {
        let byte = (byte as usize).min(self.text.len());
        if self.ascii {
            // At most the `u32` that came in.
            return byte as u32;
        }
        let block = (byte / STRIDE).min(self.before.len().saturating_sub(1));
        let counted = self.before.get(block).copied().unwrap_or(0);
        let rest = self.text.get(block * STRIDE..byte).unwrap_or(&[]);
        counted.saturating_add(character_starts(rest))
    }

    /// Turns a half-open range of bytes into one of code points; see [`code_point`](Self::code_point).
    #[must_use]
    pub fn code_points(&self, start: u32, end: u32) -> (u32, u32) {
        (self.code_point(start), self.code_point(end))
    }
}

/// Bytes that are not continuation bytes (`10xxxxxx`), one for each character.
fn character_starts(bytes: &[u8]) -> u32 {
    bytes.iter().map(|b| u32::from(b & 0xC0 != 0x80)).sum()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn ascii_offsets_are_returned_as_they_are() {
        let index = CodePointIndex::new("aspirin 5 mg");
        assert!(index.is_ascii());
        assert_eq!(index.code_points(8, 12), (8, 12));
        assert_eq!(index.code_point(99), 12);
        assert_eq!(CodePointIndex::new("").code_point(3), 0);
    }

    #[test]
    fn characters_of_every_width_count_as_one() {
        let text = "aβ薬💊z";
        let index = CodePointIndex::new(text);
        assert!(!index.is_ascii());
        let offsets: Vec<u32> = text.char_indices().map(|(at, _)| index.code_point(at as u32)).collect();
        assert_eq!(offsets, [0, 1, 2, 3, 4]);
        assert_eq!(index.code_point(text.len() as u32), 5);
        assert_eq!(index.code_point(2), 2, "a byte inside β counts it");
    }

    proptest! {
        #[test]
        fn every_boundary_agrees_with_counting_characters(
            pieces in prop::collection::vec(prop_oneof!["[a-z ]{0,700}", "[βé薬💊]{0,300}"], 0..6)
        ) {
            let text = pieces.concat();
            let index = CodePointIndex::new(&text);
            for (expected, (byte, _)) in text.char_indices().enumerate() {
                prop_assert_eq!(index.code_point(byte as u32), expected as u32);
            }
            prop_assert_eq!(index.code_point(text.len() as u32), text.chars().count() as u32);
        }
    }
}
