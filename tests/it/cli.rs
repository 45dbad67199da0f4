//! The command line over the sample corpus.

use std::path::Path;

use serde_json::Value;
use tempfile::TempDir;

use crate::support::{json, rexdrug, root, sql, stdout};

/// Every column that may differ between two runs with equal results.
const EVERY_COMBINATION: &str = "SELECT combination_id, doc_id, sentence, sentence_start, sentence_end, drug_key, arity, \
    effect, round(confidence, 4) AS confidence, source_file, source_record FROM combinations ORDER BY combination_id";

fn run_sample(warehouse: &Path, more: &[&str]) -> Value {
    let warehouse = warehouse.to_string_lossy();
    let mut args = vec!["run", "data/sample", "--warehouse", &warehouse, "--json"];
    args.extend(more);
    json(&args)
}

fn versions(warehouse: &Path) -> Vec<usize> {
    ["documents", "quarantine", "combinations", "runs"]
        .map(|table| {
            let log = warehouse.join(table).join("_delta_log");
            std::fs::read_dir(log).map_or(0, |entries| {
                entries
                    .filter(|entry| entry.as_ref().unwrap().path().extension().is_some_and(|end| end == "json"))
                    .count()
            })
        })
        .to_vec()
}

#[test]
fn a_run_over_the_sample_adds_up_and_a_second_one_changes_nothing() {
    let folder = TempDir::new().unwrap();
    let summary = run_sample(folder.path(), &[]);
    assert_eq!(summary["files_committed"], 3, "{summary}");
    assert_eq!(summary["files_failed"], 0, "{summary}");
    let counts = &summary["counts"];
    // 100 + 130 + 17 articles and two book chapters; the chapters are refused, with their reason.
    assert_eq!(counts["records_read"], 249);
    assert_eq!(counts["records_quarantined"], 2);
    let refused = sql(folder.path(), "SELECT DISTINCT reason FROM quarantine");
    assert_eq!(refused, [serde_json::json!({"reason": "book_article"})]);
    // 230 articles of the baseline, 9 new ones, 3 deleted.
    assert_eq!(sql(folder.path(), "SELECT count(*) AS n FROM documents")[0]["n"], 236);
    let found = sql(folder.path(), "SELECT count(*) AS n, count(DISTINCT combination_id) AS ids FROM combinations");
    assert!(found[0]["n"].as_i64().unwrap() > 50, "{found:?}");
    assert_eq!(found[0]["n"], found[0]["ids"]);
    let wrong = "SELECT source_file FROM runs WHERE records_read <> documents_written + documents_superseded + records_quarantined \
        OR sentences_read <> sentences_cut + sentences_kept OR sentences_kept <> sentences_extracted + sentences_quarantined \
        OR combinations_found <> combinations_written + combinations_superseded";
    assert!(sql(folder.path(), wrong).is_empty());
    let warehouse = folder.path().to_string_lossy();
    assert!(stdout(&["verify", "--warehouse", &warehouse]).contains("sound"));

    let (before, rows) = (versions(folder.path()), sql(folder.path(), EVERY_COMBINATION));
    let again = run_sample(folder.path(), &[]);
    assert_eq!((&again["files_committed"], &again["files_skipped"]), (&0.into(), &3.into()));
    assert_eq!(versions(folder.path()), before);
    assert_eq!(sql(folder.path(), EVERY_COMBINATION), rows);
}

#[test]
fn threads_and_order_of_files_do_not_change_the_rows() {
    let (one, other) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    run_sample(one.path(), &["--threads", "1"]);
    for file in ["updatefiles/sample26n0003.xml", "baseline/sample26n0002.xml", "baseline/sample26n0001.xml"] {
        let (file, warehouse) = (format!("data/sample/{file}"), other.path().to_string_lossy());
        json(&["run", &file, "--warehouse", &warehouse, "--json", "--threads", "3"]);
    }
    let rows = sql(one.path(), EVERY_COMBINATION);
    assert!(!rows.is_empty());
    assert_eq!(rows, sql(other.path(), EVERY_COMBINATION));
    let documents = "SELECT doc_id, version, source_file, source_record, text FROM documents ORDER BY doc_id";
    assert_eq!(sql(one.path(), documents), sql(other.path(), documents));
}

