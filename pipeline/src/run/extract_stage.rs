//! The stage that hands files to the engine, between reading and commit.

use std::sync::Arc;

use datafusion::common::runtime::SpawnedTask;
use futures::StreamExt;
use tokio::sync::{Semaphore, mpsc};

use super::driver::{Parcel, RunOptions};
use super::engine::{Engine, Extracted, Extraction};
use super::report::RunObserver;
use crate::error::PipelineError;
use crate::warehouse::{CommitPoint, Warehouse};

/// The stage that hands files to the engine: so many at a time as it takes, passed on in the order they came in.
pub(super) struct ExtractStage {
    warehouse: Warehouse,
    engine: Arc<dyn Engine>,
    turns: Arc<Semaphore>,
    options: Arc<RunOptions>,
    observer: Arc<dyn RunObserver>,
}

impl ExtractStage {
    pub(super) fn new(
        warehouse: Warehouse,
        engine: Arc<dyn Engine>,
        options: Arc<RunOptions>,
        observer: Arc<dyn RunObserver>,
    ) -> Self {
        let turns = Arc::new(Semaphore::new(engine.files_at_once()));
        Self { warehouse, engine, turns, options, observer }
    }

    /// Runs until `from` ends or nobody takes what comes out.
    ///
    /// # Errors
    /// When an extraction fails for good.
    pub(super) async fn run(
        self,
        from: mpsc::Receiver<Parcel>,
        out: mpsc::Sender<Parcel>,
    ) -> Result<(), PipelineError> {
        let stage = Arc::new(self);
        let parcels =
            futures::stream::unfold(from, |mut from| async { from.recv().await.map(|parcel| (parcel, from)) });
        // Each a task of its own, so that all go on while one waits to be committed; given up with the stage.
        let tasks = parcels.map(|parcel| SpawnedTask::spawn(Arc::clone(&stage).extract(parcel)).join());
        let mut extracted = std::pin::pin!(tasks.buffered(stage.engine.files_ahead().max(1)));
        while let Some(parcel) = extracted.next().await {
            let parcel =
                parcel.map_err(|error| PipelineError::Task { task: "extraction", reason: error.to_string() })??;
            stage.warehouse.reach(CommitPoint::ExtractionSpooled)?;
            if out.send(parcel).await.is_err() {
                break;
            }
        }
        Ok(())
    }

    async fn extract(self: Arc<Self>, parcel: Parcel) -> Result<Parcel, PipelineError> {
        let (mut ingested, started, settings) = match (parcel, &self.options.extract) {
            (Parcel::Work { ingested, started, .. }, Some(settings)) => (ingested, started, settings),
            (parcel, _) => return Ok(parcel),
        };
        let Some(documents) = &mut ingested.documents else {
            return Ok(Parcel::Work { ingested, extracted: Extracted::default(), started });
        };
        let _turn = self.turns.acquire().await;
        let file = Extraction {
            source: &ingested.source,
            documents,
            settings,
            spool: &self.options.spool,
            observer: self.observer.as_ref(),
        };
        let extracted = self.engine.extract(file).await?;
        Ok(Parcel::Work { ingested, extracted, started })
    }
}
