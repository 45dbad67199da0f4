//! MD5 of a file, and the `.md5` sidecar that NLM publishes beside each file.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use md5::{Digest, Md5};

/// Longest sidecar read; NLM's hold about 60 bytes.
const MAX_SIDECAR_BYTES: u64 = 4096;

/// Outcome of comparing a file with its sidecar. Digests are 32 lower-case hex digits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SidecarCheck {
    /// The digests agree.
    Verified {
        /// MD5 of the file.
        md5: String,
    },
    /// There is no sidecar.
    Absent {
        /// MD5 of the file.
        md5: String,
    },
    /// The digests differ: the download is damaged.
    Mismatch {
        /// Digest in the sidecar.
        expected: String,
        /// MD5 of the file.
        actual: String,
    },
    /// The sidecar exists but holds no digest, or cannot be read.
    Unreadable {
        /// MD5 of the file.
        md5: String,
        /// What, where and what was expected.
        reason: String,
    },
}

/// MD5 of a file, streamed, as 32 lower-case hex digits.
///
/// # Errors
/// When the file cannot be opened or read.
pub fn md5_of(path: &Path) -> io::Result<String> {
    let mut file = File::open(path)?;
    let mut digest = Md5::new();
    let mut buffer = vec![0u8; 128 * 1024];
    loop {
        match file.read(&mut buffer) {
            Ok(0) => return Ok(hex::encode(digest.finalize())),
            Ok(count) => digest.update(buffer.get(..count).unwrap_or_default()),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// MD5 of bytes in memory.
pub fn md5_of_bytes(bytes: &[u8]) -> [u8; 16] {
    Md5::digest(bytes).into()
}

/// Path of the sidecar: `X.xml.gz.md5` for `X.xml.gz`.
pub fn sidecar_path(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".md5");
    PathBuf::from(name)
}

/// The digest in a sidecar's text: `MD5(name)= hex` (NLM), `hex  name` (md5sum) or the digest alone.
pub fn parse_sidecar(text: &str) -> Option<String> {
    let line = text.lines().find(|line| !line.trim().is_empty())?.trim();
    let digest = match line.rsplit_once('=') {
        Some((name, digest)) if name.trim_start().get(..3).is_some_and(|head| head.eq_ignore_ascii_case("md5")) => {
            digest
        }
        _ => line.split_ascii_whitespace().next()?,
    };
    let digest = digest.trim().trim_start_matches('\\');
    let valid = digest.len() == 32 && digest.bytes().all(|byte| byte.is_ascii_hexdigit());
    valid.then(|| digest.to_ascii_lowercase())
}

/// Compares a file with its sidecar.
///
/// # Errors
/// When the file itself cannot be read; trouble with the sidecar is an outcome, not an error.
pub fn check_sidecar(path: &Path) -> io::Result<SidecarCheck> {
    let md5 = md5_of(path)?;
    let sidecar = sidecar_path(path);
    let mut text = Vec::new();
    let read = File::open(&sidecar).and_then(|file| file.take(MAX_SIDECAR_BYTES).read_to_end(&mut text));
    if let Err(error) = read {
        return Ok(match error.kind() {
            io::ErrorKind::NotFound => SidecarCheck::Absent { md5 },
            _ => SidecarCheck::Unreadable { md5, reason: format!("{}: {error}", sidecar.display()) },
        });
    }
    Ok(match parse_sidecar(&String::from_utf8_lossy(&text)) {
        Some(expected) if expected == md5 => SidecarCheck::Verified { md5 },
        Some(expected) => SidecarCheck::Mismatch { expected, actual: md5 },
        None => SidecarCheck::Unreadable {
            md5,
            reason: format!(
                "{}: expected 'MD5(name)= <32 hex digits>' or '<32 hex digits>  name', got something else; \
                 download the sidecar again",
                sidecar.display()
            ),
        },
    })
}
