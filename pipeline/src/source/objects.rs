//! Articles from an object store: one request each, retried, counted.

use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures::StreamExt;
use object_store::aws::AmazonS3Builder;
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};
use rexdrug_jats::ArticleFault;

use crate::error::PipelineError;
use crate::warehouse::redact;

/// Requests for one object before its pack fails; the store's own client retries refusals below that.
const ATTEMPTS: u32 = 4;

/// Wait before the second request; doubled each time.
const FIRST_WAIT: Duration = Duration::from_millis(200);

/// Requests made so far.
#[derive(Debug, Default)]
pub struct Requests {
    gets: AtomicU64,
    repeated: AtomicU64,
    bytes: AtomicU64,
}

impl Requests {
    /// GET requests, repeated ones included.
    pub fn gets(&self) -> u64 {
        self.gets.load(Ordering::Relaxed)
    }

    /// Those that repeated a failed one.
    pub fn repeated(&self) -> u64 {
        self.repeated.load(Ordering::Relaxed)
    }

    /// Bytes of the objects read.
    pub fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }
}

/// Reads objects below one root.
#[derive(Clone)]
pub struct ObjectReader {
    store: Arc<dyn ObjectStore>,
    prefix: Path,
    root: String,
    requests: Arc<Requests>,
    /// Requests under way at once.
    pub(crate) concurrency: usize,
    max_bytes: u64,
}

impl std::fmt::Debug for ObjectReader {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("ObjectReader").field("root", &self.root).finish_non_exhaustive()
    }
}

impl ObjectReader {
    /// Opens `s3://bucket/prefix` or a local folder. Without `AWS_ACCESS_KEY_ID` and the like, S3 is read unsigned, as
    /// public buckets allow.
    ///
    /// # Errors
    /// [`PipelineError::Store`] for a root that cannot be used.
    pub fn open(root: &str, concurrency: usize, max_bytes: u64) -> Result<Self, PipelineError> {
        let failed = |reason: String| PipelineError::Store { uri: redact(root), reason };
        let (store, prefix): (Arc<dyn ObjectStore>, Path) = match root.strip_prefix("s3://") {
            Some(rest) => {
                let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
                let signed =
                    ["AWS_ACCESS_KEY_ID", "AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"];
                let unsigned = !signed.iter().any(|name| std::env::var_os(name).is_some());
                let builder = AmazonS3Builder::from_env().with_bucket_name(bucket).with_skip_signature(unsigned);
                (Arc::new(builder.build().map_err(|error| failed(error.to_string()))?), Path::from(prefix))
            }
            None => {
                let folder = root.strip_prefix("file://").unwrap_or(root);
                let store = LocalFileSystem::new_with_prefix(folder).map_err(|error| failed(error.to_string()))?;
                (Arc::new(store), Path::default())
            }
        };
        Ok(Self {
            store,
            prefix,
            root: redact(root),
            requests: Arc::default(),
            concurrency: concurrency.max(1),
            max_bytes,
        })
    }

    /// A reader below another root whose requests are counted with those of this one.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn elsewhere(&self, root: &str) -> Result<Self, PipelineError> {
        let other = Self::open(root, self.concurrency, self.max_bytes)?;
        Ok(Self { requests: Arc::clone(&self.requests), ..other })
    }

    /// What it has asked for so far.
    pub fn requests(&self) -> &Requests {
        &self.requests
    }

    /// Copies the object under `key` to a local file, for what is too long to hold.
    ///
    /// # Errors
    /// [`PipelineError::Store`] when it cannot be read or written.
    pub async fn download(&self, key: &str, file: &std::path::Path) -> Result<(), PipelineError> {
        let path: Path = self.prefix.parts().chain(Path::from(key).parts()).collect();
        let (mut wait, mut attempt) = (FIRST_WAIT, 0);
        loop {
            attempt += 1;
            self.requests.gets.fetch_add(1, Ordering::Relaxed);
            self.requests.repeated.fetch_add(u64::from(attempt > 1), Ordering::Relaxed);
            let error = match self.copy(&path, file).await {
                Ok(()) => return Ok(()),
                Err(error) => error,
            };
            let is_final = matches!(error, object_store::Error::NotFound { .. });
            if is_final || attempt >= ATTEMPTS {
                let reason = format!("{path}: {error}, asked {attempt} times");
                return Err(PipelineError::Store { uri: self.root.clone(), reason });
            }
            tracing::warn!(%path, attempt, %error, "object not read, trying again");
            tokio::time::sleep(wait).await;
            wait *= 2;
        }
    }

    async fn copy(&self, path: &Path, file: &std::path::Path) -> object_store::Result<()> {
        let disk = |error: std::io::Error| object_store::Error::Generic { store: "disk", source: Box::new(error) };
        let found = self.store.get(path).await?;
        let mut out = std::fs::File::create(file).map_err(disk)?;
        let mut chunks = found.into_stream();
        while let Some(chunk) = chunks.next().await {
            let chunk = chunk?;
            self.requests.bytes.fetch_add(chunk.len() as u64, Ordering::Relaxed);
            out.write_all(&chunk).map_err(disk)?;
        }
        Ok(())
    }

    /// The object under `key`. That it is not there, or too long, is a fault of the article, not of the run.
    ///
    /// # Errors
    /// [`PipelineError::Store`] when the store keeps failing.
    pub async fn read(&self, key: &str) -> Result<Result<Bytes, ArticleFault>, PipelineError> {
        let path: Path = self.prefix.parts().chain(Path::from(key).parts()).collect();
        let (mut wait, mut attempt) = (FIRST_WAIT, 0);
        loop {
            attempt += 1;
            self.requests.gets.fetch_add(1, Ordering::Relaxed);
            self.requests.repeated.fetch_add(u64::from(attempt > 1), Ordering::Relaxed);
            let error = match self.store.get(&path).await {
                Ok(found) if found.meta.size > self.max_bytes => {
                    return Ok(Err(ArticleFault::TooLarge { limit: self.max_bytes }));
                }
                Ok(found) => match found.bytes().await {
                    Ok(bytes) => {
                        self.requests.bytes.fetch_add(bytes.len() as u64, Ordering::Relaxed);
                        return Ok(Ok(bytes));
                    }
                    Err(error) => error,
                },
                // A bucket that does not exist is a mistake in the root, not thousands of missing articles.
                Err(object_store::Error::NotFound { source, .. }) if source.to_string().contains("NoSuchBucket") => {
                    let reason = "the bucket does not exist; name another with --articles or `root` under [pmc]";
                    return Err(PipelineError::Store { uri: self.root.clone(), reason: reason.to_owned() });
                }
                Err(object_store::Error::NotFound { .. }) => {
                    let message = format!("{key} is listed and not in {}; read a newer listing", self.root);
                    return Ok(Err(ArticleFault::Input { code: "missing_object", message, offset: 0 }));
                }
                Err(error) => error,
            };
            if attempt >= ATTEMPTS {
                let reason = format!("{path}: {error}, {ATTEMPTS} times; run again to go on from there");
                return Err(PipelineError::Store { uri: self.root.clone(), reason });
            }
            tracing::warn!(%path, attempt, %error, "object not read, trying again");
            tokio::time::sleep(wait).await;
            wait *= 2;
        }
    }
}
