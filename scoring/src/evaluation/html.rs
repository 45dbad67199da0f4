//! A report as one HTML page without external parts: figures, tables, and every error with its text.
//!
//! Everything that comes from data is escaped; the page runs one small script, for the filters.

use std::fmt::Write as _;

use serde_json::Value;

use super::{Case, CaseRelation, Mark, MarkKind};
use crate::breakdown::Outcome;

const STYLE: &str = include_str!("report.css");
const SCRIPT: &str = include_str!("report.js");

/// One part of a report: the figures of a summary and the cases behind them.
#[derive(Clone, Copy, Debug)]
pub struct Section<'a> {
    /// Heading.
    pub title: &'a str,
    /// What [`super::summary`] says.
    pub summary: &'a Value,
    /// The cases; those without an error are left out of the page.
    pub cases: &'a [Case],
}

/// The whole page. `facts` are shown under the title: gold file, model, versions.
pub fn page(title: &str, facts: &[(&str, String)], sections: &[Section<'_>]) -> String {
    let mut body = String::new();
    for section in sections {
        body.push_str(&part(section));
    }
    document(title, facts, &body)
}

/// A page around a body that is HTML already.
pub fn document(title: &str, facts: &[(&str, String)], body: &str) -> String {
    let facts: Vec<String> = facts.iter().map(|(name, value)| format!("{}: {}", escape(name), escape(value))).collect();
    let (title, facts) = (escape(title), facts.join(" · "));
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>{title}</title>\n\
         <style>\n{STYLE}</style>\n</head>\n<body>\n<h1>{title}</h1>\n<p class=\"meta\">{facts}</p>\n{body}\
         <script>\n{SCRIPT}</script>\n</body>\n</html>\n"
    )
}

/// A table; cells are text.
pub fn table(caption: &str, head: &[&str], rows: &[Vec<String>]) -> String {
    let cells = |cells: &mut dyn Iterator<Item = String>, tag: &str| -> String {
        cells.map(|cell| format!("<{tag}>{}</{tag}>", escape(&cell))).collect()
    };
    let head = cells(&mut head.iter().map(|cell| (*cell).to_owned()), "th");
    let rows: String = rows.iter().map(|row| format!("<tr>{}</tr>\n", cells(&mut row.iter().cloned(), "td"))).collect();
    format!(
        "<table><caption>{}</caption>\n<thead><tr>{head}</tr></thead>\n<tbody>\n{rows}</tbody></table>\n",
        escape(caption)
    )
}

/// A figure with a bar; `share` is between 0 and 1.
pub fn card(name: &str, share: Option<f64>, note: &str) -> String {
    let width = share.unwrap_or(0.0).clamp(0.0, 1.0) * 100.0;
    let value = share.map_or_else(|| "–".to_owned(), |share| format!("{:.1}", share * 100.0));
    format!(
        "<div class=\"card\"><small>{}</small><b>{value}</b><small>{}</small>\
         <div class=\"bar\"><i style=\"width:{width:.1}%\"></i></div></div>\n",
        escape(name),
        escape(note)
    )
}

/// Text as HTML text or attribute value.
pub fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            other => out.push(other),
        }
    }
    out
}

fn part(section: &Section<'_>) -> String {
    let mut out = format!("<section data-cases>\n<h2>{}</h2>\n<div class=\"cards\">\n", escape(section.title));
    for (name, prf) in figures(section.summary) {
        let share = |key: &str| prf[key].as_f64();
        let percent = |key: &str| share(key).map_or_else(|| "–".to_owned(), |of| format!("{:.1}", of * 100.0));
        out.push_str(&card(&name, share("f1"), &format!("P {} · R {}", percent("p"), percent("r"))));
    }
    out.push_str("</div>\n<div class=\"tables\">\n");
    for (key, caption) in [("by_label", "by label"), ("by_arity", "by arity"), ("per_type", "by type")] {
        out.push_str(&strata(caption, &section.summary[key]));
    }
    out.push_str(&causes(&section.summary["errors"]));
    out.push_str("</div>\n");
    let wrong: Vec<&Case> = section.cases.iter().filter(|case| case.has_error()).collect();
    out.push_str(&filters(&wrong));
    for case in wrong {
        out.push_str(&case_html(case));
    }
    out.push_str("</section>\n");
    out
}

/// The figures that lead a section.
fn figures(summary: &Value) -> Vec<(String, &Value)> {
    let mut found: Vec<(String, &Value)> = Vec::new();
    for score in ["pos_exact", "pos_partial", "any_exact", "any_partial"] {
        if let Some(prf) = summary["leaderboard"].get(score) {
            found.push((format!("leaderboard {}", score.replace('_', " ")), prf));
        }
    }
    for (key, name) in [("mentions", "mentions"), ("micro", "micro F1")] {
        if summary[key].is_object() {
            found.push((name.to_owned(), &summary[key]));
        }
    }
    if let Some(prf) = summary["rexdrug"].get("pos_exact") {
        found.push(("RexDrug rule pos exact".to_owned(), prf));
    }
    found
}

