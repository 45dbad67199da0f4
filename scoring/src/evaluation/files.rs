//! Prediction files in the published layouts, JSON Lines.
//!
//! | task | a line | matched to gold by |
//! |---|---|---|
//! | DrugComb | `{"doc_id", "drug_idxs": [0, 2], "relation_label": "POS"}`, one per relation | document |
//! | DrugComb | `{"response": "…[{\"type\", \"ent_set\"}]…"}`, one per item | `doc_id`, else order |
//! | DDI13 | `{"response": …}`, one per item | `id`, else order |
//!
//! `completion`, `output` and `prediction` are other names of `response`. Where a line carries the gold answer under
//! `labels`, it must be the one of its item: that is how a file of another split or order shows.

use std::collections::HashMap;
use std::io::BufRead;

use serde::Deserialize;
use serde_json::Value;

use super::ddi13::Answer;
use super::drugcomb::Alignment;
use super::prediction::Prediction;
use crate::answer::tolerant;
use crate::gold::{ddi13, drugcomb};
use crate::names::DrugSet;
use crate::task::{Label, Task};

/// A prediction file that does not fit.
#[derive(Debug, thiserror::Error)]
pub enum PredictionFileError {
    /// The source failed.
    #[error("prediction file line {line}: expected to read on, got {source}; check the file")]
    Io {
        /// Line, counted from 1.
        line: usize,
        /// What the source reported.
        source: std::io::Error,
    },
    /// A line is of no known layout.
    #[error("prediction file line {line}: expected {expected}, got {got}; see docs/evaluation.md for the layouts")]
    Layout {
        /// Line, counted from 1.
        line: usize,
        /// What would fit.
        expected: &'static str,
        /// What is wrong.
        got: String,
    },
    /// A line of an item that the gold file does not have.
    #[error("prediction file line {line}: expected an item of the gold file, got {got}; is it another split?")]
    Unknown {
        /// Line, counted from 1.
        line: usize,
        /// The item named.
        got: String,
    },
    /// Lines that carry no ids and are not as many as the items.
    #[error("prediction file: expected {expected} lines, one per gold item in its order, got {got}; add ids or lines")]
    Count {
        /// Items of the gold file.
        expected: usize,
        /// Lines of the prediction file.
        got: usize,
    },
    /// The gold answer of a line is not the one of its item.
    #[error("prediction file line {line}: its `labels` are not the gold of item {item}; is the order another one?")]
    Gold {
        /// Line, counted from 1.
        line: usize,
        /// The item.
        item: String,
    },
}

#[derive(Deserialize)]
struct Row {
    #[serde(default)]
    doc_id: Option<Value>,
    #[serde(default)]
    id: Option<Value>,
    #[serde(default)]
    drug_idxs: Option<Vec<u32>>,
    #[serde(default)]
    relation_label: Option<Value>,
    #[serde(default, alias = "completion", alias = "output", alias = "prediction")]
    response: Option<String>,
    #[serde(default)]
    labels: Option<String>,
}

impl Row {
    fn name(&self) -> Option<String> {
        self.doc_id.as_ref().or(self.id.as_ref()).map(|id| match id {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        })
    }
}

/// Reads predictions for DrugComb, one per item in the order of the items.
///
/// # Errors
/// [`PredictionFileError`] for the first line that does not fit.
pub fn read_drugcomb(
    source: impl BufRead,
    items: &[drugcomb::Item],
) -> Result<(Vec<Prediction>, Alignment), PredictionFileError> {
    let rows = rows(source)?;
    if rows.iter().any(|(_, row)| row.drug_idxs.is_some()) {
        return Ok((read_ids(&rows, items)?, Alignment::Spans));
    }
    let names: Vec<String> = items.iter().map(|item| item.doc_id.clone()).collect();
    let responses = responses(&rows, &names, |item, labels| {
        let Some(item) = items.get(item) else { return false };
        let gold = item.rels.iter().filter(|of| of.class != Label::NoComb);
        let sets = gold.map(|of| DrugSet::new(item.names(of)).into_owned()).collect();
        same_sets(Task::DrugComb, labels, sets)
    })?;
    let answer = |(item, response): (&drugcomb::Item, Option<String>)| match response {
        Some(response) => Prediction::from_answer(item, &response),
        None => Prediction::refused("the prediction file has no line for this item"),
    };
    Ok((items.iter().zip(responses).map(answer).collect(), Alignment::Names))
}

