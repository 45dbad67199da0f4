//! DDI13: micro and macro F1 over the four types, breakdown by type, and cases.

use crate::answer::tolerant;
use crate::breakdown::{Breakdown, Labelled};
use crate::gold::ddi13::Item;
use crate::mended;
use crate::names::normalize;
use crate::published;
use crate::published::ddi13::Report;
use crate::rows::{AnswerRow, RowError};
use crate::task::{Label, Task};

use super::{Case, CaseRelation, Causes, Mark, MarkKind};

/// The answer to one sentence.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Answer {
    /// The list of typed pairs as text; see [`Answer::from_pairs`] for systems that give no text.
    pub response: String,
    /// Why there is none.
    pub fault: Option<String>,
}

impl Answer {
    /// Typed pairs of names; none is NO_COMB.
    pub fn from_pairs<'a>(pairs: impl IntoIterator<Item = (Label, [&'a str; 2])>) -> Self {
        let item = |(label, names): (Label, [&str; 2])| serde_json::json!({"type": label.as_str(), "ent_set": names});
        let mut items: Vec<serde_json::Value> = pairs.into_iter().map(item).collect();
        if items.is_empty() {
            items.push(serde_json::json!({"type": "NO_COMB", "ent_set": []}));
        }
        Self { response: serde_json::Value::Array(items).to_string(), fault: None }
    }

    /// No answer, and why.
    pub fn refused(reason: impl Into<String>) -> Self {
        Self { fault: Some(reason.into()), ..Self::from_pairs([]) }
    }
}

/// Everything about one set of answers.
#[derive(Clone, Debug, PartialEq)]
pub struct Evaluation {
    /// Pairs as sets over the four types: the figures to report.
    pub scores: Report,
    /// The published script, which counts NO_COMB as a fifth type.
    pub published: Report,
    /// Outcomes by type.
    pub breakdown: Breakdown,
    /// Wrong relations by cause.
    pub causes: Causes,
    /// Items without an answer.
    pub refused: usize,
    /// Every item.
    pub cases: Vec<Case>,
}

/// Judges answers, one per item in the order of the items; missing ones count as NO_COMB.
///
/// # Errors
/// [`RowError`] never for items that were read by this crate: their gold answers are written here.
pub fn evaluate(items: &[Item], answers: &[Answer]) -> Result<Evaluation, RowError> {
    let nothing = Answer::from_pairs([]);
    let (mut breakdown, mut causes) = (Breakdown::default(), Causes::default());
    let (mut rows, mut cases) = (Vec::with_capacity(items.len()), Vec::with_capacity(items.len()));
    let mut refused = 0;
    for (index, item) in items.iter().enumerate() {
        let answer = answers.get(index).unwrap_or(&nothing);
        refused += usize::from(answer.fault.is_some());
        let (gold, pred) = (item.labelled(), labelled(&answer.response));
        breakdown.add(&gold, &pred);
        let case = case(item, answer, &gold, &pred);
        case.count(&mut causes);
        cases.push(case);
        rows.push(AnswerRow { labels: gold_answer(item), response: answer.response.clone() });
    }
    let (scores, published) = (mended::ddi13::evaluate(&rows)?, published::ddi13::evaluate(&rows)?);
    Ok(Evaluation { scores, published, breakdown, causes, refused, cases })
}

fn gold_answer(item: &Item) -> String {
    let pair = |(label, names): (Label, &[String])| serde_json::json!({"type": label.as_str(), "ent_set": names});
    let items: Vec<serde_json::Value> = item.typed().map(pair).collect();
    if items.is_empty() { Answer::from_pairs([]).response } else { serde_json::Value::Array(items).to_string() }
}

fn labelled(response: &str) -> Vec<Labelled<String>> {
    let answer = tolerant::read(Task::Ddi13, response);
    answer.relations.iter().map(|of| Labelled::new(of.drugs.iter().map(str::to_owned), of.label)).collect()
}

fn case(item: &Item, answer: &Answer, gold: &[Labelled<String>], pred: &[Labelled<String>]) -> Case {
    let known: Vec<_> = item.entities.iter().map(|entity| normalize(&entity.entity)).collect();
    let judge = |relation: &Labelled<String>, others: &[Labelled<String>]| {
        let all_known = relation.members.iter().all(|name| known.iter().any(|other| other.as_ref() == name));
        CaseRelation::judge(relation, others, relation.members.clone(), all_known)
    };
    let marks =
        item.mentions().into_iter().map(|found| Mark { start: found.start, end: found.end, kind: MarkKind::Found });
    Case {
        id: item.id.to_string(),
        text: item.context.clone(),
        context: String::new(),
        marks: marks.collect(),
        gold: gold.iter().map(|relation| judge(relation, pred)).collect(),
        pred: pred.iter().map(|relation| judge(relation, gold)).collect(),
        fault: answer.fault.clone(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::super::Cause;
    use super::*;

    fn items() -> Vec<Item> {
        let lines = [
            r#"{"id": 0, "context": "alpha raises beta and gamma", "entities": [{"entity": "alpha"}, {"entity": "beta"},
                {"entity": "gamma"}], "relations": [{"type": "mechanism", "ent_sets": ["alpha", "beta"]},
                {"type": "effect", "ent_sets": ["alpha", "gamma"]}, {"type": "other", "ent_sets": ["beta", "gamma"]}]}"#,
            r#"{"id": 1, "context": "alpha or beta", "entities": [{"entity": "alpha"}, {"entity": "beta"}],
                "relations": []}"#,
        ];
        lines.iter().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    #[test]
    fn four_types_count_and_no_interaction_earns_nothing() {
        let items = items();
        let right = [(Label::Mechanism, ["Beta", "alpha"]), (Label::Effect, ["alpha", "gamma"])];
        let found = evaluate(&items, &[Answer::from_pairs(right), Answer::from_pairs([])]).unwrap();
        assert_eq!((found.scores.micro.f1, found.scores.macro_f1), (1.0, 0.5), "two of four types occur");
        assert_eq!(found.scores.per_type[&Label::Mechanism].support, 1);
        assert!(found.published.per_type.contains_key(&Label::NoComb));
        let none = evaluate(&items, &[]).unwrap();
        assert_eq!(none.scores.micro.f1, 0.0);
        assert!(none.published.micro.f1 > 0.0);
    }

    #[test]
    fn causes_are_told_apart() {
        let wrong =
            [(Label::Int, ["alpha", "beta"]), (Label::Effect, ["alpha", "delta"]), (Label::Int, ["beta", "gamma"])];
        let found = evaluate(&items(), &[Answer::from_pairs(wrong), Answer::refused("too long")]).unwrap();
        assert_eq!(found.causes.pred, [(Cause::Mention, 1), (Cause::Set, 1), (Cause::Label, 1)].into());
        assert_eq!(found.causes.gold, [(Cause::Set, 1), (Cause::Label, 1)].into());
        assert_eq!(found.refused, 1);
        assert_eq!(found.cases[0].marks.len(), 3);
    }
}