fn strata(caption: &str, strata: &Value) -> String {
    if !strata.is_object() {
        return String::new();
    }
    let percent =
        |value: &Value| value.as_f64().map_or_else(|| "–".to_owned(), |value| format!("{:.1}", value * 100.0));
    let rows: Vec<Vec<String>> = super::text::numbered(strata)
        .into_iter()
        .map(|(name, of)| {
            let scores = if of["exact"].is_object() { &of["exact"] } else { of };
            let gold = of.get("gold").or_else(|| of.get("support")).map_or_else(String::new, Value::to_string);
            vec![name.clone(), gold, percent(&scores["f1"]), percent(&scores["p"]), percent(&scores["r"])]
        })
        .collect();
    table(caption, &["", "gold", "exact F1", "P", "R"], &rows)
}

fn causes(errors: &Value) -> String {
    let names = [("mention", "a drug"), ("set", "the set"), ("label", "the label")];
    let rows: Vec<Vec<String>> = names
        .iter()
        .map(|(key, name)| vec![(*name).to_owned(), errors["gold"][*key].to_string(), errors["pred"][*key].to_string()])
        .collect();
    table("not right because of", &["", "gold", "predicted"], &rows)
}

fn filters(cases: &[&Case]) -> String {
    let relations = || cases.iter().flat_map(|case| case.gold.iter().chain(&case.pred));
    let mut labels: Vec<&str> = relations().map(|of| of.label.as_str()).collect();
    let mut arities: Vec<usize> = relations().map(|of| of.names.len()).collect();
    labels.sort_unstable();
    labels.dedup();
    arities.sort_unstable();
    arities.dedup();
    let select = |name: &str, title: &str, options: &[(String, String)]| {
        let options: String = options
            .iter()
            .map(|(value, text)| format!("<option value=\"{}\">{}</option>", escape(value), escape(text)))
            .collect();
        format!("<label>{title} <select name=\"{name}\"><option value=\"\">all</option>{options}</select></label>\n")
    };
    let same = |text: String| (text.clone(), text);
    let fixed = |pairs: &[(&str, &str)]| -> Vec<(String, String)> {
        pairs.iter().map(|(value, text)| ((*value).to_owned(), (*text).to_owned())).collect()
    };
    let labels: Vec<_> = labels.into_iter().map(|label| same(label.to_owned())).collect();
    let arities: Vec<_> = arities.into_iter().map(|arity| same(arity.to_string())).collect();
    format!(
        "<h2>Errors</h2>\n<div class=\"filters\">\n{}{}{}{}{}\
         <label>text <input name=\"text\" type=\"search\"></label>\n<output class=\"count\">{}</output>\n</div>\n",
        select("label", "label", &labels),
        select("arity", "arity", &arities),
        select("context", "paragraph", &fixed(&[("needed", "needed"), ("not-needed", "not needed")])),
        select("cause", "cause", &fixed(&[("mention", "a drug"), ("set", "the set"), ("label", "the label")])),
        select("side", "side", &fixed(&[("missed", "missed gold"), ("invented", "wrong prediction")])),
        cases.len()
    )
}

fn case_html(case: &Case) -> String {
    // Filters look at the relations that are wrong, not at their right neighbours.
    let wrong = || case.gold.iter().chain(&case.pred).filter(|of| of.cause.is_some());
    let words = |words: &mut dyn Iterator<Item = String>| -> String {
        let mut words: Vec<String> = words.collect();
        words.sort_unstable();
        words.dedup();
        escape(&words.join(" "))
    };
    let context = |of: &CaseRelation| of.needs_context.map(|needed| if needed { "needed" } else { "not-needed" });
    let side =
        |relations: &[CaseRelation], name: &str| relations.iter().any(|of| of.cause.is_some()).then(|| name.to_owned());
    let mut sides = side(&case.gold, "missed").into_iter().chain(side(&case.pred, "invented"));
    let mut out = format!(
        "<article class=\"case\" data-label=\"{}\" data-arity=\"{}\" data-context=\"{}\" data-cause=\"{}\" \
         data-side=\"{}\">\n<header>{}</header>\n<p>{}</p>\n",
        words(&mut wrong().map(|of| of.label.as_str().to_owned())),
        words(&mut wrong().map(|of| of.names.len().to_string())),
        words(&mut case.gold.iter().filter_map(context).map(str::to_owned)),
        words(&mut wrong().filter_map(|of| of.cause).map(|cause| cause.as_str().to_owned())),
        words(&mut sides),
        escape(&case.id),
        marked(&case.text, &case.marks)
    );
    out.push_str("<ul>\n");
    for (side, relations) in [("gold", &case.gold), ("predicted", &case.pred)] {
        for relation in relations {
            out.push_str(&relation_html(side, relation));
        }
    }
    out.push_str("</ul>\n");
    if let Some(fault) = &case.fault {
        let _ = writeln!(out, "<p class=\"fault\">no answer: {}</p>", escape(fault));
    }
    if !case.context.is_empty() && case.context != case.text {
        let _ = writeln!(out, "<details><summary>paragraph</summary>{}</details>", escape(&case.context));
    }
    out.push_str("</article>\n");
    out
}

