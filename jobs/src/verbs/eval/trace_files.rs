//! Traces from files of completions, for the automatic metrics and the expert kit.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use rexdrug_scoring::evaluation::reasoning::TraceItem;
use rexdrug_scoring::evaluation::traces_file;
use rexdrug_scoring::gold::{ddi13, drugcomb};
use rexdrug_scoring::task::Task;

use super::open;

/// The traces of each file, by the name of the system whose completions it holds: that of the file. Texts that the
/// files lack come from the gold file.
///
/// # Errors
/// When a file does not fit, or a trace has no text.
pub fn read(completions: &[PathBuf], gold: Option<&Path>, task: Task) -> Result<Vec<(String, Vec<TraceItem>)>> {
    let texts = gold.map(|path| texts(path, task)).transpose()?.unwrap_or_default();
    completions.iter().map(|path| Ok((system(path), traces(path, &texts)?))).collect()
}

/// What a model is shown of each item of a gold file, by id.
fn texts(path: &Path, task: Task) -> Result<HashMap<String, String>> {
    let wrong = || format!("in {}", path.display());
    Ok(match task {
        Task::DrugComb => drugcomb::read(open(path)?)
            .with_context(wrong)?
            .into_iter()
            .map(|item| {
                let text = traces_file::joined(&item.sentence, Some(&item.paragraph));
                (item.doc_id, text)
            })
            .collect(),
        Task::Ddi13 => ddi13::read(open(path)?)
            .with_context(wrong)?
            .into_iter()
            .map(|item| (item.id.to_string(), item.context))
            .collect(),
    })
}

fn system(path: &Path) -> String {
    path.file_stem().map_or_else(|| path.display().to_string(), |stem| stem.to_string_lossy().into_owned())
}

fn traces(path: &Path, texts: &HashMap<String, String>) -> Result<Vec<TraceItem>> {
    let rows = traces_file::read(open(path)?).with_context(|| format!("in {}", path.display()))?;
    if rows.is_empty() {
        bail!("{} has no completions; expected one JSON object per line", path.display());
    }
    rows.into_iter()
        .map(|row| {
            let text = row.text.or_else(|| texts.get(&row.id).cloned()).with_context(|| {
                format!("{}: completion {} has no text; add `text`, or name --gold", path.display(), row.id)
            })?;
            Ok(TraceItem { id: row.id, text, completion: row.completion, names: Vec::new() })
        })
        .collect()
}
