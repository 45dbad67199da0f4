//! Progress of a run: bars on a terminal, log lines elsewhere.

use std::collections::HashMap;
use std::io::IsTerminal;
use std::time::Duration;

use indicatif::{HumanCount, ProgressBar, ProgressStyle};
use rexdrug_pipeline::run::{RunEvent, RunObserver};
use rexdrug_pipeline::source::Input;

/// Over bytes of source files: files differ too much in size for a count of files to tell the time left.
const OVER_BYTES: &str = "{bar:30} {bytes}/{total_bytes}, {elapsed} elapsed, {eta} left  {msg}";
/// Over source files whose sizes are not at hand.
const OVER_FILES: &str = "{bar:30} {pos}/{len} files, {elapsed} elapsed, {eta} left  {msg}";

/// Shows a run as it goes.
pub struct Progress {
    bar: Option<ProgressBar>,
    /// Bytes of each file by name; a file that is not here counts as one.
    sizes: HashMap<String, u64>,
}

impl Progress {
    /// A bar over the bytes of `inputs` on a terminal, plain log lines elsewhere.
    pub fn over_inputs(inputs: &[Input]) -> Self {
        let sizes: HashMap<_, _> = inputs.iter().map(|input| (input.name(), input.bytes())).collect();
        Self { bar: bar(sizes.values().sum(), OVER_BYTES), sizes }
    }

    /// A bar over `count` source files that the warehouse holds.
    pub fn over_sources(count: usize) -> Self {
        Self { bar: bar(count as u64, OVER_FILES), sizes: HashMap::new() }
    }

    fn through(&self, bar: &ProgressBar, file: &str) {
        bar.inc(self.sizes.get(file).copied().unwrap_or(1));
    }
}

fn bar(length: u64, template: &str) -> Option<ProgressBar> {
    std::io::stderr().is_terminal().then(|| {
        let bar = ProgressBar::new(length);
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        bar.enable_steady_tick(Duration::from_millis(250));
        bar
    })
}

impl RunObserver for Progress {
    fn observe(&self, event: &RunEvent) {
        match (event, &self.bar) {
            (RunEvent::Extracting { file, sentences }, Some(bar)) => {
                bar.set_message(format!("{file}: {} sentences extracted", HumanCount(*sentences)));
            }
            (RunEvent::Extracting { file, sentences }, None) => tracing::debug!(file, sentences, "extracting"),
            (RunEvent::Skipped { file, .. }, Some(bar)) => self.through(bar, file),
            (RunEvent::Committed { file, counts, seconds, .. }, Some(bar)) => {
                self.through(bar, file);
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
