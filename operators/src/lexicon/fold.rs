//! Folding: what counts as the same drug name.
//!
//! Text and lexicon terms are both read as a sequence of *atoms*: maximal runs of letters, maximal runs of digits, or one
//! Greek letter spelled out. Between atoms only the punctuation counts; spaces, hyphens of every kind, apostrophes and
//! "nothing at all" (at a change from letters to digits) are one and the same separator. So `5-FU`, `5 FU`, `5FU`,
//! `5 - FU` and `5‑FU` have the same canonical form `5 fu`, and `α-interferon` that of `alpha interferon`.
//!
//! Every function works on byte offsets of the original text, so no offset map is ever needed.

/// Receives the folded bytes of an atom: a hash while scanning, a buffer while canonicalising.
pub(crate) trait FoldSink {
    fn push(&mut self, byte: u8);

    /// Pushes the lowest `count` (1 to 8) bytes of `block`, lowest first; the bytes above are zero.
    fn push_block(&mut self, block: u64, count: u32);
}

impl FoldSink for Vec<u8> {
    #[inline]
    fn push(&mut self, byte: u8) {
        Vec::push(self, byte);
    }

    fn push_block(&mut self, block: u64, count: u32) {
        push_each(self, block, count);
    }
}

/// A running 64-bit hash of folded bytes, in little-endian blocks of eight so that a run of ASCII letters is hashed a
/// block at a time. Its high bits are the good ones.
#[derive(Clone, Copy)]
pub(crate) struct AtomHash {
    state: u64,
    block: u64,
    filled: u32,
}

const MULTIPLIER: u64 = 0x9E37_79B9_7F4A_7C15;

impl AtomHash {
    #[inline(always)]
    pub(crate) fn new(seed: u64) -> Self {
        Self { state: seed, block: 0, filled: 0 }
    }

    #[inline(always)]
    fn mix(&mut self, block: u64) {
        let product = (self.state ^ block).wrapping_mul(MULTIPLIER);
        self.state = product ^ (product >> 29);
    }

    /// The hash of what was pushed so far.
    #[inline(always)]
    pub(crate) fn value(self) -> u64 {
        (self.state ^ self.block).wrapping_mul(MULTIPLIER)
    }
}

impl FoldSink for AtomHash {
    #[inline(always)]
    fn push(&mut self, byte: u8) {
        self.block |= u64::from(byte) << (8 * self.filled);
        self.filled += 1;
        if self.filled == 8 {
            let block = self.block;
            self.mix(block);
            self.block = 0;
            self.filled = 0;
        }
    }

    #[inline(always)]
    fn push_block(&mut self, block: u64, count: u32) {
        if self.filled == 0 && count < 8 {
            self.block = block;
            self.filled = count;
        } else if self.filled == 0 {
            self.mix(block);
        } else {
            push_each(self, block, count);
        }
    }
}

fn push_each<S: FoldSink>(sink: &mut S, block: u64, count: u32) {
    block.to_le_bytes().iter().take(count as usize).for_each(|&byte| sink.push(byte));
}

pub(crate) const SEPARATOR: u8 = 0;
pub(crate) const LETTER: u8 = 1;
pub(crate) const DIGIT: u8 = 2;
pub(crate) const NON_ASCII: u8 = 3;
/// A Greek letter: an atom of its own, so `IFNα` reads as `IFN alpha`.
pub(crate) const GREEK: u8 = 4;

/// Class of each byte: separator, letter, digit, or part of a non-ASCII character.
pub(crate) static CLASS: [u8; 256] = classes();

const fn classes() -> [u8; 256] {
    let mut table = [SEPARATOR; 256];
    let mut byte = 0usize;
    while byte < 256 {
        let b = byte as u8;
        if b.is_ascii_alphabetic() {
            table[byte] = LETTER;
        } else if b.is_ascii_digit() {
            table[byte] = DIGIT;
        } else if b >= 0x80 {
            table[byte] = NON_ASCII;
        }
        byte += 1;
    }
    table
}

/// One atom of a text: `start..end` are byte offsets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Atom {
    pub(crate) start: usize,
    pub(crate) end: usize,
    pub(crate) kind: u8,
}

/// How one non-ASCII character folds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Folded {
    /// Letters of a word, as lower-case UTF-8 bytes (`len` of them).
    Letters([u8; 12], u8),
    Digit(u8),
    Greek(&'static str),
    /// A space, a hyphen or an apostrophe: the neutral separator.
    Neutral,
    /// Any other character: punctuation that has to match.
    Punctuation,
    /// Invisible inside a word: soft hyphen, zero-width characters, combining accents.
    Nothing,
}

