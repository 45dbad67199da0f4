//! `run --cluster` over a scheduler and workers that are processes of their own: the rows of the local engine, whatever
//! becomes of the processes meanwhile.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

use crate::corpus::{article, gzip, set};
use crate::support::{binary, command, root, signal, sql, stdout};

/// Every column of the four tables but ids, times and seconds of runs.
const TABLES: [&str; 4] = [
    "SELECT doc_id, version, title, text, source_file, source_md5, source_record FROM documents ORDER BY doc_id",
    "SELECT combination_id, doc_id, section, sentence_index, sentence, sentence_start, sentence_end, drugs, drug_key, arity, \
     effect, effect_scores, confidence, context_start, context_end, source_file, source_record, extractor, model_id, \
     model_sha256, lexicon_sha256, device FROM combinations ORDER BY combination_id",
    "SELECT stage, reason, message, excerpt, source_file, source_record FROM quarantine \
     ORDER BY source_file, source_record, message",
    "SELECT source_file, source_md5, verb, status, records_read, records_quarantined, documents_written, \
     documents_superseded, documents_replaced, deletions_listed, deletions_applied, sentences_read, sentences_cut, \
     sentences_kept, sentences_extracted, sentences_quarantined, combinations_found, combinations_written, \
     combinations_superseded, extractor, model_id, model_sha256, lexicon_sha256, device FROM runs ORDER BY source_file",
];

/// A minute is far more than any of these takes; a hang must not pass for patience.
const LONGEST: Duration = Duration::from_secs(120);

/// Baseline files and updates that revise and delete; a record and a sentence of each file are refused.
fn corpus(files: u32, articles: u32) -> TempDir {
    let folder = TempDir::new().unwrap();
    for number in 1..=files {
        let mut records: Vec<String> =
            (1..=articles).map(|pmid| article(number * 100 + pmid, 1, pmid as usize % 3)).collect();
        records.push(article(number * 100 + 90, 1, 1).replace("in arm 0", "in unreadable arm 0"));
        records.push(article(0, 1, 1).replace("<PMID Version=\"1\">0</PMID>", ""));
        let mut deleted = Vec::new();
        if number > files / 2 {
            let older = (number - files / 2) * 100;
            records.extend([article(older + 1, 2, 2), article(older + 2, 1, 1)]);
            deleted = vec![older + 3];
        }
        std::fs::write(folder.path().join(format!("clus26n{number:04}.xml.gz")), gzip(&set(&records, &deleted)))
            .unwrap();
    }
    folder
}

/// A process that ends with the test.
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Lines of a process, until one is as wished; the rest is read on so that the process never waits for us.
fn wait_for_line(lines: impl std::io::Read + Send + 'static, wished: &'static str) -> String {
    let (tell, told) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let mut seen = String::new();
        for line in BufReader::new(lines).lines().map_while(Result::ok) {
            let found = line.contains(wished);
            seen.push_str(&line);
            seen.push('\n');
            if found {
                let _ = tell.send(Ok(line));
            }
        }
        let _ = tell.send(Err(seen));
    });
    match told.recv_timeout(LONGEST) {
        Ok(Ok(line)) => line,
        Ok(Err(seen)) => panic!("`{wished}` was not said: {seen}"),
        Err(_) => panic!("`{wished}` was not said in {LONGEST:?}"),
    }
}

const TOKEN: &str = "0123456789abcdef-of-a-test";

fn start_scheduler(warehouse: &Path, bind: &str, program: impl Fn(&[&str]) -> Command) -> (Process, String) {
    let mut command =
        program(&["scheduler", "--bind", bind, "--worker-timeout", "8", "--warehouse", &warehouse.to_string_lossy()]);
    let mut child = command.env("REXDRUG_CLUSTER_TOKEN", TOKEN).stdout(Stdio::piped()).spawn().unwrap();
    let line = wait_for_line(child.stdout.take().unwrap(), "listens on");
    let address = line.split_whitespace().last().unwrap().to_owned();
    (Process(child), address)
}

