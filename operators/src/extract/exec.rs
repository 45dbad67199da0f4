//! The extraction node: candidate sentences in, combinations out.
//!
//! Input: the columns of [`rexdrug_schemas::CANDIDATES`]. Output: [`rexdrug_schemas::COMBINATIONS`], zero or more rows
//! per sentence, in the order of the input within a partition; partitions stay as they are. A sentence that cannot be
//! extracted goes to the engine's [`super::QuarantineCollector`], and
//! `sentences_in = sentences_extracted + sentences_quarantined` always.
//!
//! A partition has at most two chunks under way, each a task of its own: a consumer that stops polling one partition
//! cannot hold the room that another one waits for. Dropping the stream aborts them.
//!
//! Left out on purpose: repartitioning (the engine is shared, more partitions make nothing faster) and filter
//! push-down (an effect is known only once the model has run).

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use datafusion::common::runtime::SpawnedTask;
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::SendableRecordBatchStream;
use datafusion::physical_plan::metrics::{
    BaselineMetrics, Count, ExecutionPlanMetricsSet, MetricBuilder, RecordOutput, Time,
};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use futures::StreamExt;
use rexdrug_schemas::{CANDIDATES, COMBINATIONS, ExtractionProvenance};

use super::engine::ExtractEngine;
use super::kernel::{Candidates, Cursor};
use super::language_model::LanguageModelMetrics;
use super::options::ExtractOptions;
use super::output::{OutputRow, combinations_batch, rows_of};
use super::quarantine::{QuarantineCollector, QuarantinedSentence, excerpt};
use super::regimens::regimen_rows;
use crate::OperatorError;
use crate::backend::{BackendError, ExtractItem, ItemError, Reply};
use crate::columns::require;
use crate::unary_exec::{UnaryExec, UnaryOperator};

/// Chunks of one partition that are with the engine at a time: one runs while the next is prepared.
const CHUNKS_UNDER_WAY: usize = 2;
/// Input batches that one chunk may keep in memory: a batch with a single candidate holds its documents' text.
const BATCHES_PER_CHUNK: usize = 16;

struct ExtractMetrics {
    baseline: BaselineMetrics,
    sentences_in: Count,
    sentences_extracted: Count,
    sentences_settled: Count,
    sentences_quarantined: Count,
    combinations: Count,
    padding_tokens: Count,
    padded_tokens: Count,
    batches: Count,
    queue_wait: Time,
    inference_time: Time,
    language_model: LanguageModelMetrics,
}

impl ExtractMetrics {
    fn new(metrics: &ExecutionPlanMetricsSet, partition: usize) -> Self {
        let counter = |name| MetricBuilder::new(metrics).counter(name, partition);
        let time = |name| MetricBuilder::new(metrics).subset_time(name, partition);
        Self {
            baseline: BaselineMetrics::new(metrics, partition),
            sentences_in: counter("sentences_in"),
            sentences_extracted: counter("sentences_extracted"),
            sentences_settled: counter("sentences_settled_by_first_pass"),
            sentences_quarantined: counter("sentences_quarantined"),
            combinations: counter("combinations"),
            padding_tokens: counter("padding_tokens"),
            padded_tokens: counter("padded_tokens"),
            batches: counter("batches"),
            queue_wait: time("queue_wait"),
            inference_time: time("inference_time"),
            language_model: LanguageModelMetrics::new(metrics, partition),
        }
    }
}

/// What [`ExtractExec`] runs: an engine with the options and the provenance of its rows.
#[derive(Debug)]
pub struct Extract {
    options: ExtractOptions,
    /// Shared by all partitions and all plans of the process.
    engine: Arc<ExtractEngine>,
    provenance: Arc<ExtractionProvenance>,
    /// Where refused sentences go: the engine's collector, unless the plan has one of its own.
    quarantine: QuarantineCollector,
}

/// The plan node that extracts drug combinations from candidate sentences.
pub type ExtractExec = UnaryExec<Extract>;

impl Extract {
    /// On an engine that holds the model the options name.
    ///
    /// # Errors
    /// When the engine holds another model or runs on another device.
    pub fn try_new(options: ExtractOptions, engine: Arc<ExtractEngine>) -> Result<Self> {
        let info = engine.info();
        if options.model_sha256 != info.model_sha256 {
            let (expected, got) = (options.model_sha256, info.model_sha256.clone());
            return Err(OperatorError::Resource { resource: "model", expected, got }.into());
        }
        // The device of the rows is what the engine ran its probe on; a plan that asks for another one must not run.
        let asked = match options.device == info.device {
            true => options.device.clone(),
            false => options.device.parse::<crate::backend::Device>().map_err(external)?.to_string(),
        };
        if asked != info.device {
            return Err(external(BackendError::DeviceRefused {
                device: asked,
                message: format!("the engine of this process runs on {}", info.device),
            }));
        }
        let provenance = Arc::new(ExtractionProvenance {
            run_id: options.run.run_id.clone(),
            rexdrug_version: options.run.rexdrug_version.clone(),
            extractor: info.extractor.clone(),
            model_id: info.model_id.clone(),
            model_sha256: info.model_sha256.clone(),
            lexicon_sha256: options.run.lexicon_sha256.clone(),
            prompt_sha256: info.prompt_sha256.clone(),
            device: info.device.clone(),
            extracted_at: options.run.extracted_at,
        });
        let quarantine = engine.quarantine().clone();
        Ok(Self { options, engine, provenance, quarantine })
    }

