//! Automatic metrics of a reasoning trace: structure, length, faithfulness to the text, agreement with its answer.

pub mod agreement;
pub mod mention;
pub mod quote;
pub mod structure;

use serde::{Deserialize, Serialize};

use crate::answer::tolerant::Relation;
use crate::task::Task;

/// Shortest length wanted, in words.
pub const MIN_WORDS: usize = 80;
/// Greatest length wanted, in words.
pub const MAX_WORDS: usize = 220;

/// How many of a number of things hold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Share {
    /// Things that hold.
    pub hits: usize,
    /// All things looked at.
    pub total: usize,
}

impl Share {
    /// Counts what holds.
    pub fn of(items: impl IntoIterator<Item = bool>) -> Self {
        items.into_iter().fold(Self::default(), |share, holds| Self {
            hits: share.hits + usize::from(holds),
            total: share.total + 1,
        })
    }

    /// Between 0 and 1; `None` when there was nothing to look at.
    pub fn value(&self) -> Option<f64> {
        (self.total > 0).then(|| self.hits as f64 / self.total as f64)
    }

    /// Adds the counts of another trace.
    pub fn add(&mut self, other: Share) {
        self.hits += other.hits;
        self.total += other.total;
    }
}

/// What a trace is judged against.
#[derive(Clone, Copy, Debug)]
pub struct Trace<'a> {
    /// Task of the answer.
    pub task: Task,
    /// Text between the think tags.
    pub think: &'a str,
    /// Relations of the answer; empty for NO_COMB.
    pub relations: &'a [Relation<'a>],
    /// Sentence and context that the model saw.
    pub text: &'a str,
    /// Drug names to look for in the reasoning, for example what a lexicon finds in it; the names of the answer are
    /// always looked for.
    pub names: &'a [&'a str],
}

/// Metrics of one trace.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scores {
    /// Headed points found in order, 0 to 4.
    pub points: usize,
    /// Points whose heading is the one the format asks for, 0 to 4.
    pub titled: usize,
    /// Length in words (runs of characters that are no white space).
    pub words: usize,
    /// Drugs named in the reasoning that stand in the text.
    pub drugs_in_text: Share,
    /// Quoted passages of two or more words that are verbatim in the text.
    pub quotes_verbatim: Share,
    /// Relations of the answer whose drugs are all named in the reasoning.
    pub drugs_agree: Share,
    /// Labels of the answer that the conclusion states; nothing to look at when it states none.
    pub labels_agree: Share,
}

impl Scores {
    /// All four points are there, in order.
    pub fn is_structured(&self) -> bool {
        self.points == 4
    }

    /// The length is within [`MIN_WORDS`] and [`MAX_WORDS`].
    pub fn has_wanted_length(&self) -> bool {
        (MIN_WORDS..=MAX_WORDS).contains(&self.words)
    }
}

/// Judges one trace.
pub fn score(trace: &Trace<'_>) -> Scores {
    let outline = structure::Outline::of(trace.think);
    let think = mention::Searchable::new(trace.think);
    let text = mention::Searchable::new(trace.text);
    let answer_names = trace.relations.iter().flat_map(|relation| relation.names.iter().map(|name| name.as_ref()));
    let mut names: Vec<_> = trace.names.iter().copied().chain(answer_names).map(crate::names::normalize).collect();
    names.sort_unstable();
    names.dedup();
    let named = names.iter().filter(|name| think.mentions(name));
    let conclusion = outline.sections[3].unwrap_or(trace.think);
    Scores {
        points: outline.points,
        titled: outline.titled,
        words: trace.think.split_whitespace().count(),
        drugs_in_text: Share::of(named.map(|name| text.mentions(name))),
        quotes_verbatim: Share::of(quote::quotes(trace.think).into_iter().map(|q| q.is_verbatim_in(trace.text))),
        drugs_agree: Share::of(trace.relations.iter().map(|of| of.drugs.iter().all(|drug| think.mentions(drug)))),
        labels_agree: agreement::labels(trace.task, conclusion, trace.relations),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::answer::tolerant;

    const TEXT: &str = "Adding encorafenib to cetuximab improved overall survival. Binimetinib was not tested.";

    fn judge(think: &str, list: &str, names: &[&str]) -> Scores {
        let answer = tolerant::read(Task::DrugComb, list);
        score(&Trace { task: Task::DrugComb, think, relations: &answer.relations, text: TEXT, names })
    }

    #[test]
    fn judges_a_faithful_trace() {
        let think = "[1] Clinical scenario\n- tumour\n[2] Candidate drugs and regimen focus\n- Encorafenib, cetuximab\n\
            [3] Combination reasoning and clinical effect\n- \"improved overall survival\"\n\
            [4] Extraction-oriented clinical summary\n- the pair is beneficial";
        let found = judge(think, r#"[{"type": "POS", "ent_set": ["encorafenib", "cetuximab"]}]"#, &["encorafenib"]);
        assert_eq!((found.points, found.titled, found.is_structured()), (4, 4, true));
        assert_eq!(found.drugs_in_text, Share { hits: 2, total: 2 });
        assert_eq!(found.quotes_verbatim, Share { hits: 1, total: 1 });
        assert_eq!(found.drugs_agree.value(), Some(1.0));
        assert_eq!(found.labels_agree.value(), Some(1.0));
        assert!(!found.has_wanted_length());
    }

    #[test]
    fn judges_an_unfaithful_trace() {
        let think = "1. x\n2. encorafenib and trametinib\n3. \"improved survival greatly\"\n4. toxic";
        let found = judge(think, r#"[{"type": "POS", "ent_set": ["encorafenib", "cetuximab"]}]"#, &["trametinib"]);
        assert_eq!(found.drugs_in_text, Share { hits: 1, total: 2 });
        assert_eq!(found.quotes_verbatim, Share { hits: 0, total: 1 });
        assert_eq!(found.drugs_agree, Share { hits: 0, total: 1 });
        assert_eq!(found.labels_agree, Share { hits: 0, total: 1 });
        assert_eq!((found.points, found.titled), (4, 0));
    }
}
