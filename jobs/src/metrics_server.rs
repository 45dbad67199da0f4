//! Serves the metrics of a running job over HTTP, for a Prometheus that scrapes it.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

/// A client that is slower loses its connection: one is served at a time.
const PATIENCE: Duration = Duration::from_secs(5);
/// Longest request that is read.
const LONGEST: u64 = 8 << 10;

/// Answers `GET /metrics` with what `text` gives, from a thread that ends with the process; the address bound.
///
/// # Errors
/// When the address cannot be bound.
pub fn serve(address: SocketAddr, text: impl Fn() -> String + Send + 'static) -> io::Result<SocketAddr> {
    let listener = TcpListener::bind(address)?;
    let bound = listener.local_addr()?;
    let work = move || {
        for stream in listener.incoming() {
            if let Err(error) = stream.and_then(|stream| answer(stream, &text)) {
                tracing::debug!(%error, "a request for metrics was not answered");
            }
        }
    };
    std::thread::Builder::new().name("metrics".to_owned()).spawn(work)?;
    Ok(bound)
}

fn answer(mut stream: TcpStream, text: &impl Fn() -> String) -> io::Result<()> {
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let mut request = Vec::new();
    let mut piece = [0; 1024];
    let mut limited = stream.try_clone()?.take(LONGEST);
    while !request.windows(4).any(|end| end == b"\r\n\r\n") {
        match limited.read(&mut piece)? {
            0 => break,
            read => request.extend_from_slice(piece.get(..read).unwrap_or_default()),
        }
    }
    let first = request.split(|byte| *byte == b'\r').next().unwrap_or_default();
    let (status, body) = match first.strip_prefix(b"GET ") {
        None => ("405 Method Not Allowed", "expected GET /metrics\n".to_owned()),
        Some(rest) => match rest.split(|byte| matches!(byte, b' ' | b'?')).next() {
            Some(b"/metrics") => ("200 OK", text()),
            _ => ("404 Not Found", "expected GET /metrics\n".to_owned()),
        },
    };
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\nContent-Length: {}\r\n\
         Connection: close\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes())?;
    stream.write_all(body.as_bytes())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn ask(address: SocketAddr, request: &str) -> String {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    #[test]
    fn only_get_metrics_is_answered_with_them() {
        let address = serve(([127, 0, 0, 1], 0).into(), || "rexdrug_files_total 3\n".to_owned()).unwrap();
        let found = ask(address, "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n");
        assert!(
            found.starts_with("HTTP/1.1 200 OK\r\n") && found.ends_with("\r\n\r\nrexdrug_files_total 3\n"),
            "{found}"
        );
        for (request, status) in [
            ("GET / HTTP/1.1\r\n\r\n", "404"),
            ("POST /metrics HTTP/1.1\r\n\r\n", "405"),
            ("\r\n\r\n", "405"),
            ("GET /metrics/../secret HTTP/1.1\r\n\r\n", "404"),
        ] {
            let found = ask(address, request);
            assert!(found.contains(status) && !found.contains("rexdrug_files"), "{request:?}: {found}");
        }
        assert!(serve(address, String::new).is_err(), "taken");
    }
}
