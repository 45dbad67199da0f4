//! Articles that a listing names, read from an S3-protocol server on loopback.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use serde_json::Value;
use tempfile::TempDir;

use crate::pmc::Paper;
use crate::s3::{S3, python};
use crate::support::{shared, sql};

/// Small articles: thousands, as a bucket has millions.
const ARTICLES: u64 = 2000;

/// A bucket in PMC's layout with its listing, and the articles' number.
struct Bucket {
    s3: S3,
    listing: String,
}

impl Bucket {
    fn new(python: &str) -> Self {
        let folder = TempDir::new().unwrap();
        let mut listing = String::new();
        let mut put = |pmcid: u64, version: u32, text: &str| {
            let name = format!("PMC{pmcid}.{version}");
            std::fs::create_dir_all(folder.path().join(&name)).unwrap();
            std::fs::write(folder.path().join(&name).join(format!("{name}.xml")), text).unwrap();
            writeln!(listing, "\"articles\",\"metadata/{name}.json\",\"2026-01-08T11:47:59.000Z\",\"{pmcid:032x}\"")
                .unwrap();
        };
        for pmcid in 1..=ARTICLES {
            let licence = if pmcid % 10 == 0 { "licenses/by-nc/4.0" } else { "licenses/by/4.0" };
            let methods = format!("Group {pmcid} got cisplatin with gemcitabine.");
            let paper = Paper { pmcid, pmid: None, licence, methods: &methods, results: "Done." };
            put(pmcid, 1, &paper.xml());
            if pmcid == 7 {
                put(pmcid, 2, &Paper { results: "Second version.", ..paper }.xml());
            }
        }
        if let Some(real) = shared("pmc") {
            for name in ["1471-2180-11-174", "6605965a", "pntd.0002065", "pone.0046493"] {
                let text = std::fs::read_to_string(real.join(format!("{name}.nxml"))).unwrap();
                let id = text.split("pub-id-type=\"pmc\">").nth(1).unwrap().split('<').next().unwrap();
                put(id.parse().unwrap(), 1, &text);
            }
        }
        // Listed and gone.
        writeln!(listing, "\"articles\",\"metadata/PMC999999.1.json\",\"2026-01-08T11:47:59.000Z\",\"e\"").unwrap();
        let s3 = S3::start(python);
        s3.bucket("articles");
        s3.upload(folder.path(), "articles");
        Self { s3, listing }
    }

    fn real() -> u64 {
        u64::from(shared("pmc").is_some()) * 4
    }

    fn args<'a>(&self, listing: &'a str, warehouse: &'a str) -> Vec<&'a str> {
        vec![
            "ingest",
            "pmc",
            "--inventory",
            listing,
            "--articles",
            "s3://articles",
            "--pack",
            "500",
            "--warehouse",
            warehouse,
            "--max-quarantine",
            "1",
            "--json",
        ]
    }

    fn ingest(&self, listing: &Path, warehouse: &Path, more: &[&str]) -> Value {
        let (listing, warehouse) = (listing.to_string_lossy(), warehouse.to_string_lossy());
        let mut args = self.args(&listing, &warehouse);
        args.extend(more);
        serde_json::from_str(&self.s3.stdout(&args)).unwrap()
    }
}

const ROWS: &str = "SELECT doc_id, version, text, source_file, source_seq, source_record, source_member, source_etag \
    FROM documents ORDER BY doc_id";

