//! A gzip reader that loses nothing before a fault.
//!
//! `flate2::bufread::MultiGzDecoder` drops the bytes that the failing call had already inflated, up to a whole
//! buffer of good records, and reports every fault as a text. This reader hands out each inflated byte first
//! and then one [`GzipError`], so that every record before the damage is delivered.

use std::io::{self, Read};

use flate2::{Crc, Decompress, FlushDecompress, Status};

/// Compressed bytes held at a time.
const INPUT_BYTES: usize = 64 * 1024;

/// Longest optional header field (name, comment) accepted; bounds the work on a damaged header.
const MAX_HEADER_FIELD: usize = 64 * 1024;

/// What is wrong with a gzip stream; `offset` counts compressed bytes from the start of the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum GzipError {
    /// The file ends inside a member.
    #[error("gzip stream ends inside a member at compressed byte {offset}; the file is incomplete, download it again")]
    Truncated {
        /// Length of the file.
        offset: u64,
    },
    /// A member does not start with a gzip header (or something that is no gzip follows the last member).
    #[error("expected a gzip member header at compressed byte {offset}, got other bytes; download the file again")]
    Header {
        /// Where the header was expected.
        offset: u64,
    },
    /// The deflate stream cannot be decoded.
    #[error("deflate stream is corrupt near compressed byte {offset}; download the file again")]
    Deflate {
        /// Input position when the decoder gave up.
        offset: u64,
    },
    /// The stored checksum or length differs from that of the inflated bytes.
    #[error(
        "gzip member fails its checksum: stored crc {expected:08x}, computed {actual:08x}, trailer at compressed \
         byte {offset}; download the file again"
    )]
    Checksum {
        /// CRC-32 stored in the trailer.
        expected: u32,
        /// CRC-32 of the inflated bytes.
        actual: u32,
        /// End of the trailer.
        offset: u64,
    },
}

impl From<GzipError> for io::Error {
    fn from(error: GzipError) -> Self {
        let kind = match error {
            GzipError::Truncated { .. } => io::ErrorKind::UnexpectedEof,
            _ => io::ErrorKind::InvalidData,
        };
        io::Error::new(kind, error)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    FirstHeader,
    NextHeader,
    Body,
    Trailer,
    Finished,
}

/// Inflates a gzip stream of one or more members; trailing zero padding is ignored.
pub struct GzipReader<R> {
    inner: R,
    input: Vec<u8>,
    at: usize,
    filled: usize,
    /// Compressed bytes before `input[0]`.
    base: u64,
    inflate: Decompress,
    crc: Crc,
    stage: Stage,
    failed: Option<GzipError>,
}

impl<R: Read> GzipReader<R> {
    /// Wraps a reader positioned at the first gzip header.
    pub fn new(inner: R) -> Self {
        Self {
            inner,
            input: vec![0; INPUT_BYTES],
            at: 0,
            filled: 0,
            base: 0,
            inflate: Decompress::new(false),
            crc: Crc::new(),
            stage: Stage::FirstHeader,
            failed: None,
        }
    }

    fn position(&self) -> u64 {
        self.base + self.at as u64
    }

    /// Makes at least one input byte available; false at the end of the file.
    fn refill(&mut self) -> io::Result<bool> {
        if self.at < self.filled {
            return Ok(true);
        }
        self.base += self.filled as u64;
        self.at = 0;
        self.filled = 0;
        loop {
            match self.inner.read(&mut self.input) {
                Ok(count) => {
                    self.filled = count;
                    return Ok(count > 0);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    fn byte(&mut self) -> io::Result<Option<u8>> {
        if !self.refill()? {
            return Ok(None);
        }
        let byte = self.input.get(self.at).copied();
        self.at += 1;
        Ok(byte)
    }

    fn require(&mut self) -> io::Result<u8> {
        match self.byte()? {
            Some(byte) => Ok(byte),
            None => Err(GzipError::Truncated { offset: self.position() }.into()),
        }
    }

    /// Reads one member header; false when the stream ends cleanly before it.
    fn header(&mut self) -> io::Result<bool> {
        let offset = self.position();
        let mut first = self.byte()?;
        if self.stage == Stage::NextHeader {
            while first == Some(0) {
                first = self.byte()?;
            }
        }
        let Some(first) = first else {
            return match self.stage {
                Stage::NextHeader => Ok(false),
                _ => Err(GzipError::Truncated { offset }.into()),
            };
        };
        if first != 0x1f || self.require()? != 0x8b || self.require()? != 8 {
            return Err(GzipError::Header { offset }.into());
        }
        let flags = self.require()?;
        for _ in 0..6 {
            self.require()?;
        }
        if flags & 0xe0 != 0 {
            return Err(GzipError::Header { offset }.into());
        }
        if flags & 4 != 0 {
            let length = u16::from_le_bytes([self.require()?, self.require()?]);
            for _ in 0..length {
                self.require()?;
            }
        }
        for flag in [8, 16] {
            if flags & flag != 0 {
                let mut length = 0;
                while self.require()? != 0 {
                    length += 1;
                    if length > MAX_HEADER_FIELD {
                        return Err(GzipError::Header { offset }.into());
                    }
                }
            }
        }
        if flags & 2 != 0 {
            self.require()?;
            self.require()?;
        }
        Ok(true)
    }

    fn trailer(&mut self) -> io::Result<()> {
        let mut stored = [0u8; 8];
        for slot in &mut stored {
            *slot = self.require()?;
        }
        let [a, b, c, d, e, f, g, h] = stored;
        let expected = u32::from_le_bytes([a, b, c, d]);
        let length = u32::from_le_bytes([e, f, g, h]);
        let actual = self.crc.sum();
        if expected != actual || length != self.crc.amount() {
            return Err(GzipError::Checksum { expected, actual, offset: self.position() }.into());
        }
        Ok(())
    }

    /// Inflates into `out`; zero means that the member's deflate stream has ended.
    fn body(&mut self, out: &mut [u8]) -> io::Result<usize> {
        loop {
            let more = self.refill()?;
            let input = self.input.get(self.at..self.filled).unwrap_or_default();
            let (consumed_before, produced_before) = (self.inflate.total_in(), self.inflate.total_out());
            let status = self.inflate.decompress(input, out, FlushDecompress::None);
            self.at += (self.inflate.total_in() - consumed_before) as usize;
            let produced = (self.inflate.total_out() - produced_before) as usize;
            self.crc.update(out.get(..produced).unwrap_or_default());
            let offset = self.position();
            match status {
                Ok(Status::StreamEnd) => self.stage = Stage::Trailer,
                Ok(_) if produced == 0 && !more => self.failed = Some(GzipError::Truncated { offset }),
                Ok(_) if produced == 0 => continue,
                Ok(_) => {}
                Err(_) => self.failed = Some(GzipError::Deflate { offset }),
            }
            return Ok(produced);
        }
    }
}

impl<R: Read> Read for GzipReader<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if out.is_empty() {
            return Ok(0);
        }
        loop {
            if let Some(error) = self.failed {
                return Err(error.into());
            }
            match self.stage {
                Stage::FirstHeader | Stage::NextHeader => {
                    if self.header()? {
                        self.inflate.reset(false);
                        self.crc.reset();
                        self.stage = Stage::Body;
                    } else {
                        self.stage = Stage::Finished;
                    }
                }
                Stage::Body => {
                    let produced = self.body(out)?;
                    if produced > 0 {
                        return Ok(produced);
                    }
                }
                Stage::Trailer => {
                    self.trailer()?;
                    self.stage = Stage::NextHeader;
                }
                Stage::Finished => return Ok(0),
            }
        }
    }
}
