//! `run --extractor openai` and `cascade` against a loopback server.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::{json, rexdrug, sql, stdout};

/// Answers a request body with the text of a completion, or with a status.
type React = dyn Fn(usize, &Value) -> Result<String, u16> + Send + Sync;

/// A chat-completions server on a free port; it ends with the process.
pub struct Server {
    pub url: String,
    pub asked: Arc<AtomicUsize>,
}

impl Server {
    pub fn start(react: impl Fn(usize, &Value) -> Result<String, u16> + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/v1", listener.local_addr().unwrap());
        let asked = Arc::new(AtomicUsize::new(0));
        let react: Arc<React> = Arc::new(react);
        let count = Arc::clone(&asked);
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (react, count) = (Arc::clone(&react), Arc::clone(&count));
                std::thread::spawn(move || serve(stream, react.as_ref(), &count));
            }
        });
        Self { url, asked }
    }
}

fn serve(mut stream: TcpStream, react: &React, count: &AtomicUsize) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let (mut first, mut length, mut key) = (String::new(), 0, String::new());
    reader.read_line(&mut first).unwrap();
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).unwrap() == 0 {
            return;
        }
        if line.trim().is_empty() {
            break;
        }
        if let Some(value) = line.to_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
        if line.to_lowercase().starts_with("authorization:") {
            key = line.trim().to_owned();
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    let (status, body) = if first.contains("/models") {
        (200, json!({"data": [{"id": "tiny-llm"}]}))
    } else {
        let body: Value = serde_json::from_slice(&body).unwrap();
        let number = count.fetch_add(1, Ordering::SeqCst);
        let answer = react(number, &body);
        match answer {
            Ok(text) => {
                let choice = json!({"message": {"content": text}, "finish_reason": "stop"});
                (200, json!({"choices": [choice], "usage": {"prompt_tokens": 50, "completion_tokens": 20}}))
            }
            // Some servers quote what they refuse.
            Err(status) => (status, json!({"error": format!("as told; {key}")})),
        }
    };
    let body = body.to_string();
    let head = format!("HTTP/1.1 {status} X\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", body.len());
    let _ = stream.write_all((head + &body).as_bytes());
}

/// The target sentence of a prompt.
fn sentence(body: &Value) -> String {
    let user = body["messages"][1]["content"].as_str().unwrap();
    user.rsplit_once("Target sentence:\n").unwrap().1.to_owned()
}

/// A model that joins whatever capital-free words of five letters or more end in a drug-like way, and one invented drug.
pub fn joins_known_drugs(_: usize, body: &Value) -> Result<String, u16> {
    let sentence = sentence(body);
    let words = sentence.split(|letter: char| !letter.is_alphanumeric()).filter(|word| {
        ["ib", "mab", "in", "ine", "el", "ide", "ol", "um"].iter().any(|end| word.ends_with(end)) && word.len() > 5
    });
    let drugs: Vec<&str> = words.collect();
    let quote = sentence.split_whitespace().take(3).collect::<Vec<_>>().join(" ");
    let answer = json!([
        {"type": "POS", "ent_set": drugs},
        {"type": "POS", "ent_set": ["inventedumab", "fabricatinib"]},
    ]);
    Ok(format!("<think>[1] It says \"{quote}\". [2] b [3] c [4] d</think><answer>{answer}</answer>"))
}

fn run(warehouse: &TempDir, cache: &TempDir, server: &Server, more: &[&str]) -> Value {
    let (warehouse, cache) = (warehouse.path().to_string_lossy(), cache.path().to_string_lossy());
    let mut args = vec!["run", "data/sample", "--warehouse", &warehouse, "--json", "--llm-url", &server.url];
    args.extend(["--llm-model", "tiny-llm", "--llm-cache", &cache]);
    let config = Path::new(&*cache).join("rexdrug.toml");
    std::fs::write(&config, "[llm]\nprompt_price = 2.0\ncompletion_price = 10.0\n").unwrap();
    let config = config.to_string_lossy();
    args.extend(["--config", &config]);
    args.extend(more);
    json(&args)
}

