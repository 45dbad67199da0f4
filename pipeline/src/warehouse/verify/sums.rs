//! Counts in `runs` against each other, against the log and against the tables.

use std::collections::HashMap;

use rexdrug_schemas::SourceRef;

use super::super::Warehouse;
use super::super::error::Result;
use super::sql::{Session, longs, strings};
use super::{Findings, Unfinished};

/// Sums that each row of `runs` must keep: left column, right columns.
const FORMULAS: [(&str, &[&str]); 4] = [
    ("records_read", &["documents_written", "documents_superseded", "records_quarantined"]),
    ("sentences_read", &["sentences_cut", "sentences_kept"]),
    ("sentences_kept", &["sentences_extracted", "sentences_quarantined"]),
    ("combinations_found", &["combinations_written", "combinations_superseded"]),
];

type Key = (String, String);

pub(super) async fn check(
    warehouse: &Warehouse,
    session: &Session,
    unfinished: &Unfinished,
    findings: &mut Findings,
) -> Result<()> {
    if !session.can("counts of runs", &["runs"], findings) {
        return Ok(());
    }
    formulas(session, findings).await?;
    against_log(warehouse, session, unfinished, findings).await?;
    if session.can("quarantine against runs", &["quarantine"], findings) {
        quarantine(session, unfinished, findings).await?;
    }
    if session.can("documents against the log", &["documents", "combinations"], findings) {
        tables(warehouse, session, unfinished, findings).await?;
    }
    Ok(())
}

async fn formulas(session: &Session, findings: &mut Findings) -> Result<()> {
    for (left, right) in FORMULAS {
        let sum = right.join(" + ");
        let sql = format!("SELECT source_file, run_id, {left}, {sum} FROM runs WHERE {left} <> {sum} LIMIT 1000");
        for batch in session.collect("runs", &sql).await? {
            let (files, runs) = (strings("runs", &batch, 0)?, strings("runs", &batch, 1)?);
            let (lefts, rights) = (longs("runs", &batch, 2)?, longs("runs", &batch, 3)?);
            for row in 0..batch.num_rows() {
                let place = format!("{} of run {}", files.value(row), runs.value(row));
                let got = format!("{} and {}", lefts.value(row), rights.value(row));
                findings.broken("run_sum", "runs", place, format!("{left} = {sum}"), got);
            }
        }
    }
    Ok(())
}

/// Each file's row says what its commits said: one row, the same counts.
async fn against_log(
    warehouse: &Warehouse,
    session: &Session,
    unfinished: &Unfinished,
    findings: &mut Findings,
) -> Result<()> {
    let Some(documents) = warehouse.inner.documents.current().await? else { return Ok(()) };
    let sql = "SELECT source_file, source_md5, count(*), sum(documents_written), sum(documents_superseded), \
               sum(documents_replaced), sum(deletions_applied), sum(deletions_listed) \
               FROM runs WHERE verb <> 'extract' GROUP BY source_file, source_md5";
    let mut rows: HashMap<Key, Vec<i64>> = HashMap::new();
    for batch in session.collect("runs", sql).await? {
        let (files, md5s) = (strings("runs", &batch, 0)?, strings("runs", &batch, 1)?);
        for row in 0..batch.num_rows() {
            let mut counts = Vec::new();
            for column in 2..8 {
                counts.push(longs("runs", &batch, column)?.value(row));
            }
            rows.insert((files.value(row).to_owned(), md5s.value(row).to_owned()), counts);
        }
    }
    let names = [
        "rows",
        "documents_written",
        "documents_superseded",
        "documents_replaced",
        "deletions_applied",
        "deletions_listed",
    ];
    for entry in documents.ledger.all_documents() {
        let SourceRef { source_file, source_md5, .. } = &entry.source;
        if unfinished.has(source_file, source_md5) && !rows.contains_key(&(source_file.clone(), source_md5.clone())) {
            continue;
        }
        let listed = entry.deleted.len() as i64;
        let logged = [1, entry.written, entry.superseded, entry.replaced, entry.deletions_applied, listed];
        let found = rows.remove(&(source_file.clone(), source_md5.clone())).unwrap_or_default();
        for (at, (name, expected)) in names.iter().zip(logged).enumerate() {
            let got = found.get(at).copied().unwrap_or_default();
            if got != expected {
                let expected = format!("{name} = {expected} as in the log of documents");
                findings.broken("run_counts", "runs", source_file, expected, got.to_string());
            }
        }
    }
    for ((file, md5), _) in rows {
        findings.broken("run_without_commit", "runs", format!("{file} md5 {md5}"), "a commit of documents", "none");
    }
    Ok(())
}

