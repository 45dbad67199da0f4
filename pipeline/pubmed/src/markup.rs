//! A pull tokeniser over one record's text. Comments and processing instructions are passed over here, references are
//! left to the caller, and no entity is ever expanded.

use memchr::memmem::Finder;
use memchr::{memchr, memmem};

use super::fault::RejectReason;

/// A start tag.
#[derive(Debug, Clone, Copy)]
pub struct Tag<'a> {
    /// Element name as written, prefix included.
    pub name: &'a str,
    /// Everything between the name and the closing `>` or `/>`.
    pub attributes: &'a str,
    /// Written `<name/>`: no content and no end tag follow.
    pub is_empty: bool,
    /// Byte offset of the `<` in the record.
    pub offset: usize,
}

/// One step through a record.
#[derive(Debug, Clone, Copy)]
pub enum Token<'a> {
    /// A start tag, or an empty element.
    Start(Tag<'a>),
    /// The end tag of the open element.
    Close,
    /// Text with its references still in it, at this byte offset.
    Text(&'a str, usize),
    /// The inside of a CDATA section, at this byte offset.
    Literal(&'a str, usize),
    /// The end of the source.
    Finished,
}

/// A pull tokeniser; see the module.
#[derive(Debug)]
pub struct Tokens<'a> {
    source: &'a str,
    at: usize,
}

impl<'a> Tokens<'a> {
    /// Starts at the beginning of `source`.
    pub fn new(source: &'a str) -> Self {
        Self { source, at: 0 }
    }

    /// Starts at byte `at` of `source`, so that offsets count from its beginning.
    pub fn starting_at(source: &'a str, at: usize) -> Self {
        Self { source, at }
    }

    /// Byte offset of what comes next.
    pub fn position(&self) -> usize {
        self.at
    }

    /// A fault of the markup at the current byte.
    pub fn malformed(&self, what: &'static str) -> RejectReason {
        RejectReason::MalformedMarkup { offset: self.at as u64, what }
    }

    /// The text between two byte offsets that fall on ASCII bytes.
    fn slice(&self, from: usize, to: usize) -> &'a str {
        self.source.get(from..to).unwrap_or_default()
    }

    fn rest(&self, from: usize) -> &'a [u8] {
        self.source.as_bytes().get(from..).unwrap_or_default()
    }

    /// Jumps over the content and the end tag of an element whose start tag was just read, by searching for its name.
    /// False, with nothing moved, where the content might hide the end tag: an element of the same name inside it, a
    /// comment, a CDATA section, a processing instruction, or no end tag at all.
    pub fn jump(&mut self, name: &Finder<'_>) -> bool {
        let rest = self.rest(self.at);
        for hit in name.find_iter(rest) {
            let before = rest.get(..hit).unwrap_or_default();
            let after = rest.get(hit + name.needle().len()..).unwrap_or_default();
            if before.ends_with(b"</") && after.first() == Some(&b'>') {
                if memmem::find(before, b"<!").is_some() || memmem::find(before, b"<?").is_some() {
                    return false;
                }
                self.at += hit + name.needle().len() + 1;
                return true;
            }
            if before.ends_with(b"<") || before.ends_with(b"</") {
                return false;
            }
        }
        false
    }

    /// The next token; `open` is the name of the element that the next end tag must close.
    ///
    /// # Errors
    /// Where the markup is not well-formed.
    pub fn next(&mut self, open: &str) -> Result<Token<'a>, RejectReason> {
        loop {
            let rest = self.rest(self.at);
            match rest {
                [] => return Ok(Token::Finished),
                [b'<', b'/', ..] => return self.end_tag(open),
                [b'<', b'!', b'-', b'-', ..] => self.pass(4, b"-->", "unterminated comment")?,
                [b'<', b'!', b'[', b'C', b'D', b'A', b'T', b'A', b'[', ..] => {
                    let from = self.at + 9;
                    self.pass(9, b"]]>", "unterminated CDATA section")?;
                    return Ok(Token::Literal(self.slice(from, self.at - 3), from));
                }
                [b'<', b'!', ..] => return Err(self.malformed("declaration inside a record")),
                [b'<', b'?', ..] => self.pass(2, b"?>", "unterminated processing instruction")?,
                [b'<', ..] => return self.start_tag(),
                _ => {
                    let from = self.at;
                    self.at += memchr(b'<', rest).unwrap_or(rest.len());
                    return Ok(Token::Text(self.slice(from, self.at), from));
                }
            }
        }
    }

    /// Moves past a construct whose opening takes `lead` bytes.
    fn pass(&mut self, lead: usize, terminator: &[u8], what: &'static str) -> Result<(), RejectReason> {
        match memmem::find(self.rest(self.at + lead), terminator) {
            Some(found) => {
                self.at += lead + found + terminator.len();
                Ok(())
            }
            None => Err(self.malformed(what)),
        }
    }

    fn end_tag(&mut self, open: &str) -> Result<Token<'a>, RejectReason> {
        let from = self.at + 2;
        let Some(rest) = self.rest(from).strip_prefix(open.as_bytes()) else {
            return Err(self.malformed("end tag does not match its start tag"));
        };
        let blanks = rest.iter().take_while(|byte| byte.is_ascii_whitespace()).count();
        if rest.get(blanks) != Some(&b'>') || open.is_empty() {
            return Err(self.malformed("end tag does not match its start tag"));
        }
        self.at = from + open.len() + blanks + 1;
        Ok(Token::Close)
    }

    fn start_tag(&mut self) -> Result<Token<'a>, RejectReason> {
        let offset = self.at;
        let from = offset + 1;
        let rest = self.rest(from);
        let length = name_length(rest);
        if length == 0 {
            return Err(self.malformed("'<' starts no tag"));
        }
        if rest.get(length) == Some(&b'>') {
            self.at = from + length + 1;
            let name = self.slice(from, from + length);
            return Ok(Token::Start(Tag { name, attributes: "", is_empty: false, offset }));
        }
        let mut quote = 0u8;
        let mut index = length;
        loop {
            match rest.get(index) {
                Some(b'>') if quote == 0 => break,
                Some(b'<') | None => return Err(self.malformed("start tag is not closed")),
                Some(&byte) if quote == 0 && (byte == b'"' || byte == b'\'') => quote = byte,
                Some(&byte) if quote == byte => quote = 0,
                _ => {}
            }
            index += 1;
        }
        self.at = from + index + 1;
        let is_empty = index > length && rest.get(index - 1) == Some(&b'/');
        let end = from + index - usize::from(is_empty);
        Ok(Token::Start(Tag {
            name: self.slice(from, from + length),
            attributes: self.slice(from + length, end),
            is_empty,
            offset,
        }))
    }
}

