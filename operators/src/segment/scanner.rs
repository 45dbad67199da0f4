//! Finds the few bytes a rule has to look at; everything else of the text is passed over 64 bytes at a time.
//!
//! The comparison loop over a block has no branch, so the compiler turns it into vector instructions; the flags of a
//! block are then packed into one `u64` and its set bits are walked.

/// Bytes compared at a time; one bit of the mask each.
const BLOCK: usize = 64;

/// Positions, in increasing order, of `.`, `?`, `!`, `(`, `)`, `[`, `]` and, for text that is not all ASCII, of the
/// lead bytes of the characters in [`super::lists::FULL_STOPS`] and of the ellipsis.
#[derive(Debug)]
pub(super) struct Candidates<'t> {
    blocks: &'t [[u8; BLOCK]],
    tail: &'t [u8],
    wide: bool,
    next_block_at: usize,
    mask: u64,
}

impl<'t> Candidates<'t> {
    pub(super) fn new(line: &'t str) -> Self {
        let (blocks, tail) = line.as_bytes().as_chunks::<BLOCK>();
        Self { blocks, tail, wide: !line.is_ascii(), next_block_at: 0, mask: 0 }
    }

    fn load(&mut self) -> bool {
        let mask = |block: &[u8; BLOCK]| if self.wide { mask::<true>(block) } else { mask::<false>(block) };
        if let Some((block, rest)) = self.blocks.split_first() {
            self.mask = mask(block);
            self.blocks = rest;
        } else if !self.tail.is_empty() {
            let mut padded = [0u8; BLOCK];
            for (to, from) in padded.iter_mut().zip(self.tail) {
                *to = *from;
            }
            self.mask = mask(&padded);
            self.tail = &[];
        } else {
            return false;
        }
        self.next_block_at += BLOCK;
        true
    }
}

impl Iterator for Candidates<'_> {
    type Item = usize;

    #[inline]
    fn next(&mut self) -> Option<usize> {
        while self.mask == 0 {
            if !self.load() {
                return None;
            }
        }
        let bit = self.mask.trailing_zeros() as usize;
        self.mask &= self.mask - 1;
        Some(self.next_block_at - BLOCK + bit)
    }
}

/// One bit for each byte of the block a rule looks at, lowest bit first.
fn mask<const WIDE: bool>(block: &[u8; BLOCK]) -> u64 {
    let mut hits = [0u8; BLOCK];
    for (hit, &byte) in hits.iter_mut().zip(block) {
        // `(` and `)` differ in the lowest bit only.
        let mut found =
            (byte == b'.') | (byte == b'?') | (byte == b'!') | (byte & 0xFE == b'(') | (byte == b'[') | (byte == b']');
        if WIDE {
            // Lead bytes: Arabic D8 and DB, E0 to E3 (Devanagari, Ethiopic, general and CJK punctuation), EF (full width).
            found |= (byte == 0xD8) | (byte == 0xDB) | (byte & 0xFC == 0xE0) | (byte == 0xEF);
        }
        *hit = u8::from(found);
    }
    let (eights, _) = hits.as_chunks::<8>();
    let mut mask = 0;
    for (position, eight) in eights.iter().enumerate() {
        // Gathers the lowest bits of eight bytes into one byte.
        let byte = u64::from_le_bytes(*eight).wrapping_mul(0x0102_0408_1020_4080) >> 56;
        mask |= byte << (8 * position);
    }
    mask
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn naive(line: &str) -> Vec<usize> {
        let wide = !line.is_ascii();
        let is_hit =
            |b: u8| b".?!()[]".contains(&b) || (wide && [0xD8, 0xDB, 0xE0, 0xE1, 0xE2, 0xE3, 0xEF].contains(&b));
        line.bytes().enumerate().filter(|(_, b)| is_hit(*b)).map(|(at, _)| at).collect()
    }

    proptest! {
        #[test]
        fn blocks_agree_with_a_byte_loop(line in "[a-zA-Z .?!()\\[\\]é。؟।‼]{0,300}") {
            prop_assert_eq!(Candidates::new(&line).collect::<Vec<_>>(), naive(&line));
        }

        #[test]
        fn arbitrary_text_agrees_with_a_byte_loop(line in any::<String>()) {
            prop_assert_eq!(Candidates::new(&line).collect::<Vec<_>>(), naive(&line));
        }
    }
}
