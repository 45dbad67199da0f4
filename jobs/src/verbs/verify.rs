//! `rexdrug verify`: recompute the invariants over a warehouse.

use std::process::ExitCode;

use anyhow::Result;
use clap::Args;
use rexdrug_pipeline::warehouse::Warehouse;

use crate::config::Settings;

/// Recompute counts, offsets, ids and provenance over a warehouse; exit 1 when something is broken.
#[derive(Debug, Args)]
pub struct VerifyArgs {}

/// Runs the verb.
///
/// # Errors
/// When the warehouse cannot be read at all.
pub async fn run(_args: VerifyArgs, settings: &Settings) -> Result<ExitCode> {
    let warehouse = Warehouse::open(&settings.warehouse, Default::default())?;
    let report = warehouse.verify().await?;
    if settings.json {
        println!("{}", serde_json::to_string_pretty(&report)?);
    } else {
        for finding in &report.findings {
            println!("{finding}");
        }
        println!("{}", report.summary());
    }
    Ok(if report.is_sound() { ExitCode::SUCCESS } else { ExitCode::from(1) })
}
