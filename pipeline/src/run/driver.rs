//! The stages of a run, and what flows between them.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use futures::{Stream, StreamExt};
use rexdrug_operators::backend::BackendInfo;
use rexdrug_operators::drug_prefilter::PrefilterOptions;
use rexdrug_operators::extract::{self, ExtractOptions};
use rexdrug_schemas::{RunStatus, SourceRef};
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinSet;

use super::engine::{Engine, Extracted};
use super::extract_stage::ExtractStage;
use super::report::{FileCounts, RunEvent, RunObserver, RunSummary};
use crate::error::PipelineError;
use crate::source::{IngestOptions, IngestedFile, Input, identify_file, quarantine_batch};
use crate::stop::Stop;
use crate::warehouse::{CommitPoint, CommitReport, FileCommit, RunDraft, SpoolFile, Warehouse};

/// What extraction needs.
#[derive(Debug, Clone)]
pub struct ExtractSettings {
    /// What the prefilter keeps.
    pub prefilter: PrefilterOptions,
    /// What the model is asked to do.
    pub extract: ExtractOptions,
    /// The backend, for `runs`.
    pub info: BackendInfo,
}

impl ExtractSettings {
    /// What decides which rows there are besides model and lexicon, where it is not what `run` does by itself.
    pub(crate) fn rules(&self) -> Option<String> {
        let (plain, own) = (ExtractOptions::default(), &self.extract);
        let confidence = own.min_confidence != plain.min_confidence;
        let rules = [
            confidence.then(|| format!("min_confidence={}", own.min_confidence)),
            (!own.first_pass).then(|| "first_pass=false".to_owned()),
            self.prefilter.count_members.then(|| "regimens".to_owned()),
        ];
        let rules: Vec<String> = rules.into_iter().flatten().collect();
        (!rules.is_empty()).then(|| rules.join(" "))
    }
}

/// How a run goes.
#[derive(Debug, Clone)]
pub struct RunOptions {
    /// Random id of the run.
    pub run_id: String,
    /// Command, as it stands in `runs`.
    pub verb: &'static str,
    /// Version of rexdrug.
    pub rexdrug_version: String,
    /// How files are read.
    pub ingest: IngestOptions,
    /// Folder for spool files; each is removed once it is committed.
    pub spool: PathBuf,
    /// Files read ahead of extraction.
    pub prefetch: usize,
    /// None ingests without extracting.
    pub extract: Option<ExtractSettings>,
    /// Asked to stop, the run finishes the commit in hand, or abandons it after [`PATIENCE`], and takes no other file.
    pub stop: Stop,
}

/// How long a commit in hand may go on after a stop was asked for. What is abandoned then is taken up by the next run.
const PATIENCE: Duration = Duration::from_secs(20);

/// A file between ingest and commit.
pub(super) enum Parcel {
    Skipped { source: SourceRef, status: RunStatus },
    Work { ingested: Box<IngestedFile>, extracted: Extracted, started: DateTime<Utc> },
}

/// Reads, extracts and commits `files`, which come in their order of application; the stream is polled as files are
/// needed, so it may fetch them.
///
/// A file that is in the warehouse already is skipped. Bad input ends in quarantine and never stops the run.
///
/// # Errors
/// When the spool, the plan or the warehouse fails; what was committed stays, and the same call goes on from there.
pub async fn run_files(
    warehouse: &Warehouse,
    engine: Arc<dyn Engine>,
    files: impl Stream<Item = impl Into<Input> + Send + 'static> + Send + 'static,
    options: RunOptions,
    observer: Arc<dyn RunObserver>,
) -> Result<RunSummary, PipelineError> {
    let started = Instant::now();
    let options = Arc::new(options);
    let (read, to_extract) = mpsc::channel(options.prefetch);
    let (extracted, mut to_commit) = mpsc::channel(1);
    let mut stages: JoinSet<Result<(), PipelineError>> = JoinSet::new();
    // What is read costs memory as extraction does, and one reader is faster than any model: a second one at its side is
    // for engines of many machines, or for runs that only read.
    let readers = options.extract.as_ref().map_or(options.prefetch, |_| engine.files_at_once().min(options.prefetch));
    let bulky = bulky_turns(options.extract.is_some() && engine.files_at_once() == 1);
    stages.spawn(ingest_stage(
        warehouse.clone(),
        files,
        readers.max(1),
        Arc::clone(&options),
        Arc::clone(&bulky),
        read,
    ));
    let to_engine = ExtractStage::new(warehouse.clone(), engine, Arc::clone(&options), Arc::clone(&observer));
    stages.spawn(to_engine.run(to_extract, extracted));
    let mut summary = RunSummary { run_id: options.run_id.clone(), ..RunSummary::default() };
    loop {
        let parcel = tokio::select! {
            biased;
            () = options.stop.asked() => {
                summary.stopped = true;
                break;
            }
            parcel = to_commit.recv() => match parcel {
                Some(parcel) => parcel,
                None => break,
            },
        };
        tokio::select! {
            committed = commit_parcel(warehouse, parcel, &options, &bulky, observer.as_ref(), &mut summary) => committed?,
            () = patience(&options.stop) => {
                summary.stopped = true;
                break;
            }
        }
    }
    if summary.stopped {
        stages.abort_all();
    }
    while let Some(stage) = stages.join_next().await {
        match stage {
            Err(error) if summary.stopped && error.is_cancelled() => {}
            Err(error) => {
                return Err(PipelineError::Task { task: "a stage of the run", reason: error.to_string() });
            }
            Ok(outcome) => outcome?,
        }
    }
    if options.extract.is_some() && !summary.stopped {
        summary.files_without_extraction = warehouse.count_without_extraction(&summary.skipped).await?;
    }
    summary.seconds = started.elapsed().as_secs_f64();
    Ok(summary)
}

