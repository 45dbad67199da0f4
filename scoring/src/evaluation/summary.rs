//! Evaluations as JSON: the figures of one run, or their means and standard deviations over several.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::{Cause, Causes, ddi13, drugcomb};
use crate::breakdown::{Breakdown, Outcome, Stratum};
use crate::prf::{FourScores, MeanSd, Prf};
use crate::published::ddi13::Report;
use crate::task::Label;

/// Means; with several runs also standard deviations under `sd` and their number under `n`.
pub fn prf(runs: &[Prf]) -> Value {
    let of = |pick: fn(&Prf) -> f64| MeanSd::of(&runs.iter().map(pick).collect::<Vec<_>>());
    let parts = [("f1", of(|run| run.f1)), ("p", of(|run| run.precision)), ("r", of(|run| run.recall))];
    let mut found: Map<String, Value> =
        parts.iter().map(|(name, value)| ((*name).to_owned(), json!(value.map(|value| value.mean)))).collect();
    if runs.len() > 1 {
        let sd: Map<String, Value> =
            parts.iter().map(|(name, value)| ((*name).to_owned(), json!(value.map(|value| value.sd)))).collect();
        found.insert("sd".to_owned(), sd.into());
        found.insert("n".to_owned(), runs.len().into());
    }
    found.into()
}

/// The four DrugComb scores.
pub fn four(runs: &[FourScores]) -> Value {
    let of = |pick: fn(&FourScores) -> Prf| prf(&runs.iter().map(pick).collect::<Vec<_>>());
    json!({
        "pos_exact": of(|run| run.pos_exact),
        "pos_partial": of(|run| run.pos_partial),
        "any_exact": of(|run| run.any_exact),
        "any_partial": of(|run| run.any_partial),
    })
}

/// A DrugComb section: both rules, mentions, tables and error counts. Tables are pooled over the runs.
pub fn drugcomb(runs: &[drugcomb::Evaluation]) -> Value {
    let of = |pick: fn(&drugcomb::Evaluation) -> FourScores| four(&runs.iter().map(pick).collect::<Vec<_>>());
    let mentions: Vec<Prf> = runs.iter().filter_map(|run| run.mentions).collect();
    let (breakdown, causes) = pooled(runs.iter().map(|run| (&run.breakdown, &run.causes)));
    let sum = |pick: fn(&drugcomb::Evaluation) -> usize| -> usize { runs.iter().map(pick).sum() };
    json!({
        "items": runs.first().map_or(0, |run| run.cases.len()),
        "leaderboard": of(|run| run.leaderboard),
        "leaderboard_mended": of(|run| run.leaderboard_mended),
        "rexdrug": of(|run| run.rexdrug),
        "rexdrug_mended": of(|run| run.rexdrug_mended),
        "mentions": if mentions.is_empty() { Value::Null } else { prf(&mentions) },
        "by_label": by_label(&breakdown),
        "by_arity": breakdown.by_arity.iter().map(|(arity, of)| (arity.to_string(), stratum(of))).collect::<Map<_, _>>(),
        "by_context": by_context(&breakdown),
        "confusion": confusion(&breakdown),
        "errors": {
            "gold": causes_json(&causes.gold),
            "pred": causes_json(&causes.pred),
            "refused": sum(|run| run.refused),
            "structural": sum(|run| run.answer_errors.structural_errors),
            "relation_type": sum(|run| run.answer_errors.relation_type_errors),
            "ent_set": sum(|run| run.answer_errors.ent_set_errors),
        },
    })
}

/// The DDI13 result: micro, macro and per type over the four types, the published script's figures beside it.
pub fn ddi13(runs: &[ddi13::Evaluation]) -> Value {
    let (breakdown, causes) = pooled(runs.iter().map(|run| (&run.breakdown, &run.causes)));
    let own: Vec<&Report> = runs.iter().map(|run| &run.scores).collect();
    let published: Vec<&Report> = runs.iter().map(|run| &run.published).collect();
    let mut found = ddi_report(&own);
    if let Some(found) = found.as_object_mut() {
        found.insert("items".to_owned(), runs.first().map_or(0, |run| run.cases.len()).into());
        found.insert("published".to_owned(), ddi_report(&published));
        found.insert("confusion".to_owned(), confusion(&breakdown));
        let refused: usize = runs.iter().map(|run| run.refused).sum();
        let errors = json!({"gold": causes_json(&causes.gold), "pred": causes_json(&causes.pred), "refused": refused});
        found.insert("errors".to_owned(), errors);
    }
    found
}

