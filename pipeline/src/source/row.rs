//! One document as the columns of `documents` want it, whatever it was read from.

use std::sync::Arc;

use arrow::array::{ArrayRef, Int32Array, StructArray};
use arrow::buffer::NullBuffer;
use arrow::datatypes::{DataType, FieldRef};
use arrow::error::ArrowError;
use rexdrug_jats::{Article, Excluded, RelatedArticle};
use rexdrug_pubmed::PubmedRecord;
use rexdrug_schemas::{pmcid_doc_id, pmid_doc_id};

/// Label, category and text of a section; language, type and text of another abstract.
type Labelled<'r> = (Option<&'r str>, Option<&'r str>, &'r str);

/// A document that borrows its texts.
pub(crate) struct DocumentRow<'r> {
    pub(crate) doc_id: String,
    pub(crate) pmid: Option<i64>,
    pub(crate) pmcid: Option<&'r str>,
    pub(crate) doi: Option<&'r str>,
    pub(crate) version: i32,
    pub(crate) title: &'r str,
    pub(crate) title_is_vernacular: bool,
    pub(crate) sections: Vec<Labelled<'r>>,
    pub(crate) language: Option<String>,
    pub(crate) other_abstracts: Vec<Labelled<'r>>,
    pub(crate) pub_year: Option<i32>,
    pub(crate) pub_date_raw: &'r str,
    pub(crate) journal: &'r str,
    pub(crate) publication_types: Vec<&'r str>,
    pub(crate) is_retracted: bool,
    pub(crate) is_retraction_notice: bool,
    pub(crate) is_corrected: Option<bool>,
    pub(crate) licence: Option<String>,
    pub(crate) excluded: Option<Excluded>,
    /// None where the source has no such links.
    pub(crate) related: Option<&'r [RelatedArticle]>,
    pub(crate) member: Option<&'r str>,
    pub(crate) etag: Option<&'r str>,
    pub(crate) record: i64,
}

impl<'r> DocumentRow<'r> {
    /// The row of a MEDLINE citation.
    pub(crate) fn of_record(record: &'r PubmedRecord) -> Self {
        // PMIDs fit i64: the reader rejects larger ones.
        let pmid = i64::try_from(record.pmid).unwrap_or(i64::MAX);
        let section = |section: &'r rexdrug_pubmed::AbstractSection| {
            (section.label.as_deref(), section.nlm_category.as_deref(), section.text.as_str())
        };
        let other = |other: &'r rexdrug_pubmed::OtherAbstract| {
            (other.language.as_deref(), other.abstract_type.as_deref(), other.text.as_str())
        };
        Self {
            doc_id: pmid_doc_id(pmid),
            pmid: Some(pmid),
            pmcid: record.pmcid.as_deref(),
            doi: record.doi.as_deref(),
            version: i32::try_from(record.version).unwrap_or(i32::MAX),
            title: &record.title,
            title_is_vernacular: record.title_is_vernacular,
            sections: record.sections.iter().map(section).collect(),
            language: (!record.languages.is_empty()).then(|| record.languages.join(",")),
            other_abstracts: record.other_abstracts.iter().map(other).collect(),
            pub_year: record.pub_year,
            pub_date_raw: &record.pub_date_raw,
            journal: &record.journal,
            publication_types: record.publication_types.iter().map(String::as_str).collect(),
            is_retracted: record.is_retracted,
            is_retraction_notice: record.is_retraction_notice,
            is_corrected: None,
            licence: None,
            excluded: None,
            related: None,
            member: None,
            etag: None,
            record: i64::try_from(record.record).unwrap_or(i64::MAX),
        }
    }

    /// The row of an article, which has a PMC id: the reader refuses those without.
    pub(crate) fn of_article(article: &'r Article, member: &'r str, etag: Option<&'r str>, record: i64) -> Self {
        let pmcid = article.pmcid.as_deref();
        let filled = |text: &'r str| (!text.is_empty()).then_some(text);
        let sections = article
            .sections
            .iter()
            .map(|section| (filled(&section.path), Some(section.kind.label()), section.text.as_str()));
        let others = article
            .other_texts
            .iter()
            .map(|other| (other.language.as_deref(), other.abstract_type.as_deref(), other.text.as_str()));
        Self {
            doc_id: pmcid_doc_id(pmcid.unwrap_or_default()),
            pmid: article.pmid.and_then(|pmid| i64::try_from(pmid).ok()),
            pmcid,
            doi: article.doi.as_deref(),
            version: i32::try_from(article.version).unwrap_or(i32::MAX),
            title: &article.title,
            title_is_vernacular: false,
            sections: sections.collect(),
            language: article.language.as_deref().map(language),
            other_abstracts: others.collect(),
            pub_year: article.pub_year,
            pub_date_raw: &article.pub_date_raw,
            journal: &article.journal,
            publication_types: article.article_type.as_deref().into_iter().collect(),
            is_retracted: article.is_retracted,
            is_retraction_notice: article.is_retraction_notice,
            is_corrected: Some(article.is_corrected),
            licence: article.licence.as_ref().map(ToString::to_string),
            excluded: Some(article.excluded),
            related: Some(&article.related),
            member: Some(member),
            etag,
            record,
        }
    }
}

