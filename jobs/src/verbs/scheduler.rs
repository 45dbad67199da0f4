//! `rexdrug scheduler`: hands the plans of runs to workers.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Result, bail};
use clap::Args;
use rexdrug_cluster::{SchedulerOptions, serve_scheduler};

use crate::cluster::SecurityArgs;
use crate::config::Settings;
use crate::{resources, signals};

/// Serve a cluster until told to stop. It keeps nothing: stopped and started again, runs go on.
#[derive(Debug, Args)]
pub struct SchedulerArgs {
    /// Address to listen on; with port 0 the system chooses one, which is said on standard output
    #[arg(long, default_value = "127.0.0.1:50050", value_name = "HOST:PORT")]
    bind: String,
    /// Seconds without a sign of life after which a worker's files are given to others
    #[arg(long, default_value_t = 60, value_name = "SECONDS")]
    worker_timeout: u64,
    /// Listen beyond this machine without token or encryption: the network keeps strangers out
    #[arg(long)]
    insecure: bool,
    #[command(flatten)]
    security: SecurityArgs,
}

/// Runs the verb.
///
/// # Errors
/// When the address cannot be listened on, or would be open to strangers.
pub async fn run(args: SchedulerArgs, settings: &Settings) -> Result<ExitCode> {
    let (_handle, stop) = signals::stop_on_signals()?;
    let security = args.security.read()?;
    let bind = tokio::net::lookup_host(&args.bind).await.ok().and_then(|mut found| found.next());
    let Some(bind) = bind else {
        bail!("--bind {}: expected HOST:PORT of this machine, e.g. 0.0.0.0:50050", args.bind);
    };
    if !bind.ip().is_loopback() && !security.is_closed() && !args.insecure {
        bail!(
            "--bind {bind} is open to the network: give --cluster-token, --cluster-cert and --cluster-key (and \
             --cluster-ca to ask callers for certificates), or --insecure where the network keeps strangers out"
        );
    }
    let options = SchedulerOptions { bind, security, worker_timeout: Duration::from_secs(args.worker_timeout.max(1)) };
    let warehouse = resources::warehouse(settings)?;
    let stopped = async move { stop.asked().await };
    serve_scheduler(options, &warehouse, |address| println!("scheduler listens on {address}"), stopped).await?;
    Ok(ExitCode::SUCCESS)
}
