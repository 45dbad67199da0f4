//! `rexdrug eval sheet` and `rexdrug eval agreement`: the expert kit.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use clap::Args;
use rexdrug_scoring::evaluation::html::{document, table};
use rexdrug_scoring::evaluation::sheet::{CRITERIA, Kit, Rated, Ratings, kit, ratings, summary};
use serde_json::Value;

use super::{trace_files, write_report};
use crate::config::Settings;
use crate::task::AnswerTask;

/// Write blinded sheets to rate traces, and the key to a file apart.
#[derive(Debug, Args)]
pub struct SheetArgs {
    /// Files of completions, JSON Lines with id, text and completion; each is a system
    #[arg(long, value_name = "FILE", num_args = 1.., required = true)]
    completions: Vec<PathBuf>,
    /// Gold file that has the texts, for completions that come without
    #[arg(long, value_name = "FILE")]
    gold: Option<PathBuf>,
    /// Task of the gold file
    #[arg(long, value_enum, default_value_t = AnswerTask::Drugcomb)]
    task: AnswerTask,
    /// Folder for sheet-1.csv, sheet-2.csv, … and key.csv
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Number of raters
    #[arg(long, value_name = "N", default_value_t = 2)]
    raters: usize,
    /// Decides numbers and orders; the same seed gives the same kit
    #[arg(long, value_name = "N", default_value_t = 42)]
    seed: u64,
}

/// Read filled sheets back: agreement per criterion, means per system.
#[derive(Debug, Args)]
pub struct AgreementArgs {
    /// Filled sheets, one per rater
    #[arg(value_name = "SHEET", required = true, num_args = 1..)]
    sheets: Vec<PathBuf>,
    /// Key of the kit, to tell systems apart
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
    /// Write a self-contained HTML summary
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
}

/// Writes the sheets.
///
/// # Errors
/// When a file does not fit, or one would be overwritten: a filled sheet cannot be had again.
pub fn sheet(args: &SheetArgs) -> Result<ExitCode> {
    if args.raters == 0 {
        bail!("--raters is 0; expected 1 or more");
    }
    let systems = trace_files::read(&args.completions, args.gold.as_deref(), args.task.into())?;
    let traces: Vec<Rated> = systems
        .into_iter()
        .flat_map(|(system, items)| {
            items.into_iter().map(move |item| Rated {
                system: system.clone(),
                id: item.id,
                text: item.text,
                completion: item.completion,
            })
        })
        .collect();
    let Kit { sheets, key } = kit(&traces, args.raters, args.seed);
    std::fs::create_dir_all(&args.out).with_context(|| format!("cannot create {}", args.out.display()))?;
    for (number, rows) in sheets.iter().enumerate() {
        write_rows(&args.out.join(format!("sheet-{}.csv", number + 1)), rows)?;
    }
    write_rows(&args.out.join("key.csv"), &key)?;
    println!(
        "{} traces on {} sheets in {}; give raters a sheet each and keep key.csv",
        traces.len(),
        sheets.len(),
        args.out.display()
    );
    Ok(ExitCode::SUCCESS)
}

fn write_rows(path: &Path, rows: &[Vec<String>]) -> Result<()> {
    let file = std::fs::File::create_new(path)
        .with_context(|| format!("cannot create {}; name another folder with --out", path.display()))?;
    let mut writer = csv::Writer::from_writer(file);
    for row in rows {
        writer.write_record(row).with_context(|| format!("cannot write {}", path.display()))?;
    }
    writer.flush().with_context(|| format!("cannot write {}", path.display()))
}

fn read_rows(path: &Path) -> Result<Vec<Vec<String>>> {
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .from_path(path)
        .with_context(|| format!("cannot read {}", path.display()))?;
    let rows = reader.records().map(|record| record.map(|record| record.iter().map(str::to_owned).collect()));
    rows.collect::<Result<_, _>>().with_context(|| format!("{} is no CSV in UTF-8", path.display()))
}

