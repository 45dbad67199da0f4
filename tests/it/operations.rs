//! What an on-call person relies on: metrics, JSON logs, pipes that close, secrets that stay secret, paths that stay inside.

use std::io::{BufRead, BufReader, Read, Write};
use std::process::Stdio;

use serde_json::Value;
use tempfile::TempDir;

use crate::corpus::{article, gzip, set};
use crate::llm::{Server, joins_known_drugs};
use crate::nlm::Nlm;
use crate::support::{command, root, sql};

const MODEL: &str = "scripted:keyword=with";
const TABLES: [&str; 4] = ["documents", "combinations", "quarantine", "runs"];

fn input() -> TempDir {
    let folder = TempDir::new().unwrap();
    let articles: Vec<String> = (1..=9).map(|pmid| article(pmid, 1, 1)).collect();
    std::fs::write(folder.path().join("ops26n0001.xml.gz"), gzip(&set(&articles, &[]))).unwrap();
    std::fs::write(folder.path().join("ops26n0002.xml.gz"), b"damaged").unwrap();
    folder
}

#[test]
fn a_run_leaves_metrics_and_json_logs_and_says_what_went_wrong_last() {
    let (input, warehouse) = (input(), TempDir::new().unwrap());
    let metrics = warehouse.path().join("rexdrug.prom");
    let output = command(&[
        "run",
        &input.path().to_string_lossy(),
        "--warehouse",
        &warehouse.path().to_string_lossy(),
        "--model",
        MODEL,
        "--log-format",
        "json",
        "--metrics-file",
        &metrics.to_string_lossy(),
    ])
    .output()
    .unwrap();
    let log = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{log}");
    let (lines, last): (Vec<&str>, Vec<&str>) = log.lines().partition(|line| line.starts_with('{'));
    let committed: Vec<Value> = lines
        .iter()
        .map(|line| serde_json::from_str::<Value>(line).unwrap())
        .filter(|line| line["fields"]["message"] == "committed")
        .collect();
    assert_eq!(committed.len(), 2, "{log}");
    assert_eq!(committed[0]["fields"]["documents"], 9);
    assert!(last.last().unwrap().starts_with("refused too much: 1 files could not be used"), "{last:?}");
    let text = std::fs::read_to_string(&metrics).unwrap();
    for line in [
        "# TYPE rexdrug_files_total counter",
        "rexdrug_files_total{verb=\"run\",outcome=\"committed\"} 2",
        "rexdrug_files_total{verb=\"run\",outcome=\"failed\"} 1",
        "rexdrug_documents_written_total{verb=\"run\"} 9",
        "rexdrug_exit_code{verb=\"run\"} 1",
    ] {
        assert!(text.lines().any(|found| found == line), "{line} in {text}");
    }
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let (name, value) = line.rsplit_once(' ').unwrap();
        assert!(name.starts_with("rexdrug_") && name.ends_with('}') && value.parse::<f64>().is_ok(), "{line}");
    }
}

/// The questions that docs/nightly.md has for the morning after, on a night of which one file was damaged.
#[test]
fn the_documented_queries_say_what_happened_last_night() {
    let (input, warehouse) = (input(), TempDir::new().unwrap());
    let (files, uri) = (input.path().to_string_lossy().into_owned(), warehouse.path().to_string_lossy().into_owned());
    let code = command(&["run", &files, "--warehouse", &uri, "--model", MODEL]).output().unwrap().status.code();
    assert_eq!(code, Some(1));
    let page = std::fs::read_to_string(root().join("docs/nightly.md")).unwrap();
    let (_, section) = page.split_once("## What happened last night").unwrap();
    let queries: Vec<&str> =
        section.split("rexdrug sql \"").skip(1).map(|rest| rest.split('"').next().unwrap()).collect();
    let answers: Vec<Vec<Value>> = queries.iter().map(|query| sql(warehouse.path(), query)).collect();
    let [verbs, odd, reasons, rates] = answers.as_slice() else { panic!("{} queries", answers.len()) };
    let done = verbs.iter().find(|row| row["status"] == "done").unwrap();
    assert_eq!((verbs.len(), &done["files"], &done["documents"]), (2, &1.into(), &9.into()), "{verbs:?}");
    assert_eq!((odd.len(), &odd[0]["source_file"]), (1, &"ops26n0002.xml.gz".into()), "{odd:?}");
    assert_eq!((reasons.len(), &reasons[0]["n"]), (1, &1.into()), "{reasons:?}");
    assert!(rates.len() == 2 && rates.iter().any(|row| row["records_per_second"].as_f64() > Some(0.0)), "{rates:?}");
}

