//! What kind of section a heading announces.

/// Kind of a section. The labels are those of NLM's categories where NLM has one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum SectionKind {
    /// The article's title.
    Title,
    /// Background, introduction, prior work.
    Background,
    /// Aims and objectives.
    Objective,
    /// Materials, methods, patients, statistics.
    Methods,
    /// Results, with or without discussion.
    Results,
    /// Discussion.
    Discussion,
    /// Conclusions.
    Conclusions,
    /// Case reports.
    Case,
    /// Caption of a figure.
    Figure,
    /// Caption of a table.
    Table,
    /// A body row of a table.
    Row,
    /// Appendices and what else follows the body.
    Appendix,
    /// Anything else.
    Unassigned,
}

/// Words that open a heading, in the order in which they are tried: `Results and discussion` is results, `Statistical
/// methods` is methods.
const WORDS: [(SectionKind, &[&str]); 9] = [
    (
        SectionKind::Methods,
        &[
            "method",
            "material",
            "patients and",
            "subjects and",
            "participants",
            "study design",
            "study population",
            "statistic",
            "experimental",
            "procedure",
            "search strategy",
            "data collection",
            "setting",
        ],
    ),
    (SectionKind::Results, &["result", "finding", "outcome"]),
    (SectionKind::Case, &["case"]),
    (SectionKind::Conclusions, &["conclusion", "concluding", "summary", "interpretation", "implication"]),
    (SectionKind::Discussion, &["discussion", "comment", "limitation"]),
    (SectionKind::Background, &["background", "introduction", "context", "rationale", "importance", "related work"]),
    (SectionKind::Objective, &["objective", "aim", "purpose", "goal", "hypothes"]),
    (SectionKind::Methods, &["design", "patients", "subjects", "intervention", "main outcome", "measurement"]),
    (
        SectionKind::Appendix,
        &[
            "appendi",
            "supplement",
            "abbreviation",
            "funding",
            "competing interest",
            "conflict of interest",
            "conflicts of interest",
            "author",
            "acknowledg",
            "data availability",
            "availability of",
            "ethics",
            "consent",
            "disclosure",
        ],
    ),
];

impl SectionKind {
    /// The value stored in `documents.sections.nlm_category`.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Title => "TITLE",
            Self::Background => "BACKGROUND",
            Self::Objective => "OBJECTIVE",
            Self::Methods => "METHODS",
            Self::Results => "RESULTS",
            Self::Discussion => "DISCUSSION",
            Self::Conclusions => "CONCLUSIONS",
            Self::Case => "CASE",
            Self::Figure => "FIGURE",
            Self::Table => "TABLE",
            Self::Row => "TABLE_ROW",
            Self::Appendix => "APPENDIX",
            Self::Unassigned => "UNASSIGNED",
        }
    }

    /// Kind of the section under `path`, headings joined by ` > `. A caption or row is one wherever it stands; else the
    /// outermost heading that says something decides, so that `Methods > Patients with case notes` is methods.
    pub fn of_path(path: &str) -> Self {
        let innermost = path.rsplit(" > ").next().unwrap_or_default();
        if let Some(kind) = caption(innermost).or_else(|| row(innermost)) {
            return kind;
        }
        path.split(" > ").map(Self::of_heading).find(|kind| *kind != Self::Unassigned).unwrap_or(Self::Unassigned)
    }

    /// Kind that one heading announces, in English.
    pub fn of_heading(heading: &str) -> Self {
        let heading = heading.trim().trim_start_matches(|letter: char| {
            letter.is_ascii_digit() || matches!(letter, '.' | ' ' | ')' | '(' | ':')
        });
        let lower = heading.to_lowercase();
        if lower == "title" {
            return Self::Title;
        }
        let opens = |words: &[&str]| words.iter().any(|word| lower.starts_with(word));
        let earliest = |words: &[&str]| words.iter().filter_map(|word| lower.find(word)).min();
        let opening = WORDS.iter().find(|(_, words)| opens(words)).map(|(kind, _)| *kind);
        opening
            .or_else(|| {
                // A heading of a few words that holds one of them: `Statistical and other methods`.
                (lower.split_whitespace().count() <= 4)
                    .then(|| WORDS[..5].iter().filter_map(|(kind, words)| Some((earliest(words)?, *kind))).min())
                    .flatten()
                    .map(|(_, kind)| kind)
            })
            .unwrap_or(Self::Unassigned)
    }

    /// Kind that a `sec-type` names; types are joined by `|`.
    pub fn of_type(sec_type: &str) -> Self {
        let kind = sec_type.split('|').map(|part| match part.trim() {
            "intro" => Self::Background,
            "cases" => Self::Case,
            "subjects" => Self::Methods,
            other => Self::of_heading(other),
        });
        kind.into_iter().find(|kind| *kind != Self::Unassigned).unwrap_or(Self::Unassigned)
    }
}

/// `Figure 2`, `Fig. 2`, `Table 1`, `Scheme 3`: the labels of captions.
fn caption(heading: &str) -> Option<SectionKind> {
    let lower = heading.to_lowercase();
    let named = |words: &[&str]| {
        words.iter().any(|word| {
            lower
                .strip_prefix(word)
                .is_some_and(|rest| rest.is_empty() || (rest.len() < 12 && rest.starts_with([' ', '.', '\u{a0}'])))
        })
    };
    if named(&["figure", "fig", "scheme", "chart", "plate"]) {
        return Some(SectionKind::Figure);
    }
    named(&["table"]).then_some(SectionKind::Table)
}

/// `Row 3`, as the reader calls the rows of tables.
fn row(heading: &str) -> Option<SectionKind> {
    let number = heading.strip_prefix("Row ")?;
    (!number.is_empty() && number.bytes().all(|digit| digit.is_ascii_digit())).then_some(SectionKind::Row)
}
