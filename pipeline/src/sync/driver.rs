//! One sync from listing to tables.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use futures::{StreamExt, stream};
use rexdrug_pubmed::sidecar_path;
use serde::Serialize;
use url::Url;

use super::error::{Missed, SyncError};
use super::http::{FetchOptions, Fetcher};
use super::listing::{RemoteFile, parse_listing};
use super::wanted::{Wanted, wanted};
use super::year::{YearReport, drop_older_years};
use crate::run::{Engine, RunEvent, RunObserver, RunOptions, RunSummary, run_files};
use crate::stop::StopHandle;
use crate::warehouse::{Lease, Warehouse};

/// Name of the lease that a sync holds.
pub const LEASE: &str = "sync";
/// Folder of the yearly baseline, below the base address.
pub(super) const BASELINE: &str = "baseline";
/// Folder of the daily updates.
const UPDATES: &str = "updatefiles";

/// What is synced, and how.
#[derive(Debug, Clone)]
pub struct SyncOptions {
    /// Address above `baseline/` and `updatefiles/`.
    pub base: Url,
    /// How files are fetched.
    pub fetch: FetchOptions,
    /// Folder for downloads, kept between syncs so that a part is resumed; each file is removed once it is committed.
    pub folder: PathBuf,
    /// Files of one sync at most, the oldest first.
    pub most_files: usize,
    /// Largest share of the documents that a new baseline year may drop.
    pub most_dropped: f64,
}

/// What a sync did.
#[derive(Debug, Clone, Default, Serialize)]
pub struct SyncSummary {
    /// Files listed by the server.
    pub files_listed: u64,
    /// Files that the warehouse had.
    pub files_known: u64,
    /// Files fetched.
    pub files_downloaded: u64,
    /// Bytes that came over the line.
    pub bytes_downloaded: u64,
    /// Files left for the next sync because of the limit.
    pub files_left: u64,
    /// Files that could not be fetched.
    pub missed: Vec<Missed>,
    /// What became of documents of older years.
    pub year: Option<YearReport>,
    /// Another process took the lease in the middle.
    pub lease_lost: bool,
    /// The run over the fetched files.
    #[serde(flatten)]
    pub run: RunSummary,
}

/// Lists both folders and compares them with the warehouse. Changes nothing.
///
/// # Errors
/// When a folder cannot be listed or the warehouse cannot be read.
pub async fn plan(warehouse: &Warehouse, options: &SyncOptions) -> Result<Wanted, SyncError> {
    let fetcher = Fetcher::new(options.base.clone(), options.fetch.clone())?;
    plan_with(warehouse, &fetcher, options.most_files).await
}

async fn plan_with(warehouse: &Warehouse, fetcher: &Fetcher, most_files: usize) -> Result<Wanted, SyncError> {
    let mut listed = list(fetcher, BASELINE).await?;
    if listed.is_empty() {
        return Err(SyncError::Empty { url: format!("{}{BASELINE}/", fetcher.base) });
    }
    listed.extend(list(fetcher, UPDATES).await?);
    listed.sort_by(|left, right| (left.sequence, &left.name).cmp(&(right.sequence, &right.name)));
    let mut wanted = wanted(warehouse, fetcher, listed).await?;
    wanted.left = wanted.files.len().saturating_sub(most_files) as u64;
    wanted.files.truncate(most_files);
    Ok(wanted)
}

async fn list(fetcher: &Fetcher, folder: &str) -> Result<Vec<RemoteFile>, SyncError> {
    let failed = |reason| SyncError::Listing { url: format!("{}{folder}/", fetcher.base), reason };
    let url = fetcher.address(&format!("{folder}/")).map_err(failed)?;
    Ok(parse_listing(folder, &fetcher.text(&url).await.map_err(failed)?))
}

/// Fetches and runs what the warehouse lacks, then drops what a new baseline year no longer holds; `lease` is kept alive
/// meanwhile and released at the end. A file that cannot be fetched is left to the next sync and keeps no other from being
/// applied: the end does not depend on the order.
///
/// `stop` must be the handle of `run.stop`.
///
/// # Errors
/// When listing, the warehouse or the run fails; what was committed stays, and the next sync goes on from there.
pub async fn sync(
    warehouse: &Warehouse,
    engine: Arc<dyn Engine>,
    options: &SyncOptions,
    run: RunOptions,
    lease: Lease,
    stop: StopHandle,
    observer: Arc<dyn RunObserver>,
) -> Result<SyncSummary, SyncError> {
    let (summary, kept) = lease.keep(stop, sync_all(warehouse, engine, options, run, observer)).await;
    Ok(SyncSummary { lease_lost: !kept, ..summary? })
}

