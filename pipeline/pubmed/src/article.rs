//! One record's bytes to a [`PubmedRecord`].
//!
//! Each field is read from its place in NLM's element tree (`PubmedArticle/MedlineCitation/Article/…`), never by name
//! alone: cited works carry PMIDs and DOIs of their own.

use memchr::memmem;

use super::elements::{Elements, UnreadLists, decoded_attribute};
use super::fault::RejectReason;
use super::markup::{Tag, attribute};
use super::record::{AbstractSection, OtherAbstract, PmidVersion, PubmedRecord};

/// Buffers reused from record to record.
#[derive(Debug, Default)]
pub(super) struct Workspace {
    text: String,
    lists: UnreadLists,
}

/// What is known of a record before its fallbacks are settled.
#[derive(Default)]
struct Draft {
    record: Box<PubmedRecord>,
    id: Option<PmidVersion>,
    vernacular_title: String,
    location_doi: Option<String>,
    electronic_year: Option<i32>,
}

/// Reads a `PubmedArticle`. `record` and `offset` are left 0; offsets in the error count from the record's start.
///
/// # Errors
/// The reason to reject the record.
pub(super) fn read_article(bytes: &[u8], workspace: &mut Workspace) -> Result<Box<PubmedRecord>, RejectReason> {
    let mut elements = Elements::new(decode(bytes)?, &mut workspace.text, &workspace.lists);
    let mut draft = Draft::default();
    let root = elements.root()?;
    while let Some(tag) = elements.child(&root)? {
        match tag.name {
            "MedlineCitation" => citation(&mut elements, &tag, &mut draft)?,
            "PubmedData" => pubmed_data(&mut elements, &tag, &mut draft.record)?,
            _ => elements.skip(&tag)?,
        }
    }
    elements.finish()?;
    settle(draft)
}

/// Reads a `DeleteCitation`: the PMIDs, and how many entries hold none.
///
/// # Errors
/// When the markup is broken.
pub(super) fn read_deletions(bytes: &[u8], workspace: &mut Workspace) -> Result<(Vec<PmidVersion>, u64), RejectReason> {
    let mut elements = Elements::new(decode(bytes)?, &mut workspace.text, &workspace.lists);
    let root = elements.root()?;
    let (mut deleted, mut unusable) = (Vec::new(), 0);
    while let Some(tag) = elements.child(&root)? {
        match pmid(&mut elements, &tag) {
            Ok(id) if tag.name == "PMID" => deleted.push(id),
            Ok(_) | Err(RejectReason::InvalidPmid | RejectReason::InvalidVersion) => unusable += 1,
            Err(reason) => return Err(reason),
        }
    }
    elements.finish()?;
    Ok((deleted, unusable))
}

/// The first PMID of a damaged record, as far as one can be read.
pub(super) fn recover_pmid(bytes: &[u8]) -> Option<u64> {
    let from = memmem::find(bytes, b"<PMID")?;
    let tag = bytes.get(from..from + 256).or_else(|| bytes.get(from..))?;
    let text = tag.get(memchr::memchr(b'>', tag)? + 1..)?;
    let digits = text.get(..memchr::memchr(b'<', text)?)?;
    parse_pmid(std::str::from_utf8(digits).ok()?.trim_ascii())
}

fn decode(bytes: &[u8]) -> Result<&str, RejectReason> {
    std::str::from_utf8(bytes).map_err(|error| RejectReason::InvalidUtf8 { offset: error.valid_up_to() as u64 })
}

fn settle(draft: Draft) -> Result<Box<PubmedRecord>, RejectReason> {
    let Draft { mut record, id, vernacular_title, location_doi, electronic_year } = draft;
    let id = id.ok_or(RejectReason::MissingPmid)?;
    record.pmid = id.pmid;
    record.version = id.version;
    let has_title = !matches!(record.title.as_str(), "" | "[Not Available]" | "[Not Available].");
    if !has_title && !vernacular_title.is_empty() {
        record.title = vernacular_title;
        record.title_is_vernacular = true;
    }
    record.doi = record.doi.take().or(location_doi);
    record.pub_year = record.pub_year.or(electronic_year);
    for kind in &record.publication_types {
        match kind.as_str() {
            "Retracted Publication" => record.is_retracted = true,
            "Retraction of Publication" | "Retraction Notice" => record.is_retraction_notice = true,
            _ => {}
        }
    }
    Ok(record)
}

