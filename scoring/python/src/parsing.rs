//! Answers and names.

use pyo3::prelude::*;
use rexdrug_scoring::answer::tolerant::{Dropped, Relation};
use rexdrug_scoring::answer::{strict, tolerant};
use rexdrug_scoring::names;
use serde_json::{Value, json};

use crate::convert::{error, task, to_python};

fn relations(relations: &[Relation<'_>]) -> Value {
    let item = |of: &Relation<'_>| json!({"type": of.label.as_str(), "ent_set": of.names, "names": of.drugs.iter().collect::<Vec<_>>()});
    relations.iter().map(item).collect()
}

fn reason(dropped: &Dropped) -> &'static str {
    match dropped {
        Dropped::Shape => "shape",
        Dropped::Label => "label",
        Dropped::Arity => "arity",
        Dropped::NoCombConflict => "no_comb_conflict",
        Dropped::Repeat => "repeat",
    }
}

/// What can be used of an answer: `parsed`, `think`, `relations` (type, ent_set as written, names as compared) and
/// `dropped` (why each other element was left out).
#[pyfunction]
#[pyo3(name = "parse_answer")]
pub fn parse_answer<'py>(py: Python<'py>, task_name: &str, completion: &str) -> PyResult<Bound<'py, PyAny>> {
    let answer = tolerant::read(task(task_name)?, completion);
    let dropped: Vec<&str> = answer.dropped.iter().map(reason).collect();
    let found = json!({
        "parsed": answer.parsed, "think": answer.think, "relations": relations(&answer.relations), "dropped": dropped,
    });
    to_python(py, &found)
}

/// An answer that follows the format in every point; `ValueError` says where it departs.
#[pyfunction]
pub fn parse_answer_strict<'py>(py: Python<'py>, task_name: &str, completion: &str) -> PyResult<Bound<'py, PyAny>> {
    let answer = strict::read(task(task_name)?, completion).map_err(error)?;
    to_python(py, &json!({"think": answer.think, "relations": relations(&answer.relations)}))
}

/// A drug name as names are compared: lower-cased, trimmed, inner white space collapsed.
#[pyfunction]
pub fn normalize_name(name: &str) -> String {
    names::normalize(name).into_owned()
}

/// Several drug names as they are compared.
#[pyfunction]
pub fn normalize_names(names: Vec<String>) -> Vec<String> {
    names.iter().map(|name| names::normalize(name).into_owned()).collect()
}
