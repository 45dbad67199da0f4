//! The folder for spool files of one process; those of processes that were killed are cleared away.

use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use tempfile::TempDir;

use crate::config::Settings;

const PREFIX: &str = "rexdrug-spool-";
const LOCK: &str = "lock";
/// A folder that is younger may not be locked yet.
const YOUNG: Duration = Duration::from_secs(60);

/// A folder that goes with the process. Its lock says that the process lives, also to other containers that share the
/// disk, where process ids say nothing.
pub struct Spool {
    folder: TempDir,
    _lock: File,
}

impl Spool {
    /// Creates a folder, and clears away those that nobody holds any more.
    ///
    /// # Errors
    /// When it cannot be created.
    pub fn create(settings: &Settings) -> Result<Self> {
        let root = settings.spool.clone().unwrap_or_else(std::env::temp_dir);
        clear_abandoned(&root, YOUNG);
        let create = || -> std::io::Result<Self> {
            let folder = tempfile::Builder::new().prefix(PREFIX).tempdir_in(&root)?;
            let lock = File::create_new(folder.path().join(LOCK))?;
            lock.lock()?;
            Ok(Self { folder, _lock: lock })
        };
        create().with_context(|| {
            let root = root.display();
            format!(
                "cannot create a spool folder in {root}; set `spool` in the config file to a folder with free space"
            )
        })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }
}

/// Removes spool folders below `root` whose process is gone. What cannot be looked at or removed stays.
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
    fn only_spools_that_nobody_holds_are_cleared_away() {
        let root = tempfile::tempdir().unwrap();
        let held = root.path().join("rexdrug-spool-held");
        let dead = root.path().join("rexdrug-spool-dead");
        let other = root.path().join("other");
        for folder in [&held, &dead, &other] {
            std::fs::create_dir(folder).unwrap();
            std::fs::write(folder.join(LOCK), "").unwrap();
        }
        let lock = File::open(held.join(LOCK)).unwrap();
        lock.lock().unwrap();
        clear_abandoned(root.path(), YOUNG);
        assert!(dead.exists(), "too young to judge");
        clear_abandoned(root.path(), Duration::ZERO);
        assert!(held.exists() && !dead.exists() && other.exists());
    }
}
