//! The four rewards, published and mended, in batches.

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedStr;
use pyo3::types::{PyDict, PyList, PyString};
use rexdrug_scoring::reward::{Gold, RewardParts, Weights};
use rexdrug_scoring::task::Task;
use rexdrug_scoring::{mended, published};

use crate::convert::{completions as texts, error, task};

/// One of the four parts.
type Pick = fn(&RewardParts) -> f64;

/// Which rules judge.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Rules {
    /// As published, over tagged completions.
    Completion,
    /// As published, over bare answers.
    Answer,
    /// Without the quirks.
    Mended,
}

impl Rules {
    fn judge(self, text: &str, gold: &Gold) -> RewardParts {
        match self {
            Self::Completion => published::rewards::completion(text, gold),
            Self::Answer => published::rewards::answer(text, gold),
            Self::Mended => mended::rewards::completion(text, gold),
        }
    }
}

/// Rewards of many completions. `solutions` may be fewer: none judges format and think alone.
fn judge_all(
    rules: Rules,
    tasks: &[Task],
    texts: &[PyBackedStr],
    solutions: &[PyBackedStr],
) -> PyResult<Vec<RewardParts>> {
    let mut last: Option<(Task, &str, Gold)> = None;
    let mut found = Vec::with_capacity(texts.len());
    for (index, (text, &task)) in texts.iter().zip(tasks).enumerate() {
        let solution = solutions.get(index).map_or("[]", |solution| solution);
        // The generations of one prompt follow each other and share their solution.
        let known = last.as_ref().is_some_and(|(of, text, _)| *of == task && *text == solution);
        if !known {
            last = Some((task, solution, Gold::parse(task, solution).map_err(|wrong| at(index, wrong))?));
        }
        if let Some((_, _, gold)) = &last {
            found.push(rules.judge(text, gold));
        }
    }
    Ok(found)
}

fn at(index: usize, wrong: impl std::fmt::Display) -> PyErr {
    error(format!("row {}: {wrong}", index + 1))
}

/// One task for all completions, or one for each.
fn tasks(given: Option<&Bound<'_, PyAny>>, count: usize) -> PyResult<Vec<Task>> {
    let Some(given) = given else { return Ok(vec![Task::DrugComb; count]) };
    if let Ok(name) = given.cast::<PyString>() {
        return Ok(vec![task(name.to_str()?)?; count]);
    }
    let names: Vec<PyBackedStr> = given.extract()?;
    same_length("task", names.len(), count)?;
    names.iter().map(|name| task(name)).collect()
}

fn same_length(what: &str, got: usize, expected: usize) -> PyResult<()> {
    if got == expected {
        return Ok(());
    }
    Err(PyValueError::new_err(format!("{what}: expected {expected} values, one per completion, got {got}")))
}

/// All four rewards of many completions, and their published weighted sum, as lists.
///
/// `rules` is `published` (tagged completions), `published_answer` (the bare list, as the functions without reasoning see
/// it) or `mended`. `task` is one name or one per completion.
#[pyfunction]
#[pyo3(signature = (task, completions, solutions, rules = "published"))]
pub fn rewards<'py>(
    py: Python<'py>,
    task: &Bound<'py, PyAny>,
    completions: &Bound<'py, PyList>,
    solutions: Vec<PyBackedStr>,
    rules: &str,
) -> PyResult<Bound<'py, PyDict>> {
    let rules = match rules {
        "published" => Rules::Completion,
        "published_answer" => Rules::Answer,
        "mended" => Rules::Mended,
        other => {
            let message = format!("rules: expected published, published_answer or mended, got {other}");
            return Err(PyValueError::new_err(message));
        }
    };
    let texts = texts(completions)?;
    same_length("solutions", solutions.len(), texts.len())?;
    let tasks = tasks(Some(task), texts.len())?;
    let parts = py.detach(|| judge_all(rules, &tasks, &texts, &solutions))?;
    let weights = Weights::default();
    let found = PyDict::new(py);
    let columns: [(&str, Pick); 4] = [
        ("format", |parts| parts.format),
        ("think", |parts| parts.think),
        ("coverage", |parts| parts.coverage),
        ("accuracy", |parts| parts.accuracy),
    ];
    for (name, pick) in columns {
        found.set_item(name, parts.iter().map(pick).collect::<Vec<f64>>())?;
    }
    found.set_item("total", parts.iter().map(|parts| parts.total(&weights)).collect::<Vec<f64>>())?;
    Ok(found)
}

