//! `rexdrug run` and `rexdrug ingest`: files in, tables out.

use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Result;
#[cfg(feature = "cluster")]
use anyhow::bail;
use chrono::Utc;
use clap::Args;
use indicatif::{HumanBytes, HumanCount};
use rexdrug_operators::OperatorResources;
use rexdrug_operators::extract::LanguageModelCounts;
use rexdrug_pipeline::run::{Engine, RunOptions, RunSummary, run_files};
use rexdrug_pipeline::session::{Session, SessionOptions};
use rexdrug_pipeline::warehouse::Warehouse;
use serde::Serialize;

#[cfg(feature = "cluster")]
use crate::cluster::ClusterArgs;
use crate::config::{Settings, share};
use crate::inputs::{InputArgs, InputReport};
use crate::spool::Spool;
use crate::{exit, metrics, resources, signals, top};

/// What a run keeps, and when it counts as gone wrong.
#[derive(Debug, Args)]
pub struct RunRules {
    /// Exit 1 when a larger share than this of the records, or of the sentences put to the model, was refused
    /// [default: 0.05]
    #[arg(long, value_parser = share::<f64>, value_name = "SHARE")]
    pub max_quarantine: Option<f64>,
    /// Commit only combinations of at least this confidence, 0 to 1
    #[arg(long, value_parser = share::<f32>, value_name = "P")]
    pub min_confidence: Option<f32>,
    /// Let the model's first pass settle sentences that state nothing, unseen by the network: faster, a few rows in a
    /// thousand are lost [default: true]
    #[arg(long, value_name = "BOOL")]
    pub first_pass: Option<bool>,
    /// State the members of a named regimen (FOLFOX) or combination product as a combination, effect COMB
    #[arg(long)]
    pub regimens: bool,
}

impl RunRules {
    /// `settings` with what the command line says of them.
    pub fn over(&self, settings: &Settings) -> Settings {
        let mut settings = settings.clone();
        settings.min_confidence = self.min_confidence.or(settings.min_confidence);
        settings.first_pass = self.first_pass.or(settings.first_pass).or(Some(true));
        settings.regimens |= self.regimens;
        settings.max_quarantine = self.max_quarantine.unwrap_or(settings.max_quarantine);
        settings
    }
}

/// Which files, and by which rules.
#[derive(Debug, Args)]
pub struct RunArgs {
    #[command(flatten)]
    inputs: InputArgs,
    #[command(flatten)]
    rules: RunRules,
    #[cfg(feature = "cluster")]
    #[command(flatten)]
    cluster: ClusterArgs,
    /// Most reported combinations to show at the end; 0 for none
    #[arg(long, default_value_t = 15, value_name = "N")]
    top: usize,
}

/// Runs the verb; `extract` is false for `ingest`.
///
/// # Errors
/// When input is not found, a model or lexicon cannot be used, or the warehouse fails.
pub async fn run(args: RunArgs, settings: &Settings, extract: bool) -> Result<ExitCode> {
    let (_handle, stop) = signals::stop_on_signals()?;
    let settings = args.rules.over(settings);
    let warehouse = resources::warehouse(&settings)?;
    let spool = Spool::create(&settings)?;
    // Before the model is loaded, so that a mistyped path does not wait for it.
    let planning = Session::new(&SessionOptions::with_threads(settings.threads), OperatorResources::default())?;
    let inputs = args.inputs.plan(&settings, &warehouse, &planning, spool.path()).await?;
    let articles = inputs.report();
    let started = Utc::now();
    let run_id = uuid::Uuid::new_v4().to_string();
    #[cfg(feature = "cluster")]
    if !extract && args.cluster.is_given() {
        bail!("ingest reads files on this machine and extracts nothing; leave --cluster out, or use run");
    }
    let (engine, extraction): (Arc<dyn Engine>, _) = match extract {
        #[cfg(feature = "cluster")]
        true if args.cluster.is_given() => {
            let remote = args.cluster.engine(&settings, &warehouse, &run_id, started.timestamp_micros()).await?;
            (remote.0, Some(remote.1))
        }
        true => {
            let loaded = resources::extraction(&settings, &run_id, started.timestamp_micros())?;
            let session =
                Session::new(&SessionOptions::with_threads(settings.threads).reading_once(), loaded.resources)?;
            (Arc::new(session), Some(loaded.settings))
        }
        false => (Arc::new(planning.clone()), None),
    };
    let options = RunOptions {
        run_id,
        verb: if extract { "run" } else { "ingest" },
        rexdrug_version: env!("CARGO_PKG_VERSION").to_owned(),
        ingest: args.inputs.ingest_options(),
        spool: spool.path().to_owned(),
        prefetch: settings.prefetch,
        extract: extraction,
        stop,
    };
    let verb = options.verb;
    let progress = metrics::counting(&settings, verb, Arc::new(inputs.progress))?;
    let summary = run_files(&warehouse, engine, inputs.stream, options, progress).await?;
    let articles = articles(summary.counts.records_read);
    if settings.json {
        println!("{}", serde_json::to_string_pretty(&Outcome { summary: &summary, articles })?);
    } else {
        report(&summary, &warehouse);
        articles.print();
        if extract && args.top > 0 && !summary.stopped {
            warehouse.register(planning.context()).await?;
            top::print(planning.context(), args.top).await?;
        }
    }
    Ok(verdict(&summary, settings.max_quarantine))
}

