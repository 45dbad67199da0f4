//! Extraction of what the warehouse holds already, with another model, lexicon or rules.

use std::sync::Arc;
use std::time::Instant;

use chrono::Utc;

use super::driver::{ExtractSettings, RunOptions, draft, finish, remove, sentence_counts, sentence_rows};
use super::engine::Extracted;
use super::extraction::extract;
use super::report::{RunEvent, RunObserver, RunSummary};
use crate::error::PipelineError;
use crate::session::Session;
use crate::warehouse::{ExtractionCommit, Warehouse};

/// Extracts what the warehouse holds again, by `settings`; a source file whose combinations were made by the same model,
/// lexicon and rules is skipped, unless `force`.
///
/// # Errors
/// As [`super::run_files`].
pub async fn extract_again(
    warehouse: &Warehouse,
    session: &Session,
    options: RunOptions,
    settings: ExtractSettings,
    force: bool,
    observer: Arc<dyn RunObserver>,
) -> Result<RunSummary, PipelineError> {
    let started = Instant::now();
    let mut summary = RunSummary { run_id: options.run_id.clone(), ..RunSummary::default() };
    let options = RunOptions { extract: Some(settings.clone()), ..options };
    for known in warehouse.sources().await? {
        if options.stop.is_asked() {
            summary.stopped = true;
            break;
        }
        let Some(status) = known.status else { continue };
        let (source, file) = (known.source.clone(), known.source.source_file);
        let begun = Utc::now();
        let state = warehouse.extraction(&source).await?;
        let key = draft(&options, &Extracted::default(), begun).extraction_key();
        let is_done = state.is_some_and(|state| state.finished && state.key.is_like(&key));
        if is_done && !force {
            summary.files_skipped += 1;
            observer.observe(&RunEvent::Skipped { file, status });
            continue;
        }
        let documents = warehouse.documents_of(session.context(), &source).await?;
        let extracted = tokio::select! {
            extracted = extract(session, documents, &settings, &file, &options.spool, observer.as_ref()) => extracted?,
            () = options.stop.asked() => {
                summary.stopped = true;
                break;
            }
        };
        let mut run = draft(&options, &extracted, begun);
        run.status = status;
        run.again = is_done.then(|| options.run_id.clone());
        let quarantine = vec![sentence_rows(&extracted, Utc::now().timestamp_micros())?];
        let mut counts = sentence_counts(&extracted);
        let seconds = extracted.seconds;
        let combinations = extracted.combinations;
        let job = ExtractionCommit { source, combinations, quarantine, run };
        let report = warehouse.replace_combinations(&job).await?;
        remove(&job.combinations);
        finish(&report, &mut counts, &mut summary);
        observer.observe(&RunEvent::Committed { file, status, counts: Box::new(counts), seconds });
    }
    summary.seconds = started.elapsed().as_secs_f64();
    Ok(summary)
}