#[test]
fn ingest_then_extract_gives_the_rows_of_run() {
    let (whole, steps) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    run_sample(whole.path(), &[]);
    let warehouse = steps.path().to_string_lossy();
    json(&["ingest", "data/sample", "--warehouse", &warehouse, "--json"]);
    assert!(sql(steps.path(), "SELECT 1 FROM combinations").is_empty());
    let summary = json(&["extract", "--warehouse", &warehouse, "--json"]);
    assert_eq!(summary["files_committed"], 3, "{summary}");
    assert_eq!(sql(steps.path(), EVERY_COMBINATION), sql(whole.path(), EVERY_COMBINATION));
    let again = json(&["extract", "--warehouse", &warehouse, "--json"]);
    assert_eq!(again["files_skipped"], 3, "{again}");
    assert!(stdout(&["verify", "--warehouse", &warehouse]).contains("sound"));
}

#[test]
fn a_damaged_file_is_quarantined_and_the_rest_goes_on() {
    let (input, folder) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let good = std::fs::read(root().join("data/sample/baseline/sample26n0001.xml")).unwrap();
    std::fs::write(input.path().join("a26n0001.xml"), &good).unwrap();
    std::fs::write(input.path().join("a26n0002.xml"), &good[..good.len() / 2]).unwrap();
    std::fs::write(input.path().join("a26n0003.xml"), "not XML at all").unwrap();
    std::fs::write(input.path().join("a26n0004.xml"), &good).unwrap();
    std::fs::write(input.path().join("a26n0004.xml.md5"), format!("MD5(a26n0004.xml)= {}", "0".repeat(32))).unwrap();
    let (input, warehouse) =
        (input.path().to_string_lossy().into_owned(), folder.path().to_string_lossy().into_owned());
    let output = rexdrug(&["run", &input, "--warehouse", &warehouse, "--model", "scripted:keyword=with"]);
    assert_eq!(output.status.code(), Some(1), "{}", String::from_utf8_lossy(&output.stderr));
    let last = String::from_utf8_lossy(&output.stderr).lines().last().unwrap().to_owned();
    assert!(last.contains("refused too much: 2 files could not be used, 1 only in part"), "{last}");
    let reasons: Vec<(String, String)> =
        sql(folder.path(), "SELECT source_file, reason FROM quarantine WHERE stage = 'file' ORDER BY source_file")
            .iter()
            .map(|row| (row["source_file"].as_str().unwrap().to_owned(), row["reason"].as_str().unwrap().to_owned()))
            .collect();
    let expected = [("a26n0002.xml", "truncated_xml"), ("a26n0003.xml", "not_xml"), ("a26n0004.xml", "md5_mismatch")];
    assert_eq!(reasons, expected.map(|(file, reason)| (file.to_owned(), reason.to_owned())));
    let status = sql(folder.path(), "SELECT status, count(*) AS n FROM runs GROUP BY 1 ORDER BY 1");
    assert_eq!(status.iter().map(|row| row["n"].as_i64().unwrap()).collect::<Vec<_>>(), [1, 2, 1], "{status:?}");
    assert!(stdout(&["verify", "--warehouse", &warehouse]).contains("sound"));

    // Nothing was wrong with the fourth file but its sidecar: without it, it is read.
    std::fs::remove_file(Path::new(&input).join("a26n0004.xml.md5")).unwrap();
    let fourth = format!("{input}/a26n0004.xml");
    let summary = json(&["run", &fourth, "--warehouse", &warehouse, "--model", "scripted:keyword=with", "--json"]);
    assert_eq!((&summary["files_committed"], &summary["files_failed"]), (&1.into(), &0.into()), "{summary}");
    assert!(summary["counts"]["documents_written"].as_i64().unwrap() > 0, "{summary}");
}

