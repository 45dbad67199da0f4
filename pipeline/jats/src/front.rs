//! Metadata: ids, title, dates, licence, notices, abstracts.

use rexdrug_pubmed::xml::{Tag, attribute};

use crate::article::OtherText;
use crate::body::{Walker, related};
use crate::cursor::value;
use crate::fault::ArticleFault;
use crate::kind::SectionKind;
use crate::licence::Licence;
use crate::prose::Path;

type Result<T> = std::result::Result<T, ArticleFault>;

/// Dates in the order in which they stand for the publication, as PubMed chooses: the issue before the first day online.
const DATES: [&str; 4] = ["ppub", "collection", "pub", "epub"];

/// A publication date with its place in [`DATES`].
#[derive(Debug, Default)]
struct DateParts {
    rank: usize,
    raw: String,
    year: Option<i32>,
}

impl<'a> Walker<'_, 'a> {
    /// Reads `front`; abstracts go to the sections.
    pub(crate) fn front(&mut self, parent: &Tag<'a>) -> Result<()> {
        while let Some(tag) = self.cursor.child(parent)? {
            match tag.name {
                "journal-meta" => self.journal(&tag)?,
                "article-meta" => self.meta(&tag)?,
                _ => self.pass(&tag)?,
            }
        }
        Ok(())
    }

    fn pass(&mut self, tag: &Tag<'a>) -> Result<()> {
        self.cursor.skip(tag)?;
        Ok(())
    }

    fn journal(&mut self, parent: &Tag<'a>) -> Result<()> {
        while let Some(tag) = self.cursor.child(parent)? {
            match tag.name {
                "journal-title-group" => self.journal(&tag)?,
                "journal-title" if self.article.journal.is_empty() => self.article.journal = self.cursor.text(&tag)?,
                _ => self.pass(&tag)?,
            }
        }
        Ok(())
    }

    fn meta(&mut self, parent: &Tag<'a>) -> Result<()> {
        let mut date: Option<DateParts> = None;
        while let Some(tag) = self.cursor.child(parent)? {
            match tag.name {
                "article-id" => self.id(&tag)?,
                "article-version" => {
                    let text = self.cursor.text(&tag)?;
                    self.article.version = text.parse().unwrap_or(self.article.version);
                }
                "title-group" => self.title(&tag)?,
                "pub-date" => {
                    let found = self.date(&tag)?;
                    if let Some(found) = found.filter(|found| date.as_ref().is_none_or(|date| found.rank < date.rank)) {
                        date = Some(found);
                    }
                }
                "permissions" => self.permissions(&tag)?,
                "related-article" => {
                    let related = related(&tag)?;
                    self.article.related.push(related);
                    self.pass(&tag)?;
                }
                "abstract" | "trans-abstract" => self.abstract_text(&tag)?,
                _ => self.pass(&tag)?,
            }
        }
        if let Some(date) = date {
            self.article.pub_date_raw = date.raw;
            self.article.pub_year = date.year;
        }
        Ok(())
    }

    fn id(&mut self, tag: &Tag<'a>) -> Result<()> {
        let kind = attribute(tag, "pub-id-type")?.unwrap_or_default();
        let text = self.cursor.text(tag)?;
        let refused = |kind, expected| ArticleFault::InvalidId { kind, got: text.chars().take(64).collect(), expected };
        match kind {
            "pmid" => {
                let pmid = digits(&text).filter(|pmid| *pmid > 0 && i64::try_from(*pmid).is_ok());
                self.article.pmid = Some(pmid.ok_or_else(|| refused("pmid", "a positive decimal number"))?);
            }
            "pmc" | "pmcid" => {
                let number = digits(text.trim_start_matches("PMC")).filter(|number| *number > 0);
                let number = number.ok_or_else(|| refused("pmc", "PMC and a number"))?;
                self.article.pmcid = Some(format!("PMC{number}"));
            }
            "pmcid-ver" | "pmc-ver" => {
                let version = text.rsplit_once('.').and_then(|(_, version)| version.parse().ok());
                self.article.version =
                    version.ok_or_else(|| refused("pmcid-ver", "PMC, a number, a dot, a version"))?;
            }
            "doi" if self.article.doi.is_none() => self.article.doi = (!text.is_empty()).then_some(text),
            _ => {}
        }
        Ok(())
    }

    fn title(&mut self, parent: &Tag<'a>) -> Result<()> {
        let mut subtitle = String::new();
        while let Some(tag) = self.cursor.child(parent)? {
            match tag.name {
                "article-title" => self.article.title = self.line(&tag, 4)?,
                "subtitle" if subtitle.is_empty() => subtitle = self.line(&tag, 4)?,
                _ => self.pass(&tag)?,
            }
        }
        if !subtitle.is_empty() {
            let stop = self.article.title.ends_with(|last: char| last.is_ascii_punctuation());
            self.article.title.push_str(if stop { " " } else { ": " });
            self.article.title.push_str(&subtitle);
        }
        Ok(())
    }

    fn date(&mut self, parent: &Tag<'a>) -> Result<Option<DateParts>> {
        let kind = match attribute(parent, "pub-type")? {
            Some(kind) => kind,
            None => attribute(parent, "date-type")?.unwrap_or("pub"),
        };
        let rank = DATES.iter().position(|known| *known == kind).unwrap_or(DATES.len());
        // The day of release in PMC or of the manuscript is no publication date.
        if kind.contains("release") || kind.contains("manuscript") || kind.contains("nihms") {
            self.pass(parent)?;
            return Ok(None);
        }
        let mut parts: [String; 5] = Default::default();
        while let Some(tag) = self.cursor.child(parent)? {
            let slot = ["year", "season", "month", "day", "string-date"].iter().position(|name| *name == tag.name);
            match slot.and_then(|slot| parts.get_mut(slot)) {
                Some(part) => *part = self.cursor.text(&tag)?,
                None => self.pass(&tag)?,
            }
        }
        let year = parts[0].get(..4).filter(|_| parts[0].len() == 4).and_then(|year| year.parse().ok());
        let raw = parts.iter().filter(|part| !part.is_empty()).map(String::as_str).collect::<Vec<_>>().join(" ");
        Ok((!raw.is_empty()).then_some(DateParts { rank, raw, year }))
    }

    fn permissions(&mut self, parent: &Tag<'a>) -> Result<()> {
        while let Some(tag) = self.cursor.child(parent)? {
            match tag.name {
                "license" => {
                    let licence = self.licence(&tag)?;
                    self.article.licence.get_or_insert(licence);
                }
                _ => self.pass(&tag)?,
            }
        }
        Ok(())
    }

    /// The licence's address decides, wherever in the element it stands; else its words; else its type.
    fn licence(&mut self, tag: &Tag<'a>) -> Result<Licence> {
        let mut address = value(tag, "xlink:href")?.and_then(|url| Licence::from_url(&url));
        let declared = value(tag, "license-type")?.and_then(|kind| Licence::from_code(&kind));
        let mut words = String::new();
        let mut failed = None;
        self.cursor.walk(tag, &mut |token, open| {
            for link in open {
                match value(link, "xlink:href") {
                    Ok(Some(url)) if address.is_none() => address = Licence::from_url(&url),
                    Ok(_) => {}
                    Err(reason) => failed = Some(reason),
                }
            }
            crate::cursor::push(&mut words, token)
        })?;
        if let Some(reason) = failed {
            return Err(reason.into());
        }
        let known = declared.filter(|licence| licence.code != "other");
        Ok(address
            .or_else(|| Licence::from_url(&words))
            .or_else(|| Licence::from_statement(&words))
            .or(known)
            .unwrap_or_else(Licence::other))
    }

    fn abstract_text(&mut self, tag: &Tag<'a>) -> Result<()> {
        let abstract_type = value(tag, "abstract-type")?;
        let is_main = tag.name == "abstract"
            && abstract_type.as_deref().is_none_or(|kind| matches!(kind, "structured" | "section" | "normal"));
        if is_main {
            let path = Path::new("Abstract", SectionKind::Unassigned);
            self.section(tag, &path, Some(&path), 4)?;
            return Ok(());
        }
        let aside = self.prose.begin_float();
        let path = Path::new("", SectionKind::Unassigned);
        self.section(tag, &path, Some(&path), 4)?;
        let lines: Vec<String> = self.prose.sections.drain(..).map(|section| section.text).collect();
        self.prose.end_float(aside);
        if !lines.is_empty() {
            let language = value(tag, "xml:lang")?;
            self.article.other_texts.push(OtherText { language, abstract_type, text: lines.join("\n") });
        }
        Ok(())
    }
}

fn digits(text: &str) -> Option<u64> {
    (!text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())).then(|| text.parse().ok()).flatten()
}
