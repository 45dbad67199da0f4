//! The effect of a combination.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::SchemaError;

/// The effect that a text states of a combination (labels of the DrugComb guideline).
///
/// The absence of a combination (NO_COMB) is the absence of a row, never a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Effect {
    /// Used together with a stated benefit: response, survival, synergy.
    #[serde(rename = "POS")]
    Positive,
    /// Used together or interacting, with a stated harm: toxicity, reduced efficacy, "avoid".
    #[serde(rename = "NEG")]
    Negative,
    /// Clearly used together; the effect is neutral, mixed or not judged.
    #[serde(rename = "COMB")]
    Unclear,
}

impl Effect {
    /// All effects, in the order of model outputs and of `effect_scores`.
    pub const ALL: [Self; 3] = [Self::Positive, Self::Negative, Self::Unclear];

    /// The label as stored: `POS`, `NEG` or `COMB`.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Positive => "POS",
            Self::Negative => "NEG",
            Self::Unclear => "COMB",
        }
    }
}

impl fmt::Display for Effect {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.label())
    }
}

impl FromStr for Effect {
    type Err = SchemaError;

    fn from_str(text: &str) -> Result<Self, SchemaError> {
        Self::ALL
            .into_iter()
            .find(|effect| effect.label() == text)
            .ok_or_else(|| SchemaError::UnknownEffect { got: text.to_owned() })
    }
}
