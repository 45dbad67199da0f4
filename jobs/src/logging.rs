//! Log lines go to standard error; results go to standard output.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;

use crate::cli::LogFormat;

/// Starts logging at `info`, or at what `REXDRUG_LOG` says; chatty libraries stay at `warn`.
pub fn start(format: LogFormat) {
    let filter = EnvFilter::try_from_env("REXDRUG_LOG").unwrap_or_else(|_| {
        EnvFilter::new("warn,rexdrug=info,rexdrug_pipeline=info,rexdrug_operators=info,rexdrug_cluster=info")
    });
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_target(false);
    // Without it, a log line that cannot be written is reported by a macro that panics when standard error is closed.
    let lines = lines.log_internal_errors(false);
    // Failure means that a subscriber is already there, which is as good.
    let _ = match format {
        LogFormat::Json => lines.json().try_init(),
        LogFormat::Text => lines.with_ansi(std::io::stderr().is_terminal()).try_init(),
    };
}
