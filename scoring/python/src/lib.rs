//! Python bindings of `rexdrug-scoring`.
//!
//! Functions take lists and release the interpreter while they work. Errors are `ValueError`s with the message of the
//! Rust error.

mod convert;
mod metrics;
mod parsing;
mod rewards;

use pyo3::prelude::*;

/// Answer parsing, rewards and official metrics for drug-combination extraction.
#[pymodule]
mod rexdrug_scoring {
    use pyo3::prelude::*;

    #[pymodule_export]
    use crate::metrics::{ddi13_metrics, drugcomb_metrics, leaderboard_metrics, reasoning_metrics};
    #[pymodule_export]
    use crate::parsing::{normalize_name, normalize_names, parse_answer, parse_answer_strict};
    #[pymodule_export]
    use crate::rewards::{
        accuracy_reward, coverage_reward, format_reward, mended_accuracy_reward, mended_coverage_reward,
        mended_format_reward, mended_think_reward, reward_functions, rewards, think_reward,
    };

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        super::init(module)
    }
}

/// Constants of the module.
fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add("__version__", env!("CARGO_PKG_VERSION"))?;
    let weights = ::rexdrug_scoring::reward::Weights::default();
    module.add("REWARD_WEIGHTS", [weights.format, weights.think, weights.coverage, weights.accuracy])
}
