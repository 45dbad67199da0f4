//! One article's bytes to an [`Article`].

use memchr::memmem;
use rexdrug_pubmed::xml::{RejectReason, Tag, doctype_length, foreign_byte_order, foreign_encoding};

use crate::article::Article;
use crate::body::Walker;
use crate::cursor::{Cursor, Jumps, value};
use crate::fault::ArticleFault;
use crate::kind::SectionKind;
use crate::prose::Path;

/// Limits and choices of a reader.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReaderOptions {
    /// Longest article read, in bytes of XML. Memory stays within a small multiple of it.
    pub max_article_bytes: usize,
    /// Read each body row of a table into a section of its own, after the caption. Their markup is then checked, too.
    pub table_rows: bool,
}

impl Default for ReaderOptions {
    /// 64 MiB, no rows.
    fn default() -> Self {
        Self { max_article_bytes: 64 * 1024 * 1024, table_rows: false }
    }
}

/// Reads articles; holds prepared searches, so make one and keep it.
#[derive(Debug, Default)]
pub struct ArticleReader {
    options: ReaderOptions,
    jumps: Jumps,
}

impl ArticleReader {
    /// A reader with these options.
    pub fn new(options: ReaderOptions) -> Self {
        Self { options, jumps: Jumps::default() }
    }

    /// Its options.
    pub fn options(&self) -> &ReaderOptions {
        &self.options
    }

    /// Reads one article. `name` is its file name or object key; a PMC id or version in it counts where the article
    /// states none.
    ///
    /// # Errors
    /// The reason to refuse the article.
    pub fn read(&self, bytes: &[u8], name: &str) -> Result<Box<Article>, ArticleFault> {
        if bytes.len() > self.options.max_article_bytes {
            return Err(ArticleFault::TooLarge { limit: self.options.max_article_bytes as u64 });
        }
        let (source, at) = root_offset(bytes)?;
        let mut cursor = Cursor::new(source, at, &self.jumps);
        let mut article = Box::new(Article { version: 0, ..Article::default() });
        let mut walker = Walker::new(&mut cursor, &mut article, self.options.table_rows);
        walker.article(at)?;
        article.settle(name)?;
        Ok(article)
    }
}

impl<'a> Walker<'_, 'a> {
    fn article(&mut self, at: usize) -> Result<(), ArticleFault> {
        let root = self.root(at)?;
        self.article.article_type = value(&root, "article-type")?;
        self.article.language = value(&root, "xml:lang")?;
        let body = Path::new("", SectionKind::Unassigned);
        let back = Path::new("", SectionKind::Appendix);
        while let Some(tag) = self.cursor.child(&root)? {
            match tag.name {
                "front" => self.front(&tag)?,
                "body" => self.content(&tag, &body, 1)?,
                "floats-group" | "floats-wrap" => self.content(&tag, &body, 1)?,
                "back" => self.content(&tag, &back, 1)?,
                "sub-article" | "response" => {
                    self.article.excluded.sub_articles += 1;
                    self.cursor.skip(&tag)?;
                }
                _ => {
                    self.cursor.skip(&tag)?;
                }
            }
            self.prose.close(&body);
        }
        self.cursor.finish()?;
        self.article.sections = std::mem::take(&mut self.prose.sections);
        Ok(())
    }

    fn root(&mut self, at: usize) -> Result<Tag<'a>, ArticleFault> {
        match self.cursor.root()? {
            Some(tag) if tag.name == "article" => Ok(tag),
            Some(tag) => {
                let name = tag.name.chars().take(64).collect();
                Err(ArticleFault::UnexpectedRoot { name, offset: at as u64 })
            }
            None => Err(ArticleFault::NotXml { offset: at as u64 }),
        }
    }
}