#[test]
fn sentences_that_the_model_refuses_count_as_refused() {
    let folder = TempDir::new().unwrap();
    let warehouse = folder.path().to_string_lossy().into_owned();
    let run = ["run", "data/sample", "--warehouse", &warehouse, "--model", "scripted:keyword=with;refuse=e"];
    let output = rexdrug(&run);
    assert_eq!(output.status.code(), Some(1));
    let last = String::from_utf8_lossy(&output.stderr).lines().last().unwrap().to_owned();
    assert!(last.contains("of the sentences put to the model"), "{last}");
    let lenient = rexdrug(&[&run[..], &["--max-quarantine", "1"]].concat());
    assert!(lenient.status.success());
}

#[test]
fn a_query_changes_nothing_and_json_has_every_column() {
    let folder = TempDir::new().unwrap();
    let warehouse = folder.path().to_string_lossy().into_owned();
    let rows = |query: &str| json(&["sql", query, "--warehouse", &warehouse, "--format", "json"]);
    stdout(&["run", "data/sample", "--warehouse", &warehouse, "--model", "scripted:keyword=with", "--top", "0"]);
    let before = rows("SELECT count(*) AS n FROM combinations");
    let copy = folder.path().join("copy.csv");
    for query in [
        "INSERT INTO combinations SELECT * FROM combinations",
        "INSERT OVERWRITE documents SELECT * FROM documents WHERE false",
        "DROP TABLE documents",
        "CREATE VIEW v AS SELECT 1",
        &format!("COPY (SELECT 1 AS n) TO '{}'", copy.display()),
        "SET datafusion.execution.batch_size = 1",
    ] {
        let output = rexdrug(&["sql", query, "--warehouse", &warehouse]);
        assert_eq!(output.status.code(), Some(2), "{query}");
    }
    assert!(!copy.exists());
    assert_eq!(rows("SELECT count(*) AS n FROM combinations"), before);
    assert!(stdout(&["verify", "--warehouse", &warehouse]).contains("sound"));

    let row = rows("SELECT pmcid, pmid, doc_id FROM documents LIMIT 1")[0].clone();
    assert!(row.as_object().unwrap().contains_key("pmcid") && row["pmcid"].is_null(), "{row}");
    let twice = ["sql", "SELECT a.n, b.n FROM (SELECT 1 AS n) a, (SELECT 2 AS n) b", "--format", "json"];
    let output = rexdrug(&twice);
    assert!(String::from_utf8_lossy(&output.stderr).contains("two columns are called `n`"), "{output:?}");
}

#[test]
fn another_rule_extracts_again_and_files_that_were_only_ingested_are_named() {
    let folder = TempDir::new().unwrap();
    let warehouse = folder.path().to_string_lossy().into_owned();
    let model = ["--warehouse", &warehouse, "--model", "scripted:keyword=with", "--json"];
    let extract = |more: &[&str]| json(&[&["extract"], &model[..], more].concat());
    json(&["ingest", "data/sample", "--warehouse", &warehouse, "--json"]);
    let run = rexdrug(&[&["run", "data/sample"], &model[..]].concat());
    assert_eq!(run.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&run.stderr).contains("came by `rexdrug ingest`"), "{run:?}");
    let files = extract(&[])["files_committed"].clone();
    assert!(files.as_i64().unwrap() > 0);
    assert!(rexdrug(&[&["run", "data/sample"], &model[..]].concat()).status.success());
    for (rules, committed) in [
        (&[][..], 0.into()),
        (&["--min-confidence", "1"], files.clone()),
        (&["--min-confidence", "1"], 0.into()),
        (&[], files),
    ] {
        assert_eq!(extract(rules)["files_committed"], committed, "{rules:?}");
    }
    // Asked for, the same is extracted again, and is then what it was.
    let before = sql(folder.path(), EVERY_COMBINATION);
    assert_eq!(extract(&["--again"])["files_skipped"], 0);
    assert_eq!(sql(folder.path(), EVERY_COMBINATION), before);
    assert_eq!(extract(&[])["files_committed"], 0);
    assert_eq!(sql(folder.path(), "SELECT count(*) AS n FROM runs WHERE verb = 'extract'")[0]["n"], 12);
    assert!(stdout(&["verify", "--warehouse", &warehouse]).contains("sound"));
}

