//! `rexdrug eval reasoning`, and the traces that it and the expert kit read.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use clap::{Args, ValueEnum};
use rexdrug_operators::lexicon::{Lexicon, MatchScratch};
use rexdrug_scoring::answer::Sections;
use rexdrug_scoring::evaluation::html::{card, document, escape};
use rexdrug_scoring::evaluation::reasoning::{JudgedTrace, TraceItem, judge, summary};
use rexdrug_scoring::evaluation::traces_file;
use rexdrug_scoring::gold::drugcomb;
use rexdrug_scoring::task::Task;
use serde_json::{Value, json};

use super::{open, write_report};
use crate::config::Settings;
use crate::resources;

/// Shares that are shown, with their names.
const SHARES: [(&str, &str); 6] = [
    ("with_reasoning", "with a reasoning part"),
    ("answer_readable", "answer can be read"),
    ("strict_format", "exactly the format"),
    ("structured", "four points in order"),
    ("all_titles", "all four titles"),
    ("wanted_length", "80 to 220 words"),
];
const POOLED: [(&str, &str); 4] = [
    ("drugs_in_text", "drugs named that are in the text"),
    ("quotes_verbatim", "quotes that are verbatim"),
    ("drugs_agree", "answered sets named in the reasoning"),
    ("labels_agree", "answered labels the conclusion states"),
];

/// Where traces come from.
#[derive(Debug, Args)]
pub struct TraceFiles {
    /// Files of completions, JSON Lines with id, text and completion
    #[arg(long, value_name = "FILE", num_args = 1.., required = true)]
    pub completions: Vec<PathBuf>,
    /// DrugComb gold file that has the texts, for completions that come without
    #[arg(long, value_name = "FILE")]
    pub gold: Option<PathBuf>,
}

