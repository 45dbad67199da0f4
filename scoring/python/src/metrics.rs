//! Metrics over whole files.

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedStr;
use pyo3::types::{PyDict, PyList};
use rexdrug_scoring::answer::tolerant;
use rexdrug_scoring::published::leaderboard::SpanRelation;
use rexdrug_scoring::reasoning::{self, Trace};
use rexdrug_scoring::rows::AnswerRow;
use rexdrug_scoring::{mended, published};
use serde_json::{Value, json};

use crate::convert::{completions as texts, error, serialized, task, text, to_python};

fn answer_rows(rows: &Bound<'_, PyList>) -> PyResult<Vec<AnswerRow>> {
    rows.iter()
        .enumerate()
        .map(|(index, row)| {
            let row = row.cast::<PyDict>().map_err(|_| error(format!("row {}: expected a dictionary", index + 1)))?;
            Ok(AnswerRow { labels: text(row, "labels", index)?, response: text(row, "response", index)? })
        })
        .collect()
}

fn span_rows(rows: &Bound<'_, PyList>) -> PyResult<Vec<SpanRelation>> {
    rows.iter()
        .enumerate()
        .map(|(index, row)| {
            let wrong = |what: &str| error(format!("row {}: {what}", index + 1));
            let row = row.cast::<PyDict>().map_err(|_| wrong("expected a dictionary"))?;
            let ids: Vec<u32> = row
                .get_item("drug_idxs")?
                .and_then(|ids| ids.extract().ok())
                .ok_or_else(|| wrong("expected a list of span ids under `drug_idxs`"))?;
            let label = row.get_item("relation_label")?.ok_or_else(|| wrong("expected `relation_label`"))?;
            let label: Value = match (label.extract::<i64>(), label.extract::<String>()) {
                (Ok(number), _) => number.into(),
                (Err(_), Ok(name)) => name.into(),
                _ => return Err(wrong("relation_label: expected a number or a name")),
            };
            let value = json!({"doc_id": text(row, "doc_id", index)?, "drug_idxs": ids, "relation_label": label});
            serde_json::from_value(value).map_err(|fault| wrong(&fault.to_string()))
        })
        .collect()
}

/// DrugComb by the RexDrug rule over rows with `labels` and `response`; the mended rule beside it on request.
#[pyfunction]
#[pyo3(signature = (rows, mended = false))]
pub fn drugcomb_metrics<'py>(py: Python<'py>, rows: &Bound<'py, PyList>, mended: bool) -> PyResult<Bound<'py, PyAny>> {
    let rows = answer_rows(rows)?;
    if mended {
        let report = py.detach(|| mended::drugcomb::evaluate(&rows)).map_err(error)?;
        return serialized(py, &report);
    }
    let report = py.detach(|| published::drugcomb::evaluate(&rows)).map_err(error)?;
    serialized(py, &report)
}

/// DrugComb by the leaderboard rule over rows with `doc_id`, `drug_idxs` and `relation_label`.
#[pyfunction]
#[pyo3(signature = (gold, predictions, mended = false))]
pub fn leaderboard_metrics<'py>(
    py: Python<'py>,
    gold: &Bound<'py, PyList>,
    predictions: &Bound<'py, PyList>,
    mended: bool,
) -> PyResult<Bound<'py, PyAny>> {
    let (gold, predictions) = (span_rows(gold)?, span_rows(predictions)?);
    let scores = py.detach(|| match mended {
        true => mended::leaderboard::score(&gold, &predictions),
        false => published::leaderboard::score(&gold, &predictions),
    });
    serialized(py, &scores)
}

/// DDI13 over rows with `labels` and `response`: as published (NO_COMB is a type), or mended (four types).
#[pyfunction]
#[pyo3(signature = (rows, mended = false))]
pub fn ddi13_metrics<'py>(py: Python<'py>, rows: &Bound<'py, PyList>, mended: bool) -> PyResult<Bound<'py, PyAny>> {
    let rows = answer_rows(rows)?;
    let report = py.detach(|| match mended {
        true => mended::ddi13::evaluate(&rows),
        false => published::ddi13::evaluate(&rows),
    });
    serialized(py, &report.map_err(error)?)
}

/// Automatic metrics of reasoning traces, one dictionary per completion; shares are `{"hits", "total"}`.
///
/// `texts` are the sentence and context each model saw; `names` drug names to look for, beside those of the answer.
#[pyfunction]
#[pyo3(signature = (task, completions, texts, names = None))]
pub fn reasoning_metrics<'py>(
    py: Python<'py>,
    task: &str,
    completions: &Bound<'py, PyList>,
    texts: Vec<String>,
    names: Option<Vec<Vec<String>>>,
) -> PyResult<Bound<'py, PyAny>> {
    let task = crate::metrics::task(task)?;
    let completions = self::texts(completions)?;
    let names = names.unwrap_or_else(|| vec![Vec::new(); completions.len()]);
    if texts.len() != completions.len() || names.len() != completions.len() {
        let message = format!("texts and names: expected {} values, one per completion", completions.len());
        return Err(PyValueError::new_err(message));
    }
    let scores: Vec<Value> = py.detach(|| {
        let one = |((completion, text), names): ((&PyBackedStr, &String), &Vec<String>)| {
            let answer = tolerant::read(task, completion);
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            let think = answer.think.unwrap_or("");
            let found = reasoning::score(&Trace { task, think, relations: &answer.relations, text, names: &names });
            json!({
                "has_think": answer.think.is_some(), "points": found.points, "titled": found.titled,
                "structured": found.is_structured(), "words": found.words,
                "wanted_length": found.has_wanted_length(), "drugs_in_text": found.drugs_in_text,
                "quotes_verbatim": found.quotes_verbatim, "drugs_agree": found.drugs_agree,
                "labels_agree": found.labels_agree,
            })
        };
        completions.iter().zip(&texts).zip(&names).map(one).collect()
    });
    to_python(py, &Value::Array(scores))
}