#[test]
fn a_mistyped_warehouse_is_not_an_empty_one() {
    let folder = TempDir::new().unwrap();
    let missing = folder.path().join("typo").to_string_lossy().into_owned();
    for verb in [&["verify"][..], &["sql", "SELECT count(*) FROM combinations"], &["compact"], &["extract"]] {
        let output = rexdrug(&[verb, &["--warehouse", &missing]].concat());
        assert_eq!(output.status.code(), Some(2), "{verb:?}");
        assert!(String::from_utf8_lossy(&output.stderr).contains("no warehouse there"), "{output:?}");
    }
    assert!(!Path::new(&missing).exists());
    let empty = folder.path().to_string_lossy().into_owned();
    assert_eq!(rexdrug(&["verify", "--warehouse", &empty]).status.code(), Some(2));
    for scheme in ["gs://bucket/x", "memory:///x"] {
        let output = rexdrug(&["verify", "--warehouse", scheme]);
        assert!(String::from_utf8_lossy(&output.stderr).contains("unknown scheme"), "{output:?}");
    }
}

/// Reading ahead, extracting and committing overlap and share the tables' locks; with many small files every stage waits
/// for every other one.
#[test]
fn many_small_files_go_through_without_the_stages_waiting_for_each_other() {
    let (input, folder) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let record = |pmid: usize| {
        format!(
            "<PubmedArticleSet><PubmedArticle><MedlineCitation><PMID Version=\"1\">{pmid}</PMID><Article>\
             <ArticleTitle>Cisplatin with gemcitabine.</ArticleTitle></Article></MedlineCitation></PubmedArticle></PubmedArticleSet>"
        )
    };
    for number in 1..=60 {
        std::fs::write(input.path().join(format!("m26n{number:04}.xml")), record(number)).unwrap();
    }
    let (input, warehouse) =
        (input.path().to_string_lossy().into_owned(), folder.path().to_string_lossy().into_owned());
    let summary = json(&["run", &input, "--warehouse", &warehouse, "--model", "scripted:keyword=with", "--json"]);
    assert_eq!(summary["files_committed"], 60, "{summary}");
    assert_eq!(sql(folder.path(), "SELECT count(*) AS n FROM combinations")[0]["n"], 60);
}

#[test]
fn try_shows_offsets_that_slice_the_text() {
    let text = "β-blockers aside, cisplatin plus gemcitabine improved survival. Nothing else was given.";
    let outcome = json(&["try", text, "--json"]);
    let letters: Vec<char> = text.chars().collect();
    let slice = |item: &Value| -> String {
        letters[item["start"].as_u64().unwrap() as usize..item["end"].as_u64().unwrap() as usize].iter().collect()
    };
    let sentences = outcome["sentences"].as_array().unwrap();
    assert_eq!(sentences.len(), 2, "{outcome}");
    for sentence in sentences {
        assert_eq!(slice(sentence), sentence["text"].as_str().unwrap());
        for mention in sentence["mentions"].as_array().unwrap() {
            assert_eq!(slice(mention), mention["surface"].as_str().unwrap());
        }
    }
    let names: Vec<&str> =
        sentences[0]["mentions"].as_array().unwrap().iter().map(|mention| mention["name"].as_str().unwrap()).collect();
    assert!(names.contains(&"cisplatin") && names.contains(&"gemcitabine"), "{names:?}");
    assert!(stdout(&["try", text]).contains("[cisplatin] plus [gemcitabine]"));
    assert_eq!(rexdrug(&["try", "  "]).status.code(), Some(2));
}

