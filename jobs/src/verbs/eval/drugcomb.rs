//! `rexdrug eval drugcomb`.

use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use rexdrug_scoring::evaluation::drugcomb::{Alignment, Evaluation, evaluate};
use rexdrug_scoring::evaluation::html::{self, Section};
use rexdrug_scoring::evaluation::{files, summary, text};
use rexdrug_scoring::gold::drugcomb::{self, Item};
use serde_json::{Value, json};

use super::model::Model;
use super::{BenchmarkArgs, Mentions, not_empty, open, warehouse, write_report};
use crate::config::Settings;

/// The runs of one section; several are seeds.
#[derive(Default)]
struct Runs {
    gold_mentions: Vec<Evaluation>,
    end_to_end: Vec<Evaluation>,
    source: Vec<String>,
}

/// Runs the verb.
///
/// # Errors
/// When a file does not fit, or the model or warehouse cannot be used.
pub async fn run(args: &BenchmarkArgs, settings: &Settings) -> Result<ExitCode> {
    let gold = drugcomb::read(open(&args.gold)?).with_context(|| format!("in {}", args.gold.display()))?;
    let items = not_empty(gold, &args.gold)?;
    if let Some(points) = args.cascade_curve {
        return super::cascade::run(points, settings, &items).await;
    }
    if !args.predictions.is_empty() && args.seeds.is_given() {
        bail!(
            "--models, --seeds and --temperature are for models; several --predictions files are seeds by themselves"
        );
    }
    let runs = if !args.predictions.is_empty() {
        of_files(args, &items)?
    } else if args.from_warehouse {
        of_warehouse(args, settings, &items).await?
    } else {
        of_model(args, settings, &items).await?
    };
    let sections = [("gold mentions", &runs.gold_mentions), ("end to end", &runs.end_to_end)];
    let summaries = sections.map(|(_, of)| if of.is_empty() { Value::Null } else { summary::drugcomb(of) });
    if let Some(path) = &args.report {
        let facts =
            [("gold", args.gold.display().to_string()), ("judged", runs.source.join(", ")), ("rexdrug", version())];
        // Cases are those of the first run: errors of several seeds side by side help nobody.
        let parts: Vec<Section<'_>> = sections
            .iter()
            .zip(&summaries)
            .filter_map(|((title, of), summary)| Some(Section { title, summary, cases: &of.first()?.cases }))
            .collect();
        write_report(path, &html::page("DrugComb evaluation", &facts, &parts))?;
    }
    let [gold_mentions, end_to_end] = &summaries;
    if settings.json {
        let found = json!({
            "task": "drugcomb", "judged": runs.source, "gold_mentions": gold_mentions, "end_to_end": end_to_end,
        });
        println!("{}", serde_json::to_string_pretty(&found)?);
    } else {
        println!("judged: {}\n", runs.source.join(", "));
        let shown: Vec<String> = sections
            .iter()
            .zip(&summaries)
            .filter(|(_, summary)| !summary.is_null())
            .map(|((title, _), summary)| text::drugcomb(title, summary))
            .collect();
        println!("{}", shown.join("\n").trim_end());
    }
    Ok(ExitCode::SUCCESS)
}

fn version() -> String {
    env!("CARGO_PKG_VERSION").to_owned()
}

async fn of_model(args: &BenchmarkArgs, settings: &Settings, items: &[Item]) -> Result<Runs> {
    let which = args.mentions.unwrap_or(Mentions::Both);
    let mut runs = Runs::default();
    for (settings, name) in args.seeds.over(settings)? {
        let model = Model::load(&settings)?;
        runs.source.push(format!("{}{name}", model.description));
        if which != Mentions::Found {
            let mut found = evaluate(items, &model.with_gold_mentions(items).await?, Alignment::Spans)?;
            // They were given.
            found.mentions = None;
            runs.gold_mentions.push(found);
        }
        if which != Mentions::Gold {
            runs.end_to_end.push(evaluate(items, &model.end_to_end(items).await?, Alignment::Spans)?);
        }
    }
    Ok(runs)
}

fn of_files(args: &BenchmarkArgs, items: &[Item]) -> Result<Runs> {
    if args.mentions == Some(Mentions::Both) {
        bail!("a prediction file is one or the other; say --mentions gold or --mentions found");
    }
    let mut runs = Runs::default();
    for path in &args.predictions {
        let (predictions, alignment) =
            files::read_drugcomb(open(path)?, items).with_context(|| format!("in {}", path.display()))?;
        let mut found = evaluate(items, &predictions, alignment)?;
        // A leaderboard file has the ids of gold spans, and an answer only the drugs of its relations.
        found.mentions = None;
        let by_ids = alignment == Alignment::Spans;
        let gold = args.mentions.map_or(by_ids, |which| which == Mentions::Gold);
        let section = if gold { &mut runs.gold_mentions } else { &mut runs.end_to_end };
        section.push(found);
        runs.source.push(path.display().to_string());
    }
    Ok(runs)
}

async fn of_warehouse(args: &BenchmarkArgs, settings: &Settings, items: &[Item]) -> Result<Runs> {
    if args.mentions.is_some_and(|which| which != Mentions::Found) {
        bail!("a warehouse was filled from raw text; it has no answers to gold mentions");
    }
    let (predictions, found) = warehouse::predictions(settings, items).await?;
    let mut evaluation = evaluate(items, &predictions, Alignment::Spans)?;
    // Only the drugs of combinations are rows.
    evaluation.mentions = None;
    let source = format!("warehouse {}, which holds {found} of {} sentences", settings.warehouse, items.len());
    Ok(Runs { end_to_end: vec![evaluation], source: vec![source], ..Runs::default() })
}