fn relation_html(side: &str, relation: &CaseRelation) -> String {
    let (class, verdict) = match relation.outcome {
        Outcome::Correct => ("right", "right"),
        Outcome::OtherLabel => ("wrong", "another label"),
        Outcome::Subset => ("wrong", "the other side has only some of these drugs"),
        Outcome::Superset => ("wrong", "the other side has these drugs and more"),
        Outcome::Overlap => ("wrong", "overlaps the other side"),
        Outcome::Unmatched => ("wrong", if side == "gold" { "missed" } else { "not in the gold" }),
    };
    let mut notes = vec![verdict.to_owned()];
    notes.extend(relation.cause.map(|cause| format!("because of the {}", cause.as_str())));
    notes.extend(relation.confidence.map(|confidence| format!("confidence {confidence:.2}")));
    notes.extend(relation.needs_context.filter(|needed| *needed).map(|_| "needs the paragraph".to_owned()));
    format!(
        "<li><span class=\"side\">{side}</span><span class=\"label\">{}</span> {} <span class=\"{class}\">{}</span></li>\n",
        relation.label.as_str(),
        escape(&relation.names.join(" + ")),
        escape(&notes.join(", "))
    )
}

/// The text with its spans marked; where spans overlap, the earlier and then the longer one is shown.
fn marked(text: &str, marks: &[Mark]) -> String {
    let mut marks: Vec<&Mark> = marks.iter().filter(|mark| mark.start < mark.end).collect();
    marks.sort_by_key(|mark| (mark.start, std::cmp::Reverse(mark.end)));
    let chars: Vec<char> = text.chars().collect();
    let slice = |from: usize, to: usize| -> String {
        escape(&chars.get(from.min(chars.len())..to.min(chars.len())).unwrap_or_default().iter().collect::<String>())
    };
    let (mut out, mut at) = (String::new(), 0);
    for mark in marks {
        if mark.start < at || mark.start >= chars.len() {
            continue;
        }
        let (class, title) = match mark.kind {
            MarkKind::Found => ("found", "drug, found"),
            MarkKind::Missed => ("missed", "drug, not found"),
            MarkKind::Superfluous => ("superfluous", "predicted, no drug of the gold"),
        };
        let _ = write!(
            out,
            "{}<mark class=\"{class}\" title=\"{title}\">{}</mark>",
            slice(at, mark.start),
            slice(mark.start, mark.end)
        );
        at = mark.end;
    }
    out.push_str(&slice(at, chars.len()));
    out
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::super::drugcomb::{Alignment, evaluate};
    use super::super::prediction::Prediction;
    use super::super::prediction::tests::item;
    use super::super::summary;
    use super::*;
    use crate::task::Label;

    #[test]
    fn everything_from_data_is_escaped_and_only_errors_are_shown() {
        let hostile = "Abc<script>alert(1)</script>";
        let items = [
            item("<b>\"id\"", &format!("{hostile} & Def'"), &[(Label::Neg, &[0, 1], true)]),
            item("right", "Ghi or Jkl", &[]),
        ];
        let spans = vec![(0, 3, hostile.to_owned())];
        let predictions = [Prediction::from_spans(&items[0], spans, Vec::new()), Prediction::default()];
        let found = evaluate(&items, &predictions, Alignment::Spans).unwrap();
        let summary = summary::drugcomb(std::slice::from_ref(&found));
        let section = Section { title: "a < b", summary: &summary, cases: &found.cases };
        let page = page("report & more", &[("gold", "<x>".to_owned())], &[section]);
        assert_eq!(page.matches("<script").count(), 1, "our own");
        assert!(!page.contains("alert(1)</script>") && page.contains("a &lt; b") && page.contains("&lt;b&gt;&quot;id"));
        assert!(page.contains("data-context=\"needed\"") && page.contains("data-cause=\"mention\""), "{page}");
        assert!(!page.contains("Ghi or Jkl"));
        assert!(!page.contains("http"), "nothing is fetched");
    }

    #[test]
    fn marks_slice_characters_and_overlaps_show_once() {
        let mark = |start, end, kind| Mark { start, end, kind };
        let marks = [
            mark(0, 1, MarkKind::Found),
            mark(2, 4, MarkKind::Missed),
            mark(3, 4, MarkKind::Superfluous),
            mark(9, 12, MarkKind::Found),
        ];
        let found = marked("β <é", &marks);
        assert_eq!(
            found,
            "<mark class=\"found\" title=\"drug, found\">β</mark> \
             <mark class=\"missed\" title=\"drug, not found\">&lt;é</mark>"
        );
    }
}