impl Article {
    /// Fills in what the file name knows, and what follows from the links.
    fn settle(&mut self, name: &str) -> Result<(), ArticleFault> {
        let (pmcid, version) = name_facts(name);
        self.pmcid = self.pmcid.take().or(pmcid);
        if self.version == 0 {
            self.version = version.unwrap_or(1);
        }
        if self.pmcid.is_none() {
            return Err(ArticleFault::MissingPmcid);
        }
        match self.article_type.as_deref() {
            Some("retraction" | "retraction-notice") => self.is_retraction_notice = true,
            Some("correction" | "corrected-article" | "erratum" | "addendum") => self.is_correction_notice = true,
            _ => {}
        }
        for link in &self.related {
            match link.relation.as_str() {
                "retraction-forward" | "retracted-by" | "retraction-notice" if !self.is_retraction_notice => {
                    self.is_retracted = true;
                }
                "correction-forward" | "corrected-by" | "erratum-forward" => self.is_corrected = true,
                _ => {}
            }
        }
        let title = self.title.trim_start_matches(['[', '(']);
        let marked = ["RETRACTED:", "RETRACTED ARTICLE:", "Retracted:", "Retracted article:", "WITHDRAWN:"];
        self.is_retracted |= marked.iter().any(|mark| title.starts_with(mark));
        Ok(())
    }
}

/// PMC id and version in a file name or key: `…/PMC123.2.xml`, `PMC123.nxml`, `nihms-1.PMC123.xml`.
fn name_facts(name: &str) -> (Option<String>, Option<u32>) {
    let file = name.rsplit(['/', '\\']).next().unwrap_or_default();
    let Some((_, after)) = file.rsplit_once("PMC") else { return (None, None) };
    let digits = |text: &str| text.bytes().take_while(u8::is_ascii_digit).count();
    let length = digits(after);
    let (number, rest) = after.split_at(length);
    if number.trim_start_matches('0').is_empty() || length > 18 {
        return (None, None);
    }
    let version = rest.strip_prefix('.').map(|rest| rest.split_at(digits(rest)).0).and_then(|text| text.parse().ok());
    (Some(format!("PMC{}", number.trim_start_matches('0'))), version.filter(|version| *version > 0))
}

/// Whether a file that begins with `head` is an article; document types of a few kilobytes must be in it whole.
pub fn is_article(head: &[u8]) -> bool {
    let Ok(at) = root_at(head) else { return false };
    let rest = head.get(at..).and_then(|rest| rest.strip_prefix(b"<article"));
    rest.and_then(<[u8]>::first).is_some_and(|next| next.is_ascii_whitespace() || matches!(next, b'>' | b'/'))
}

/// The article as text, and the byte at which its root element starts.
fn root_offset(bytes: &[u8]) -> Result<(&str, usize), ArticleFault> {
    let at = root_at(bytes)?;
    let source = std::str::from_utf8(bytes)
        .map_err(|error| ArticleFault::Xml(RejectReason::InvalidUtf8 { offset: error.valid_up_to() as u64 }))?;
    Ok((source, at))
}

/// The byte at which the root element starts. Document types are measured, never read.
fn root_at(bytes: &[u8]) -> Result<usize, ArticleFault> {
    if let Some(name) = foreign_byte_order(bytes) {
        return Err(ArticleFault::UnsupportedEncoding { name: name.to_owned() });
    }
    let mut at = if bytes.starts_with(b"\xef\xbb\xbf") { 3 } else { 0 };
    let unterminated =
        |at: usize, what: &'static str| ArticleFault::Xml(RejectReason::MalformedMarkup { offset: at as u64, what });
    loop {
        let rest = bytes.get(at..).unwrap_or_default();
        let blanks = rest.iter().take_while(|byte| byte.is_ascii_whitespace()).count();
        at += blanks;
        let rest = rest.get(blanks..).unwrap_or_default();
        let past = |end: &[u8]| memmem::find(rest, end).map(|found| found + end.len());
        if rest.is_empty() {
            return Err(ArticleFault::Empty);
        } else if rest.starts_with(b"<?") {
            let length = past(b"?>").ok_or_else(|| unterminated(at, "unterminated processing instruction"))?;
            let declaration = rest.get(..length).filter(|_| rest.starts_with(b"<?xml "));
            if let Some(name) = declaration.and_then(foreign_encoding) {
                return Err(ArticleFault::UnsupportedEncoding { name });
            }
            at += length;
        } else if rest.starts_with(b"<!--") {
            at += past(b"-->").ok_or_else(|| unterminated(at, "unterminated comment"))?;
        } else if rest.starts_with(b"<!DOCTYPE") {
            at += doctype_length(rest).ok_or_else(|| unterminated(at, "unterminated document type"))?;
        } else if rest.starts_with(b"<") {
            return Ok(at);
        } else {
            return Err(ArticleFault::NotXml { offset: at as u64 });
        }
    }
}
