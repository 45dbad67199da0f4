//! `rexdrug try`: sentences, drugs and combinations of a text, through the same plan that `run` uses.

use std::io::Read;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use arrow::array::{Array, AsArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Float32Type, Int32Type};
use arrow::record_batch::RecordBatch;
use chrono::Utc;
use clap::Args;
use rexdrug_operators::PrefilterOptions;
use rexdrug_pipeline::plan;
use rexdrug_pipeline::session::{Session, SessionOptions};
use rexdrug_pipeline::source::text_document;
use serde::Serialize;

use crate::config::Settings;
use crate::highlight::{Marks, highlight};
use crate::resources;

/// Show sentences, drugs and combinations of a text. Offsets are Unicode code points into the text.
#[derive(Debug, Args)]
pub struct TryArgs {
    /// The text, or - for standard input
    text: String,
}

#[derive(Debug, Serialize)]
struct Outcome {
    text: String,
    sentences: Vec<Sentence>,
    combinations: Vec<Combination>,
}

#[derive(Debug, Serialize)]
struct Sentence {
    start: i32,
    end: i32,
    text: String,
    mentions: Vec<Mention>,
}

/// A drug as rows hold it.
#[derive(Debug, Serialize)]
pub(super) struct Mention {
    pub(super) start: i32,
    pub(super) end: i32,
    pub(super) surface: String,
    drug_id: String,
    name: String,
}

#[derive(Debug, Serialize)]
struct Combination {
    sentence_index: i32,
    drugs: Vec<Mention>,
    drug_key: String,
    effect: String,
    confidence: f32,
}

/// Runs the verb.
///
/// # Errors
/// When there is no text, or a model or lexicon cannot be used.
pub async fn run(args: TryArgs, settings: &Settings) -> Result<ExitCode> {
    let text = match args.text.as_str() {
        "-" => {
            let mut text = String::new();
            std::io::stdin().read_to_string(&mut text).context("cannot read standard input as UTF-8")?;
            text.trim_end().to_owned()
        }
        _ => args.text,
    };
    if text.trim().is_empty() {
        bail!("the text is empty; give a text, or - and a text on standard input");
    }
    let loaded = resources::extraction(settings, "try", Utc::now().timestamp_micros())?;
    let session = Session::new(&SessionOptions::with_threads(settings.threads), loaded.resources)?;
    let context = session.context();
    let document = text_document(&text)?;
    let shown = PrefilterOptions { min_drugs: 0, count_members: false, ..loaded.settings.prefilter.clone() };
    let sentences = plan::candidates(context.read_batch(document.clone())?, shown)?;
    let combinations =
        plan::combinations(context.read_batch(document)?, loaded.settings.prefilter, loaded.settings.extract)?;
    let outcome = Outcome {
        sentences: rows(&plan::frame(context, sentences).collect().await?, read_sentence)?,
        combinations: rows(&plan::frame(context, combinations).collect().await?, read_combination)?,
        text,
    };
    if settings.json {
        println!("{}", serde_json::to_string_pretty(&outcome)?);
    } else {
        show(&outcome);
    }
    Ok(ExitCode::SUCCESS)
}

fn show(outcome: &Outcome) {
    let marks = Marks::for_stdout();
    for (index, sentence) in outcome.sentences.iter().enumerate() {
        let spans: Vec<(i32, i32)> = sentence
            .mentions
            .iter()
            .map(|mention| (mention.start - sentence.start, mention.end - sentence.start))
            .collect();
        println!("{:>3}  {}", index + 1, highlight(&sentence.text, &spans, marks));
        for found in outcome.combinations.iter().filter(|found| usize::try_from(found.sentence_index) == Ok(index)) {
            let drugs: Vec<&str> = found.drugs.iter().map(|drug| drug.name.as_str()).collect();
            println!("     → {:<4} {}  (confidence {:.2})", found.effect, drugs.join(" + "), found.confidence);
        }
    }
    if outcome.combinations.is_empty() {
        println!("     no combination found");
    }
}

fn rows<T>(batches: &[RecordBatch], read: fn(&RecordBatch, usize) -> Result<T>) -> Result<Vec<T>> {
    batches.iter().flat_map(|batch| (0..batch.num_rows()).map(move |row| read(batch, row))).collect()
}

pub(super) fn string(array: &dyn Array, row: usize) -> Result<String> {
    Ok(cast(&array.slice(row, 1), &DataType::Utf8)?.as_string::<i32>().value(0).to_owned())
}

pub(super) fn field<'b>(batch: &'b RecordBatch, name: &str) -> Result<&'b arrow::array::ArrayRef> {
    batch.column_by_name(name).with_context(|| format!("the plan gave no column `{name}`"))
}

pub(super) fn int(batch: &RecordBatch, name: &str, row: usize) -> Result<i32> {
    Ok(field(batch, name)?.as_primitive::<Int32Type>().value(row))
}

/// Items of a list of drugs; `shift` is added to their offsets.
pub(super) fn mentions(batch: &RecordBatch, column: &str, row: usize, shift: i32) -> Result<Vec<Mention>> {
    let items = field(batch, column)?.as_list::<i32>().value(row);
    let items = items.as_struct();
    let part = |name: &str| items.column_by_name(name).with_context(|| format!("no field `{name}` in `{column}`"));
    (0..items.len())
        .map(|item| {
            Ok(Mention {
                start: part("start")?.as_primitive::<Int32Type>().value(item) + shift,
                end: part("end")?.as_primitive::<Int32Type>().value(item) + shift,
                surface: string(part("surface")?, item)?,
                drug_id: string(part("drug_id")?, item)?,
                name: string(part("name")?, item)?,
            })
        })
        .collect()
}

fn read_sentence(batch: &RecordBatch, row: usize) -> Result<Sentence> {
    let start = int(batch, "sentence_start", row)?;
    Ok(Sentence {
        start,
        end: int(batch, "sentence_end", row)?,
        text: string(field(batch, "sentence")?, row)?,
        mentions: mentions(batch, "mentions", row, start)?,
    })
}

fn read_combination(batch: &RecordBatch, row: usize) -> Result<Combination> {
    Ok(Combination {
        sentence_index: int(batch, "sentence_index", row)?,
        drugs: mentions(batch, "drugs", row, 0)?,
        drug_key: string(field(batch, "drug_key")?, row)?,
        effect: string(field(batch, "effect")?, row)?,
        confidence: field(batch, "confidence")?.as_primitive::<Float32Type>().value(row),
    })
}
