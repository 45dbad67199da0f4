//! `rexdrug sync`: what NLM has published since the last time, fetched and run.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use chrono::Utc;
use clap::Args;
use indicatif::HumanBytes;
use rexdrug_pipeline::run::RunOptions;
use rexdrug_pipeline::session::{Session, SessionOptions};
use rexdrug_pipeline::source::IngestOptions;
use rexdrug_pipeline::sync::{FetchOptions, LEASE, SyncOptions, SyncSummary, base_url, plan, sync};
use rexdrug_pipeline::warehouse::{Acquired, Warehouse};

use super::run::{report, verdict};
use crate::config::Settings;
use crate::progress::Progress;
use crate::spool::Spool;
use crate::verbs::run::RunRules;
use crate::{exit, metrics, resources, signals};

/// How long the lease holds without renewal: so long a second sync waits after this one was killed.
const LEASE_LENGTH: Duration = Duration::from_secs(120);

/// Fetch NLM's baseline and update files that the warehouse lacks, check their md5, and run them in order.
#[derive(Debug, Args)]
pub struct SyncArgs {
    /// Address above baseline/ and updatefiles/
    #[arg(long, env = "REXDRUG_BASE_URL", default_value = "https://ftp.ncbi.nlm.nih.gov/pubmed/", value_name = "URL")]
    base_url: String,
    /// Folder for downloads; parts in it are resumed [default: rexdrug/downloads in the user's cache folder]
    #[arg(long, env = "REXDRUG_DOWNLOAD_DIR", value_name = "DIR")]
    download_dir: Option<PathBuf>,
    /// Fetch at most so many files, the oldest first
    #[arg(long, value_name = "N")]
    max_files: Option<usize>,
    /// Largest share of the documents that a new baseline year may drop without a question
    #[arg(long, default_value_t = 0.01, value_name = "SHARE")]
    max_drop: f64,
    /// Requests a second over all connections; NLM asks for no more than three
    #[arg(long, default_value_t = 3.0, value_name = "N")]
    requests_per_second: f64,
    /// Downloads at the same time
    #[arg(long, default_value_t = 2, value_name = "N")]
    connections: usize,
    /// Attempts in vain before a file is left to the next sync
    #[arg(long, default_value_t = 8, value_name = "N")]
    attempts: u32,
    /// Seconds to wait after the first failure; doubled after each further one, up to a minute
    #[arg(long, default_value_t = 1.0, value_name = "SECONDS")]
    pause: f64,
    /// Seconds without a byte (or with less than 1 KiB each) after which a connection is given up
    #[arg(long, default_value_t = 60.0, value_name = "SECONDS")]
    stall: f64,
    #[command(flatten)]
    rules: RunRules,
    /// List what would be fetched and change nothing
    #[arg(long)]
    dry_run: bool,
}

/// Runs the verb.
///
/// # Errors
/// When NLM cannot be listed, the model or lexicon cannot be used, or the warehouse fails.
pub async fn run(args: SyncArgs, settings: &Settings) -> Result<ExitCode> {
    let (handle, stop) = signals::stop_on_signals()?;
    let settings = args.rules.over(settings);
    let warehouse = resources::warehouse(&settings)?;
    let options = options(&args, &settings, &warehouse)?;
    if args.dry_run {
        return dry_run(&warehouse, &options, settings.json).await;
    }
    let lease = match warehouse.acquire_lease(LEASE, &process_name(), LEASE_LENGTH).await? {
        Acquired::Ours(lease) => lease,
        Acquired::Held(holder) => {
            eprintln!(
                "another sync works on {}: {}; nothing was done; if that process is gone, its lease runs out in {} s",
                warehouse.root(),
                holder.name,
                holder.seconds_left(),
            );
            return Ok(ExitCode::from(exit::HELD));
        }
    };
    let run_id = uuid::Uuid::new_v4().to_string();
    let loaded = resources::extraction(&settings, &run_id, Utc::now().timestamp_micros());
    let session = loaded.and_then(|loaded| {
        let session = Session::new(&SessionOptions::with_threads(settings.threads).reading_once(), loaded.resources)?;
        let progress = metrics::counting(&settings, "sync", Arc::new(Progress::over_sources(0)))?;
        Ok((session, loaded.settings, progress))
    });
    let (session, extraction, progress) = match session {
        Ok(session) => session,
        Err(error) => {
            lease.release().await?;
            return Err(error);
        }
    };
    let spool = Spool::create(&settings)?;
    let run = RunOptions {
        run_id,
        verb: "sync",
        rexdrug_version: env!("CARGO_PKG_VERSION").to_owned(),
        ingest: IngestOptions::default(),
        spool: spool.path().to_owned(),
        prefetch: settings.prefetch,
        extract: Some(extraction),
        stop,
    };
    let summary = sync(&warehouse, Arc::new(session), &options, run, lease, handle, progress).await?;
    if settings.json {
        println!("{}", serde_json::to_string_pretty(&summary)?);
    } else {
        println!(
            "{} files listed, {} already there, {} fetched ({}), {} not fetched, {} left for the next sync",
            summary.files_listed,
            summary.files_known,
            summary.files_downloaded,
            HumanBytes(summary.bytes_downloaded),
            summary.missed.len(),
            summary.files_left,
        );
        if let Some(year) = summary.year.as_ref().filter(|year| year.dropped > 0) {
            println!("{} documents dropped that the baseline of {} no longer holds", year.dropped, year.year);
        }
        report(&summary.run, &warehouse);
    }
    Ok(judge(&summary, settings.max_quarantine))
}

