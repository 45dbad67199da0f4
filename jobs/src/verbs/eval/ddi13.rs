//! `rexdrug eval ddi13`.

use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use rexdrug_operators::backend::{Classifier, ClassifierOptions, ItemError, PairExtraction};
use rexdrug_operators::model::{ModelFolder, ModelTask};
use rexdrug_scoring::answer::{Sections, tolerant};
use rexdrug_scoring::evaluation::ddi13::{Answer, Evaluation, evaluate};
use rexdrug_scoring::evaluation::html::{self, Section};
use rexdrug_scoring::evaluation::{files, summary, text};
use rexdrug_scoring::gold::ddi13::{self, Item};
use rexdrug_scoring::names::normalize;
use rexdrug_scoring::task::{Label, Task};

use super::{BenchmarkArgs, Mentions, completions, not_empty, open, write_report};
use crate::cli::Extractor;
use crate::config::Settings;
use crate::resources;

/// Sentences in one call to the model.
const CHUNK: usize = 4096;

/// Runs the verb.
///
/// # Errors
/// When a file does not fit, or the model is of another task or cannot be used.
pub async fn run(args: &BenchmarkArgs, settings: &Settings) -> Result<ExitCode> {
    if args.from_warehouse {
        bail!("a warehouse holds combinations, not the typed pairs of DDI13; judge a model or --predictions");
    }
    if !args.predictions.is_empty() && args.seeds.is_given() {
        bail!(
            "--models, --seeds and --temperature are for models; several --predictions files are seeds by themselves"
        );
    }
    if args.cascade_curve.is_some() {
        bail!("--cascade-curve measures sets of drugs; expected `eval drugcomb`, got `eval ddi13`");
    }
    let gold = ddi13::read(open(&args.gold)?).with_context(|| format!("in {}", args.gold.display()))?;
    let items = not_empty(gold, &args.gold)?;
    let (mut runs, mut source): (Vec<Evaluation>, Vec<String>) = (Vec::new(), Vec::new());
    if args.predictions.is_empty() {
        if args.mentions.is_some_and(|which| which != Mentions::Gold) {
            bail!("DDI13 is judged with the drug names of the gold file; leave --mentions out");
        }
        for (settings, name) in args.seeds.over(settings)? {
            let (answers, description) = of_model(&settings, &items).await?;
            runs.push(evaluate(&items, &answers)?);
            source.push(format!("{description}{name}"));
        }
    }
    for path in &args.predictions {
        let answers = files::read_ddi13(open(path)?, &items).with_context(|| format!("in {}", path.display()))?;
        runs.push(evaluate(&items, &answers)?);
        source.push(path.display().to_string());
    }
    let mut found = summary::ddi13(&runs);
    if let Some(path) = &args.report {
        let facts = [("gold", args.gold.display().to_string()), ("judged", source.join(", "))];
        let sections: Vec<Section<'_>> = runs
            .first()
            .map(|run| Section { title: "typed pairs", summary: &found, cases: &run.cases })
            .into_iter()
            .collect();
        write_report(path, &html::page("DDI13 evaluation", &facts, &sections))?;
    }
    if settings.json {
        if let Some(found) = found.as_object_mut() {
            found.insert("task".to_owned(), "ddi13".into());
            found.insert("judged".to_owned(), source.into());
        }
        println!("{}", serde_json::to_string_pretty(&found)?);
    } else {
        println!("judged: {}\n", source.join(", "));
        println!("{}", text::ddi13(&found).trim_end());
    }
    Ok(ExitCode::SUCCESS)
}

async fn of_model(settings: &Settings, items: &[Item]) -> Result<(Vec<Answer>, String)> {
    if !matches!(settings.extractor, None | Some(Extractor::Classifier)) {
        return of_reasoner(settings, items).await;
    }
    let folder = ModelFolder::open(resources::model_folder(settings)?)?;
    folder.require_task(ModelTask::Ddi13)?;
    if folder.manifest().backend == "generator" {
        return of_reasoner(settings, items).await;
    }
    let classifier = Classifier::load(&folder, &ClassifierOptions::for_device(settings.device.parse()?))?;
    let mut answers = Vec::with_capacity(items.len());
    for chunk in items.chunks(CHUNK) {
        let asked = chunk.iter().map(completions::pair_item);
        for answer in classifier.relations(asked.collect()).await? {
            answers.push(match answer {
                Ok(found) => typed(&found, classifier.labels()),
                Err(error) => Answer::refused(error.message),
            });
        }
    }
    let hash = folder.sha256().get(..12).unwrap_or(folder.sha256());
    Ok((answers, format!("{} {hash} on {}", folder.manifest().name, settings.device)))
}

/// The answer list of each completion as it stands: what the published script, and a prediction file, would be given.
async fn of_reasoner(settings: &Settings, items: &[Item]) -> Result<(Vec<Answer>, String)> {
    let asked = items.iter().map(completions::pair_item).collect();
    let (texts, description) = completions::of_model(settings, Task::Ddi13, asked).await?;
    let answer = |text: Result<String, ItemError>| match text {
        Ok(text) if tolerant::read(Task::Ddi13, &text).parsed => {
            let after = text.rsplit_once("</think>").map_or(text.as_str(), |(_, rest)| rest);
            Answer { response: Sections::of(&text).answer.unwrap_or(after).to_owned(), fault: None }
        }
        Ok(_) => Answer::refused("the model gave no list of pairs"),
        Err(error) => Answer::refused(error.message),
    };
    Ok((texts.into_iter().map(answer).collect(), description))
}

/// Pairs of names, each type once; a name is not related to itself.
fn typed(found: &PairExtraction, labels: &[String]) -> Answer {
    let pairs = found.pairs.iter().filter_map(|pair| -> Option<(Label, [&str; 2])> {
        let label = labels.get(pair.label).and_then(|name| Task::Ddi13.label(name))?;
        let (left, right) = (found.mentions.get(pair.left)?, found.mentions.get(pair.right)?);
        (normalize(&left.name) != normalize(&right.name)).then_some((label, [left.name.as_str(), right.name.as_str()]))
    });
    Answer::from_pairs(pairs)
}
