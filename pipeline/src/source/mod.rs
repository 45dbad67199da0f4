//! Sources: files in, plain records out, then rows of the `documents` table.

mod articles;
mod documents;
mod ingest;
mod input;
mod inventory;
mod layout;
mod licences;
mod local;
mod manifest;
mod objects;
mod quarantine;
mod row;
mod shard;

pub(crate) use articles::UNLICENSED;
pub use documents::{DocumentRows, text_document};
pub use ingest::{IngestOptions, IngestedFile, identify_file};
pub use input::decompressed;
pub use input::{Input, Origin, Pack, PackMember};
pub use inventory::{Inventory, InventoryCounts};
pub use layout::Layout;
pub use licences::LicenceFilter;
pub use local::{LocalFiles, LocalPlan};
pub use manifest::{Manifest, ManifestFile};
pub use objects::{ObjectReader, Requests};
pub use quarantine::{QuarantineRow, quarantine_batch};
pub use rexdrug_pubmed::md5_of;
pub use shard::{Shard, ShardError, stated_md5};
