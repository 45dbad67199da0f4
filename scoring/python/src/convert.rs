//! Values in and out.

use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedStr;
use pyo3::types::{PyDict, PyList, PyString};
use rexdrug_scoring::task::Task;
use serde_json::Value;

/// A task by name.
pub fn task(name: &str) -> PyResult<Task> {
    match name {
        "drugcomb" => Ok(Task::DrugComb),
        "ddi13" | "ddi" => Ok(Task::Ddi13),
        other => Err(PyValueError::new_err(format!("task: expected drugcomb or ddi13, got {other}"))),
    }
}

/// An error of the library.
pub fn error(error: impl std::fmt::Display) -> PyErr {
    PyValueError::new_err(error.to_string())
}

/// JSON as Python objects.
pub fn to_python<'py>(py: Python<'py>, value: &Value) -> PyResult<Bound<'py, PyAny>> {
    Ok(match value {
        Value::Null => py.None().into_bound(py),
        Value::Bool(flag) => flag.into_pyobject(py)?.to_owned().into_any(),
        Value::Number(number) => match (number.as_i64(), number.as_f64()) {
            (Some(whole), _) => whole.into_pyobject(py)?.into_any(),
            (None, real) => real.into_pyobject(py)?.into_any(),
        },
        Value::String(text) => text.into_pyobject(py)?.into_any(),
        Value::Array(items) => {
            let items = items.iter().map(|item| to_python(py, item)).collect::<PyResult<Vec<_>>>()?;
            PyList::new(py, items)?.into_any()
        }
        Value::Object(entries) => {
            let dict = PyDict::new(py);
            for (key, value) in entries {
                dict.set_item(key, to_python(py, value)?)?;
            }
            dict.into_any()
        }
    })
}

/// Anything that serialises, as Python objects.
pub fn serialized<'py>(py: Python<'py>, value: &impl serde::Serialize) -> PyResult<Bound<'py, PyAny>> {
    to_python(py, &serde_json::to_value(value).map_err(error)?)
}

/// A string out of a dictionary.
pub fn text(row: &Bound<'_, PyDict>, key: &str, index: usize) -> PyResult<String> {
    let missing = || PyValueError::new_err(format!("row {}: expected a string under `{key}`", index + 1));
    row.get_item(key)?.ok_or_else(missing)?.extract().map_err(|_| missing())
}

/// Completions as TRL gives them: strings, or lists of messages whose last one is the answer.
pub fn completions(given: &Bound<'_, PyList>) -> PyResult<Vec<PyBackedStr>> {
    given.iter().map(|completion| one_completion(&completion)).collect()
}

fn one_completion(completion: &Bound<'_, PyAny>) -> PyResult<PyBackedStr> {
    if let Ok(text) = completion.cast::<PyString>() {
        return text.clone().try_into();
    }
    let wrong = || PyTypeError::new_err("completions: expected strings or lists of messages with `content`");
    let messages = completion.cast::<PyList>().map_err(|_| wrong())?;
    let last = messages.iter().next_back().ok_or_else(wrong)?;
    let last = last.cast::<PyDict>().map_err(|_| wrong())?;
    last.get_item("content")?.ok_or_else(wrong)?.extract().map_err(|_| wrong())
}
