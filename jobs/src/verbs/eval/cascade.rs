//! `rexdrug eval drugcomb --cascade-curve`: what a language model behind the classifier buys, and how often it is asked.

use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use rexdrug_operators::backend::cascade::{CurvePoint, curve};
use rexdrug_operators::backend::{CascadePolicy, Extraction, ItemError};
use rexdrug_scoring::evaluation::drugcomb::{Alignment, evaluate};
use rexdrug_scoring::evaluation::summary;
use rexdrug_scoring::gold::drugcomb::Item;
use serde_json::{Value, json};

use super::model::Model;
use crate::cli::Extractor;
use crate::config::Settings;

/// The probability around which the classifier is least sure.
const CENTRE: f32 = 0.5;
/// The figures of a line, as the summary names them.
const FIGURES: [&str; 4] = ["pos_exact", "pos_partial", "any_exact", "any_partial"];

/// A line of the policies: which, the share of candidates that it sends on, the figures.
struct PolicyPoint {
    policy: CascadePolicy,
    share: f64,
    score: Value,
}

/// Both models over the candidates of `items` once, then end-to-end figures (leaderboard rule) at `points` shares of
/// candidates sent on, from the classifier alone to the language model alone, and under the policies `positive` and that
/// of the settings.
///
/// # Errors
/// Another extractor than a cascade; a model that cannot be used; fewer than two points.
pub async fn run(points: usize, settings: &Settings, items: &[Item]) -> Result<ExitCode> {
    if settings.extractor != Some(Extractor::Cascade) {
        bail!(
            "--cascade-curve compares the two models of a cascade; give --extractor cascade and a second model (--llm-url, or --cascade-model DIR)"
        );
    }
    if points < 2 {
        bail!("--cascade-curve {points}: expected 2 points or more, the first and the last are the models alone");
    }
    let alone = |extractor| Settings { extractor: Some(extractor), ..settings.clone() };
    let first = Model::load(&Settings { extractor: None, ..settings.clone() })?;
    let policy: CascadePolicy = settings.cascade.as_deref().unwrap_or("uncertain").parse()?;
    let second = Model::load(&match &settings.cascade_model {
        Some(folder) => Settings { model: Some(folder.clone()), extractor: None, ..settings.clone() },
        None => alone(Extractor::Openai),
    })?;
    let unseen = first.without_model(items).await?;
    let mut asked = Vec::new();
    let (mut one, mut two) = (Vec::new(), Vec::new());
    let answers = first.candidates(items).await?.into_iter().zip(second.candidates(items).await?);
    for (place, answer) in answers.enumerate() {
        if let (Some(of_first), Some(of_second)) = answer {
            asked.push(place);
            one.push(of_first);
            two.push(of_second);
        }
    }
    let score = |merged: &[&Result<Extraction, ItemError>]| -> Result<Value> {
        let mut predictions = unseen.clone();
        for (place, answer) in asked.iter().zip(merged) {
            if let (Some(slot), Some(gold)) = (predictions.get_mut(*place), items.get(*place)) {
                *slot = first.committed(gold, (*answer).clone());
            }
        }
        Ok(summary::drugcomb(&[evaluate(items, &predictions, Alignment::Spans)?]))
    };
    let found = curve(&one, &two, CENTRE, points, score);
    let mut policies = Vec::new();
    for policy in [CascadePolicy::Positive, policy] {
        if policies.iter().any(|known: &PolicyPoint| known.policy == policy) {
            continue;
        }
        let open: Vec<bool> = one.iter().map(|answer| policy.is_open(answer)).collect();
        let sent = open.iter().filter(|open| **open).count();
        let merged: Vec<_> =
            open.iter().zip(one.iter().zip(&two)).map(|(open, (one, two))| if *open { two } else { one }).collect();
        let share = if merged.is_empty() { 0.0 } else { sent as f64 / merged.len() as f64 };
        policies.push(PolicyPoint { policy, share, score: score(&merged)? });
    }
    let judged = format!("{} > {}", first.description, second.description);
    let points: Vec<CurvePoint<Value>> = found
        .into_iter()
        .map(|point| Ok(CurvePoint { width: point.width, share: point.share, score: point.score? }))
        .collect::<Result<_>>()?;
    if settings.json {
        let rows: Vec<Value> = points
            .iter()
            .map(|point| json!({"share": point.share, "low": low(point.width), "high": high(point.width), "end_to_end": point.score}))
            .collect();
        let of_policies: Vec<Value> = policies
            .iter()
            .map(|point| json!({"policy": point.policy.to_string(), "share": point.share, "end_to_end": point.score}))
            .collect();
        let found = json!({
            "task": "drugcomb", "judged": judged, "sentences": items.len(), "candidates": asked.len(), "curve": rows,
            "policies": of_policies,
        });
        println!("{}", serde_json::to_string_pretty(&found)?);
        return Ok(ExitCode::SUCCESS);
    }
    println!("judged: {judged}\n{} sentences, {} candidates\n", items.len(), asked.len());
    println!("{:>7}  {:>21}  {}", "sent", "policy", FIGURES.map(|name| format!("{name:>11}")).join("  "));
    for point in &points {
        let policy = format!("uncertain:{:.3}:{:.3}", low(point.width), high(point.width));
        line(point.share, &policy, &point.score)?;
    }
    println!();
    for point in &policies {
        line(point.share, &point.policy.to_string(), &point.score)?;
    }
    Ok(ExitCode::SUCCESS)
}

fn line(share: f64, policy: &str, score: &Value) -> Result<()> {
    let figure = |name: &str| -> Result<String> {
        let f1 = score["leaderboard"][name]["f1"].as_f64().with_context(|| format!("no figure {name}"))?;
        Ok(format!("{:>11.1}", 100.0 * f1))
    };
    let figures = FIGURES.map(figure).into_iter().collect::<Result<Vec<_>>>()?;
    println!("{:>6.1}%  {policy:>21}  {}", 100.0 * share, figures.join("  "));
    Ok(())
}

/// Lower bound of the policy `uncertain:LOW:HIGH` that sends as much on.
fn low(width: f32) -> f32 {
    (CENTRE - width).max(0.0)
}

fn high(width: f32) -> f32 {
    (CENTRE + width).min(1.0)
}