#[test]
fn a_language_model_fills_the_table_with_reasoning_and_a_second_run_pays_nothing() {
    let server = Server::start(joins_known_drugs);
    let (warehouse, other, cache) = (TempDir::new().unwrap(), TempDir::new().unwrap(), TempDir::new().unwrap());
    let summary = run(&warehouse, &cache, &server, &["--extractor", "openai"]);
    let counts = &summary["counts"]["language_model"];
    let asked = server.asked.load(Ordering::SeqCst) as u64;
    assert!(asked > 50, "{summary}");
    assert_eq!(counts["answers"], summary["counts"]["sentences_kept"]);
    assert_eq!(counts["requests"].as_u64(), Some(asked));
    assert_eq!(counts["prompt_tokens"].as_u64(), Some(asked * 50));
    assert_eq!(counts["relations_of_unknown_drugs"], counts["answers"], "the invented pair, every time");
    assert_eq!(counts["quotes_verbatim"], counts["quotes"]);
    let rows = sql(
        warehouse.path(),
        "SELECT count(*) AS n, count(reasoning) AS reasoned, count(DISTINCT prompt_sha256) AS prompts, \
         min(extractor) AS extractor, min(device) AS device, min(model_id) AS model FROM combinations",
    );
    assert!(rows[0]["n"].as_u64().unwrap() > 20, "{rows:?}");
    assert_eq!(rows[0]["reasoned"], rows[0]["n"]);
    assert_eq!(rows[0]["prompts"], 1);
    assert_eq!((&rows[0]["extractor"], &rows[0]["device"]), (&json!("openai"), &json!("remote")));
    assert_eq!(rows[0]["model"], "tiny-llm");
    assert!(sql(warehouse.path(), "SELECT drug_key FROM combinations WHERE drug_key LIKE '%fabricatinib%'").is_empty());
    assert!(stdout(&["verify", "--warehouse", &warehouse.path().to_string_lossy()]).contains("sound"));

    let costs = "SELECT sum(llm_answers) AS answers, sum(llm_cached) AS cached, sum(llm_requests) AS requests, \
        sum(prompt_tokens) AS prompt, sum(completion_tokens) AS completion, sum(llm_cost) AS cost, \
        count(DISTINCT prompt_sha256) AS prompts FROM runs";
    let first = &sql(warehouse.path(), costs)[0];
    for (column, counted) in [
        ("answers", "answers"),
        ("requests", "requests"),
        ("prompt", "prompt_tokens"),
        ("completion", "completion_tokens"),
    ] {
        assert_eq!(first[column], counts[counted], "{column}: {first}");
    }
    let answers = counts["answers"].as_u64().unwrap();
    assert_eq!(first["cached"], answers - asked, "sentences that stand twice in the corpus are asked about once");
    assert_eq!(first["prompts"], 1);
    // 50 and 20 tokens each, at 2 and 10 a million.
    assert!((first["cost"].as_f64().unwrap() - asked as f64 * 300e-6).abs() < 1e-9, "{first}");

    let again = run(&other, &cache, &server, &["--extractor", "openai"]);
    let second = &sql(other.path(), costs)[0];
    assert_eq!((&second["cached"], &second["answers"]), (&first["answers"], &first["answers"]));
    assert_eq!((&second["requests"], &second["prompt"], &second["cost"]), (&json!(0), &json!(0), &json!(0.0)));
    assert_eq!(server.asked.load(Ordering::SeqCst) as u64, asked, "everything comes from the cache");
    assert_eq!(again["counts"]["language_model"]["cached"], again["counts"]["language_model"]["answers"]);
    let table = "SELECT combination_id, effect, confidence, drug_key, reasoning FROM combinations ORDER BY combination_id, effect";
    assert_eq!(sql(warehouse.path(), table), sql(other.path(), table));
}

