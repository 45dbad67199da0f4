//! Automatic metrics over a file of traces.

use serde_json::{Value, json};

use crate::answer::{strict, tolerant};
use crate::names::normalize;
use crate::prf::MeanSd;
use crate::reasoning::mention::Searchable;
use crate::reasoning::{Scores, Share, Trace, quote, score};
use crate::task::Task;

/// A completion with what the model saw.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TraceItem {
    /// The item.
    pub id: String,
    /// Sentence and context.
    pub text: String,
    /// What the model wrote.
    pub completion: String,
    /// Drug names that a lexicon finds in the reasoning; those of the answer are always looked for.
    pub names: Vec<String>,
}

/// One trace judged, with what is not grounded.
#[derive(Clone, Debug, PartialEq)]
pub struct JudgedTrace {
    /// The item.
    pub id: String,
    /// Whether there is a reasoning part at all.
    pub has_think: bool,
    /// Whether an answer list could be read.
    pub parsed: bool,
    /// Where the format is left, if it is.
    pub departure: Option<String>,
    /// The metrics.
    pub scores: Scores,
    /// Drugs of the reasoning that are not in the text.
    pub drugs_elsewhere: Vec<String>,
    /// Quotes that are not verbatim in the text.
    pub quotes_elsewhere: Vec<String>,
}

/// Judges traces one by one.
pub fn judge(task: Task, items: &[TraceItem]) -> Vec<JudgedTrace> {
    items.iter().map(|item| judge_one(task, item)).collect()
}

fn judge_one(task: Task, item: &TraceItem) -> JudgedTrace {
    let answer = tolerant::read(task, &item.completion);
    let think = answer.think.unwrap_or("");
    let names: Vec<&str> = item.names.iter().map(String::as_str).collect();
    let scores = score(&Trace { task, think, relations: &answer.relations, text: &item.text, names: &names });
    let (searched, text) = (Searchable::new(think), Searchable::new(&item.text));
    let stated = answer.relations.iter().flat_map(|of| of.drugs.iter().map(str::to_owned));
    let mut drugs: Vec<String> = names.iter().map(|name| normalize(name).into_owned()).chain(stated).collect();
    drugs.sort_unstable();
    drugs.dedup();
    drugs.retain(|name| searched.mentions(name) && !text.mentions(name));
    let quotes = quote::quotes(think).into_iter().filter(|of| !of.is_verbatim_in(&item.text));
    JudgedTrace {
        id: item.id.clone(),
        has_think: answer.think.is_some(),
        parsed: answer.parsed,
        departure: strict::read(task, &item.completion).err().map(|error| error.to_string()),
        scores,
        drugs_elsewhere: drugs,
        quotes_elsewhere: quotes.map(|of| of.passage.to_owned()).collect(),
    }
}

/// Shares and means over all traces. Shares of drugs, quotes and agreement are over all things looked at, not means of
/// means; `null` where there was nothing to look at.
pub fn summary(traces: &[JudgedTrace]) -> Value {
    let share = |holds: fn(&JudgedTrace) -> bool| Share::of(traces.iter().map(holds)).value();
    let pooled = |pick: fn(&Scores) -> Share| {
        let mut all = Share::default();
        traces.iter().for_each(|trace| all.add(pick(&trace.scores)));
        json!({"share": all.value(), "hits": all.hits, "total": all.total})
    };
    let words: Vec<f64> = traces.iter().filter(|of| of.has_think).map(|of| of.scores.words as f64).collect();
    json!({
        "items": traces.len(),
        "with_reasoning": share(|of| of.has_think),
        "answer_readable": share(|of| of.parsed),
        "strict_format": share(|of| of.departure.is_none()),
        "structured": share(|of| of.scores.is_structured()),
        "all_titles": share(|of| of.scores.titled == 4),
        "wanted_length": share(|of| of.scores.has_wanted_length()),
        "words": MeanSd::of(&words),
        "drugs_in_text": pooled(|of| of.drugs_in_text),
        "quotes_verbatim": pooled(|of| of.quotes_verbatim),
        "drugs_agree": pooled(|of| of.drugs_agree),
        "labels_agree": pooled(|of| of.labels_agree),
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    #[test]
    fn shares_are_pooled_and_what_is_not_grounded_is_named() {
        let text = "Adding encorafenib to cetuximab improved overall survival.";
        let item = |completion: &str, names: &[&str]| TraceItem {
            id: "i".to_owned(),
            text: text.to_owned(),
            completion: completion.to_owned(),
            names: names.iter().map(|name| (*name).to_owned()).collect(),
        };
        let answer = r#"<answer>[{"type": "POS", "ent_set": ["encorafenib", "cetuximab"]}]</answer>"#;
        let think = "<think>[1] Clinical scenario: x\n[2] Candidate drugs: encorafenib, cetuximab, Trametinib\n\
            [3] Clinical effect: \"improved overall survival\", \"cured all patients\"\n[4] Clinical summary: beneficial</think>";
        let judged =
            judge(Task::DrugComb, &[item(&format!("{think}{answer}"), &["Trametinib"]), item("no idea", &["x"])]);
        assert_eq!(judged[0].drugs_elsewhere, ["trametinib"]);
        assert_eq!(judged[0].quotes_elsewhere, ["cured all patients"]);
        assert!(judged[0].departure.is_none() && judged[1].departure.is_some());
        let found = summary(&judged);
        assert_eq!(
            (&found["items"], &found["structured"], &found["strict_format"]),
            (&json!(2), &json!(0.5), &json!(0.5))
        );
        assert_eq!(found["drugs_in_text"], json!({"share": 2.0 / 3.0, "hits": 2, "total": 3}));
        assert_eq!(found["quotes_verbatim"]["share"], 0.5);
        assert_eq!(found["words"]["n"], 1);
        assert_eq!(summary(&[])["structured"], Value::Null);
    }
}