fn ascii_letters(text: &str) -> Folded {
    let mut buffer = [0u8; 12];
    let mut len = 0u8;
    for (slot, byte) in buffer.iter_mut().zip(text.bytes()) {
        *slot = byte;
        len += 1;
    }
    Folded::Letters(buffer, len)
}

fn greek(c: char) -> Option<&'static str> {
    Some(match c {
        'α' | 'Α' | 'ά' => "alpha",
        'β' | 'Β' | 'ϐ' => "beta",
        'γ' | 'Γ' => "gamma",
        'δ' | 'Δ' | '∆' => "delta",
        'ε' | 'Ε' | 'ϵ' => "epsilon",
        'ζ' | 'Ζ' => "zeta",
        'η' | 'Η' => "eta",
        'θ' | 'Θ' | 'ϑ' => "theta",
        'ι' | 'Ι' => "iota",
        'κ' | 'Κ' => "kappa",
        'λ' | 'Λ' => "lambda",
        'μ' | 'Μ' | 'µ' => "mu",
        'ν' | 'Ν' => "nu",
        'ξ' | 'Ξ' => "xi",
        'ο' | 'Ο' => "omicron",
        'π' | 'Π' => "pi",
        'ρ' | 'Ρ' => "rho",
        'σ' | 'Σ' | 'ς' => "sigma",
        'τ' | 'Τ' => "tau",
        'υ' | 'Υ' => "upsilon",
        'φ' | 'Φ' | 'ϕ' => "phi",
        'χ' | 'Χ' => "chi",
        'ψ' | 'Ψ' => "psi",
        'ω' | 'Ω' | '\u{2126}' => "omega",
        _ => return None,
    })
}

fn latin(c: char) -> Option<&'static str> {
    Some(match c {
        'à'..='å' | 'À'..='Å' | 'ā' | 'Ā' | 'ă' | 'Ă' | 'ą' | 'Ą' => "a",
        'æ' | 'Æ' => "ae",
        'ç' | 'Ç' | 'ć' | 'Ć' | 'č' | 'Č' => "c",
        'ď' | 'Ď' | 'đ' | 'Đ' | 'ð' | 'Ð' => "d",
        'è'..='ë' | 'È'..='Ë' | 'ē' | 'Ē' | 'ė' | 'Ė' | 'ę' | 'Ę' | 'ě' | 'Ě' => "e",
        'ğ' | 'Ğ' => "g",
        'ì'..='ï' | 'Ì'..='Ï' | 'ī' | 'Ī' | 'į' | 'Į' | 'ı' | 'İ' => "i",
        'ł' | 'Ł' | 'ľ' | 'Ľ' => "l",
        'ñ' | 'Ñ' | 'ń' | 'Ń' | 'ň' | 'Ň' => "n",
        'ò'..='ö' | 'ø' | 'Ò'..='Ö' | 'Ø' | 'ō' | 'Ō' | 'ő' | 'Ő' => "o",
        'œ' | 'Œ' => "oe",
        'ř' | 'Ř' => "r",
        'ś' | 'Ś' | 'š' | 'Š' | 'ş' | 'Ş' | 'ș' | 'Ș' => "s",
        'ß' => "ss",
        'ť' | 'Ť' | 'ţ' | 'Ţ' | 'ț' | 'Ț' => "t",
        'ù'..='ü' | 'Ù'..='Ü' | 'ū' | 'Ū' | 'ů' | 'Ů' | 'ű' | 'Ű' | 'ų' | 'Ų' => "u",
        'ý' | 'ÿ' | 'Ý' | 'Ÿ' => "y",
        'ź' | 'Ź' | 'ż' | 'Ż' | 'ž' | 'Ž' => "z",
        'ﬁ' => "fi",
        'ﬂ' => "fl",
        'ﬀ' => "ff",
        'ﬃ' => "ffi",
        'ﬄ' => "ffl",
        _ => return None,
    })
}

