//! SIGTERM and SIGINT: the first asks to stop, the second stops at once.

use anyhow::{Context, Result};
use rexdrug_pipeline::stop::{Stop, StopHandle};
use tokio::signal::unix::{SignalKind, signal};

use crate::exit;

/// From here on signals ask for a clean stop instead of ending the process.
///
/// # Errors
/// When the handlers cannot be installed.
pub fn stop_on_signals() -> Result<(StopHandle, Stop)> {
    let mut terminate = signal(SignalKind::terminate()).context("cannot listen for SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("cannot listen for SIGINT")?;
    let (handle, stop) = StopHandle::new();
    let asked = handle.clone();
    tokio::spawn(async move {
        let mut first = true;
        loop {
            let name = tokio::select! {
                _ = terminate.recv() => "SIGTERM",
                _ = interrupt.recv() => "SIGINT",
            };
            if !first {
                // What is half done is taken up by the next start, as after a kill.
                std::process::exit(i32::from(exit::STOPPED));
            }
            first = false;
            tracing::warn!(signal = name, "stopping after the commit in hand; once more stops at once");
            asked.stop();
        }
    });
    Ok((handle, stop))
}
