//! One walk for all that is prose: abstract, body, captions, appendices.

use rexdrug_pubmed::xml::{RejectReason, Tag, Token, attribute, finish};

use crate::article::{Article, RelatedArticle};
use crate::cursor::{Cursor, MAX_DEPTH, count_tags, push, too_deep, value};
use crate::formula::{Formula, local};
use crate::kind::SectionKind;
use crate::marks;
use crate::prose::{Path, Prose};

/// What the walk is inside of, as far as marks are concerned.
#[derive(Debug, Clone, Copy, Default)]
struct Inside {
    sup: bool,
    note: bool,
    /// Words stand in it, links and raised text aside.
    plain: bool,
    /// Raised text stands in it.
    raised: bool,
    /// Links to references or notes stand in it.
    links: u32,
}

/// A figure or table that is being read.
struct Float<'p> {
    parent: &'p Path,
    own: Path,
    /// Body rows so far.
    rows: usize,
    /// Inside `alternatives`: whether a table has been read, of which others are other forms.
    alternatives: Option<bool>,
}

/// The walk.
pub(crate) struct Walker<'w, 'a> {
    pub(crate) cursor: &'w mut Cursor<'a>,
    pub(crate) article: &'w mut Article,
    pub(crate) prose: Prose,
    pub(crate) table_rows: bool,
    /// Bytes of table rows so far.
    pub(crate) row_bytes: usize,
    inside: Inside,
}

impl<'w, 'a> Walker<'w, 'a> {
    pub(crate) fn new(cursor: &'w mut Cursor<'a>, article: &'w mut Article, table_rows: bool) -> Self {
        Self { cursor, article, prose: Prose::default(), table_rows, row_bytes: 0, inside: Inside::default() }
    }

    /// Text and elements of `parent`, in document order.
    pub(crate) fn content(&mut self, parent: &Tag<'a>, path: &Path, depth: usize) -> Result<(), RejectReason> {
        if parent.is_empty {
            return Ok(());
        }
        if depth > MAX_DEPTH {
            return Err(too_deep(parent));
        }
        loop {
            match self.cursor.next(parent)? {
                Token::Start(tag) => self.element(&tag, path, depth + 1)?,
                Token::Close => return Ok(()),
                token => self.text(token)?,
            }
        }
    }

    fn text(&mut self, token: Token<'a>) -> Result<(), RejectReason> {
        let (Token::Text(text, _) | Token::Literal(text, _)) = token else { return Ok(()) };
        self.inside.plain |= !marks::is_separator(text);
        let para = &mut self.prose.para;
        let word = |letter: Option<char>| letter.is_some_and(char::is_alphanumeric);
        // A mark stood between two words that had no other space.
        if self.prose.dropped_at == Some(para.len()) && word(para.chars().next_back()) && word(text.chars().next()) {
            para.push(' ');
        }
        push(para, token)
    }

    fn element(&mut self, tag: &Tag<'a>, path: &Path, depth: usize) -> Result<(), RejectReason> {
        match tag.name {
            "sup" => self.raised(tag, path, depth),
            "xref" => self.link(tag, path, depth),
            "p" | "list" | "list-item" | "def-list" | "def-item" | "def" | "disp-quote" | "statement"
            | "verse-group" | "verse-line" | "speech" | "title" | "subtitle" | "attrib" | "code" | "preformat"
            | "caption" | "question" | "answer" | "explanation" => self.block(tag, path, depth),
            "sec" | "app" | "glossary" | "boxed-text" => self.section(tag, path, None, depth),
            "fig" | "table-wrap" | "chem-struct-wrap" => self.float(tag, path, depth),
            "inline-formula" | "tex-math" => self.formula(tag),
            "break" | "hr" => {
                if !self.prose.para.is_empty() && !self.prose.para.ends_with(' ') {
                    self.prose.para.push(' ');
                }
                self.skip(tag)
            }
            "label" | "object-id" | "sec-meta" | "permissions" | "alt-text" | "long-desc" | "graphic" | "media"
            | "inline-graphic" | "kwd-group" | "custom-meta-group" | "related-object" => self.skip(tag),
            _ => self.left_out(tag, path, depth),
        }
    }

