//! The training sets, in the conversational form that TRL reads.

use std::collections::HashMap;
use std::path::Path;

use rexdrug_operators::backend::reasoning::{Message, PromptTemplate, Role};
use serde_json::json;

use super::agents::question;
use super::item::TraceItem;
use super::store::write_whole;
use super::{Record, TracesError};

/// Writes `sft.jsonl` (prompt and completion of every accepted item) and `grpo.jsonl` (prompt and solution of every item,
/// since rewards need the gold answer alone), both in the order of the gold file.
pub(super) fn write(
    folder: &Path,
    items: &[TraceItem],
    records: &[Record],
    task: &PromptTemplate,
) -> Result<(), TracesError> {
    let accepted: HashMap<&str, &Record> =
        records.iter().filter(|record| record.accepted).map(|record| (record.id.as_str(), record)).collect();
    let (mut sft, mut grpo) = (String::new(), String::new());
    for item in items {
        let prompt = question(task, item);
        let solution = format!("<answer>{}</answer>", item.answer());
        let line = json!({"id": item.id, "task": task.task().name(), "prompt": prompt, "solution": solution});
        grpo.push_str(&format!("{line}\n"));
        if let Some(attempt) = accepted.get(item.id.as_str()).and_then(|record| record.attempts.last()) {
            let completion = [Message::new(Role::Assistant, attempt.completion.trim())];
            sft.push_str(&format!("{}\n", json!({"id": item.id, "prompt": prompt, "completion": completion})));
        }
    }
    write_whole(&folder.join("sft.jsonl"), sft.as_bytes())?;
    write_whole(&folder.join("grpo.jsonl"), grpo.as_bytes())
}
