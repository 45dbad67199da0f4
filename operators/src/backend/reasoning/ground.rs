//! From the answer of a reasoning model to combinations: every drug is found in the sentence, or there is no row.

use rexdrug_schemas::Effect;
use rexdrug_scoring::answer::tolerant::{self, Relation};
use rexdrug_scoring::names::normalize;
use rexdrug_scoring::task::{Label, Task};

use super::evidence::check_quotes;
use crate::backend::merge::{OverlapRule, union};
use crate::backend::{
    ExtractItem, ExtractedCombination, Extraction, ItemError, ItemMention, MentionPolicy, Reason, distinct_drugs,
};

/// What became of the relations of an answer; sums over answers make the report of a run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Grounding {
    /// Relations that the answers state.
    pub stated: u64,
    /// Relations that name a drug which stands neither in the sentence nor around it.
    pub unknown_drug: u64,
    /// Relations that name a drug of the context which the sentence does not name.
    pub outside_sentence: u64,
    /// Elements left out for their form: no type, one drug only, a set stated twice.
    pub malformed: u64,
    /// Quoted passages in the reasoning.
    pub quotes: u64,
    /// Those that are verbatim in the text.
    pub quotes_verbatim: u64,
}

impl Grounding {
    /// Adds the counts of other answers.
    pub fn add(&mut self, other: &Self) {
        self.stated += other.stated;
        self.unknown_drug += other.unknown_drug;
        self.outside_sentence += other.outside_sentence;
        self.malformed += other.malformed;
        self.quotes += other.quotes;
        self.quotes_verbatim += other.quotes_verbatim;
    }
}

/// An answer that was held against its text.
#[derive(Debug, Clone, PartialEq)]
pub struct Grounded {
    /// What it states of drugs that the sentence names.
    pub extraction: Extraction,
    /// What became of the rest.
    pub counts: Grounding,
}

/// Holds a completion against the item that was asked.
///
/// A relation becomes a combination only when every one of its drugs is a known mention of the sentence, by surface or
/// by name, or stands in the sentence as a whole word ([`MentionPolicy::Union`] only). One drug that does not takes the
/// whole relation with it: a smaller set would be another claim than the model's. Confidence and effect score are 1,
/// since such models give no probabilities.
///
/// # Errors
/// [`Reason::InvalidOutput`] when the completion holds no list at all.
pub fn ground(item: &ExtractItem, completion: &str) -> Result<Grounded, ItemError> {
    let answer = tolerant::read(Task::DrugComb, completion);
    if !answer.parsed {
        let seen: String = completion.chars().rev().take(80).collect::<Vec<_>>().into_iter().rev().collect();
        let message = format!("the model gave no list of combinations; its answer ends with `{}`", seen.trim());
        return Err(ItemError::new(Reason::InvalidOutput, message));
    }
    let context = item.context.as_ref().map_or(&*item.sentence, |context| &*context.text);
    let mut counts = Grounding {
        stated: answer.relations.len() as u64,
        malformed: answer.dropped.len() as u64,
        ..Grounding::default()
    };
    let resolver = Resolver::new(item, &answer.relations);
    let around = Words::of(context);
    let mut combinations: Vec<ExtractedCombination> = Vec::new();
    for relation in &answer.relations {
        let mut members: Vec<usize> = Vec::new();
        let mut lost = None;
        for name in &relation.names {
            match resolver.members(name) {
                Some(found) => members.extend(found),
                None => lost = Some(lost.unwrap_or(true) && around.find(name).is_some()),
            }
        }
        match lost {
            Some(true) => counts.outside_sentence += 1,
            Some(false) => counts.unknown_drug += 1,
            None => {
                members.sort_unstable();
                members.dedup();
                let single = distinct_drugs(&resolver.mentions, &members).len() < 2;
                if single || combinations.iter().any(|known| known.members == members) {
                    counts.malformed += 1;
                } else if let Some(effect) = effect_of(relation.label) {
                    combinations.push(combination(members, effect));
                }
            }
        }
    }
    combinations.sort_by(|left, right| left.members.cmp(&right.members));
    if let Some(think) = answer.think.map(str::trim).filter(|think| !think.is_empty()) {
        let checked = check_quotes(think, context);
        counts.quotes = checked.quotes;
        counts.quotes_verbatim = checked.verbatim;
        for combination in &mut combinations {
            combination.reasoning = Some(checked.text.clone());
        }
    }
    let (context_start, context_end) = seen(item);
    let mentions = resolver.mentions;
    Ok(Grounded {
        extraction: Extraction { mentions, combinations, context_start, context_end, ..Extraction::default() },
        counts,
    })
}

