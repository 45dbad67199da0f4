//! Why an article was not delivered.

use rexdrug_pubmed::xml::RejectReason;

/// The reason to refuse an article. Offsets count bytes of the decompressed article.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ArticleFault {
    /// No bytes, or white space alone.
    #[error("the article is empty; fetch it again")]
    Empty,
    /// Longer than the limit.
    #[error("the article is longer than {limit} bytes; raise the article limit to read it")]
    TooLarge {
        /// The limit in bytes.
        limit: u64,
    },
    /// The first thing that is not white space opens no tag.
    #[error("expected XML, got other content at byte {offset}")]
    NotXml {
        /// Where.
        offset: u64,
    },
    /// The root element is no `article`.
    #[error("expected the root element <article>, got <{name}> at byte {offset}")]
    UnexpectedRoot {
        /// Name of the root, at most 64 characters.
        name: String,
        /// Where.
        offset: u64,
    },
    /// Another encoding than UTF-8 is declared.
    #[error("the article declares the encoding {name}; only UTF-8 is read, convert it first")]
    UnsupportedEncoding {
        /// Its name.
        name: String,
    },
    /// Neither the article nor its file name holds a PMC id.
    #[error("no PMC id among the article-id elements (pub-id-type pmc or pmcid) and none in the file name")]
    MissingPmcid,
    /// An id or version that is not what it should be.
    #[error("article-id of type {kind} is `{got}`; expected {expected}")]
    InvalidId {
        /// `pub-id-type`.
        kind: &'static str,
        /// What was found, at most 64 characters.
        got: String,
        /// What should stand there.
        expected: &'static str,
    },
    /// The XML itself.
    #[error(transparent)]
    Xml(#[from] RejectReason),
    /// The compressed bytes could not be read to their end.
    #[error("{message}")]
    Input {
        /// Stable reason code.
        code: &'static str,
        /// What was wrong.
        message: String,
        /// Bytes that could be read.
        offset: u64,
    },
}

impl ArticleFault {
    /// Stable snake_case code, as stored in the quarantine table.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Empty => "empty_file",
            Self::TooLarge { .. } => "too_large",
            Self::NotXml { .. } => "not_xml",
            Self::UnexpectedRoot { .. } => "unexpected_root",
            Self::UnsupportedEncoding { .. } => "unsupported_encoding",
            Self::MissingPmcid => "missing_pmcid",
            Self::InvalidId { .. } => "invalid_id",
            Self::Xml(reason) => reason.code(),
            Self::Input { code, .. } => code,
        }
    }

    /// Byte offset in the decompressed article, where the fault has one.
    pub fn offset(&self) -> Option<u64> {
        match self {
            Self::NotXml { offset } | Self::UnexpectedRoot { offset, .. } | Self::Input { offset, .. } => Some(*offset),
            Self::Xml(
                RejectReason::InvalidUtf8 { offset }
                | RejectReason::MalformedMarkup { offset, .. }
                | RejectReason::TooDeep { offset, .. }
                | RejectReason::MalformedReference { offset }
                | RejectReason::InvalidCharacterReference { offset }
                | RejectReason::InvalidCharacter { offset },
            ) => Some(*offset),
            _ => None,
        }
    }
}