/// Reads the sheets back.
///
/// # Errors
/// When a sheet or the key does not fit.
pub fn agreement(args: &AgreementArgs, settings: &Settings) -> Result<ExitCode> {
    let mut raters: Vec<(String, Ratings)> = Vec::new();
    for path in &args.sheets {
        let read = ratings(&read_rows(path)?).with_context(|| format!("in {}", path.display()))?;
        let name = path.file_stem().map_or_else(String::new, |stem| stem.to_string_lossy().into_owned());
        raters.push((name, read));
    }
    let key = args.key.as_deref().map(read_key).transpose()?;
    let found = summary(&raters, key.as_ref());
    if let Some(path) = &args.report {
        let sheets = args.sheets.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", ");
        write_report(path, &document("Agreement of raters", &[("sheets", sheets)], &body(&found)))?;
    }
    if settings.json {
        println!("{}", serde_json::to_string_pretty(&found)?);
        return Ok(ExitCode::SUCCESS);
    }
    println!("{:<16}{:>8}{:>10}   Cohen, quadratic weights, per pair", "criterion", "traces", "Fleiss");
    for name in CRITERIA {
        let of = &found["criteria"][name];
        let pairs: Vec<String> = pairs(of).map(|pair| number(&pair["cohen_quadratic"])).collect();
        println!("{name:<16}{:>8}{:>10}   {}", of["traces"].to_string(), number(&of["fleiss"]), pairs.join("  "));
    }
    for (system, of) in found["systems"].as_object().into_iter().flatten() {
        let means: Vec<String> = CRITERIA.iter().map(|name| format!("{name} {}", mean(&of[*name]))).collect();
        println!("\n{system}: {}", means.join(", "));
    }
    Ok(ExitCode::SUCCESS)
}

/// Trace to system.
fn read_key(path: &Path) -> Result<BTreeMap<String, String>> {
    let rows = read_rows(path)?;
    let expected = ["trace", "system", "id"];
    if rows.first().is_none_or(|head| *head != expected) {
        bail!("{} is no key: expected the columns {}; name key.csv of the kit", path.display(), expected.join(", "));
    }
    let pair = |row: &Vec<String>| Some((row.first()?.clone(), row.get(1)?.clone()));
    Ok(rows.iter().skip(1).filter_map(pair).collect())
}

fn pairs(criterion: &Value) -> impl Iterator<Item = &Value> {
    criterion["pairs"].as_array().into_iter().flatten()
}

fn number(value: &Value) -> String {
    value.as_f64().map_or_else(|| "-".to_owned(), |value| format!("{value:.2}"))
}

fn mean(value: &Value) -> String {
    format!("{} ± {}", number(&value["mean"]), number(&value["sd"]))
}

fn body(found: &Value) -> String {
    let criteria: Vec<Vec<String>> = CRITERIA
        .iter()
        .map(|name| {
            let of = &found["criteria"][*name];
            vec![(*name).to_owned(), of["traces"].to_string(), number(&of["fleiss"])]
        })
        .collect();
    let mut out = String::from("<div class=\"tables\">\n");
    out.push_str(&table("all raters", &["criterion", "traces", "Fleiss"], &criteria));
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let pairs: Vec<Vec<String>> = CRITERIA
        .iter()
        .flat_map(|name| pairs(&found["criteria"][*name]).map(move |pair| (name, pair)))
        .map(|(name, pair)| {
            let raters = format!("{} / {}", text(&pair["raters"][0]), text(&pair["raters"][1]));
            let kappas = ["cohen", "cohen_linear", "cohen_quadratic"].map(|key| number(&pair[key]));
            [(*name).to_owned(), raters, pair["traces"].to_string()].into_iter().chain(kappas).collect()
        })
        .collect();
    let head = ["criterion", "raters", "traces", "Cohen", "linear weights", "quadratic weights"];
    out.push_str(&table("pairs of raters", &head, &pairs));
    let systems: Vec<Vec<String>> = found["systems"]
        .as_object()
        .into_iter()
        .flatten()
        .map(|(name, of)| std::iter::once(name.clone()).chain(CRITERIA.iter().map(|key| mean(&of[*key]))).collect())
        .collect();
    if !systems.is_empty() {
        let head: Vec<&str> = std::iter::once("system").chain(CRITERIA).collect();
        out.push_str(&table("mean and deviation per system", &head, &systems));
    }
    out.push_str("</div>\n");
    out
}