#[test]
fn sql_reads_local_files_without_a_warehouse_and_writes_every_format() {
    let folder = TempDir::new().unwrap();
    let path = |name: &str| folder.path().join(name).to_string_lossy().into_owned();
    std::fs::write(path("a.csv"), "drug,n\ncisplatin,2\ngemcitabine,3\n").unwrap();
    std::fs::write(path("b.json"), "{\"drug\": \"cisplatin\", \"n\": 2}\n{\"drug\": \"x\", \"n\": 4}\n").unwrap();
    std::fs::write(path("c.json"), "[\n {\"drug\": \"cisplatin\", \"n\": 2},\n {\"drug\": \"x\", \"n\": 5}\n]\n")
        .unwrap();
    let sum = |name: &str| {
        json(&["sql", &format!("SELECT sum(n) AS n FROM '{}'", path(name)), "--format", "json"])[0]["n"].clone()
    };
    assert_eq!((sum("a.csv"), sum("b.json"), sum("c.json")), (5.into(), 6.into(), 7.into()));
    let copy = path("d.parquet");
    let query = format!("SELECT drug, n, find_drugs(drug) AS found FROM '{}'", path("a.csv"));
    assert!(rexdrug(&["sql", &query, "--format", "parquet", "--output", &copy]).status.success());
    assert_eq!(sum("d.parquet"), 5);
    let csv = stdout(&["sql", &query, "--format", "csv"]);
    let mut lines = csv.lines();
    assert_eq!(lines.next(), Some("drug,n,found"));
    assert!(lines.next().unwrap().contains("seed:cisplatin"), "{csv}");
    assert_eq!(stdout(&["sql", "SELECT 1 AS one WHERE false", "--format", "csv"]), "one\n");
    let table = stdout(&["sql", "SELECT s['text'] AS t FROM (SELECT unnest(segment_sentences('One. Two.')) AS s)"]);
    assert!(table.contains("One.") && table.contains("Two."), "{table}");
}

#[test]
fn errors_name_what_where_and_what_to_do() {
    let cases: [(&[&str], &str); 6] = [
        (&["run", "no/such/*.xml", "--warehouse", "/tmp/x"], "no input file matches `no/such/*.xml`"),
        (&["try", "x", "--device", "cuda:7"], "cuda:7"),
        (&["try", "x", "--device", "tpu"], "tpu"),
        (&["try", "x", "--model", "no/model"], "no/model"),
        (
            &["run", "data/sample", "--warehouse", "s3://user:secret-word@bucket/x"],
            "credentials do not belong in the URI",
        ),
        (&["sql", "SELECT nothing FROM nowhere"], "the query does not run"),
    ];
    for (args, expected) in cases {
        let output = rexdrug(args);
        let message = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{args:?}: {message}");
        assert!(message.contains(expected), "{args:?}: {message}");
        assert!(!message.contains("secret-word"), "{message}");
    }
}

#[test]
fn the_seed_lexicon_in_the_repository_is_compiled_from_its_tables() {
    let folder = TempDir::new().unwrap();
    let output = folder.path().join("seed.lexicon");
    stdout(&["lexicon", "build", "--seed", "data/lexicon", "--output", &output.to_string_lossy()]);
    let (built, stored) =
        (std::fs::read(output).unwrap(), std::fs::read(root().join("data/lexicon/seed.lexicon")).unwrap());
    assert!(built == stored, "data/lexicon/seed.lexicon is not current; run `make generate`");
    let checked = json(&["lexicon", "check", "R-CHOP with lead acetate and 5-FU", "--json"]);
    let kept: Vec<&str> = checked
        .as_array()
        .unwrap()
        .iter()
        .filter(|found| found["verdict"].as_str().unwrap().starts_with("kept"))
        .map(|found| found["surface"].as_str().unwrap())
        .collect();
    assert!(kept.contains(&"R-CHOP") && kept.contains(&"5-FU"), "{checked}");
}

#[test]
fn model_verify_finds_a_changed_file() {
    assert!(stdout(&["model", "verify"]).contains("runs on cpu"));
    let typed_pairs = stdout(&["model", "verify", "data/models/rexdrug-base-ddi13"]);
    assert!(typed_pairs.contains("rexdrug-base-ddi13 sha256") && typed_pairs.contains("runs on cpu"), "{typed_pairs}");
    let folder = TempDir::new().unwrap();
    for entry in std::fs::read_dir(root().join("data/models/rexdrug-mini")).unwrap() {
        let entry = entry.unwrap();
        std::fs::copy(entry.path(), folder.path().join(entry.file_name())).unwrap();
    }
    let tokenizer = folder.path().join("tokenizer.json");
    let mut bytes = std::fs::read(&tokenizer).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&tokenizer, bytes).unwrap();
    let output = rexdrug(&["model", "verify", &folder.path().to_string_lossy()]);
    let message = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2));
    assert!(message.contains("tokenizer.json"), "{message}");
}