/// One part in the signature of TRL: keyword arguments are columns of the data set.
fn trl(
    py: Python<'_>,
    rules: Rules,
    pick: Pick,
    completions: &Bound<'_, PyList>,
    solution: Option<Vec<PyBackedStr>>,
    task: Option<&Bound<'_, PyAny>>,
    needs_solution: bool,
) -> PyResult<Vec<f64>> {
    let texts = texts(completions)?;
    let tasks = tasks(task, texts.len())?;
    let solutions = match solution {
        Some(solutions) => {
            same_length("solution", solutions.len(), texts.len())?;
            solutions
        }
        None if needs_solution => {
            let message = "solution: expected a column of gold answers; keep it in the data set";
            return Err(PyValueError::new_err(message));
        }
        None => Vec::new(),
    };
    // What format and think are asked for does not depend on the gold, so a bad one must not stop them.
    let solutions = if needs_solution { solutions } else { Vec::new() };
    let parts = py.detach(|| judge_all(rules, &tasks, &texts, &solutions))?;
    Ok(parts.iter().map(pick).collect())
}

macro_rules! reward {
    ($name:ident, $rules:expr, $part:ident, $needs_solution:literal, $doc:literal) => {
        #[doc = $doc]
        #[pyfunction]
        #[pyo3(signature = (completions, solution = None, task = None, **_kwargs))]
        pub fn $name(
            py: Python<'_>,
            completions: &Bound<'_, PyList>,
            solution: Option<Vec<PyBackedStr>>,
            task: Option<&Bound<'_, PyAny>>,
            _kwargs: Option<&Bound<'_, PyDict>>,
        ) -> PyResult<Vec<f64>> {
            trl(py, $rules, |parts| parts.$part, completions, solution, task, $needs_solution)
        }
    };
}

reward!(format_reward, Rules::Completion, format, false, "Published format reward: 0, 0.5 or 1.");
reward!(think_reward, Rules::Completion, think, false, "Published think reward: 0 or 1.");
reward!(coverage_reward, Rules::Completion, coverage, true, "Published coverage reward: -1 to 1.");
reward!(accuracy_reward, Rules::Completion, accuracy, true, "Published accuracy reward: 0 to 1.");
reward!(mended_format_reward, Rules::Mended, format, false, "Mended format reward: 0, 0.5 or 1.");
reward!(mended_think_reward, Rules::Mended, think, false, "Mended think reward: 0 or 1.");
reward!(mended_coverage_reward, Rules::Mended, coverage, true, "Mended coverage reward: -1 to 1.");
reward!(mended_accuracy_reward, Rules::Mended, accuracy, true, "Mended accuracy reward: 0 to 1.");

/// The four rewards for TRL's `reward_funcs`, in the order of `REWARD_WEIGHTS`, bound to a task.
#[pyfunction]
#[pyo3(signature = (task, mended = false))]
pub fn reward_functions<'py>(py: Python<'py>, task: &str, mended: bool) -> PyResult<Vec<Bound<'py, PyAny>>> {
    crate::convert::task(task)?;
    let module = py.import("rexdrug_scoring")?;
    let (partial, update) = {
        let functools = py.import("functools")?;
        (functools.getattr("partial")?, functools.getattr("update_wrapper")?)
    };
    let prefix = if mended { "mended_" } else { "" };
    ["format", "think", "coverage", "accuracy"]
        .iter()
        .map(|part| {
            let function = module.getattr(format!("{prefix}{part}_reward"))?;
            let keywords = PyDict::new(py);
            keywords.set_item("task", task)?;
            // TRL logs rewards under the name of the function, which a bare partial does not have.
            update.call1((partial.call((&function,), Some(&keywords))?, function))
        })
        .collect()
}
