//! Models and lexicons by their hash: the driver puts them into the warehouse, workers fetch, verify and keep them.
//!
//! ```text
//! warehouse/_rexdrug/library/lexicons/SHA256              one file
//! warehouse/_rexdrug/library/models/SHA256/rexdrug.json   and the files that it lists; written last
//! cache/models/SHA256/…                                   the same on a worker's disk, for all its tasks
//! ```

use std::path::{Path, PathBuf};
use std::sync::Arc;

use futures::TryStreamExt;
use object_store::buffered::BufWriter;
use object_store::path::Path as StorePath;
use object_store::{ObjectStore, ObjectStoreExt};
use rexdrug_operators::lexicon::Lexicon;
use rexdrug_operators::model::{MANIFEST_FILE, ModelFolder};
use rexdrug_pipeline::warehouse::Staging;
use tokio::io::AsyncWriteExt;
use tokio::sync::Mutex;

use crate::error::ClusterError;

/// Lexicons that stay in memory.
const LEXICONS: usize = 2;

fn lexicon_path(sha256: &str) -> StorePath {
    StorePath::from(format!("library/lexicons/{sha256}"))
}

fn model_path(sha256: &str) -> StorePath {
    StorePath::from(format!("library/models/{sha256}"))
}

fn failed(what: &'static str, sha256: &str) -> impl Fn(String) -> ClusterError {
    let sha256 = sha256.to_owned();
    move |reason| ClusterError::Library { what, sha256: sha256.clone(), reason }
}

/// A hash is a name of a file and of an object, so it must be nothing else.
fn checked(what: &'static str, sha256: &str) -> Result<(), ClusterError> {
    let hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    match sha256.len() == 64 && sha256.bytes().all(hex) {
        true => Ok(()),
        false => Err(failed(what, sha256)("expected 64 hexadecimal digits".to_owned())),
    }
}

/// Puts a lexicon into the warehouse, unless it is there.
///
/// # Errors
/// When the store fails.
pub async fn publish_lexicon(staging: &Staging, sha256: &str, bytes: Vec<u8>) -> Result<(), ClusterError> {
    let (path, failed) = (lexicon_path(sha256), failed("lexicon", sha256));
    if staging.side().head(&path).await.is_ok() {
        return Ok(());
    }
    staging.side().put(&path, bytes.into()).await.map(|_| ()).map_err(|error| failed(error.to_string()))
}

/// Puts the files of a model into the warehouse, unless they are there; the manifest last, so that it stands for all.
/// Gives the URI of the model.
///
/// # Errors
/// When a file cannot be read or the store fails.
pub async fn publish_model(staging: &Staging, folder: &ModelFolder) -> Result<String, ClusterError> {
    let (root, failed) = (model_path(folder.sha256()), failed("model", folder.sha256()));
    let uri = format!("{}_rexdrug/{root}", staging.root());
    if staging.side().head(&root.clone().join(MANIFEST_FILE)).await.is_ok() {
        return Ok(uri);
    }
    for name in folder.manifest().files.keys().map(String::as_str).chain([MANIFEST_FILE]) {
        let path = StorePath::from(format!("{root}/{name}"));
        let send = async {
            let mut source = tokio::fs::File::open(folder.file(name)).await?;
            let mut target = BufWriter::new(Arc::clone(staging.side()), path);
            tokio::io::copy(&mut source, &mut target).await?;
            target.shutdown().await
        };
        send.await.map_err(|error: std::io::Error| failed(format!("{name}: {error}")))?;
    }
    Ok(uri)
}

/// The library of a worker.
#[derive(Debug)]
pub struct Library {
    staging: Staging,
    cache: PathBuf,
    lexicons: Mutex<Vec<Arc<Lexicon>>>,
    /// Held while a model is fetched, so that no two tasks fetch the same one.
    fetching: Mutex<()>,
}

impl Library {
    /// A library that fetches from the warehouse of `staging` and keeps models below `cache`.
    pub fn new(staging: Staging, cache: PathBuf) -> Self {
        Self { staging, cache, lexicons: Mutex::default(), fetching: Mutex::default() }
    }

    /// The warehouse.
    pub fn staging(&self) -> &Staging {
        &self.staging
    }

