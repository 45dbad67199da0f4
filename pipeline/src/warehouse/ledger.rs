//! What the Delta log knows of source files: application transactions, and the small entries kept in their ids.
//!
//! Delta keeps application transactions for ever, checkpoints included, and commits them together with the rows.
//! So the counts of a file's commit and its deletions stand in the id of one more transaction of the same commit:
//! a killed run finds the counts it had, and a file given out of order sees every deletion that is already applied
//! in the very snapshot from which it commits. A second table could not give that (it is committed later, or never).

use std::collections::HashMap;

use deltalake::kernel::Transaction;
use rexdrug_schemas::{RunStatus, SourceRef};
use serde::{Deserialize, Serialize};

use super::error::{Result, WarehouseError};

const DOCUMENTS_PREFIX: &str = "rexdrug/ledger/documents/";
const COMBINATIONS_PREFIX: &str = "rexdrug/ledger/combinations/";

/// Application id of a table's commit of one source file.
pub(crate) fn app_id(table: &str, source: &SourceRef) -> String {
    format!("rexdrug/{table}/{}@{}", source.source_file, source.source_md5)
}

/// Model, lexicon and rules that made the combinations of a file; none for files that were only ingested.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub struct ExtractionKey {
    /// sha256 of the model folder.
    pub model_sha256: Option<String>,
    /// sha256 of the lexicon.
    pub lexicon_sha256: Option<String>,
    /// What else decides which rows there are, where it is not the default (`min_confidence=0.9`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rules: Option<String>,
    /// Id of the run, where it was asked to extract again what the same model, lexicon and rules had made already.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub again: Option<String>,
}

impl ExtractionKey {
    /// Whether model, lexicon and rules are the same, however often they were asked.
    pub fn is_like(&self, other: &Self) -> bool {
        (&self.model_sha256, &self.lexicon_sha256, &self.rules)
            == (&other.model_sha256, &other.lexicon_sha256, &other.rules)
    }

    /// Application id of a commit that depends on model, lexicon and rules.
    pub(crate) fn app_id(&self, table: &str, source: &SourceRef) -> String {
        let part = |sha: &Option<String>| sha.clone().unwrap_or_else(|| "none".to_owned());
        let rules: String = self.rules.iter().chain(&self.again).map(|part| format!("+{part}")).collect();
        format!("{}#{}+{}{rules}", app_id(table, source), part(&self.model_sha256), part(&self.lexicon_sha256))
    }
}

/// Entry of a documents commit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct DocumentsEntry {
    pub(crate) source: SourceRef,
    pub(crate) written: i64,
    pub(crate) superseded: i64,
    pub(crate) replaced: i64,
    pub(crate) deletions_applied: i64,
    pub(crate) deleted: Vec<(i64, i32)>,
}

/// Entry of a combinations commit; the highest generation of a file is current.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct CombinationsEntry {
    pub(crate) source: SourceRef,
    pub(crate) key: ExtractionKey,
    pub(crate) generation: i64,
    /// Committed by the `extract` verb and not together with the documents.
    pub(crate) again: bool,
    pub(crate) written: i64,
    pub(crate) superseded: i64,
}

/// One deletion that a committed file listed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Deletion {
    pub(crate) version: i32,
    pub(crate) source: SourceRef,
}

impl Deletion {
    /// Whether this deletion removes a document of that version and source.
    ///
    /// A deletion counts against files that are not newer than its own. A file that was issued again (same name,
    /// another md5) is not bound by the deletions of its earlier issue.
    pub(crate) fn removes(&self, version: i32, source: &SourceRef) -> bool {
        let reissued = self.source.source_file == source.source_file && self.source.source_md5 != source.source_md5;
        version <= self.version && source.source_seq <= self.source.source_seq && !reissued
    }
}

/// All application transactions of one table at one version.
#[derive(Debug, Clone, Default)]
pub(crate) struct Ledger {
    versions: HashMap<String, i64>,
    documents: HashMap<SourceKey, DocumentsEntry>,
    combinations: HashMap<SourceKey, Vec<CombinationsEntry>>,
    deletions: HashMap<i64, Vec<Deletion>>,
}