#[test]
fn a_listing_is_read_once_in_packs_and_taken_up_where_it_was_left() {
    let Some(python) = python() else { return };
    let bucket = Bucket::new(&python);
    let (folder, killed) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let listing = folder.path().join("listing.csv");
    std::fs::write(&listing, &bucket.listing).unwrap();
    let warehouse = folder.path().join("warehouse");
    let articles = ARTICLES + Bucket::real();

    let summary = bucket.ingest(&listing, &warehouse, &[]);
    assert_eq!(summary["counts"]["records_read"], articles + 1, "{summary}");
    assert_eq!(summary["files_committed"], (articles + 1).div_ceil(500), "{summary}");
    assert_eq!(summary["listing"]["superseded"], 1, "{summary}");
    // One request an article and no other: no listing, no look before.
    let requests = &summary["object_requests"];
    assert_eq!(
        (&requests["requests"], &requests["per_thousand_articles"]),
        (&(articles + 1).into(), &1000.0.into()),
        "{summary}"
    );
    let rows = sql(&warehouse, ROWS);
    assert_eq!(rows.len() as u64, articles);
    assert_eq!(
        sql(&warehouse, "SELECT version, source_member FROM documents WHERE pmcid = 'PMC7'")[0]["source_member"],
        "PMC7.2/PMC7.2.xml"
    );
    assert_eq!(sql(&warehouse, "SELECT reason FROM quarantine")[0]["reason"], "missing_object");

    // Again: only what was not there is asked for, unless a pack of its own was made of it. A changed ETag: that article, too.
    let again = bucket.ingest(&listing, &warehouse, &[]);
    let missing = u64::from((articles + 1) % 500 != 1);
    assert_eq!(
        (&again["object_requests"]["requests"], &again["listing"]["known"]),
        (&missing.into(), &articles.into()),
        "{again}"
    );
    let changed = bucket.listing.replace(&format!("\"{:032x}\"", 12), "\"new-etag\"");
    std::fs::write(&listing, changed).unwrap();
    let changed = bucket.ingest(&listing, &warehouse, &[]);
    assert_eq!(changed["counts"]["documents_written"], 1, "{changed}");
    assert_eq!(changed["object_requests"]["requests"], 2, "{changed}");

    // Killed after its first commit, and started again: the rows of the run that was not killed.
    std::fs::write(&listing, &bucket.listing).unwrap();
    let (path, target) = (listing.to_string_lossy().into_owned(), killed.path().join("warehouse"));
    let mut child = std::process::Command::new(crate::support::binary())
        .args(bucket.args(&path, &target.to_string_lossy()))
        .envs(bucket.s3.environment())
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let first = target.join("runs/_delta_log/00000000000000000001.json");
    while !first.exists() && child.try_wait().unwrap().is_none() {
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    let resumed = bucket.ingest(&listing, &target, &[]);
    assert!(resumed["listing"]["known"].as_u64().unwrap() >= 500, "{resumed}");
    assert_eq!(sql(&target, ROWS), rows);
    let output = bucket.s3.stdout(&["verify", "--warehouse", &target.to_string_lossy()]);
    assert!(output.contains("sound"), "{output}");
}

#[test]
fn a_listing_in_the_bucket_is_read_there_and_licences_are_kept_to() {
    let Some(python) = python() else { return };
    let bucket = Bucket::new(&python);
    let folder = TempDir::new().unwrap();
    let lists = TempDir::new().unwrap();
    let few: Vec<&str> = bucket.listing.lines().take(101).collect();
    std::fs::write(lists.path().join("listing.csv"), few.join("\n")).unwrap();
    bucket.s3.upload(lists.path(), "articles");
    let warehouse = folder.path().to_string_lossy();
    let mut args = bucket.args("s3://articles/listing.csv", &warehouse);
    args.extend(["--licence", "cc0,cc-by"]);
    let summary: Value = serde_json::from_str(&bucket.s3.stdout(&args)).unwrap();
    assert_eq!(
        (&summary["counts"]["records_read"], &summary["counts"]["records_unlicensed"]),
        (&100.into(), &10.into()),
        "{summary}"
    );
    let licences = sql(folder.path(), "SELECT DISTINCT licence FROM documents");
    assert_eq!(licences, [serde_json::json!({"licence": "cc-by-4.0"})]);
    let wrong =
        bucket.s3.rexdrug(&["ingest", "other", "--inventory", "s3://articles/listing.csv", "--warehouse", &warehouse]);
    assert!(String::from_utf8_lossy(&wrong.stderr).contains("expected `pmc`"));
}

/// Requests of one command by bucket and kind.
fn requests_of(bucket: &Bucket, args: &[&str]) -> (Value, BTreeMap<(String, String), u64>) {
    let before = bucket.s3.requests().len();
    let summary = serde_json::from_str(&bucket.s3.stdout(args)).unwrap();
    let mut kinds = BTreeMap::new();
    for request in bucket.s3.requests().split_off(before) {
        *kinds.entry((request.bucket, request.kind)).or_default() += 1;
    }
    (summary, kinds)
}

#[test]
fn requests_are_one_an_article_and_a_bounded_number_a_pack() {
    let Some(python) = python() else { return };
    let bucket = Bucket::new(&python);
    let folder = TempDir::new().unwrap();
    let listing = folder.path().join("listing.csv");
    std::fs::write(&listing, &bucket.listing).unwrap();
    let listing = listing.to_string_lossy();
    let articles = ARTICLES + Bucket::real() + 1;
    let mut of_the_warehouse = Vec::new();
    for (name, pack) in [("small-packs", "250"), ("large-packs", "1000")] {
        bucket.s3.bucket(name);
        let uri = format!("s3://{name}/lit");
        let mut args = bucket.args(&listing, &uri);
        let at = args.iter().position(|arg| *arg == "500").unwrap();
        args[at] = pack;
        let (summary, kinds) = requests_of(&bucket, &args);
        let packs = summary["files_committed"].as_u64().unwrap();
        let mut all = 0;
        for ((place, kind), count) in &kinds {
            eprintln!(
                "packs of {pack}: {place}: {kind}: {count} requests, {:.1} per 1,000 articles, {:.1} a pack",
                *count as f64 * 1000.0 / articles as f64,
                *count as f64 / packs as f64
            );
            match place.as_str() {
                "articles" => assert_eq!((kind.as_str(), *count), ("GET", articles), "{kinds:?}"),
                _ => all += count,
            }
        }
        assert!(all <= 60 * packs + 60, "{all} requests for {packs} packs: {kinds:?}");
        of_the_warehouse.push(all);
        let (again, kinds) = requests_of(&bucket, &args);
        eprintln!("packs of {pack}, a second time: {kinds:?}");
        assert_eq!(again["counts"]["documents_written"], 0, "{again}");
    }
    // What the warehouse asks for grows with the packs, not with the articles.
    assert!(of_the_warehouse[1] * 2 < of_the_warehouse[0], "{of_the_warehouse:?}");
}
