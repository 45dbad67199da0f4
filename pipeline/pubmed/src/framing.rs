//! Cuts the decompressed stream into records, one at a time, in bounded memory.

use std::io::Read;

use memchr::{memchr, memmem};

use super::boundary::{BoundarySearch, RecordEnd, next_boundary};
use super::fault::{FaultKind, FileFault, RejectReason};
use super::prolog::{LEAD_BYTES, Lead, doctype_length, foreign_byte_order, foreign_encoding, tag_length};
use super::window::Window;

/// What a frame holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FrameKind {
    Article,
    Book,
    Delete,
    /// Not readable as a record; the frame holds its first bytes.
    Bad(RejectReason),
}

/// A stretch of the stream; its bytes are [`Framer::bytes`] until the next call of [`Framer::next`].
#[derive(Debug, Clone, Copy)]
pub(super) struct Frame {
    pub(super) kind: FrameKind,
    pub(super) record: u64,
    pub(super) offset: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// Before the first byte.
    Start,
    /// Before the root element.
    Prolog,
    /// Inside `PubmedArticleSet`.
    InSet,
    /// After the end of the root element; another document may follow, as in concatenated files.
    AfterRoot,
}

pub(super) struct Framer<R> {
    window: Window<R>,
    search: BoundarySearch,
    place: Place,
    max_record_bytes: usize,
    /// Records framed so far.
    records: u64,
    /// Bytes of the current frame.
    length: usize,
    /// The current frame is only the head of what must be skipped.
    skip_to_boundary: bool,
}

impl<R: Read> Framer<R> {
    pub(super) fn new(reader: R, max_record_bytes: usize) -> Self {
        Self {
            window: Window::new(reader),
            search: BoundarySearch::new(),
            place: Place::Start,
            max_record_bytes,
            records: 0,
            length: 0,
            skip_to_boundary: false,
        }
    }

    /// The bytes of the current frame.
    pub(super) fn bytes(&self) -> &[u8] {
        self.window.bytes().get(..self.length).unwrap_or_default()
    }

    /// The next frame, or none at the proper end of the file.
    pub(super) fn next(&mut self) -> Result<Option<Frame>, FileFault> {
        self.window.consume(self.length);
        self.length = 0;
        if std::mem::take(&mut self.skip_to_boundary) {
            self.skip();
        }
        if self.place == Place::Start {
            self.start()?;
        }
        loop {
            let Some(first) = self.first_after_blanks() else {
                return self.end().map(|()| None);
            };
            self.want(LEAD_BYTES);
            let bytes = self.window.bytes();
            let lead = if first == b'<' { Lead::of(bytes) } else { Lead::Other };
            // The stream stops inside a tag: too little to tell which.
            if lead == Lead::Other && first == b'<' && bytes.len() < LEAD_BYTES && memchr(b'>', bytes).is_none() {
                return Err(self.cut_short());
            }
            match lead {
                Lead::Comment => self.pass(b"-->", 4)?,
                Lead::Instruction => self.instruction()?,
                Lead::Doctype if self.place != Place::InSet => self.doctype()?,
                Lead::SetStart if self.place != Place::InSet => {
                    let is_empty = self.pass_tag()?;
                    self.place = if is_empty { Place::AfterRoot } else { Place::InSet };
                }
                Lead::SetEnd if self.place == Place::InSet => {
                    self.pass_tag()?;
                    self.place = Place::AfterRoot;
                }
                Lead::Article | Lead::Book | Lead::Delete => return self.record(lead).map(Some),
                _ if self.place == Place::Prolog => return Err(self.wrong_root(first)),
                _ => return Ok(Some(self.stray())),
            }
        }
    }

    /// Checks the byte order mark.
    fn start(&mut self) -> Result<(), FileFault> {
        self.place = Place::Prolog;
        self.want(4);
        if let Some(encoding) = foreign_byte_order(self.window.bytes()) {
            return Err(self.unsupported(encoding));
        }
        if self.window.bytes().starts_with(b"\xef\xbb\xbf") {
            self.window.consume(3);
        }
        Ok(())
    }

