//! A server for tests that answers as it is told, misbehaviour included.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};

/// What the server does with one request.
pub(crate) enum Reaction {
    /// A completion with this text.
    Say(String),
    /// A completion that ran into its limit of tokens.
    Cut(String),
    /// A status with headers and a body.
    Status(u16, Vec<(&'static str, String)>, String),
    /// A body that breaks off in the middle.
    Half,
    /// 200 with a body that is no JSON.
    Garbage,
    /// Nothing for so long, then a completion.
    Slow(Duration, String),
}

/// One request as it came.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(crate) path: String,
    pub(crate) head: String,
    pub(crate) body: Value,
}

impl Request {
    /// The user message.
    pub(crate) fn user(&self) -> String {
        let messages = self.body["messages"].as_array().cloned().unwrap_or_default();
        messages.last().and_then(|last| last["content"].as_str().map(str::to_owned)).unwrap_or_default()
    }
}

pub(crate) struct Loopback {
    pub(crate) url: String,
    pub(crate) requests: Arc<Mutex<Vec<Request>>>,
    /// Most requests that were open at once.
    pub(crate) busiest: Arc<AtomicUsize>,
}

impl Loopback {
    /// A server on a free port; it ends with the process. `react` gets the number of the request and the request.
    pub(crate) fn start(react: impl Fn(usize, &Request) -> Reaction + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/v1", listener.local_addr().unwrap());
        let requests: Arc<Mutex<Vec<Request>>> = Arc::default();
        let (busiest, open) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let (react, seen, most) = (Arc::new(react), Arc::clone(&requests), Arc::clone(&busiest));
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (react, seen, most, open) =
                    (Arc::clone(&react), Arc::clone(&seen), Arc::clone(&most), Arc::clone(&open));
                std::thread::spawn(move || {
                    let Some(request) = read(&stream) else { return };
                    most.fetch_max(open.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                    let number = {
                        let mut seen = seen.lock().unwrap();
                        seen.push(request.clone());
                        seen.iter().filter(|other| other.path == request.path).count() - 1
                    };
                    let reaction = match request.path.ends_with("/models") {
                        true => Reaction::Status(200, vec![], json!({"data": [{"id": "tiny"}]}).to_string()),
                        false => react(number, &request),
                    };
                    // Counted out before the answer leaves: the client may send the next request on its receipt.
                    if let Reaction::Slow(wait, _) = &reaction {
                        std::thread::sleep(*wait);
                    }
                    open.fetch_sub(1, Ordering::SeqCst);
                    write(stream, reaction);
                });
            }
        });
        Self { url, requests, busiest }
    }

    /// Questions asked.
    pub(crate) fn asked(&self) -> usize {
        self.requests.lock().unwrap().iter().filter(|request| request.path.ends_with("/chat/completions")).count()
    }
}

fn read(stream: &TcpStream) -> Option<Request> {
    let mut reader = BufReader::new(stream);
    let mut head = String::new();
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        if line.trim().is_empty() {
            break;
        }
        head.push_str(&line);
    }
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().ok())?
    });
    let mut body = vec![0; length.unwrap_or(0)];
    reader.read_exact(&mut body).ok()?;
    let path = head.split_whitespace().nth(1)?.to_owned();
    Some(Request { path, head, body: serde_json::from_slice(&body).unwrap_or_default() })
}

fn completion(text: &str, finish: &str) -> String {
    json!({
        "choices": [{"message": {"role": "assistant", "content": text}, "finish_reason": finish}],
        "usage": {"prompt_tokens": 100, "completion_tokens": 10}
    })
    .to_string()
}

fn write(mut stream: TcpStream, reaction: Reaction) {
    let (status, headers, body, cut) = match reaction {
        Reaction::Say(text) | Reaction::Slow(_, text) => (200, vec![], completion(&text, "stop"), 0),
        Reaction::Cut(text) => (200, vec![], completion(&text, "length"), 0),
        Reaction::Status(status, headers, body) => (status, headers, body, 0),
        Reaction::Half => (200, vec![], completion("<answer>[]</answer>", "stop"), 40),
        Reaction::Garbage => (200, vec![], "<html>busy</html>".to_owned(), 0),
    };
    let mut head = format!("HTTP/1.1 {status} X\r\ncontent-length: {}\r\nconnection: close\r\n", body.len());
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    // The client may have given up; then nobody reads.
    let _ = stream.write_all(format!("{head}\r\n{}", &body[..body.len() - cut]).as_bytes());
}
