//! Named points of a commit where a test can stop it.

/// A point between two steps of a commit, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CommitPoint {
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
}

impl CommitPoint {
    /// All points, in order.
    pub const ALL: [Self; 6] = [
        Self::DocumentsUploaded,
        Self::DocumentsCommitted,
        Self::QuarantineCommitted,
        Self::CombinationsUploaded,
        Self::CombinationsCommitted,
        Self::RunCommitted,
    ];
}

/// Called at each [`CommitPoint`]; an error stops the commit there, as a killed process would.
pub trait CommitHook: Send + Sync {
    /// Returns a message to stop, nothing to go on.
    ///
    /// # Errors
    /// The message under which the commit stops.
    fn reached(&self, point: CommitPoint) -> Result<(), String>;
}