/// Reads answers for DDI13, one per item in the order of the items.
///
/// # Errors
/// [`PredictionFileError`] for the first line that does not fit.
pub fn read_ddi13(source: impl BufRead, items: &[ddi13::Item]) -> Result<Vec<Answer>, PredictionFileError> {
    let names: Vec<String> = items.iter().map(|item| item.id.to_string()).collect();
    let responses = responses(&rows(source)?, &names, |item, labels| {
        let gold = items.get(item).into_iter().flat_map(ddi13::Item::typed);
        same_sets(Task::Ddi13, labels, gold.map(|(_, names)| DrugSet::new(names).into_owned()).collect())
    })?;
    let answer = |response: Option<String>| match response {
        Some(response) => Answer { fault: unread(&response), response },
        None => Answer::refused("the prediction file has no line for this item"),
    };
    Ok(responses.into_iter().map(answer).collect())
}

fn unread(response: &str) -> Option<String> {
    let parsed = tolerant::read(Task::Ddi13, response).parsed;
    (!parsed).then(|| "no answer list could be read".to_owned())
}

fn rows(source: impl BufRead) -> Result<Vec<(usize, Row)>, PredictionFileError> {
    let expected = "an object with `response`, or with `doc_id`, `drug_idxs` and `relation_label`";
    let mut rows = Vec::new();
    for (index, text) in source.lines().enumerate() {
        let line = index + 1;
        let text = text.map_err(|source| PredictionFileError::Io { line, source })?;
        if text.trim().is_empty() {
            continue;
        }
        let row: Row = serde_json::from_str(&text).map_err(|error| PredictionFileError::Layout {
            line,
            expected,
            got: error.to_string(),
        })?;
        if row.response.is_none() && row.drug_idxs.is_none() {
            return Err(PredictionFileError::Layout { line, expected, got: "neither".to_owned() });
        }
        rows.push((line, row));
    }
    Ok(rows)
}

fn read_ids(rows: &[(usize, Row)], items: &[drugcomb::Item]) -> Result<Vec<Prediction>, PredictionFileError> {
    let places: HashMap<&str, usize> = items.iter().enumerate().map(|(at, item)| (item.doc_id.as_str(), at)).collect();
    let mut stated: Vec<Vec<(Label, Vec<u32>)>> = vec![Vec::new(); items.len()];
    for (line, row) in rows {
        let wrong = |got: String| PredictionFileError::Layout {
            line: *line,
            expected: "`doc_id`, `drug_idxs` and a `relation_label` of 0, 1, 2, POS, NEG, COMB or NO_COMB",
            got,
        };
        let ids = row.drug_idxs.as_ref().ok_or_else(|| wrong("no `drug_idxs`".to_owned()))?;
        let label = row.relation_label.as_ref().and_then(span_label);
        let label = label.ok_or_else(|| wrong(format!("relation_label {:?}", row.relation_label)))?;
        let name = row.name().ok_or_else(|| wrong("no `doc_id`".to_owned()))?;
        let place = places.get(name.as_str()).and_then(|&place| stated.get_mut(place));
        place.ok_or(PredictionFileError::Unknown { line: *line, got: name })?.push((label, ids.clone()));
    }
    Ok(items.iter().zip(stated).map(|(item, rows)| Prediction::from_ids(item, &rows)).collect())
}

/// The number 1 is the merged class of the leaderboard and reads as COMB.
fn span_label(value: &Value) -> Option<Label> {
    match value {
        Value::String(text) => Task::DrugComb.label_exact(text),
        Value::Number(number) => match number.as_i64()? {
            0 => Some(Label::NoComb),
            1 => Some(Label::Comb),
            2 => Some(Label::Pos),
            _ => None,
        },
        _ => None,
    }
}