    /// Refused sentences go to `collector` instead of the engine's, which all plans of the process share.
    #[must_use]
    pub fn with_quarantine(self, collector: QuarantineCollector) -> Self {
        Self { quarantine: collector, ..self }
    }

    /// Its options.
    pub fn options(&self) -> &ExtractOptions {
        &self.options
    }

    /// Its engine.
    pub fn engine(&self) -> &Arc<ExtractEngine> {
        &self.engine
    }
}

impl UnaryOperator for Extract {
    fn name(&self) -> &'static str {
        "ExtractExec"
    }

    fn output_schema(&self, input: &SchemaRef) -> Result<SchemaRef> {
        let required: Vec<&str> = CANDIDATES.columns().iter().map(|column| column.name).collect();
        require(self.name(), input, &required)?;
        // An empty batch of the schema goes through the kernel, so that a wrong type shows at planning.
        Candidates::try_new(&RecordBatch::new_empty(Arc::clone(input)))?;
        Ok(COMBINATIONS.schema())
    }

    fn benefits_from_partitioning(&self) -> bool {
        false
    }

    fn describe(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let info = self.engine.info();
        write!(out, "{}={}, device={}", info.extractor, info.model_id, info.device)?;
        if self.options.min_confidence > 0.0 {
            write!(out, ", min_confidence={}", self.options.min_confidence)?;
        }
        Ok(())
    }

    fn stream(
        self: Arc<Self>,
        partition: usize,
        input: SendableRecordBatchStream,
        schema: SchemaRef,
        metrics: &ExecutionPlanMetricsSet,
    ) -> SendableRecordBatchStream {
        let extraction = PartitionExtraction {
            input: Some(input),
            waiting: None,
            under_way: VecDeque::new(),
            engine: Arc::clone(&self.engine),
            provenance: Arc::clone(&self.provenance),
            quarantine: self.quarantine.clone(),
            min_confidence: self.options.min_confidence,
            metrics: ExtractMetrics::new(metrics, partition),
        };
        let batches = futures::stream::try_unfold(extraction, |mut extraction| async move {
            Ok(extraction.next().await?.map(|batch| (batch, extraction)))
        });
        Box::pin(RecordBatchStreamAdapter::new(schema, batches))
    }
}

fn external(error: BackendError) -> DataFusionError {
    DataFusionError::External(Box::new(error))
}

/// Sentences on their way through the engine, with the batches that their rows are copied from.
struct Chunk {
    batches: Vec<Arc<Candidates>>,
    /// (batch, row) of each sentence.
    places: Vec<(usize, usize)>,
    /// Sentences that never reach the engine, by position in `places`.
    refused: Vec<(usize, ItemError)>,
    items: Vec<ExtractItem>,
}

struct UnderWay {
    chunk: Chunk,
    task: SpawnedTask<Result<Reply, BackendError>>,
}

/// The state of one partition's stream.
struct PartitionExtraction {
    /// None once it has ended.
    input: Option<SendableRecordBatchStream>,
    /// The rest of an input batch that did not fit the last chunk: the batch, the next row, and the place in its text.
    waiting: Option<(Arc<Candidates>, usize, Cursor)>,
    under_way: VecDeque<UnderWay>,
    engine: Arc<ExtractEngine>,
    provenance: Arc<ExtractionProvenance>,
    quarantine: QuarantineCollector,
    min_confidence: f32,
    metrics: ExtractMetrics,
}

impl PartitionExtraction {
    /// The next batch of rows; none at the end. Chunks without a combination give no batch.
    async fn next(&mut self) -> Result<Option<RecordBatch>> {
        loop {
            while self.under_way.len() < CHUNKS_UNDER_WAY {
                match self.next_chunk().await? {
                    Some(chunk) => self.submit(chunk),
                    None => break,
                }
            }
            let Some(UnderWay { chunk, task }) = self.under_way.pop_front() else {
                self.metrics.baseline.done();
                return Ok(None);
            };
            let reply = task.join().await.map_err(|error| {
                let message = format!("an extraction task ended early: {error}");
                external(BackendError::WorkersLost { message })
            })?;
            let batch = self.finish(chunk, reply.map_err(external)?)?;
            if batch.num_rows() > 0 {
                return Ok(Some(batch));
            }
        }
    }

    /// Collects sentences until a chunk is full or the input has ended.
    async fn next_chunk(&mut self) -> Result<Option<Chunk>> {
        let limit = self.engine.chunk_rows();
        let mut chunk = Chunk { batches: Vec::new(), places: Vec::new(), refused: Vec::new(), items: Vec::new() };
        while chunk.places.len() < limit && chunk.batches.len() < BATCHES_PER_CHUNK {
            let (candidates, row, cursor) = match self.waiting.take() {
                Some(waiting) => waiting,
                None => match self.next_input().await? {
                    Some(batch) => (Arc::new(Candidates::try_new(&batch)?), 0, Cursor::default()),
                    None => break,
                },
            };
            self.waiting = self.fill(&mut chunk, candidates, row, cursor, limit);
        }
        Ok((!chunk.places.is_empty()).then_some(chunk))
    }

