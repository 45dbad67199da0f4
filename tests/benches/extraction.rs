//! `ExtractExec` over the candidates of a corpus against ONNX Runtime alone over the same batches, in one process.
//!
//! `cargo bench --bench extraction`; `REXDRUG_BENCH_FILE` names another MEDLINE file, `REXDRUG_BENCH_SENTENCES` how many
//! candidates (default 1,000), `REXDRUG_BENCH_MODEL` another model folder, `REXDRUG_BENCH_DEVICE` another device.
#![allow(missing_docs, clippy::expect_used, clippy::panic, clippy::print_stdout)]

mod corpus;

use std::sync::Arc;
use std::time::Instant;

use datafusion::datasource::memory::MemorySourceConfig;
use datafusion::execution::TaskContext;
use datafusion::physical_plan::{ExecutionPlan, collect};
use rexdrug_operators::backend::{Classifier, ClassifierOptions, Device, bare_loop_seconds};
use rexdrug_operators::extract::{Extract, ExtractEngine, ExtractExec, ExtractOptions, items_of};
use rexdrug_operators::lexicon::Lexicon;
use rexdrug_operators::model::ModelFolder;
use rexdrug_operators::{DrugPrefilter, DrugPrefilterExec, PrefilterOptions, SentenceSegment, SentenceSegmentExec};
use rexdrug_pipeline::source::text_document;

/// Rounds, each of both; the best of each counts.
const ROUNDS: usize = 3;

fn setting(name: &str, default: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| default.to_owned())
}

#[tokio::main]
async fn main() {
    let sentences: usize = setting("REXDRUG_BENCH_SENTENCES", "1000").parse().expect("a number");
    let default_model = corpus::root().join("data/models/rexdrug-base").display().to_string();
    let model = setting("REXDRUG_BENCH_MODEL", &default_model);
    let device: Device = setting("REXDRUG_BENCH_DEVICE", "cpu").parse().expect("a device");
    let context = Arc::new(TaskContext::default());

    let (_, xml) = corpus::gzip_and_xml();
    let documents: Vec<_> = corpus::texts(&xml).iter().map(|text| text_document(text).expect("a document")).collect();
    let schema = documents.first().expect("a record").schema();
    let lexicon = Arc::new(Lexicon::load(&corpus::root().join("data/lexicon/seed.lexicon")).expect("the seed lexicon"));
    let source = MemorySourceConfig::try_new_exec(&[documents], schema, None).expect("documents");
    let segment = SentenceSegmentExec::try_new(Arc::new(SentenceSegment::default()), source).expect("a node");
    let options = PrefilterOptions::for_lexicon(&lexicon);
    let prefilter = DrugPrefilter::new(options, lexicon);
    let prefilter = DrugPrefilterExec::try_new(Arc::new(prefilter), Arc::new(segment)).expect("a node");
    let candidates = collect(Arc::new(prefilter), Arc::clone(&context)).await.expect("candidates");
    let schema = candidates.first().expect("a candidate").schema();
    let candidates = arrow::compute::concat_batches(&schema, &candidates).expect("memory");
    let candidates = candidates.slice(0, sentences.min(candidates.num_rows()));
    let rows = candidates.num_rows();

    let options = ExtractOptions { model_uri: model.clone(), device: device.to_string(), ..ExtractOptions::default() };
    let engine = Arc::new(ExtractEngine::load(&options).expect("the model"));
    let options = ExtractOptions { model_sha256: engine.info().model_sha256.clone(), ..options };
    let folder = ModelFolder::open(&model).expect("a model folder");
    let classifier = Classifier::load(&folder, &ClassifierOptions::for_device(device)).expect("the model");
    let (mut node_best, mut bare_best) = (f64::INFINITY, f64::INFINITY);
    for _ in 0..ROUNDS {
        let items = items_of(&candidates, engine.info().context_chars).expect("candidates");
        let items = items.into_iter().collect::<Result<Vec<_>, _>>().expect("offsets that fit");
        let bare = bare_loop_seconds(&classifier, items).await.expect("the bare loop").as_secs_f64();
        let source = MemorySourceConfig::try_new_exec(&[vec![candidates.clone()]], candidates.schema(), None);
        let extract = Extract::try_new(options.clone(), Arc::clone(&engine)).expect("options");
        let node = ExtractExec::try_new(Arc::new(extract), source.expect("candidates")).expect("a node");
        let node: Arc<dyn ExecutionPlan> = Arc::new(node);
        let started = Instant::now();
        let combinations: usize = collect(node, Arc::clone(&context))
            .await
            .expect("combinations")
            .iter()
            .map(arrow::array::RecordBatch::num_rows)
            .sum();
        let seconds = started.elapsed().as_secs_f64();
        println!("{rows} sentences, {combinations} combinations: ExtractExec {seconds:.2} s, bare loop {bare:.2} s");
        (node_best, bare_best) = (node_best.min(seconds), bare_best.min(bare));
    }
    let rate = |seconds: f64| rows as f64 / seconds;
    println!(
        "best of {ROUNDS}: ExtractExec {:.0} sentences/s, bare ONNX Runtime loop {:.0} sentences/s, ratio {:.3}",
        rate(node_best),
        rate(bare_best),
        bare_best / node_best
    );
}