/// One response per item, by id where the rows have ids, else by order.
fn responses(
    rows: &[(usize, Row)],
    names: &[String],
    is_gold_of: impl Fn(usize, &str) -> bool,
) -> Result<Vec<Option<String>>, PredictionFileError> {
    let by_name = rows.iter().all(|(_, row)| row.name().is_some());
    if !by_name && rows.len() != names.len() {
        return Err(PredictionFileError::Count { expected: names.len(), got: rows.len() });
    }
    let places: HashMap<&str, usize> = names.iter().enumerate().map(|(at, name)| (name.as_str(), at)).collect();
    let mut found = vec![None; names.len()];
    for (order, (line, row)) in rows.iter().enumerate() {
        let place = match row.name().filter(|_| by_name) {
            Some(name) => *places
                .get(name.as_str())
                .ok_or_else(|| PredictionFileError::Unknown { line: *line, got: name.clone() })?,
            None => order,
        };
        if row.labels.as_ref().is_some_and(|labels| !is_gold_of(place, labels)) {
            let item = names.get(place).cloned().unwrap_or_default();
            return Err(PredictionFileError::Gold { line: *line, item });
        }
        if let Some(slot) = found.get_mut(place) {
            slot.clone_from(&row.response);
        }
    }
    Ok(found)
}

/// Whether an answer states these sets, labels aside.
fn same_sets(task: Task, labels: &str, mut sets: Vec<DrugSet<'static>>) -> bool {
    let mut stated: Vec<DrugSet<'static>> =
        tolerant::read(task, labels).relations.into_iter().map(|relation| relation.drugs).collect();
    for sets in [&mut sets, &mut stated] {
        // The parser leaves out what has no two names; so does the comparison.
        sets.retain(|set| set.len() > 1);
        sets.sort_unstable();
        sets.dedup();
    }
    sets == stated
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::super::prediction::tests::item;
    use super::*;

    fn items() -> Vec<drugcomb::Item> {
        vec![item("a", "Abc plus Def", &[(Label::Pos, &[0, 1], false)]), item("b", "Abc or Def", &[])]
    }

    #[test]
    fn leaderboard_rows_are_matched_by_document() {
        let text = "{\"doc_id\": \"b\", \"drug_idxs\": [0, 1], \"relation_label\": 1}\n\n\
            {\"doc_id\": \"b\", \"drug_idxs\": [1], \"relation_label\": \"NO_COMB\"}";
        let (found, alignment) = read_drugcomb(text.as_bytes(), &items()).unwrap();
        assert_eq!((alignment, found[0].relations.len(), found[1].relations.len()), (Alignment::Spans, 0, 1));
        assert_eq!(found[1].relations[0].label, Label::Comb);
    }

    #[test]
    fn responses_are_matched_by_order_or_by_id() {
        let pos = r#"[{\"type\": \"POS\", \"ent_set\": [\"Abc\", \"Def\"]}]"#;
        let text = format!("{{\"response\": \"{pos}\", \"labels\": \"{pos}\"}}\n{{\"completion\": \"[]\"}}");
        let (found, alignment) = read_drugcomb(text.as_bytes(), &items()).unwrap();
        assert_eq!((alignment, found[0].relations.len()), (Alignment::Names, 1));
        let text = format!("{{\"doc_id\": \"b\", \"output\": \"{pos}\"}}");
        let (found, _) = read_drugcomb(text.as_bytes(), &items()).unwrap();
        assert!(found[0].fault.is_some() && found[1].relations.len() == 1);
    }

    #[test]
    fn what_does_not_fit_is_said_with_its_line() {
        let none = r#"{"response": "[]", "labels": "[]"}"#;
        for (text, message) in [
            ("{}", "line 1: expected an object with `response`"),
            ("\n[1]", "line 2: expected an object"),
            (r#"{"response": "[]"}"#, "expected 2 lines"),
            (r#"{"doc_id": "z", "response": "[]"}"#, "line 1: expected an item of the gold file, got z"),
            (r#"{"doc_id": "z", "drug_idxs": [0, 1], "relation_label": 2}"#, "got z"),
            (r#"{"doc_id": "a", "drug_idxs": [0, 1], "relation_label": 7}"#, "line 1: expected `doc_id`"),
            (&format!("{none}\n{none}"), "line 1: its `labels` are not the gold of item a"),
        ] {
            let error = read_drugcomb(text.as_bytes(), &items()).unwrap_err().to_string();
            assert!(error.contains(message), "{text}: {error}");
        }
    }

    #[test]
    fn ddi_answers_are_matched_by_number() {
        let line = r#"{"id": 7, "context": "x", "entities": [], "relations": []}"#;
        let items = [serde_json::from_str(line).unwrap()];
        let found = read_ddi13(&br#"{"id": 7, "response": "nothing"}"#[..], &items).unwrap();
        assert!(found[0].fault.is_some());
        assert!(read_ddi13(&br#"{"id": 8, "response": "[]"}"#[..], &items).is_err());
    }
}
