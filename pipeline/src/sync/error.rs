//! What stops a sync, and what only keeps one file out of it.

use serde::Serialize;
use thiserror::Error;

use crate::error::PipelineError;
use crate::warehouse::WarehouseError;

/// What stops a sync.
#[derive(Debug, Error)]
pub enum SyncError {
    /// A base address that cannot be used.
    #[error("base address `{url}`: {reason}; expected something like https://ftp.ncbi.nlm.nih.gov/pubmed/")]
    Base {
        /// The address, redacted.
        url: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The HTTP client cannot be made.
    #[error("cannot start an HTTP client: {reason}; check the system's certificates")]
    Client {
        /// Why.
        reason: String,
    },
    /// A folder that cannot be listed: without it nothing is known of what is new.
    #[error("cannot list {url}: {reason}; nothing was changed, start it again later")]
    Listing {
        /// Address of the listing.
        url: String,
        /// Why.
        reason: String,
    },
    /// A listing without a single MEDLINE file: a maintenance page must not pass for an empty night.
    #[error("{url} lists no file such as pubmed26n0001.xml.gz; check --base-url, or start it again later")]
    Empty {
        /// Address of the listing.
        url: String,
    },
    /// The folder for downloads cannot be used.
    #[error("download folder `{path}`: {reason}; name another with --download-dir")]
    Folder {
        /// The folder.
        path: String,
        /// Why.
        reason: String,
    },
    /// The warehouse refused.
    #[error(transparent)]
    Warehouse(#[from] WarehouseError),
    /// The run over the files failed.
    #[error(transparent)]
    Run(#[from] PipelineError),
}

/// A file that could not be fetched; the next sync tries it again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Missed {
    /// File name.
    pub file: String,
    /// What went wrong last.
    pub reason: String,
}
