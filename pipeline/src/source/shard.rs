//! One of n parts of the input, for n processes that share a warehouse.
//!
//! Which part a source file belongs to follows from its bytes alone, so it is the same for every process, whatever the
//! order of the listing, the folder that the files are mounted at, and the files beside it.

use std::fmt;
use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::str::FromStr;

use rexdrug_pubmed::{md5_of, md5_of_bytes, parse_sidecar, sidecar_path};
use thiserror::Error;

use super::input::file_name;

/// Bytes of a sidecar that are looked at; NLM's hold about 60.
const SIDECAR_BYTES: u64 = 4096;

/// Part `index` of `count`, counted from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shard {
    index: u32,
    count: u32,
}

/// A shard that cannot be.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum ShardError {
    /// Not of the form `i/n`.
    #[error("shard `{got}`: expected i/n, two whole numbers, counted from 0: 0/4, 1/4, 2/4 and 3/4 are all of four")]
    Form {
        /// What was given.
        got: String,
    },
    /// `n` is 0, or `i` is not below it.
    #[error("shard {index}/{count}: expected i below n, counted from 0: the last of {count} is {}/{count}", .count.saturating_sub(1))]
    Range {
        /// Part asked for.
        index: u32,
        /// Number of parts.
        count: u32,
    },
}

impl Default for Shard {
    /// All of it.
    fn default() -> Self {
        Self { index: 0, count: 1 }
    }
}

impl Shard {
    /// Part `index` of `count`, counted from 0.
    ///
    /// # Errors
    /// [`ShardError::Range`] unless `index` is below `count`.
    pub fn new(index: u32, count: u32) -> Result<Self, ShardError> {
        if index < count { Ok(Self { index, count }) } else { Err(ShardError::Range { index, count }) }
    }

    /// Which part, from 0.
    pub fn index(&self) -> u32 {
        self.index
    }

    /// How many parts there are.
    pub fn count(&self) -> u32 {
        self.count
    }

    /// Whether it is all of the input.
    pub fn is_whole(&self) -> bool {
        self.count == 1
    }

    /// Whether a source file belongs to this part, by its md5; blocks. The digest is taken from the file's sidecar where
    /// there is one, else the file is read.
    ///
    /// A file whose digest cannot be had belongs to every part: the process that reads it says in `quarantine` what is
    /// wrong, and the ledger sees to it that it is said once.
    pub fn owns_file(&self, path: &Path) -> bool {
        self.is_whole() || stated_md5(path).is_none_or(|md5| self.owns_md5(&md5))
    }

    /// Whether an article that is a file or object of its own belongs to this part: by its name and not by its bytes,
    /// so that all its versions meet in one process, which packs them in their order.
    pub fn owns_article(&self, name: &str) -> bool {
        self.is_whole() || self.owns(u128::from_be_bytes(md5_of_bytes(name.as_bytes())))
    }

    fn owns_md5(&self, hex: &str) -> bool {
        u128::from_str_radix(hex, 16).map_or(true, |digest| self.owns(digest))
    }

    fn owns(&self, digest: u128) -> bool {
        digest % u128::from(self.count) == u128::from(self.index)
    }
}

/// The md5 that the sidecar of `path` states, else that of its bytes, as 32 hex digits; none where the file cannot be
/// read. Blocks.
pub fn stated_md5(path: &Path) -> Option<String> {
    let mut text = Vec::new();
    let sidecar = File::open(sidecar_path(path)).and_then(|file| file.take(SIDECAR_BYTES).read_to_end(&mut text));
    let stated = sidecar.ok().and_then(|_| parse_sidecar(&String::from_utf8_lossy(&text)));
    stated.or_else(|| match md5_of(path) {
        Ok(md5) => Some(md5),
        Err(error) => {
            tracing::warn!(file = file_name(path), %error, "no digest; the file belongs to every shard");
            None
        }
    })
}

impl FromStr for Shard {
    type Err = ShardError;

    fn from_str(text: &str) -> Result<Self, ShardError> {
        let number = |part: &str| part.trim().parse::<u32>().ok();
        let parts = text.split_once('/').and_then(|(index, count)| number(index).zip(number(count)));
        let (index, count) = parts.ok_or_else(|| ShardError::Form { got: text.to_owned() })?;
        Self::new(index, count)
    }
}

impl fmt::Display for Shard {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}/{}", self.index, self.count)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;

    use super::*;

    fn all(count: u32) -> Vec<Shard> {
        (0..count).map(|index| Shard::new(index, count).unwrap()).collect()
    }

    #[test]
    fn the_form_is_checked_and_the_message_says_what_would_do() {
        assert_eq!("3/4".parse::<Shard>().unwrap(), Shard::new(3, 4).unwrap());
        assert_eq!("0/1".parse::<Shard>().unwrap(), Shard::default());
        for (text, hint) in
            [("4/4", "3/4"), ("0/0", "0/0"), ("1", "0/4"), ("-1/4", "0/4"), ("a/4", "`a/4`"), ("1/2/3", "0/4")]
        {
            let message = text.parse::<Shard>().unwrap_err().to_string();
            assert!(message.contains(hint), "{text}: {message}");
        }
    }

    #[test]
    fn a_file_is_its_bytes_wherever_it_lies_and_whether_or_not_a_sidecar_says_so() {
        let folder = tempfile::tempdir().unwrap();
        let elsewhere = folder.path().join("some/other/place");
        std::fs::create_dir_all(&elsewhere).unwrap();
        for number in 0..20 {
            let bytes = format!("file {number}");
            let (one, two) = (folder.path().join(format!("a{number}.xml")), elsewhere.join("b.xml.gz"));
            std::fs::write(&one, &bytes).unwrap();
            std::fs::write(&two, &bytes).unwrap();
            let md5 = md5_of(&one).unwrap();
            std::fs::write(sidecar_path(&two), format!("MD5(b.xml.gz)= {md5}\n")).unwrap();
            let owners = |path: &Path| -> Vec<u32> {
                all(7).iter().filter(|shard| shard.owns_file(path)).map(Shard::index).collect()
            };
            assert_eq!(owners(&one), owners(&two));
            let expected = u128::from_str_radix(&md5, 16).unwrap() % 7;
            assert_eq!(owners(&one), [u32::try_from(expected).unwrap()], "the rule that docs/deploy.md states");
        }
    }

    #[test]
    fn a_file_without_a_digest_is_left_out_by_nobody() {
        let gone = Path::new("/no/such/file.xml.gz");
        assert!(all(5).iter().all(|shard| shard.owns_file(gone)));
    }

    proptest! {
        #[test]
        fn every_article_has_one_owner(names in prop::collection::vec("PMC[0-9]{1,8}", 1..40), count in 1_u32..40) {
            for name in names {
                prop_assert_eq!(all(count).iter().filter(|shard| shard.owns_article(&name)).count(), 1);
            }
        }
    }
}