fn combination(members: Vec<usize>, effect: Effect) -> ExtractedCombination {
    let effect_scores = Effect::ALL.map(|other| f32::from(u8::from(other == effect)));
    ExtractedCombination { members, effect, effect_scores, confidence: 1.0, reasoning: None, prompted: true }
}

fn effect_of(label: Label) -> Option<Effect> {
    match label {
        Label::Pos => Some(Effect::Positive),
        Label::Neg => Some(Effect::Negative),
        Label::Comb => Some(Effect::Unclear),
        _ => None,
    }
}

/// What the model saw, relative to the start of the sentence.
fn seen(item: &ExtractItem) -> (i64, i64) {
    let long = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
    match &item.context {
        Some(context) => {
            let before = long(context.sentence_start);
            (-before, long(context.text.chars().count()) - before)
        }
        None => (0, long(item.sentence.chars().count())),
    }
}

/// Finds the mentions that an answer means.
struct Resolver {
    mentions: Vec<ItemMention>,
    words: Words,
}

impl Resolver {
    /// The known mentions, and those that only the answer knows of.
    fn new(item: &ExtractItem, relations: &[Relation<'_>]) -> Self {
        let words = Words::of(&item.sentence);
        let mut known = item.mentions.clone();
        known.sort_by_key(|mention| (mention.start, mention.end));
        let mut resolver = Self { mentions: known, words };
        if item.policy == MentionPolicy::Union {
            let names = relations.iter().flat_map(|relation| &relation.names);
            let mut spans: Vec<(usize, usize)> = names
                .filter(|name| resolver.named(name).is_none())
                .filter_map(|name| resolver.words.find(name))
                .collect();
            spans.sort_unstable();
            spans.dedup();
            resolver.mentions = union(&item.sentence, &resolver.mentions, &spans, OverlapRule::LongestWins);
        }
        resolver
    }

    /// Mentions whose surface, else whose name, is `name`. A regimen stands for all mentions of its span.
    fn named(&self, name: &str) -> Option<Vec<usize>> {
        let wanted = normalize(name);
        let by = |text: fn(&ItemMention) -> &str| {
            self.mentions.iter().position(|mention| normalize(text(mention)) == wanted)
        };
        if let Some(first) = by(|mention| &mention.surface) {
            let span = self.mentions.get(first).map(|mention| (mention.start, mention.end))?;
            return Some(self.indices(|mention| (mention.start, mention.end) == span));
        }
        by(|mention| &mention.name).map(|first| vec![first])
    }

    fn members(&self, name: &str) -> Option<Vec<usize>> {
        self.named(name).or_else(|| {
            // A shorter or longer wording of a known mention: the one span that holds it.
            let (start, end) = self.words.find(name)?;
            let over = self.indices(|mention| mention.start < end && start < mention.end);
            let span = |index: &usize| self.mentions.get(*index).map(|mention| (mention.start, mention.end));
            let first = span(over.first()?)?;
            let holds = first.0 <= start && end <= first.1;
            (holds && over.iter().all(|index| span(index) == Some(first))).then_some(over)
        })
    }

    fn indices(&self, keep: impl Fn(&ItemMention) -> bool) -> Vec<usize> {
        self.mentions.iter().enumerate().filter(|(_, mention)| keep(mention)).map(|(index, _)| index).collect()
    }
}

/// A text to look for whole names in, letter case and runs of white space ignored, with the way back to code points.
struct Words {
    folded: Vec<char>,
    /// Code point of the text that each folded character comes from.
    places: Vec<usize>,
}

impl Words {
    fn of(text: &str) -> Self {
        let (mut folded, mut places) = (Vec::new(), Vec::new());
        for (place, letter) in text.chars().enumerate() {
            if letter.is_whitespace() {
                if folded.last() != Some(&' ') {
                    folded.push(' ');
                    places.push(place);
                }
                continue;
            }
            for lower in letter.to_lowercase() {
                folded.push(lower);
                places.push(place);
            }
        }
        Self { folded, places }
    }

