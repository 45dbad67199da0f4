//! `rexdrug traces`: reasoning traces by an analyst and a reviewer, and the datasets to train on.

use std::fs::File;
use std::io::BufReader;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::{Args, Subcommand};
use indicatif::HumanCount;
use rexdrug_operators::backend::openai::{ChatClient, Usage};
use rexdrug_pipeline::traces::{Agent, Generation, Standard, Summary, TraceItem, generate};
use rexdrug_scoring::gold::{ddi13, drugcomb};
use rexdrug_scoring::task::Task;

use crate::config::Settings;
use crate::language_model::LanguageModelConfig;
use crate::task::AnswerTask;

/// Have language models write reasoning traces to train on.
#[derive(Debug, Args)]
pub struct TracesArgs {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// An analyst writes a trace for every gold item, a reviewer scores it; what passes becomes sft.jsonl and grpo.jsonl
    Generate(GenerateArgs),
}

/// The analyst is the model of `[llm]` (or --llm-url and --llm-model); the reviewer that of `[reviewer]`, else the same.
#[derive(Debug, Args)]
struct GenerateArgs {
    /// Gold file in the published layout of the task, one JSON object a line
    #[arg(long, value_name = "FILE")]
    gold: PathBuf,
    /// What it is annotated for
    #[arg(long, value_enum, default_value_t = AnswerTask::Drugcomb)]
    task: AnswerTask,
    /// Folder of the traces; given again, generation goes on where it stopped
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Server of the reviewer
    #[arg(long, value_name = "URL")]
    reviewer_url: Option<String>,
    /// Model of the reviewer
    #[arg(long, value_name = "NAME")]
    reviewer_model: Option<String>,
    /// Least score of every criterion, 0 to 5
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u8).range(0..=5), value_name = "SCORE")]
    threshold: u8,
    /// Attempts after the first
    #[arg(long, default_value_t = 3, value_name = "N")]
    retries: usize,
    /// Shortest reasoning in words
    #[arg(long, default_value_t = 80, value_name = "N")]
    min_words: usize,
    /// Longest reasoning in words
    #[arg(long, default_value_t = 220, value_name = "N")]
    max_words: usize,
    /// Only the first N usable items of the file
    #[arg(long, value_name = "N")]
    limit: Option<usize>,
}

/// Exit code when items are left that no server answered.
const NOT_ALL_DECIDED: u8 = 1;

/// Runs the verb.
///
/// # Errors
/// A gold file that cannot be read, a model that is not named or does not answer, a folder of other settings.
pub async fn run(args: TracesArgs, settings: &Settings) -> Result<ExitCode> {
    let Action::Generate(args) = args.action;
    let path = args.gold.display();
    let file = File::open(&args.gold).with_context(|| format!("cannot open gold file {path}"))?;
    let unusable = || format!("{path} cannot be used");
    let task: Task = args.task.into();
    let (mut items, unusable) = match task {
        Task::DrugComb => TraceItem::of_drugcomb(&drugcomb::read(BufReader::new(file)).with_context(unusable)?),
        Task::Ddi13 => TraceItem::of_ddi13(&ddi13::read(BufReader::new(file)).with_context(unusable)?),
    };
    items.truncate(args.limit.unwrap_or(usize::MAX));
    let mut reviewer = settings.reviewer.clone();
    reviewer.url = args.reviewer_url.or(reviewer.url);
    reviewer.model = args.reviewer_model.or(reviewer.model);
    let generation = Generation {
        analyst: agent(&settings.llm).await.context("the analyst cannot be used")?,
        reviewer: agent(&reviewer).await.context("the reviewer cannot be used")?,
        standard: Standard {
            threshold: args.threshold,
            min_words: args.min_words,
            max_words: args.max_words,
            retries: args.retries,
        },
        task,
        prompt: settings.llm.prompt_name(task),
        concurrency: settings.llm.concurrency.unwrap_or(16),
    };
    let bar = indicatif::ProgressBar::new(items.len() as u64);
    let summary = generate(&items, &unusable, &generation, &args.out, |_| bar.inc(1)).await?;
    bar.finish_and_clear();
    if settings.json {
        println!("{}", serde_json::to_string_pretty(&summary)?);
    } else {
        report(&summary, &args.out.display().to_string());
    }
    Ok(if summary.unanswered.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(NOT_ALL_DECIDED) })
}

async fn agent(config: &LanguageModelConfig) -> Result<Agent> {
    let (client, model) = (ChatClient::new(config.client()?)?, config.model()?);
    client.check(&model).await?;
    Ok(Agent { client, model, sampling: config.sampling() })
}

fn report(summary: &Summary, folder: &str) {
    println!(
        "{} items: {} accepted, {} rejected, {} unanswered; pass rate {:.1} %; {} gold items cannot be used",
        HumanCount(summary.items as u64),
        HumanCount(summary.accepted as u64),
        HumanCount(summary.rejected as u64),
        HumanCount(summary.unanswered.len() as u64),
        summary.pass_rate * 100.0,
        HumanCount(summary.unusable.len() as u64),
    );
    let at = summary.accepted_at.iter().enumerate().map(|(number, count)| format!("{count} at attempt {}", number + 1));
    println!("accepted: {}", at.collect::<Vec<_>>().join(", "));
    let list = |counts: &std::collections::BTreeMap<String, usize>| match counts.is_empty() {
        true => "none".to_owned(),
        false => counts.iter().map(|(kind, count)| format!("{kind} {count}")).collect::<Vec<_>>().join(", "),
    };
    println!(
        "refused by a check: {}; criteria below the threshold: {}",
        list(&summary.findings),
        list(&summary.below_threshold)
    );
    for (name, usage) in [("analyst", &summary.analyst), ("reviewer", &summary.reviewer)] {
        let Usage { answers, cached, prompt_tokens, completion_tokens, cost_micros, .. } = usage;
        println!(
            "{name}: {} answers, {} from the cache, {} + {} tokens, cost {:.4}",
            HumanCount(*answers),
            HumanCount(*cached),
            HumanCount(*prompt_tokens),
            HumanCount(*completion_tokens),
            *cost_micros as f64 / 1e6,
        );
    }
    println!("traces and datasets are in {folder}");
}
