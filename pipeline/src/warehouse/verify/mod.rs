//! Recomputes the invariants of a warehouse and says what does not hold.

mod files;
mod rows;
mod sql;
mod sums;

use std::collections::HashSet;

use rexdrug_schemas::SourceRef;
use serde::Serialize;

use super::Warehouse;
use super::error::Result;

/// Limits of a verification.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VerifyOptions {
    /// Findings kept of each kind; more are only counted.
    pub most_per_code: usize,
    /// Bytes that sorts and joins may hold before they spill to disk.
    pub memory_bytes: usize,
}

impl Default for VerifyOptions {
    fn default() -> Self {
        Self { most_per_code: 20, memory_bytes: 1 << 30 }
    }
}

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// An invariant is broken.
    Broken,
    /// A source file was not committed to its end; running it again repairs this.
    Unfinished,
}

/// One thing that is not as it must be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Stable code, e.g. `missing_file`.
    pub code: &'static str,
    /// Broken or only unfinished.
    pub severity: Severity,
    /// Table.
    pub table: &'static str,
    /// File, row or source file.
    pub place: String,
    /// What must hold.
    pub expected: String,
    /// What was found.
    pub got: String,
}

impl std::fmt::Display for Finding {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { code, table, place, expected, got, .. } = self;
        let next = match self.severity {
            Severity::Broken => "restore the file or commit its source files again",
            Severity::Unfinished => "run the source file again to finish it",
        };
        write!(out, "{code}: {table}: {place}: expected {expected}, got {got}; {next}")
    }
}

/// Findings so far, bounded per code.
pub(crate) struct Findings {
    most: usize,
    list: Vec<Finding>,
    left_out: Vec<(&'static str, &'static str, usize)>,
}

impl Findings {
    pub(crate) fn add(&mut self, finding: Finding) {
        if self.list.iter().filter(|other| other.code == finding.code).count() < self.most {
            self.list.push(finding);
            return;
        }
        match self.left_out.iter_mut().find(|(code, ..)| *code == finding.code) {
            Some((.., count)) => *count += 1,
            None => self.left_out.push((finding.code, finding.table, 1)),
        }
    }

    pub(crate) fn broken(
        &mut self,
        code: &'static str,
        table: &'static str,
        place: impl Into<String>,
        expected: impl Into<String>,
        got: impl Into<String>,
    ) {
        let (place, expected, got) = (place.into(), expected.into(), got.into());
        self.add(Finding { code, severity: Severity::Broken, table, place, expected, got });
    }

    pub(crate) fn unfinished(
        &mut self,
        code: &'static str,
        table: &'static str,
        place: impl Into<String>,
        expected: impl Into<String>,
        got: impl Into<String>,
    ) {
        let (place, expected, got) = (place.into(), expected.into(), got.into());
        self.add(Finding { code, severity: Severity::Unfinished, table, place, expected, got });
    }

    fn finish(mut self) -> Vec<Finding> {
        for (code, table, count) in self.left_out {
            let (expected, got) = ("none".to_owned(), format!("{count} more of this kind"));
            let severity = self.list.iter().find(|one| one.code == code).map_or(Severity::Broken, |one| one.severity);
            self.list.push(Finding { code, severity, table, place: "further rows".to_owned(), expected, got });
        }
        self.list.sort_by_key(|finding| finding.severity);
        self.list
    }
}

/// Source files whose commit is not finished, and the documents that they delete.
#[derive(Debug, Default)]
pub(crate) struct Unfinished {
    sources: HashSet<(String, String)>,
    deleted: HashSet<i64>,
}

impl Unfinished {
    pub(crate) fn has(&self, file: &str, md5: &str) -> bool {
        self.sources.contains(&(file.to_owned(), md5.to_owned()))
    }

    pub(crate) fn deletes(&self, doc_id: &str) -> bool {
        super::keys::pmid_of(doc_id).is_some_and(|pmid| self.deleted.contains(&pmid))
    }
}

/// Recomputes every invariant; an empty list means that all of them hold.
///
/// Reads each table once or twice as a stream; joins and groupings spill to disk beyond `memory_bytes`.
///
/// # Errors
/// Only when a log or store cannot be read at all; what is wrong inside the tables is a [`Finding`].
pub async fn verify(warehouse: &Warehouse, options: VerifyOptions) -> Result<Vec<Finding>> {
    let mut findings = Findings { most: options.most_per_code, list: Vec::new(), left_out: Vec::new() };
    let unfinished = unfinished(warehouse, &mut findings).await?;
    let readable = files::check(warehouse, &mut findings).await?;
    let session = sql::Session::open(warehouse, options.memory_bytes, &readable).await?;
    sql::check_keys(&session, &mut findings).await?;
    sql::check_models(&session, &unfinished, &mut findings).await?;
    rows::check(&session, &unfinished, &mut findings).await?;
    sums::check(warehouse, &session, &unfinished, &mut findings).await?;
    Ok(findings.finish())
}

async fn unfinished(warehouse: &Warehouse, findings: &mut Findings) -> Result<Unfinished> {
    let mut unfinished = Unfinished::default();
    let known = warehouse.sources().await?;
    let Some(documents) = warehouse.inner.documents.current().await? else { return Ok(unfinished) };
    for one in known {
        let SourceRef { source_file, source_md5, .. } = &one.source;
        let extraction = warehouse.extraction(&one.source).await?;
        let got = match (one.status, extraction) {
            (None, _) => "documents are in, the row in runs is not",
            (Some(_), Some(state)) if !state.finished => "an extraction is in, its row in runs is not",
            _ => continue,
        };
        findings.unfinished("unfinished_source", "runs", format!("{source_file} md5 {source_md5}"), "a row", got);
        unfinished.sources.insert((source_file.clone(), source_md5.clone()));
        let deleted = documents.ledger.documents(&one.source).map(|entry| entry.deleted.as_slice());
        unfinished.deleted.extend(deleted.unwrap_or_default().iter().map(|(pmid, _)| *pmid));
    }
    Ok(unfinished)
}