    /// Code points of the first place where `name` stands with no letter or digit touching it.
    fn find(&self, name: &str) -> Option<(usize, usize)> {
        let wanted = Self::of(name.trim()).folded;
        let touches = |place: Option<&char>| place.is_some_and(|letter| letter.is_alphanumeric());
        if wanted.is_empty() {
            return None;
        }
        let at = self.folded.windows(wanted.len()).enumerate().position(|(at, window)| {
            let before = at.checked_sub(1).and_then(|at| self.folded.get(at));
            window == wanted && !touches(before) && !touches(self.folded.get(at + wanted.len()))
        })?;
        Some((*self.places.get(at)?, self.places.get(at + wanted.len() - 1)? + 1))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use std::sync::Arc;

    use proptest::prelude::*;

    use super::*;
    use crate::backend::ItemContext;

    /// Mentions as (surface, name): a span named twice, as a regimen, has two entries.
    fn item(sentence: &str, before: &str, mentions: &[(&str, &str)], policy: MentionPolicy) -> ExtractItem {
        let mentions = mentions.iter().map(|(surface, name)| {
            let start = sentence[..sentence.find(surface).unwrap()].chars().count();
            ItemMention {
                start,
                end: start + surface.chars().count(),
                drug_id: format!("drug:{name}"),
                name: (*name).to_owned(),
                surface: (*surface).to_owned(),
                kind: "name".to_owned(),
            }
        });
        let context = ItemContext {
            text: Arc::from(format!("{before} {sentence} Ende.")),
            offset: 0,
            sentence_start: before.chars().count() + 1,
        };
        ExtractItem { sentence: Arc::from(sentence), context: Some(context), mentions: mentions.collect(), policy }
    }

    fn show(grounded: &Grounded) -> Vec<String> {
        let extraction = &grounded.extraction;
        let combinations = extraction.combinations.iter();
        combinations
            .map(|found| {
                let members = found.members.iter().map(|&member| extraction.mentions[member].drug_id.as_str());
                format!("{} {}", found.effect, members.collect::<Vec<_>>().join("+"))
            })
            .collect()
    }

    const SENTENCE: &str = "β5 Liposomal alphine  forte with betacil, or FOLGAM and gammanib, helped.";
    const KNOWN: [(&str, &str); 4] =
        [("alphine", "alphine"), ("betacil", "betacillin"), ("FOLGAM", "folic"), ("FOLGAM", "gamcil")];

    #[test]
    fn names_become_mentions_of_the_sentence_or_no_row() {
        let union = item(SENTENCE, "Deltamab was given before.", &KNOWN, MentionPolicy::Union);
        let given = item(SENTENCE, "Deltamab was given before.", &KNOWN, MentionPolicy::Given);
        let counts = |unknown_drug, outside_sentence, malformed| (unknown_drug, outside_sentence, malformed);
        for (item, list, expected, lost) in [
            (
                &union,
                r#"[{"type":"POS","ent_set":["ALPHINE","betacil"]}]"#,
                vec!["POS drug:alphine+drug:betacillin"],
                counts(0, 0, 0),
            ),
            (
                &union,
                r#"[{"type":"neg","ent_set":["alphine","Betacillin"]}]"#,
                vec!["NEG drug:alphine+drug:betacillin"],
                counts(0, 0, 0),
            ),
            // A longer wording of a known mention keeps its id; spacing does not matter.
            (
                &union,
                r#"[{"type":"COMB","ent_set":["liposomal alphine forte","betacil"]}]"#,
                vec!["COMB drug:alphine+drug:betacillin"],
                counts(0, 0, 0),
            ),
            // A drug that only the answer knows of.
            (
                &union,
                r#"[{"type":"POS","ent_set":["alphine","gammanib"]}]"#,
                vec!["POS drug:alphine+tag:gammanib"],
                counts(0, 0, 0),
            ),
            (&given, r#"[{"type":"POS","ent_set":["alphine","gammanib"]}]"#, vec![], counts(0, 1, 0)),
            // A regimen stands for its members.
            (
                &union,
                r#"[{"type":"POS","ent_set":["folgam","alphine"]}]"#,
                vec!["POS drug:alphine+drug:folic+drug:gamcil"],
                counts(0, 0, 0),
            ),
            (&union, r#"[{"type":"POS","ent_set":["alphine","deltamab"]}]"#, vec![], counts(0, 1, 0)),
            (&union, r#"[{"type":"POS","ent_set":["alphine","epsilonib","deltamab"]}]"#, vec![], counts(1, 0, 0)),
            (&union, r#"[{"type":"POS","ent_set":["alphine","gamma"]}]"#, vec![], counts(1, 0, 0)),
            (
                &union,
                r#"[{"type":"POS","ent_set":["alphine"]},{"type":"X","ent_set":["alphine","betacil"]}]"#,
                vec![],
                counts(0, 0, 2),
            ),
            (&union, r#"[{"type":"POS","ent_set":["betacil","betacillin"]}]"#, vec![], counts(0, 0, 1)),
            (
                &union,
                r#"[{"type":"POS","ent_set":["betacil","alphine"]},{"type":"NEG","ent_set":["alphine","betacillin"]}]"#,
                vec!["POS drug:alphine+drug:betacillin"],
                counts(0, 0, 1),
            ),
            (&union, r#"[{"type":"NO_COMB","ent_set":[]}]"#, vec![], counts(0, 0, 0)),
            (&union, "[]", vec![], counts(0, 0, 0)),
        ] {
            let grounded = ground(item, &format!("<think>x</think><answer>{list}</answer>")).unwrap();
            assert_eq!(show(&grounded), expected, "{list}");
            let got = grounded.counts;
            assert_eq!((got.unknown_drug, got.outside_sentence, got.malformed), lost, "{list}");
            let chars: Vec<char> = SENTENCE.chars().collect();
            for mention in &grounded.extraction.mentions {
                assert_eq!(chars[mention.start..mention.end].iter().collect::<String>(), mention.surface);
            }
            assert_eq!(grounded.extraction.context_start, -27);
        }
    }

    #[test]
    fn reasoning_is_kept_with_its_quotes_checked() {
        let item = item(SENTENCE, "Before.", &KNOWN, MentionPolicy::Union);
        let completion = "<think>\"with betacil\" and \"never said this\"</think>\
            <answer>[{'type': 'POS', 'ent_set': ['alphine', 'betacil']}]</answer>";
        let grounded = ground(&item, completion).unwrap();
        assert_eq!((grounded.counts.quotes, grounded.counts.quotes_verbatim), (2, 1));
        let reasoning = grounded.extraction.combinations[0].reasoning.as_deref();
        assert_eq!(reasoning, Some("\"with betacil\" and \"never said this\" [not in the text]"));
    }

    #[test]
    fn an_answer_without_a_list_is_an_error_that_shows_its_end() {
        let item = item(SENTENCE, "Before.", &KNOWN, MentionPolicy::Union);
        for completion in ["", "<think>long", "<answer>[{\"type\": \"POS\", \"ent_set\": [\"alph"] {
            let error = ground(&item, completion).unwrap_err();
            assert_eq!(error.reason, Reason::InvalidOutput);
            assert!(error.message.contains(completion), "{error}");
        }
    }

    proptest! {
        #[test]
        fn whatever_is_answered_surfaces_are_slices_and_sets_have_two_drugs(
            names in proptest::collection::vec(
                proptest::sample::select(vec!["alphine", "Betacil", "FOLGAM", "helped", "liposomal  alphine", "or", "İ", "", "nope"]),
                0..5,
            ),
            label in proptest::sample::select(vec!["POS", "NEG", "COMB", "NO_COMB", "x"]),
        ) {
            let item = item(SENTENCE, "İ.", &KNOWN, MentionPolicy::Union);
            let list = serde_json::json!([{"type": label, "ent_set": names}]).to_string();
            let grounded = ground(&item, &list).unwrap();
            let chars: Vec<char> = SENTENCE.chars().collect();
            for mention in &grounded.extraction.mentions {
                prop_assert_eq!(chars[mention.start..mention.end].iter().collect::<String>(), mention.surface.as_str());
            }
            for found in &grounded.extraction.combinations {
                prop_assert!(distinct_drugs(&grounded.extraction.mentions, &found.members).len() > 1);
                prop_assert!(found.members.is_sorted());
            }
        }
    }
}
