//! Counts and rates of a job as Prometheus text: a file for the textfile collector of node_exporter or a sidecar, and an
//! HTTP endpoint.
//!
//! A nightly job may be gone before a scrape reaches it, so it leaves a file: written anew, atomically, after each source
//! file and once more at the end with the exit code. The endpoint is for long jobs, while they run.

use std::fmt::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::Context;
use rexdrug_pipeline::run::{FileCounts, RunEvent, RunObserver};
use rexdrug_schemas::RunStatus;

use crate::config::Settings;
use crate::{exit, metrics_server};

/// The metrics of this process, where they were asked for.
static CURRENT: OnceLock<Arc<Metrics>> = OnceLock::new();

#[derive(Debug, Default)]
struct Counts {
    committed: u64,
    skipped: u64,
    partial: u64,
    failed: u64,
    file_seconds: f64,
    last_commit: Option<f64>,
    sums: FileCounts,
}

/// Counts of this process and the file that shows them, where one was asked for.
#[derive(Debug)]
pub struct Metrics {
    file: Option<PathBuf>,
    verb: &'static str,
    started: f64,
    counts: Mutex<Counts>,
}

/// An observer that counts and passes on.
pub struct Counting {
    inner: Arc<dyn RunObserver>,
}

/// Counts what `inner` is told, when the settings name a file or an address to show it.
///
/// # Errors
/// When the address cannot be bound.
pub fn counting(
    settings: &Settings,
    verb: &'static str,
    inner: Arc<dyn RunObserver>,
) -> anyhow::Result<Arc<dyn RunObserver>> {
    let (file, address) = (settings.metrics_file.clone(), settings.metrics_addr);
    if file.is_none() && address.is_none() {
        return Ok(inner);
    }
    let metrics = Metrics { file, verb, started: now(), counts: Mutex::default() };
    let metrics = CURRENT.get_or_init(|| Arc::new(metrics));
    metrics.write(None);
    if let Some(address) = address {
        let shown = Arc::clone(metrics);
        let bound = metrics_server::serve(address, move || shown.text(None)).with_context(|| {
            format!("cannot serve metrics on {address}; name another address with --metrics-addr, or none")
        })?;
        tracing::info!("metrics on http://{bound}/metrics");
    }
    Ok(Arc::new(Counting { inner }))
}

/// Writes the file for the last time, with the exit code.
pub fn finish(code: ExitCode) {
    if let Some(metrics) = CURRENT.get() {
        metrics.write((exit::DONE..=exit::STOPPED).find(|known| ExitCode::from(*known) == code));
    }
}

impl RunObserver for Counting {
    fn observe(&self, event: &RunEvent) {
        if let Some(metrics) = CURRENT.get()
            && !matches!(event, RunEvent::Extracting { .. })
        {
            metrics.count(event);
            metrics.write(None);
        }
        self.inner.observe(event);
    }
}

impl Metrics {
    fn count(&self, event: &RunEvent) {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let (RunEvent::Skipped { status, .. } | RunEvent::Committed { status, .. }) = event else { return };
        match status {
            RunStatus::Done => {}
            RunStatus::Partial => counts.partial += 1,
            RunStatus::Failed => counts.failed += 1,
        }
        match event {
            RunEvent::Extracting { .. } => {}
            RunEvent::Skipped { .. } => counts.skipped += 1,
            RunEvent::Committed { counts: of_file, seconds, .. } => {
                counts.committed += 1;
                counts.file_seconds += seconds;
                counts.last_commit = Some(now());
                counts.sums.add(of_file);
            }
        }
    }

    /// A file that cannot be written costs a warning, not the night.
    fn write(&self, code: Option<u8>) {
        let Some(file) = &self.file else { return };
        let part = file.with_extension("part");
        let written = std::fs::write(&part, self.text(code)).and_then(|()| std::fs::rename(&part, file));
        if let Err(error) = written {
            tracing::warn!(file = %file.display(), %error, "metrics not written");
        }
    }

    fn text(&self, code: Option<u8>) -> String {
        let counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let (sums, commit, asked) = (&counts.sums, &counts.sums.commit, &counts.sums.language_model);
        let mut text = String::new();
        let mut family = |name: &str, kind: &str, help: &str, samples: &[(&str, f64)]| {
            let _ = writeln!(text, "# HELP rexdrug_{name} {help}\n# TYPE rexdrug_{name} {kind}");
            for (label, value) in samples {
                let label = if label.is_empty() { String::new() } else { format!(",{label}") };
                let _ = writeln!(text, "rexdrug_{name}{{verb=\"{}\"{label}}} {value}", self.verb);
            }
        };
        let files = [
            ("outcome=\"committed\"", counts.committed as f64),
            ("outcome=\"skipped\"", counts.skipped as f64),
            ("outcome=\"partial\"", counts.partial as f64),
            ("outcome=\"failed\"", counts.failed as f64),
        ];
        family(
            "files_total",
            "counter",
            "Source files by outcome; partial and failed ones are committed or skipped too.",
            &files,
        );
        for (name, help, value) in [
            ("source_bytes_total", "Bytes of source files as delivered.", sums.source_bytes as f64),
            ("records_read_total", "Records met.", sums.records_read as f64),
            ("records_quarantined_total", "Records refused.", sums.records_quarantined as f64),
            ("documents_written_total", "Documents committed.", commit.documents_written as f64),
            ("documents_replaced_total", "Older documents replaced.", commit.documents_replaced as f64),
            ("documents_deleted_total", "Documents removed by deletions.", commit.deletions_applied as f64),
            ("sentences_read_total", "Sentences segmented.", sums.sentences_read as f64),
            ("sentences_kept_total", "Sentences with two or more drugs.", sums.sentences_kept as f64),
            ("sentences_extracted_total", "Sentences that the model answered.", sums.sentences_extracted as f64),
            ("sentences_quarantined_total", "Sentences refused.", sums.sentences_quarantined as f64),
            ("combinations_written_total", "Combinations committed.", commit.combinations_written as f64),
            ("llm_answers_total", "Sentences that a language model answered.", asked.answers as f64),
            ("llm_cached_total", "Those of them whose answer was kept from before.", asked.cached as f64),
            ("llm_requests_total", "Requests to a language model, repetitions included.", asked.requests as f64),
            ("llm_retries_total", "Repetitions among them.", asked.retries as f64),
            ("llm_prompt_tokens_total", "Tokens of questions that were paid for.", asked.prompt_tokens as f64),
            ("llm_completion_tokens_total", "Tokens of answers that were paid for.", asked.completion_tokens as f64),
            ("llm_cost_total", "Their cost at the configured prices per million tokens.", asked.cost()),
            ("file_seconds_total", "Wall seconds of the stages of committed files.", counts.file_seconds),
        ] {
            family(name, "counter", help, &[("", value)]);
        }
        family("start_timestamp_seconds", "gauge", "Begin of the job.", &[("", self.started)]);
        if let Some(at) = counts.last_commit {
            family("last_commit_timestamp_seconds", "gauge", "Last commit of a source file.", &[("", at)]);
        }
        if let Some(code) = code {
            family(
                "end_timestamp_seconds",
                "gauge",
                "End of the job; absent while it runs or when it was killed.",
                &[("", now())],
            );
            family(
                "exit_code",
                "gauge",
                "0 done, 1 refused too much or not fetched, 2 failed, 3 lease held, 4 stopped.",
                &[("", f64::from(code))],
            );
        }
        text
    }
}

fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64())
}
