//! Readers that know nothing of rexdrug, over local warehouses and over one in an S3-protocol store.

use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;

use crate::corpus::{article, gzip, set};
use crate::s3::{S3, python};
use crate::support::{json, root, sql, stdout};

const TABLES: [&str; 4] = ["documents", "quarantine", "combinations", "runs"];

fn counts_by_python(python: &str, warehouse: &str, environment: &[(&str, String)]) -> Value {
    let output = Command::new(python)
        .arg(root().join("tests/python/count_rows.py"))
        .arg(warehouse)
        .envs(environment.iter().map(|(name, value)| (name, value)))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn counts_by_us(count: impl Fn(&str) -> i64) -> Value {
    TABLES
        .iter()
        .map(|table| ((*table).to_owned(), Value::from(count(table))))
        .collect::<serde_json::Map<_, _>>()
        .into()
}

#[test]
fn deltalake_duckdb_and_polars_read_the_same_rows() {
    let Some(python) = python() else { return };
    let folder = TempDir::new().unwrap();
    let warehouse = folder.path().to_string_lossy().into_owned();
    json(&["run", "data/sample", "--warehouse", &warehouse, "--model", "scripted:keyword=with", "--json"]);
    let ours = counts_by_us(|table| {
        sql(folder.path(), &format!("SELECT count(*) AS n FROM {table}"))[0]["n"].as_i64().unwrap()
    });
    let found = counts_by_python(&python, &warehouse, &[]);
    for reader in ["datafusion", "deltalake", "duckdb", "polars"] {
        assert_eq!(found[reader], ours, "{reader}");
    }
}

#[test]
fn a_warehouse_on_s3_holds_the_rows_of_a_local_one() {
    let Some(python) = python() else { return };
    let s3 = S3::start(&python);
    s3.bucket("lit");
    let run = |args: &[&str]| s3.stdout(args);
    let uri = "s3://lit/warehouse";
    let first = ["run", "data/sample", "--warehouse", uri, "--model", "scripted:keyword=with", "--json"];
    let summary: Value = serde_json::from_str(&run(&first)).unwrap();
    assert_eq!(summary["files_committed"], 3);
    let again: Value = serde_json::from_str(&run(&first)).unwrap();
    assert_eq!(again["files_skipped"], 3);
    assert!(run(&["verify", "--warehouse", uri]).contains("sound"));

    let folder = TempDir::new().unwrap();
    let local = folder.path().to_string_lossy().into_owned();
    json(&["run", "data/sample", "--warehouse", &local, "--model", "scripted:keyword=with", "--json"]);
    let rows = "SELECT combination_id, doc_id, drug_key, effect FROM combinations ORDER BY combination_id";
    let there: Value = serde_json::from_str(&run(&["sql", rows, "--format", "json", "--warehouse", uri])).unwrap();
    assert_eq!(there.as_array().unwrap(), &sql(folder.path(), rows));
    let ours = counts_by_us(|table| {
        sql(folder.path(), &format!("SELECT count(*) AS n FROM {table}"))[0]["n"].as_i64().unwrap()
    });
    assert_eq!(counts_by_python(&python, uri, &s3.environment())["deltalake"], ours);
}

#[test]
fn rows_marked_in_deletion_vectors_are_seen_by_no_reader() {
    let Some(python) = python() else { return };
    let (folder, input) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let warehouse = folder.path().to_string_lossy().into_owned();
    let mut baseline: Vec<String> = (1..=60).map(|pmid| article(pmid, 1, 1)).collect();
    // A refused record, so that there is a quarantine to read.
    baseline.push(article(0, 1, 1).replace("<PMID Version=\"1\">0</PMID>", ""));
    let update: Vec<String> = (1..=60).step_by(20).map(|pmid| article(pmid, 2, 2)).collect();
    let run = |name: &str, file: Vec<u8>| {
        let path = input.path().join(name);
        std::fs::write(&path, gzip(&file)).unwrap();
        let path = path.to_string_lossy().into_owned();
        json(&["run", &path, "--warehouse", &warehouse, "--model", "scripted:keyword=with", "--top", "0", "--json"])
    };
    run("pubmed26n0001.xml.gz", set(&baseline, &[]));
    stdout(&["compact", "--deletion-vectors", "--warehouse", &warehouse]);
    let summary = run("pubmed26n0002.xml.gz", set(&update, &[5, 6]));
    assert_eq!(summary["counts"]["documents_replaced"], 3, "{summary}");
    assert!(summary["bytes_rewritten"].as_u64().unwrap() < 1000, "marked, not written again: {summary}");
    let ours = counts_by_us(|table| {
        sql(folder.path(), &format!("SELECT count(*) AS n FROM {table}"))[0]["n"].as_i64().unwrap()
    });
    assert_eq!((&ours["documents"], &ours["combinations"]), (&58.into(), &61.into()));
    let found = counts_by_python(&python, &warehouse, &[]);
    for reader in ["datafusion", "polars"] {
        assert_eq!(found[reader], ours, "{reader}");
    }
    // Through pyarrow the Python package cannot read such a table: it must say so, never count the marked rows.
    for reader in ["deltalake", "duckdb"] {
        let count = &found[reader]["documents"];
        assert!(*count == "refused" || *count == 58, "{reader}: {found}");
    }
    assert!(stdout(&["verify", "--warehouse", &warehouse]).contains(": sound\n"));
}