/// Judge the reasoning of completions automatically.
#[derive(Debug, Args)]
pub struct ReasoningArgs {
    #[command(flatten)]
    files: TraceFiles,
    /// Task of the answers
    #[arg(long, value_enum, default_value_t = AnswerTask::Drugcomb)]
    task: AnswerTask,
    /// Write a self-contained HTML report with every trace that is not grounded
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum AnswerTask {
    Drugcomb,
    Ddi13,
}

impl TraceFiles {
    /// The traces of each file, texts filled in from the gold file.
    ///
    /// # Errors
    /// When a file does not fit, or a trace has no text.
    pub fn read(&self) -> Result<Vec<(String, Vec<TraceItem>)>> {
        let mut texts: HashMap<String, String> = HashMap::new();
        if let Some(path) = &self.gold {
            let items = drugcomb::read(open(path)?).with_context(|| format!("in {}", path.display()))?;
            texts = items
                .into_iter()
                .map(|item| {
                    let text = traces_file::joined(&item.sentence, Some(&item.paragraph));
                    (item.doc_id, text)
                })
                .collect();
        }
        self.completions.iter().map(|path| Ok((system(path), traces(path, &texts)?))).collect()
    }
}

/// Name of the system whose completions a file holds: that of the file.
fn system(path: &Path) -> String {
    path.file_stem().map_or_else(|| path.display().to_string(), |stem| stem.to_string_lossy().into_owned())
}

fn traces(path: &Path, texts: &HashMap<String, String>) -> Result<Vec<TraceItem>> {
    let rows = traces_file::read(open(path)?).with_context(|| format!("in {}", path.display()))?;
    if rows.is_empty() {
        bail!("{} has no completions; expected one JSON object per line", path.display());
    }
    rows.into_iter()
        .map(|row| {
            let text = row.text.or_else(|| texts.get(&row.id).cloned()).with_context(|| {
                format!("{}: completion {} has no text; add `text`, or name --gold", path.display(), row.id)
            })?;
            Ok(TraceItem { id: row.id, text, completion: row.completion, names: Vec::new() })
        })
        .collect()
}

/// Runs the verb.
///
/// # Errors
/// When a file does not fit, or the lexicon or the report fails.
pub fn run(args: &ReasoningArgs, settings: &Settings) -> Result<ExitCode> {
    let task = match args.task {
        AnswerTask::Drugcomb => Task::DrugComb,
        AnswerTask::Ddi13 => Task::Ddi13,
    };
    let lexicon = resources::lexicon(settings)?;
    let mut systems = Vec::new();
    for (name, mut items) in args.files.read()? {
        for item in &mut items {
            item.names = drugs_of(&lexicon, &item.completion);
        }
        systems.push((name, judge(task, &items)));
    }
    let found: Vec<(&String, Value)> = systems.iter().map(|(name, judged)| (name, summary(judged))).collect();
    if let Some(path) = &args.report {
        let body: String = systems.iter().zip(&found).map(|((name, judged), (_, of))| part(name, of, judged)).collect();
        let facts = [("lexicon", lexicon.sha256().get(..12).unwrap_or_default().to_owned())];
        write_report(path, &document("Reasoning traces", &facts, &body))?;
    }
    if settings.json {
        let systems: serde_json::Map<String, Value> = found.into_iter().map(|(name, of)| (name.clone(), of)).collect();
        println!("{}", serde_json::to_string_pretty(&json!({"systems": systems}))?);
        return Ok(ExitCode::SUCCESS);
    }
    for (name, of) in &found {
        println!("{name}: {} completions", of["items"]);
        for (key, title) in SHARES {
            println!("  {title:<40}{:>8}", percent(&of[key]));
        }
        for (key, title) in POOLED {
            println!("  {title:<40}{:>8}   {} of {}", percent(&of[key]["share"]), of[key]["hits"], of[key]["total"]);
        }
        if let (Some(mean), Some(sd)) = (of["words"]["mean"].as_f64(), of["words"]["sd"].as_f64()) {
            println!("  {:<40}{mean:>8.0} ± {sd:.0}", "words");
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn percent(value: &Value) -> String {
    value.as_f64().map_or_else(|| "-".to_owned(), |value| format!("{:.1}", value * 100.0))
}

/// Drug names of the reasoning part, as written.
fn drugs_of(lexicon: &Lexicon, completion: &str) -> Vec<String> {
    let think = Sections::of(completion).think.unwrap_or("");
    let (mut scratch, mut found) = (MatchScratch::default(), Vec::new());
    lexicon.find_drugs(think, &mut scratch, &mut found);
    let mut names: Vec<String> = found.iter().map(|mention| mention.surface(think).to_owned()).collect();
    names.sort_unstable();
    names.dedup();
    names
}

/// Figures of one file, and its traces that name what the text does not hold.
fn part(name: &str, of: &Value, judged: &[JudgedTrace]) -> String {
    let mut out = format!("<section>\n<h2>{}</h2>\n<div class=\"cards\">\n", escape(name));
    for (key, title) in SHARES {
        out.push_str(&card(title, of[key].as_f64(), ""));
    }
    for (key, title) in POOLED {
        out.push_str(&card(title, of[key]["share"].as_f64(), &format!("{} of {}", of[key]["hits"], of[key]["total"])));
    }
    out.push_str("</div>\n<h2>Not grounded</h2>\n");
    let quoted =
        |items: &[String]| items.iter().map(|item| format!("“{}”", escape(item))).collect::<Vec<_>>().join(", ");
    for trace in judged {
        let mut notes: Vec<String> = Vec::new();
        if !trace.drugs_elsewhere.is_empty() {
            notes.push(format!("drugs that are not in the text: {}", quoted(&trace.drugs_elsewhere)));
        }
        if !trace.quotes_elsewhere.is_empty() {
            notes.push(format!("quotes that are not in the text: {}", quoted(&trace.quotes_elsewhere)));
        }
        notes.extend(trace.departure.as_ref().map(|departure| format!("format: {}", escape(departure))));
        if !notes.is_empty() {
            let notes: String = notes.iter().map(|note| format!("<li>{note}</li>\n")).collect();
            out.push_str(&format!(
                "<article class=\"case\"><header>{}</header>\n<ul>\n{notes}</ul></article>\n",
                escape(&trace.id)
            ));
        }
    }
    out.push_str("</section>\n");
    out
}
