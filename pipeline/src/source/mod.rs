//! Sources: files in, plain records out, then rows of the `documents` table.

mod documents;
mod ingest;
mod quarantine;

pub use documents::{DocumentRows, text_document};
pub use ingest::{IngestOptions, IngestedFile, identify_file};
pub use quarantine::{QuarantineRow, quarantine_batch};
