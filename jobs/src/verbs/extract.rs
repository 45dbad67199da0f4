//! `rexdrug extract`: the documents of the warehouse again, with another model, lexicon or rules.

use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Result;
use chrono::Utc;
use clap::Args;
use rexdrug_pipeline::run::{RunOptions, extract_again};
use rexdrug_pipeline::session::{Session, SessionOptions};
use rexdrug_pipeline::source::IngestOptions;

use super::run::{report, verdict};
use crate::config::{Settings, share};
use crate::progress::Progress;
use crate::spool::Spool;
use crate::{metrics, resources, signals};

/// Replaces the combinations of every source file that another model, lexicon or rule (--min-confidence, --first-pass,
/// --regimens) made, or none.
#[derive(Debug, Args)]
pub struct ExtractArgs {
    /// Commit only combinations of at least this confidence, 0 to 1
    #[arg(long, value_parser = share::<f32>, value_name = "P")]
    min_confidence: Option<f32>,
    /// Let the model's first pass settle sentences that state nothing, unseen by the network [default: true]
    #[arg(long, value_name = "BOOL")]
    first_pass: Option<bool>,
    /// State the members of a named regimen (FOLFOX) or combination product as a combination, effect COMB
    #[arg(long)]
    regimens: bool,
    /// Extract also the files that this model, lexicon and these rules have extracted: to ask again for what was refused
    #[arg(long)]
    again: bool,
}

/// Runs the verb.
///
/// # Errors
/// When a model or lexicon cannot be used, or the warehouse fails.
pub async fn run(args: ExtractArgs, settings: &Settings) -> Result<ExitCode> {
    let (_handle, stop) = signals::stop_on_signals()?;
    let mut settings = settings.clone();
    settings.min_confidence = args.min_confidence.or(settings.min_confidence);
    settings.first_pass = args.first_pass.or(settings.first_pass).or(Some(true));
    settings.regimens |= args.regimens;
    let warehouse = resources::existing_warehouse(&settings).await?;
    let run_id = uuid::Uuid::new_v4().to_string();
    let loaded = resources::extraction(&settings, &run_id, Utc::now().timestamp_micros())?;
    let session = Session::new(&SessionOptions::with_threads(settings.threads).reading_once(), loaded.resources)?;
    let spool = Spool::create(&settings)?;
    let options = RunOptions {
        run_id,
        verb: "extract",
        rexdrug_version: env!("CARGO_PKG_VERSION").to_owned(),
        ingest: IngestOptions::default(),
        spool: spool.path().to_owned(),
        prefetch: 1,
        extract: None,
        stop,
    };
    let files = warehouse.sources().await?.len();
    let progress = metrics::counting(&settings, "extract", Arc::new(Progress::over_sources(files)))?;
    let summary = extract_again(&warehouse, &session, options, loaded.settings, args.again, progress).await?;
    if settings.json {
        println!("{}", serde_json::to_string_pretty(&summary)?);
    } else {
        report(&summary, &warehouse);
    }
    Ok(verdict(&summary, settings.max_quarantine))
}
