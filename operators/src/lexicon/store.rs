//! The loaded lexicon: access to its entries.

use std::borrow::Cow;
use std::path::Path;

use sha2::{Digest, Sha256};

use super::artefact::{self, Contents};
use super::automaton::Automaton;
use super::builder::BuildReport;
use super::error::LexiconError;
use super::fold::canonical;
use super::model::{DrugMention, Entry, EntryId, EntryKind, Term};
use super::stems::StemTable;

/// A loaded lexicon: immutable, shared between threads; each thread has its own [`super::MatchScratch`].
#[derive(Debug)]
pub struct Lexicon {
    pub(crate) report: BuildReport,
    pub(crate) entries: Vec<Entry>,
    pub(crate) terms: Vec<Term>,
    pub(crate) stems: StemTable,
    pub(crate) automaton: Automaton,
    sha256: String,
}

impl Lexicon {
    /// Loads an artefact from its bytes.
    ///
    /// # Errors
    /// [`LexiconError::Damaged`] when the bytes are not an artefact of this format version or fail a check.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, LexiconError> {
        let Contents { report, entries, terms, stems, automaton } = artefact::decode(bytes)?;
        let sha256 = hex::encode(Sha256::digest(bytes));
        Ok(Self { report, entries, terms, stems: StemTable::new(stems), automaton, sha256 })
    }

    /// Loads an artefact file.
    ///
    /// # Errors
    /// As [`Lexicon::from_bytes`], and [`LexiconError::Io`] when the file cannot be read.
    pub fn load(path: &Path) -> Result<Self, LexiconError> {
        let bytes = std::fs::read(path).map_err(|source| LexiconError::Io { path: path.to_owned(), source })?;
        Self::from_bytes(&bytes)
    }

    /// SHA-256 of the artefact file, in hexadecimal: what `sha256sum` prints, and what every extracted row records.
    pub fn sha256(&self) -> &str {
        &self.sha256
    }

    /// Sources, counts and what was left out when this lexicon was compiled.
    pub fn report(&self) -> &BuildReport {
        &self.report
    }

    /// Canonical forms of all terms and the entry of each, sorted by form.
    pub fn term_forms(&self) -> impl Iterator<Item = (&str, EntryId)> + '_ {
        self.terms.iter().map(|term| (term.canonical.as_str(), term.entry))
    }

    /// Entry ids, in order.
    pub fn entry_ids(&self) -> impl Iterator<Item = EntryId> + '_ {
        (0..self.entries.len() as u32).map(EntryId)
    }

    /// What an entry stands for.
    pub fn kind(&self, entry: EntryId) -> EntryKind {
        self.entry(entry).map_or(EntryKind::Stem, |entry| entry.kind)
    }

    /// Id of a mention's entry, such as `seed:cisplatin` or `drugbank:DB00515`; `stem:<folded surface>` for a stem hit.
    /// `text` is the text the mention was found in.
    pub fn drug_id<'a>(&'a self, mention: &DrugMention, text: &str) -> Cow<'a, str> {
        match self.entry(mention.entry) {
            Some(entry) => Cow::Borrowed(&entry.id),
            None => Cow::Owned(format!("stem:{}", canonical(mention.surface(text)))),
        }
    }

    /// Preferred name of a mention's entry; the folded surface for a stem hit.
    pub fn name<'a>(&'a self, mention: &DrugMention, text: &str) -> Cow<'a, str> {
        match self.entry(mention.entry) {
            Some(entry) => Cow::Borrowed(&entry.name),
            None => Cow::Owned(canonical(mention.surface(text))),
        }
    }

    /// Id of a listed entry; `None` for a stem.
    pub fn entry_drug_id(&self, entry: EntryId) -> Option<&str> {
        self.entry(entry).map(|entry| entry.id.as_str())
    }

    /// Preferred name of a listed entry; `None` for a stem.
    pub fn entry_name(&self, entry: EntryId) -> Option<&str> {
        self.entry(entry).map(|entry| entry.name.as_str())
    }

    /// Class of a listed entry as its source gives it; empty when there is none.
    pub fn entry_class(&self, entry: EntryId) -> &str {
        self.entry(entry).map_or("", |entry| entry.class.as_str())
    }

    /// Members of a regimen, product or class; empty for a single drug.
    pub fn members(&self, entry: EntryId) -> &[EntryId] {
        self.entry(entry).map_or(&[], |entry| entry.members.as_slice())
    }

    /// Ids that later sources have for the same entry.
    pub fn cross_references(&self, entry: EntryId) -> &[String] {
        self.entry(entry).map_or(&[], |entry| entry.xrefs.as_slice())
    }

    /// Name of the source that gave the entry; empty for a stem.
    pub fn source(&self, entry: EntryId) -> &str {
        self.entry(entry).map_or("", |entry| self.source_name(entry.source))
    }

    pub(crate) fn source_name(&self, source: u16) -> &str {
        self.report.sources.get(usize::from(source)).map_or("", |source| source.name.as_str())
    }

    pub(crate) fn entry(&self, id: EntryId) -> Option<&Entry> {
        if id.is_stem() { None } else { self.entries.get(id.index()) }
    }
}
