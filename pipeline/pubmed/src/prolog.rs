//! What may stand before and around the records: declarations, document types, tags of the set.

use memchr::{memchr, memmem};

/// Bytes that [`Lead::of`] needs to tell every lead apart.
pub(super) const LEAD_BYTES: usize = 24;

/// What a `<` between records opens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lead {
    Comment,
    Instruction,
    Doctype,
    SetStart,
    SetEnd,
    Article,
    Book,
    Delete,
    /// A tag of another element, or something that is no tag.
    Other,
}

impl Lead {
    /// Judges bytes that start with `<`.
    pub(super) fn of(bytes: &[u8]) -> Self {
        const NAMED: [(&[u8], Lead); 5] = [
            (b"<PubmedArticle", Lead::Article),
            (b"<PubmedArticleSet", Lead::SetStart),
            (b"</PubmedArticleSet", Lead::SetEnd),
            (b"<PubmedBookArticle", Lead::Book),
            (b"<DeleteCitation", Lead::Delete),
        ];
        if bytes.starts_with(b"<!--") {
            return Self::Comment;
        }
        if bytes.starts_with(b"<?") {
            return Self::Instruction;
        }
        if bytes.starts_with(b"<!DOCTYPE") {
            return Self::Doctype;
        }
        let named = NAMED.iter().find(|(tag, _)| opens_tag(bytes, tag));
        named.map_or(Self::Other, |(_, lead)| *lead)
    }

    /// Whether reading can start again here after a damaged record.
    pub(super) fn is_boundary(self) -> bool {
        matches!(self, Self::SetEnd | Self::Article | Self::Book | Self::Delete)
    }

    /// The end tag of a record, without its `>`.
    pub(super) fn end_tag(self) -> &'static [u8] {
        match self {
            Self::Book => b"</PubmedBookArticle",
            Self::Delete => b"</DeleteCitation",
            _ => b"</PubmedArticle",
        }
    }
}

/// Whether `bytes` start with the tag `tag` and not with a longer name.
pub(super) fn opens_tag(bytes: &[u8], tag: &[u8]) -> bool {
    bytes.starts_with(tag)
        && bytes.get(tag.len()).is_none_or(|next| next.is_ascii_whitespace() || matches!(next, b'>' | b'/'))
}

/// Length of the tag that `bytes` start with, and whether it is written `<name/>`; none when its `>` is missing.
pub fn tag_length(bytes: &[u8]) -> Option<(usize, bool)> {
    let close = memchr(b'>', bytes)?;
    let is_empty = close.checked_sub(1).and_then(|before| bytes.get(before)) == Some(&b'/');
    Some((close + 1, is_empty))
}

/// Length of the document type declaration that `bytes` start with, its internal subset included; none when it is not
/// complete. The subset is measured, never interpreted.
pub fn doctype_length(bytes: &[u8]) -> Option<usize> {
    let mut at = "<!DOCTYPE".len();
    let mut in_subset = false;
    loop {
        let rest = bytes.get(at..)?;
        at += match rest.first()? {
            b'>' if !in_subset => return Some(at + 1),
            b'[' => {
                in_subset = true;
                1
            }
            b']' => {
                in_subset = false;
                1
            }
            quote @ (b'"' | b'\'') => memchr(*quote, rest.get(1..)?)? + 2,
            b'<' if rest.starts_with(b"<!--") => memmem::find(rest.get(4..)?, b"-->")? + 7,
            b'<' if rest.starts_with(b"<?") => memmem::find(rest, b"?>")? + 2,
            _ => 1,
        };
    }
}

/// The encoding that forbids reading the document as UTF-8, if its declaration names one.
pub fn foreign_encoding(declaration: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(declaration);
    let (_, after) = text.split_once("encoding")?;
    let after = after.trim_start().strip_prefix('=')?.trim_start();
    let quote = after.chars().next().filter(|mark| matches!(mark, '"' | '\''))?;
    let (name, _) = after.get(1..)?.split_once(quote)?;
    let known = ["utf-8", "utf8", "us-ascii", "ascii"];
    (!known.iter().any(|known| known.eq_ignore_ascii_case(name.trim()))).then(|| name.chars().take(64).collect())
}

/// The encoding that the first bytes of a document betray, where it is not UTF-8.
pub fn foreign_byte_order(bytes: &[u8]) -> Option<&'static str> {
    match bytes {
        [0xff, 0xfe, 0, 0, ..] | [0, 0, 0xfe, 0xff, ..] => Some("UTF-32"),
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] | [b'<', 0, ..] | [0, b'<', ..] => Some("UTF-16"),
        _ => None,
    }
}
