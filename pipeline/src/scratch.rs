//! Folders for files of one process; those of processes that were killed are cleared away by the next.

use std::fs::{File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tempfile::TempDir;

const PREFIX: &str = "rexdrug-spool-";
const LOCK: &str = "lock";
/// A folder that is younger may not be locked yet.
const YOUNG: Duration = Duration::from_secs(60);

/// A folder that goes with the value. Its lock says that the process lives, also to other containers that share the
/// disk, where process ids say nothing.
#[derive(Debug)]
pub struct Scratch {
    folder: TempDir,
    _lock: File,
}

impl Scratch {
    /// Creates a folder below `root`.
    ///
    /// # Errors
    /// When it cannot be created or locked.
    pub fn create(root: &Path) -> io::Result<Self> {
        let folder = tempfile::Builder::new().prefix(PREFIX).tempdir_in(root)?;
        let lock = File::create_new(folder.path().join(LOCK))?;
        lock.lock()?;
        Ok(Self { folder, _lock: lock })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Removes folders below `root` whose process is gone. What cannot be looked at or removed stays.
    pub fn clear_abandoned(root: &Path) {
        clear_abandoned(root, YOUNG);
    }
}

fn clear_abandoned(root: &Path, young: Duration) {
    let Ok(entries) = std::fs::read_dir(root) else { return };
    for entry in entries.flatten().filter(|entry| entry.file_name().to_string_lossy().starts_with(PREFIX)) {
        let age = entry.metadata().ok().and_then(|facts| facts.modified().ok()).and_then(|time| time.elapsed().ok());
        if age.is_some_and(|age| age >= young) && is_abandoned(&entry.path()) {
            match std::fs::remove_dir_all(entry.path()) {
                Ok(()) => {
                    tracing::info!(folder = %entry.path().display(), "removed the spool of a run that was killed")
                }
                Err(error) => tracing::warn!(folder = %entry.path().display(), %error, "abandoned spool not removed"),
            }
        }
    }
}

fn is_abandoned(folder: &PathBuf) -> bool {
    // A link is not followed: only folders are ours.
    let own = std::fs::symlink_metadata(folder).is_ok_and(|facts| facts.is_dir());
    let Some(lock) = own.then(|| File::open(folder.join(LOCK)).ok()).flatten() else { return false };
    !matches!(lock.try_lock(), Err(TryLockError::WouldBlock | TryLockError::Error(_)))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn only_folders_that_nobody_holds_are_cleared_away() {
        let root = tempfile::tempdir().unwrap();
        let held = Scratch::create(root.path()).unwrap();
        // What a process that is killed leaves: the folder with its files, the lock held by nobody.
        let dead = Scratch::create(root.path()).unwrap().folder.keep();
        std::fs::write(dead.join("documents.parquet"), "rows").unwrap();
        let other = root.path().join("other");
        std::fs::create_dir(&other).unwrap();
        std::fs::write(other.join(LOCK), "").unwrap();
        clear_abandoned(root.path(), YOUNG);
        assert!(dead.exists(), "too young to judge");
        clear_abandoned(root.path(), Duration::ZERO);
        assert!(held.path().exists() && !dead.exists() && other.exists());
        let path = held.path().to_owned();
        drop(held);
        assert!(!path.exists());
    }
}
