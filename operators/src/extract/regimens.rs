//! A regimen states a combination by its name alone: its members, at the place of the name.

use rexdrug_schemas::Effect;

use super::kernel::Candidates;
use super::output::{OutputRow, row_of, stated};
use crate::backend::{ExtractedCombination, Extraction, ItemMention};

/// Rows of the regimens and combination products of one sentence, when the prefilter gives their members.
///
/// The members share the span of the name. That it is a combination is certain, its effect is not stated by the name:
/// confidence 1, effect COMB, and `reasoning` says where the row comes from. A set that the model found in the same
/// sentence (`rows`) is not stated again.
pub(super) fn regimen_rows(candidates: &Candidates, place: (usize, usize), rows: &[OutputRow]) -> Vec<OutputRow> {
    let row = place.1;
    let members = candidates.members(row);
    let length = candidates.sentence_end.value(row).saturating_sub(candidates.sentence_start.value(row));
    let mut found: Vec<OutputRow> = Vec::new();
    for regimen in members.chunk_by(|left, right| (left.start, left.end) == (right.start, right.end)) {
        let combination = ExtractedCombination {
            members: (0..regimen.len()).collect(),
            effect: Effect::Unclear,
            effect_scores: [0.0, 0.0, 1.0],
            confidence: 1.0,
            reasoning: regimen.first().map(reason),
            prompted: false,
        };
        let named = Extraction { mentions: regimen.to_vec(), combinations: vec![combination], ..Extraction::default() };
        for combination in stated(named, 0.0) {
            if !rows.iter().chain(&found).any(|known| known.drug_key == combination.drug_key) {
                found.push(row_of(candidates, place, combination, (0, i64::from(length))));
            }
        }
    }
    found
}

fn reason(member: &ItemMention) -> String {
    format!("`{}` is the name of this combination", member.surface)
}
