//! Real MEDLINE files, where they are there.

use tempfile::TempDir;

use crate::support::{json, shared, sql, stdout};

#[test]
fn real_files_finish_with_every_count_adding_up() {
    let Some(input) = shared("medline") else { return };
    let folder = TempDir::new().unwrap();
    let (input, warehouse) = (input.to_string_lossy().into_owned(), folder.path().to_string_lossy().into_owned());
    let summary = json(&["run", &input, "--warehouse", &warehouse, "--model", "scripted:keyword=with", "--json"]);
    assert_eq!((&summary["files_failed"], &summary["files_partial"]), (&0.into(), &0.into()), "{summary}");
    assert_eq!(summary["files_committed"], 7, "{summary}");
    assert!(stdout(&["verify", "--warehouse", &warehouse]).contains("sound"));
    let documents = sql(folder.path(), "SELECT count(*) AS n, count(DISTINCT doc_id) AS ids FROM documents");
    assert_eq!(documents[0]["n"], documents[0]["ids"]);
    let lost = "SELECT source_file FROM runs WHERE records_read = 0";
    assert!(sql(folder.path(), lost).is_empty());
}