fn citation<'a>(elements: &mut Elements<'a>, parent: &Tag<'a>, draft: &mut Draft) -> Result<(), RejectReason> {
    while let Some(tag) = elements.child(parent)? {
        match tag.name {
            "PMID" if draft.id.is_none() => draft.id = Some(pmid(elements, &tag)?),
            "Article" => article(elements, &tag, draft)?,
            "OtherAbstract" => other_abstract(elements, &tag, &mut draft.record)?,
            "CommentsCorrectionsList" => corrections(elements, &tag, &mut draft.record)?,
            _ => elements.skip(&tag)?,
        }
    }
    Ok(())
}

fn pmid<'a>(elements: &mut Elements<'a>, tag: &Tag<'a>) -> Result<PmidVersion, RejectReason> {
    let pmid = parse_pmid(elements.text(tag)?);
    let version = match attribute(tag, "Version")?.map(str::trim_ascii) {
        None | Some("") => 1,
        Some(digits) => {
            parse_digits(digits).and_then(|number| u32::try_from(number).ok()).ok_or(RejectReason::InvalidVersion)?
        }
    };
    Ok(PmidVersion { pmid: pmid.ok_or(RejectReason::InvalidPmid)?, version })
}

fn parse_digits(digits: &str) -> Option<u64> {
    let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| digits.parse().ok()).flatten()
}

fn parse_pmid(digits: &str) -> Option<u64> {
    parse_digits(digits).filter(|&pmid| pmid > 0 && i64::try_from(pmid).is_ok())
}

fn article<'a>(elements: &mut Elements<'a>, parent: &Tag<'a>, draft: &mut Draft) -> Result<(), RejectReason> {
    while let Some(tag) = elements.child(parent)? {
        match tag.name {
            "Journal" => journal(elements, &tag, &mut draft.record)?,
            "ArticleTitle" => draft.record.title = elements.string(&tag)?,
            "VernacularTitle" => draft.vernacular_title = elements.string(&tag)?,
            "ELocationID" => location(elements, &tag, &mut draft.location_doi)?,
            "Abstract" => sections(elements, &tag, &mut draft.record.sections)?,
            "Language" => push_filled(&mut draft.record.languages, elements.string(&tag)?),
            "PublicationTypeList" => {
                while let Some(kind) = elements.child(&tag)? {
                    push_filled(&mut draft.record.publication_types, elements.string(&kind)?);
                }
            }
            "ArticleDate" => {
                while let Some(part) = elements.child(&tag)? {
                    let text = elements.text(&part)?;
                    if part.name == "Year" {
                        draft.electronic_year = draft.electronic_year.or(leading_year(text));
                    }
                }
            }
            _ => elements.skip(&tag)?,
        }
    }
    Ok(())
}

fn push_filled(list: &mut Vec<String>, value: String) {
    if !value.is_empty() {
        list.push(value);
    }
}

fn filled(value: String) -> Option<String> {
    (!value.is_empty()).then_some(value)
}

fn journal<'a>(elements: &mut Elements<'a>, parent: &Tag<'a>, record: &mut PubmedRecord) -> Result<(), RejectReason> {
    while let Some(tag) = elements.child(parent)? {
        match tag.name {
            "Title" => record.journal = elements.string(&tag)?,
            "ISOAbbreviation" => record.journal_iso = filled(elements.string(&tag)?),
            "JournalIssue" => {
                while let Some(inner) = elements.child(&tag)? {
                    match inner.name {
                        "PubDate" => publication_date(elements, &inner, record)?,
                        _ => elements.skip(&inner)?,
                    }
                }
            }
            _ => elements.skip(&tag)?,
        }
    }
    Ok(())
}

