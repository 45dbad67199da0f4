//! Progress of a run: bars on a terminal, log lines elsewhere.

use std::io::IsTerminal;
use std::time::Duration;

use indicatif::{HumanCount, ProgressBar, ProgressStyle};
use rexdrug_pipeline::run::{RunEvent, RunObserver};

/// Shows a run as it goes.
pub struct Progress {
    bar: Option<ProgressBar>,
}

impl Progress {
    /// A bar over `files` on a terminal, plain log lines elsewhere.
    pub fn new(files: usize) -> Self {
        let bar = std::io::stderr().is_terminal().then(|| {
            let bar = ProgressBar::new(files as u64);
            if let Ok(style) =
                ProgressStyle::with_template("{bar:30} {pos}/{len} files, {elapsed} elapsed, {eta} left  {msg}")
            {
                bar.set_style(style);
            }
            bar.enable_steady_tick(Duration::from_millis(250));
            bar
        });
        Self { bar }
    }
}

impl RunObserver for Progress {
    fn observe(&self, event: &RunEvent) {
        match (event, &self.bar) {
            (RunEvent::Skipped { .. }, Some(bar)) => bar.inc(1),
            (RunEvent::Committed { file, counts, seconds, .. }, Some(bar)) => {
                bar.inc(1);
                let rate = counts.records_read as f64 / seconds.max(1e-9);
                bar.set_message(format!(
                    "{file}: {} records, {} combinations, {rate:.0} records/s",
                    HumanCount(counts.records_read),
                    HumanCount(counts.commit.combinations_written.unsigned_abs())
                ));
            }
            (RunEvent::Skipped { file, status }, None) => {
                tracing::info!(file, status = status.label(), "already committed");
            }
            (RunEvent::Committed { file, status, counts, seconds }, None) => tracing::info!(
                file,
                status = status.label(),
                records = counts.records_read,
                documents = counts.commit.documents_written,
                quarantined = counts.records_quarantined,
                sentences = counts.sentences_read,
                candidates = counts.sentences_kept,
                combinations = counts.commit.combinations_written,
                seconds = format!("{seconds:.2}"),
                "committed"
            ),
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