/// `rexdrug … | head -1`: the reader goes away before the writer is done.
#[test]
fn a_closed_pipe_is_no_panic() {
    let many = "SELECT value AS n, repeat('x', 200) AS text FROM generate_series(1, 20000)";
    for args in [
        vec!["sql", many],
        vec!["sql", many, "--format", "csv"],
        vec!["sql", many, "--format", "json"],
        vec!["lexicon", "check", "cisplatin with gemcitabine and aspirin"],
        vec!["try", "Cisplatin with gemcitabine.", "--model", MODEL],
    ] {
        let mut child = command(&args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        // Closed before the first byte, or after the first few.
        let mut stdout = child.stdout.take().unwrap();
        if args.len() > 2 {
            let mut few = [0; 4];
            let _ = stdout.read(&mut few);
        }
        drop(stdout);
        let mut log = String::new();
        child.stderr.take().unwrap().read_to_string(&mut log).unwrap();
        let code = child.wait().unwrap().code();
        assert_eq!(code, Some(0), "{args:?}: {log}");
        assert!(!log.contains("panicked"), "{args:?}: {log}");
    }
    // Standard error may be closed as well.
    let mut child = command(&["run", "no/such/file.xml"]).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stderr.take());
    assert_eq!(child.wait().unwrap().code(), Some(2));
}

/// Output that is lost for any other reason must not pass for a result.
#[test]
fn a_full_disk_under_standard_output_fails_the_command() {
    let Ok(full) = std::fs::File::options().write(true).open("/dev/full") else { return };
    for args in [vec!["sql", "SELECT 1 AS n"], vec!["lexicon", "check", "cisplatin"]] {
        let output = command(&args).stdout(full.try_clone().unwrap()).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    }
}

