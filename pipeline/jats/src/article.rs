//! What the reader delivers.

use crate::kind::SectionKind;
use crate::licence::Licence;

/// A stretch of text under one heading.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Section {
    /// Headings from the outermost in, joined by ` > `: `Methods > Patients`, `Results > Figure 2`, `Results > Table 1 >
    /// Row 3`; empty where the text
    /// stands under no heading.
    pub path: String,
    /// What kind of section that is.
    pub kind: SectionKind,
    /// Paragraphs, one a line; never empty.
    pub text: String,
}

/// An abstract that is not the abstract: a translation, a plain-language summary, a teaser.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OtherText {
    /// `xml:lang` as written.
    pub language: Option<String>,
    /// `abstract-type` as written.
    pub abstract_type: Option<String>,
    /// Paragraphs, one a line; never empty.
    pub text: String,
}

/// A link to another article: what it corrects, retracts, or is retracted by.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RelatedArticle {
    /// `related-article-type` as written.
    pub relation: String,
    /// DOI, PMID or whatever the link names.
    pub id: Option<String>,
}

/// How much was left out, by kind.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Excluded {
    /// `ref` entries of reference lists.
    pub references: u32,
    /// Table bodies that are not read.
    pub tables: u32,
    /// Display formulas, and inline ones that have no text form.
    pub formulas: u32,
    /// `supplementary-material`, `inline-supplementary-material` and sections of that type.
    pub supplementary: u32,
    /// Citation and footnote marks that would have glued to a word.
    pub marks: u32,
    /// Footnotes, and the rows of table feet where rows are read.
    pub footnotes: u32,
    /// Acknowledgements, biographies and notes after the body.
    pub back_matter: u32,
    /// Sub-articles and responses: reviews, replies, translations.
    pub sub_articles: u32,
}

/// One article. Texts are free of markup, references are decoded, runs of ASCII white space are one space, and nothing
/// else is normalised.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Article {
    /// PMC identifier with its prefix, `PMC123`.
    pub pmcid: Option<String>,
    /// PubMed identifier.
    pub pmid: Option<u64>,
    /// DOI of the article itself.
    pub doi: Option<String>,
    /// Version of the article in PMC, 1 where the file states none.
    pub version: u32,
    /// Title with its subtitle.
    pub title: String,
    /// `xml:lang` as written.
    pub language: Option<String>,
    /// Journal title.
    pub journal: String,
    /// Publication date as written, year first, parts joined by a space.
    pub pub_date_raw: String,
    /// Year of that date.
    pub pub_year: Option<i32>,
    /// `article-type` as written.
    pub article_type: Option<String>,
    /// Licence, where the article names one.
    pub licence: Option<Licence>,
    /// The article has been retracted.
    pub is_retracted: bool,
    /// The article is a notice that retracts another.
    pub is_retraction_notice: bool,
    /// The article is a notice that corrects another.
    pub is_correction_notice: bool,
    /// A correction of the article has been published.
    pub is_corrected: bool,
    /// Links to other articles.
    pub related: Vec<RelatedArticle>,
    /// Abstract, body, captions and appendices in document order; the title is not among them.
    pub sections: Vec<Section>,
    /// Abstracts apart from the abstract.
    pub other_texts: Vec<OtherText>,
    /// What was left out.
    pub excluded: Excluded,
}
