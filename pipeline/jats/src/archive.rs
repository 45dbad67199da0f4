//! Packages of articles: tar, gzipped or not.

use std::io::{self, Read};
use std::ops::ControlFlow;

use rexdrug_pubmed::{GzipError, PubmedInput};

use crate::fault::ArticleFault;

/// One article of a package.
#[derive(Debug)]
pub struct Member {
    /// Path inside the package.
    pub name: String,
    /// Its bytes, or why it has none.
    pub content: Result<Vec<u8>, ArticleFault>,
}

/// How reading a package ended.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Members {
    /// Articles delivered.
    pub articles: u64,
    /// Entries that are no XML: figures, supplements, file lists.
    pub other: u64,
    /// What ended it before its end.
    pub fault: Option<ArticleFault>,
}

/// Whether a file name is that of a package.
pub fn is_archive(name: &str) -> bool {
    let lower = name.to_ascii_lowercase();
    [".tar.gz", ".tgz", ".tar"].iter().any(|ending| lower.ends_with(ending))
}

impl Members {
    /// Reads a package entry by entry; `each` gets every article and may break off. One article is held at a time, and
    /// none longer than `limit` bytes.
    pub fn read<R: Read>(input: R, limit: usize, each: &mut dyn FnMut(Member) -> ControlFlow<()>) -> Self {
        let mut members = Self::default();
        if let Err(error) = members.entries(input, limit, each) {
            members.fault = Some(fault(&error, members.articles));
        }
        members
    }

    fn entries<R: Read>(
        &mut self,
        input: R,
        limit: usize,
        each: &mut dyn FnMut(Member) -> ControlFlow<()>,
    ) -> io::Result<()> {
        let mut archive = tar::Archive::new(PubmedInput::detect(input)?);
        for entry in archive.entries()? {
            let mut entry = entry?;
            let name = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
            let lower = name.to_ascii_lowercase();
            if !entry.header().entry_type().is_file() || !(lower.ends_with(".xml") || lower.ends_with(".nxml")) {
                self.other += u64::from(entry.header().entry_type().is_file());
                continue;
            }
            let size = entry.size();
            let content = match usize::try_from(size).ok().filter(|size| *size <= limit) {
                None => Err(ArticleFault::TooLarge { limit: limit as u64 }),
                Some(expected) => {
                    let mut bytes = Vec::with_capacity(expected);
                    entry.read_to_end(&mut bytes)?;
                    if bytes.len() < expected {
                        let what = format!("the package ends inside {name}; fetch it again");
                        return Err(io::Error::new(io::ErrorKind::UnexpectedEof, what));
                    }
                    Ok(bytes)
                }
            };
            self.articles += 1;
            if each(Member { name, content }).is_break() {
                return Ok(());
            }
        }
        // What follows the last entry: the end of the gzip stream with its checksum.
        io::copy(&mut archive.into_inner(), &mut io::sink()).map(|_| ())
    }
}

/// The gzip fault under an I/O error, wherever in its chain.
fn gzip_fault(error: &io::Error) -> Option<GzipError> {
    let mut inner: Option<&(dyn std::error::Error + 'static)> =
        error.get_ref().map(|inner| inner as &(dyn std::error::Error + 'static));
    while let Some(current) = inner {
        if let Some(found) = current.downcast_ref::<GzipError>() {
            return Some(*found);
        }
        if let Some(found) = current.downcast_ref::<io::Error>().and_then(gzip_fault) {
            return Some(found);
        }
        inner = current.source();
    }
    None
}

fn fault(error: &io::Error, articles: u64) -> ArticleFault {
    let (code, offset) = match gzip_fault(error) {
        Some(GzipError::Truncated { offset }) => ("truncated_gzip", offset),
        Some(GzipError::Header { offset }) => ("corrupt_gzip_header", offset),
        Some(GzipError::Deflate { offset }) => ("corrupt_deflate", offset),
        Some(GzipError::Checksum { offset, .. }) => ("checksum_mismatch", offset),
        None if error.kind() == io::ErrorKind::UnexpectedEof => ("truncated_archive", 0),
        None => ("corrupt_archive", 0),
    };
    ArticleFault::Input { code, message: format!("after {articles} articles of the package: {error}"), offset }
}
