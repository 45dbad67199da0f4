//! Every candidate match of a text and what became of it: `rexdrug lexicon check`.

use serde::Serialize;

use super::matcher::{MatchScratch, Observer};
use super::model::{EntryKind, TermRule};
use super::rules::Refusal;
use super::store::Lexicon;

/// What became of a candidate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// A mention.
    Kept,
    /// A mention found by its INN stem.
    KeptByStem,
    /// The word goes on: letters or digits follow without a break.
    InsideWord,
    /// The folded surface is another name (a hash collision).
    OtherTerm,
    /// The letter case does not satisfy the term's rule.
    LetterCase,
    /// A chemical prefix before it makes it another compound.
    ChemicalPrefix,
    /// The word after it makes it a protein or process.
    ProteinHead,
    /// An ambiguous name without an unambiguous drug in the sentence.
    NoContext,
    /// A longer name starts at the same place.
    Shorter,
}

impl From<Refusal> for Verdict {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::InsideWord => Self::InsideWord,
            Refusal::OtherTerm => Self::OtherTerm,
            Refusal::LetterCase => Self::LetterCase,
            Refusal::ChemicalPrefix => Self::ChemicalPrefix,
            Refusal::ProteinHead => Self::ProteinHead,
            Refusal::NoContext => Self::NoContext,
            Refusal::Shorter => Self::Shorter,
        }
    }
}

/// One candidate match.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Candidate {
    /// First byte in the text.
    pub start: usize,
    /// One past the last byte.
    pub end: usize,
    /// The text of the candidate.
    pub surface: String,
    /// Id of the entry.
    pub drug_id: String,
    /// Preferred name of the entry.
    pub name: String,
    /// What the entry stands for.
    pub kind: EntryKind,
    /// The term as its source writes it; the stem for a stem hit.
    pub term: String,
    /// The rule of the term.
    pub rule: TermRule,
    /// The source of the term; empty for a stem.
    pub source: String,
    /// What became of it.
    pub verdict: Verdict,
}

#[derive(Default)]
struct Recorder {
    /// Start, end, term number and verdict.
    seen: Vec<(usize, usize, usize, Verdict)>,
}

impl Observer for Recorder {
    fn refused(&mut self, start: usize, end: usize, term: usize, why: Refusal) {
        if why == Refusal::NoContext {
            // Reported as kept before the sentence was known.
            if let Some(record) = self.seen.iter_mut().find(|r| r.0 == start && r.3 == Verdict::Kept) {
                record.3 = Verdict::NoContext;
            }
            return;
        }
        self.seen.push((start, end, term, why.into()));
    }

    fn kept(&mut self, start: usize, end: usize, term: usize) {
        self.seen.push((start, end, term, Verdict::Kept));
    }
}

impl Lexicon {
    /// Every candidate of `text`, kept or not, in order. Slower than `find_drugs`, with which it always agrees on what is
    /// kept.
    pub fn explain(&self, text: &str) -> Vec<Candidate> {
        let (mut scratch, mut mentions, mut recorder) = (MatchScratch::new(), Vec::new(), Recorder::default());
        self.scan(text, &mut scratch, &mut mentions, &mut recorder);
        let mut candidates: Vec<Candidate> = Vec::new();
        for (start, end, number, verdict) in recorder.seen {
            let Some(term) = self.terms.get(number) else { continue };
            let Some(entry) = self.entry(term.entry) else { continue };
            candidates.push(Candidate {
                start,
                end,
                surface: text.get(start..end).unwrap_or_default().to_owned(),
                drug_id: entry.id.clone(),
                name: entry.name.clone(),
                kind: entry.kind,
                term: term.written.clone(),
                rule: term.rule,
                source: self.source_name(term.source).to_owned(),
                verdict,
            });
        }
        for mention in mentions.iter().filter(|mention| mention.entry.is_stem()) {
            let stem = self.stems.stems.get(mention.entry.index());
            candidates.push(Candidate {
                start: mention.start as usize,
                end: mention.end as usize,
                surface: mention.surface(text).to_owned(),
                drug_id: self.drug_id(mention, text).into_owned(),
                name: self.name(mention, text).into_owned(),
                kind: EntryKind::Stem,
                term: stem.map(|stem| stem.letters.clone()).unwrap_or_default(),
                rule: TermRule::Any,
                source: String::new(),
                verdict: Verdict::KeptByStem,
            });
        }
        candidates.sort_by_key(|candidate| (candidate.start, candidate.end));
        candidates
    }
}
