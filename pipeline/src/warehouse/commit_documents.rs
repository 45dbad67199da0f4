//! Step one: one Delta commit that adds a file's live documents and takes out what they replace or delete.

use std::collections::HashSet;

use deltalake::kernel::{Add, Remove};
use rexdrug_schemas::DOCUMENTS;

use super::Warehouse;
use super::commit::{Attempts, FileCommit};
use super::error::Result;
use super::hook::CommitPoint;
use super::ledger::DocumentsEntry;
use super::lookup::{FileRows, Wanted, find_rows};
use super::resolve::{Incoming, Owners, Resolution, resolve};
use super::table::{Committed, Loaded};
use super::upload::Uploads;

/// Who owns the touched documents, as of one version of the table.
pub(crate) struct KnownOwners {
    pub(crate) version: u64,
    pub(crate) owners: Owners,
    /// Files of that commit: as long as they are live, all their rows are this file's and need no reading.
    pub(crate) own_paths: HashSet<String>,
}

/// Outcome of the documents commit.
pub(crate) struct DocumentsReport {
    pub(crate) entry: DocumentsEntry,
    /// None when the commit was found in the log.
    pub(crate) known: Option<KnownOwners>,
    pub(crate) uploads: Uploads,
    pub(crate) files_read: u64,
}

impl Warehouse {
    pub(crate) async fn commit_documents(&self, job: &FileCommit, incoming: &Incoming) -> Result<DocumentsReport> {
        let handle = &self.inner.documents;
        let touched = incoming.touched();
        let mut uploads = self.uploads();
        let mut attempts = Attempts::new(handle, &job.source);
        let mut files_read = 0;
        loop {
            let base = handle.current_or_create().await?;
            if let Some(entry) = base.ledger.documents(&job.source) {
                return Ok(DocumentsReport { entry: entry.clone(), known: None, uploads, files_read });
            }
            let store = base.store();
            let files = base.files_with(&touched);
            files_read += files.len() as u64;
            let live = find_rows(DOCUMENTS.name, &store, files, Wanted::Keys(&touched)).await?;
            let resolution = resolve(&job.source, incoming, &base.ledger, &live);
            let (mut adds, removes) = plan_removals(&base, &live, &resolution, &mut uploads).await?;
            let mut own_paths = HashSet::new();
            for (spool, superseded) in job.documents.iter().zip(&resolution.superseded) {
                let add = uploads.spool(&DOCUMENTS, &store, spool, superseded).await?;
                own_paths.extend(add.iter().map(|add| add.path.clone()));
                adds.extend(add);
            }
            self.reach(CommitPoint::DocumentsUploaded)?;
            let entry = DocumentsEntry {
                source: job.source.clone(),
                written: resolution.written,
                superseded: resolution.superseded_count,
                replaced: resolution.replaced,
                deletions_applied: resolution.deletions_applied,
                deleted: job.deletions.clone(),
            };
            let committed = handle.commit(&base, adds.clone(), removes, entry.transactions()?).await?;
            let version = if let Committed::Yes(version) = committed { Some(version) } else { None };
            if attempts.landed(committed).await? {
                uploads.discard_unused(&store, &adds).await;
                let known = version.map(|version| KnownOwners { version, owners: resolution.owners, own_paths });
                return Ok(DocumentsReport { entry, known, uploads, files_read });
            }
        }
    }
}

/// Removes affected files and adds what remains of them.
async fn plan_removals(
    base: &Loaded,
    live: &[FileRows],
    resolution: &Resolution,
    uploads: &mut Uploads,
) -> Result<(Vec<Add>, Vec<Remove>)> {
    let (mut adds, mut removes) = (Vec::new(), Vec::new());
    for FileRows { file, .. } in live {
        if let Some(rows) = resolution.removed.get(file.path.as_ref()) {
            adds.extend(uploads.take_out(&DOCUMENTS, base, file, rows).await?);
            removes.push(file.remove.clone());
        }
    }
    Ok((adds, removes))
}
