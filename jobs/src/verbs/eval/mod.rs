//! `rexdrug eval`: benchmarks, judged the way they are published.

mod candidates;
mod cascade;
mod completions;
mod ddi13;
mod drugcomb;
mod expert;
mod model;
mod reasoning;
mod seeds;
mod trace_files;
mod warehouse;
mod warehouse_traces;

use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use clap::{Args, Subcommand, ValueEnum};

use crate::config::Settings;
use seeds::SeedArgs;

/// Judge a model, prediction files or a warehouse against gold.
#[derive(Debug, Args)]
pub struct EvalArgs {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// DrugComb: both rules, with gold mentions and end to end
    Drugcomb(BenchmarkArgs),
    /// DDI13: micro and macro F1 over the four types
    Ddi13(BenchmarkArgs),
    /// Reasoning traces: structure, length, grounded drugs and quotes, agreement with the answer
    Reasoning(reasoning::ReasoningArgs),
    /// Blinded sheets for experts to rate traces
    Sheet(expert::SheetArgs),
    /// Filled sheets read back: Cohen's and Fleiss' kappa
    Agreement(expert::AgreementArgs),
}

/// Options of both benchmarks.
#[derive(Debug, Args)]
pub struct BenchmarkArgs {
    /// Gold file in the published layout, JSON Lines
    #[arg(long, value_name = "FILE")]
    gold: PathBuf,
    /// Judge prediction files in a published layout instead of a model; several are seeds: mean and deviation
    #[arg(long, value_name = "FILE", num_args = 1..)]
    predictions: Vec<PathBuf>,
    /// Judge the combinations of the warehouse (--warehouse) instead of a model
    #[arg(long, conflicts_with = "predictions")]
    from_warehouse: bool,
    #[command(flatten)]
    seeds: SeedArgs,
    /// Which mentions the system has: those of the gold file, those it finds, or both in turn
    #[arg(long, value_enum, value_name = "WHICH")]
    mentions: Option<Mentions>,
    /// With --extractor cascade: accuracy at so many shares of sentences sent to the language model, and under the
    /// policies, from one pass of each over all candidates
    #[arg(long, value_name = "POINTS", conflicts_with_all = ["predictions", "from_warehouse", "report", "models", "seeds"])]
    cascade_curve: Option<usize>,
    /// Write a self-contained HTML report with every error
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
}

/// Where mentions come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Mentions {
    /// The gold file gives them.
    Gold,
    /// The system finds them.
    Found,
    /// Both in turn.
    Both,
}

/// Runs the verb.
///
/// # Errors
/// When a file cannot be read or does not fit, or a model cannot be used.
pub async fn run(args: EvalArgs, settings: &Settings) -> Result<ExitCode> {
    match args.what {
        What::Drugcomb(args) => drugcomb::run(&args, settings).await,
        What::Ddi13(args) => ddi13::run(&args, settings).await,
        What::Reasoning(args) => reasoning::run(&args, settings).await,
        What::Sheet(args) => expert::sheet(&args),
        What::Agreement(args) => expert::agreement(&args, settings),
    }
}

/// A file to read, with its name in the error.
fn open(path: &Path) -> Result<BufReader<File>> {
    Ok(BufReader::new(File::open(path).with_context(|| format!("cannot read {}", path.display()))?))
}

fn write_report(path: &Path, page: &str) -> Result<()> {
    std::fs::write(path, page).with_context(|| format!("cannot write the report {}", path.display()))?;
    eprintln!("report written to {}", path.display());
    Ok(())
}

/// A gold file without items is a mistake, not a perfect score.
fn not_empty<T>(items: Vec<T>, path: &Path) -> Result<Vec<T>> {
    if items.is_empty() {
        bail!("gold file {} has no items; expected one JSON object per line", path.display());
    }
    Ok(items)
}