    /// What is left out and counted; anything else is followed.
    fn left_out(&mut self, tag: &Tag<'a>, path: &Path, depth: usize) -> Result<(), RejectReason> {
        match tag.name {
            "ref-list" => {
                let inside = self.cursor.skip(tag)?;
                self.article.excluded.references += count_tags(inside, "ref");
            }
            name if local(name) == "table" => {
                self.article.excluded.tables += 1;
                self.cursor.skip(tag)?;
            }
            "disp-formula" | "disp-formula-group" => {
                let inside = self.cursor.skip(tag)?;
                self.article.excluded.formulas += count_tags(inside, "disp-formula").max(1);
            }
            "supplementary-material" => {
                self.article.excluded.supplementary += 1;
                self.cursor.skip(tag)?;
            }
            "fn" | "fn-group" | "table-wrap-foot" => {
                let inside = self.cursor.skip(tag)?;
                self.article.excluded.footnotes += count_tags(inside, "fn").max(1);
            }
            "ack" | "bio" | "notes" | "sig-block" => {
                self.article.excluded.back_matter += 1;
                self.cursor.skip(tag)?;
            }
            "sub-article" | "response" => {
                self.article.excluded.sub_articles += 1;
                self.cursor.skip(tag)?;
            }
            "related-article" => {
                let related = related(tag)?;
                self.article.related.push(related);
                self.cursor.skip(tag)?;
            }
            name if local(name) == "math" => return self.formula(tag),
            _ => return self.content(tag, path, depth),
        }
        Ok(())
    }

    pub(crate) fn skip(&mut self, tag: &Tag<'a>) -> Result<(), RejectReason> {
        self.cursor.skip(tag).map(|_| ())
    }

    fn block(&mut self, tag: &Tag<'a>, path: &Path, depth: usize) -> Result<(), RejectReason> {
        self.prose.close(path);
        self.content(tag, path, depth)?;
        self.prose.close(path);
        Ok(())
    }

    /// An element with a title: what follows the title stands under it. `fixed` replaces the title.
    pub(crate) fn section(
        &mut self,
        tag: &Tag<'a>,
        parent: &Path,
        fixed: Option<&Path>,
        depth: usize,
    ) -> Result<(), RejectReason> {
        let sec_type = attribute(tag, "sec-type")?.unwrap_or_default();
        if sec_type.split('|').any(|part| part.trim() == "supplementary-material") {
            let inside = self.cursor.skip(tag)?;
            self.article.excluded.supplementary += count_tags(inside, "supplementary-material").max(1);
            return Ok(());
        }
        self.prose.close(parent);
        if tag.is_empty {
            return Ok(());
        }
        if depth > MAX_DEPTH {
            return Err(too_deep(tag));
        }
        let sec_type = SectionKind::of_type(sec_type);
        let mut own = fixed.cloned().unwrap_or_else(|| parent.join("", sec_type));
        loop {
            match self.cursor.next(tag)? {
                Token::Start(title) if title.name == "title" => {
                    let heading = self.line(&title, depth + 1)?;
                    if fixed.is_none() {
                        own = parent.join(&heading, sec_type);
                    }
                }
                Token::Start(inner) => self.element(&inner, &own, depth + 1)?,
                Token::Close => break,
                token => self.text(token)?,
            }
        }
        self.prose.close(&own);
        Ok(())
    }

    /// The text of a heading, on one line.
    pub(crate) fn line(&mut self, tag: &Tag<'a>, depth: usize) -> Result<String, RejectReason> {
        let aside = self.prose.begin_float();
        let inside = std::mem::take(&mut self.inside);
        let path = Path::new("", SectionKind::Unassigned);
        self.content(tag, &path, depth)?;
        self.prose.close(&path);
        self.inside = inside;
        let line = self.prose.sections.drain(..).map(|section| section.text.replace('\n', " ")).collect::<Vec<_>>();
        self.prose.end_float(aside);
        Ok(line.join(" "))
    }

    /// A figure or table: its label names a section that holds the caption.
    fn float(&mut self, tag: &Tag<'a>, path: &Path, depth: usize) -> Result<(), RejectReason> {
        let (label, kind) = match tag.name {
            "table-wrap" => ("Table", SectionKind::Table),
            _ => ("Figure", SectionKind::Figure),
        };
        let aside = self.prose.begin_float();
        let inside = std::mem::take(&mut self.inside);
        let mut float = Float { parent: path, own: path.caption(label, kind), rows: 0, alternatives: None };
        self.float_parts(tag, &mut float, depth)?;
        self.prose.close(&float.own);
        self.inside = inside;
        self.prose.end_float(aside);
        Ok(())
    }

