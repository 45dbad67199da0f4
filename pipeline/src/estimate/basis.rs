//! A figure, and what it rests on.

use std::collections::BTreeSet;

use serde::Serialize;

/// What a figure rests on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Basis {
    /// Read off the inputs and the ledger.
    Counted,
    /// Stated by the user.
    Stated,
    /// Rates of earlier runs in this warehouse.
    Measured,
    /// A documented assumption.
    Assumed,
}

impl Basis {
    /// As people read it.
    pub fn label(self) -> &'static str {
        match self {
            Self::Counted => "counted",
            Self::Stated => "stated",
            Self::Measured => "measured",
            Self::Assumed => "assumed",
        }
    }
}

/// A figure with what it rests on.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Figure {
    /// The figure; its unit stands with its name.
    pub value: f64,
    /// The weakest of what it rests on.
    pub basis: Basis,
    /// Which runs, which assumptions.
    pub why: BTreeSet<String>,
}

impl Figure {
    /// A count.
    pub(super) fn counted(value: f64) -> Self {
        Self { value, basis: Basis::Counted, why: BTreeSet::new() }
    }

    /// A figure with one reason.
    pub(super) fn new(value: f64, basis: Basis, why: impl Into<String>) -> Self {
        Self { value, basis, why: BTreeSet::from([why.into()]) }
    }

    /// This figure times `rate`: nothing of something stays nothing, whatever the rate rests on.
    pub(super) fn times(&self, rate: &Self) -> Self {
        if self.value == 0.0 {
            return Self::counted(0.0);
        }
        self.with(rate, self.value * rate.value)
    }

    /// The sum; parts that are nothing lend no reason.
    pub(super) fn plus(&self, other: &Self) -> Self {
        match (self.value == 0.0, other.value == 0.0) {
            (true, _) => other.clone(),
            (_, true) => self.clone(),
            _ => self.with(other, self.value + other.value),
        }
    }

    /// The same reasons for another value.
    pub(super) fn scaled(&self, factor: f64) -> Self {
        Self { value: self.value * factor, ..self.clone() }
    }

    fn with(&self, other: &Self, value: f64) -> Self {
        Self { value, basis: self.basis.max(other.basis), why: self.why.union(&other.why).cloned().collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_figure_is_as_weak_as_its_weakest_part_and_nothing_needs_no_reason() {
        let (counted, measured) = (Figure::counted(3.0), Figure::new(2.0, Basis::Measured, "m"));
        let assumed = Figure::new(5.0, Basis::Assumed, "a");
        let product = counted.times(&measured);
        assert_eq!((product.value, product.basis), (6.0, Basis::Measured));
        let sum = product.plus(&counted.times(&assumed));
        assert_eq!((sum.value, sum.basis, sum.why.len()), (21.0, Basis::Assumed, 2));
        let nothing = Figure::counted(0.0).times(&assumed);
        assert_eq!(nothing, Figure::counted(0.0));
        assert_eq!(product.plus(&nothing), product);
    }
}
