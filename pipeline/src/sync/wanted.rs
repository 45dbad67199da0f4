//! Which of the listed files the warehouse lacks.

use std::collections::HashMap;

use arrow::array::AsArray;
use arrow::datatypes::{DataType, Int64Type, TimeUnit};
use chrono::{DateTime, TimeDelta, Utc};
use datafusion::prelude::SessionContext;
use rexdrug_schemas::RunStatus;

use super::error::{Missed, SyncError};
use super::http::Fetcher;
use super::listing::RemoteFile;
use crate::warehouse::{Warehouse, WarehouseError};

/// Listings show local times of some zone: a file that changed less than so long before it was committed may have
/// changed after it.
const ZONES: TimeDelta = TimeDelta::hours(24);

/// What there is to do.
#[derive(Debug, Default)]
pub struct Wanted {
    /// Files listed.
    pub listed: Vec<RemoteFile>,
    /// Files to fetch, in their order of application.
    pub files: Vec<RemoteFile>,
    /// Files that the warehouse has.
    pub known: u64,
    /// Files beyond the limit, left for the next sync.
    pub left: u64,
    /// Files of which it could not be found out.
    pub missed: Vec<Missed>,
}

/// What the warehouse knows of one file name.
#[derive(Debug, Default)]
struct Past {
    /// Digests under which it is finished.
    md5s: Vec<String>,
    readable: bool,
    finished: Option<DateTime<Utc>>,
}

/// Compares the listings with the ledger. A name that the ledger has is asked for its md5 again only where the listing
/// shows a later change, or where the file could not be used: NLM issues a file anew now and then.
pub(super) async fn wanted(
    warehouse: &Warehouse,
    fetcher: &Fetcher,
    listed: Vec<RemoteFile>,
) -> Result<Wanted, SyncError> {
    let past = past(warehouse).await?;
    let mut wanted = Wanted::default();
    for file in &listed {
        let Some(past) = past.get(&file.name) else {
            wanted.files.push(file.clone());
            continue;
        };
        let changed = file.modified.zip(past.finished).is_none_or(|(changed, finished)| changed + ZONES > finished);
        if past.readable && !changed {
            wanted.known += 1;
            continue;
        }
        match fetcher.published_md5(file).await {
            Ok(md5) if past.md5s.contains(&md5) => wanted.known += 1,
            Ok(_) => wanted.files.push(file.clone()),
            Err(reason) => wanted.missed.push(Missed { file: file.name.clone(), reason }),
        }
    }
    wanted.listed = listed;
    Ok(wanted)
}

async fn past(warehouse: &Warehouse) -> Result<HashMap<String, Past>, SyncError> {
    let mut past: HashMap<String, Past> = HashMap::new();
    for known in warehouse.sources().await? {
        // An unfinished file is fetched and finished like a new one.
        let Some(status) = known.status else { continue };
        let entry = past.entry(known.source.source_file).or_default();
        entry.md5s.push(known.source.source_md5);
        entry.readable |= status != RunStatus::Failed;
    }
    for (file, finished) in finished(warehouse).await? {
        if let Some(entry) = past.get_mut(&file) {
            entry.finished = Some(finished);
        }
    }
    Ok(past)
}

/// When each file was last finished.
async fn finished(warehouse: &Warehouse) -> Result<Vec<(String, DateTime<Utc>)>, WarehouseError> {
    let failed = |error: &dyn std::fmt::Display| WarehouseError::columns("runs", error);
    let context = SessionContext::new();
    warehouse.register(&context).await?;
    let sql = "SELECT source_file, max(finished_at) FROM runs WHERE verb <> 'extract' GROUP BY source_file";
    let frame = context.sql(sql).await.map_err(|error| failed(&error))?;
    let mut found = Vec::new();
    for batch in frame.collect().await.map_err(|error| failed(&error))? {
        let cast = |column: usize, to: &DataType| {
            arrow::compute::cast(batch.column(column), to).map_err(|error| failed(&error))
        };
        let files = cast(0, &DataType::Utf8)?;
        let times = arrow::compute::cast(
            &cast(1, &DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())))?,
            &DataType::Int64,
        )
        .map_err(|error| failed(&error))?;
        let (files, times) = (files.as_string::<i32>(), times.as_primitive::<Int64Type>());
        for (file, time) in files.iter().zip(times.iter()) {
            if let Some((file, time)) = file.zip(time.and_then(DateTime::from_timestamp_micros)) {
                found.push((file.to_owned(), time));
            }
        }
    }
    Ok(found)
}
