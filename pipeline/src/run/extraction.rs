//! Extraction of the documents of one source file into a spool.

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use datafusion::dataframe::DataFrame;
use datafusion::error::DataFusionError;
use datafusion::physical_plan::metrics::MetricsSet;
use datafusion::physical_plan::{ExecutionPlan, execute_stream};
use datafusion::prelude::ParquetReadOptions;
use futures::StreamExt;
use rexdrug_operators::extract::LanguageModelCounts;
use rexdrug_schemas::COMBINATIONS;

use super::driver::ExtractSettings;
use super::engine::{Extracted, Extraction};
use super::report::{RunEvent, RunObserver};
use crate::error::PipelineError;
use crate::plan;
use crate::session::Session;
use crate::warehouse::SpoolWriter;

/// Runs the plan over the spooled documents of a file.
pub(super) async fn extract_spool(session: &Session, file: Extraction<'_>) -> Result<Extracted, PipelineError> {
    let name = &file.source.source_file;
    let path = file.documents.path.to_string_lossy().into_owned();
    let documents = session
        .context()
        .read_parquet(path, ParquetReadOptions::default())
        .await
        .map_err(|error| PipelineError::plan(name, "reading the spool", &error))?;
    extract(session, documents, file.settings, name, file.spool, file.observer).await
}

/// Runs the plan over `documents`, all of them of `source_file`.
pub(crate) async fn extract(
    session: &Session,
    documents: DataFrame,
    settings: &ExtractSettings,
    source_file: &str,
    spool: &Path,
    observer: &dyn RunObserver,
) -> Result<Extracted, PipelineError> {
    let started = Instant::now();
    let failed = |error: DataFusionError| PipelineError::plan(source_file, "extraction", &error);
    let plan = plan::combinations(documents, settings.prefilter.clone(), settings.extract.clone()).map_err(failed)?;
    let frame = plan::frame(session.context(), plan);
    let context = Arc::new(frame.task_ctx());
    let physical = frame.create_physical_plan().await.map_err(failed)?;
    let mut rows = execute_stream(Arc::clone(&physical), context).map_err(failed)?;
    let mut writer = None;
    while let Some(batch) = rows.next().await {
        let batch = batch.map_err(failed)?;
        if writer.is_none() {
            writer = Some(SpoolWriter::create(&COMBINATIONS, spool)?);
        }
        if let Some(writer) = &mut writer {
            writer.write(&batch)?;
        }
        let sentences = sentences_extracted(physical.as_ref());
        observer.observe(&RunEvent::Extracting { file: source_file.to_owned(), sentences });
    }
    let run_id = &settings.extract.run.run_id;
    let quarantine = match &session.resources().engine {
        Some(engine) => engine.quarantine().take(run_id, source_file),
        None => Vec::new(),
    };
    let mut extracted = counts_of(physical.as_ref());
    extracted.combinations = writer.map(SpoolWriter::finish).transpose()?.into_iter().collect();
    extracted.quarantine = quarantine;
    extracted.seconds = started.elapsed().as_secs_f64();
    Ok(extracted)
}

/// What the nodes of a plan that has run have counted; its rows are not among it.
pub fn counts_of(plan: &dyn ExecutionPlan) -> Extracted {
    Extracted {
        sentences_read: count(plan, "SentenceSegmentExec", &|metrics| metrics.output_rows()),
        sentences_kept: count(plan, "DrugPrefilterExec", &|metrics| metrics.output_rows()),
        sentences_extracted: sentences_extracted(plan),
        language_model: language_model(plan),
        ..Extracted::default()
    }
}

fn sentences_extracted(plan: &dyn ExecutionPlan) -> u64 {
    count(plan, "ExtractExec", &|metrics| metrics.sum_by_name("sentences_extracted").map(|value| value.as_usize()))
}

/// What the extraction node of a plan asked of language models.
fn language_model(plan: &dyn ExecutionPlan) -> LanguageModelCounts {
    let own = (plan.name() == "ExtractExec").then(|| plan.metrics().as_ref().map(LanguageModelCounts::of)).flatten();
    let mut counts = own.unwrap_or_default();
    for child in plan.children() {
        counts.add(&language_model(child.as_ref()));
    }
    counts
}

/// Sum over partitions of a metric of the nodes called `node`.
fn count(plan: &dyn ExecutionPlan, node: &str, metric: &dyn Fn(&MetricsSet) -> Option<usize>) -> u64 {
    let own = (plan.name() == node).then(|| plan.metrics().as_ref().and_then(metric)).flatten().unwrap_or(0) as u64;
    own + plan.children().into_iter().map(|child| count(child.as_ref(), node, metric)).sum::<u64>()
}
