//! The task of answers in text, as it is named on the command line.

use clap::ValueEnum;
use rexdrug_scoring::task::Task;

/// What answers state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum AnswerTask {
    /// Combinations of two or more drugs with an effect.
    Drugcomb,
    /// Typed pairs of drugs.
    Ddi13,
}

impl From<AnswerTask> for Task {
    fn from(task: AnswerTask) -> Self {
        match task {
            AnswerTask::Drugcomb => Self::DrugComb,
            AnswerTask::Ddi13 => Self::Ddi13,
        }
    }
}
