//! The artefact file: `LEXICON\n`, format version, SHA-256 of everything after it, header JSON, tables.
//!
//! All numbers are little-endian. Loading checks the digest first and then every count and index, so damaged or crafted
//! bytes give an error and never a panic or a huge allocation.

use sha2::{Digest, Sha256};

use super::automaton::Automaton;
use super::builder::BuildReport;
use super::error::LexiconError;
use super::model::{Entry, EntryId, EntryKind, Stem, Term, TermRule};

const MAGIC: &[u8; 8] = b"LEXICON\n";
/// Version of the file format. Folding is part of it: a change of folding needs a new version.
pub const FORMAT_VERSION: u32 = 1;
const DIGEST_BYTES: usize = 32;

pub(crate) struct Contents {
    pub(crate) report: BuildReport,
    pub(crate) entries: Vec<Entry>,
    pub(crate) terms: Vec<Term>,
    pub(crate) stems: Vec<Stem>,
    pub(crate) automaton: Automaton,
}

struct Writer(Vec<u8>);

impl Writer {
    fn number(&mut self, value: u32) {
        self.0.extend_from_slice(&value.to_le_bytes());
    }

    fn count(&mut self, what: &'static str, value: usize) -> Result<(), LexiconError> {
        let limit = u32::MAX as usize >> 1;
        let number = u32::try_from(value).ok().filter(|_| value <= limit);
        self.number(number.ok_or(LexiconError::TooLarge { what, got: value, limit })?);
        Ok(())
    }

    fn text(&mut self, text: &str) -> Result<(), LexiconError> {
        self.count("text", text.len())?;
        self.0.extend_from_slice(text.as_bytes());
        Ok(())
    }

    fn texts(&mut self, texts: &[String]) -> Result<(), LexiconError> {
        self.count("list", texts.len())?;
        texts.iter().try_for_each(|text| self.text(text))
    }
}

pub(crate) fn encode(contents: &Contents) -> Result<Vec<u8>, LexiconError> {
    let mut w = Writer(Vec::new());
    let header =
        serde_json::to_string(&contents.report).map_err(|error| damaged("header", "JSON", error.to_string()))?;
    w.text(&header)?;
    w.count("entries", contents.entries.len())?;
    for entry in &contents.entries {
        w.text(&entry.id)?;
        w.text(&entry.name)?;
        w.text(&entry.class)?;
        w.0.push(entry.kind.to_byte());
        w.number(u32::from(entry.source));
        w.count("members", entry.members.len())?;
        entry.members.iter().for_each(|member| w.number(member.0));
        w.texts(&entry.xrefs)?;
    }
    w.count("terms", contents.terms.len())?;
    for term in &contents.terms {
        w.text(&term.canonical)?;
        w.text(&term.written)?;
        w.number(term.entry.0);
        w.0.push(term.rule.to_byte());
        w.number(u32::from(term.source));
    }
    w.count("stems", contents.stems.len())?;
    for stem in &contents.stems {
        w.text(&stem.letters)?;
        w.0.push(u8::from(stem.is_prefix));
        w.number(u32::from(stem.min_length));
        w.texts(&stem.exceptions)?;
    }
    let automaton = &contents.automaton;
    w.0.extend_from_slice(&automaton.seed.to_le_bytes());
    w.count("nodes", automaton.accepts.len())?;
    automaton.accepts.iter().for_each(|term| w.number(*term));
    w.count("edge slots", automaton.keys.len())?;
    automaton.keys.iter().for_each(|key| w.0.extend_from_slice(&key.to_le_bytes()));
    automaton.targets.iter().for_each(|target| w.number(*target));
    w.count("blocks of first atoms", automaton.first.len())?;
    automaton.first.iter().flatten().for_each(|word| w.0.extend_from_slice(&word.to_le_bytes()));
    w.count("bitmap of pairs", automaton.pairs.len())?;
    automaton.pairs.iter().for_each(|word| w.0.extend_from_slice(&word.to_le_bytes()));

    let mut bytes = MAGIC.to_vec();
    bytes.extend_from_slice(&FORMAT_VERSION.to_le_bytes());
    bytes.extend_from_slice(&Sha256::digest(&w.0));
    bytes.extend_from_slice(&w.0);
    Ok(bytes)
}

