//! Articles that a listing names, read from an S3-protocol server on loopback.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::Value;
use tempfile::TempDir;

use crate::nlm::{Fault, Nlm};
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

/// A manifest in the bucket names two files; an article whose next version they list is read, and it alone.
#[test]
fn an_inventory_manifest_is_followed_and_a_new_version_replaces_the_old() {
    let Some(python) = python() else { return };
    let bucket = Bucket::new(&python);
    let folder = TempDir::new().unwrap();
    let warehouse = folder.path().join("warehouse");
    let few: Vec<&str> = bucket.listing.lines().take(21).collect();
    let old: Vec<&str> = few.iter().copied().filter(|line| !line.contains("PMC7.2")).collect();
    let listing = folder.path().join("listing.csv");
    std::fs::write(&listing, old.join("\n")).unwrap();
    let first = bucket.ingest(&listing, &warehouse, &[]);
    assert_eq!(first["counts"]["documents_written"], 20, "{first}");
    let version = "SELECT version, source_member FROM documents WHERE pmcid = 'PMC7'";
    assert_eq!(sql(&warehouse, version)[0]["version"], 1);

    let lists = TempDir::new().unwrap();
    let place = lists.path().join("inventory/articles/all");
    std::fs::create_dir_all(place.join("data")).unwrap();
    std::fs::create_dir_all(place.join("2026-02-01T01-00Z")).unwrap();
    let mut files = Vec::new();
    for (number, part) in few.chunks(11).enumerate() {
        let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
        gzip.write_all(part.join("\n").as_bytes()).unwrap();
        let bytes = gzip.finish().unwrap();
        std::fs::write(place.join(format!("data/{number}.csv.gz")), &bytes).unwrap();
        files.push(serde_json::json!({"key": format!("inventory/articles/all/data/{number}.csv.gz"),
            "size": bytes.len(), "MD5checksum": hex::encode(rexdrug_pubmed::md5_of_bytes(&bytes))}));
    }
    let mut manifest = serde_json::json!({"sourceBucket": "articles", "destinationBucket": "arn:aws:s3:::articles",
        "fileFormat": "CSV", "fileSchema": "Bucket, Key, LastModifiedDate, ETag", "files": files});
    let key = "inventory/articles/all/2026-02-01T01-00Z/manifest.json";
    std::fs::write(lists.path().join(key), manifest.to_string()).unwrap();
    bucket.s3.upload(lists.path(), "articles");
    let uri = format!("s3://articles/{key}");
    let target = warehouse.to_string_lossy().into_owned();
    let summary: Value = serde_json::from_str(&bucket.s3.stdout(&bucket.args(&uri, &target))).unwrap();
    let listing = &summary["listing"];
    assert_eq!(
        (&listing["lines"], &listing["known"], &listing["articles"]),
        (&21.into(), &19.into(), &1.into()),
        "{summary}"
    );
    // The manifest, its two files, one article.
    assert_eq!(summary["object_requests"]["requests"], 4, "{summary}");
    let now = sql(&warehouse, version);
    assert_eq!((&now[0]["version"], &now[0]["source_member"]), (&2.into(), &"PMC7.2/PMC7.2.xml".into()));
    assert_eq!(sql(&warehouse, "SELECT count(*) AS n FROM documents")[0]["n"], 20);

    // A copy of the bucket on a disk does as well; a file that is damaged is not read.
    let local = lists.path().join(key);
    let again = bucket.ingest(&local, &warehouse, &[]);
    assert_eq!((&again["listing"]["known"], &again["object_requests"]["requests"]), (&20.into(), &0.into()), "{again}");
    manifest["files"][1]["MD5checksum"] = "0".repeat(32).into();
    std::fs::write(&local, manifest.to_string()).unwrap();
    let refused = bucket.s3.rexdrug(&bucket.args(&local.to_string_lossy(), &target));
    assert_eq!(refused.status.code(), Some(2));
    let message = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(message.contains("data/1.csv.gz") && message.contains("fetch it again"), "{message}");
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

/// A bucket whose answers are cut or refused now and then, read unsigned.
#[test]
fn objects_that_fail_are_asked_for_again_and_the_rows_are_those_without_faults() {
    let server = Nlm::start();
    let (folder, local) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let mut listing = String::new();
    let key = |pmcid: u64| format!("PMC{pmcid}.1/PMC{pmcid}.1.xml");
    for pmcid in 1..=20 {
        let methods = format!("Group {pmcid} got cisplatin with gemcitabine.");
        let paper = Paper { pmcid, pmid: None, licence: "licenses/by/4.0", methods: &methods, results: "Done." };
        let path = local.path().join(key(pmcid));
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, paper.xml()).unwrap();
        server.put("articles", &key(pmcid), paper.xml().into_bytes());
        writeln!(listing, "articles,metadata/PMC{pmcid}.1.json,2026-01-08T11:47:59.000Z,{pmcid:032x}").unwrap();
    }
    let file = folder.path().join("listing.csv");
    std::fs::write(&file, listing).unwrap();
    let run = |articles: &str, warehouse: &Path| {
        std::process::Command::new(crate::support::binary())
            .args(["ingest", "pmc", "--pack", "10", "--json", "--inventory"])
            .arg(&file)
            .args(["--articles", articles, "--warehouse"])
            .arg(warehouse)
            .env("AWS_ENDPOINT_URL", server.url().trim_end_matches('/'))
            .env("AWS_ALLOW_HTTP", "true")
            .env_remove("AWS_ACCESS_KEY_ID")
            .output()
            .unwrap()
    };
    let summary = |output: &std::process::Output| -> Value {
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).unwrap()
    };
    let (plain, faulty) = (folder.path().join("plain"), folder.path().join("faulty"));
    summary(&run(&local.path().to_string_lossy(), &plain));
    let rows = sql(&plain, ROWS);
    assert_eq!(rows.len(), 20);

    // The second pack cannot be read: the first is committed, and the run says what is wrong with which object.
    server.spoil(&format!("articles/{}", key(3)), &[Fault::Cut(100), Fault::Status(503, Some("0")), Fault::Cut(0)]);
    server.spoil_always(&format!("articles/{}", key(15)), Fault::Cut(100));
    let failed = run("s3://articles", &faulty);
    let message = String::from_utf8_lossy(&failed.stderr).into_owned();
    assert_eq!(failed.status.code(), Some(2), "{message}");
    assert!(message.contains("PMC15.1/PMC15.1.xml") && message.contains("run again"), "{message}");
    assert_eq!(sql(&faulty, "SELECT count(*) AS n FROM documents")[0]["n"], 10);
    server.mend();
    server.requests();
    let resumed = summary(&run("s3://articles", &faulty));
    assert_eq!(
        (&resumed["listing"]["known"], &resumed["object_requests"]["requests"]),
        (&10.into(), &10.into()),
        "{resumed}"
    );
    assert_eq!(server.requests().len(), 10);
    assert_eq!(sql(&faulty, ROWS), rows);
}
