//! Merging sources into entries and terms, and compiling them into one artefact.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde::{Deserialize, Serialize};

use super::artefact::{self, Contents};
use super::automaton::{self, Words};
use super::error::{BadRow, LexiconError};
use super::fold::canonical;
use super::model::{Entry, EntryId, EntryKind, Stem, Term, TermRule};
use super::sources::{LexiconSource, ReadLimits, Record, SourceData, SourceFile, TermRole};
use super::terms::{Screen, plural, spelling_variants};
use super::words;

/// What one source gave.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceSummary {
    /// Name of the source (`seed`, `drugbank`, `mesh`, `rxnorm`, or the file name of a plain table).
    pub name: String,
    /// The files that were read.
    pub files: Vec<SourceFile>,
    /// Rows read.
    pub rows: usize,
    /// Rows that could not be used.
    pub bad_rows: usize,
    /// Entries that only this source added.
    pub entries: usize,
    /// Terms that this source added.
    pub terms: usize,
}

/// What happened while compiling; the counts also stand in the artefact's header.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BuildReport {
    /// The sources, in order.
    pub sources: Vec<SourceSummary>,
    /// Entries in all.
    pub entries: usize,
    /// Terms in all, with spelling variants.
    pub terms: usize,
    /// INN stems.
    pub stems: usize,
    /// Names that were left out, by reason.
    pub dropped: BTreeMap<String, usize>,
    /// Rows that could not be used.
    #[serde(skip)]
    pub bad_rows: Vec<BadRow>,
    /// Members of regimens and products that are no entry, as `entry: member`.
    #[serde(skip)]
    pub unresolved_members: Vec<String>,
}

/// A compiled lexicon: the bytes of the artefact and how it came about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CompiledLexicon {
    /// The artefact; equal sources give equal bytes.
    pub bytes: Vec<u8>,
    /// What was read, merged and left out.
    pub report: BuildReport,
}

/// Collects sources and compiles them. The first source that has a name gives the entry its id.
#[derive(Clone, Debug, Default)]
pub struct LexiconBuilder {
    sources: Vec<LexiconSource>,
    limits: ReadLimits,
}

impl LexiconBuilder {
    /// A builder without sources.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a source; earlier sources win where names meet.
    #[must_use]
    pub fn source(mut self, source: LexiconSource) -> Self {
        self.sources.push(source);
        self
    }

    /// Sets how many unusable rows a source may have.
    #[must_use]
    pub fn limits(mut self, limits: ReadLimits) -> Self {
        self.limits = limits;
        self
    }

    /// Reads, merges and compiles.
    ///
    /// # Errors
    /// Unreadable files, missing columns, too many unusable rows, no usable term, or tables too large for the format.
    pub fn compile(&self) -> Result<CompiledLexicon, LexiconError> {
        let data = self.sources.iter().map(|s| s.read(&self.limits)).collect::<Result<Vec<_>, _>>()?;
        let mut merge = Merge::new(&data);
        for (index, source) in data.iter().enumerate() {
            merge.add_source(index as u16, source);
        }
        merge.resolve_members(&data);
        merge.finish(data)
    }
}

struct Merge {
    screen: Screen,
    salts: BTreeSet<String>,
    entries: Vec<Entry>,
    terms: Vec<Term>,
    /// Canonical form to term number.
    by_form: HashMap<String, usize>,
    /// Canonical forms that are abbreviations: they never merge entries.
    abbreviations: BTreeSet<String>,
    by_id: HashMap<String, EntryId>,
    /// Entry of each record, in order of sources and records.
    placed: Vec<EntryId>,
    report: BuildReport,
}

