//! Opening a model folder: parse the manifest, hash every file, name the first difference.

use std::fs::File;
use std::io::Read;
use std::path::{Component, Path, PathBuf};

use sha2::{Digest, Sha256};

use super::error::ModelError;
use super::manifest::{FORMAT, FileSpec, GENERATOR, Manifest, ModelTask};

/// Name of the manifest in a model folder.
pub const MANIFEST_FILE: &str = "rexdrug.json";
/// The encoder: tokens to hidden states and drug tags.
pub const MODEL_FILE: &str = "model.onnx";
/// The pair scorer: hidden states and mention pairs to labels.
pub const PAIRS_FILE: &str = "pairs.onnx";
/// Weights of the mention decision; a folder may do without.
pub const MENTIONS_FILE: &str = "mentions.json";
/// Weights of the first pass; a folder may do without.
pub const FIRST_PASS_FILE: &str = "first_pass.json";
/// The configuration of the network, as transformers writes it.
pub const CONFIG_FILE: &str = "config.json";
/// Special tokens and chat template of a generator.
pub const TOKENIZER_CONFIG_FILE: &str = "tokenizer_config.json";
/// The Hugging Face tokenizer.
pub const TOKENIZER_FILE: &str = "tokenizer.json";

/// A model folder whose files have the declared contents.
#[derive(Debug, Clone)]
pub struct ModelFolder {
    path: PathBuf,
    manifest: Manifest,
    sha256: String,
}

/// What [`ModelFolder::verify`] found, for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelReport {
    /// Name of the model.
    pub model_id: String,
    /// sha256 over the files.
    pub model_sha256: String,
    /// Files checked: name and bytes.
    pub files: Vec<(String, u64)>,
}

impl ModelFolder {
    /// Opens `path`, reads `rexdrug.json` and hashes every file it lists.
    ///
    /// # Errors
    /// A missing or damaged file, an unknown format, or a value that this version cannot use.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, ModelError> {
        let path = path.as_ref().to_path_buf();
        let manifest = read_manifest(&path)?;
        let required: &[&str] = match manifest.backend == GENERATOR {
            true => &[MODEL_FILE, TOKENIZER_FILE, TOKENIZER_CONFIG_FILE, CONFIG_FILE],
            false => &[MODEL_FILE, PAIRS_FILE, TOKENIZER_FILE],
        };
        for required in required {
            if !manifest.files.contains_key(*required) {
                return Err(ModelError::Field {
                    folder: path,
                    field: "files",
                    expected: format!("an entry for `{required}`"),
                    got: manifest.files.keys().cloned().collect::<Vec<_>>().join(", "),
                });
            }
        }
        let mut whole = Sha256::new();
        for (name, declared) in &manifest.files {
            let digest = check_file(&path, name, declared)?;
            whole.update(name.as_bytes());
            whole.update([0]);
            whole.update(digest.as_bytes());
            whole.update([b'\n']);
        }
        // The manifest decides thresholds and labels, so it is part of the identity although it cannot list itself.
        let manifest_digest = hash_file(&path, MANIFEST_FILE)?.0;
        whole.update(MANIFEST_FILE.as_bytes());
        whole.update([0]);
        whole.update(manifest_digest.as_bytes());
        whole.update([b'\n']);
        Ok(Self { path, manifest, sha256: hex::encode(whole.finalize()) })
    }

    /// Opens the folder and refuses it when it is not the model `sha256` names.
    ///
    /// # Errors
    /// As [`ModelFolder::open`], and [`ModelError::Identity`] when another model lies there.
    pub fn open_expecting(path: impl AsRef<Path>, sha256: &str) -> Result<Self, ModelError> {
        let folder = Self::open(path)?;
        if folder.sha256 == sha256 {
            return Ok(folder);
        }
        Err(ModelError::Identity { folder: folder.path, expected: sha256.to_owned(), got: folder.sha256 })
    }

    /// Checks a folder for `rexdrug model verify`; the graphs themselves are checked when a session opens them.
    ///
    /// # Errors
    /// As [`ModelFolder::open`].
    pub fn verify(path: impl AsRef<Path>) -> Result<ModelReport, ModelError> {
        let folder = Self::open(path)?;
        let files = folder.manifest.files.iter().map(|(name, file)| (name.clone(), file.bytes)).collect();
        Ok(ModelReport { model_id: folder.manifest.name.clone(), model_sha256: folder.sha256, files })
    }

    /// What the model was trained for.
    pub fn task(&self) -> ModelTask {
        // Opening has refused a task that is not known.
        self.manifest.known_task().unwrap_or(ModelTask::DrugComb)
    }

    /// Refuses a model of another task.
    ///
    /// # Errors
    /// [`ModelError::Task`].
    pub fn require_task(&self, task: ModelTask) -> Result<(), ModelError> {
        if self.task() == task {
            return Ok(());
        }
        let (expected, got) = (task.name(), self.task().name());
        Err(ModelError::Task { folder: self.path.clone(), expected, labels: task.labels().join(", "), got })
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Path of one of its files.
    pub fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// The manifest.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// sha256 over the sorted list of (name, sha256), manifest included.
    pub fn sha256(&self) -> &str {
        &self.sha256
    }
}