#[test]
fn a_cascade_asks_the_language_model_only_about_what_the_classifier_leaves_open() {
    let server = Server::start(joins_known_drugs);
    let (warehouse, cache) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let summary = run(&warehouse, &cache, &server, &["--extractor", "cascade", "--cascade", "uncertain:0.3:0.7"]);
    let (kept, asked) =
        (summary["counts"]["sentences_kept"].as_u64().unwrap(), server.asked.load(Ordering::SeqCst) as u64);
    assert!(asked > 0 && asked < kept / 2, "{asked} of {kept}");
    let rows = sql(
        warehouse.path(),
        "SELECT count(*) AS n, count(reasoning) AS reasoned, count(prompt_sha256) AS prompted, \
         min(extractor) AS extractor FROM combinations",
    );
    assert_eq!(rows[0]["extractor"], "cascade");
    assert_eq!(rows[0]["prompted"], rows[0]["reasoned"], "what the classifier settled had no prompt");
    assert!(rows[0]["n"].as_u64() > rows[0]["reasoned"].as_u64(), "{rows:?}");
    assert!(stdout(&["verify", "--warehouse", &warehouse.path().to_string_lossy()]).contains("sound"));
}

#[test]
fn what_is_missing_or_wrong_is_said_before_anything_is_read() {
    let server = Server::start(|_, _| Err(500));
    for (args, expected) in [
        (vec!["--extractor", "openai"], "--llm-url"),
        (vec!["--extractor", "openai", "--llm-url", &server.url], "--llm-model"),
        (vec!["--extractor", "openai", "--llm-url", &server.url, "--llm-model", "huge"], "no model `huge`"),
        (vec!["--extractor", "openai", "--llm-url", "http://127.0.0.1:1/v1", "--llm-model", "x"], "does not answer"),
        (vec!["--extractor", "cascade", "--cascade", "often"], "uncertain:LOW:HIGH"),
        (vec!["--extractor", "generator"], "is a classifier"),
    ] {
        let mut all = vec!["try", "Cisplatin plus gemcitabine.", "--llm-cache", ""];
        all.extend(&args);
        let output = rexdrug(&all);
        let message = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{args:?}");
        assert!(message.contains(expected), "{args:?}: {message}");
    }
    assert_eq!(server.asked.load(Ordering::SeqCst), 0);
}

#[test]
fn traces_are_generated_from_the_command_line_and_the_folder_is_continued() {
    let folder = TempDir::new().unwrap();
    let gold = folder.path().join("gold.jsonl");
    let item = |id: &str| {
        json!({"doc_id": id, "sentence": format!("{id}: alphine with betacil helped."), "paragraph": "", "spans": [
            {"span_id": 0, "text": "alphine", "start": 4, "end": 11}, {"span_id": 1, "text": "betacil", "start": 17, "end": 24}],
            "rels": [{"class": "POS", "spans": [0, 1]}]})
        .to_string()
    };
    std::fs::write(&gold, [item("a1"), item("b2")].join("\n")).unwrap();
    let server = Server::start(|_, body| {
        if body["messages"][0]["content"].as_str().unwrap().starts_with("You review") {
            let scores = ["format", "plausibility", "faithfulness", "consistency", "naturalness", "usefulness"];
            let object: serde_json::Map<String, Value> =
                scores.iter().map(|name| ((*name).to_owned(), json!(4))).collect();
            return Ok(Value::from(object).to_string());
        }
        let words = vec!["word"; 90].join(" ");
        Ok(format!(
            "<think>[1] {words}\n[2] b\n[3] c\n[4] d</think><answer>[{{\"type\": \"POS\", \"ent_set\": [\"alphine\", \"betacil\"]}}]</answer>"
        ))
    });
    let (gold, out) = (gold.to_string_lossy().into_owned(), folder.path().join("out").to_string_lossy().into_owned());
    let mut args = vec!["traces", "generate", "--gold", &gold, "--out", &out, "--llm-url", &server.url];
    args.extend(["--llm-model", "tiny-llm", "--llm-cache", "", "--json"]);
    let summary = json(&args);
    assert_eq!((&summary["accepted"], &summary["pass_rate"]), (&json!(2), &json!(1.0)), "{summary}");
    assert_eq!(server.asked.load(Ordering::SeqCst), 4);
    assert_eq!(json(&args), summary);
    assert_eq!(server.asked.load(Ordering::SeqCst), 4, "nothing is left to decide");
    args.push("--threshold");
    args.push("5");
    let output = rexdrug(&args);
    assert!(String::from_utf8_lossy(&output.stderr).contains("other settings"));
}
