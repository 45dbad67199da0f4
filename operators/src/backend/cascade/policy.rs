//! Which sentences the second backend of a cascade is asked about.

use std::fmt;
use std::str::FromStr;

use crate::backend::{BackendError, Extraction, ItemError};

/// Which sentences go on. Sentences that the first backend refuses go on always.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum CascadePolicy {
    /// Those whose highest pair probability lies in `low..high`: below it the first backend is sure that there is
    /// nothing, from `high` on it is sure that there is something. Without probabilities everything goes on.
    Uncertain {
        /// Least probability that goes on.
        low: f32,
        /// Least probability that is settled as positive.
        high: f32,
    },
    /// Those in which the first backend finds a combination.
    Positive,
    /// Both kinds: everything from `low` on, found or not.
    Either {
        /// Least probability that goes on.
        low: f32,
    },
}

impl Default for CascadePolicy {
    fn default() -> Self {
        Self::Uncertain { low: 0.1, high: 0.9 }
    }
}

impl CascadePolicy {
    /// Whether an answer of the first backend leaves its sentence open.
    pub fn is_open(&self, answer: &Result<Extraction, ItemError>) -> bool {
        let Ok(found) = answer else { return true };
        let positive = !found.combinations.is_empty();
        match *self {
            Self::Positive => positive,
            // A sentence without any pair has no combination, and no probability.
            _ if found.mentions.len() < 2 => false,
            Self::Uncertain { low, high } => found.pair_score.is_none_or(|score| (low..high).contains(&score)),
            Self::Either { low } => positive || found.pair_score.is_none_or(|score| score >= low),
        }
    }

    /// # Errors
    /// Thresholds outside 0 to 1, or in the wrong order.
    pub(super) fn check(&self) -> Result<(), BackendError> {
        let (low, high) = match *self {
            Self::Positive => return Ok(()),
            Self::Uncertain { low, high } => (low, high),
            Self::Either { low } => (low, 1.0),
        };
        // The upper end may lie above 1, so that certainty itself can go on.
        if (0.0..=1.0).contains(&low) && low <= high && high.is_finite() {
            return Ok(());
        }
        Err(BackendError::Cascade {
            expected: "thresholds with 0 ≤ low ≤ 1 and low ≤ high", got: self.to_string()
        })
    }
}

impl fmt::Display for CascadePolicy {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Uncertain { low, high } => write!(out, "uncertain:{low}:{high}"),
            Self::Positive => out.write_str("positive"),
            Self::Either { low } => write!(out, "either:{low}"),
        }
    }
}

impl FromStr for CascadePolicy {
    type Err = BackendError;

    fn from_str(text: &str) -> Result<Self, BackendError> {
        let refused = || BackendError::Cascade {
            expected: "positive, uncertain, uncertain:LOW:HIGH or either:LOW",
            got: format!("`{text}`"),
        };
        let number = |part: &str| part.parse::<f32>().map_err(|_| refused());
        let parts: Vec<&str> = text.split(':').collect();
        let policy = match parts.as_slice() {
            ["positive"] => Self::Positive,
            ["uncertain"] => Self::default(),
            ["uncertain", low, high] => Self::Uncertain { low: number(low)?, high: number(high)? },
            ["either", low] => Self::Either { low: number(low)? },
            _ => return Err(refused()),
        };
        policy.check()?;
        Ok(policy)
    }
}
