//! A position in one article's tokens, and jumps over what is not read.

use memchr::memmem::Finder;
use rexdrug_pubmed::xml::{RejectReason, Tag, Token, Tokens, attribute, finish, push_literal, push_text};

/// Deepest nesting accepted; articles stay far below it.
pub(crate) const MAX_DEPTH: usize = 256;

/// Elements that hold much of an article's bytes and none of its text. Their end tag is searched for, and the markup
/// between is not checked.
const UNREAD: [&str; 6] = ["ref-list", "contrib-group", "table", "sub-article", "response", "history"];

/// Prepared searches for the ends of [`UNREAD`].
#[derive(Debug)]
pub(crate) struct Jumps([Finder<'static>; UNREAD.len()]);

impl Default for Jumps {
    fn default() -> Self {
        Self(UNREAD.map(Finder::new))
    }
}

/// Takes a text and the elements that are open around it, outermost first.
pub(crate) type Piece<'p, 'a> = dyn FnMut(Token<'a>, &[Tag<'a>]) -> Result<(), RejectReason> + 'p;

/// A position in an article.
pub(crate) struct Cursor<'a> {
    source: &'a str,
    tokens: Tokens<'a>,
    jumps: &'a Jumps,
}

impl<'a> Cursor<'a> {
    pub(crate) fn new(source: &'a str, at: usize, jumps: &'a Jumps) -> Self {
        Self { source, tokens: Tokens::starting_at(source, at), jumps }
    }

    pub(crate) fn malformed(&self, what: &'static str) -> RejectReason {
        self.tokens.malformed(what)
    }

    /// The root's start tag; none where something else stands there.
    pub(crate) fn root(&mut self) -> Result<Option<Tag<'a>>, RejectReason> {
        Ok(match self.tokens.next("")? {
            Token::Start(tag) => Some(tag),
            _ => None,
        })
    }

    /// The next token inside `parent`; its end tag and the end of an empty element are [`Token::Close`].
    pub(crate) fn next(&mut self, parent: &Tag<'a>) -> Result<Token<'a>, RejectReason> {
        match self.tokens.next(parent.name)? {
            Token::Finished => Err(self.malformed("the article ends inside an element")),
            token => Ok(token),
        }
    }

    /// What follows the root's end tag; only white space, comments and instructions may.
    pub(crate) fn finish(&mut self) -> Result<(), RejectReason> {
        loop {
            match self.tokens.next("")? {
                Token::Finished => return Ok(()),
                Token::Text(text, _) if text.trim_ascii().is_empty() => {}
                _ => return Err(self.malformed("content after the end of the article")),
            }
        }
    }

    /// The next child of `parent`, none after its end tag; text between children is passed over.
    pub(crate) fn child(&mut self, parent: &Tag<'a>) -> Result<Option<Tag<'a>>, RejectReason> {
        if parent.is_empty {
            return Ok(None);
        }
        loop {
            match self.next(parent)? {
                Token::Start(tag) => return Ok(Some(tag)),
                Token::Close => return Ok(None),
                _ => {}
            }
        }
    }

    /// Passes over an element and returns its inside.
    pub(crate) fn skip(&mut self, tag: &Tag<'a>) -> Result<&'a str, RejectReason> {
        let from = self.tokens.position();
        if tag.is_empty {
            return Ok("");
        }
        let jump = self.jumps.0.iter().find(|finder| finder.needle() == tag.name.as_bytes());
        if !jump.is_some_and(|finder| self.tokens.jump(finder)) {
            self.walk(tag, &mut |_, _| Ok(()))?;
        }
        Ok(self.source.get(from..self.tokens.position()).unwrap_or_default())
    }

    /// Text of an element and of everything inside it.
    pub(crate) fn text(&mut self, tag: &Tag<'a>) -> Result<String, RejectReason> {
        let mut text = String::new();
        self.walk(tag, &mut |token, _| push(&mut text, token))?;
        finish(&mut text);
        Ok(text)
    }

    /// Calls `piece` for each text inside `tag` with the name of its element.
    pub(crate) fn walk(&mut self, tag: &Tag<'a>, piece: &mut Piece<'_, 'a>) -> Result<(), RejectReason> {
        if tag.is_empty {
            return Ok(());
        }
        let mut open = vec![*tag];
        while let Some(innermost) = open.last().copied() {
            match self.next(&innermost)? {
                Token::Start(inner) if inner.is_empty => {}
                Token::Start(inner) if open.len() >= MAX_DEPTH => return Err(too_deep(&inner)),
                Token::Start(inner) => open.push(inner),
                Token::Close => {
                    open.pop();
                }
                text => piece(text, &open)?,
            }
        }
        Ok(())
    }
}

/// Appends a text token.
pub(crate) fn push(out: &mut String, token: Token<'_>) -> Result<(), RejectReason> {
    match token {
        Token::Text(text, offset) => push_text(out, text, offset),
        Token::Literal(text, offset) => push_literal(out, text, offset),
        _ => Ok(()),
    }
}

pub(crate) fn too_deep(tag: &Tag<'_>) -> RejectReason {
    RejectReason::TooDeep { limit: MAX_DEPTH, offset: tag.offset as u64 }
}

/// Decoded value of an attribute; none when it is absent or blank.
pub(crate) fn value(tag: &Tag<'_>, name: &str) -> Result<Option<String>, RejectReason> {
    let Some(raw) = attribute(tag, name)? else { return Ok(None) };
    let mut text = String::with_capacity(raw.len());
    push_text(&mut text, raw, tag.offset)?;
    finish(&mut text);
    Ok((!text.is_empty()).then_some(text))
}

/// How many start tags called `name` stand in a stretch that was passed over.
pub(crate) fn count_tags(inside: &str, name: &str) -> u32 {
    let mut count = 0;
    for at in memchr::memmem::find_iter(inside.as_bytes(), name.as_bytes()) {
        let bytes = inside.as_bytes();
        let opens = at.checked_sub(1).and_then(|before| bytes.get(before)) == Some(&b'<');
        let ends =
            bytes.get(at + name.len()).is_some_and(|byte| byte.is_ascii_whitespace() || matches!(byte, b'>' | b'/'));
        count += u32::from(opens && ends);
    }
    count
}
