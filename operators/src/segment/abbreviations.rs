//! What a word before a dot is: an abbreviation of some class, the initial of a name, or a plain word.

use super::context::{byte, previous_word};
use super::lists;
use super::words::WordMap;

/// How a word with a dot behaves at the end of a sentence; see [`super::lists`] for each group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Class {
    /// A sentence never ends in it.
    Never,
    /// Goes on before a number or a label.
    BeforeNumber,
    /// Ends a sentence only before a word that opens one.
    NeedsOpener,
    /// Ends a sentence before a capitalised word.
    ClosesPhrase,
    /// Ends a sentence unless a bracket follows.
    Unit,
    /// One capital that abbreviates a name.
    Initial,
    /// No abbreviation.
    Plain,
}

/// The abbreviations, looked up apart for words with a capital and without.
#[derive(Debug)]
pub(super) struct Abbreviations {
    lower: WordMap<Class>,
    capitalised: WordMap<Class>,
    in_capitals: WordMap<()>,
    before_initial: WordMap<()>,
    labelled: WordMap<()>,
}

impl Abbreviations {
    pub(super) fn new() -> Self {
        let group = |words: &'static str, class| words.split(' ').map(move |word| (word, class));
        let common = || {
            group(lists::NEVER_ENDS, Class::Never)
                .chain(group(lists::BEFORE_NUMBER, Class::BeforeNumber))
                .chain(group(lists::NEEDS_OPENER, Class::NeedsOpener))
                .chain(group(lists::CLOSES_PHRASE, Class::ClosesPhrase))
                .chain(group(lists::UNITS, Class::Unit))
        };
        Self {
            lower: WordMap::new(group(lists::NEVER_ENDS_LOWER, Class::Never).chain(common())),
            capitalised: WordMap::new(
                group(lists::NEVER_ENDS_CAPITALISED, Class::Never)
                    .chain(group(lists::JOURNAL, Class::NeedsOpener))
                    .chain(common()),
            ),
            in_capitals: WordMap::set(lists::IN_CAPITALS),
            before_initial: WordMap::set(lists::BEFORE_INITIAL),
            labelled: WordMap::set(lists::LABELLED),
        }
    }

    /// The class of `word`, which starts at `start`.
    pub(super) fn classify(&self, line: &str, sentence_start: usize, start: usize, word: &[u8]) -> Class {
        if matches!(word, [letter] if letter.is_ascii_uppercase()) {
            return if self.is_initial(line, sentence_start, start) { Class::Initial } else { Class::Plain };
        }
        if let Some(class) = self.look_up(word) {
            return class;
        }
        let Some(last_dot) = word.iter().rposition(|b| *b == b'.') else { return Class::Plain };
        if word.split(|b| *b == b'.').all(|part| part.len() == 1 && part.iter().all(u8::is_ascii_alphabetic)) {
            // Initials and unlisted abbreviations of single letters: `J.Y.H.`, `a.k.a.`.
            return Class::NeedsOpener;
        }
        let last = word.get(last_dot + 1..).unwrap_or(&[]);
        if matches!(last, [letter] if letter.is_ascii_uppercase()) {
            return Class::NeedsOpener;
        }
        self.look_up(last).filter(|_| last.len() > 2).unwrap_or(Class::Plain)
    }

    fn look_up(&self, word: &[u8]) -> Option<Class> {
        if !word.first().is_some_and(u8::is_ascii_uppercase) {
            return self.lower.get(word);
        }
        let acronym = word.len() > 1 && word.iter().all(u8::is_ascii_uppercase);
        if acronym && !self.in_capitals.contains(word) { None } else { self.capitalised.get(word) }
    }

    /// Whether the single capital at `start` abbreviates a name (`J. Smith`, `E. coli`) rather than being a label
    /// (`kappa B`, `hepatitis C`, `stage I`).
    fn is_initial(&self, line: &str, sentence_start: usize, start: usize) -> bool {
        if start <= sentence_start {
            return true;
        }
        if byte(line, start - 1) != b' ' {
            // `mmol/L.` and the like are units; after a bracket or a comma comes a name.
            return !matches!(byte(line, start - 1), b'/' | b'+' | b'=' | b'*');
        }
        let (previous, cut) = previous_word(line, start);
        let bytes = previous.as_bytes();
        if matches!(bytes, b"and" | b"or") && !cut {
            // `domains A and B.` against `Smith and B. Jones`.
            let (earlier, _) = previous_word(line, start - 1 - bytes.len());
            return !matches!(earlier.as_bytes(), [letter] if letter.is_ascii_uppercase());
        }
        if cut || self.before_initial.contains(bytes) {
            return true;
        }
        if self.labelled.contains(bytes) {
            return false;
        }
        // A capitalised word before it is a forename or a surname; anything else, a thing that bears the label.
        let name = bytes.first().is_some_and(u8::is_ascii_uppercase)
            && bytes.iter().skip(1).all(|b| b.is_ascii_lowercase())
            && bytes.len() > 1;
        name || matches!(bytes, [letter] if letter.is_ascii_uppercase())
    }
}