/// Bytes that end an element name.
const ENDS_NAME: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < table.len() {
        table[byte] = byte <= b' ' as usize || matches!(byte as u8, b'>' | b'/' | b'<' | b'"' | b'\'' | b'=' | b'&');
        byte += 1;
    }
    table
};

/// Length of the element name that `bytes` starts with; 0 where none does.
fn name_length(bytes: &[u8]) -> usize {
    match bytes.first() {
        Some(&first) if first.is_ascii_alphabetic() || first == b'_' || first == b':' || first >= 0x80 => {}
        _ => return 0,
    }
    bytes.iter().position(|&byte| ENDS_NAME[usize::from(byte)]).unwrap_or(bytes.len())
}

/// The raw value of an attribute and its byte offset in `attributes`.
///
/// # Errors
/// Where the attributes up to the wanted one are not `name="value"` pairs.
pub fn attribute<'a>(tag: &Tag<'a>, wanted: &str) -> Result<Option<&'a str>, RejectReason> {
    let broken = || RejectReason::MalformedMarkup { offset: tag.offset as u64, what: "malformed attribute" };
    let mut rest = tag.attributes.trim_ascii_start();
    while !rest.is_empty() {
        let (name, after) = rest.split_once('=').ok_or_else(broken)?;
        let after = after.trim_ascii_start();
        let quote = after.chars().next().filter(|mark| matches!(mark, '"' | '\'')).ok_or_else(broken)?;
        let (value, after) = after.get(1..).and_then(|inside| inside.split_once(quote)).ok_or_else(broken)?;
        if name.trim_ascii() == wanted {
            return Ok(Some(value));
        }
        rest = after.trim_ascii_start();
    }
    Ok(None)
}