    async fn next_input(&mut self) -> Result<Option<RecordBatch>> {
        while let Some(input) = &mut self.input {
            match input.next().await {
                Some(Ok(batch)) if batch.num_rows() == 0 => {}
                Some(batch) => return batch.map(Some),
                // Released at once: what it holds is needed no longer.
                None => self.input = None,
            }
        }
        Ok(None)
    }

    /// Moves rows of a batch into the chunk; returns what did not fit.
    fn fill(
        &self,
        chunk: &mut Chunk,
        candidates: Arc<Candidates>,
        first: usize,
        mut cursor: Cursor,
        limit: usize,
    ) -> Option<(Arc<Candidates>, usize, Cursor)> {
        let _timer = self.metrics.baseline.elapsed_compute().timer();
        let number = chunk.batches.len();
        chunk.batches.push(Arc::clone(&candidates));
        let last = candidates.len().min(first + limit - chunk.places.len());
        let context_chars = self.engine.info().context_chars;
        for row in first..last {
            match candidates.item(row, context_chars, &mut cursor) {
                Ok(item) => chunk.items.push(item),
                Err(error) => chunk.refused.push((chunk.places.len(), error)),
            }
            chunk.places.push((number, row));
        }
        self.metrics.sentences_in.add(last - first);
        (last < candidates.len()).then_some((candidates, last, cursor))
    }

    fn submit(&mut self, mut chunk: Chunk) {
        let items = std::mem::take(&mut chunk.items);
        let engine = Arc::clone(&self.engine);
        let task = SpawnedTask::spawn(async move {
            if items.is_empty() { Ok(Reply::default()) } else { engine.extract(items).await }
        });
        self.under_way.push_back(UnderWay { chunk, task });
    }

    /// Rows of a chunk in the order of its sentences; refused sentences go to quarantine.
    fn finish(&self, chunk: Chunk, reply: Reply) -> Result<RecordBatch> {
        let metrics = &self.metrics;
        let _timer = metrics.baseline.elapsed_compute().timer();
        let mut answers = reply.answers.into_iter();
        let mut refused = chunk.refused.into_iter().peekable();
        let (mut rows, mut quarantined): (Vec<OutputRow>, Vec<QuarantinedSentence>) = (Vec::new(), Vec::new());
        for (position, &place) in chunk.places.iter().enumerate() {
            let Some(candidates) = chunk.batches.get(place.0) else { continue };
            let answer = match refused.next_if(|(refused, _)| *refused == position) {
                Some((_, error)) => Err(error),
                None => answers.next().ok_or_else(|| {
                    let message = "the backend gave fewer answers than sentences".to_owned();
                    external(BackendError::WorkersLost { message })
                })?,
            };
            match answer {
                Ok(extraction) => {
                    metrics.sentences_extracted.add(1);
                    let found = rows_of(candidates, place, extraction, self.min_confidence);
                    let regimens = regimen_rows(candidates, place, &found);
                    rows.extend(found.into_iter().chain(regimens));
                }
                Err(error) => quarantined.push(self.quarantined(candidates, place.1, error)),
            }
        }
        metrics.sentences_quarantined.add(quarantined.len());
        if !self.quarantine.extend(quarantined) {
            return Err(DataFusionError::ResourcesExhausted(format!(
                "more than {} sentences were refused since the quarantine was last written; look at their reasons \
                 before running on",
                QuarantineCollector::capacity()
            )));
        }
        metrics.combinations.add(rows.len());
        metrics.sentences_settled.add(reply.stats.settled);
        metrics.batches.add(reply.stats.batches);
        metrics.padded_tokens.add(reply.stats.padded_tokens);
        metrics.padding_tokens.add(reply.stats.padding_tokens);
        metrics.queue_wait.add_duration(reply.stats.queue_wait);
        metrics.inference_time.add_duration(reply.stats.inference);
        metrics.language_model.add(&reply.stats);
        let batch = combinations_batch(&chunk.batches, &rows, &self.provenance)?;
        Ok(batch.record_output(&metrics.baseline))
    }

    fn quarantined(&self, candidates: &Candidates, row: usize, error: ItemError) -> QuarantinedSentence {
        QuarantinedSentence {
            doc_id: candidates.doc_id.value(row).to_owned(),
            sentence_start: candidates.sentence_start.value(row),
            sentence_end: candidates.sentence_end.value(row),
            source_file: candidates.source_file.value(row).to_owned(),
            source_md5: candidates.source_md5.value(row).to_owned(),
            source_seq: candidates.source_seq.value(row),
            source_record: candidates.source_record.value(row),
            run_id: self.provenance.run_id.clone(),
            reason: error.reason.code().into(),
            message: error.message,
            excerpt: excerpt(candidates.sentence.value(row)),
        }
    }
}