/// Turns at reading or committing a file, which hold more memory than all else of a run but the model.
///
/// Beside one engine on this machine there is one turn: its model sets the pace, so a file that is not read while another
/// is committed costs no time, and a run over many files needs little more memory than over one. Engines of many machines
/// must be kept fed, and a run that only reads waits for nothing else: there reading and committing go on at once.
fn bulky_turns(in_turn: bool) -> Arc<Semaphore> {
    Arc::new(Semaphore::new(if in_turn { 1 } else { Semaphore::MAX_PERMITS }))
}

async fn patience(stop: &Stop) {
    stop.asked().await;
    tokio::time::sleep(PATIENCE).await;
}

/// Files in order, `readers` of them at once, each a task of its own: a file that waits to be taken must not keep
/// another from being polled, which may hold a lock on a table that the commit stage needs.
async fn ingest_stage(
    warehouse: Warehouse,
    files: impl Stream<Item = impl Into<Input> + Send + 'static> + Send,
    readers: usize,
    options: Arc<RunOptions>,
    bulky: Arc<Semaphore>,
    out: mpsc::Sender<Parcel>,
) -> Result<(), PipelineError> {
    let parcels = files
        .map(|input| {
            tokio::spawn(ingest_parcel(warehouse.clone(), input.into(), Arc::clone(&options), Arc::clone(&bulky)))
        })
        .buffered(readers);
    let mut parcels = std::pin::pin!(parcels);
    while let Some(parcel) = parcels.next().await {
        let parcel =
            parcel.map_err(|error| PipelineError::Task { task: "reading a file", reason: error.to_string() })??;
        if out.send(parcel).await.is_err() {
            break;
        }
    }
    Ok(())
}

async fn ingest_parcel(
    warehouse: Warehouse,
    input: Input,
    options: Arc<RunOptions>,
    bulky: Arc<Semaphore>,
) -> Result<Parcel, PipelineError> {
    let started = Utc::now();
    let identified = match &input {
        Input::Pubmed(path) | Input::Package(path) => {
            let path = path.clone();
            blocking(move || Ok(identify_file(&path))).await?
        }
        Input::Pack(pack) => IngestedFile::of_pack(pack),
    };
    if let Some(status) = warehouse.completed(&identified.source).await? {
        return Ok(Parcel::Skipped { source: identified.source, status });
    }
    let ingested = match input {
        Input::Pubmed(path) => {
            let _turn = bulky.acquire().await;
            blocking(move || identified.read(&path, &options.spool, &options.ingest)).await?
        }
        Input::Package(path) => {
            let _turn = bulky.acquire().await;
            blocking(move || identified.read_package(&path, &options.spool, &options.ingest)).await?
        }
        // Most of its time it waits for a store, and a commit must not wait for that.
        Input::Pack(pack) => identified.read_pack(&pack, &options.spool, &options.ingest).await?,
    };
    warehouse.reach(CommitPoint::SourceRead)?;
    Ok(Parcel::Work { ingested: Box::new(ingested), extracted: Extracted::default(), started })
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, PipelineError> + Send + 'static,
) -> Result<T, PipelineError> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|error| PipelineError::Task { task: "reading a file", reason: error.to_string() })?
}

