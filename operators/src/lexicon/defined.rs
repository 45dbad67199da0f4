//! Drugs under the short forms that a document defines for them; see [`crate::abbreviations`].

use memchr::memmem;

use super::matcher::MatchScratch;
use super::model::{DrugMention, EntryId};
use super::store::Lexicon;
use crate::abbreviations::{Definition, definitions};

/// The short forms of one document that stand for listed drugs.
#[derive(Debug, Default)]
pub struct DefinedDrugs<'t> {
    terms: Vec<(&'t str, EntryId)>,
    definitions: Vec<Definition<'t>>,
}

impl<'t> DefinedDrugs<'t> {
    /// Reads the definitions of a document. A short form counts when its long form is, from end to end, one listed drug.
    pub fn read(&mut self, lexicon: &Lexicon, document: &'t str, scratch: &mut MatchScratch) {
        self.terms.clear();
        definitions(document, &mut self.definitions);
        let mut found = Vec::new();
        for Definition { short, long } in self.definitions.iter().copied() {
            lexicon.find_drugs(long, scratch, &mut found);
            if let [only] = found.as_slice()
                && only.surface(long).len() == long.len()
                && !only.entry.is_stem()
            {
                self.terms.push((short, only.entry));
            }
        }
    }

    /// Adds the mentions of the short forms to those that the lexicon found in a sentence of the document. Where the
    /// lexicon knows the same letters as another drug, the document's definition counts.
    pub fn add(&self, sentence: &str, mentions: &mut Vec<DrugMention>) {
        for (short, entry) in &self.terms {
            for start in memmem::find_iter(sentence.as_bytes(), short.as_bytes()) {
                let end = start + short.len();
                let (Ok(first), Ok(last)) = (u32::try_from(start), u32::try_from(end)) else { continue };
                if !stands_alone(sentence, start, end) {
                    continue;
                }
                let outside = |known: &DrugMention| known.end <= first || last <= known.start;
                let inside = |known: &DrugMention| first <= known.start && known.end <= last;
                if mentions.iter().any(|known| !outside(known) && !inside(known)) {
                    continue;
                }
                mentions.retain(|known| outside(known));
                let at = mentions.partition_point(|known| known.start < first);
                mentions.insert(at, DrugMention { start: first, end: last, entry: *entry });
            }
        }
    }
}

/// Whether no letter or digit touches `start..end`, no number follows it with a hyphen, and no single letter stands
/// before it with one: `c-Met` is a gene, though the document defines `Met` as metformin.
fn stands_alone(sentence: &str, start: usize, end: usize) -> bool {
    let mut ahead = sentence.get(..start).unwrap_or_default().chars().rev();
    let before = ahead.next();
    if before == Some('-')
        && ahead.next().is_some_and(char::is_alphabetic)
        && !ahead.next().is_some_and(char::is_alphanumeric)
    {
        return false;
    }
    let mut after = sentence.get(end..).unwrap_or_default().chars();
    let next = after.next();
    let is_code = next == Some('-') && after.next().is_some_and(|letter| letter.is_ascii_digit());
    !before.is_some_and(char::is_alphanumeric) && !next.is_some_and(char::is_alphanumeric) && !is_code
}