async fn sync_all(
    warehouse: &Warehouse,
    engine: Arc<dyn Engine>,
    options: &SyncOptions,
    run: RunOptions,
    observer: Arc<dyn RunObserver>,
) -> Result<SyncSummary, SyncError> {
    let refuse = |error: std::io::Error| SyncError::Folder {
        path: options.folder.display().to_string(),
        reason: error.to_string(),
    };
    std::fs::create_dir_all(&options.folder).map_err(refuse)?;
    let fetcher = Arc::new(Fetcher::new(options.base.clone(), options.fetch.clone())?);
    let mut summary = SyncSummary::default();
    let wanted = tokio::select! {
        wanted = plan_with(warehouse, &fetcher, options.most_files) => wanted?,
        () = run.stop.asked() => {
            summary.run.stopped = true;
            return Ok(summary);
        }
    };
    summary.files_listed = wanted.listed.len() as u64;
    summary.files_known = wanted.known;
    summary.files_left = wanted.left;
    tracing::info!(
        listed = summary.files_listed,
        known = summary.files_known,
        wanted = wanted.files.len(),
        left = summary.files_left,
        "listed"
    );
    let fetched = Arc::new(Mutex::new(Fetched { missed: wanted.missed, ..Fetched::default() }));
    let tidy = Arc::new(Tidy { folder: options.folder.clone(), inner: observer });
    let downloads = downloads(&fetcher, wanted.files, &options.folder, &fetched);
    summary.run = run_files(warehouse, engine, downloads, run.clone(), tidy).await?;
    {
        let fetched = std::mem::take(&mut *fetched.lock().unwrap_or_else(PoisonError::into_inner));
        summary.files_downloaded = fetched.files;
        summary.bytes_downloaded = fetched.bytes;
        summary.missed = fetched.missed;
    }
    if !summary.run.stopped {
        summary.year = drop_older_years(warehouse, &wanted.listed, options.most_dropped, &run).await?;
    }
    Ok(summary)
}

/// What the downloads came to.
#[derive(Debug, Default)]
struct Fetched {
    files: u64,
    bytes: u64,
    missed: Vec<Missed>,
}

/// Files in their order as they arrive, a few of them ahead, each a task of its own so that it goes on while the run is
/// busy with another.
fn downloads(
    fetcher: &Arc<Fetcher>,
    files: Vec<RemoteFile>,
    folder: &Path,
    fetched: &Arc<Mutex<Fetched>>,
) -> impl stream::Stream<Item = PathBuf> + Send + use<> {
    let (fetcher, folder, fetched) = (Arc::clone(fetcher), folder.to_owned(), Arc::clone(fetched));
    let connections = fetcher.options.connections.max(1);
    stream::iter(files)
        .map(move |file| {
            let (fetcher, folder) = (Arc::clone(&fetcher), folder.clone());
            let name = file.name.clone();
            let task = tokio::spawn(async move { fetcher.download(&file, &folder).await });
            async move { (name, task.await.unwrap_or_else(|error| Err(format!("its task stopped: {error}")))) }
        })
        .buffered(connections)
        .filter_map(move |(file, outcome)| {
            let mut fetched = fetched.lock().unwrap_or_else(PoisonError::into_inner);
            let path = match outcome {
                Ok(downloaded) => {
                    tracing::info!(file, bytes = downloaded.bytes, "downloaded");
                    fetched.files += 1;
                    fetched.bytes += downloaded.bytes;
                    Some(downloaded.path)
                }
                Err(reason) => {
                    tracing::error!(file, reason, "not downloaded");
                    fetched.missed.push(Missed { file, reason });
                    None
                }
            };
            std::future::ready(path)
        })
}

/// Removes a download once it is in the warehouse.
struct Tidy {
    folder: PathBuf,
    inner: Arc<dyn RunObserver>,
}

impl RunObserver for Tidy {
    fn observe(&self, event: &RunEvent) {
        if let RunEvent::Skipped { file, .. } | RunEvent::Committed { file, .. } = event {
            let path = self.folder.join(file);
            for path in [sidecar_path(&path), path] {
                if let Err(error) = std::fs::remove_file(&path) {
                    tracing::warn!(path = %path.display(), %error, "download not removed");
                }
            }
        }
        self.inner.observe(event);
    }
}