struct Cluster {
    warehouse: TempDir,
    folder: TempDir,
    scheduler: Option<Process>,
    address: String,
    workers: Vec<Process>,
}

impl Cluster {
    /// A scheduler and `workers` workers with one slot each.
    fn start(workers: usize) -> Self {
        let (warehouse, folder) = (TempDir::new().unwrap(), TempDir::new().unwrap());
        let (scheduler, address) = start_scheduler(warehouse.path(), "127.0.0.1:0", command);
        let mut cluster = Self { warehouse, folder, scheduler: Some(scheduler), address, workers: Vec::new() };
        for _ in 0..workers {
            let worker = cluster.worker(TOKEN);
            cluster.workers.push(worker);
        }
        cluster
    }

    fn worker(&self, token: &str) -> Process {
        self.worker_with(token, &self.address, &mut Command::new("env"))
    }

    /// A worker that `launcher` starts.
    fn worker_with(&self, token: &str, scheduler: &str, launcher: &mut Command) -> Process {
        let command = launcher.arg(binary()).current_dir(root()).env_remove("REXDRUG_WAREHOUSE").args([
            "worker",
            "--scheduler",
            scheduler,
            "--slots",
            "1",
            "--threads",
            "1",
            "--cache",
            &self.folder.path().to_string_lossy(),
            "--warehouse",
            &self.warehouse.path().to_string_lossy(),
        ]);
        let log =
            std::fs::File::options().create(true).append(true).open(self.folder.path().join("workers.log")).unwrap();
        Process(command.env("REXDRUG_CLUSTER_TOKEN", token).stdout(Stdio::null()).stderr(log).spawn().unwrap())
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("workers.log")).unwrap_or_default()
    }

    fn run(&self, case: &Case, more: &[&str]) -> Command {
        let cluster = format!("df://{}", self.address);
        let mut command = case.command(self.warehouse.path(), &["--cluster", &cluster]);
        command.args(more).env("REXDRUG_CLUSTER_TOKEN", TOKEN);
        command
    }

    /// Starts the run, in the background.
    fn begin(&self, case: &Case) -> Child {
        self.run(case, &[]).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap()
    }

    /// Waits until `files` files are committed.
    fn committed(&self, files: usize, run: &mut Child) {
        let started = Instant::now();
        let log = self.warehouse.path().join("runs/_delta_log");
        // Version 0 makes the table.
        while !log.join(format!("{files:020}.json")).exists() {
            assert!(run.try_wait().unwrap().is_none(), "the run ended before {files} files were committed");
            assert!(started.elapsed() < LONGEST, "{files} files were not committed in {LONGEST:?}:\n{}", self.log());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Waits for the end of the run, and compares.
    fn ends_well(&self, case: &Case, run: Child, what: &str, started: Instant) {
        let output = run.wait_with_output().unwrap();
        let log = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{what}: {log}\n{}", self.log());
        eprintln!("{what}: {:.1} s", started.elapsed().as_secs_f64());
        let got = tables(self.warehouse.path());
        for (got, expected) in got.iter().zip(&case.expected) {
            assert_eq!(got, expected, "{what}");
        }
        let verified = stdout(&["verify", "--warehouse", &self.warehouse.path().to_string_lossy()]);
        assert!(verified.contains(": sound\n"), "{what}: {verified}");
    }
}

/// A corpus, a model, and the tables that the local engine makes of them.
struct Case {
    input: TempDir,
    model: String,
    expected: Vec<Vec<Value>>,
}

impl Case {
    fn new(files: u32, articles: u32, model: &str) -> Self {
        let mut case = Self { input: corpus(files, articles), model: model.to_owned(), expected: Vec::new() };
        let warehouse = TempDir::new().unwrap();
        let output = case.command(warehouse.path(), &[]).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        case.expected = tables(warehouse.path());
        assert!(case.expected.iter().all(|rows| rows.len() >= files as usize), "{:?}", case.expected);
        case
    }

    /// Answers of a script that refuses a sentence of each file, and takes `delay_ms` for a call.
    fn scripted(files: u32, articles: u32, delay_ms: u32) -> Self {
        Self::new(files, articles, &format!("scripted:keyword=with;refuse=unreadable;delay_ms={delay_ms}"))
    }

    fn command(&self, warehouse: &Path, more: &[&str]) -> Command {
        let (input, warehouse) = (self.input.path().to_string_lossy(), warehouse.to_string_lossy());
        let args = ["run", &input, "--warehouse", &warehouse, "--top", "0", "--max-quarantine", "1"];
        let mut command = command(&args);
        command.args(["--model", &self.model]).args(more);
        command
    }
}

fn tables(warehouse: &Path) -> Vec<Vec<Value>> {
    TABLES.iter().map(|query| sql(warehouse, query)).collect()
}

#[test]
fn three_workers_make_the_rows_of_the_local_engine() {
    let case = Case::scripted(20, 6, 0);
    let cluster = Cluster::start(3);
    let started = Instant::now();
    cluster.ends_well(&case, cluster.begin(&case), "20 files, three workers", started);
    // Nothing is left to do, and the cluster is not asked.
    let again = cluster.run(&case, &["--json"]).output().unwrap();
    let summary: Value = serde_json::from_slice(&again.stdout).unwrap();
    assert_eq!((summary["files_committed"].as_u64(), summary["files_skipped"].as_u64()), (Some(0), Some(20)));
}

#[test]
fn the_default_model_reaches_workers_through_the_warehouse() {
    let model = root().join("data/models/rexdrug-base");
    let case = Case::new(3, 6, &model.to_string_lossy());
    let cluster = Cluster::start(1);
    cluster.ends_well(&case, cluster.begin(&case), "3 files, default model", Instant::now());
    let kept: Vec<PathBuf> = std::fs::read_dir(cluster.folder.path().join("models"))
        .unwrap()
        .map(|entry| entry.unwrap().path().join("rexdrug.json"))
        .collect();
    assert!(kept.len() == 1 && kept[0].is_file(), "{kept:?}");
    // A model on the worker's disk that was changed is fetched again by the next worker.
    let damaged = kept[0].with_file_name("mentions.json");
    std::fs::write(&damaged, "{}").unwrap();
    let other = Cluster::start(0);
    let mut command = command(&["worker", "--scheduler", &other.address, "--slots", "1"]);
    let log = std::fs::File::create(other.folder.path().join("workers.log")).unwrap();
    command
        .args(["--cache", &cluster.folder.path().to_string_lossy()])
        .args(["--warehouse", &other.warehouse.path().to_string_lossy()])
        .env("REXDRUG_CLUSTER_TOKEN", TOKEN);
    let _worker = Process(command.stdout(Stdio::null()).stderr(log).spawn().unwrap());
    other.ends_well(&case, other.begin(&case), "3 files, damaged cache", Instant::now());
    assert_ne!(std::fs::read(&damaged).unwrap(), b"{}");
    assert!(other.log().contains("damaged"), "{}", other.log());
}

#[test]
fn a_worker_killed_in_the_middle() {
    let case = Case::scripted(20, 6, 400);
    let mut cluster = Cluster::start(3);
    let started = Instant::now();
    let mut run = cluster.begin(&case);
    cluster.committed(3, &mut run);
    drop(cluster.workers.pop());
    cluster.ends_well(&case, run, "a worker killed", started);
}

#[test]
fn a_slow_worker_comes_back_after_its_files_were_given_to_others() {
    let case = Case::scripted(20, 6, 400);
    let cluster = Cluster::start(3);
    let started = Instant::now();
    let mut run = cluster.begin(&case);
    cluster.committed(2, &mut run);
    let slow = &cluster.workers[0].0;
    signal(slow, "STOP");
    // The head of the line is with it: nothing more is committed until others have its file.
    cluster.committed(12, &mut run);
    signal(slow, "CONT");
    cluster.ends_well(&case, run, "a worker stopped and continued", started);
}

#[test]
fn the_scheduler_started_again() {
    let case = Case::scripted(20, 6, 300);
    let mut cluster = Cluster::start(3);
    let started = Instant::now();
    let mut run = cluster.begin(&case);
    cluster.committed(3, &mut run);
    drop(cluster.scheduler.take());
    let (scheduler, address) = start_scheduler(cluster.warehouse.path(), &cluster.address, command);
    assert_eq!(address, cluster.address);
    cluster.scheduler = Some(scheduler);
    cluster.ends_well(&case, run, "the scheduler started again", started);
}

#[test]
fn the_driver_killed_and_started_again() {
    let case = Case::scripted(20, 6, 300);
    let cluster = Cluster::start(3);
    let started = Instant::now();
    let mut run = cluster.begin(&case);
    cluster.committed(4, &mut run);
    run.kill().unwrap();
    run.wait().unwrap();
    let verified = stdout(&["verify", "--warehouse", &cluster.warehouse.path().to_string_lossy()]);
    assert!(!verified.contains("broken"), "{verified}");
    cluster.ends_well(&case, cluster.begin(&case), "the driver killed and started again", started);
}

#[test]
fn strangers_are_refused() {
    let case = Case::scripted(1, 2, 0);
    let mut cluster = Cluster::start(0);
    let refused = cluster.run(&case, &[]).env("REXDRUG_CLUSTER_TOKEN", "another-token-of-a-test").output().unwrap();
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(refused.status.code() == Some(2) && said.contains("token"), "{said}");
    assert!(!said.contains("another-token"), "{said}");
    let refused = cluster.run(&case, &[]).env_remove("REXDRUG_CLUSTER_TOKEN").output().unwrap();
    assert_eq!(refused.status.code(), Some(2));
    // A worker without the token gets no work: with one that has it, all is done by that one.
    let _stranger = cluster.worker("another-token-of-a-test");
    let worker = cluster.worker(TOKEN);
    cluster.workers.push(worker);
    cluster.ends_well(&case, cluster.begin(&case), "a stranger among the workers", Instant::now());

    let open = command(&["scheduler", "--bind", "0.0.0.0:0"]).env_remove("REXDRUG_CLUSTER_TOKEN").output().unwrap();
    let said = String::from_utf8_lossy(&open.stderr);
    assert!(open.status.code() == Some(2) && said.contains("--insecure"), "{said}");
}

/// An authority, and a certificate of it for 127.0.0.1 and its key; none without `openssl`.
fn certificates(folder: &Path) -> bool {
    let openssl = |args: &str| {
        let mut command = Command::new("openssl");
        let done = command.args(args.split_whitespace()).current_dir(folder).stderr(Stdio::null()).status();
        done.is_ok_and(|status| status.success())
    };
    if !openssl("version") {
        eprintln!("skipped: no openssl to make certificates with");
        return false;
    }
    std::fs::write(folder.join("names"), "subjectAltName=IP:127.0.0.1\nbasicConstraints=CA:FALSE\n").unwrap();
    let key = "req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes";
    assert!(openssl(&format!("{key} -x509 -days 2 -subj /CN=authority -keyout ca.key -out ca.pem")));
    assert!(openssl(&format!("{key} -subj /CN=scheduler -keyout own.key -out own.csr")));
    assert!(openssl(
        "x509 -req -days 2 -in own.csr -CA ca.pem -CAkey ca.key -CAcreateserial -extfile names -out own.pem"
    ));
    true
}

#[test]
fn with_certificates_everything_is_encrypted_and_callers_without_one_are_refused() {
    let folder = TempDir::new().unwrap();
    if !certificates(folder.path()) {
        return;
    }
    let file = |name: &str| folder.path().join(name);
    let trust = [("REXDRUG_CLUSTER_CA", file("ca.pem"))];
    let known = [
        ("REXDRUG_CLUSTER_CA", file("ca.pem")),
        ("REXDRUG_CLUSTER_CERT", file("own.pem")),
        ("REXDRUG_CLUSTER_KEY", file("own.key")),
    ];
    let case = Case::scripted(4, 2, 0);
    let mut cluster = Cluster::start(0);
    let (scheduler, address) = start_scheduler(cluster.warehouse.path(), "127.0.0.1:0", |args| {
        let mut command = command(args);
        command.envs(known.clone());
        command
    });
    (cluster.scheduler, cluster.address) = (Some(scheduler), address);
    for (what, files) in [("nothing", &[][..]), ("the authority, no certificate", &trust[..])] {
        let refused = cluster.run(&case, &[]).envs(files.iter().cloned()).output().unwrap();
        let said = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert_eq!(refused.status.code(), Some(2), "a driver with {what}: {said}");
    }
    let worker = cluster.worker_with(TOKEN, &cluster.address, Command::new("env").envs(known.clone()));
    cluster.workers.push(worker);
    let mut run = cluster.run(&case, &[]);
    let run = run.envs(known).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    cluster.ends_well(&case, run, "over TLS", Instant::now());
}

/// Network namespaces of this test, each with a wire to this one; gone with it.
struct Networks {
    names: Vec<String>,
}

fn ip(args: &str) -> bool {
    let done = Command::new("ip").args(args.split_whitespace()).stdout(Stdio::null()).stderr(Stdio::null()).status();
    done.is_ok_and(|status| status.success())
}

impl Networks {
    /// None where this user may not make them.
    fn new(count: usize) -> Option<Self> {
        let mut networks = Self { names: Vec::new() };
        for number in 0..count {
            let name = format!("rx{}n{number}", std::process::id() % 100_000);
            let (outer, inner) = (format!("{name}o"), format!("{name}i"));
            if !ip(&format!("netns add {name}")) {
                return None;
            }
            networks.names.push(name.clone());
            let made = ip(&format!("link add {outer} type veth peer name {inner} netns {name}"))
                && ip(&format!("addr add 10.213.{number}.1/30 dev {outer}"))
                && ip(&format!("link set {outer} up"))
                && ip(&format!("-n {name} addr add 10.213.{number}.2/30 dev {inner}"))
                && ip(&format!("-n {name} link set {inner} up"));
            if !made {
                return None;
            }
        }
        Some(networks)
    }

    /// Cuts the wire of one.
    fn cut(&self, number: usize) {
        assert!(ip(&format!("link set {}o down", self.names[number])));
    }
}

impl Drop for Networks {
    fn drop(&mut self) {
        for name in &self.names {
            ip(&format!("netns del {name}"));
            ip(&format!("link del {name}o"));
        }
    }
}

#[test]
fn a_worker_cut_off_the_network() {
    let Some(networks) = Networks::new(3) else {
        eprintln!("skipped: network namespaces need root and iproute2");
        return;
    };
    let case = Case::scripted(20, 6, 400);
    let (warehouse, folder) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let insecure = |args: &[&str]| {
        let mut command = command(args);
        command.arg("--insecure");
        command
    };
    let (scheduler, address) = start_scheduler(warehouse.path(), "0.0.0.0:0", insecure);
    let port = address.rsplit(':').next().unwrap().to_owned();
    let mut cluster = Cluster {
        warehouse,
        folder,
        scheduler: Some(scheduler),
        address: format!("127.0.0.1:{port}"),
        workers: Vec::new(),
    };
    for (number, name) in networks.names.iter().enumerate() {
        let seen_from_there = format!("10.213.{number}.1:{port}");
        let worker = cluster.worker_with(TOKEN, &seen_from_there, Command::new("ip").args(["netns", "exec", name]));
        cluster.workers.push(worker);
    }
    let started = Instant::now();
    let mut run = cluster.begin(&case);
    cluster.committed(3, &mut run);
    networks.cut(0);
    cluster.ends_well(&case, run, "a worker cut off the network", started);
}