    /// Tries to have `count` bytes in the window.
    fn want(&mut self, count: usize) {
        while self.window.bytes().len() < count && self.window.fill() {}
    }

    fn first_after_blanks(&mut self) -> Option<u8> {
        loop {
            let bytes = self.window.bytes();
            let blanks = bytes.iter().take_while(|byte| byte.is_ascii_whitespace()).count();
            let first = bytes.get(blanks).copied();
            self.window.consume(blanks);
            if first.is_some() || !self.window.fill() {
                return first;
            }
        }
    }

    fn fault(&self, kind: FaultKind, message: String) -> FileFault {
        FileFault { kind, offset: self.window.offset(), record: self.records + 1, message }
    }

    /// The fault of a stream that ended too early, or that could not be read on.
    fn cut_short(&self) -> FileFault {
        let offset = self.window.offset() + self.window.bytes().len() as u64;
        let record = self.records + 1;
        match self.window.error() {
            Some(error) => FileFault::from_read(error, offset, record),
            None => FileFault {
                kind: FaultKind::TruncatedXml,
                offset,
                record,
                message: "XML ends before </PubmedArticleSet>; the file is incomplete, download it again".to_owned(),
            },
        }
    }

    /// Judges the end of the stream.
    fn end(&self) -> Result<(), FileFault> {
        match self.place {
            _ if self.window.error().is_some() => Err(self.cut_short()),
            Place::AfterRoot => Ok(()),
            Place::Start | Place::Prolog if self.window.offset() == 0 => {
                Err(self
                    .fault(FaultKind::EmptyFile, "file is empty; expected MEDLINE XML, download it again".to_owned()))
            }
            _ => Err(self.cut_short()),
        }
    }

    fn wrong_root(&self, first: u8) -> FileFault {
        let head: String = String::from_utf8_lossy(self.window.bytes().get(..80).unwrap_or(self.window.bytes()))
            .chars()
            .take_while(|&character| first != b'<' || character != '>')
            .take(60)
            .collect();
        let (kind, got) = match first {
            b'<' => (FaultKind::UnexpectedRoot, "expected root element PubmedArticleSet"),
            _ => (FaultKind::NotXml, "expected MEDLINE XML"),
        };
        self.fault(kind, format!("{got}, got {head:?}; check that this is a PubMed file"))
    }

    fn unsupported(&self, encoding: &str) -> FileFault {
        self.fault(
            FaultKind::UnsupportedEncoding,
            format!("expected encoding UTF-8, got {encoding:?}; convert the file to UTF-8"),
        )
    }

    /// Moves past a construct of any length, keeping none of it.
    fn pass(&mut self, terminator: &[u8], lead: usize) -> Result<(), FileFault> {
        self.window.consume(lead);
        loop {
            let bytes = self.window.bytes();
            if let Some(found) = memmem::find(bytes, terminator) {
                self.window.consume(found + terminator.len());
                return Ok(());
            }
            let passed = bytes.len().saturating_sub(terminator.len() - 1);
            self.window.consume(passed);
            if !self.window.fill() {
                return Err(self.cut_short());
            }
        }
    }

    fn instruction(&mut self) -> Result<(), FileFault> {
        let bytes = self.window.bytes();
        if bytes.starts_with(b"<?xml") && bytes.get(5).is_some_and(u8::is_ascii_whitespace) {
            self.want(1024);
            let bytes = self.window.bytes();
            let length = memmem::find(bytes, b"?>").unwrap_or(bytes.len()).min(1024);
            if let Some(encoding) = foreign_encoding(bytes.get(..length).unwrap_or_default()) {
                return Err(self.unsupported(&encoding));
            }
        }
        self.pass(b"?>", 2)
    }

