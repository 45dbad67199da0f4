//! `rexdrug worker`: extracts what runs send to the cluster.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::Args;
use rexdrug_cluster::{WorkerOptions, run_worker};
use rexdrug_operators::backend::Device;

use crate::cluster::{SecurityArgs, host_and_port};
use crate::config::Settings;
use crate::{resources, signals};

/// Work for a cluster until told to stop (SIGTERM: after the files in hand). Opens no port; models and lexicons come from the warehouse, by their hash.
#[derive(Debug, Args)]
pub struct WorkerArgs {
    /// Address of the scheduler
    #[arg(long, default_value = "127.0.0.1:50050", value_name = "HOST:PORT")]
    scheduler: String,
    /// Devices, with commas between: cuda:0,cuda:1; each gets an engine of its own [default: that of --device]
    #[arg(long, value_delimiter = ',', value_name = "LIST")]
    devices: Vec<String>,
    /// Files at a time; the engine of a device is shared by them [default: the threads, or 2 a GPU if that is more]
    #[arg(long, value_name = "N")]
    slots: Option<usize>,
    /// Folder for models, kept from one start to the next [default: rexdrug/cluster in the user's cache folder]
    #[arg(long, env = "REXDRUG_CLUSTER_CACHE", value_name = "DIR")]
    cache: Option<PathBuf>,
    #[command(flatten)]
    security: SecurityArgs,
}

/// Runs the verb.
///
/// # Errors
/// When the scheduler cannot be reached at all, or a device or folder cannot be used.
pub async fn run(args: WorkerArgs, settings: &Settings) -> Result<ExitCode> {
    let (_handle, stop) = signals::stop_on_signals()?;
    let named = if args.devices.is_empty() { vec![settings.device.clone()] } else { args.devices };
    let devices = named.iter().map(|device| device.parse::<Device>()).collect::<Result<Vec<_>, _>>()?;
    let gpus = devices.iter().filter(|device| **device != Device::Cpu).count();
    let folder = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let cache = args
        .cache
        .or_else(|| folder("XDG_CACHE_HOME").map(|cache| cache.join("rexdrug/cluster")))
        .or_else(|| folder("HOME").map(|home| home.join(".cache/rexdrug/cluster")))
        .context("no folder for models: HOME is not set; name one with --cache")?;
    let options = WorkerOptions {
        scheduler: host_and_port(&args.scheduler)?,
        security: args.security.read()?,
        slots: args.slots.unwrap_or(settings.threads.max(2 * gpus)).max(1),
        devices,
        cache,
        scratch: settings.spool.clone().unwrap_or_else(std::env::temp_dir),
        lexicon: resources::lexicon(settings)?,
        stop,
    };
    let warehouse = resources::warehouse(settings)?;
    run_worker(options, &warehouse).await?;
    Ok(ExitCode::SUCCESS)
}