fn options(args: &SyncArgs, settings: &Settings, warehouse: &Warehouse) -> Result<SyncOptions> {
    let seconds = |name: &str, value: f64| {
        Duration::try_from_secs_f64(value).with_context(|| format!("--{name} {value}: expected seconds, 0 or more"))
    };
    let fetch = FetchOptions {
        requests_per_second: args.requests_per_second,
        connections: args.connections.max(1),
        attempts: args.attempts.max(1),
        first_pause: seconds("pause", args.pause)?,
        stall: seconds("stall", args.stall)?,
        ..FetchOptions::default()
    };
    Ok(SyncOptions {
        base: base_url(&args.base_url)?,
        fetch,
        folder: download_folder(args, settings, warehouse)?,
        most_files: args.max_files.unwrap_or(usize::MAX),
        most_dropped: args.max_drop,
    })
}

/// A folder that stays between syncs, one for each warehouse: two of them must not share files.
fn download_folder(args: &SyncArgs, settings: &Settings, warehouse: &Warehouse) -> Result<PathBuf> {
    let folder = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let root = args
        .download_dir
        .clone()
        .or_else(|| settings.spool.as_ref().map(|spool| spool.join("rexdrug-downloads")))
        .or_else(|| folder("XDG_CACHE_HOME").map(|cache| cache.join("rexdrug/downloads")))
        .or_else(|| folder("HOME").map(|home| home.join(".cache/rexdrug/downloads")))
        .context("no folder for downloads: HOME is not set; name one with --download-dir")?;
    let plain = |letter: char| if letter.is_ascii_alphanumeric() || letter == '.' { letter } else { '-' };
    let name: String = warehouse.root().chars().map(plain).collect();
    let tail = name.len().saturating_sub(100);
    Ok(root.join(name.get(tail..).unwrap_or(&name).trim_matches(['-', '.'])))
}

/// Host and process, so that a person finds the holder of a lease.
fn process_name() -> String {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").ok().or_else(|| std::env::var("HOSTNAME").ok());
    let host = host.map_or_else(|| "unknown host".to_owned(), |host| host.trim().to_owned());
    format!("process {} on {host}, begun {}", std::process::id(), Utc::now().format("%Y-%m-%d %H:%M:%S UTC"))
}

async fn dry_run(warehouse: &Warehouse, options: &SyncOptions, json: bool) -> Result<ExitCode> {
    let wanted = plan(warehouse, options).await?;
    if json {
        let files: Vec<&str> = wanted.files.iter().map(|file| file.name.as_str()).collect();
        let found = serde_json::json!({
            "files_listed": wanted.listed.len(), "files_known": wanted.known, "files": files, "missed": wanted.missed
        });
        println!("{}", serde_json::to_string_pretty(&found)?);
    } else {
        for file in &wanted.files {
            println!("{}/{}", file.folder, file.name);
        }
        println!(
            "{} files listed, {} already there, {} to fetch; nothing was changed (dry run)",
            wanted.listed.len(),
            wanted.known,
            wanted.files.len()
        );
    }
    Ok(if wanted.missed.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(exit::REFUSED) })
}

/// The exit code, with a last line that says why when it is not 0.
fn judge(summary: &SyncSummary, max_quarantine: f64) -> ExitCode {
    if summary.lease_lost {
        eprintln!("another sync has taken the lease; stopped after {} files", summary.run.files_committed);
        return ExitCode::from(exit::HELD);
    }
    let code = verdict(&summary.run, max_quarantine);
    if summary.run.stopped
        || (summary.missed.is_empty() && summary.year.as_ref().is_none_or(|year| year.refused.is_none()))
    {
        return code;
    }
    for missed in &summary.missed {
        eprintln!("not fetched: {}: {}", missed.file, missed.reason);
    }
    if let Some(reason) = summary.year.as_ref().and_then(|year| year.refused.as_ref()) {
        eprintln!("nothing dropped: {reason}");
    }
    eprintln!("sync is incomplete: {} files not fetched; the next sync tries them again", summary.missed.len());
    ExitCode::from(exit::REFUSED)
}
