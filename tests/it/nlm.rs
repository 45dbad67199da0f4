//! A server on loopback that lists and serves files as NLM does, and that misbehaves on request.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::corpus::md5_of;

/// What goes wrong with one request of a path.
#[derive(Debug, Clone)]
pub enum Fault {
    /// The connection is closed after so many bytes of the body, whose length was announced.
    Cut(usize),
    /// As `Cut`, but without an announced length: only the md5 tells.
    CutInSilence(usize),
    /// One byte of the body is another.
    Flip(usize),
    /// This status, with this `Retry-After`.
    Status(u16, Option<&'static str>),
    /// A byte in so many milliseconds.
    Trickle(u64),
    /// The whole body although a range was asked for.
    WholeBody,
}

#[derive(Default)]
struct State {
    files: Mutex<BTreeMap<String, (Vec<u8>, &'static str)>>,
    faults: Mutex<HashMap<String, VecDeque<Fault>>>,
    always: Mutex<HashMap<String, Fault>>,
    requests: Mutex<Vec<(String, Option<u64>)>>,
    down: AtomicBool,
}

/// The server; it ends with the process.
pub struct Nlm {
    address: SocketAddr,
    state: Arc<State>,
}

impl Nlm {
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let server = Self { address: listener.local_addr().unwrap(), state: Arc::default() };
        let state = Arc::clone(&server.state);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let state = Arc::clone(&state);
                // A client that goes away in the middle ends its thread with an error, which is as it should be.
                std::thread::spawn(move || drop(answer(&state, stream)));
            }
        });
        server
    }

    pub fn url(&self) -> String {
        format!("http://{}/pubmed/", self.address)
    }

    /// Puts a file, its md5 file, and its line in the listing.
    pub fn put(&self, folder: &str, name: &str, bytes: Vec<u8>) {
        self.put_at(folder, name, bytes, "2026-01-09 14:31");
    }

    pub fn put_at(&self, folder: &str, name: &str, bytes: Vec<u8>, modified: &'static str) {
        let md5 = format!("MD5({name})= {}\n", md5_of(&bytes)).into_bytes();
        let mut files = self.state.files.lock().unwrap();
        files.insert(format!("{folder}/{name}.md5"), (md5, modified));
        files.insert(format!("{folder}/{name}"), (bytes, modified));
    }

    pub fn remove_all(&self) {
        self.state.files.lock().unwrap().clear();
    }

    /// The next requests of `path` go wrong, one fault each.
    pub fn spoil(&self, path: &str, faults: &[Fault]) {
        self.state.faults.lock().unwrap().insert(path.to_owned(), faults.iter().cloned().collect());
    }

    /// Every request of `path` goes wrong, until [`Nlm::mend`].
    pub fn spoil_always(&self, path: &str, fault: Fault) {
        self.state.always.lock().unwrap().insert(path.to_owned(), fault);
    }

    pub fn mend(&self) {
        self.state.faults.lock().unwrap().clear();
        self.state.always.lock().unwrap().clear();
        self.state.down.store(false, Ordering::SeqCst);
    }

    /// Every page is a polite notice of maintenance, with status 200.
    pub fn take_down(&self) {
        self.state.down.store(true, Ordering::SeqCst);
    }

    /// Paths asked for since the last call, with the first byte of their range.
    pub fn requests(&self) -> Vec<(String, Option<u64>)> {
        std::mem::take(&mut *self.state.requests.lock().unwrap())
    }

    /// Waits until `path` has been asked for.
    pub fn wait_for(&self, path: &str) {
        for _ in 0..1200 {
            if self.state.requests.lock().unwrap().iter().any(|(asked, _)| asked == path) {
                return;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        panic!("{path} was not asked for within a minute");
    }
}

fn answer(state: &State, mut stream: TcpStream) -> std::io::Result<()> {
    let mut lines = BufReader::new(stream.try_clone()?).lines();
    let first = lines.next().unwrap_or_else(|| Ok(String::new()))?;
    let mut range = None;
    for line in lines {
        let line = line?.to_ascii_lowercase();
        if line.is_empty() {
            break;
        }
        if let Some(value) = line.strip_prefix("range: bytes=") {
            range = value.trim_end_matches('-').parse::<usize>().ok();
        }
    }
    let path = first.split(' ').nth(1).unwrap_or_default().trim_start_matches("/pubmed/").to_owned();
    state.requests.lock().unwrap().push((path.clone(), range.map(|first| first as u64)));
    let planned = state.faults.lock().unwrap().get_mut(&path).and_then(VecDeque::pop_front);
    let fault = planned.or_else(|| state.always.lock().unwrap().get(&path).cloned());
    let mut body = match body(state, &path) {
        Some(body) => body,
        None => return head(&mut stream, 404, "", Some(0)),
    };
    if let Some(Fault::Status(status, after)) = &fault {
        let after = after.map_or_else(String::new, |after| format!("Retry-After: {after}\r\n"));
        return head(&mut stream, *status, &after, Some(0));
    }
    if let Some(Fault::Flip(at)) = &fault {
        let at = at % body.len();
        body[at] ^= 0x20;
    }
    let whole = body.len();
    let range = range.filter(|_| !matches!(fault, Some(Fault::WholeBody)));
    let (status, extra) = match range {
        Some(first) if first >= whole => {
            return head(&mut stream, 416, &format!("Content-Range: bytes */{whole}\r\n"), Some(0));
        }
        Some(first) => {
            body.drain(..first);
            (206, format!("Content-Range: bytes {first}-{}/{whole}\r\n", whole - 1))
        }
        None => (200, String::new()),
    };
    let silent = matches!(fault, Some(Fault::CutInSilence(_)));
    head(&mut stream, status, &extra, (!silent).then_some(body.len()))?;
    match fault {
        Some(Fault::Cut(after) | Fault::CutInSilence(after)) => stream.write_all(&body[..after.min(body.len() - 1)]),
        Some(Fault::Trickle(pause)) => {
            for byte in body {
                stream.write_all(&[byte])?;
                stream.flush()?;
                std::thread::sleep(Duration::from_millis(pause));
            }
            Ok(())
        }
        _ => stream.write_all(&body),
    }
}

fn body(state: &State, path: &str) -> Option<Vec<u8>> {
    if state.down.load(Ordering::SeqCst) {
        return Some(b"<html><body><h1>We will be back soon</h1><a href=\"/\">Home</a></body></html>".to_vec());
    }
    let files = state.files.lock().unwrap();
    let Some(folder) = path.strip_suffix('/') else { return files.get(path).map(|(bytes, _)| bytes.clone()) };
    let mut page = format!(
        "<html><head><title>Index of /pubmed/{folder}</title></head><body><h1>Index of /pubmed/{folder}</h1><pre>Name\
         <hr><a href=\"/pubmed/\">Parent Directory</a>   -   \n<a href=\"README.txt\">README.txt</a>  2026-01-01 00:00  4K\n\
         <a href=\"../../etc/pubmed26n0001.xml.gz\">odd</a>  2026-01-01 00:00  4K\n"
    );
    for (path, (bytes, modified)) in files.iter() {
        if let Some(name) = path.strip_prefix(folder).and_then(|rest| rest.strip_prefix('/')) {
            page.push_str(&format!("<a href=\"{name}\">{name}</a>  {modified}  {}  \n", bytes.len()));
        }
    }
    page.push_str("<hr></pre></body></html>\n");
    Some(page.into_bytes())
}

fn head(stream: &mut TcpStream, status: u16, extra: &str, length: Option<usize>) -> std::io::Result<()> {
    let length = length.map_or_else(String::new, |length| format!("Content-Length: {length}\r\n"));
    write!(stream, "HTTP/1.1 {status} Status\r\n{length}{extra}Connection: close\r\n\r\n")
}
