//! A pause at a named point of a run, for tests that kill the process there.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context, Result};
use rexdrug_pipeline::warehouse::{CommitHook, CommitPoint};

/// `POINT` or `POINT:N`: stop at the N-th time (from 1) that the point is reached.
pub const VARIABLE: &str = "REXDRUG_PAUSE_AT";

/// Says on standard error that the point is reached, and waits to be killed.
pub struct PauseAt {
    point: CommitPoint,
    left: AtomicU64,
}

impl PauseAt {
    /// Reads the value of [`VARIABLE`].
    ///
    /// # Errors
    /// For a point that does not exist or a count that is no number.
    pub fn parse(text: &str) -> Result<Self> {
        let (name, count) = text.split_once(':').unwrap_or((text, "1"));
        let point = name.parse().map_err(anyhow::Error::msg).with_context(|| format!("{VARIABLE}={text}"))?;
        let left = count.parse().with_context(|| format!("{VARIABLE}={text}: expected POINT:N"))?;
        Ok(Self { point, left: AtomicU64::new(left) })
    }
}

impl CommitHook for PauseAt {
    fn reached(&self, point: CommitPoint) -> Result<(), String> {
        if point == self.point && self.left.fetch_sub(1, Ordering::SeqCst) == 1 {
            eprintln!("paused at {point:?}");
            loop {
                std::thread::sleep(Duration::from_secs(3600));
            }
        }
        Ok(())
    }
}
