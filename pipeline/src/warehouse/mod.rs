//! The warehouse: four Delta tables under one root, and the commit of one source file to them.
//!
//! A file is committed in steps, each one Delta commit with an application transaction: `documents`, `quarantine`,
//! `combinations`, `runs`. Every step is built on one snapshot and lands on exactly that snapshot or is resolved anew,
//! so the log of a table is a serial history. A step whose transaction is in the log is not made again; what the next
//! steps need of it stands in the log too (see `ledger.rs`). So a process killed anywhere is finished by the same call.

mod commit;
mod commit_combinations;
mod commit_documents;
mod commit_extraction;
mod compact;
mod deletion_vector;
mod error;
mod evolve;
mod hook;
mod incoming;
mod keys;
mod lease;
mod ledger;
mod location;
mod lookup;
mod members;
mod register;
mod resolve;
mod run_row;
mod spool;
mod staging;
mod stats;
mod store_reader;
mod table;
mod take_out;
mod txnlog;
mod upload;
mod verify;
mod views;

#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use rexdrug_schemas::{COMBINATIONS, DOCUMENTS, QUARANTINE, RUNS};

pub use commit::{CommitReport, FileCommit};
pub use commit_extraction::{ExtractionCommit, ExtractionState};
pub use compact::{CompactOptions, CompactReport};
pub use error::{Result, WarehouseError};
pub use hook::{CommitHook, CommitPoint};
pub use lease::{Acquired, Lease, LeaseHolder};
pub use ledger::ExtractionKey;
pub use location::{Location, redact};
pub use members::KnownMembers;
pub use register::KnownSource;
pub use run_row::{CommitCounts, RunDraft};
pub use spool::{SpoolFile, SpoolWriter};
pub use staging::{StagedFile, Staging};
pub use verify::{Finding, Severity, VerifyOptions, verify};
pub use views::views_markdown;

use crate::scratch::Scratch;
use table::TableHandle;
use upload::{Uploads, scratch_in};

/// An open warehouse. Cheap to clone; clones share the snapshots they have read.
#[derive(Clone)]
pub struct Warehouse {
    inner: Arc<Inner>,
    /// Folder in which rows wait that are written again.
    scratch: Arc<Path>,
}

struct Inner {
    location: Location,
    documents: TableHandle,
    quarantine: TableHandle,
    combinations: TableHandle,
    runs: TableHandle,
    hook: Option<Arc<dyn CommitHook>>,
}

impl std::fmt::Debug for Warehouse {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_tuple("Warehouse").field(&self.inner.location).finish()
    }
}

impl Warehouse {
    /// Opens a warehouse by URI or path. `options` are those of the object store (`AWS_REGION`, …); what is missing
    /// is taken from the environment. Nothing is read or created but the local root folder.
    ///
    /// # Errors
    /// [`WarehouseError::Location`] for a URI that cannot be used.
    pub fn open(uri: &str, options: HashMap<String, String>) -> Result<Self> {
        Self::at(Location::parse(uri, options)?, None)
    }

    /// As [`Warehouse::open`], with a hook that is called between the steps of a commit (fault tests).
    ///
    /// # Errors
    /// As [`Warehouse::open`].
    pub fn open_with_hook(uri: &str, options: HashMap<String, String>, hook: Arc<dyn CommitHook>) -> Result<Self> {
        Self::at(Location::parse(uri, options)?, Some(hook))
    }

    fn at(location: Location, hook: Option<Arc<dyn CommitHook>>) -> Result<Self> {
        let inner = Inner {
            documents: TableHandle::new(&DOCUMENTS, &location, hook.clone())?,
            quarantine: TableHandle::new(&QUARANTINE, &location, hook.clone())?,
            combinations: TableHandle::new(&COMBINATIONS, &location, hook.clone())?,
            runs: TableHandle::new(&RUNS, &location, hook.clone())?,
            location,
            hook,
        };
        Ok(Self { inner: Arc::new(inner), scratch: std::env::temp_dir().into() })
    }

    /// The same warehouse with its own temporary files below `root`, in place of the system's folder for them.
    #[must_use]
    pub fn with_scratch(self, root: &Path) -> Self {
        Self { scratch: root.into(), ..self }
    }

    /// The root without secrets.
    pub fn root(&self) -> String {
        self.inner.location.display()
    }

    /// Newest version of each existing table, in commit order.
    ///
    /// # Errors
    /// [`WarehouseError::Delta`] when a log cannot be read.
    pub async fn versions(&self) -> Result<Vec<(&'static str, Option<u64>)>> {
        let mut versions = Vec::new();
        for handle in self.handles() {
            versions.push((handle.table.name, handle.current().await?.map(|loaded| loaded.version)));
        }
        Ok(versions)
    }

    fn uploads(&self) -> Uploads {
        Uploads::new(Arc::clone(&self.scratch), self.inner.location.part_bytes())
    }

    /// A folder for files that are uploaded next.
    fn scratch(&self) -> Result<Scratch> {
        scratch_in(&self.scratch)
    }

    fn handles(&self) -> [&TableHandle; 4] {
        [&self.inner.documents, &self.inner.quarantine, &self.inner.combinations, &self.inner.runs]
    }
}