fn ddi_report(runs: &[&Report]) -> Value {
    let macro_f1 = MeanSd::of(&runs.iter().map(|run| run.macro_f1).collect::<Vec<_>>());
    let micro = prf(&runs.iter().map(|run| run.micro).collect::<Vec<_>>());
    let labels: std::collections::BTreeSet<Label> = runs.iter().flat_map(|run| run.per_type.keys().copied()).collect();
    let per_type: Map<String, Value> = labels
        .into_iter()
        .map(|label| {
            let scores: Vec<Prf> =
                runs.iter().map(|run| run.per_type.get(&label).map_or(Prf::default(), |of| of.scores)).collect();
            let mut value = prf(&scores);
            let support = runs.iter().filter_map(|run| run.per_type.get(&label)).map(|of| of.support).max();
            if let Some(value) = value.as_object_mut() {
                value.insert("support".to_owned(), support.unwrap_or(0).into());
            }
            (label.as_str().to_owned(), value)
        })
        .collect();
    let mut found = json!({
        "micro_f1": micro["f1"], "macro_f1": macro_f1.map(|of| of.mean), "micro": micro, "per_type": per_type,
    });
    if let (Some(found), Some(of), true) = (found.as_object_mut(), macro_f1, runs.len() > 1) {
        found.insert("macro_f1_sd".to_owned(), of.sd.into());
    }
    found
}

fn pooled<'r>(runs: impl Iterator<Item = (&'r Breakdown, &'r Causes)>) -> (Breakdown, Causes) {
    let (mut breakdown, mut causes) = (Breakdown::default(), Causes::default());
    for (tables, counts) in runs {
        breakdown.merge(tables);
        causes.merge(counts);
    }
    (breakdown, causes)
}

/// Counts, exact scores with the label and without it, and outcomes of both sides.
fn stratum(of: &Stratum) -> Value {
    let outcomes = |side: &BTreeMap<Outcome, usize>| json!(side);
    json!({
        "gold": of.gold.values().sum::<usize>(),
        "pred": of.pred.values().sum::<usize>(),
        "exact": prf(&[of.labelled()]),
        "exact_any_label": prf(&[of.unlabelled()]),
        "gold_outcomes": outcomes(&of.gold),
        "pred_outcomes": outcomes(&of.pred),
    })
}

fn by_label(breakdown: &Breakdown) -> Value {
    breakdown.by_label.iter().map(|(label, of)| (label.as_str().to_owned(), stratum(of))).collect::<Map<_, _>>().into()
}

/// A prediction has no need of context, so only recall means something here.
fn by_context(breakdown: &Breakdown) -> Value {
    let side = |needed: bool| {
        let of = breakdown.by_context.get(&needed).cloned().unwrap_or_default();
        json!({
            "gold": of.gold.values().sum::<usize>(),
            "exact_r": of.labelled().recall,
            "exact_any_label_r": of.unlabelled().recall,
            "gold_outcomes": of.gold,
        })
    };
    json!({"needed": side(true), "not_needed": side(false)})
}

fn confusion(breakdown: &Breakdown) -> Value {
    let cell = |((gold, pred), count): (&(Label, Label), &usize)| json!({"gold": gold, "pred": pred, "count": count});
    breakdown.confusion.iter().map(cell).collect::<Vec<_>>().into()
}

fn causes_json(counts: &BTreeMap<Cause, usize>) -> Value {
    Cause::ALL
        .iter()
        .map(|cause| (cause.as_str().to_owned(), counts.get(cause).copied().unwrap_or(0).into()))
        .collect::<Map<_, _>>()
        .into()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    #[test]
    fn one_run_has_no_deviation_and_several_have() {
        let run = |f1| Prf { precision: f1, recall: f1, f1 };
        assert_eq!(prf(&[run(0.5)]), json!({"f1": 0.5, "p": 0.5, "r": 0.5}));
        let found = prf(&[run(0.25), run(0.75)]);
        assert_eq!((&found["f1"], &found["n"]), (&json!(0.5), &json!(2)));
        assert!((found["sd"]["p"].as_f64().unwrap() - 0.125_f64.sqrt()).abs() < 1e-12);
        assert_eq!(prf(&[])["f1"], Value::Null);
    }
}
