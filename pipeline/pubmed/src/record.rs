//! What the reader delivers: citations, deletions and rejects as plain structs.

use super::fault::RejectedRecord;

/// One step through a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PubmedEvent {
    /// A citation.
    Article(Box<PubmedRecord>),
    /// The PMIDs of a `DeleteCitation`.
    Deleted(Vec<PmidVersion>),
    /// A record that could not be delivered, and why.
    Rejected(Box<RejectedRecord>),
}

/// A PMID with its version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PmidVersion {
    /// PubMed identifier, from 1 to `i64::MAX`.
    pub pmid: u64,
    /// Version, 1 when the file states none.
    pub version: u32,
}

/// One section of an abstract; an unstructured abstract is one section without a label.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AbstractSection {
    /// `Label`, absent when empty.
    pub label: Option<String>,
    /// `NlmCategory`, absent when empty.
    pub nlm_category: Option<String>,
    /// Text without markup, white space collapsed; never empty.
    pub text: String,
}

/// An `OtherAbstract` (translation, plain-language summary, publisher's abstract), kept apart from the abstract.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OtherAbstract {
    /// `Language`, absent when empty.
    pub language: Option<String>,
    /// `Type` (such as `Publisher`), absent when empty.
    pub abstract_type: Option<String>,
    /// The texts of its sections, joined with a newline; never empty.
    pub text: String,
}

/// A MEDLINE citation. Texts are free of markup, references are decoded, runs of ASCII white space are one space,
/// and nothing else is normalised.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PubmedRecord {
    /// PubMed identifier, from 1 to `i64::MAX`.
    pub pmid: u64,
    /// Version of the citation, 1 when the file states none.
    pub version: u32,
    /// Article title; the vernacular title where the file has no English one.
    pub title: String,
    /// Whether `title` is the vernacular title.
    pub title_is_vernacular: bool,
    /// Sections of the abstract in file order, the copyright statement left out.
    pub sections: Vec<AbstractSection>,
    /// Other abstracts in file order.
    pub other_abstracts: Vec<OtherAbstract>,
    /// Languages of the article (`eng`, `ger`, …).
    pub languages: Vec<String>,
    /// Journal title.
    pub journal: String,
    /// ISO abbreviation of the journal title.
    pub journal_iso: Option<String>,
    /// Publication date as written: `MedlineDate`, or its parts joined with a space (`2001 Jun 15`, `2001 Spring`).
    pub pub_date_raw: String,
    /// Leading four-digit year of the publication date, else the year of the electronic publication.
    pub pub_year: Option<i32>,
    /// Publication types (`Journal Article`, …).
    pub publication_types: Vec<String>,
    /// DOI of the record itself.
    pub doi: Option<String>,
    /// PMC identifier of the record itself (`PMC…`).
    pub pmcid: Option<String>,
    /// The article has been retracted.
    pub is_retracted: bool,
    /// The article is a notice that retracts another.
    pub is_retraction_notice: bool,
    /// 1-based number among the file's records, books and rejects included.
    pub record: u64,
    /// Byte offset of the record in the decompressed stream.
    pub offset: u64,
}