impl Merge {
    fn new(data: &[SourceData]) -> Self {
        Self {
            screen: Screen::new(data.iter().flat_map(|source| &source.ambiguous)),
            salts: data.iter().flat_map(|s| &s.salts).map(|salt| canonical(salt)).filter(|s| !s.is_empty()).collect(),
            entries: Vec::new(),
            terms: Vec::new(),
            by_form: HashMap::new(),
            abbreviations: BTreeSet::new(),
            by_id: HashMap::new(),
            placed: Vec::new(),
            report: BuildReport::default(),
        }
    }

    fn add_source(&mut self, index: u16, source: &SourceData) {
        let (entries, terms) = (self.entries.len(), self.terms.len());
        let first = self.placed.len();
        // Preferred names of a source before its synonyms: a name outranks another drug's synonym.
        for record in &source.records {
            let entry = self.place(index, record);
            self.placed.push(entry);
            self.add_term(index, source.curated, entry, TermRole::Synonym, &record.name);
        }
        for (offset, record) in source.records.iter().enumerate() {
            let Some(&entry) = self.placed.get(first + offset) else { continue };
            for (role, text) in &record.terms {
                self.add_term(index, source.curated, entry, *role, text);
            }
        }
        self.report.bad_rows.extend(source.bad_rows.iter().cloned());
        self.report.sources.push(SourceSummary {
            name: source.name.clone(),
            files: source.files.clone(),
            rows: source.rows,
            bad_rows: source.bad_rows.len(),
            entries: self.entries.len() - entries,
            terms: self.terms.len() - terms,
        });
    }

    /// The entry of a record: the one that has its name, else a new one.
    fn place(&mut self, source: u16, record: &Record) -> EntryId {
        let form = canonical(&record.name);
        let is_drug = |kind: EntryKind| matches!(kind, EntryKind::Drug | EntryKind::Product);
        let found = self
            .known(&form)
            .or_else(|| if is_drug(record.kind) { self.known(self.without_salt(&form)?) } else { None });
        let found = found.filter(|entry| {
            self.entries.get(entry.index()).is_some_and(|entry| {
                entry.kind == record.kind || (is_drug(entry.kind) && is_drug(record.kind) && entry.source != source)
            })
        });
        if let Some(id) = found {
            if let Some(entry) = self.entries.get_mut(id.index())
                && entry.id != record.id
                && !entry.xrefs.contains(&record.id)
            {
                entry.xrefs.push(record.id.clone());
            }
            self.by_id.entry(record.id.clone()).or_insert(id);
            return id;
        }
        let id = EntryId(self.entries.len() as u32);
        self.entries.push(Entry {
            id: record.id.clone(),
            name: record.name.clone(),
            kind: record.kind,
            source,
            class: record.class.clone(),
            members: Vec::new(),
            xrefs: Vec::new(),
        });
        self.by_id.entry(record.id.clone()).or_insert(id);
        id
    }

    fn known(&self, form: &str) -> Option<EntryId> {
        if self.abbreviations.contains(form) {
            return None;
        }
        self.by_form.get(form).and_then(|&term| self.terms.get(term)).map(|term| term.entry)
    }