fn fold_char(c: char) -> Folded {
    let code = c as u32;
    match code {
        0x00AD | 0x200B..=0x200F | 0x2060 | 0xFEFF | 0x0300..=0x036F => return Folded::Nothing,
        // Spaces, hyphens, the minus and the en dash, typographic apostrophes and primes.
        0x00A0 | 0x1680 | 0x2000..=0x200A | 0x2028 | 0x2029 | 0x202F | 0x205F | 0x3000 => return Folded::Neutral,
        0x2010..=0x2013 | 0x2212 | 0xFE58 | 0xFE63 | 0xFF0D | 0x2018 | 0x2019 | 0x2032 | 0x00B4 => {
            return Folded::Neutral;
        }
        0x2080..=0x2089 => return Folded::Digit(b'0' + (code - 0x2080) as u8),
        0xFF10..=0xFF19 => return Folded::Digit(b'0' + (code - 0xFF10) as u8),
        0xFF21..=0xFF3A => return ascii_letters(fullwidth((code - 0xFF21) as usize)),
        0xFF41..=0xFF5A => return ascii_letters(fullwidth((code - 0xFF41) as usize)),
        _ => {}
    }
    if let Some(name) = greek(c) {
        return Folded::Greek(name);
    }
    if let Some(letters) = latin(c) {
        return ascii_letters(letters);
    }
    if !c.is_alphabetic() {
        return if c.is_whitespace() { Folded::Neutral } else { Folded::Punctuation };
    }
    let mut lower = c.to_lowercase();
    if let (Some(lowered), None) = (lower.next(), lower.next())
        && lowered != c
    {
        return fold_char(lowered);
    }
    let mut lowered = String::new();
    lowered.extend(c.to_lowercase().take(3));
    if lowered.len() > 12 { Folded::Punctuation } else { ascii_letters(&lowered) }
}

fn fullwidth(index: usize) -> &'static str {
    "abcdefghijklmnopqrstuvwxyz".get(index..=index).unwrap_or("a")
}

fn char_at(text: &str, at: usize) -> Option<char> {
    text.get(at..).and_then(|rest| rest.chars().next())
}

/// Reads the atom that starts at byte `start`, sending its folded bytes to `sink`. `None` when no atom starts there.
#[inline(always)]
pub(crate) fn read_atom<S: FoldSink>(text: &str, start: usize, sink: &mut S) -> Option<Atom> {
    let bytes = text.as_bytes();
    let kind = CLASS[usize::from(*bytes.get(start)?)];
    match kind {
        LETTER | DIGIT => {
            let end = read_ascii_run(bytes, start, kind, sink);
            if bytes.get(end).is_some_and(|&b| b >= 0x80) {
                return Some(Atom { start, end: read_mixed_run(text, end, end, kind, sink), kind });
            }
            Some(Atom { start, end, kind })
        }
        NON_ASCII => read_non_ascii(text, start, sink),
        _ => None,
    }
}

const ONES: u64 = 0x0101_0101_0101_0101;
const HIGH_BITS: u64 = 0x80 * ONES;

/// Marks the bytes of `block` that are in `first..=last` (both below 128) with their high bit.
#[inline(always)]
fn in_range(block: u64, first: u8, last: u8) -> u64 {
    let low = block & !HIGH_BITS;
    let from = low + u64::from(0x80 - first) * ONES;
    let past = low + u64::from(0x7F - last) * ONES;
    from & !past & !block & HIGH_BITS
}

#[inline(always)]
fn read_ascii_run<S: FoldSink>(bytes: &[u8], start: usize, kind: u8, sink: &mut S) -> usize {
    let mut end = start;
    while let Some(chunk) = bytes.get(end..).and_then(|rest| rest.first_chunk::<8>()) {
        // Setting bit 5 lower-cases a letter and leaves a digit as it is.
        let block = u64::from_le_bytes(*chunk) | (0x20 * ONES);
        let members = if kind == LETTER {
            in_range(block, b'a', b'z')
        } else {
            // Bit 5 would turn control characters into digits.
            in_range(u64::from_le_bytes(*chunk), b'0', b'9')
        };
        let count = (!members & HIGH_BITS).trailing_zeros() / 8;
        if count == 8 {
            sink.push_block(block, 8);
            end += 8;
            continue;
        }
        if count > 0 {
            sink.push_block(block & ((1u64 << (8 * count)) - 1), count);
        }
        return end + count as usize;
    }
    for &byte in bytes.get(end..).unwrap_or_default() {
        if CLASS[usize::from(byte)] != kind {
            break;
        }
        sink.push(byte | 0x20);
        end += 1;
    }
    end
}

