//! `rexdrug lexicon`: compile name lists, and see what matches and why.

use std::borrow::Cow;
use std::io::{BufRead, BufWriter, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use clap::{Args, Subcommand};
use rexdrug_operators::lexicon::{Lexicon, LexiconBuilder, LexiconSource, MatchScratch};
use rexdrug_operators::text_offsets::CodePointIndex;
use serde::Serialize;

use crate::config::Settings;
use crate::resources;

/// Compile and inspect lexicons.
#[derive(Debug, Args)]
pub struct LexiconArgs {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Compile sources into one artefact; where names meet, the source that stands first here wins
    Build(BuildArgs),
    /// Show what matches in a text, what does not, and why
    Check {
        /// The text
        text: String,
    },
    /// Find the drugs of many texts: JSON strings in, one per line; a JSON list of mentions out for each (offsets are code
    /// points)
    Find,
    /// Show sources and counts
    Show,
}

#[derive(Debug, Args)]
struct BuildArgs {
    /// Folder of seed tables (ingredients.tsv, regimens.tsv, ...)
    #[arg(long, value_name = "DIR")]
    seed: Option<PathBuf>,
    /// DrugBank open vocabulary CSV
    #[arg(long, value_name = "CSV")]
    drugbank: Option<PathBuf>,
    /// RxNorm RXNCONSO.RRF
    #[arg(long, value_name = "RRF")]
    rxnorm: Option<PathBuf>,
    /// RxNorm RXNREL.RRF, to link brands to ingredients
    #[arg(long, value_name = "RRF", requires = "rxnorm")]
    rxnorm_relations: Option<PathBuf>,
    /// MeSH drugs CSV
    #[arg(long, value_name = "CSV")]
    mesh: Option<PathBuf>,
    /// Tables of your own: id, name, synonyms (separated by |), tab-separated; may be repeated
    #[arg(long, value_name = "TSV")]
    table: Vec<PathBuf>,
    /// The artefact to write
    #[arg(long, short, value_name = "FILE")]
    output: PathBuf,
}

/// Runs the verb.
///
/// # Errors
/// When a source cannot be read or has too many bad rows, or the artefact cannot be written.
pub fn run(args: LexiconArgs, settings: &Settings) -> Result<ExitCode> {
    match args.action {
        Action::Build(args) => build(args, settings),
        Action::Check { text } => check(&text, settings),
        Action::Find => find(settings),
        Action::Show => {
            let lexicon = resources::lexicon(settings)?;
            println!("{}", serde_json::to_string_pretty(lexicon.report())?);
            Ok(ExitCode::SUCCESS)
        }
    }
}

fn build(args: BuildArgs, settings: &Settings) -> Result<ExitCode> {
    let mut sources: Vec<LexiconSource> = args.table.into_iter().map(LexiconSource::Plain).collect();
    sources.extend(args.seed.map(LexiconSource::Seed));
    sources.extend(args.drugbank.map(LexiconSource::DrugBank));
    let relations = args.rxnorm_relations;
    sources.extend(args.rxnorm.map(|concepts| LexiconSource::RxNorm { concepts, relations }));
    sources.extend(args.mesh.map(LexiconSource::Mesh));
    if sources.is_empty() {
        bail!("no source; name at least one of --seed, --drugbank, --rxnorm, --mesh, --table");
    }
    let compiled = sources.into_iter().fold(LexiconBuilder::new(), LexiconBuilder::source).compile()?;
    // Written beside and renamed, so that a reader never meets half an artefact.
    let part = args.output.with_extension("part");
    std::fs::write(&part, &compiled.bytes)
        .and_then(|()| std::fs::rename(&part, &args.output))
        .with_context(|| format!("cannot write {}", args.output.display()))?;
    let lexicon = Lexicon::from_bytes(&compiled.bytes)?;
    for row in &compiled.report.bad_rows {
        eprintln!("{}:{}: {}", row.file, row.line, row.reason);
    }
    for member in &compiled.report.unresolved_members {
        eprintln!("unknown member: {member}");
    }
    if settings.json {
        println!("{}", serde_json::to_string_pretty(&compiled.report)?);
    } else {
        let report = &compiled.report;
        println!(
            "{}: {} entries, {} terms, {} stems, {} bytes, sha256 {}",
            args.output.display(),
            report.entries,
            report.terms,
            report.stems,
            compiled.bytes.len(),
            lexicon.sha256(),
        );
    }
    Ok(ExitCode::SUCCESS)
}

#[derive(Debug, Serialize)]
struct Found<'a> {
    start: u32,
    end: u32,
    drug_id: Cow<'a, str>,
    name: Cow<'a, str>,
    kind: &'static str,
}

fn find(settings: &Settings) -> Result<ExitCode> {
    let lexicon = resources::lexicon(settings)?;
    let (mut scratch, mut mentions) = (MatchScratch::new(), Vec::new());
    let mut out = BufWriter::new(std::io::stdout().lock());
    for (number, line) in std::io::stdin().lock().lines().enumerate() {
        let place = || format!("standard input, line {}: expected a text as a JSON string", number + 1);
        let text: String = serde_json::from_str(&line.with_context(place)?).with_context(place)?;
        lexicon.find_drugs(&text, &mut scratch, &mut mentions);
        let points = CodePointIndex::new(&text);
        let found = mentions.iter().map(|mention| Found {
            start: points.code_point(mention.start),
            end: points.code_point(mention.end),
            drug_id: lexicon.drug_id(mention, &text),
            name: lexicon.name(mention, &text),
            kind: lexicon.kind(mention.entry).as_str(),
        });
        serde_json::to_writer(&mut out, &found.collect::<Vec<_>>())?;
        out.write_all(b"\n")?;
    }
    out.flush()?;
    Ok(ExitCode::SUCCESS)
}

fn check(text: &str, settings: &Settings) -> Result<ExitCode> {
    let candidates = resources::lexicon(settings)?.explain(text);
    if settings.json {
        println!("{}", serde_json::to_string_pretty(&candidates)?);
        return Ok(ExitCode::SUCCESS);
    }
    for found in &candidates {
        // Enum names as they stand in the JSON form.
        let word = |value: serde_json::Result<serde_json::Value>| -> String {
            value.ok().and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
        };
        println!(
            "{:>5}..{:<5} {:<24} {:<14} {:<28} {:<8} term `{}`, rule {}, source {}",
            found.start,
            found.end,
            found.surface,
            word(serde_json::to_value(found.verdict)),
            found.drug_id,
            word(serde_json::to_value(found.kind)),
            found.term,
            word(serde_json::to_value(found.rule)),
            found.source,
        );
    }
    if candidates.is_empty() {
        println!("nothing matches");
    }
    Ok(ExitCode::SUCCESS)
}
