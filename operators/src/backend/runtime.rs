//! ONNX Runtime itself: found and loaded once per process.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, OnceLock, PoisonError};

use ort::environment::Environment;

use super::error::BackendError;

/// Environment variables that name the library, in order.
pub const LIBRARY_VARIABLES: [&str; 2] = ["REXDRUG_ORT_LIBRARY", "ORT_DYLIB_PATH"];

/// Folder that `make setup` fills, below the working directory or a parent of the executable.
const SETUP_FOLDER: &str = ".onnxruntime/lib";

static LOADED: OnceLock<OrtRuntime> = OnceLock::new();
static LOADING: Mutex<()> = Mutex::new(());

/// The ONNX Runtime of this process.
#[derive(Debug)]
pub struct OrtRuntime {
    library: PathBuf,
    environment: Environment,
}

impl OrtRuntime {
    /// Loads the library at the first call and returns it at every call.
    ///
    /// Order of search: `library`, the variables in [`LIBRARY_VARIABLES`], `.onnxruntime/lib` below the working
    /// directory, the same below each folder above the executable. A place that is named but does not work is an
    /// error, never skipped.
    ///
    /// # Errors
    /// No library found, a library that is damaged or older than 1.24, or another library than the loaded one.
    pub fn init(library: Option<&Path>) -> Result<&'static Self, BackendError> {
        let _one_at_a_time = LOADING.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(runtime) = LOADED.get() {
            return match library {
                Some(asked) if !same_file(asked, &runtime.library) => {
                    Err(BackendError::RuntimeConflict { loaded: runtime.library.clone(), asked: asked.to_path_buf() })
                }
                _ => Ok(runtime),
            };
        }
        let path = match library {
            Some(path) => path.to_path_buf(),
            None => find_library()?,
        };
        let refused = |message: String| BackendError::RuntimeRefused { library: path.clone(), message };
        if !path.is_file() {
            return Err(refused("there is no such file".to_owned()));
        }
        let builder = ort::init_from(&path).map_err(|error| refused(error.to_string()))?;
        let environment =
            builder.with_name("rexdrug").with_telemetry(false).build().map_err(|error| refused(error.to_string()))?;
        Ok(LOADED.get_or_init(|| Self { library: path, environment }))
    }

    /// Where the library that [`OrtRuntime::init`] would load lies, without loading it.
    ///
    /// # Errors
    /// The list of places when there is none.
    pub fn locate() -> Result<PathBuf, BackendError> {
        find_library()
    }

    /// The library in use.
    pub fn library(&self) -> &Path {
        &self.library
    }

    pub(crate) fn environment(&self) -> &Environment {
        &self.environment
    }
}

fn same_file(left: &Path, right: &Path) -> bool {
    left == right || matches!((left.canonicalize(), right.canonicalize()), (Ok(left), Ok(right)) if left == right)
}

fn find_library() -> Result<PathBuf, BackendError> {
    let mut looked_at = Vec::new();
    for variable in LIBRARY_VARIABLES {
        match std::env::var_os(variable) {
            Some(path) if !path.is_empty() => return Ok(PathBuf::from(path)),
            _ => looked_at.push(format!("${variable} (not set)")),
        }
    }
    let below_cwd = std::env::current_dir().ok();
    let executable = std::env::current_exe().ok();
    let above_executable = executable.iter().flat_map(|path| path.ancestors().skip(1)).map(Path::to_path_buf);
    for root in below_cwd.into_iter().chain(above_executable) {
        let folder = root.join(SETUP_FOLDER);
        match newest_library(&folder) {
            Some(path) => return Ok(path),
            None => looked_at.push(folder.display().to_string()),
        }
    }
    Err(BackendError::RuntimeMissing { looked_at })
}

/// The library of a folder: the plain name where there is one, else the last name with a version.
fn newest_library(folder: &Path) -> Option<PathBuf> {
    let mut found: Vec<(Vec<u64>, PathBuf)> = std::fs::read_dir(folder)
        .ok()?
        .filter_map(|entry| {
            let path = entry.ok()?.path();
            let version = path.file_name()?.to_str()?.strip_prefix("libonnxruntime.so")?.to_owned();
            let numbers = version.split('.').filter_map(|part| part.parse().ok()).collect();
            path.is_file().then_some((numbers, path))
        })
        .collect();
    found.sort();
    found.pop().map(|(_, path)| path)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use super::*;

    #[test]
    fn the_newest_library_of_a_folder_wins_by_number() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(newest_library(folder.path()), None);
        for name in ["libonnxruntime.so.1.9.0", "libonnxruntime.so.1.24.1", "libonnxruntime_providers_shared.so", "x"] {
            std::fs::write(folder.path().join(name), b"").unwrap();
        }
        assert_eq!(newest_library(folder.path()).unwrap().file_name().unwrap(), "libonnxruntime.so.1.24.1");
        assert_eq!(newest_library(&folder.path().join("missing")), None);
    }

    #[test]
    fn a_library_that_is_none_is_a_clean_error() {
        let folder = tempfile::tempdir().unwrap();
        let fake = folder.path().join("libonnxruntime.so");
        std::fs::write(&fake, b"not a library").unwrap();
        for path in [fake, folder.path().join("absent.so")] {
            let message = OrtRuntime::init(Some(&path)).unwrap_err().to_string();
            assert!(message.contains("ONNX Runtime"), "{message}");
            assert!(message.contains("make setup") || message.contains("already loaded"), "{message}");
        }
    }
}
