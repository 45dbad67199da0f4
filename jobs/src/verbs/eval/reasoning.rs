//! `rexdrug eval reasoning`.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use clap::Args;
use rexdrug_operators::backend::ExtractItem;
use rexdrug_operators::lexicon::{Lexicon, MatchScratch};
use rexdrug_scoring::answer::Sections;
use rexdrug_scoring::evaluation::html::{card, document, escape};
use rexdrug_scoring::evaluation::reasoning::{JudgedTrace, TraceItem, judge, summary};
use rexdrug_scoring::gold::{ddi13, drugcomb};
use rexdrug_scoring::prf::MeanSd;
use rexdrug_scoring::task::Task;
use serde_json::{Value, json};

use super::seeds::SeedArgs;
use super::{completions, not_empty, open, trace_files, warehouse_traces, write_report};
use crate::config::Settings;
use crate::resources;
use crate::task::AnswerTask;

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

/// Judge reasoning automatically: of completions in files, of the rows of a warehouse, or of what a generator folder
/// (--model) or a server (--extractor openai) writes about a gold file.
#[derive(Debug, Args)]
pub struct ReasoningArgs {
    /// Files of completions, JSON Lines with id, text and completion; each is a system
    #[arg(long, value_name = "FILE", num_args = 1..)]
    completions: Vec<PathBuf>,
    /// Judge the reasoning in the warehouse (--warehouse)
    #[arg(long, conflicts_with = "completions")]
    from_warehouse: bool,
    /// Gold file: what a model is asked about, and the texts of completions that come without
    #[arg(long, value_name = "FILE")]
    gold: Option<PathBuf>,
    #[command(flatten)]
    seeds: SeedArgs,
    /// Keep what the model writes, a file of completions for each model and seed: NAME.jsonl, NAME-2.jsonl, …
    #[arg(long, value_name = "NAME", conflicts_with_all = ["completions", "from_warehouse"])]
    save: Option<PathBuf>,
    /// Task of the answers
    #[arg(long, value_enum, default_value_t = AnswerTask::Drugcomb)]
    task: AnswerTask,
    /// Write a self-contained HTML report with every trace that is not grounded
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
}

/// Runs the verb.
///
/// # Errors
/// When a file does not fit, a model writes no reasoning, a warehouse holds none, or the lexicon or the report fails.
pub async fn run(args: &ReasoningArgs, settings: &Settings) -> Result<ExitCode> {
    let task: Task = args.task.into();
    let lexicon = resources::lexicon(settings)?;
    let mut systems = Vec::new();
    for (name, mut items) in traces(args, task, settings).await? {
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
    let over = over_systems(found.iter().map(|(_, of)| of));
    if settings.json {
        let systems: serde_json::Map<String, Value> = found.into_iter().map(|(name, of)| (name.clone(), of)).collect();
        println!("{}", serde_json::to_string_pretty(&json!({"systems": systems, "over_systems": over}))?);
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
    if found.len() > 1 {
        println!("mean ± deviation over {} systems", found.len());
        for (key, title) in SHARES.iter().chain(&POOLED) {
            if let (Some(mean), Some(sd)) = (over[key]["mean"].as_f64(), over[key]["sd"].as_f64()) {
                println!("  {title:<40}{:>8.1} ± {:.1}", 100.0 * mean, 100.0 * sd);
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Mean and deviation of every share over the systems, as over the seeds of one; null where there are fewer than two.
fn over_systems<'v>(found: impl Iterator<Item = &'v Value> + Clone) -> Value {
    if found.clone().count() < 2 {
        return Value::Null;
    }
    let shares = SHARES.iter().map(|(key, _)| (*key, ""));
    let figure = |(key, inside): (&str, &str)| {
        let values: Vec<f64> =
            found.clone().filter_map(|of| of.pointer(&format!("/{key}{inside}"))?.as_f64()).collect();
        (key.to_owned(), json!(MeanSd::of(&values)))
    };
    shares.chain(POOLED.iter().map(|(key, _)| (*key, "/share"))).map(figure).collect::<serde_json::Map<_, _>>().into()
}

/// The traces of each system, by its name.
async fn traces(args: &ReasoningArgs, task: Task, settings: &Settings) -> Result<Vec<(String, Vec<TraceItem>)>> {
    if !args.completions.is_empty() {
        if args.seeds.is_given() {
            bail!(
                "--models, --seeds and --temperature are for models; several --completions files are several systems"
            );
        }
        return trace_files::read(&args.completions, args.gold.as_deref(), task);
    }
    if args.from_warehouse {
        if task != Task::DrugComb {
            bail!("a warehouse holds combinations, not the typed pairs of DDI13; judge a model or --completions");
        }
        return Ok(vec![(settings.warehouse.clone(), warehouse_traces::traces(settings).await?)]);
    }
    let Some(gold) = &args.gold else {
        bail!("nothing to judge: give --completions FILE, --from-warehouse, or --gold FILE for a model to write about");
    };
    let wrong = || format!("in {}", gold.display());
    let (ids, items): (Vec<String>, Vec<ExtractItem>) = match task {
        Task::DrugComb => {
            let items = drugcomb::read(open(gold)?).with_context(wrong)?;
            items.iter().map(|item| (item.doc_id.clone(), completions::combination_item(item))).unzip()
        }
        Task::Ddi13 => {
            let items = ddi13::read(open(gold)?).with_context(wrong)?;
            items.iter().map(|item| (item.id.to_string(), completions::pair_item(item))).unzip()
        }
    };
    let ids = not_empty(ids, gold)?;
    let mut systems = Vec::new();
    for (number, (settings, name)) in args.seeds.over(settings)?.into_iter().enumerate() {
        let (texts, model) = completions::of_model(&settings, task, items.clone()).await?;
        let written = ids.iter().zip(&items).zip(texts).map(|((id, item), text)| {
            let shown = item.context.as_ref().map_or(&*item.sentence, |context| &*context.text);
            // Nothing was written, or not to its end: the worst of traces.
            let completion = text.unwrap_or_else(|error| {
                tracing::debug!(item = id, %error, "no completion");
                String::new()
            });
            TraceItem { id: id.clone(), text: shown.to_owned(), completion, names: Vec::new() }
        });
        let written: Vec<TraceItem> = written.collect();
        if let Some(path) = &args.save {
            save(&numbered(path, number), &written)?;
        }
        systems.push((format!("{model}{name}"), written));
    }
    Ok(systems)
}

/// `NAME.jsonl`, `NAME-2.jsonl`, …
fn numbered(path: &Path, number: usize) -> PathBuf {
    let stem = path.with_extension("").to_string_lossy().into_owned();
    PathBuf::from(if number == 0 { format!("{stem}.jsonl") } else { format!("{stem}-{}.jsonl", number + 1) })
}

fn save(path: &Path, traces: &[TraceItem]) -> Result<()> {
    let line = |of: &TraceItem| format!("{}\n", json!({"doc_id": of.id, "text": of.text, "completion": of.completion}));
    let lines: String = traces.iter().map(line).collect();
    std::fs::write(path, lines).with_context(|| format!("cannot write {}", path.display()))
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
