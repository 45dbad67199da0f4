//! What can go wrong with one record, and with a whole file.

use std::io;

use super::gzip::GzipError;

/// Why one record was not delivered. Offsets count bytes of the decompressed stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RejectReason {
    /// A `PubmedBookArticle`: a book or chapter, which has no MEDLINE citation.
    #[error("record is a PubmedBookArticle; only PubmedArticle records are read")]
    BookArticle,
    /// The record is longer than the configured limit.
    #[error("record is longer than {limit} bytes; raise the record limit to read it")]
    TooLarge {
        /// The limit in bytes.
        limit: u64,
    },
    /// The record holds bytes that are not UTF-8.
    #[error("invalid UTF-8 at byte {offset}")]
    InvalidUtf8 {
        /// First invalid byte.
        offset: u64,
    },
    /// The markup is not well-formed.
    #[error("malformed markup at byte {offset}: {what}")]
    MalformedMarkup {
        /// Where the markup breaks.
        offset: u64,
        /// What was found.
        what: &'static str,
    },
    /// The next record (or the end of the set) comes before this record's end tag.
    #[error("record has no end tag before the next record")]
    UnclosedRecord,
    /// Elements nest deeper than the limit.
    #[error("elements nest deeper than {limit} at byte {offset}")]
    TooDeep {
        /// The limit in levels.
        limit: usize,
        /// Start tag that exceeds it.
        offset: u64,
    },
    /// An `&` that starts no complete entity or character reference.
    #[error("'&' at byte {offset} starts no complete reference; expected &name; or &#number;")]
    MalformedReference {
        /// The `&`.
        offset: u64,
    },
    /// A numeric reference to a code point that XML does not allow.
    #[error("character reference at byte {offset} names a code point that XML does not allow")]
    InvalidCharacterReference {
        /// The `&`.
        offset: u64,
    },
    /// A raw control character that XML does not allow.
    #[error("control character at byte {offset} is not allowed in XML")]
    InvalidCharacter {
        /// The character.
        offset: u64,
    },
    /// No PMID in `MedlineCitation`.
    #[error("record has no PMID in MedlineCitation")]
    MissingPmid,
    /// The PMID is zero, not a decimal number, or does not fit a signed 64-bit integer.
    #[error("PMID is not a positive decimal number")]
    InvalidPmid,
    /// The `Version` of a PMID is not a decimal number that fits 32 bits.
    #[error("PMID version is not a decimal number")]
    InvalidVersion,
    /// `DeleteCitation` entries that name no PMID; the readable entries are delivered.
    #[error("{count} entries of DeleteCitation hold no usable PMID")]
    InvalidDeletion {
        /// Entries left out.
        count: u64,
    },
    /// Something between the records that is no record.
    #[error("expected a record between records, got other content")]
    UnexpectedContent,
}

impl RejectReason {
    /// Stable snake_case code, as stored in the quarantine table.
    pub fn code(&self) -> &'static str {
        match self {
            Self::BookArticle => "book_article",
            Self::TooLarge { .. } => "too_large",
            Self::InvalidUtf8 { .. } => "invalid_utf8",
            Self::MalformedMarkup { .. } => "malformed_markup",
            Self::UnclosedRecord => "unclosed_record",
            Self::TooDeep { .. } => "too_deep",
            Self::MalformedReference { .. } => "malformed_reference",
            Self::InvalidCharacterReference { .. } => "invalid_character_reference",
            Self::InvalidCharacter { .. } => "invalid_character",
            Self::MissingPmid => "missing_pmid",
            Self::InvalidPmid => "invalid_pmid",
            Self::InvalidVersion => "invalid_version",
            Self::InvalidDeletion { .. } => "invalid_deletion",
            Self::UnexpectedContent => "unexpected_content",
        }
    }

    /// The same reason with its offset moved from the record's start to the stream's start.
    pub(super) fn at(mut self, record_offset: u64) -> Self {
        match &mut self {
            Self::InvalidUtf8 { offset }
            | Self::MalformedMarkup { offset, .. }
            | Self::TooDeep { offset, .. }
            | Self::MalformedReference { offset }
            | Self::InvalidCharacterReference { offset }
            | Self::InvalidCharacter { offset } => *offset += record_offset,
            _ => {}
        }
        self
    }
}