fn publication_date<'a>(
    elements: &mut Elements<'a>,
    parent: &Tag<'a>,
    record: &mut PubmedRecord,
) -> Result<(), RejectReason> {
    record.pub_date_raw.clear();
    while let Some(part) = elements.child(parent)? {
        let text = elements.text(&part)?;
        if text.is_empty() {
            continue;
        }
        if matches!(part.name, "Year" | "MedlineDate") {
            record.pub_year = record.pub_year.or(leading_year(text));
        }
        if !record.pub_date_raw.is_empty() {
            record.pub_date_raw.push(' ');
        }
        record.pub_date_raw.push_str(text);
    }
    Ok(())
}

/// The year that a date starts with: four digits, not followed by a fifth.
fn leading_year(date: &str) -> Option<i32> {
    let digits = date.bytes().take_while(u8::is_ascii_digit).count();
    (digits == 4).then(|| date.get(..4)?.parse().ok()).flatten()
}

fn location<'a>(elements: &mut Elements<'a>, tag: &Tag<'a>, doi: &mut Option<String>) -> Result<(), RejectReason> {
    let is_doi = attribute(tag, "EIdType")? == Some("doi") && attribute(tag, "ValidYN")? != Some("N");
    if !is_doi || doi.is_some() {
        return elements.skip(tag);
    }
    *doi = filled(elements.string(tag)?);
    Ok(())
}

fn sections<'a>(
    elements: &mut Elements<'a>,
    parent: &Tag<'a>,
    sections: &mut Vec<AbstractSection>,
) -> Result<(), RejectReason> {
    while let Some(tag) = elements.child(parent)? {
        if tag.name != "AbstractText" {
            elements.skip(&tag)?;
            continue;
        }
        let label = decoded_attribute(&tag, "Label")?;
        let nlm_category = decoded_attribute(&tag, "NlmCategory")?;
        if let Some(text) = filled(elements.string(&tag)?) {
            sections.push(AbstractSection { label, nlm_category, text });
        }
    }
    Ok(())
}

fn other_abstract<'a>(
    elements: &mut Elements<'a>,
    parent: &Tag<'a>,
    record: &mut PubmedRecord,
) -> Result<(), RejectReason> {
    let mut other = OtherAbstract {
        language: decoded_attribute(parent, "Language")?,
        abstract_type: decoded_attribute(parent, "Type")?,
        text: String::new(),
    };
    let mut parts = Vec::new();
    sections(elements, parent, &mut parts)?;
    for part in parts {
        if !other.text.is_empty() {
            other.text.push('\n');
        }
        other.text.push_str(&part.text);
    }
    if !other.text.is_empty() {
        record.other_abstracts.push(other);
    }
    Ok(())
}

fn corrections<'a>(
    elements: &mut Elements<'a>,
    parent: &Tag<'a>,
    record: &mut PubmedRecord,
) -> Result<(), RejectReason> {
    while let Some(tag) = elements.child(parent)? {
        match attribute(&tag, "RefType")? {
            Some("RetractionIn") => record.is_retracted = true,
            Some("RetractionOf") => record.is_retraction_notice = true,
            _ => {}
        }
        elements.skip(&tag)?;
    }
    Ok(())
}

fn pubmed_data<'a>(
    elements: &mut Elements<'a>,
    parent: &Tag<'a>,
    record: &mut PubmedRecord,
) -> Result<(), RejectReason> {
    while let Some(tag) = elements.child(parent)? {
        if tag.name != "ArticleIdList" {
            elements.skip(&tag)?;
            continue;
        }
        while let Some(id) = elements.child(&tag)? {
            let slot = match attribute(&id, "IdType")? {
                Some("doi") => &mut record.doi,
                Some("pmc") => &mut record.pmcid,
                _ => {
                    elements.skip(&id)?;
                    continue;
                }
            };
            let value = filled(elements.string(&id)?);
            *slot = slot.take().or(value);
        }
    }
    Ok(())
}
