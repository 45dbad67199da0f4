//! Readers that know nothing of rexdrug, and an S3-protocol server, both from Python.

use std::process::{Child, Command, Stdio};

use serde_json::Value;
use tempfile::TempDir;

use crate::support::{binary, json, root, sql};

const TABLES: [&str; 4] = ["documents", "quarantine", "combinations", "runs"];

/// The Python of `make readers`; without it the tests of this file cannot run and say so.
fn python() -> Option<String> {
    let python = std::env::var("REXDRUG_TEST_PYTHON").ok();
    if python.is_none() {
        eprintln!("skipped: REXDRUG_TEST_PYTHON is not set; run the tests with `make test`");
    }
    python
}

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
    for reader in ["deltalake", "duckdb", "polars"] {
        assert_eq!(found[reader], ours, "{reader}");
    }
}

/// Moto on a free port, killed when dropped.
struct S3 {
    server: Child,
    endpoint: String,
}

impl Drop for S3 {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

impl S3 {
    fn start(python: &str) -> Self {
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let server = Command::new(python)
            .args(["-m", "moto.server", "-H", "127.0.0.1", "-p", &port.to_string()])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let server = Self { server, endpoint: format!("http://127.0.0.1:{port}") };
        for _ in 0..600 {
            if std::net::TcpStream::connect(("127.0.0.1", port)).is_ok() {
                return server;
            }
            std::thread::sleep(std::time::Duration::from_millis(100));
        }
        panic!("the S3 server did not start within a minute");
    }

    fn environment(&self) -> Vec<(&'static str, String)> {
        vec![
            ("AWS_ENDPOINT_URL", self.endpoint.clone()),
            ("AWS_ACCESS_KEY_ID", "test".to_owned()),
            ("AWS_SECRET_ACCESS_KEY", "planted-secret-7f3a".to_owned()),
            ("AWS_REGION", "us-east-1".to_owned()),
            ("AWS_ALLOW_HTTP", "true".to_owned()),
        ]
    }
}

#[test]
fn a_warehouse_on_s3_holds_the_rows_of_a_local_one() {
    let Some(python) = python() else { return };
    let s3 = S3::start(&python);
    let bucket =
        "import boto3, os; boto3.client('s3', endpoint_url=os.environ['AWS_ENDPOINT_URL']).create_bucket(Bucket='lit')";
    let made = Command::new(&python).args(["-c", bucket]).envs(s3.environment()).status().unwrap();
    assert!(made.success());
    let run = |args: &[&str]| {
        let output = Command::new(binary()).args(args).current_dir(root()).envs(s3.environment()).output().unwrap();
        let (out, log) = (
            String::from_utf8_lossy(&output.stdout).into_owned(),
            String::from_utf8_lossy(&output.stderr).into_owned(),
        );
        assert!(output.status.success(), "{args:?}\n{log}");
        assert!(!out.contains("planted-secret") && !log.contains("planted-secret"), "{out}{log}");
        out
    };
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
