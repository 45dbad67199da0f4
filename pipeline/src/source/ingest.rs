//! One PubMed file: digest, parse, spool. Nothing is committed here.

use std::path::Path;
use std::time::Instant;

use rexdrug_schemas::{DOCUMENTS, QuarantineStage, RunStatus, SourceRef, pmid_doc_id, source_sequence};

use super::documents::DocumentRows;
use super::input::{hex, package_sequence};
use super::licences::LicenceFilter;
use super::quarantine::QuarantineRow;
use crate::error::PipelineError;
use crate::warehouse::{SpoolFile, SpoolWriter};
use rexdrug_jats::is_archive;
use rexdrug_pubmed::{self as pubmed, FileFault, PubmedEvent, RejectReason, RejectedRecord, SidecarCheck};

/// How files are read.
#[derive(Debug, Clone)]
pub struct IngestOptions {
    /// Rows of one batch.
    pub batch_rows: usize,
    /// Bytes of text after which a batch is closed early.
    pub batch_bytes: usize,
    /// Licences of the articles that are read; none allows all. Citations carry no licence and are always read.
    pub licences: Option<LicenceFilter>,
    /// Whether body rows of tables are sections of their own; left out and counted otherwise.
    pub table_rows: bool,
}

impl Default for IngestOptions {
    fn default() -> Self {
        Self { batch_rows: 512, batch_bytes: 1 << 20, licences: None, table_rows: false }
    }
}

/// A file that was read to its end or to its fault.
#[derive(Debug)]
pub struct IngestedFile {
    /// Name, digest and order of the file.
    pub source: SourceRef,
    /// Size as delivered.
    pub source_bytes: u64,
    /// `documents` rows, where there are any.
    pub documents: Option<SpoolFile>,
    /// `DeleteCitation` entries: PMID and version.
    pub deletions: Vec<(i64, i32)>,
    /// What was refused.
    pub quarantine: Vec<QuarantineRow>,
    /// Documents + refused records.
    pub records_read: u64,
    /// Rows in `documents`.
    pub documents_read: u64,
    /// Refused records.
    pub records_quarantined: u64,
    /// Those among them whose licence is not allowed.
    pub records_unlicensed: u64,
    /// Read to its end, to a fault, or not at all.
    pub status: RunStatus,
    /// Wall seconds.
    pub seconds: f64,
}

/// Computes the digest of `path`, PubMed XML or a package, and compares it with its sidecar; blocks. A file that fails is marked as failed.
pub fn identify_file(path: &Path) -> IngestedFile {
    let started = Instant::now();
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let source_seq = if is_archive(&name) { package_sequence(&name) } else { source_sequence(&name) };
    let source = SourceRef { source_seq, source_file: name, source_md5: String::new() };
    let mut file = IngestedFile::unread(source, std::fs::metadata(path).map(|facts| facts.len()).unwrap_or(0));
    file.check_digest(path);
    file.seconds = started.elapsed().as_secs_f64();
    file
}

/// Stands for a file beside a sidecar that contradicts it. Not the file's own md5: under that it would count as done when
/// the sidecar is put right.
fn beside_sidecar(md5: &str, sidecar: &str) -> String {
    hex(&pubmed::md5_of_bytes(format!("{md5}\t{sidecar}").as_bytes()))
}

impl IngestedFile {
    pub(crate) fn unread(source: SourceRef, source_bytes: u64) -> Self {
        Self {
            source,
            source_bytes,
            documents: None,
            deletions: Vec::new(),
            quarantine: Vec::new(),
            records_read: 0,
            documents_read: 0,
            records_quarantined: 0,
            records_unlicensed: 0,
            status: RunStatus::Done,
            seconds: 0.0,
        }
    }

