//! A sliding window over a byte stream: what has been read and not yet consumed.

use std::io::{self, Read};

/// Bytes asked of the reader at a time; with the record in it this stays within a core's second-level cache.
const CHUNK: usize = 256 * 1024;

/// Grows only for what must be seen at once, and moves bytes only after at least as many were consumed, so that the
/// cost of moving stays proportional to the stream.
pub(super) struct Window<R> {
    reader: R,
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    /// Stream offset of `buffer[start]`.
    offset: u64,
    ended: bool,
    error: Option<io::Error>,
}

impl<R: Read> Window<R> {
    pub(super) fn new(reader: R) -> Self {
        Self { reader, buffer: vec![0; CHUNK], start: 0, end: 0, offset: 0, ended: false, error: None }
    }

    /// The unconsumed bytes read so far.
    pub(super) fn bytes(&self) -> &[u8] {
        self.buffer.get(self.start..self.end).unwrap_or_default()
    }

    /// Stream offset of the first unconsumed byte.
    pub(super) fn offset(&self) -> u64 {
        self.offset
    }

    /// The read error that ended the stream, if one did.
    pub(super) fn error(&self) -> Option<&io::Error> {
        self.error.as_ref()
    }

    pub(super) fn consume(&mut self, count: usize) {
        let count = count.min(self.end - self.start);
        self.start += count;
        self.offset += count as u64;
    }

    /// Reads more; false when the stream has ended, by its end or by an error.
    pub(super) fn fill(&mut self) -> bool {
        if self.ended {
            return false;
        }
        let held = self.end - self.start;
        if self.start >= held {
            self.buffer.copy_within(self.start..self.end, 0);
            self.start = 0;
            self.end = held;
        }
        if self.buffer.len() - self.end < CHUNK / 2 {
            let size = self.buffer.len() + self.buffer.len().max(CHUNK);
            self.buffer.resize(size, 0);
        }
        loop {
            let free = self.buffer.get_mut(self.end..).unwrap_or_default();
            match self.reader.read(free) {
                Ok(0) => self.ended = true,
                Ok(count) => self.end += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => {
                    self.ended = true;
                    self.error = Some(error);
                }
            }
            return !self.ended;
        }
    }
}