async fn commit_parcel(
    warehouse: &Warehouse,
    parcel: Parcel,
    options: &RunOptions,
    bulky: &Semaphore,
    observer: &dyn RunObserver,
    summary: &mut RunSummary,
) -> Result<(), PipelineError> {
    let (ingested, extracted, started) = match parcel {
        Parcel::Work { ingested, extracted, started } => (ingested, extracted, started),
        Parcel::Skipped { source, status } => {
            let file = source.source_file.clone();
            summary.files_skipped += 1;
            summary.skipped.push(source);
            summary.count_status(status);
            observer.observe(&RunEvent::Skipped { file, status });
            return Ok(());
        }
    };
    let at = Utc::now().timestamp_micros();
    let mut quarantine = vec![
        quarantine_batch(&ingested.quarantine, &ingested.source, &options.run_id, at)
            .map_err(|error| PipelineError::rows("quarantine", &error))?,
    ];
    quarantine.push(sentence_rows(&extracted, at)?);
    let mut run = draft(options, &extracted, started);
    run.status = ingested.status;
    run.source_bytes = long(ingested.source_bytes);
    run.records_read = long(ingested.records_read);
    run.records_quarantined = long(ingested.records_quarantined);
    run.ingest_seconds = ingested.seconds;
    let mut counts = FileCounts {
        source_bytes: ingested.source_bytes,
        records_read: ingested.records_read,
        records_quarantined: ingested.records_quarantined,
        records_unlicensed: ingested.records_unlicensed,
        ..sentence_counts(&extracted)
    };
    let (file, status) = (ingested.source.source_file.clone(), ingested.status);
    let mut seconds = ingested.seconds + extracted.seconds;
    let job = FileCommit {
        source: ingested.source,
        documents: ingested.documents.into_iter().collect(),
        deletions: ingested.deletions,
        quarantine,
        combinations: extracted.combinations,
        run,
    };
    let turn = bulky.acquire().await;
    let clock = Instant::now();
    let report = warehouse.commit_file(&job).await?;
    seconds += clock.elapsed().as_secs_f64();
    drop(turn);
    remove(job.documents.iter().chain(&job.combinations));
    summary.count_status(status);
    finish(&report, &mut counts, summary);
    observer.observe(&match report.already_done {
        true => RunEvent::Skipped { file, status },
        false => RunEvent::Committed { file, status, counts: Box::new(counts), seconds },
    });
    Ok(())
}

pub(super) fn finish(report: &CommitReport, counts: &mut FileCounts, summary: &mut RunSummary) {
    if report.already_done {
        summary.files_skipped += 1;
        return;
    }
    counts.commit = report.counts;
    summary.files_committed += 1;
    summary.bytes_rewritten += report.bytes_rewritten;
    summary.counts.add(counts);
}

pub(super) fn sentence_counts(extracted: &Extracted) -> FileCounts {
    FileCounts {
        sentences_read: extracted.sentences_read,
        sentences_kept: extracted.sentences_kept,
        sentences_extracted: extracted.sentences_extracted,
        sentences_quarantined: extracted.quarantine.len() as u64,
        language_model: extracted.language_model,
        ..FileCounts::default()
    }
}

pub(super) fn sentence_rows(extracted: &Extracted, at: i64) -> Result<arrow::record_batch::RecordBatch, PipelineError> {
    extract::quarantine_batch(&extracted.quarantine, at).map_err(|error| PipelineError::rows("quarantine", &error))
}

/// The row of `runs` of a commit that read no file: nothing but names and versions.
pub(crate) fn empty_draft(options: &RunOptions) -> RunDraft {
    draft(options, &Extracted::default(), Utc::now())
}

pub(super) fn draft(options: &RunOptions, extracted: &Extracted, started_at: DateTime<Utc>) -> RunDraft {
    let settings = options.extract.as_ref();
    let info = settings.map(|settings| &settings.info);
    RunDraft {
        run_id: options.run_id.clone(),
        verb: options.verb.to_owned(),
        status: RunStatus::Done,
        source_bytes: 0,
        records_read: 0,
        records_quarantined: 0,
        sentences_read: long(extracted.sentences_read),
        sentences_cut: long(extracted.sentences_read - extracted.sentences_kept.min(extracted.sentences_read)),
        sentences_kept: long(extracted.sentences_kept),
        sentences_extracted: long(extracted.sentences_extracted),
        sentences_quarantined: long(extracted.quarantine.len() as u64),
        ingest_seconds: 0.0,
        extract_seconds: extracted.seconds,
        rexdrug_version: options.rexdrug_version.clone(),
        extractor: info.map(|info| info.extractor.clone()),
        model_id: info.map(|info| info.model_id.clone()),
        model_sha256: info.map(|info| info.model_sha256.clone()),
        lexicon_sha256: settings.map(|settings| settings.prefilter.lexicon_sha256.clone()),
        rules: settings.and_then(ExtractSettings::rules),
        again: None,
        device: info.map(|info| info.device.clone()),
        prompt_sha256: info.and_then(|info| info.prompt_sha256.clone()),
        language_model: info.filter(|info| info.asks_language_model()).map(|_| extracted.language_model),
        started_at,
    }
}

fn long(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// A spool file that cannot be removed costs disk space, not correctness; the folder goes with the run.
pub(super) fn remove<'f>(spools: impl IntoIterator<Item = &'f SpoolFile>) {
    for spool in spools {
        if let Err(error) = std::fs::remove_file(&spool.path) {
            tracing::warn!(path = %spool.path.display(), %error, "spool file not removed");
        }
    }
}