fn unreadable(folder: &Path, file: &str) -> impl FnOnce(std::io::Error) -> ModelError {
    let (folder, file) = (folder.to_path_buf(), file.to_owned());
    move |source| ModelError::Unreadable { folder, file, source }
}

fn read_manifest(folder: &Path) -> Result<Manifest, ModelError> {
    let bytes = std::fs::read(folder.join(MANIFEST_FILE)).map_err(unreadable(folder, MANIFEST_FILE))?;
    let invalid = |message: String| ModelError::Manifest { folder: folder.to_path_buf(), expected: FORMAT, message };
    let value: serde_json::Value = serde_json::from_slice(&bytes).map_err(|error| invalid(error.to_string()))?;
    // The number first: a newer format may have other fields, and then only the number is worth reporting.
    let format = value.get("format").and_then(serde_json::Value::as_u64).and_then(|format| u32::try_from(format).ok());
    match format {
        Some(FORMAT) => {}
        Some(got) => return Err(ModelError::Format { folder: folder.to_path_buf(), expected: FORMAT, got }),
        None => return Err(invalid("the field `format` is missing or no number".to_owned())),
    }
    let manifest: Manifest = serde_json::from_value(value).map_err(|error| invalid(error.to_string()))?;
    match manifest.fault() {
        Some((field, expected, got)) => Err(ModelError::Field { folder: folder.to_path_buf(), field, expected, got }),
        None => Ok(manifest),
    }
}

fn check_file(folder: &Path, name: &str, declared: &FileSpec) -> Result<String, ModelError> {
    let inside = Path::new(name).components().all(|part| matches!(part, Component::Normal(_)));
    if !inside {
        return Err(ModelError::Field {
            folder: folder.to_path_buf(),
            field: "files",
            expected: "names of files inside the folder".to_owned(),
            got: format!("`{name}`"),
        });
    }
    let (digest, bytes) = hash_file(folder, name)?;
    let contents = |what, expected: String, got: String| ModelError::Contents {
        folder: folder.to_path_buf(),
        file: name.to_owned(),
        what,
        expected,
        got,
    };
    if bytes != declared.bytes {
        return Err(contents("bytes", declared.bytes.to_string(), bytes.to_string()));
    }
    if !digest.eq_ignore_ascii_case(&declared.sha256) {
        return Err(contents("sha256", declared.sha256.clone(), digest));
    }
    Ok(digest)
}

fn hash_file(folder: &Path, name: &str) -> Result<(String, u64), ModelError> {
    let mut file = File::open(folder.join(name)).map_err(unreadable(folder, name))?;
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 1 << 20];
    let mut bytes = 0;
    loop {
        match file.read(&mut buffer).map_err(unreadable(folder, name))? {
            0 => return Ok((hex::encode(hash.finalize()), bytes)),
            read => {
                hash.update(buffer.get(..read).unwrap_or_default());
                bytes += read as u64;
            }
        }
    }
}
