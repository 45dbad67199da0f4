//! Gzip or plain XML, told apart by the first two bytes.

use std::fs::File;
use std::io::{self, Cursor, Read};
use std::path::Path;

use super::fault::FileFault;
use super::gzip::GzipReader;
use super::reader::{PubmedReader, ReaderOptions};

/// A reader with the bytes that were looked at put back in front.
type Peeked<R> = io::Chain<Cursor<Vec<u8>>, R>;

/// The decompressed bytes of a file.
pub enum PubmedInput<R> {
    /// Gzip, one or more members.
    Gzip(Box<GzipReader<Peeked<R>>>),
    /// Plain XML.
    Plain(Peeked<R>),
}

impl<R: Read> PubmedInput<R> {
    /// Looks at the first two bytes.
    ///
    /// # Errors
    /// When they cannot be read; an empty input is plain.
    pub fn detect(mut reader: R) -> io::Result<Self> {
        let mut magic = Vec::with_capacity(2);
        Read::by_ref(&mut reader).take(2).read_to_end(&mut magic)?;
        let is_gzip = magic == [0x1f, 0x8b];
        let peeked = Cursor::new(magic).chain(reader);
        Ok(if is_gzip { Self::Gzip(Box::new(GzipReader::new(peeked))) } else { Self::Plain(peeked) })
    }
}

impl<R: Read> Read for PubmedInput<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Gzip(reader) => reader.read(out),
            Self::Plain(reader) => reader.read(out),
        }
    }
}

/// Opens a MEDLINE file, gzip or plain.
///
/// # Errors
/// A fault of kind [`FaultKind::Io`](super::FaultKind::Io) that names the path.
pub fn open(path: &Path) -> Result<PubmedReader<PubmedInput<File>>, FileFault> {
    open_with(path, ReaderOptions::default())
}

/// Opens a MEDLINE file with limits of one's own.
///
/// # Errors
/// As [`open`].
pub fn open_with(path: &Path, options: ReaderOptions) -> Result<PubmedReader<PubmedInput<File>>, FileFault> {
    let describe = |error: io::Error| FileFault::before_start(&error, &format!("could not open {}", path.display()));
    let file = File::open(path).map_err(describe)?;
    let input = PubmedInput::detect(file).map_err(describe)?;
    Ok(PubmedReader::with_options(input, options))
}