    /// The form without a salt or ester at its end, unless what is left is itself only a salt word (`sodium chloride`).
    fn without_salt<'f>(&self, form: &'f str) -> Option<&'f str> {
        let mut at = 0;
        while let Some(space) = form.get(at..).and_then(|rest| rest.find(' ')) {
            let (base, salt) = (form.get(..at + space)?, form.get(at + space + 1..)?);
            if self.salts.contains(salt) {
                return (!self.salts.contains(base)).then_some(base);
            }
            at += space + 1;
        }
        None
    }

    fn add_term(&mut self, source: u16, curated: bool, entry: EntryId, role: TermRole, written: &str) {
        let form = canonical(written);
        let (rule, written) = match self.screen.judge(&form, written, role, curated) {
            Ok(verdict) => verdict,
            Err(reason) => {
                *self.report.dropped.entry(reason.to_owned()).or_default() += 1;
                return;
            }
        };
        if let Some(other) = self.by_form.get(&form).and_then(|&term| self.terms.get(term)) {
            if other.entry != entry {
                *self.report.dropped.entry("name of another entry".to_owned()).or_default() += 1;
            }
            return;
        }
        if role == TermRole::Abbreviation {
            self.abbreviations.insert(form.clone());
        }
        self.by_form.insert(form.clone(), self.terms.len());
        self.terms.push(Term { canonical: form, written, entry, rule, source });
    }

    fn resolve_members(&mut self, data: &[SourceData]) {
        let records = data.iter().flat_map(|source| &source.records);
        for (record, entry) in records.zip(self.placed.clone()) {
            for member in &record.members {
                let found = self.by_id.get(member).copied().or_else(|| {
                    self.by_form.get(&canonical(member)).and_then(|&term| self.terms.get(term)).map(|term| term.entry)
                });
                match (found.filter(|&id| id != entry), self.entries.get_mut(entry.index())) {
                    (Some(id), Some(entry)) if !entry.members.contains(&id) => entry.members.push(id),
                    (Some(_), _) => {}
                    _ => self.report.unresolved_members.push(format!("{}: {member}", record.name)),
                }
            }
        }
    }

    fn finish(mut self, data: Vec<SourceData>) -> Result<CompiledLexicon, LexiconError> {
        let mut variants = Vec::new();
        for term in &self.terms {
            for form in spelling_variants(&term.canonical) {
                if !self.by_form.contains_key(&form) && self.screen.allows_variant(&form) {
                    variants.push(Term { canonical: form.clone(), written: form, ..term.clone() });
                }
            }
        }
        self.terms.extend(variants);
        self.terms.sort_by(|a, b| a.canonical.cmp(&b.canonical).then(a.entry.cmp(&b.entry)));
        self.terms.dedup_by(|later, first| later.canonical == first.canonical);
        if self.terms.is_empty() {
            return Err(LexiconError::Empty { sources: data.len() });
        }
        let mut stems: Vec<Stem> = Vec::new();
        for row in data.into_iter().flat_map(|source| source.stems) {
            let super::sources::StemRow { letters, is_prefix, min_length, exceptions } = row;
            if !stems.iter().any(|stem| stem.letters == letters && stem.is_prefix == is_prefix) {
                stems.push(Stem { letters, is_prefix, min_length, exceptions });
            }
        }
        self.report.entries = self.entries.len();
        self.report.terms = self.terms.len();
        self.report.stems = stems.len();
        let automaton = self.automaton()?;
        let contents = Contents { report: self.report, entries: self.entries, terms: self.terms, stems, automaton };
        let bytes = artefact::encode(&contents)?;
        Ok(CompiledLexicon { bytes, report: contents.report })
    }

    fn automaton(&self) -> Result<automaton::Automaton, LexiconError> {
        let numbered = || self.terms.iter().enumerate().map(|(number, term)| (number as u32, term));
        let forms = |list: &[&str]| list.iter().map(|word| canonical(word)).collect();
        let words = Words {
            terms: numbered().map(|(number, term)| (number, term.canonical.as_str())).collect(),
            weak_terms: numbered()
                .filter(|(_, term)| self.takes_plural(term))
                .filter_map(|(number, term)| Some((number, plural(&term.canonical)?)))
                .filter(|(_, form)| self.screen.allows_variant(form))
                .collect(),
            salts: self.salts.iter().cloned().collect(),
            heads: forms(words::HEADS),
            prefixes: forms(words::PREFIXES),
        };
        automaton::compile(&words).ok_or(LexiconError::TooLarge {
            what: "edges (every hash seed gives a collision)",
            got: self.terms.len(),
            limit: 1 << 24,
        })
    }

    fn takes_plural(&self, term: &Term) -> bool {
        let kind = self.entries.get(term.entry.index()).map(|entry| entry.kind);
        kind != Some(EntryKind::Regimen) && term.rule != TermRule::CaseSensitive
    }
}
