//! INN stems: names that are in no list but end (or start) like an international non-proprietary name.

use super::model::Stem;

/// Stems behind a bitmap over the last (or first) three letters, so that most words cost one lookup.
#[derive(Debug)]
pub(crate) struct StemTable {
    pub(crate) stems: Vec<Stem>,
    suffixes: Vec<u64>,
    prefixes: Vec<u64>,
    /// Key of the three letters and number of each suffix stem, sorted; then the same for prefixes.
    by_suffix: Vec<(usize, usize)>,
    by_prefix: Vec<(usize, usize)>,
    min_length: usize,
}

/// 15 bits: five of each letter.
fn key(letters: &[u8]) -> Option<usize> {
    let &[a, b, c] = letters else { return None };
    Some(usize::from(a & 31) << 10 | usize::from(b & 31) << 5 | usize::from(c & 31))
}

fn first_key(word: &[u8]) -> Option<usize> {
    word.first_chunk::<3>().and_then(|chunk| key(chunk))
}

fn last_key(word: &[u8]) -> Option<usize> {
    word.last_chunk::<3>().and_then(|chunk| key(chunk))
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
        let (mut by_suffix, mut by_prefix) = (Vec::new(), Vec::new());
        for (number, stem) in stems.iter().enumerate() {
            let (bitmap, list, key) = if stem.is_prefix {
                (&mut prefixes, &mut by_prefix, first_key(stem.letters.as_bytes()))
            } else {
                (&mut suffixes, &mut by_suffix, last_key(stem.letters.as_bytes()))
            };
            set(bitmap, key);
            list.extend(key.map(|key| (key, number)));
        }
        by_suffix.sort_unstable();
        by_prefix.sort_unstable();
        let min_length = stems.iter().map(|stem| usize::from(stem.min_length)).min().unwrap_or(usize::MAX).max(4);
        Self { stems, suffixes, prefixes, by_suffix, by_prefix, min_length }
    }

    /// The stem of a word of ASCII letters: in lower case but for a first capital, long enough, and no exception.
    #[inline(always)]
    pub(crate) fn find(&self, word: &[u8]) -> Option<usize> {
        if word.len() < self.min_length {
            return None;
        }
        let (last, first) = (last_key(word), first_key(word));
        let has_suffix = has(&self.suffixes, last);
        if !has_suffix && !has(&self.prefixes, first) {
            return None;
        }
        let suffix = if has_suffix { self.confirm(word, &self.by_suffix, last?) } else { None };
        suffix.or_else(|| self.confirm(word, &self.by_prefix, first?))
    }

    fn confirm(&self, word: &[u8], list: &[(usize, usize)], key: usize) -> Option<usize> {
        let from = list.partition_point(|(found, _)| *found < key);
        let candidates = list.get(from..).unwrap_or_default().iter().take_while(|(found, _)| *found == key);
        candidates
            .map(|(_, number)| *number)
            .find(|number| self.stems.get(*number).is_some_and(|stem| fits(stem, word)))
    }
}

fn fits(stem: &Stem, word: &[u8]) -> bool {
    let letters = stem.letters.as_bytes();
    let at = if stem.is_prefix { 0 } else { word.len().wrapping_sub(letters.len()) };
    let part = word.get(at..at.wrapping_add(letters.len()));
    word.len() >= usize::from(stem.min_length)
        && part.is_some_and(|part| part.eq_ignore_ascii_case(letters))
        && word.iter().all(u8::is_ascii_alphabetic)
        && word.iter().skip(1).all(u8::is_ascii_lowercase)
        && !stem.exceptions.iter().any(|exception| exception.as_bytes().eq_ignore_ascii_case(word))
}
