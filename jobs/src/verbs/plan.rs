//! `rexdrug plan`: what a run would take, before it starts.

use std::process::ExitCode;

use anyhow::{Result, bail};
use clap::Args;
use indicatif::{HumanBytes, HumanCount};
use rexdrug_operators::extract::ExtractOptions;
use rexdrug_operators::{OperatorResources, PrefilterOptions};
use rexdrug_pipeline::estimate::{Choice, Estimate, Figure, Hardware, Measured, Work, estimate};
use rexdrug_pipeline::plan;
use rexdrug_pipeline::session::{Session, SessionOptions};
use serde::Serialize;

use crate::cli::Extractor;
use crate::config::Settings;
use crate::inputs::{InputArgs, InputReport};
use crate::named_model::named_model;
use crate::resources;
use crate::spool::Spool;
use crate::verbs::run::RunRules;

/// Say what a run with the same options would take: files, hours, requests, tokens, each figure counted, measured in the
/// warehouse's `runs` or assumed; and print its plan. Nothing is read but digests, nothing is written.
#[derive(Debug, Args)]
pub struct PlanArgs {
    #[command(flatten)]
    inputs: InputArgs,
    #[command(flatten)]
    rules: RunRules,
    /// Candidate sentences a second of the hardware that the run will have [default: as measured, else assumed]
    #[arg(long, value_name = "N")]
    sentences_per_second: Option<f64>,
}

/// The machine-readable result.
#[derive(Serialize)]
struct Outcome {
    #[serde(flatten)]
    inputs: InputReport,
    warehouse: String,
    choice: Choice,
    threads: usize,
    work: Work,
    estimate: Estimate,
    plan: Vec<String>,
}

/// Runs the verb.
///
/// # Errors
/// When input, model folder, lexicon or warehouse cannot be read.
pub async fn run(args: PlanArgs, settings: &Settings) -> Result<ExitCode> {
    if let Some(rate) = args.sentences_per_second.filter(|rate| !rate.is_finite() || *rate <= 0.0) {
        bail!("--sentences-per-second {rate}: expected a number above 0");
    }
    let settings = args.rules.over(settings);
    let warehouse = resources::warehouse(&settings)?;
    let spool = Spool::create(&settings)?;
    let session = Session::new(&SessionOptions::with_threads(settings.threads), OperatorResources::default())?;
    let inputs = args.inputs.plan(&settings, &warehouse, &session, spool.path()).await?;
    let report = inputs.report();
    // Nothing is read whose progress could be shown.
    drop(inputs.progress);
    let lexicon = resources::lexicon(&settings)?;
    let named = named_model(&settings, &lexicon)?;
    let asked = match settings.extractor {
        Some(Extractor::Openai) => Some(settings.llm.lengths(false)?),
        Some(Extractor::Cascade) if settings.cascade_model.is_none() => Some(settings.llm.lengths(true)?),
        _ => None,
    };
    let hardware = Hardware {
        threads: settings.threads,
        sentences_per_second: args.sentences_per_second,
        object_store: !warehouse.root().starts_with("file:"),
    };
    let work = Work::of(&warehouse, inputs.stream).await?;
    let measured = Measured::of(&warehouse, &named.choice).await?;
    let found = estimate(&work, &measured, &named.choice, &hardware, asked.as_ref());
    let prefilter = PrefilterOptions { count_members: settings.regimens, ..PrefilterOptions::for_lexicon(&lexicon) };
    let extract = ExtractOptions {
        model_uri: named.model_uri,
        model_sha256: named.model_sha256,
        device: named.choice.device.clone(),
        min_confidence: settings.min_confidence.unwrap_or_default(),
        ..ExtractOptions::default()
    };
    let tree = plan::explain(session.context(), prefilter, extract).await?;
    let outcome = Outcome {
        inputs: report(0),
        warehouse: warehouse.root(),
        choice: named.choice,
        threads: settings.threads,
        work,
        estimate: found,
        plan: tree.lines().map(str::to_owned).collect(),
    };
    match settings.json {
        true => println!("{}", serde_json::to_string_pretty(&outcome)?),
        false => show(&outcome),
    }
    Ok(ExitCode::SUCCESS)
}

fn show<'o>(outcome: &'o Outcome) {
    let Choice { extractor, model_id, device, .. } = &outcome.choice;
    let threads = outcome.threads;
    println!("a run into {} with {extractor} {model_id} on {device}, {threads} threads", outcome.warehouse);
    outcome.inputs.print();
    let found = &outcome.estimate;
    let count = |figure: &Figure| HumanCount(figure.value.round() as u64).to_string();
    let hours = |figure: &Figure| format!("{:.2}", figure.value);
    let mut reasons: Vec<&str> = Vec::new();
    let mut row = |name: &str, value: String, figure: &'o Figure| {
        let mut numbers = Vec::new();
        for why in &figure.why {
            let known = reasons.iter().position(|reason| reason == why);
            numbers.push(
                1 + known.unwrap_or_else(|| {
                    reasons.push(why);
                    reasons.len() - 1
                }),
            );
        }
        numbers.sort_unstable();
        let numbers: String = numbers.iter().map(|number| format!(" [{number}]")).collect();
        println!("{name:<24}{value:>16}  {}{numbers}", figure.basis.label());
    };
    row("files to read", count(&found.files), &found.files);
    row("files already there", count(&found.files_done), &found.files_done);
    row("bytes", HumanBytes(found.bytes.value as u64).to_string(), &found.bytes);
    row("records", count(&found.records), &found.records);
    row("sentences", count(&found.sentences), &found.sentences);
    row("candidate sentences", count(&found.candidate_sentences), &found.candidate_sentences);
    row("hours of reading", hours(&found.reading_hours), &found.reading_hours);
    row("hours of extraction", hours(&found.extraction_hours), &found.extraction_hours);
    row("hours of commits", hours(&found.commit_hours), &found.commit_hours);
    row("hours, at least", hours(&found.hours_at_least), &found.hours_at_least);
    row("hours, at most", hours(&found.hours_at_most), &found.hours_at_most);
    row("object store requests", count(&found.store_requests), &found.store_requests);
    row("prompt tokens", count(&found.prompt_tokens), &found.prompt_tokens);
    row("completion tokens", count(&found.completion_tokens), &found.completion_tokens);
    if found.cost.value > 0.0 {
        row("cost of tokens", format!("{:.2}", found.cost.value), &found.cost);
    }
    for (number, reason) in reasons.iter().enumerate() {
        println!("[{}] {reason}", number + 1);
    }
    println!("plan, for each source file:");
    for line in &outcome.plan {
        println!("  {line}");
    }
}