async fn quarantine(session: &Session, unfinished: &Unfinished, findings: &mut Findings) -> Result<()> {
    let sql = "SELECT coalesce(r.source_file, q.source_file), coalesce(r.source_md5, q.source_md5), \
               coalesce(r.n, 0), coalesce(q.n, 0) FROM \
               (SELECT source_file, source_md5, sum(records_quarantined + sentences_quarantined) AS n FROM runs \
                GROUP BY source_file, source_md5) r FULL OUTER JOIN \
               (SELECT source_file, coalesce(source_md5, '') AS source_md5, count(*) AS n FROM quarantine \
                WHERE stage IN ('record', 'sentence') GROUP BY source_file, coalesce(source_md5, '')) q \
               ON r.source_file = q.source_file AND r.source_md5 = q.source_md5 \
               WHERE coalesce(r.n, 0) <> coalesce(q.n, 0)";
    for batch in session.collect("quarantine", sql).await? {
        let (files, md5s) = (strings("quarantine", &batch, 0)?, strings("quarantine", &batch, 1)?);
        let (expected, got) = (longs("quarantine", &batch, 2)?, longs("quarantine", &batch, 3)?);
        for row in 0..batch.num_rows() {
            if !unfinished.has(files.value(row), md5s.value(row)) {
                let expected = format!("{} rows as in runs", expected.value(row));
                findings.broken(
                    "quarantine_rows",
                    "quarantine",
                    files.value(row),
                    expected,
                    got.value(row).to_string(),
                );
            }
        }
    }
    Ok(())
}

/// Live rows against what was written, replaced and deleted.
async fn tables(
    warehouse: &Warehouse,
    session: &Session,
    unfinished: &Unfinished,
    findings: &mut Findings,
) -> Result<()> {
    let Some(loaded) = warehouse.inner.documents.current().await? else { return Ok(()) };
    let live = per_source(session, "documents").await?;
    let balance: i64 =
        loaded.ledger.all_documents().map(|entry| entry.written - entry.replaced - entry.deletions_applied).sum();
    let total: i64 = live.values().sum();
    if total != balance {
        let expected = format!("{balance} rows = written - replaced - deleted over all commits");
        findings.broken("document_rows", "documents", "whole table", expected, total.to_string());
    }
    let combinations = per_source(session, "combinations").await?;
    let ledger = warehouse.inner.combinations.current().await?.map(|loaded| loaded.ledger);
    for entry in loaded.ledger.all_documents() {
        let SourceRef { source_file, source_md5, .. } = &entry.source;
        let key = (source_file.clone(), source_md5.clone());
        let alive = live.get(&key).copied().unwrap_or_default();
        if alive > entry.written {
            let expected = format!("at most {} rows", entry.written);
            findings.broken("document_rows", "documents", source_file, expected, alive.to_string());
        }
        // A file that lost no document since has all its combinations.
        let written = ledger.as_ref().and_then(|ledger| ledger.combinations(&entry.source)).map(|entry| entry.written);
        let found = combinations.get(&key).copied().unwrap_or_default();
        let wrong = written.is_some_and(|written| found > written || (alive == entry.written && found != written));
        if wrong && !unfinished.has(source_file, source_md5) {
            let expected = format!("{} rows as in the log", written.unwrap_or_default());
            findings.broken("combination_rows", "combinations", source_file, expected, found.to_string());
        }
    }
    Ok(())
}

async fn per_source(session: &Session, table: &'static str) -> Result<HashMap<Key, i64>> {
    let sql = format!("SELECT source_file, source_md5, count(*) FROM {table} GROUP BY source_file, source_md5");
    let mut counts = HashMap::new();
    for batch in session.collect(table, &sql).await? {
        let (files, md5s) = (strings(table, &batch, 0)?, strings(table, &batch, 1)?);
        let rows = longs(table, &batch, 2)?;
        for row in 0..batch.num_rows() {
            counts.insert((files.value(row).to_owned(), md5s.value(row).to_owned()), rows.value(row));
        }
    }
    Ok(counts)
}
