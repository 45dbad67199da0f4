//! The folder for spool files of one process.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use rexdrug_pipeline::scratch::Scratch;

use crate::config::Settings;

/// A folder that goes with the process; those of processes that were killed are cleared away.
pub struct Spool(Scratch);

/// The folder that all of them lie in.
pub fn root(settings: &Settings) -> PathBuf {
    settings.spool.clone().unwrap_or_else(std::env::temp_dir)
}

impl Spool {
    /// Creates a folder, and clears away those that nobody holds any more.
    ///
    /// # Errors
    /// When it cannot be created.
    pub fn create(settings: &Settings) -> Result<Self> {
        let root = root(settings);
        Scratch::clear_abandoned(&root);
        let scratch = Scratch::create(&root).with_context(|| {
            let root = root.display();
            format!(
                "cannot create a spool folder in {root}; set `spool` in the config file to a folder with free space"
            )
        })?;
        Ok(Self(scratch))
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        self.0.path()
    }
}