    fn check_digest(&mut self, path: &Path) {
        let (md5, refusal) = match pubmed::check_sidecar(path) {
            Ok(SidecarCheck::Verified { md5 } | SidecarCheck::Absent { md5 }) => (md5, None),
            Ok(SidecarCheck::Mismatch { expected, actual }) => {
                let message =
                    format!("md5 is {actual}, the sidecar says {expected}; the download is damaged, fetch it again");
                (beside_sidecar(&actual, &expected), Some(("md5_mismatch", message)))
            }
            Ok(SidecarCheck::Unreadable { md5, reason }) => {
                (beside_sidecar(&md5, &reason), Some(("md5_unreadable", reason)))
            }
            Err(error) => (String::new(), Some(("io", format!("cannot read {}: {error}", path.display())))),
        };
        self.source.source_md5 = md5;
        let Some((reason, message)) = refusal else { return };
        self.status = RunStatus::Failed;
        self.quarantine.push(QuarantineRow {
            stage: QuarantineStage::File,
            reason: reason.to_owned(),
            message,
            doc_id: None,
            record: None,
            byte_offset: None,
            excerpt: None,
            member: None,
            etag: None,
        });
    }

    /// Reads `path` into a spool file under `spool`; blocks. Whatever is wrong with the file ends in `quarantine`.
    ///
    /// # Errors
    /// Only when the spool cannot be written.
    pub fn read(mut self, path: &Path, spool: &Path, options: &IngestOptions) -> Result<Self, PipelineError> {
        if self.status == RunStatus::Failed {
            return Ok(self);
        }
        let started = Instant::now();
        let mut writer = SpoolWriter::create(&DOCUMENTS, spool)?;
        let mut rows = DocumentRows::default();
        match pubmed::open(path) {
            Ok(reader) => {
                for event in reader {
                    match event {
                        Ok(PubmedEvent::Article(record)) => {
                            rows.push(&record);
                            self.documents_read += 1;
                            if rows.len() >= options.batch_rows || rows.text_bytes() >= options.batch_bytes {
                                self.flush(&mut rows, &mut writer)?;
                            }
                        }
                        Ok(PubmedEvent::Deleted(listed)) => self.deletions.extend(listed.iter().map(|entry| {
                            (i64::try_from(entry.pmid).unwrap_or(i64::MAX), i32::try_from(entry.version).unwrap_or(1))
                        })),
                        Ok(PubmedEvent::Rejected(record)) => self.reject(&record),
                        Err(fault) => self.fault(&fault),
                    }
                }
            }
            Err(fault) => self.fault(&fault),
        }
        self.flush(&mut rows, &mut writer)?;
        self.records_read = self.documents_read + self.records_quarantined;
        self.documents = (self.documents_read > 0).then(|| writer.finish()).transpose()?;
        self.seconds += started.elapsed().as_secs_f64();
        Ok(self)
    }

    fn flush(&mut self, rows: &mut DocumentRows, writer: &mut SpoolWriter) -> Result<(), PipelineError> {
        if rows.is_empty() {
            return Ok(());
        }
        let batch = rows.finish(&self.source).map_err(|error| PipelineError::rows("documents", &error))?;
        Ok(writer.write(&batch)?)
    }

    fn reject(&mut self, record: &RejectedRecord) {
        // A damaged deletion list is no record: it does not count among them.
        let stage = match record.reason {
            RejectReason::InvalidDeletion { .. } => QuarantineStage::File,
            _ => QuarantineStage::Record,
        };
        self.records_quarantined += u64::from(stage == QuarantineStage::Record);
        self.quarantine.push(QuarantineRow {
            stage,
            reason: record.reason.code().to_owned(),
            message: record.reason.to_string(),
            doc_id: record.pmid.and_then(|pmid| i64::try_from(pmid).ok()).map(pmid_doc_id),
            record: i64::try_from(record.record).ok(),
            byte_offset: i64::try_from(record.offset).ok(),
            excerpt: Some(record.excerpt.clone()),
            member: None,
            etag: None,
        });
    }

    fn fault(&mut self, fault: &FileFault) {
        self.status = if self.documents_read > 0 { RunStatus::Partial } else { RunStatus::Failed };
        self.quarantine.push(QuarantineRow {
            stage: QuarantineStage::File,
            reason: fault.code().to_owned(),
            message: fault.to_string(),
            doc_id: None,
            record: i64::try_from(fault.record).ok(),
            byte_offset: i64::try_from(fault.offset).ok(),
            excerpt: None,
            member: None,
            etag: None,
        });
    }
}
