//! How generation went: pass rates, what failed, what it cost.

use std::collections::BTreeMap;

use rexdrug_operators::backend::openai::Usage;
use serde::Serialize;

use super::item::{TraceItem, Unusable};
use super::review::CRITERIA;
use super::{Record, Standard};

/// Counts over all decided items of a folder, earlier runs included.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Summary {
    /// Items of the gold file that can be used.
    pub items: usize,
    /// Items that cannot, with the reason.
    pub unusable: Vec<Unusable>,
    /// Items whose trace passed.
    pub accepted: usize,
    /// Items whose last attempt failed.
    pub rejected: usize,
    /// Items that a server did not answer; the next run tries them again.
    pub unanswered: Vec<String>,
    /// Accepted among decided, 0 to 1.
    pub pass_rate: f64,
    /// Items accepted at their first, second, … attempt.
    pub accepted_at: Vec<usize>,
    /// Attempts that a program refused, by the kind of finding.
    pub findings: BTreeMap<String, usize>,
    /// Reviews whose score of a criterion was below the threshold.
    pub below_threshold: BTreeMap<String, usize>,
    /// Replies of the reviewer that could not be read.
    pub unreadable_reviews: usize,
    /// Mean score of each criterion over the accepted traces.
    pub mean_scores: BTreeMap<String, f64>,
    /// What the analyst cost.
    pub analyst: Usage,
    /// What the reviewer cost.
    pub reviewer: Usage,
}

impl Summary {
    pub(super) fn of(
        items: &[TraceItem],
        unusable: &[Unusable],
        records: &[Record],
        standard: &Standard,
        unanswered: Vec<String>,
    ) -> Self {
        let accepted = records.iter().filter(|record| record.accepted).count();
        let mut summary = Self {
            items: items.len(),
            unusable: unusable.to_vec(),
            accepted,
            rejected: records.len() - accepted,
            unanswered,
            pass_rate: if records.is_empty() { 0.0 } else { accepted as f64 / records.len() as f64 },
            accepted_at: vec![0; standard.retries + 1],
            findings: BTreeMap::new(),
            below_threshold: BTreeMap::new(),
            unreadable_reviews: 0,
            mean_scores: BTreeMap::new(),
            analyst: Usage::default(),
            reviewer: Usage::default(),
        };
        for record in records {
            summary.analyst.add(&record.analyst);
            summary.reviewer.add(&record.reviewer);
            if record.accepted
                && let Some(count) = summary.accepted_at.get_mut(record.attempts.len().saturating_sub(1))
            {
                *count += 1;
            }
            for attempt in &record.attempts {
                for finding in &attempt.findings {
                    let kind = finding.split(':').next().unwrap_or_default().to_lowercase();
                    *summary.findings.entry(kind).or_default() += 1;
                }
                match &attempt.review {
                    Some(review) => {
                        for (criterion, score) in CRITERIA.iter().zip(review.scores) {
                            if score < standard.threshold {
                                *summary.below_threshold.entry((*criterion).to_owned()).or_default() += 1;
                            }
                        }
                    }
                    None => summary.unreadable_reviews += usize::from(attempt.reviewer_said.is_some()),
                }
            }
            let review = record.attempts.last().filter(|_| record.accepted).and_then(|last| last.review.as_ref());
            for (criterion, score) in CRITERIA.iter().zip(review.map(|review| review.scores).into_iter().flatten()) {
                *summary.mean_scores.entry((*criterion).to_owned()).or_default() += f64::from(score);
            }
        }
        // Whole numbers add up exactly in any order; a mean of means would not.
        summary.mean_scores.values_mut().for_each(|sum| *sum /= accepted as f64);
        summary
    }
}
