//! DrugComb items: a sentence with its drug spans, relations over span ids, and the paragraph around it.

use std::io::BufRead;

use serde::{Deserialize, Serialize};

use super::GoldFileError;
use crate::breakdown::Labelled;
use crate::names::DrugSet;
use crate::published::leaderboard::{SpanLabel, SpanRelation};
use crate::reward::Gold;
use crate::task::{Label, Task};

/// A drug mention.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Span {
    /// Id within the item; relations refer to it.
    pub span_id: u32,
    /// The name as annotated. Not always the text at the offsets: see [`Item::misaligned_spans`].
    pub text: String,
    /// First character of the mention in the sentence (characters, not bytes).
    pub start: usize,
    /// Character behind the mention.
    pub end: usize,
    /// First token.
    #[serde(default)]
    pub token_start: Option<usize>,
    /// Token behind the mention.
    #[serde(default)]
    pub token_end: Option<usize>,
}

/// A relation over spans.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Relation {
    /// POS, NEG or COMB.
    pub class: Label,
    /// Ids of the spans that take part.
    pub spans: Vec<u32>,
    /// Whether the label could only be given with the paragraph.
    #[serde(default)]
    pub is_context_needed: bool,
}

/// One sentence with its annotation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Item {
    /// Identifier of the sentence.
    pub doc_id: String,
    /// The sentence, tokens separated by spaces.
    pub sentence: String,
    /// Its drug mentions.
    pub spans: Vec<Span>,
    /// Its combinations; none means NO_COMB.
    pub rels: Vec<Relation>,
    /// The paragraph the sentence comes from.
    #[serde(default)]
    pub paragraph: String,
    /// Where it was found.
    #[serde(default)]
    pub source: Option<String>,
}

/// Reads a file of items, one JSON object per line.
///
/// # Errors
/// [`GoldFileError`] for the first line that cannot be read or whose relations name a span that is not there.
pub fn read(source: impl BufRead) -> Result<Vec<Item>, GoldFileError> {
    let mut items = Vec::new();
    for (line, item) in super::lines::<Item>(source, "a DrugComb item (doc_id, sentence, spans, rels)")? {
        let unknown = item.rels.iter().flat_map(|relation| &relation.spans).find(|id| item.span(**id).is_none());
        if let Some(&span) = unknown {
            return Err(GoldFileError::Span { line, doc_id: item.doc_id.clone(), span });
        }
        items.push(item);
    }
    Ok(items)
}

impl Item {
    /// The span with an id.
    pub fn span(&self, id: u32) -> Option<&Span> {
        self.spans.iter().find(|span| span.span_id == id)
    }

    /// Names of the drugs of a relation, in its order.
    pub fn names<'i>(&'i self, relation: &'i Relation) -> impl Iterator<Item = &'i str> {
        relation.spans.iter().filter_map(|id| self.span(*id)).map(|span| span.text.as_str())
    }

    /// The relations as rows of a leaderboard file.
    pub fn span_relations(&self) -> Vec<SpanRelation> {
        let label = |class| if class == Label::Pos { SpanLabel::Pos } else { SpanLabel::Comb };
        let row = |relation: &Relation| SpanRelation {
            doc_id: self.doc_id.clone(),
            drug_idxs: relation.spans.clone(),
            relation_label: label(relation.class),
        };
        self.rels.iter().filter(|relation| relation.class != Label::NoComb).map(row).collect()
    }

    /// The gold answer by names, for rewards.
    pub fn gold(&self) -> Gold {
        let relations = self.rels.iter().map(|relation| (relation.class, DrugSet::new(self.names(relation))));
        Gold::new(Task::DrugComb, relations)
    }

    /// The relations for a breakdown, as sets of span ids.
    pub fn labelled(&self) -> Vec<Labelled<u32>> {
        let relations = self.rels.iter().filter(|relation| relation.class != Label::NoComb);
        relations
            .map(|relation| {
                Labelled::new(relation.spans.iter().copied(), relation.class)
                    .needing_context(relation.is_context_needed)
            })
            .collect()
    }

    /// Spans whose name is not the text at their offsets (the published file has a few).
    pub fn misaligned_spans(&self) -> Vec<&Span> {
        let slice = |span: &Span| -> String {
            self.sentence.chars().skip(span.start).take(span.end.saturating_sub(span.start)).collect()
        };
        self.spans.iter().filter(|span| slice(span) != span.text).collect()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    fn line(rel_spans: &str) -> String {
        format!(
            r#"{{"doc_id": "d", "sentence": "α and Vitamin C", "spans": [
            {{"span_id": 0, "text": "α", "start": 0, "end": 1, "token_start": 0, "token_end": 1}},
            {{"span_id": 1, "text": "vitamin C", "start": 6, "end": 15, "token_start": 2, "token_end": 4}}],
            "rels": [{{"class": "NEG", "spans": {rel_spans}, "is_context_needed": true}}],
            "paragraph": "p", "source": null}}"#
        )
        .replace('\n', "")
    }

    #[test]
    fn reads_an_item_with_character_offsets() {
        let items = read(line("[1, 0]").as_bytes()).unwrap();
        let item = &items[0];
        assert_eq!(item.names(&item.rels[0]).collect::<Vec<_>>(), ["vitamin C", "α"]);
        assert_eq!(item.misaligned_spans(), [&item.spans[1]]);
        assert_eq!(item.span_relations()[0].relation_label, SpanLabel::Comb);
        assert_eq!(item.labelled()[0].needs_context, Some(true));
        assert!(!item.gold().is_no_comb());
    }

    #[test]
    fn says_which_line_is_wrong() {
        let text = format!("\n{}\n{}", line("[0, 1]"), line("[0, 7]"));
        assert_eq!(
            read(text.as_bytes()).unwrap_err().to_string(),
            "gold file line 3: expected span ids of document d, got 7; check the relations"
        );
        assert!(read(&b"{}"[..]).unwrap_err().to_string().starts_with("gold file line 1: expected a DrugComb item"));
    }
}
