//! The node end to end, on scripted backends and on the tiny model.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Int32Array, Int64Array, ListArray, StringArray, StringViewArray,
    StructArray,
};
use arrow::buffer::OffsetBuffer;
use arrow::compute::{cast, concat_batches};
use arrow::datatypes::{DataType, Field, Float32Type, Int32Type, Schema, SchemaRef};
use arrow::record_batch::RecordBatch;
use async_trait::async_trait;
use datafusion::datasource::memory::MemorySourceConfig;
use datafusion::execution::TaskContext;
use datafusion::physical_plan::execution_plan::{ChildrenPropertiesMode, ReplaceChildrenOptions};
use datafusion::physical_plan::metrics::MetricsSet;
use datafusion::physical_plan::{ExecutionPlan, collect_partitioned, displayable};
use futures::StreamExt;
use rexdrug_schemas::{CANDIDATES, COMBINATIONS, QUARANTINE, mention_type};
use tokio::sync::Notify;

use super::output::assemble;
use super::*;
use crate::backend::{Backend, BackendError, BackendInfo, ExtractItem, OrtRuntime, Reply, Scripted};

/// A sentence of a document: number, first code point, text and mentions (code points of the sentence, surface).
type Sentence<'s> = (usize, usize, &'s str, Vec<(i32, i32, &'s str)>);

/// Candidates of documents given as texts.
fn candidates(texts: &[String], sentences: &[Sentence<'_>]) -> RecordBatch {
    let text = |value: &dyn Fn(&Sentence<'_>) -> String| -> ArrayRef {
        Arc::new(StringViewArray::from_iter_values(sentences.iter().map(value)))
    };
    let int = |value: &dyn Fn(&Sentence<'_>) -> usize| -> ArrayRef {
        Arc::new(Int32Array::from_iter_values(sentences.iter().map(|sentence| value(sentence) as i32)))
    };
    let long = |value: &dyn Fn(&Sentence<'_>) -> usize| -> ArrayRef {
        Arc::new(Int64Array::from_iter_values(sentences.iter().map(|sentence| value(sentence) as i64)))
    };
    let mentions: Vec<&(i32, i32, &str)> = sentences.iter().flat_map(|sentence| sentence.3.iter()).collect();
    let strings = |value: &dyn Fn(&str) -> String| -> ArrayRef {
        Arc::new(StringArray::from_iter_values(mentions.iter().map(|mention| value(mention.2))))
    };
    let DataType::List(item) = mention_type() else { panic!("mentions are a list") };
    let DataType::Struct(fields) = item.data_type().clone() else { panic!("of structs") };
    let columns: Vec<ArrayRef> = vec![
        Arc::new(Int32Array::from_iter_values(mentions.iter().map(|mention| mention.0))),
        Arc::new(Int32Array::from_iter_values(mentions.iter().map(|mention| mention.1))),
        strings(&str::to_owned),
        strings(&|surface| format!("drug:{}", surface.to_lowercase())),
        strings(&str::to_lowercase),
        strings(&|_| "name".to_owned()),
    ];
    let items: ArrayRef = Arc::new(StructArray::new(fields, columns, None));
    let lengths = OffsetBuffer::from_lengths(sentences.iter().map(|sentence| sentence.3.len()));
    let length = |sentence: &Sentence<'_>| sentence.2.chars().count();
    assemble(
        &CANDIDATES,
        vec![
            ("doc_id", text(&|sentence| format!("pmid:{}", sentence.0))),
            ("pmid", long(&|sentence| sentence.0)),
            ("pmcid", Arc::new(StringViewArray::from_iter(sentences.iter().map(|_| None::<&str>)))),
            ("pub_year", int(&|_| 2020)),
            ("is_retracted", Arc::new(BooleanArray::from_iter(sentences.iter().map(|s| Some(s.0 % 2 == 1))))),
            ("text", text(&|sentence| texts[sentence.0].clone())),
            ("section", text(&|_| "RESULTS".to_owned())),
            ("sentence_index", int(&|sentence| sentence.1)),
            ("sentence", text(&|sentence| sentence.2.to_owned())),
            ("sentence_start", int(&|sentence| sentence.1)),
            ("sentence_end", int(&|sentence| sentence.1 + length(sentence))),
            ("source_file", text(&|_| "sample26n0001.xml".to_owned())),
            ("source_md5", text(&|_| "0".repeat(32))),
            ("source_seq", long(&|_| 26_000_001)),
            ("source_record", long(&|sentence| sentence.0 + 1)),
            ("mentions", Arc::new(ListArray::new(item, lengths, items, None))),
        ],
    )
    .unwrap()
}

const DRUGS: [&str; 5] = ["Aspirin", "ibuprofen", "cisplatin", "warfarin", "metformin"];

/// `count` documents of two sentences each; the second names drugs, in texts with letters of several bytes.
fn corpus(count: usize) -> RecordBatch {
    let made: Vec<(String, usize, String)> = (0..count)
        .map(|number| {
            let (left, right) = (DRUGS[number % 5], DRUGS[(number / 5 + number + 1) % 5]);
            let joint = ["plus", "versus", "with"][number % 3];
            let sentence =
                format!("µ{} {left} {joint} {right} was {}.", "α".repeat(number % 7), ["good", "toxic"][number % 2]);
            let text = format!("Title № {number}. {sentence} Ende.");
            let start = text.chars().count() - " Ende.".chars().count() - sentence.chars().count();
            (text, start, sentence)
        })
        .collect();
    let texts: Vec<String> = made.iter().map(|(text, ..)| text.clone()).collect();
    let sentences: Vec<Sentence<'_>> = made
        .iter()
        .enumerate()
        .map(|(number, (_, start, sentence))| {
            let mut mentions: Vec<(i32, i32, &str)> = Vec::new();
            for drug in DRUGS {
                for (byte, _) in sentence.match_indices(drug) {
                    let start = sentence[..byte].chars().count() as i32;
                    mentions.push((start, start + drug.len() as i32, drug));
                }
            }
            mentions.sort_unstable();
            (number, *start, sentence.as_str(), mentions)
        })
        .collect();
    candidates(&texts, &sentences)
}

/// `batch` in `partitions` partitions of batches of `rows` rows, dealt out in turn.
fn source(batch: &RecordBatch, partitions: usize, rows: usize) -> Arc<dyn ExecutionPlan> {
    let mut parts = vec![Vec::new(); partitions];
    for (number, start) in (0..batch.num_rows()).step_by(rows).enumerate() {
        parts[number % partitions].push(batch.slice(start, rows.min(batch.num_rows() - start)));
    }
    MemorySourceConfig::try_new_exec(&parts, batch.schema(), None).unwrap()
}

fn node(input: Arc<dyn ExecutionPlan>, backend: impl Backend + 'static, queue_rows: usize) -> Arc<ExtractExec> {
    let engine = Arc::new(ExtractEngine::new(Arc::new(backend), queue_rows));
    let run = RunFields {
        run_id: "run".to_owned(),
        rexdrug_version: "0.1.0".to_owned(),
        lexicon_sha256: "11".repeat(32),
        extracted_at: 1_700_000_000_000_000,
    };
    let options = ExtractOptions::for_engine(engine.info(), "scripted:", run);
    Arc::new(exec(input, options, engine).unwrap())
}

/// The node of `options` on `engine` over `input`.
fn exec(
    input: Arc<dyn ExecutionPlan>,
    options: ExtractOptions,
    engine: Arc<ExtractEngine>,
) -> datafusion::error::Result<ExtractExec> {
    ExtractExec::try_new(Arc::new(Extract::try_new(options, engine)?), input)
}

async fn rows(node: &Arc<ExtractExec>) -> RecordBatch {
    let parts = collect_partitioned(Arc::clone(node) as _, Arc::new(TaskContext::default())).await.unwrap();
    concat_batches(&COMBINATIONS.schema(), parts.iter().flatten()).unwrap()
}

/// Rows by document and sentence, as text: equal tables give equal strings.
fn table(batch: &RecordBatch) -> Vec<String> {
    let lines = arrow::util::pretty::pretty_format_batches(std::slice::from_ref(batch)).unwrap().to_string();
    let mut lines: Vec<String> = lines.lines().map(str::to_owned).collect();
    lines.sort_unstable();
    lines
}

fn count(metrics: &MetricsSet, name: &str) -> usize {
    metrics.sum_by_name(name).unwrap_or_else(|| panic!("no metric {name}")).as_usize()
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_do_not_depend_on_partitions_batches_or_queue() {
    let corpus = corpus(200);
    let expected = rows(&node(source(&corpus, 1, 200), Scripted::new("with"), 1000)).await;
    assert!(expected.num_rows() > 30);
    for (partitions, batch_rows, queue_rows) in [(1, 1, 1), (3, 7, 50), (8, 64, 16), (2, 200, 3)] {
        let node = node(source(&corpus, partitions, batch_rows), Scripted::new("with"), queue_rows);
        assert_eq!(node.properties().output_partitioning().partition_count(), partitions);
        let got = rows(&node).await;
        assert_eq!(table(&got), table(&expected), "{partitions} partitions, batches of {batch_rows}");
        let metrics = node.metrics().unwrap();
        assert_eq!((count(&metrics, "sentences_in"), count(&metrics, "sentences_extracted")), (200, 200));
        assert_eq!(count(&metrics, "sentences_quarantined"), 0);
        assert_eq!(count(&metrics, "combinations"), expected.num_rows());
        assert_eq!(metrics.output_rows(), Some(expected.num_rows()));
    }
    let one = rows(&node(source(&corpus, 1, 9), Scripted::new("with"), 7)).await;
    assert_eq!(one, expected, "within a partition the order is that of the input");
}

#[tokio::test]
async fn every_column_of_a_row_is_right() {
    let text = "Ünd. α Aspirin with ibuprofen (ASA) helped.".to_owned();
    let sentence = "α Aspirin with ibuprofen (ASA) helped.";
    let batch =
        candidates(std::slice::from_ref(&text), &[(0, 5, sentence, vec![(2, 9, "Aspirin"), (15, 24, "ibuprofen")])]);
    let out = rows(&node(source(&batch, 1, 1), Scripted::new("with"), 10)).await;
    assert_eq!((out.num_rows(), out.schema()), (1, COMBINATIONS.schema()));
    let string = |name: &str| out.column_by_name(name).unwrap().as_string::<i32>().value(0).to_owned();
    let int = |name: &str| out.column_by_name(name).unwrap().as_primitive::<Int32Type>().value(0);
    for (name, expected) in [
        ("doc_id", "pmid:0"),
        ("section", "RESULTS"),
        ("sentence", sentence),
        ("drug_key", "aspirin|ibuprofen"),
        ("effect", "POS"),
        ("source_file", "sample26n0001.xml"),
        ("run_id", "run"),
        ("rexdrug_version", "0.1.0"),
        ("extractor", "scripted"),
        ("model_id", "scripted"),
        ("device", "cpu"),
    ] {
        assert_eq!(string(name), expected, "{name}");
    }
    assert_eq!(string("lexicon_sha256"), "11".repeat(32));
    assert_eq!(string("source_md5"), "0".repeat(32));
    assert_eq!(string("model_sha256").len(), 64);
    assert_eq!(string("combination_id"), rexdrug_schemas::combination_id("pmid:0", (5, 43), &[(7, 14), (20, 29)]));
    for (name, expected) in [
        ("pub_year", 2020),
        ("sentence_start", 5),
        ("sentence_end", 43),
        ("arity", 2),
        ("context_start", 5),
        ("context_end", 43),
    ] {
        assert_eq!(int(name), expected, "{name}");
    }
    for name in ["pmcid", "reasoning", "prompt_sha256"] {
        assert_eq!(out.column_by_name(name).unwrap().null_count(), 1, "{name}");
    }
    let scores = out.column_by_name("effect_scores").unwrap().as_struct();
    let scores: Vec<f32> = scores.columns().iter().map(|score| score.as_primitive::<Float32Type>().value(0)).collect();
    assert_eq!(scores, [0.8, 0.05, 0.15]);
    let chars: Vec<char> = text.chars().collect();
    let drugs = out.column_by_name("drugs").unwrap().as_list::<i32>().value(0);
    let drugs = drugs.as_struct();
    let place = |name: &str, row| drugs.column_by_name(name).unwrap().as_primitive::<Int32Type>().value(row) as usize;
    for (row, id) in ["drug:aspirin", "drug:ibuprofen"].into_iter().enumerate() {
        let surface: String = chars[place("start", row)..place("end", row)].iter().collect();
        assert_eq!(drugs.column_by_name("surface").unwrap().as_string::<i32>().value(row), surface);
        assert_eq!(drugs.column_by_name("drug_id").unwrap().as_string::<i32>().value(row), id);
    }
}

#[tokio::test]
async fn one_drug_by_two_names_counts_once() {
    let sentence = "Aspirin with ibuprofen or aspirin";
    let mentions = vec![(0, 7, "Aspirin"), (13, 22, "ibuprofen"), (26, 33, "aspirin")];
    let alone = ("Aspirin with aspirin", vec![(0, 7, "Aspirin"), (13, 20, "aspirin")]);
    let texts = [sentence.to_owned(), alone.0.to_owned()];
    let batch = candidates(&texts, &[(0, 0, sentence, mentions), (1, 0, alone.0, alone.1)]);
    let out = rows(&node(source(&batch, 1, 2), Scripted::new("with"), 10)).await;
    assert_eq!(out.num_rows(), 1, "one drug is no combination");
    assert_eq!(out.column_by_name("arity").unwrap().as_primitive::<Int32Type>().value(0), 2);
    assert_eq!(out.column_by_name("drugs").unwrap().as_list::<i32>().value(0).len(), 2);
}

#[tokio::test]
async fn refused_sentences_are_counted_and_kept_with_their_reason() {
    let text = "Aspirin with ibuprofen. Bad with aspirin, ibuprofen.".to_owned();
    let good = "Aspirin with ibuprofen.";
    let bad = "Bad with aspirin, ibuprofen.";
    let mentions = || vec![(0, 7, "Aspirin"), (13, 22, "ibuprofen")];
    let batch = candidates(
        &[text],
        &[
            (0, 0, good, mentions()),
            (0, 24, bad, vec![(9, 16, "aspirin"), (18, 27, "ibuprofen")]),
            (0, 1, good, mentions()),
            (0, 0, good, vec![(0, 7, "Aspirin"), (14, 23, "ibuprofen")]),
            (0, 0, good, vec![(0, 7, "Aspirin"), (13, 99, "ibuprofen")]),
            (0, 0, good, vec![(-1, 7, "Aspirin"), (13, 22, "ibuprofen")]),
            (0, 0, good, mentions()),
        ],
    );
    let node = node(source(&batch, 2, 2), Scripted::new("with").refusing("Bad"), 10);
    assert_eq!(rows(&node).await.num_rows(), 2);
    let metrics = node.metrics().unwrap();
    assert_eq!(count(&metrics, "sentences_in"), 7);
    assert_eq!((count(&metrics, "sentences_extracted"), count(&metrics, "sentences_quarantined")), (2, 5));
    let quarantine = node.operator().engine().quarantine();
    assert!(quarantine.take("run", "another.xml").is_empty() && quarantine.take("another", "x").is_empty());
    assert_eq!(quarantine.len(), 5);
    let found = quarantine.take("run", "sample26n0001.xml");
    assert!(quarantine.is_empty());
    let mut reasons: Vec<&str> = found.iter().map(|row| row.reason.as_ref()).collect();
    reasons.sort_unstable();
    assert_eq!(reasons, ["offset_mismatch", "offset_mismatch", "offset_mismatch", "offset_mismatch", "scripted"]);
    assert!(found.iter().any(|row| row.message.contains("`ibuprofen` is not the text of the sentence at 14..23")));
    let table = quarantine_batch(&found, 7).unwrap();
    assert_eq!((table.num_rows(), table.schema()), (5, QUARANTINE.schema()));
    let message = table.column_by_name("message").unwrap().as_string::<i32>().value(4).to_owned();
    assert!(message.starts_with("sentence 24..52 of pmid:0: "), "{message}");
}

#[tokio::test]
async fn both_string_types_are_read() {
    let batch = corpus(12);
    let plain = |kind: &DataType| if *kind == DataType::Utf8View { DataType::Utf8 } else { kind.clone() };
    let columns: Vec<ArrayRef> =
        batch.columns().iter().map(|column| cast(column, &plain(column.data_type())).unwrap()).collect();
    let fields = batch
        .schema()
        .fields()
        .iter()
        .map(|f| Field::new(f.name(), plain(f.data_type()), f.is_nullable()))
        .collect::<Vec<_>>();
    let copy = RecordBatch::try_new(Arc::new(Schema::new(fields)), columns).unwrap();
    let expected = rows(&node(source(&batch, 1, 5), Scripted::new("with"), 10)).await;
    assert_eq!(rows(&node(source(&copy, 1, 5), Scripted::new("with"), 10)).await, expected);
}

#[test]
fn plans_that_cannot_work_are_refused_when_they_are_made() {
    let batch = corpus(1);
    let engine = Arc::new(ExtractEngine::new(Arc::new(Scripted::new("with")), 10));
    let options = ExtractOptions::for_engine(engine.info(), "scripted:", RunFields::default());
    let refused = |input: Arc<dyn ExecutionPlan>, options: &ExtractOptions| {
        exec(input, options.clone(), Arc::clone(&engine)).unwrap_err().to_string()
    };
    let fewer = batch.project(&[0, 1, 2]).unwrap();
    let message = refused(source(&fewer, 1, 1), &options);
    assert!(message.contains("ExtractExec needs columns") && message.contains("\"mentions\""), "{message}");
    let mut fields: Vec<Field> = batch.schema().fields().iter().map(|field| field.as_ref().clone()).collect();
    let last = fields.len() - 1;
    fields[last] = Field::new("mentions", DataType::Int64, true);
    let schema: SchemaRef = Arc::new(Schema::new(fields));
    let empty = MemorySourceConfig::try_new_exec(&[vec![]], schema, None).unwrap();
    let message = refused(empty, &options);
    assert!(message.contains("column `mentions` has type Int64; expected a list"), "{message}");
    let other = ExtractOptions { model_sha256: "ff".to_owned(), ..options.clone() };
    assert!(refused(source(&batch, 1, 1), &other).contains("model with sha256 ff"));
    let gpu = ExtractOptions { device: "cuda".to_owned(), ..options.clone() };
    assert!(refused(source(&batch, 1, 1), &gpu).contains("device cuda:0 cannot run the model"));
    assert!(ExtractEngine::load(&ExtractOptions::default()).is_err());
    for uri in ["s3://bucket/model", "scripted:speed=9", "/no/such/folder"] {
        let options = ExtractOptions { model_uri: uri.to_owned(), ..ExtractOptions::default() };
        assert!(ExtractEngine::load(&options).is_err(), "{uri}");
    }
}

#[test]
fn options_survive_rewriting_and_travel() {
    let batch = corpus(1);
    let engine = Arc::new(ExtractEngine::new(Arc::new(Scripted::new("with")), 10));
    let options = ExtractOptions {
        min_confidence: 0.25,
        max_batch_rows: Some(3),
        queue_rows: 17,
        ..ExtractOptions::for_engine(engine.info(), "scripted:keyword=with", RunFields::default())
    };
    let node = Arc::new(exec(source(&batch, 1, 1), options.clone(), engine).unwrap());
    let rewritten = (Arc::clone(&node) as Arc<dyn ExecutionPlan>)
        .replace_children(vec![source(&batch, 4, 1)], ReplaceChildrenOptions::new(ChildrenPropertiesMode::Recompute))
        .unwrap();
    assert_eq!(rewritten.properties().output_partitioning().partition_count(), 4);
    let any: &dyn std::any::Any = rewritten.as_ref();
    assert_eq!(any.downcast_ref::<ExtractExec>().unwrap().operator().options(), &options);
    assert!(
        (Arc::clone(&node) as Arc<dyn ExecutionPlan>)
            .replace_children(vec![], ReplaceChildrenOptions::new(ChildrenPropertiesMode::Recompute))
            .is_err()
    );
    let shown = displayable(node.as_ref()).one_line().to_string();
    assert_eq!(shown.trim_end(), "ExtractExec: scripted=scripted, device=cpu, min_confidence=0.25");
    let travelled: ExtractOptions = serde_json::from_str(&serde_json::to_string(&options).unwrap()).unwrap();
    assert_eq!(travelled, options);
    let loaded = ExtractEngine::load(&travelled).unwrap();
    assert_eq!(loaded.info().model_sha256, options.model_sha256, "the address names the same script");
}

#[tokio::test]
async fn combinations_below_the_minimum_give_no_row() {
    let batch = corpus(12);
    let engine = Arc::new(ExtractEngine::new(Arc::new(Scripted::new("with")), 10));
    for (min_confidence, expected) in [(0.9, true), (0.91, false)] {
        let options = ExtractOptions {
            min_confidence,
            ..ExtractOptions::for_engine(engine.info(), "scripted:", RunFields::default())
        };
        let node = Arc::new(exec(source(&batch, 1, 4), options, Arc::clone(&engine)).unwrap());
        assert_eq!(rows(&node).await.num_rows() > 0, expected, "{min_confidence}");
        assert_eq!(count(&node.metrics().unwrap(), "sentences_extracted"), 12);
    }
}

/// Answers like a script, but only as it is let, and remembers how much it was given at a time.
#[derive(Debug)]
struct Gated {
    inner: Scripted,
    held: AtomicUsize,
    most: AtomicUsize,
    calls: AtomicUsize,
    /// Calls that may pass; none for all.
    gate: Option<Arc<Notify>>,
}

impl Gated {
    fn new(gate: Option<Arc<Notify>>) -> Arc<Self> {
        let inner = Scripted::new("with").with_preferred_items(8).with_delay(Duration::from_millis(1));
        let zero = AtomicUsize::default;
        Arc::new(Self { inner, held: zero(), most: zero(), calls: zero(), gate })
    }
}

#[async_trait]
impl Backend for Gated {
    fn info(&self) -> &BackendInfo {
        self.inner.info()
    }

    async fn extract(&self, items: Vec<ExtractItem>) -> Result<Reply, BackendError> {
        self.calls.fetch_add(1, Ordering::SeqCst);
        let count = items.len();
        let held = self.held.fetch_add(count, Ordering::SeqCst) + count;
        self.most.fetch_max(held, Ordering::SeqCst);
        if let Some(gate) = &self.gate {
            gate.notified().await;
        }
        let reply = self.inner.extract(items).await;
        self.held.fetch_sub(count, Ordering::SeqCst);
        reply
    }
}

fn gated(input: Arc<dyn ExecutionPlan>, backend: &Arc<Gated>, queue_rows: usize) -> ExtractExec {
    let engine = Arc::new(ExtractEngine::new(Arc::clone(backend) as _, queue_rows));
    let options = ExtractOptions::for_engine(engine.info(), "scripted:", RunFields::default());
    exec(input, options, engine).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn all_partitions_together_hold_no_more_than_the_queue() {
    let corpus = corpus(400);
    let backend = Gated::new(None);
    let node = Arc::new(gated(source(&corpus, 8, 5), &backend, 20));
    let expected = rows(&self::node(source(&corpus, 1, 400), Scripted::new("with"), 1000)).await;
    assert_eq!(rows(&node).await.num_rows(), expected.num_rows());
    let most = backend.most.load(Ordering::SeqCst);
    assert!((9..=20).contains(&most), "more than one call at a time, never more than the queue: {most}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_partition_that_nobody_polls_does_not_stop_the_others() {
    let corpus = corpus(100);
    let backend = Gated::new(None);
    let node = gated(source(&corpus, 2, 10), &backend, 8);
    let context = Arc::new(TaskContext::default());
    let mut idle = node.execute(0, Arc::clone(&context)).unwrap();
    assert!(idle.next().await.unwrap().is_ok());
    let mut busy = node.execute(1, context).unwrap();
    while let Some(batch) = busy.next().await {
        batch.unwrap();
    }
    let mut left = 0;
    while let Some(batch) = idle.next().await {
        left += batch.unwrap().num_rows();
    }
    assert!(left > 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dropped_stream_gives_its_room_back_and_asks_no_more() {
    let corpus = corpus(200);
    let gate = Arc::new(Notify::new());
    let backend = Gated::new(Some(Arc::clone(&gate)));
    let node = gated(source(&corpus, 1, 200), &backend, 16);
    let mut stream = node.execute(0, Arc::new(TaskContext::default())).unwrap();
    // The gate is shut: this can only start the calls.
    assert!(futures::poll!(stream.next()).is_pending());
    while backend.calls.load(Ordering::SeqCst) < 2 {
        tokio::task::yield_now().await;
    }
    drop(stream);
    let engine = Arc::clone(node.operator().engine());
    let all = tokio::spawn(async move { engine.extract(Vec::new()).await.map(|reply| reply.answers.len()) });
    gate.notify_one();
    // Room for a whole queue exists only if the aborted calls gave theirs back.
    assert_eq!(all.await.unwrap().unwrap(), 0);
    while node.operator().engine().free_rows() < 16 {
        tokio::task::yield_now().await;
    }
    assert_eq!(backend.calls.load(Ordering::SeqCst), 3, "two calls of the dropped stream, one of the test");
}

/// Ends the run after a few calls.
#[derive(Debug)]
struct Broken(Scripted);

#[async_trait]
impl Backend for Broken {
    fn info(&self) -> &BackendInfo {
        self.0.info()
    }

    async fn extract(&self, _items: Vec<ExtractItem>) -> Result<Reply, BackendError> {
        Err(BackendError::WorkersLost { message: "gone".to_owned() })
    }
}

#[tokio::test]
async fn a_backend_that_is_gone_ends_the_stream_with_its_error() {
    let node = node(source(&corpus(50), 2, 5), Broken(Scripted::new("with")), 10);
    let error = collect_partitioned(node as _, Arc::new(TaskContext::default())).await.unwrap_err();
    assert!(error.to_string().contains("the inference workers have stopped: gone"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_tiny_model_runs_in_the_node() {
    match OrtRuntime::init(None) {
        Ok(_) => {}
        Err(BackendError::RuntimeMissing { looked_at }) => {
            eprintln!("skipped: no ONNX Runtime at {looked_at:?}");
            return;
        }
        Err(error) => panic!("{error}"),
    }
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/backend/fixtures/tiny-model");
    let corpus = corpus(90);
    let run = |partitions: usize, batch_rows: usize, max_batch_rows: usize| {
        let options = ExtractOptions {
            model_uri: folder.to_str().unwrap().to_owned(),
            max_batch_rows: Some(max_batch_rows),
            ..ExtractOptions::default()
        };
        let engine = Arc::new(ExtractEngine::load(&options).unwrap());
        let options = ExtractOptions { model_sha256: engine.info().model_sha256.clone(), ..options };
        Arc::new(exec(source(&corpus, partitions, batch_rows), options, engine).unwrap())
    };
    let single = run(1, 90, 1);
    let expected = rows(&single).await;
    assert!(expected.num_rows() > 40, "{}", expected.num_rows());
    let effects: std::collections::BTreeSet<&str> =
        expected.column_by_name("effect").unwrap().as_string::<i32>().iter().flatten().collect();
    assert_eq!(effects.into_iter().collect::<Vec<_>>(), ["NEG", "POS"]);
    for (partitions, batch_rows, max_batch_rows) in [(1, 7, 8), (4, 11, 64)] {
        let node = run(partitions, batch_rows, max_batch_rows);
        let got = rows(&node).await;
        let keep: Vec<usize> = (0..got.num_columns())
            .filter(|&column| !["confidence", "effect_scores"].contains(&got.schema().field(column).name().as_str()))
            .collect();
        assert_eq!(table(&got.project(&keep).unwrap()), table(&expected.project(&keep).unwrap()));
        let metrics = node.metrics().unwrap();
        assert!(count(&metrics, "batches") < 90 && count(&metrics, "padded_tokens") > 0);
    }
    assert_eq!(count(&single.metrics().unwrap(), "padding_tokens"), 0);
}