    /// The lexicon with this hash.
    ///
    /// # Errors
    /// When the warehouse does not have it, or has something else in its place.
    pub async fn lexicon(&self, sha256: &str) -> Result<Arc<Lexicon>, ClusterError> {
        checked("lexicon", sha256)?;
        let failed = failed("lexicon", sha256);
        let mut lexicons = self.lexicons.lock().await;
        if let Some(known) = lexicons.iter().find(|lexicon| lexicon.sha256() == sha256) {
            return Ok(Arc::clone(known));
        }
        let found = self.staging.side().get(&lexicon_path(sha256)).await.map_err(|error| failed(error.to_string()))?;
        let bytes = found.bytes().await.map_err(|error| failed(error.to_string()))?;
        let lexicon = Arc::new(Lexicon::from_bytes(&bytes)?);
        if lexicon.sha256() != sha256 {
            return Err(failed(format!("the warehouse has {} in its place", lexicon.sha256())));
        }
        if lexicons.len() >= LEXICONS {
            lexicons.remove(0);
        }
        lexicons.push(Arc::clone(&lexicon));
        Ok(lexicon)
    }

    /// A folder on this disk with the model of this hash, every file checked.
    ///
    /// # Errors
    /// When the warehouse does not have it, or has something else in its place.
    pub async fn model(&self, sha256: &str) -> Result<PathBuf, ClusterError> {
        checked("model", sha256)?;
        let failed = failed("model", sha256);
        let _alone = self.fetching.lock().await;
        let kept = self.cache.join("models").join(sha256);
        if kept.exists() {
            match open(&kept, sha256).await {
                Ok(()) => return Ok(kept),
                Err(error) => {
                    tracing::warn!(folder = %kept.display(), %error, "kept model is damaged; fetching it again");
                    std::fs::remove_dir_all(&kept).map_err(|error| failed(error.to_string()))?;
                }
            }
        }
        let parent = self.cache.join("models");
        std::fs::create_dir_all(&parent).map_err(|error| failed(format!("{}: {error}", parent.display())))?;
        let part = tempfile::Builder::new()
            .prefix(".part-")
            .tempdir_in(&parent)
            .map_err(|error| failed(format!("{}: {error}", parent.display())))?;
        fetch(self.staging.side().as_ref(), &model_path(sha256), part.path()).await.map_err(&failed)?;
        open(part.path(), sha256).await?;
        match std::fs::rename(part.path(), &kept) {
            // Now under its name; what is left to remove is gone.
            Ok(()) => {}
            // Another worker on this disk was first.
            Err(_) if kept.exists() => open(&kept, sha256).await?,
            Err(error) => return Err(failed(format!("{}: {error}", kept.display()))),
        }
        tracing::info!(sha256, folder = %kept.display(), "model fetched");
        Ok(kept)
    }
}

async fn open(folder: &Path, sha256: &str) -> Result<(), ClusterError> {
    let (folder, expected) = (folder.to_owned(), sha256.to_owned());
    let opened = tokio::task::spawn_blocking(move || ModelFolder::open_expecting(folder, &expected).map(|_| ())).await;
    opened.map_err(|error| failed("model", sha256)(error.to_string()))?.map_err(ClusterError::from)
}

/// Copies the objects below `root` to `folder`.
async fn fetch(store: &dyn ObjectStore, root: &StorePath, folder: &Path) -> Result<(), String> {
    let objects: Vec<_> = store.list(Some(root)).try_collect().await.map_err(|error| error.to_string())?;
    if objects.is_empty() {
        return Err("it is not in the warehouse; the driver of the run puts it there".to_owned());
    }
    for object in objects {
        let parts: Vec<_> = object.location.prefix_match(root).into_iter().flatten().collect();
        let mut path = folder.to_owned();
        for part in &parts {
            // A part never is `..` or has a slash: the store's paths refuse them.
            path.push(part.as_ref());
        }
        let place = |error: std::io::Error| format!("{}: {error}", path.display());
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent).map_err(place)?;
        }
        let mut target = tokio::fs::File::create(&path).await.map_err(place)?;
        let found = store.get(&object.location).await.map_err(|error| error.to_string())?;
        let mut chunks = found.into_stream();
        while let Some(chunk) = chunks.try_next().await.map_err(|error| error.to_string())? {
            target.write_all(&chunk).await.map_err(place)?;
        }
        target.flush().await.map_err(place)?;
    }
    Ok(())
}
