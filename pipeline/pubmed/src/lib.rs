//! PubMed's MEDLINE XML (baseline and update files) as plain structs.
//!
//! ```text
//! file ─▶ gzip ─▶ window ─▶ framing + boundary ─▶ elements + text ─▶ PubmedEvent
//!         inflate  sliding   one record's bytes     one record's        Article | Deleted | Rejected
//!                  buffer                           fields
//! ```
//!
//! A record is found by searching for its end tag and only then parsed, so a damaged record is rejected with a reason
//! and reading goes on at the next one; damage to the file itself ends the iteration with a [`FileFault`] after every
//! record before it. At most one record is held. Entities are never expanded and nothing outside the file is opened.

mod article;
mod boundary;
mod checksum;
mod elements;
mod fault;
mod framing;
mod gzip;
mod input;
mod markup;
mod prolog;
mod reader;
mod record;
mod text;
mod window;

#[cfg(test)]
mod tests;

pub use checksum::{SidecarCheck, check_sidecar, md5_of, md5_of_bytes, parse_sidecar, sidecar_path};
pub use fault::{FaultKind, FileFault, RejectReason, RejectedRecord};
pub use gzip::{GzipError, GzipReader};
pub use input::{PubmedInput, open, open_with};
pub use reader::{PubmedReader, ReaderOptions};
/// The XML layer below the records, for readers of other formats: tokens, the text policy, what stands before the root.
pub mod xml {
    pub use crate::fault::RejectReason;
    pub use crate::markup::{Tag, Token, Tokens, attribute};
    pub use crate::prolog::{doctype_length, foreign_byte_order, foreign_encoding};
    pub use crate::text::{finish, push_literal, push_text};
}

pub use record::{AbstractSection, OtherAbstract, PmidVersion, PubmedEvent, PubmedRecord};
