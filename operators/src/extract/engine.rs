//! One inference engine per process: a backend behind a bounded queue that all partitions share.

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use tokio::sync::Semaphore;

use super::options::ExtractOptions;
use super::quarantine::QuarantineCollector;
use crate::backend::{
    Backend, BackendError, BackendInfo, Classifier, ClassifierOptions, Decoding, Device, ExtractItem, Generator,
    GeneratorOptions, Reply, SCRIPTED_SCHEME, Scripted, prompt_of,
};
use crate::model::{GENERATOR, ModelFolder, ModelTask};

/// A backend with its queue.
#[derive(Debug)]
pub struct ExtractEngine {
    backend: Arc<dyn Backend>,
    /// Room for sentences that wait for the model or are in it, over all partitions.
    room: Semaphore,
    queue_rows: usize,
    quarantine: QuarantineCollector,
}

impl ExtractEngine {
    /// An engine over `backend` that holds at most `queue_rows` sentences.
    pub fn new(backend: Arc<dyn Backend>, queue_rows: usize) -> Self {
        let queue_rows = queue_rows.clamp(1, u32::MAX as usize >> 3);
        Self { backend, room: Semaphore::new(queue_rows), queue_rows, quarantine: QuarantineCollector::default() }
    }

    /// Loads the model that the options name. Blocks while files are hashed and sessions open; call it off the async
    /// threads.
    ///
    /// # Errors
    /// Everything that makes the model unusable on the device; another model than `model_sha256`, unless that is empty.
    pub fn load(options: &ExtractOptions) -> Result<Self, BackendError> {
        Self::load_decoding(options, Decoding::default())
    }

    /// As [`ExtractEngine::load`]; a generator chooses its tokens by `decoding` where that says how.
    ///
    /// # Errors
    /// As [`ExtractEngine::load`].
    pub fn load_decoding(options: &ExtractOptions, decoding: Decoding) -> Result<Self, BackendError> {
        let device: Device = options.device.parse()?;
        let backend: Arc<dyn Backend> = if options.model_uri.starts_with(SCRIPTED_SCHEME) {
            Arc::new(Scripted::from_address(&options.model_uri)?)
        } else {
            let folder = model_folder(options)?;
            if folder.manifest().backend == GENERATOR {
                let mut settings = GeneratorOptions { decoding, ..GeneratorOptions::for_device(device) };
                settings.max_batch_tokens = options.max_batch_tokens.unwrap_or(settings.max_batch_tokens);
                settings.max_batch_rows = options.max_batch_rows.unwrap_or(settings.max_batch_rows);
                Arc::new(Generator::load(&folder, &settings)?)
            } else {
                let mut settings = ClassifierOptions::for_device(device);
                settings.max_batch_tokens = options.max_batch_tokens.unwrap_or(settings.max_batch_tokens);
                settings.max_batch_rows = options.max_batch_rows.unwrap_or(settings.max_batch_rows);
                settings.first_pass = options.first_pass;
                Arc::new(Classifier::load(&folder, &settings)?)
            }
        };
        Ok(Self::new(backend, options.queue_rows))
    }

    /// What [`ExtractEngine::load`] would hold, from the manifest and the files' hashes alone: for a process that sends
    /// the model to others. Sizes that only a loaded model knows are 0.
    ///
    /// # Errors
    /// When the folder cannot be used or is not of this task.
    pub fn describe(options: &ExtractOptions) -> Result<BackendInfo, BackendError> {
        if options.model_uri.starts_with(SCRIPTED_SCHEME) {
            return Ok(Scripted::from_address(&options.model_uri)?.info().clone());
        }
        let folder = model_folder(options)?;
        let writes = folder.manifest().backend == GENERATOR;
        let prompt_sha256 = writes.then(|| prompt_of(&folder)).transpose()?.map(|prompt| prompt.sha256().to_owned());
        Ok(BackendInfo {
            extractor: folder.manifest().backend.clone(),
            model_id: folder.manifest().name.clone(),
            model_sha256: folder.sha256().to_owned(),
            prompt_sha256,
            device: options.device.parse::<Device>()?.to_string(),
            context_chars: 0,
            preferred_items: 0,
        })
    }

    /// What the backend is.
    pub fn info(&self) -> &BackendInfo {
        self.backend.info()
    }

    /// The backend, for callers outside a plan (`rexdrug try`, `rexdrug eval`).
    pub fn backend(&self) -> &Arc<dyn Backend> {
        &self.backend
    }

    /// Sentences that could not be extracted, of all plans that ran on this engine.
    pub fn quarantine(&self) -> &QuarantineCollector {
        &self.quarantine
    }

    /// Most sentences it holds.
    pub fn queue_rows(&self) -> usize {
        self.queue_rows
    }

    /// Sentences for which there is room now.
    pub fn free_rows(&self) -> usize {
        self.room.available_permits()
    }

    /// Sentences that one call should hold: what the backend likes, but never so many that a second call has no room.
    pub(super) fn chunk_rows(&self) -> usize {
        self.info().preferred_items.clamp(1, self.queue_rows.div_ceil(2))
    }

    /// Waits for room, then asks the backend; one answer per item, in order.
    ///
    /// # Errors
    /// As [`Backend::extract`].
    pub async fn extract(&self, items: Vec<ExtractItem>) -> Result<Reply, BackendError> {
        let lost = |message: &str| BackendError::WorkersLost { message: message.to_owned() };
        let wanted = items.len().min(self.queue_rows);
        let wanted = u32::try_from(wanted).map_err(|_| lost("more sentences than a call can hold"))?;
        let asked = Instant::now();
        let _room = self.room.acquire_many(wanted).await.map_err(|_| lost("the queue is closed"))?;
        let waited = asked.elapsed();
        let count = items.len();
        let mut reply = self.backend.extract(items).await?;
        reply.stats.queue_wait += waited;
        if reply.answers.len() == count {
            return Ok(reply);
        }
        Err(lost(&format!("the backend gave {} answers for {count} sentences", reply.answers.len())))
    }
}

fn model_folder(options: &ExtractOptions) -> Result<ModelFolder, BackendError> {
    let path = local_path(&options.model_uri)?;
    let folder = if options.model_sha256.is_empty() {
        ModelFolder::open(path)?
    } else {
        ModelFolder::open_expecting(path, &options.model_sha256)?
    };
    folder.require_task(ModelTask::DrugComb)?;
    Ok(folder)
}

/// A model folder is local: `file://` and plain paths.
fn local_path(uri: &str) -> Result<&Path, BackendError> {
    let path = uri.strip_prefix("file://").unwrap_or(uri);
    if path.is_empty() || path.contains("://") {
        let message = "expected a folder, file://… or scripted:…; copy the model to this machine first".to_owned();
        return Err(BackendError::Address { uri: uri.to_owned(), message });
    }
    Ok(Path::new(path))
}