/// The machine-readable result.
#[derive(Serialize)]
struct Outcome<'s> {
    #[serde(flatten)]
    summary: &'s RunSummary,
    #[serde(flatten)]
    articles: InputReport,
}

/// Says in a few lines what happened.
pub fn report(summary: &RunSummary, warehouse: &Warehouse) {
    let counts = &summary.counts;
    let rate = counts.records_read as f64 / summary.seconds.max(1e-9);
    println!(
        "{} files committed, {} already there; {} records ({}) in {:.1} s, {rate:.0} records/s",
        summary.files_committed,
        summary.files_skipped,
        HumanCount(counts.records_read),
        HumanBytes(counts.source_bytes),
        summary.seconds,
    );
    println!(
        "documents: {} written, {} superseded, {} replaced, {} deleted; {} records refused",
        HumanCount(counts.commit.documents_written.unsigned_abs()),
        HumanCount(counts.commit.documents_superseded.unsigned_abs()),
        HumanCount(counts.commit.documents_replaced.unsigned_abs()),
        HumanCount(counts.commit.deletions_applied.unsigned_abs()),
        HumanCount(counts.records_quarantined),
    );
    println!(
        "sentences: {} read, {} with two or more drugs, {} of them refused; combinations: {} in {}",
        HumanCount(counts.sentences_read),
        HumanCount(counts.sentences_kept),
        HumanCount(counts.sentences_quarantined),
        HumanCount(counts.commit.combinations_written.unsigned_abs()),
        warehouse.root(),
    );
    report_language_model(&counts.language_model);
}

/// What a language model was asked and what it cost, where one was asked.
fn report_language_model(counts: &LanguageModelCounts) {
    if counts.answers + counts.requests == 0 {
        return;
    }
    println!(
        "language model: {} sentences answered, {} of them from the cache; {} requests, {} repeated; {} + {} tokens, cost {:.4}",
        HumanCount(counts.answers),
        HumanCount(counts.cached),
        HumanCount(counts.requests),
        HumanCount(counts.retries),
        HumanCount(counts.prompt_tokens),
        HumanCount(counts.completion_tokens),
        counts.cost(),
    );
    println!(
        "relations stated: {}; refused: {} of drugs that are not in the text, {} of drugs outside the sentence, {} malformed; \
         quotes verbatim: {} of {}",
        HumanCount(counts.relations_stated),
        HumanCount(counts.relations_of_unknown_drugs),
        HumanCount(counts.relations_outside_sentence),
        HumanCount(counts.malformed_elements),
        HumanCount(counts.quotes_verbatim),
        HumanCount(counts.quotes),
    );
}

/// The exit code, with a last line that says why when it is not 0.
pub fn verdict(summary: &RunSummary, max_quarantine: f64) -> ExitCode {
    if summary.stopped {
        eprintln!(
            "stopped on request after {} files; run the same command again to go on from there",
            summary.files_committed
        );
        return ExitCode::from(exit::STOPPED);
    }
    if summary.files_without_extraction > 0 {
        eprintln!(
            "{} of the files already there came by `rexdrug ingest`, and no model has read them; `rexdrug extract` does",
            summary.files_without_extraction
        );
    }
    let (records, sentences) = (summary.quarantine_share(), summary.unanswered_share());
    let refused_little = records <= max_quarantine && sentences <= max_quarantine;
    if summary.files_failed == 0 && summary.files_partial == 0 && refused_little {
        return if summary.files_without_extraction == 0 { ExitCode::SUCCESS } else { ExitCode::from(exit::REFUSED) };
    }
    eprintln!(
        "refused too much: {} files could not be used, {} only in part, {:.1} % of the records, {:.1} % of the sentences \
         put to the model (limit {:.1} %); \
         see `rexdrug sql \"SELECT source_file, source_record, reason, message FROM quarantine\"`",
        summary.files_failed,
        summary.files_partial,
        records * 100.0,
        sentences * 100.0,
        max_quarantine * 100.0,
    );
    ExitCode::from(exit::REFUSED)
}