fn damaged(what: &'static str, expected: impl Into<String>, got: impl Into<String>) -> LexiconError {
    LexiconError::Damaged { what, expected: expected.into(), got: got.into() }
}

struct Reader<'b> {
    rest: &'b [u8],
}

impl<'b> Reader<'b> {
    fn take(&mut self, what: &'static str, count: usize) -> Result<&'b [u8], LexiconError> {
        let (head, tail) = self
            .rest
            .split_at_checked(count)
            .ok_or_else(|| damaged(what, format!("{count} more bytes"), format!("{}", self.rest.len())))?;
        self.rest = tail;
        Ok(head)
    }

    fn array<const N: usize>(&mut self, what: &'static str) -> Result<[u8; N], LexiconError> {
        self.take(what, N)?.try_into().map_err(|_| damaged(what, format!("{N} bytes"), "fewer"))
    }

    fn byte(&mut self, what: &'static str) -> Result<u8, LexiconError> {
        Ok(u8::from_le_bytes(self.array(what)?))
    }

    fn number(&mut self, what: &'static str) -> Result<u32, LexiconError> {
        Ok(u32::from_le_bytes(self.array(what)?))
    }

    fn short(&mut self, what: &'static str) -> Result<u16, LexiconError> {
        let number = self.number(what)?;
        u16::try_from(number).map_err(|_| damaged(what, "a number below 65536", number.to_string()))
    }

    /// A count of items of at least `size` bytes each: more than the rest can hold is damage, not an allocation.
    fn count(&mut self, what: &'static str, size: usize) -> Result<usize, LexiconError> {
        let count = self.number(what)? as usize;
        let most = self.rest.len() / size;
        if count > most {
            return Err(damaged(what, format!("at most {most} items"), count.to_string()));
        }
        Ok(count)
    }

    fn text(&mut self, what: &'static str) -> Result<String, LexiconError> {
        let count = self.count(what, 1)?;
        let bytes = self.take(what, count)?;
        std::str::from_utf8(bytes).map(str::to_owned).map_err(|error| damaged(what, "UTF-8", error.to_string()))
    }

    fn texts(&mut self, what: &'static str) -> Result<Vec<String>, LexiconError> {
        (0..self.count(what, 4)?).map(|_| self.text(what)).collect()
    }

    fn numbers(&mut self, what: &'static str, count: usize) -> Result<Vec<u32>, LexiconError> {
        let bytes = self.take(what, count.saturating_mul(4))?;
        Ok(bytes.as_chunks::<4>().0.iter().map(|chunk| u32::from_le_bytes(*chunk)).collect())
    }

    fn longs(&mut self, what: &'static str, count: usize) -> Result<Vec<u64>, LexiconError> {
        let bytes = self.take(what, count.saturating_mul(8))?;
        Ok(bytes.as_chunks::<8>().0.iter().map(|chunk| u64::from_le_bytes(*chunk)).collect())
    }
}

pub(crate) fn decode(bytes: &[u8]) -> Result<Contents, LexiconError> {
    let mut r = Reader { rest: bytes };
    let magic = r.take("magic", MAGIC.len())?;
    if magic != MAGIC {
        return Err(damaged("magic", "LEXICON", String::from_utf8_lossy(magic)));
    }
    let version = r.number("format version")?;
    if version != FORMAT_VERSION {
        return Err(damaged("format version", FORMAT_VERSION.to_string(), version.to_string()));
    }
    let stored = r.take("digest", DIGEST_BYTES)?;
    let actual = Sha256::digest(r.rest);
    if stored != actual.as_slice() {
        return Err(damaged("digest", hex::encode(stored), hex::encode(actual)));
    }
    decode_tables(r)
}

/// Everything after the digest; separate so that tests can reach it with damaged tables.
fn decode_tables(mut r: Reader<'_>) -> Result<Contents, LexiconError> {
    let header = r.text("header")?;
    let report: BuildReport =
        serde_json::from_str(&header).map_err(|error| damaged("header", "JSON", error.to_string()))?;
    let entries = (0..r.count("entries", 29)?).map(|_| entry(&mut r)).collect::<Result<Vec<_>, _>>()?;
    let terms = (0..r.count("terms", 17)?).map(|_| term(&mut r)).collect::<Result<Vec<_>, _>>()?;
    let stems = (0..r.count("stems", 13)?).map(|_| stem(&mut r)).collect::<Result<Vec<_>, _>>()?;
    let seed = u64::from_le_bytes(r.array("hash seed")?);
    let nodes = r.count("nodes", 4)?;
    let accepts = r.numbers("nodes", nodes)?;
    let slots = r.count("edge slots", 12)?;
    let keys = r.longs("edge keys", slots)?;
    let targets = r.numbers("edge targets", slots)?;
    let blocks = r.count("blocks of first atoms", 16)?;
    let first = r.longs("blocks of first atoms", blocks * 2)?.as_chunks::<2>().0.to_vec();
    let words = r.count("bitmap of pairs", 8)?;
    let pairs = r.longs("bitmap of pairs", words)?;
    if !r.rest.is_empty() {
        return Err(damaged("end", "no more bytes", format!("{} more", r.rest.len())));
    }
    let automaton = Automaton { seed, accepts, keys, targets, first, pairs };
    if !automaton.is_sound(terms.len()) {
        return Err(damaged("automaton", "tables that fit together", "an index or size out of range"));
    }
    let in_range = |id: &EntryId| (id.0 as usize) < entries.len();
    let indices_hold = terms.iter().all(|term| in_range(&term.entry))
        && entries.iter().all(|entry| entry.members.iter().all(in_range));
    if !indices_hold {
        return Err(damaged("entries", format!("numbers below {}", entries.len()), "a larger one"));
    }
    Ok(Contents { report, entries, terms, stems, automaton })
}

fn entry(r: &mut Reader<'_>) -> Result<Entry, LexiconError> {
    let (id, name, class) = (r.text("entry id")?, r.text("entry name")?, r.text("entry class")?);
    let kind = r.byte("entry kind")?;
    let kind = EntryKind::from_byte(kind).ok_or_else(|| damaged("entry kind", "0 to 3", kind.to_string()))?;
    let source = r.short("entry source")?;
    let members = r.count("members", 4)?;
    let members = r.numbers("members", members)?.into_iter().map(EntryId).collect();
    Ok(Entry { id, name, kind, source, class, members, xrefs: r.texts("cross-references")? })
}

fn term(r: &mut Reader<'_>) -> Result<Term, LexiconError> {
    let (canonical, written) = (r.text("term")?, r.text("term")?);
    let entry = EntryId(r.number("term entry")?);
    let rule = r.byte("term rule")?;
    let rule = TermRule::from_byte(rule).ok_or_else(|| damaged("term rule", "0 to 4", rule.to_string()))?;
    Ok(Term { canonical, written, entry, rule, source: r.short("term source")? })
}

fn stem(r: &mut Reader<'_>) -> Result<Stem, LexiconError> {
    let letters = r.text("stem")?;
    if letters.len() < 3 || !letters.bytes().all(|b| b.is_ascii_lowercase()) {
        return Err(damaged("stem", "three or more lower-case letters", letters));
    }
    let is_prefix = r.byte("stem kind")? == 1;
    let min_length = r.short("stem length")?;
    Ok(Stem { letters, is_prefix, min_length, exceptions: r.texts("stem exceptions")? })
}