    fn doctype(&mut self) -> Result<(), FileFault> {
        loop {
            if let Some(length) = doctype_length(self.window.bytes()) {
                self.window.consume(length);
                return Ok(());
            }
            if self.window.bytes().len() > self.max_record_bytes {
                return Err(self.fault(
                    FaultKind::PrologTooLarge,
                    format!("document type declaration is longer than {} bytes; remove it", self.max_record_bytes),
                ));
            }
            // Doubling before the next attempt keeps the attempts linear in total.
            let wanted = self.window.bytes().len() * 2;
            let held = self.window.bytes().len();
            self.want(wanted);
            if self.window.bytes().len() == held {
                return Err(self.cut_short());
            }
        }
    }

    /// Consumes a tag; true when it is written `<name/>`.
    fn pass_tag(&mut self) -> Result<bool, FileFault> {
        loop {
            let bytes = self.window.bytes();
            if let Some((length, is_empty)) = tag_length(bytes) {
                self.window.consume(length);
                return Ok(is_empty);
            }
            if bytes.len() > self.max_record_bytes {
                return Err(self.fault(FaultKind::NotXml, "tag of the root element does not end".to_owned()));
            }
            if !self.window.fill() {
                return Err(self.cut_short());
            }
        }
    }

    fn record(&mut self, lead: Lead) -> Result<Frame, FileFault> {
        self.search.restart();
        let offset = self.window.offset();
        let limit = self.max_record_bytes;
        let (mut is_final, mut too_large) = (false, false);
        let end = loop {
            let bytes = self.window.bytes();
            match self.search.find(lead, bytes, offset, is_final) {
                RecordEnd::Unknown => {}
                end => break end,
            }
            if is_final {
                break RecordEnd::Unknown;
            }
            too_large = bytes.len() > limit;
            is_final = too_large || !self.window.fill();
        };
        let kind = match end {
            RecordEnd::Unknown if !too_large => return Err(self.cut_short()),
            RecordEnd::Unknown => {
                // The last bytes stay: they may be the first half of the tag where reading starts again.
                self.length = self.window.bytes().len().saturating_sub(LEAD_BYTES).max(1);
                self.skip_to_boundary = true;
                FrameKind::Bad(RejectReason::TooLarge { limit: limit as u64 })
            }
            RecordEnd::Closed(length) | RecordEnd::Unclosed(length) if length > limit => {
                self.length = length;
                FrameKind::Bad(RejectReason::TooLarge { limit: limit as u64 })
            }
            RecordEnd::Unclosed(length) => {
                self.length = length;
                FrameKind::Bad(RejectReason::UnclosedRecord)
            }
            RecordEnd::Closed(length) => {
                self.length = length;
                match lead {
                    Lead::Book => FrameKind::Book,
                    Lead::Delete => FrameKind::Delete,
                    _ => FrameKind::Article,
                }
            }
        };
        if self.place == Place::Prolog {
            self.place = Place::AfterRoot;
        }
        if lead != Lead::Delete {
            self.records += 1;
        }
        Ok(Frame { kind, record: self.records, offset })
    }

    /// Content that is no record: everything up to the next boundary.
    fn stray(&mut self) -> Frame {
        let offset = self.window.offset();
        match next_boundary(self.window.bytes(), 1) {
            Some(length) => self.length = length,
            None => {
                self.length = self.window.bytes().len().saturating_sub(LEAD_BYTES).max(1);
                self.skip_to_boundary = true;
            }
        }
        self.records += 1;
        Frame { kind: FrameKind::Bad(RejectReason::UnexpectedContent), record: self.records, offset }
    }

    /// Discards bytes up to the next boundary or the end of the stream.
    fn skip(&mut self) {
        loop {
            let bytes = self.window.bytes();
            if let Some(length) = next_boundary(bytes, 0) {
                return self.window.consume(length);
            }
            let passed = bytes.len().saturating_sub(LEAD_BYTES);
            self.window.consume(passed);
            if !self.window.fill() {
                let rest = self.window.bytes().len();
                return self.window.consume(rest);
            }
        }
    }
}
