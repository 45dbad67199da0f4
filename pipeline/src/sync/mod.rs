//! The nightly job: what NLM has and the warehouse has not, downloaded, checked and run in order.
//!
//! ```text
//! listings ─▶ compare with the ledger ─▶ download ahead (resume, md5) ─▶ the run driver ─▶ drop what a new year dropped
//! ```
//!
//! One sync at a time works on a warehouse: it holds a lease, and a second one hears who does.

mod download;
mod driver;
mod error;
mod http;
mod listing;
mod retry;
mod wanted;
mod year;

pub use driver::{LEASE, SyncOptions, SyncSummary, plan, sync};
pub use error::{Missed, SyncError};
pub use http::{FetchOptions, base_url};
pub use listing::{RemoteFile, parse_listing};
pub use wanted::Wanted;
pub use year::YearReport;
