//! INN stems: names that are in no list but end (or start) like an international non-proprietary name.

use super::model::Stem;

/// Stems behind a bitmap over the last (or first) three letters, so that most words cost one lookup.
#[derive(Debug)]
pub(crate) struct StemTable {
    pub(crate) stems: Vec<Stem>,
    suffixes: Vec<u64>,
    prefixes: Vec<u64>,
    min_length: usize,
}

/// 15 bits: five of each letter.
fn key(letters: &[u8]) -> Option<usize> {
    let &[a, b, c] = letters else { return None };
    Some(usize::from(a & 31) << 10 | usize::from(b & 31) << 5 | usize::from(c & 31))
}

fn set(bitmap: &mut [u64], key: Option<usize>) {
    if let Some(word) = key.and_then(|key| bitmap.get_mut(key >> 6).map(|word| (word, key & 63))) {
        *word.0 |= 1 << word.1;
    }
}

#[inline]
fn has(bitmap: &[u64], key: Option<usize>) -> bool {
    key.is_some_and(|key| bitmap.get(key >> 6).is_some_and(|word| (word >> (key & 63)) & 1 == 1))
}

impl StemTable {
    pub(crate) fn new(stems: Vec<Stem>) -> Self {
        let (mut suffixes, mut prefixes) = (vec![0u64; 512], vec![0u64; 512]);
        for stem in &stems {
            let letters = stem.letters.as_bytes();
            if stem.is_prefix {
                set(&mut prefixes, letters.first_chunk::<3>().and_then(|chunk| key(chunk)));
            } else {
                set(&mut suffixes, letters.last_chunk::<3>().and_then(|chunk| key(chunk)));
            }
        }
        let min_length = stems.iter().map(|stem| usize::from(stem.min_length)).min().unwrap_or(usize::MAX).max(4);
        Self { stems, suffixes, prefixes, min_length }
    }

    /// The stem of a word of ASCII letters: in lower case but for a first capital, long enough, and no exception.
    #[inline(always)]
    pub(crate) fn find(&self, word: &[u8]) -> Option<usize> {
        if word.len() < self.min_length {
            return None;
        }
        let last = word.last_chunk::<3>().and_then(|chunk| key(chunk));
        let first = word.first_chunk::<3>().and_then(|chunk| key(chunk));
        if !has(&self.suffixes, last) && !has(&self.prefixes, first) {
            return None;
        }
        self.confirm(word)
    }

    #[inline(never)]
    fn confirm(&self, word: &[u8]) -> Option<usize> {
        if !word.iter().skip(1).all(u8::is_ascii_lowercase) || !word.iter().all(u8::is_ascii_alphabetic) {
            return None;
        }
        self.stems.iter().position(|stem| {
            let letters = stem.letters.as_bytes();
            let at = if stem.is_prefix { 0 } else { word.len().wrapping_sub(letters.len()) };
            let part = word.get(at..at.wrapping_add(letters.len()));
            word.len() >= usize::from(stem.min_length)
                && part.is_some_and(|part| part.eq_ignore_ascii_case(letters))
                && !self.is_exception(stem, word)
        })
    }

    fn is_exception(&self, stem: &Stem, word: &[u8]) -> bool {
        stem.exceptions.iter().any(|exception| exception.as_bytes().eq_ignore_ascii_case(word))
    }
}