/// `xml:lang` as PubMed writes languages (ISO 639-2/B); codes that are not among the usual ones stay as they are.
fn language(tag: &str) -> String {
    const CODES: [(&str, &str); 20] = [
        ("en", "eng"),
        ("de", "ger"),
        ("fr", "fre"),
        ("es", "spa"),
        ("it", "ita"),
        ("pt", "por"),
        ("ru", "rus"),
        ("zh", "chi"),
        ("ja", "jpn"),
        ("ko", "kor"),
        ("nl", "dut"),
        ("pl", "pol"),
        ("tr", "tur"),
        ("sv", "swe"),
        ("da", "dan"),
        ("no", "nor"),
        ("fi", "fin"),
        ("cs", "cze"),
        ("hu", "hun"),
        ("fa", "per"),
    ];
    let base = tag.split(['-', '_']).next().unwrap_or_default().to_lowercase();
    CODES.iter().find(|(short, _)| *short == base).map_or(base, |(_, long)| (*long).to_owned())
}

/// The column `excluded`; a row that is no article has null.
pub(crate) fn excluded(field: &FieldRef, rows: &[Option<Excluded>]) -> Result<ArrayRef, ArrowError> {
    let DataType::Struct(fields) = field.data_type() else {
        return Err(ArrowError::SchemaError(format!("column `{}` is not a struct", field.name())));
    };
    let count = |of: fn(&Excluded) -> u32| -> ArrayRef {
        let value = |row: &Option<Excluded>| row.as_ref().map_or(0, of);
        Arc::new(Int32Array::from_iter_values(rows.iter().map(|row| i32::try_from(value(row)).unwrap_or(i32::MAX))))
    };
    let columns: Result<Vec<ArrayRef>, ArrowError> = fields
        .iter()
        .map(|field| {
            Ok(match field.name().as_str() {
                "references" => count(|excluded| excluded.references),
                "tables" => count(|excluded| excluded.tables),
                "formulas" => count(|excluded| excluded.formulas),
                "supplementary" => count(|excluded| excluded.supplementary),
                "marks" => count(|excluded| excluded.marks),
                "footnotes" => count(|excluded| excluded.footnotes),
                "back_matter" => count(|excluded| excluded.back_matter),
                "sub_articles" => count(|excluded| excluded.sub_articles),
                other => return Err(ArrowError::SchemaError(format!("no count called `{other}`"))),
            })
        })
        .collect();
    let present: NullBuffer = rows.iter().map(Option::is_some).collect::<Vec<bool>>().into();
    Ok(Arc::new(StructArray::try_new(fields.clone(), columns?, Some(present))?))
}