    fn float_parts(&mut self, tag: &Tag<'a>, float: &mut Float<'_>, depth: usize) -> Result<(), RejectReason> {
        if depth > MAX_DEPTH {
            return Err(too_deep(tag));
        }
        while let Some(part) = self.cursor.child(tag)? {
            match part.name {
                "label" => {
                    let label = self.line(&part, depth + 1)?;
                    if !label.is_empty() {
                        float.own = float.parent.caption(&label, float.own.kind);
                    }
                }
                "alternatives" => {
                    let outer = float.alternatives.replace(false);
                    self.float_parts(&part, float, depth + 1)?;
                    float.alternatives = outer;
                }
                name if local(name) == "table" && float.alternatives == Some(true) => self.skip(&part)?,
                name if local(name) == "table" && self.table_rows && !part.is_empty => {
                    self.table(&part, &float.own, &mut float.rows, depth + 1)?;
                    float.alternatives = float.alternatives.map(|_| true);
                }
                _ => self.element(&part, &float.own, depth + 1)?,
            }
        }
        Ok(())
    }

    fn formula(&mut self, tag: &Tag<'a>) -> Result<(), RejectReason> {
        let formula = Formula::read(self.cursor, tag)?;
        if !formula.append(&mut self.prose.para)? {
            self.article.excluded.formulas += 1;
        }
        self.inside.plain = true;
        Ok(())
    }

    /// A link: one to a reference or note must not glue to the word before it.
    fn link(&mut self, tag: &Tag<'a>, path: &Path, depth: usize) -> Result<(), RejectReason> {
        if !marks::is_note(attribute(tag, "ref-type")?) {
            return self.content(tag, path, depth);
        }
        let (from, closed) = (self.prose.para.len(), self.prose.closed);
        let outer = std::mem::replace(&mut self.inside, Inside { note: true, ..Inside::default() });
        self.content(tag, path, depth)?;
        let inner = std::mem::replace(&mut self.inside, outer);
        self.inside.links += 1;
        if outer.sup || self.prose.closed != closed {
            return Ok(());
        }
        let Some((before, text)) = self.prose.para.split_at_checked(from) else { return Ok(()) };
        if text.is_empty() {
            return Ok(());
        }
        let is_raised = inner.raised && !inner.plain;
        if is_raised || (marks::glues(before) && marks::is_mark(text)) {
            self.article.excluded.marks += 1;
            self.prose.drop_from(from);
        } else if before.ends_with(char::is_alphanumeric) && text.starts_with(char::is_alphanumeric) {
            self.prose.para.insert(from, ' ');
        }
        Ok(())
    }

    /// Raised text: chemistry and powers stay with their word, marks go.
    fn raised(&mut self, tag: &Tag<'a>, path: &Path, depth: usize) -> Result<(), RejectReason> {
        let (from, closed) = (self.prose.para.len(), self.prose.closed);
        let dropped_at = self.prose.dropped_at;
        let outer = std::mem::replace(&mut self.inside, Inside { sup: true, ..Inside::default() });
        self.content(tag, path, depth)?;
        let inner = std::mem::replace(&mut self.inside, outer);
        self.inside.raised = true;
        if outer.note {
            return Ok(());
        }
        if self.prose.closed != closed {
            return Ok(());
        }
        let Some((before, text)) = self.prose.para.split_at_checked(from) else { return Ok(()) };
        if text.is_empty() {
            return Ok(());
        }
        if inner.links > 0 && !inner.plain {
            self.article.excluded.marks += inner.links;
            self.prose.drop_from(from);
        } else if inner.links == 0 && marks::is_unlinked_citation(before, text) {
            self.article.excluded.marks += 1;
            self.prose.drop_from(from);
        } else if dropped_at == Some(from) && marks::is_separator(text) {
            self.prose.drop_from(from);
        }
        Ok(())
    }
}

/// The link of a `related-article`.
pub(crate) fn related(tag: &Tag<'_>) -> Result<RelatedArticle, RejectReason> {
    let mut relation = value(tag, "related-article-type")?.unwrap_or_default();
    finish(&mut relation);
    let id = match value(tag, "xlink:href")? {
        Some(id) => Some(id),
        None => value(tag, "id")?,
    };
    Ok(RelatedArticle { relation, id })
}
