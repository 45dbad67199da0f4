//! Arrow schemas, labels and typed ids shared by every rexdrug crate.
//!
//! Everything that crosses a boundary (operator to operator, pipeline to warehouse, warehouse to reader) has its
//! columns defined here, once, with the sentence of documentation that `docs/reference/tables.md` is made of.
//! Offsets are Unicode code points into `documents.text`, half-open, as brat, BioC and Python slice.

mod candidate;
mod column;
mod combination;
mod document;
mod effect;
mod error;
mod ids;
mod mention;
mod provenance;
mod quarantine;
mod reference;
mod run;

pub use candidate::{CANDIDATES, SENTENCES};
pub use column::{Column, Table};
pub use combination::{COMBINATIONS, effect_scores_type};
pub use document::{DOCUMENTS, TABLE_ROW, excluded_type, section_type};
pub use effect::Effect;
pub use error::SchemaError;
pub use ids::{combination_id, drug_key, pmcid_doc_id, pmid_doc_id, source_sequence, source_year};
pub use mention::{combination_drug_type, mention_type};
pub use provenance::{ExtractionProvenance, SourceRef};
pub use quarantine::{QUARANTINE, QuarantineStage};
pub use reference::tables_markdown;
pub use run::{RUNS, RunStatus};

/// The four tables of a warehouse, in the order in which a file is committed to them.
pub fn warehouse_tables() -> [&'static Table; 4] {
    [&DOCUMENTS, &QUARANTINE, &COMBINATIONS, &RUNS]
}

/// Version of the table layout; a golden file per version stands in `schemas/golden`.
pub const SCHEMA_VERSION: u32 = 3;
