//! `rexdrug compact`: join small files, delete what no reader needs any more.

use std::num::NonZeroU64;
use std::process::ExitCode;

use anyhow::Result;
use clap::Args;
use indicatif::HumanBytes;
use rexdrug_pipeline::warehouse::CompactOptions;

use crate::config::Settings;
use crate::spool::Spool;
use crate::{exit, resources, signals};

/// Join small files and delete those that left the tables long ago or never entered them; rows do not change.
#[derive(Debug, Args)]
pub struct CompactArgs {
    /// Size in MiB to which small files are joined; larger ones make scans faster and updates dearer
    #[arg(long, default_value = "64", value_name = "MIB")]
    target_mib: NonZeroU64,
    /// Hours for which files are kept after they left a table; at least 168, for readers of older versions
    #[arg(long, default_value_t = CompactOptions::default().retention_hours, value_name = "HOURS")]
    retention_hours: i64,
    /// Have updates mark rows as deleted from now on, where they would write files again: far cheaper, but readers must
    /// know Delta's deletion vectors. Cannot be undone
    #[arg(long, conflicts_with = "dry_run")]
    deletion_vectors: bool,
    /// Only say what would be done
    #[arg(long)]
    dry_run: bool,
}

/// Runs the verb.
///
/// # Errors
/// When the retention is unsafe or the warehouse fails.
pub async fn run(args: CompactArgs, settings: &Settings) -> Result<ExitCode> {
    let (_handle, stop) = signals::stop_on_signals()?;
    // Clears away what compactions and runs that were killed have left.
    let _spool = Spool::create(settings)?;
    // Deletion vectors may be turned on before anything is in the tables.
    let warehouse = match args.deletion_vectors {
        true => resources::warehouse(settings)?,
        false => resources::existing_warehouse(settings).await?,
    };
    let options = CompactOptions {
        target_bytes: args.target_mib.saturating_mul(NonZeroU64::MIN.saturating_add((1 << 20) - 1)),
        retention_hours: args.retention_hours,
        dry_run: args.dry_run,
    };
    if args.deletion_vectors {
        let changed = warehouse.enable_deletion_vectors().await?;
        eprintln!(
            "deletion vectors: {}",
            if changed.is_empty() { "in use already".to_owned() } else { changed.join(", ") }
        );
    }
    let reports = tokio::select! {
        reports = warehouse.compact(options) => reports?,
        () = stop.asked() => {
            eprintln!("stopped on request; every commit is whole, run it again to go on");
            return Ok(ExitCode::from(exit::STOPPED));
        }
    };
    if settings.json {
        println!("{}", serde_json::to_string_pretty(&reports)?);
        return Ok(ExitCode::SUCCESS);
    }
    for report in &reports {
        println!(
            "{:<12} {:>5} files → {:>5}, {} written, {} old files {}",
            report.table,
            report.files_before,
            report.files_after,
            HumanBytes(report.bytes_rewritten),
            report.files_deleted,
            if args.dry_run { "to delete" } else { "deleted" },
        );
    }
    println!("{}: {}", warehouse.root(), if args.dry_run { "nothing was changed (dry run)" } else { "compacted" });
    Ok(ExitCode::SUCCESS)
}
