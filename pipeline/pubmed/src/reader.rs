//! The iterator over a file's records.

use std::io::Read;

use super::article::{Workspace, read_article, read_deletions, recover_pmid};
use super::fault::{FileFault, RejectReason, RejectedRecord};
use super::framing::{Frame, FrameKind, Framer};
use super::record::PubmedEvent;

/// Characters of a rejected record that are kept.
const EXCERPT_CHARACTERS: usize = 200;

/// Limits of a reader.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReaderOptions {
    /// Longest record read, in bytes of XML; longer ones are rejected and skipped. Memory stays within a small
    /// multiple of it.
    pub max_record_bytes: usize,
}

impl Default for ReaderOptions {
    /// 64 MiB.
    fn default() -> Self {
        Self { max_record_bytes: 64 * 1024 * 1024 }
    }
}

/// Reads MEDLINE XML record by record.
///
/// Yields `Ok` for each record, deletion list and reject, in file order. A [`FileFault`] is the last item: everything
/// before the fault has been delivered and nothing follows it. Each record of the file yields exactly one
/// [`PubmedEvent::Article`] or [`PubmedEvent::Rejected`].
pub struct PubmedReader<R> {
    framer: Framer<R>,
    workspace: Workspace,
    /// A second event of the last frame.
    queued: Option<PubmedEvent>,
    finished: bool,
}

impl<R: Read> PubmedReader<R> {
    /// Reads decompressed XML; see [`PubmedInput`](super::PubmedInput) for gzip.
    pub fn new(reader: R) -> Self {
        Self::with_options(reader, ReaderOptions::default())
    }

    /// Reads decompressed XML with limits of one's own.
    pub fn with_options(reader: R, options: ReaderOptions) -> Self {
        Self {
            framer: Framer::new(reader, options.max_record_bytes),
            workspace: Workspace::default(),
            queued: None,
            finished: false,
        }
    }

    fn event(&mut self, frame: Frame) -> Option<PubmedEvent> {
        let outcome = match frame.kind {
            FrameKind::Article => read_article(self.framer.bytes(), &mut self.workspace).map(|mut article| {
                article.record = frame.record;
                article.offset = frame.offset;
                Some(PubmedEvent::Article(article))
            }),
            FrameKind::Delete => read_deletions(self.framer.bytes(), &mut self.workspace).map(|(deleted, unusable)| {
                if unusable > 0 {
                    self.queued = Some(self.reject(frame, RejectReason::InvalidDeletion { count: unusable }));
                }
                (!deleted.is_empty()).then_some(PubmedEvent::Deleted(deleted))
            }),
            FrameKind::Book => Err(RejectReason::BookArticle),
            FrameKind::Bad(reason) => Err(reason),
        };
        match outcome {
            Ok(event) => event,
            Err(reason) => Some(self.reject(frame, reason.at(frame.offset))),
        }
    }

    fn reject(&self, frame: Frame, reason: RejectReason) -> PubmedEvent {
        let bytes = self.framer.bytes();
        let head = bytes.get(..EXCERPT_CHARACTERS * 4).unwrap_or(bytes);
        let excerpt = String::from_utf8_lossy(head).chars().take(EXCERPT_CHARACTERS).collect();
        let pmid = if frame.kind == FrameKind::Delete { None } else { recover_pmid(bytes) };
        PubmedEvent::Rejected(Box::new(RejectedRecord {
            reason,
            record: frame.record,
            offset: frame.offset,
            pmid,
            excerpt,
        }))
    }
}

impl<R: Read> Iterator for PubmedReader<R> {
    type Item = Result<PubmedEvent, FileFault>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(event) = self.queued.take() {
                return Some(Ok(event));
            }
            if self.finished {
                return None;
            }
            match self.framer.next() {
                Ok(Some(frame)) => {
                    if let Some(event) = self.event(frame) {
                        return Some(Ok(event));
                    }
                }
                Ok(None) => self.finished = true,
                Err(fault) => {
                    self.finished = true;
                    return Some(Err(fault));
                }
            }
        }
    }
}
