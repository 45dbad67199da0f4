//! The `rexdrug` command: MEDLINE files in, a table of drug combinations out.

/// As in `std`, but a reader that went away (`rexdrug … | head`) is no reason to panic.
macro_rules! println {
    () => { $crate::output::line(format_args!("")) };
    ($($text:tt)*) => { $crate::output::line(format_args!($($text)*)) };
}

/// As in `std`, but never panics.
macro_rules! eprintln {
    ($($text:tt)*) => { $crate::output::complain(format_args!($($text)*)) };
}

mod cli;
#[cfg(feature = "cluster")]
mod cluster;
mod config;
mod exit;
mod failpoint;
mod files;
mod highlight;
mod inputs;
mod language_model;
mod listing;
mod logging;
#[cfg(all(target_os = "linux", target_env = "gnu"))]
mod memory;
mod metrics;
mod metrics_server;
mod named_model;
mod output;
mod progress;
mod resources;
mod shard;
mod signals;
mod spool;
mod task;
mod top;
mod verbs;

use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;

/// Tasks that are still at work when a command has ended (after a stop) may go on for so long.
const LAST_WORDS: Duration = Duration::from_secs(5);

fn main() -> ExitCode {
    let cli = cli::Cli::parse();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("error: cannot start the async runtime: {error}");
            return ExitCode::from(exit::FAILED);
        }
    };
    let outcome = runtime.block_on(cli.run());
    runtime.shutdown_timeout(LAST_WORDS);
    let code = match outcome {
        Ok(_) if output::is_lost() => ExitCode::from(exit::FAILED),
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error}");
            for cause in error.chain().skip(1) {
                eprintln!("  caused by: {cause}");
            }
            ExitCode::from(exit::FAILED)
        }
    };
    metrics::finish(code);
    code
}