#[cold]
fn read_non_ascii<S: FoldSink>(text: &str, start: usize, sink: &mut S) -> Option<Atom> {
    let c = char_at(text, start)?;
    match fold_char(c) {
        Folded::Greek(name) => {
            name.bytes().for_each(|b| sink.push(b));
            Some(Atom { start, end: start + c.len_utf8(), kind: GREEK })
        }
        Folded::Letters(..) => {
            Some(Atom { start, end: read_mixed_run(text, start, start, LETTER, sink), kind: LETTER })
        }
        Folded::Digit(_) => Some(Atom { start, end: read_mixed_run(text, start, start, DIGIT, sink), kind: DIGIT }),
        Folded::Neutral | Folded::Punctuation | Folded::Nothing => None,
    }
}

/// Goes on with an atom across non-ASCII characters; returns its end, which never includes trailing invisible characters.
#[cold]
fn read_mixed_run<S: FoldSink>(text: &str, mut at: usize, mut end: usize, kind: u8, sink: &mut S) -> usize {
    let bytes = text.as_bytes();
    while let Some(&byte) = bytes.get(at) {
        if byte < 0x80 {
            let next = read_ascii_run(bytes, at, kind, sink);
            if next == at {
                break;
            }
            at = next;
            end = next;
            continue;
        }
        let Some(c) = char_at(text, at) else { break };
        at += c.len_utf8();
        match fold_char(c) {
            Folded::Letters(folded, len) if kind == LETTER => {
                folded.iter().take(usize::from(len)).for_each(|&b| sink.push(b));
                end = at;
            }
            Folded::Digit(digit) if kind == DIGIT => {
                sink.push(digit);
                end = at;
            }
            Folded::Nothing => {}
            _ => break,
        }
    }
    end
}

/// What stands between two atoms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Gap {
    /// Byte offset of the next atom, or the length of the text.
    pub(crate) next: usize,
    /// No visible character between: the next atom is part of the same word.
    pub(crate) glued: bool,
    /// Exactly one hyphen-like or other neutral character, no space: `nab-paclitaxel`.
    pub(crate) tight: bool,
}

/// Skips separators from byte `at`; punctuation bytes go to `sink`, neutral ones do not.
#[inline(always)]
pub(crate) fn read_gap<S: FoldSink>(text: &str, at: usize, sink: &mut S) -> Gap {
    let bytes = text.as_bytes();
    let mut next = at;
    let mut visible = 0usize;
    let mut spaces = 0usize;
    while let Some(&byte) = bytes.get(next) {
        match CLASS[usize::from(byte)] {
            SEPARATOR => {
                visible += 1;
                if byte.is_ascii_whitespace() {
                    spaces += 1;
                } else if byte != b'-' && byte != b'\'' {
                    sink.push(byte);
                }
                next += 1;
            }
            NON_ASCII => {
                let Some(c) = char_at(text, next) else { break };
                match fold_char(c) {
                    Folded::Letters(..) | Folded::Digit(_) | Folded::Greek(_) => break,
                    Folded::Nothing => {}
                    Folded::Neutral => {
                        visible += 1;
                        spaces += usize::from(c.is_whitespace());
                    }
                    Folded::Punctuation => {
                        visible += 1;
                        let mut buffer = [0u8; 4];
                        c.encode_utf8(&mut buffer).bytes().for_each(|b| sink.push(b));
                    }
                }
                next += c.len_utf8();
            }
            _ => break,
        }
    }
    Gap { next, glued: visible == 0, tight: visible == 1 && spaces == 0 }
}

/// Appends the canonical form of `text` to `out`: folded atoms, a space or the punctuation between them, nothing around.
pub(crate) fn canonicalise_into(text: &str, out: &mut Vec<u8>) {
    let mut ignored = Vec::new();
    let mut at = read_gap(text, 0, &mut ignored).next;
    while let Some(atom) = read_atom(text, at, out) {
        let length = out.len();
        let gap = read_gap(text, atom.end, out);
        if gap.next >= text.len() {
            out.truncate(length);
        } else if out.len() == length {
            out.push(b' ');
        }
        at = gap.next;
    }
}

/// The canonical form of a name: two names with the same form are the same term (`5‑FU` and `5fu` give `5 fu`).
pub fn canonical(text: &str) -> String {
    let mut out = Vec::with_capacity(text.len() + 8);
    canonicalise_into(text, &mut out);
    String::from_utf8_lossy(&out).into_owned()
}
