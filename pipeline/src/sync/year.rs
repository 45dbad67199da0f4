//! A new baseline year states every document anew; what it no longer holds is dropped.
//!
//! The drop is one more source file of the ledger, `pubmed27n0000.dropped`: a list of deletions whose sequence lies before
//! every file of the new year and after every file of the years before. So it is committed, resumed, counted in `runs`
//! (which lists the PMIDs) and verified like any other file, and a file of an old year that is given later is bound by it.

use arrow::array::AsArray;
use arrow::datatypes::{DataType, Int64Type};
use datafusion::prelude::SessionContext;
use md5::{Digest, Md5};
use rexdrug_schemas::{RunStatus, SourceRef, source_year};
use serde::Serialize;

use super::driver::BASELINE;
use super::error::SyncError;
use super::listing::RemoteFile;
use crate::run::{RunOptions, empty_draft};
use crate::warehouse::{FileCommit, Warehouse, WarehouseError};

/// Dropped PMIDs that are shown; `runs` lists all.
const SHOWN: usize = 20;

/// What became of the documents of older years.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct YearReport {
    /// The year of the baseline.
    pub year: i64,
    /// Documents dropped.
    pub dropped: u64,
    /// The first of their PMIDs; `runs.deleted` of the named source file lists all.
    pub pmids: Vec<i64>,
    /// Source file in `runs` under which they were dropped.
    pub source_file: Option<String>,
    /// Why nothing was dropped although documents of older years are there.
    pub refused: Option<String>,
}

/// The newest year whose baseline is listed in full: numbered without a gap from 1, and followed by its first update file.
/// While NLM still writes it, it is not.
pub(super) fn complete_year(listed: &[RemoteFile]) -> Option<(i64, Vec<&RemoteFile>)> {
    let year = listed.iter().map(|file| source_year(file.sequence)).max()?;
    let of_year = |file: &&RemoteFile| source_year(file.sequence) == year;
    let baseline: Vec<&RemoteFile> = listed.iter().filter(of_year).filter(|file| file.folder == BASELINE).collect();
    let first = year * 1_000_000;
    let whole = (1..).zip(&baseline).all(|(number, file)| file.sequence == first + number);
    let next = first + baseline.len() as i64 + 1;
    let followed = listed.iter().any(|file| file.folder != BASELINE && file.sequence == next);
    (whole && followed && !baseline.is_empty()).then_some((year, baseline))
}

/// Drops the documents that only files of older years hold, once the new baseline is in the warehouse as a whole.
pub(super) async fn drop_older_years(
    warehouse: &Warehouse,
    listed: &[RemoteFile],
    most_share: f64,
    run: &RunOptions,
) -> Result<Option<YearReport>, SyncError> {
    let Some((year, baseline)) = complete_year(listed) else { return Ok(None) };
    let context = SessionContext::new();
    warehouse.register(&context).await?;
    let counts = integers(
        &context,
        &format!("SELECT count(*), sum(CASE WHEN {} THEN 1 ELSE 0 END) FROM documents", older(year)),
    )
    .await?;
    let (total, old) = counts.first().copied().unwrap_or_default();
    if old == 0 {
        return Ok(None);
    }
    let mut report = YearReport { year, ..YearReport::default() };
    let sources = warehouse.sources().await?;
    let done = |name: &str| {
        sources.iter().any(|known| known.source.source_file == name && known.status == Some(RunStatus::Done))
    };
    let lacking = baseline.iter().filter(|file| !done(&file.name)).count();
    if lacking > 0 {
        // Half a baseline is no news that documents are gone; nothing is wrong unless it stays so.
        tracing::info!(year, lacking, "the new baseline is not whole in the warehouse yet; nothing dropped");
        return Ok(None);
    }
    // A record that was refused is still NLM's: its older version stays.
    let gone = format!(
        "SELECT pmid, version FROM documents WHERE {} AND doc_id NOT IN \
         (SELECT doc_id FROM quarantine WHERE doc_id IS NOT NULL AND source_seq >= {}) ORDER BY pmid",
        older(year),
        year * 1_000_000
    );
    let share = old as f64 / total.max(1) as f64;
    if share > most_share {
        report.refused = Some(format!(
            "{old} of {total} documents ({:.1} %) are not in the baseline of {year}, more than the {:.1} % that may be \
             dropped at once; look at them, then start again with a larger --max-drop",
            share * 100.0,
            most_share * 100.0
        ));
        return Ok(Some(report));
    }
    // Of every version: a file of an old year that is given late must not bring one back.
    let deletions: Vec<(i64, i32)> =
        integers(&context, &gone).await?.into_iter().map(|(pmid, _)| (pmid, i32::MAX)).collect();
    if deletions.is_empty() {
        return Ok(None);
    }
    let source = drop_source(year, baseline.first().map_or("pubmed", |file| file.name.as_str()), &deletions);
    report.dropped = deletions.len() as u64;
    report.pmids = deletions.iter().map(|(pmid, _)| *pmid).take(SHOWN).collect();
    report.source_file = Some(source.source_file.clone());
    tracing::warn!(year, dropped = report.dropped, first = ?report.pmids, "no longer in the baseline");
    let job = FileCommit {
        source,
        documents: Vec::new(),
        deletions,
        quarantine: Vec::new(),
        combinations: Vec::new(),
        run: empty_draft(run),
    };
    warehouse.commit_file(&job).await?;
    Ok(Some(report))
}

