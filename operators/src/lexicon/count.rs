//! Counting distinct drugs: the question of the prefilter.

use super::model::{DrugMention, EntryId, EntryKind};
use super::store::Lexicon;

/// What counts as a drug when mentions are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CountPolicy {
    /// A regimen or combination product counts as its members, so that one `FOLFOX` is three drugs and a sentence with
    /// nothing else is still a candidate. When off, it counts as one.
    pub count_regimen_members: bool,
    /// A class (`taxanes`) counts as one drug.
    pub count_classes: bool,
}

impl Default for CountPolicy {
    fn default() -> Self {
        Self { count_regimen_members: true, count_classes: true }
    }
}

impl Lexicon {
    /// Number of distinct drugs among the mentions of `text`. Brand, generic and abbreviation of one ingredient count
    /// once, also as members of a regimen; two stem hits count once when they fold to the same name.
    pub fn distinct_drugs(&self, text: &str, mentions: &[DrugMention], policy: CountPolicy) -> usize {
        let mut seen: Vec<EntryId> = Vec::with_capacity(mentions.len());
        let mut stems: Vec<&str> = Vec::new();
        for mention in mentions {
            if mention.entry.is_stem() {
                let surface = mention.surface(text);
                if !stems.iter().any(|known| known.eq_ignore_ascii_case(surface)) {
                    stems.push(surface);
                }
                continue;
            }
            let kind = self.kind(mention.entry);
            let members = self.members(mention.entry);
            let expands = matches!(kind, EntryKind::Regimen | EntryKind::Product) && policy.count_regimen_members;
            match kind {
                EntryKind::Class if !policy.count_classes => {}
                _ if expands && !members.is_empty() => self.add_members(mention.entry, &mut seen, 0),
                _ => seen.push(mention.entry),
            }
        }
        seen.sort_unstable();
        seen.dedup();
        seen.len() + stems.len()
    }

    /// Members of members too (R-CHOP is rituximab and CHOP); cycles end at a depth of four.
    pub(crate) fn add_members(&self, entry: EntryId, seen: &mut Vec<EntryId>, depth: usize) {
        let members = self.members(entry);
        if members.is_empty() || depth == 4 || self.kind(entry) == EntryKind::Class {
            seen.push(entry);
            return;
        }
        members.iter().for_each(|&member| self.add_members(member, seen, depth + 1));
    }
}
