//! A small word table: a word of up to sixteen bytes is one `u128`, so a look-up is a hash, a load and a compare.

/// Longest word the table can hold, in bytes.
const MAX_WORD: usize = 16;
/// Slots of the table; a power of two, several times the number of words so that probes stay short.
const SLOTS: usize = 2048;

/// The word in lower case (ASCII only) as one number, or `None` when it is empty or longer than [`MAX_WORD`].
fn key(word: &[u8]) -> Option<u128> {
    let mut buffer = [0u8; MAX_WORD];
    buffer.get_mut(..word.len())?.copy_from_slice(word);
    buffer.make_ascii_lowercase();
    let key = u128::from_le_bytes(buffer);
    (key != 0).then_some(key)
}

fn slot(key: u128) -> usize {
    let folded = (key as u64) ^ ((key >> 64) as u64).rotate_left(29);
    (folded.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 53) as usize
}

impl WordMap<()> {
    /// The set of the words of a list, which one space separates.
    pub(super) fn set(words: &str) -> Self {
        Self::new(words.split(' ').map(|word| (word, ())))
    }
}

/// Immutable map from a word, compared without regard to ASCII case, to a value.
#[derive(Debug)]
pub(super) struct WordMap<V> {
    slots: Vec<Option<(u128, V)>>,
}

impl<V: Copy> WordMap<V> {
    /// Builds the table; the first value given for a word stays. Words longer than sixteen bytes are left out, which
    /// the unit test of the lists forbids.
    pub(super) fn new<'w>(words: impl IntoIterator<Item = (&'w str, V)>) -> Self {
        let mut slots = vec![None; SLOTS];
        for (word, value) in words {
            let Some(key) = key(word.as_bytes()) else { continue };
            let first = slot(key);
            for probe in 0..SLOTS {
                let Some(entry) = slots.get_mut((first + probe) % SLOTS) else { continue };
                match entry {
                    None => {
                        *entry = Some((key, value));
                        break;
                    }
                    Some((taken, _)) if *taken == key => break,
                    Some(_) => {}
                }
            }
        }
        Self { slots }
    }

    /// The value of `word`, if the table holds it.
    pub(super) fn get(&self, word: &[u8]) -> Option<V> {
        let key = key(word)?;
        let first = slot(key);
        for probe in 0..SLOTS {
            match self.slots.get((first + probe) % SLOTS)? {
                Some((held, value)) if *held == key => return Some(*value),
                Some(_) => {}
                None => return None,
            }
        }
        None
    }

    /// Whether the table holds `word`.
    pub(super) fn contains(&self, word: &[u8]) -> bool {
        self.get(word).is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_found_in_any_case_and_others_are_not() {
        let map = WordMap::new([("fig", 1), ("e.g", 2), ("sixteen-bytes-xx", 3), ("fig", 9)]);
        assert_eq!(map.get(b"Fig"), Some(1));
        assert_eq!(map.get(b"FIG"), Some(1));
        assert_eq!(map.get(b"e.g"), Some(2));
        assert_eq!(map.get(b"sixteen-bytes-xx"), Some(3));
        for absent in [&b""[..], b"figs", b"fi", b"sixteen-bytes-xxy", b"\0"] {
            assert_eq!(map.get(absent), None);
        }
    }
}