/// Condition for documents of MEDLINE files of years before `year`; files of other names have no year.
fn older(year: i64) -> String {
    format!("doc_id LIKE 'pmid:%' AND source_seq >= 1000000000 AND source_seq < {}", year * 1_000_000)
}

/// The source under which documents are dropped: `pubmed27n0000.dropped`, with a digest of what is dropped.
fn drop_source(year: i64, baseline_file: &str, deletions: &[(i64, i32)]) -> SourceRef {
    let mut digest = Md5::new();
    for (pmid, version) in deletions {
        digest.update(format!("{pmid} {version}\n"));
    }
    let head = baseline_file.rsplit_once('n').map_or("pubmed", |(head, _)| head);
    SourceRef {
        source_file: format!("{head}n0000.dropped"),
        source_md5: digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect(),
        source_seq: year * 1_000_000,
    }
}

/// The two integer columns of a query.
async fn integers(context: &SessionContext, sql: &str) -> Result<Vec<(i64, i64)>, WarehouseError> {
    let failed = |error: &dyn std::fmt::Display| WarehouseError::columns("documents", error);
    let frame = context.sql(sql).await.map_err(|error| failed(&error))?;
    let mut rows = Vec::new();
    for batch in frame.collect().await.map_err(|error| failed(&error))? {
        let long = |column: usize| {
            arrow::compute::cast(batch.column(column), &DataType::Int64).map_err(|error| failed(&error))
        };
        let (left, right) = (long(0)?, long(1)?);
        let (left, right) = (left.as_primitive::<Int64Type>(), right.as_primitive::<Int64Type>());
        rows.extend((0..batch.num_rows()).map(|row| (left.value(row), right.value(row))));
    }
    Ok(rows)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use rexdrug_schemas::source_sequence;

    use super::*;

    fn remote(folder: &str, name: &str) -> RemoteFile {
        RemoteFile { name: name.to_owned(), folder: folder.to_owned(), sequence: source_sequence(name), modified: None }
    }

    #[test]
    fn a_year_is_complete_when_its_first_update_follows_its_baseline() {
        let baseline = ["pubmed27n0001.xml.gz", "pubmed27n0002.xml.gz", "pubmed27n0003.xml.gz"];
        let mut listed: Vec<RemoteFile> = baseline.iter().map(|name| remote("baseline", name)).collect();
        listed.insert(0, remote("updatefiles", "pubmed26n1400.xml.gz"));
        assert!(complete_year(&listed).is_none(), "no update file yet");
        listed.push(remote("updatefiles", "pubmed27n0005.xml.gz"));
        assert!(complete_year(&listed).is_none(), "file 4 is missing");
        listed.push(remote("updatefiles", "pubmed27n0004.xml.gz"));
        let (year, files) = complete_year(&listed).unwrap();
        assert_eq!((year, files.len()), (2027, 3));
        listed.remove(2);
        assert!(complete_year(&listed).is_none(), "a gap in the baseline");
    }

    #[test]
    fn a_drop_comes_before_its_year_and_after_the_others() {
        let source = drop_source(2027, "pubmed27n0001.xml.gz", &[(1, 1)]);
        assert_eq!(source.source_file, "pubmed27n0000.dropped");
        assert_eq!(source_sequence(&source.source_file), source.source_seq);
        assert!(source_sequence("pubmed26n1500.xml.gz") < source.source_seq);
        assert!(source.source_seq < source_sequence("pubmed27n0001.xml.gz"));
        assert_ne!(source, drop_source(2027, "pubmed27n0001.xml.gz", &[(2, 1)]));
    }
}
