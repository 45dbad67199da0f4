//! What a system found in an item, aligned to the gold spans.
//!
//! | a system gives | aligned by |
//! |---|---|
//! | spans | equal start and equal end, nothing else: a span that is one character off is another drug |
//! | span ids | the ids themselves |
//! | names | equal normalised names; all spans of one name then count as its first span, in gold as well |

use crate::answer::tolerant;
use crate::gold::drugcomb::Item;
use crate::names::normalize;
use crate::task::{Label, Task};

/// A drug that a system named in a sentence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundDrug {
    /// The name as it stands in the sentence or the answer.
    pub text: String,
    /// Characters of the sentence, half-open; none where the system gives names only.
    pub span: Option<(usize, usize)>,
    /// The gold span it is.
    pub gold: Option<u32>,
}

/// A relation that a system states.
#[derive(Clone, Debug, PartialEq)]
pub struct FoundRelation {
    /// Its label.
    pub label: Label,
    /// Indices into [`Prediction::drugs`].
    pub members: Vec<usize>,
    /// How sure the system is, where it says so.
    pub confidence: Option<f64>,
}

/// What a system found in one item.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Prediction {
    /// The drugs.
    pub drugs: Vec<FoundDrug>,
    /// The relations.
    pub relations: Vec<FoundRelation>,
    /// The answer as given, where the system answers in text; rules over text judge it as it is.
    pub response: Option<String>,
    /// Why there is no answer.
    pub fault: Option<String>,
}

impl Prediction {
    /// From spans of the sentence (start, end, text) and relations over their indices.
    pub fn from_spans(item: &Item, spans: Vec<(usize, usize, String)>, relations: Vec<FoundRelation>) -> Self {
        let drug = |(start, end, text)| {
            let gold = item.spans.iter().find(|span| (span.start, span.end) == (start, end)).map(|span| span.span_id);
            FoundDrug { text, span: Some((start, end)), gold }
        };
        Self { drugs: spans.into_iter().map(drug).collect(), relations, ..Self::default() }
    }

    /// From span ids: every gold span is found, an id without a span is a drug of its own.
    pub fn from_ids(item: &Item, rows: &[(Label, Vec<u32>)]) -> Self {
        let mut drugs: Vec<FoundDrug> = item.spans.iter().map(given).collect();
        let mut unknown: Vec<u32> = Vec::new();
        let mut relations = Vec::new();
        for (label, ids) in rows.iter().filter(|(label, _)| *label != Label::NoComb) {
            let mut members: Vec<usize> = Vec::with_capacity(ids.len());
            for id in ids {
                let place = item.spans.iter().position(|span| span.span_id == *id).unwrap_or_else(|| {
                    item.spans.len()
                        + unknown.iter().position(|other| other == id).unwrap_or_else(|| {
                            unknown.push(*id);
                            drugs.push(FoundDrug { text: format!("span {id}"), span: None, gold: None });
                            unknown.len() - 1
                        })
                });
                members.push(place);
            }
            relations.push(FoundRelation { label: *label, members, confidence: None });
        }
        Self { drugs, relations, ..Self::default() }
    }

    /// From an answer in text, read tolerantly; names become the first gold span of that name.
    pub fn from_answer(item: &Item, response: &str) -> Self {
        let answer = tolerant::read(Task::DrugComb, response);
        let mut drugs: Vec<FoundDrug> = Vec::new();
        let mut relations = Vec::new();
        for relation in &answer.relations {
            let mut members = Vec::with_capacity(relation.drugs.len());
            for name in relation.drugs.iter() {
                let place = drugs.iter().position(|drug| normalize(&drug.text) == name).unwrap_or_else(|| {
                    let span = item.spans.iter().find(|span| normalize(&span.text) == name);
                    let place = span.map(|span| (span.start, span.end));
                    drugs.push(FoundDrug { text: name.to_owned(), span: place, gold: span.map(|span| span.span_id) });
                    drugs.len() - 1
                });
                members.push(place);
            }
            relations.push(FoundRelation { label: relation.label, members, confidence: None });
        }
        let fault = (!answer.parsed).then(|| "no answer list could be read".to_owned());
        Self { drugs, relations, response: Some(response.to_owned()), fault }
    }

    /// No answer, and why.
    pub fn refused(reason: impl Into<String>) -> Self {
        Self { fault: Some(reason.into()), ..Self::default() }
    }

    /// The drugs of a relation.
    pub fn drugs_of<'p>(&'p self, relation: &'p FoundRelation) -> impl Iterator<Item = &'p FoundDrug> {
        relation.members.iter().filter_map(|member| self.drugs.get(*member))
    }
}

fn given(span: &crate::gold::drugcomb::Span) -> FoundDrug {
    FoundDrug { text: span.text.clone(), span: Some((span.start, span.end)), gold: Some(span.span_id) }
}

#[cfg(test)]
pub(crate) mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    /// An item over words: every word that starts with a capital letter is a span.
    pub(crate) fn item(doc_id: &str, sentence: &str, rels: &[(Label, &[u32], bool)]) -> Item {
        let mut spans = Vec::new();
        let mut at = 0;
        for word in sentence.split(' ') {
            let end = at + word.chars().count();
            if word.starts_with(char::is_uppercase) {
                let span_id = spans.len() as u32;
                let (text, token_start, token_end) = (word.to_owned(), None, None);
                spans.push(crate::gold::drugcomb::Span { span_id, text, start: at, end, token_start, token_end });
            }
            at = end + 1;
        }
        let rels = rels.iter().map(|(class, spans, is_context_needed)| crate::gold::drugcomb::Relation {
            class: *class,
            spans: spans.to_vec(),
            is_context_needed: *is_context_needed,
        });
        Item {
            doc_id: doc_id.to_owned(),
            sentence: sentence.to_owned(),
            spans,
            rels: rels.collect(),
            paragraph: format!("Before. {sentence} After."),
            source: None,
        }
    }

    #[test]
    fn spans_align_only_when_both_ends_agree() {
        let item = item("d", "Abc plus Def", &[]);
        let spans = vec![(0, 3, "Abc".to_owned()), (9, 11, "De".to_owned()), (4, 8, "plus".to_owned())];
        let found = Prediction::from_spans(&item, spans, Vec::new());
        assert_eq!(found.drugs.iter().map(|drug| drug.gold).collect::<Vec<_>>(), [Some(0), None, None]);
    }

    #[test]
    fn ids_without_a_span_and_names_without_a_drug_stay_apart() {
        let item = item("d", "Abc plus Def or Abc", &[]);
        let found = Prediction::from_ids(&item, &[(Label::Pos, vec![0, 9]), (Label::Comb, vec![9, 8, 1])]);
        assert_eq!(found.relations[0].members, [0, 3]);
        assert_eq!(found.relations[1].members, [3, 4, 1]);
        assert_eq!(found.drugs[3].gold, None);
        let answer = r#"so [{"type": "pos", "ent_set": ["ABC", "ghi"]}, {"type": "NEG", "ent_set": ["def", "Ghi"]}]"#;
        let found = Prediction::from_answer(&item, answer);
        assert_eq!(found.drugs.iter().map(|drug| drug.gold).collect::<Vec<_>>(), [Some(0), None, Some(1)]);
        assert_eq!(found.relations[1].members, [2, 1]);
        assert!(Prediction::from_answer(&item, "none").fault.is_some());
    }
}