type SourceKey = (String, String);

fn source_key(source: &SourceRef) -> SourceKey {
    (source.source_file.clone(), source.source_md5.clone())
}

impl Ledger {
    /// Takes in one transaction of the log, oldest first.
    pub(crate) fn apply(&mut self, app_id: String, version: i64) -> Result<()> {
        let broken = |error| WarehouseError::delta("ledger", "read an application transaction", error);
        let known = self.versions.contains_key(&app_id);
        if let (Some(entry), false) = (app_id.strip_prefix(DOCUMENTS_PREFIX), known) {
            let entry: DocumentsEntry = serde_json::from_str(entry).map_err(broken)?;
            for (pmid, version) in &entry.deleted {
                let deletion = Deletion { version: *version, source: entry.source.clone() };
                self.deletions.entry(*pmid).or_default().push(deletion);
            }
            self.documents.insert(source_key(&entry.source), entry);
        } else if let (Some(entry), false) = (app_id.strip_prefix(COMBINATIONS_PREFIX), known) {
            let entry: CombinationsEntry = serde_json::from_str(entry).map_err(broken)?;
            self.combinations.entry(source_key(&entry.source)).or_default().push(entry);
        }
        self.versions.insert(app_id, version);
        Ok(())
    }

    /// Version of an application transaction, if it was committed.
    pub(crate) fn version(&self, app_id: &str) -> Option<i64> {
        self.versions.get(app_id).copied()
    }

    /// The documents commit of a file.
    pub(crate) fn documents(&self, source: &SourceRef) -> Option<&DocumentsEntry> {
        self.documents.get(&source_key(source))
    }

    /// All documents commits, in no order.
    pub(crate) fn all_documents(&self) -> impl Iterator<Item = &DocumentsEntry> {
        self.documents.values()
    }

    /// The current (last) combinations commit of a file.
    pub(crate) fn combinations(&self, source: &SourceRef) -> Option<&CombinationsEntry> {
        self.combinations.get(&source_key(source))?.iter().max_by_key(|entry| entry.generation)
    }

    /// Whether a committed deletion forbids that document.
    pub(crate) fn forbids(&self, pmid: i64, version: i32, source: &SourceRef) -> bool {
        self.deletions.get(&pmid).is_some_and(|deletions| deletions.iter().any(|one| one.removes(version, source)))
    }
}

impl DocumentsEntry {
    pub(crate) fn transactions(&self) -> Result<Vec<Transaction>> {
        Ok(vec![transaction(app_id("documents", &self.source), 1), entry(DOCUMENTS_PREFIX, self)?])
    }
}

impl CombinationsEntry {
    pub(crate) fn transactions(&self) -> Result<Vec<Transaction>> {
        let id = self.key.app_id("combinations", &self.source);
        Ok(vec![transaction(id, self.generation), entry(COMBINATIONS_PREFIX, self)?])
    }
}

fn entry(prefix: &str, value: &impl Serialize) -> Result<Transaction> {
    let json = serde_json::to_string(value)
        .map_err(|error| WarehouseError::delta("ledger", "write an application transaction", error))?;
    Ok(transaction(format!("{prefix}{json}"), 1))
}

/// An application transaction of now.
pub(crate) fn transaction(app_id: String, version: i64) -> Transaction {
    Transaction::new_with_last_update(app_id, version, Some(chrono::Utc::now().timestamp_millis()))
}

/// Transaction version that stands for a status in the `runs` table's log.
pub(crate) fn status_code(status: RunStatus) -> i64 {
    match status {
        RunStatus::Done => 1,
        RunStatus::Partial => 2,
        RunStatus::Failed => 3,
    }
}

/// The status that a transaction version stands for.
pub(crate) fn status_of(code: i64) -> RunStatus {
    match code {
        1 => RunStatus::Done,
        2 => RunStatus::Partial,
        _ => RunStatus::Failed,
    }
}
