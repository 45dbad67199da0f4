//! `rexdrug verify`: recompute the invariants over a warehouse.

use std::process::ExitCode;

use anyhow::Result;
use clap::Args;
use rexdrug_pipeline::warehouse::{Severity, VerifyOptions, verify};

use crate::config::Settings;
use crate::{exit, resources};

/// Recompute counts, offsets, ids and provenance over a warehouse; exit 1 when something is broken.
#[derive(Debug, Args)]
pub struct VerifyArgs {
    /// Findings shown of each kind
    #[arg(long, default_value_t = VerifyOptions::default().most_per_code, value_name = "N")]
    most: usize,
}

/// Runs the verb.
///
/// # Errors
/// When the warehouse cannot be read at all.
pub async fn run(args: VerifyArgs, settings: &Settings) -> Result<ExitCode> {
    let warehouse = resources::existing_warehouse(settings).await?;
    let options = VerifyOptions { most_per_code: args.most, ..VerifyOptions::default() };
    let findings = verify(&warehouse, options).await?;
    let broken = findings.iter().filter(|finding| finding.severity == Severity::Broken).count();
    if settings.json {
        println!("{}", serde_json::to_string_pretty(&findings)?);
    } else {
        for finding in &findings {
            println!("{finding}");
        }
        match (broken, findings.len() - broken) {
            (0, 0) => println!("{}: sound", warehouse.root()),
            (0, unfinished) => println!("{}: sound, {unfinished} files unfinished; run them again", warehouse.root()),
            (broken, _) => println!("{}: {broken} findings", warehouse.root()),
        }
    }
    Ok(if broken == 0 { ExitCode::SUCCESS } else { ExitCode::from(exit::REFUSED) })
}