/// A record that was read past, with enough to find it again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RejectedRecord {
    /// Why.
    pub reason: RejectReason,
    /// 1-based number among the file's records; a damaged stretch between records counts as one. A rejected
    /// `DeleteCitation` carries the number of the record before it.
    pub record: u64,
    /// Byte offset of the record in the decompressed stream.
    pub offset: u64,
    /// PMID, when one can be read.
    pub pmid: Option<u64>,
    /// First 200 characters of the record, invalid UTF-8 replaced.
    pub excerpt: String,
}

/// What kind of fault ended a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FaultKind {
    /// The file holds no bytes, or white space alone.
    EmptyFile,
    /// The gzip stream stops inside a member.
    TruncatedGzip,
    /// A gzip member header is missing or damaged.
    CorruptGzipHeader,
    /// The deflate data cannot be decoded.
    CorruptDeflate,
    /// The gzip checksum or length does not match.
    ChecksumMismatch,
    /// The XML stops before the end tag of its root.
    TruncatedXml,
    /// The content is no XML.
    NotXml,
    /// The root element is neither `PubmedArticleSet` nor a record.
    UnexpectedRoot,
    /// The XML declaration or byte order mark names another encoding than UTF-8.
    UnsupportedEncoding,
    /// The document type declaration is longer than the record limit.
    PrologTooLarge,
    /// The bytes could not be read.
    Io,
}

impl FaultKind {
    /// Stable snake_case code, as stored in the runs table.
    pub fn code(self) -> &'static str {
        match self {
            Self::EmptyFile => "empty_file",
            Self::TruncatedGzip => "truncated_gzip",
            Self::CorruptGzipHeader => "corrupt_gzip_header",
            Self::CorruptDeflate => "corrupt_deflate",
            Self::ChecksumMismatch => "checksum_mismatch",
            Self::TruncatedXml => "truncated_xml",
            Self::NotXml => "not_xml",
            Self::UnexpectedRoot => "unexpected_root",
            Self::UnsupportedEncoding => "unsupported_encoding",
            Self::PrologTooLarge => "prolog_too_large",
            Self::Io => "io",
        }
    }
}

/// The fault that ended a file; everything before it has been delivered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message} (record {record}, byte {offset} of the XML)")]
pub struct FileFault {
    /// What kind.
    pub kind: FaultKind,
    /// Byte offset in the decompressed stream.
    pub offset: u64,
    /// 1-based number of the record that was being read or would have come next.
    pub record: u64,
    /// What was expected, what was found, what to do.
    pub message: String,
}

impl FileFault {
    /// Stable snake_case code of the kind.
    pub fn code(&self) -> &'static str {
        self.kind.code()
    }

    /// A fault that happened before the first byte was read.
    pub(super) fn before_start(error: &io::Error, what: &str) -> Self {
        Self { kind: FaultKind::Io, offset: 0, record: 1, message: format!("{what}: {error}") }
    }

    /// Classifies a read error; gzip faults keep their own kind.
    pub(super) fn from_read(error: &io::Error, offset: u64, record: u64) -> Self {
        let gzip = error.get_ref().and_then(|inner| inner.downcast_ref::<GzipError>());
        let kind = match gzip {
            Some(GzipError::Truncated { .. }) => FaultKind::TruncatedGzip,
            Some(GzipError::Header { .. }) => FaultKind::CorruptGzipHeader,
            Some(GzipError::Deflate { .. }) => FaultKind::CorruptDeflate,
            Some(GzipError::Checksum { .. }) => FaultKind::ChecksumMismatch,
            None => FaultKind::Io,
        };
        let message = match kind {
            FaultKind::Io => format!("could not read on: {error}"),
            _ => error.to_string(),
        };
        Self { kind, offset, record, message }
    }
}