/// Secrets in the environment and in addresses appear nowhere: not in logs, errors, rows or the Delta log.
#[test]
fn planted_secrets_appear_nowhere() {
    const SECRET: &str = "planted-secret-91c4";
    let (input, warehouse) = (input(), TempDir::new().unwrap());
    let (files, uri) = (input.path().to_string_lossy().into_owned(), warehouse.path().to_string_lossy().into_owned());
    let at = |name: &str| warehouse.path().join(name).to_string_lossy().into_owned();
    let (synced, asked, cache, downloads) = (at("synced"), at("asked"), at("cache"), at("downloads"));
    let with_user = format!("http://user:{SECRET}@127.0.0.1:1/pubmed/");
    let with_query = format!("http://127.0.0.1:1/pubmed/?token={SECRET}");
    let s3 = format!("s3://user:{SECRET}@bucket/lit");
    let nlm = Nlm::start();
    nlm.put("baseline", "pubmed26n0001.xml.gz", gzip(&set(&[article(1, 1, 1), article(2, 1, 2)], &[])));
    nlm.put("updatefiles", "pubmed26n0002.xml.gz", b"damaged".to_vec());
    let mirror = nlm.url();
    // Refuses every other question, and quotes the key each time.
    let server = Server::start(|number, body| if number % 2 == 0 { Err(400) } else { joins_known_drugs(number, body) });
    let llm = ["--extractor", "openai", "--llm-model", "tiny-llm", "--llm-cache", &cache, "--llm-url"];
    let with_llm = |warehouse, url| [&["run", &files, "--warehouse", warehouse], llm.as_slice(), &[url]].concat();
    let llm_with_user = format!("http://user:{SECRET}@127.0.0.1:1/v1");
    for (args, code) in [
        (vec!["run", &files, "--warehouse", &uri, "--model", MODEL], 1),
        (vec!["sync", "--warehouse", &uri, "--model", MODEL, "--base-url", &with_user], 2),
        (vec!["sync", "--warehouse", &uri, "--model", MODEL, "--base-url", &with_query], 2),
        (
            vec!["sync", "--warehouse", &synced, "--model", MODEL, "--download-dir", &downloads, "--base-url", &mirror],
            1,
        ),
        (with_llm(&asked, &server.url), 1),
        (with_llm(&asked, &llm_with_user), 2),
        (vec!["run", &files, "--warehouse", &s3, "--model", MODEL], 2),
        // Nobody listens there: the store's own errors are shown.
        (vec!["verify", "--warehouse", "s3://bucket/lit"], 2),
        (vec!["verify", "--warehouse", &uri], 0),
    ] {
        let output = command(&args)
            .env("AWS_ACCESS_KEY_ID", "AKIAPLANTED")
            .env("AWS_SECRET_ACCESS_KEY", SECRET)
            .env("AWS_SESSION_TOKEN", format!("{SECRET}-session"))
            .env("REXDRUG_LLM_API_KEY", SECRET)
            .env("AWS_REGION", "us-east-1")
            .env("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
            .env("AWS_ALLOW_HTTP", "true")
            .env("OBJECT_STORE_MAX_RETRIES", "0")
            .env("max_retries", "0")
            .env("NO_PROXY", "127.0.0.1")
            .env("REXDRUG_LOG", "debug")
            .output()
            .unwrap();
        let told = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
        assert!(!told.contains(SECRET), "{args:?}: {told}");
        assert_eq!(output.status.code(), Some(code), "{args:?}: {told}");
    }
    assert_eq!(sql(synced.as_ref(), "SELECT source_file FROM runs").len(), 2, "fetched");
    let refused = sql(asked.as_ref(), "SELECT message FROM quarantine WHERE stage <> 'file'");
    assert!(refused.iter().any(|row| row["message"].as_str().unwrap().contains("Bearer ***")), "{refused:?}");
    let mut seen = 0;
    let mut folders = vec![warehouse.path().to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap().flatten() {
            if entry.path().is_dir() {
                folders.push(entry.path());
                continue;
            }
            let bytes = std::fs::read(entry.path()).unwrap();
            let found = bytes.windows(SECRET.len()).any(|window| window == SECRET.as_bytes());
            assert!(!found, "{}", entry.path().display());
            seen += 1;
        }
    }
    // Pages of Parquet are compressed: read as rows too.
    for (warehouse, table) in [&uri, &synced, &asked].into_iter().flat_map(|uri| TABLES.map(|table| (uri, table))) {
        let rows = sql(warehouse.as_ref(), &format!("SELECT * FROM {table}"));
        assert!(!serde_json::to_string(&rows).unwrap().contains(SECRET), "{warehouse} {table}");
    }
    assert!(seen > 24, "{seen} files were looked through");
}

/// Names and texts of the input that look like paths stay data.
#[test]
fn paths_in_the_input_never_leave_the_warehouse() {
    let root = TempDir::new().unwrap();
    let (input, warehouse) = (root.path().join("input"), root.path().join("outer/warehouse"));
    std::fs::create_dir_all(&input).unwrap();
    let name = "..%2F..%2Fescaped26n0001.xml";
    let articles =
        [article(1, 1, 1).replace("Report 1", "../../../escaped"), article(2, 1, 1).replace(">2<", ">../../2<")];
    std::fs::write(input.join(name), set(&articles, &[])).unwrap();
    let (files, uri) = (input.to_string_lossy().into_owned(), warehouse.to_string_lossy().into_owned());
    let output =
        command(&["run", &files, "--warehouse", &uri, "--model", MODEL, "--max-quarantine", "1"]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(sql(&warehouse, "SELECT source_file FROM runs")[0]["source_file"], name);
    let names = |folder: &std::path::Path| -> Vec<String> {
        let mut names: Vec<String> = std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
            .collect();
        names.sort();
        names
    };
    assert_eq!(names(root.path()), ["input", "outer"]);
    assert_eq!(names(&root.path().join("outer")), ["warehouse"]);
    assert_eq!(names(&input), [name]);
    assert_eq!(names(&warehouse), ["combinations", "documents", "quarantine", "runs"]);
}

#[test]
fn metrics_are_served_while_a_run_goes_on() {
    let (input, warehouse) = (input(), TempDir::new().unwrap());
    let mut child = command(&[
        "run",
        &input.path().to_string_lossy(),
        "--warehouse",
        &warehouse.path().to_string_lossy(),
        "--model",
        MODEL,
        "--metrics-addr",
        "127.0.0.1:0",
    ])
    .env("REXDRUG_PAUSE_AT", "run-committed:2")
    .stdout(Stdio::null())
    .stderr(Stdio::piped())
    .spawn()
    .unwrap();
    let lines = BufReader::new(child.stderr.take().unwrap()).lines().map_while(Result::ok);
    let mut address = None;
    for line in lines {
        if let Some((_, rest)) = line.split_once("metrics on http://") {
            address = rest.split('/').next().map(str::to_owned);
        }
        if line.contains("paused at") {
            break;
        }
    }
    let mut stream = std::net::TcpStream::connect(address.expect("the address is logged")).unwrap();
    stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    for line in
        ["rexdrug_files_total{verb=\"run\",outcome=\"committed\"} 1", "rexdrug_documents_written_total{verb=\"run\"} 9"]
    {
        assert!(answer.lines().any(|found| found == line), "{line} in {answer}");
    }
    assert!(!answer.contains("rexdrug_exit_code"), "it still runs");
}
