//! Named points of a run where a test can stop or pause it.

use std::str::FromStr;

use super::error::{Result, WarehouseError};

/// A point between two steps, in the order of the work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CommitPoint {
    /// A source file is read and its documents are spooled; nothing is extracted.
    SourceRead,
    /// Its combinations are spooled; nothing is in the store.
    ExtractionSpooled,
    /// Document files are uploaded, nothing is committed.
    DocumentsUploaded,
    /// The documents commit is in the log.
    DocumentsCommitted,
    /// The quarantine commit is in the log.
    QuarantineCommitted,
    /// Combination files are uploaded, their commit is not in the log.
    CombinationsUploaded,
    /// The combinations commit is in the log.
    CombinationsCommitted,
    /// The runs commit is in the log: the file is done.
    RunCommitted,
    /// A commit is in the log whose checkpoint is not written.
    CheckpointDue,
    /// Joined files are uploaded, their commit is not in the log.
    CompactionUploaded,
    /// Joined files are in the log.
    CompactionCommitted,
}

impl CommitPoint {
    /// The points inside the commit of a source file, in order.
    pub const ALL: [Self; 6] = [
        Self::DocumentsUploaded,
        Self::DocumentsCommitted,
        Self::QuarantineCommitted,
        Self::CombinationsUploaded,
        Self::CombinationsCommitted,
        Self::RunCommitted,
    ];

    /// Every point with its name.
    pub const NAMED: [(&str, Self); 11] = [
        ("source-read", Self::SourceRead),
        ("extraction-spooled", Self::ExtractionSpooled),
        ("documents-uploaded", Self::DocumentsUploaded),
        ("documents-committed", Self::DocumentsCommitted),
        ("quarantine-committed", Self::QuarantineCommitted),
        ("combinations-uploaded", Self::CombinationsUploaded),
        ("combinations-committed", Self::CombinationsCommitted),
        ("run-committed", Self::RunCommitted),
        ("checkpoint-due", Self::CheckpointDue),
        ("compaction-uploaded", Self::CompactionUploaded),
        ("compaction-committed", Self::CompactionCommitted),
    ];
}

impl FromStr for CommitPoint {
    type Err = String;

    fn from_str(name: &str) -> std::result::Result<Self, String> {
        let found = Self::NAMED.iter().find(|(known, _)| *known == name);
        found.map(|(_, point)| *point).ok_or_else(|| {
            let names: Vec<&str> = Self::NAMED.iter().map(|(name, _)| *name).collect();
            format!("`{name}` is no point of a run; expected one of {}", names.join(", "))
        })
    }
}

/// Called at each [`CommitPoint`]; an error stops the commit there, as a killed process would.
pub trait CommitHook: Send + Sync {
    /// Returns a message to stop, nothing to go on.
    ///
    /// # Errors
    /// The message under which the commit stops.
    fn reached(&self, point: CommitPoint) -> std::result::Result<(), String>;
}

/// Calls the hook, where there is one.
pub(crate) fn reach(hook: Option<&dyn CommitHook>, point: CommitPoint) -> Result<()> {
    match hook {
        None => Ok(()),
        Some(hook) => hook.reached(point).map_err(|message| WarehouseError::Hook { point, message }),
    }
}
