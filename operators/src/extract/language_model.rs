//! Counters of the extraction node that only language models move: what was asked, what it cost, what was refused.

use datafusion::physical_plan::metrics::{Count, ExecutionPlanMetricsSet, MetricBuilder, MetricsSet};
use serde::{Deserialize, Serialize};

use crate::backend::Stats;

macro_rules! counters {
    ($($(#[$doc:meta])* $name:ident = $value:expr;)*) => {
        /// Sums over the sentences that language models were asked about; all 0 where none was.
        #[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
        pub struct LanguageModelCounts {
            $($(#[$doc])* pub $name: u64,)*
        }

        impl LanguageModelCounts {
            /// Adds the counts of other sentences.
            pub fn add(&mut self, other: &Self) {
                $(self.$name += other.$name;)*
            }

            /// Reads the counters of a node that has run.
            pub fn of(metrics: &MetricsSet) -> Self {
                let sum = |name: &str| metrics.sum_by_name(name).map_or(0, |value| value.as_usize() as u64);
                Self { $($name: sum(concat!("llm_", stringify!($name))),)* }
            }
        }

        /// The counters of one partition.
        pub(super) struct LanguageModelMetrics {
            $($name: Count,)*
        }

        impl LanguageModelMetrics {
            pub(super) fn new(metrics: &ExecutionPlanMetricsSet, partition: usize) -> Self {
                let counter = |name| MetricBuilder::new(metrics).counter(name, partition);
                Self { $($name: counter(concat!("llm_", stringify!($name))),)* }
            }

            pub(super) fn add(&self, stats: &Stats) {
                $(self.$name.add(usize::try_from($value(stats)).unwrap_or(usize::MAX));)*
            }
        }
    };
}

impl LanguageModelCounts {
    /// Cost in the currency of the configured prices.
    pub fn cost(&self) -> f64 {
        self.cost_micros as f64 / 1e6
    }
}

counters! {
    /// Sentences that were answered, from the server or from the cache.
    answers = |stats: &Stats| stats.usage.answers;
    /// Those of them that the cache held.
    cached = |stats: &Stats| stats.usage.cached;
    /// Requests sent, repetitions included.
    requests = |stats: &Stats| stats.usage.requests;
    /// Repetitions among them.
    retries = |stats: &Stats| stats.usage.retries;
    /// Tokens of the questions; cached ones cost none.
    prompt_tokens = |stats: &Stats| stats.usage.prompt_tokens;
    /// Tokens of the answers.
    completion_tokens = |stats: &Stats| stats.usage.completion_tokens;
    /// Millionths of the currency of the configured prices.
    cost_micros = |stats: &Stats| stats.usage.cost_micros;
    /// Relations that the answers state.
    relations_stated = |stats: &Stats| stats.grounding.stated;
    /// Relations refused because a drug stands neither in the sentence nor around it.
    relations_of_unknown_drugs = |stats: &Stats| stats.grounding.unknown_drug;
    /// Relations refused because a drug stands only around the sentence.
    relations_outside_sentence = |stats: &Stats| stats.grounding.outside_sentence;
    /// Elements of answers refused for their form.
    malformed_elements = |stats: &Stats| stats.grounding.malformed;
    /// Quoted passages in the reasoning.
    quotes = |stats: &Stats| stats.grounding.quotes;
    /// Those that are verbatim in the text.
    quotes_verbatim = |stats: &Stats| stats.grounding.quotes_verbatim;
}
