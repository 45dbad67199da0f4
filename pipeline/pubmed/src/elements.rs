//! Walks one record's elements: children in order, texts collected, the unread passed over.

use memchr::memmem::Finder;

use super::fault::RejectReason;
use super::markup::{Tag, Token, Tokens, attribute};
use super::text;

/// Deepest nesting accepted below a record; MathML in titles stays far below it.
const MAX_DEPTH: usize = 256;

/// Lists that hold most of a record's bytes and none of its fields. Their end tag is searched for, and the markup
/// between is not checked.
const UNREAD_LISTS: [&str; 11] = [
    "AuthorList",
    "ChemicalList",
    "DataBankList",
    "GeneSymbolList",
    "GrantList",
    "History",
    "InvestigatorList",
    "KeywordList",
    "MeshHeadingList",
    "PersonalNameSubjectList",
    "ReferenceList",
];

/// Prepared searches for the ends of [`UNREAD_LISTS`].
#[derive(Debug)]
pub(super) struct UnreadLists([Finder<'static>; UNREAD_LISTS.len()]);

impl Default for UnreadLists {
    fn default() -> Self {
        Self(UNREAD_LISTS.map(Finder::new))
    }
}

impl UnreadLists {
    fn find(&self, name: &str) -> Option<&Finder<'static>> {
        self.0.iter().find(|finder| finder.needle() == name.as_bytes())
    }
}

/// A record being walked.
pub(super) struct Elements<'a> {
    tokens: Tokens<'a>,
    lists: &'a UnreadLists,
    /// Reused for each text.
    text: &'a mut String,
    /// Names of the open elements of a subtree.
    open: Vec<&'a str>,
}

impl<'a> Elements<'a> {
    pub(super) fn new(source: &'a str, text: &'a mut String, lists: &'a UnreadLists) -> Self {
        Self { tokens: Tokens::new(source), lists, text, open: Vec::with_capacity(16) }
    }

    /// The record's own start tag.
    pub(super) fn root(&mut self) -> Result<Tag<'a>, RejectReason> {
        match self.tokens.next("")? {
            Token::Start(tag) => Ok(tag),
            _ => Err(self.tokens.malformed("record does not start with a tag")),
        }
    }

    /// The next child of `parent`, none after its end tag. The child must be consumed before the next call.
    pub(super) fn child(&mut self, parent: &Tag<'a>) -> Result<Option<Tag<'a>>, RejectReason> {
        if parent.is_empty {
            return Ok(None);
        }
        loop {
            match self.tokens.next(parent.name)? {
                Token::Start(tag) => return Ok(Some(tag)),
                Token::Close => return Ok(None),
                Token::Text(..) | Token::Literal(..) => {}
                Token::Finished => return Err(self.tokens.malformed("record ends inside an element")),
            }
        }
    }

    /// Nothing but white space may follow the record's end tag.
    pub(super) fn finish(&mut self) -> Result<(), RejectReason> {
        match self.tokens.next("")? {
            Token::Finished => Ok(()),
            _ => Err(self.tokens.malformed("record's end tag closes another element")),
        }
    }

    /// Passes over an element. Tags are checked to balance, except inside the long lists of [`UNREAD_LISTS`].
    pub(super) fn skip(&mut self, tag: &Tag<'a>) -> Result<(), RejectReason> {
        if !tag.is_empty
            && let Some(finder) = self.lists.find(tag.name)
            && self.tokens.jump(finder)
        {
            return Ok(());
        }
        self.subtree(tag, |_, _| Ok(()))
    }

    /// The text of an element and of everything inside it.
    pub(super) fn text(&mut self, tag: &Tag<'a>) -> Result<&str, RejectReason> {
        let mut text = std::mem::take(self.text);
        text.clear();
        let outcome = self.subtree(tag, |token, is_literal| match (token, is_literal) {
            ((piece, offset), false) => text::push_text(&mut text, piece, offset),
            ((piece, offset), true) => text::push_literal(&mut text, piece, offset),
        });
        text::finish(&mut text);
        *self.text = text;
        outcome.map(|()| self.text.as_str())
    }

    /// The text of an element as an owned string.
    pub(super) fn string(&mut self, tag: &Tag<'a>) -> Result<String, RejectReason> {
        self.text(tag).map(str::to_owned)
    }

    fn subtree<F>(&mut self, tag: &Tag<'a>, mut piece: F) -> Result<(), RejectReason>
    where
        F: FnMut((&'a str, usize), bool) -> Result<(), RejectReason>,
    {
        if tag.is_empty {
            return Ok(());
        }
        self.open.clear();
        self.open.push(tag.name);
        let mut name = tag.name;
        loop {
            match self.tokens.next(name)? {
                Token::Text(text, offset) => piece((text, offset), false)?,
                Token::Literal(text, offset) => piece((text, offset), true)?,
                Token::Start(inner) if inner.is_empty => {}
                Token::Start(inner) if self.open.len() >= MAX_DEPTH => {
                    return Err(RejectReason::TooDeep { limit: MAX_DEPTH, offset: inner.offset as u64 });
                }
                Token::Start(inner) => {
                    name = inner.name;
                    self.open.push(name);
                }
                Token::Close => {
                    self.open.pop();
                    match self.open.last() {
                        Some(outer) => name = outer,
                        None => return Ok(()),
                    }
                }
                Token::Finished => return Err(self.tokens.malformed("record ends inside an element")),
            }
        }
    }
}

/// A decoded attribute; none when it is absent or blank.
pub(super) fn decoded_attribute(tag: &Tag<'_>, name: &str) -> Result<Option<String>, RejectReason> {
    let Some(raw) = attribute(tag, name)? else {
        return Ok(None);
    };
    let mut value = String::with_capacity(raw.len());
    text::push_text(&mut value, raw, tag.offset)?;
    text::finish(&mut value);
    Ok((!value.is_empty()).then_some(value))
}
