//! One file into the download folder: resumed where a part is there, and only taken with the md5 that NLM publishes.

use std::path::{Path, PathBuf};

use reqwest::StatusCode;
use reqwest::header::{CONTENT_RANGE, HeaderMap, RANGE};
use rexdrug_pubmed::{md5_of, parse_sidecar, sidecar_path};
use tokio::fs::{File, OpenOptions};
use tokio::io::AsyncWriteExt;
use tokio::time::Instant;
use url::Url;

use super::http::Fetcher;
use super::listing::RemoteFile;
use super::retry::{Tries, Trouble};

/// A file that is in the download folder, whole.
#[derive(Debug)]
pub(super) struct Downloaded {
    pub(super) path: PathBuf,
    /// Bytes that came over the line, those of attempts in vain included.
    pub(super) bytes: u64,
}

impl Fetcher {
    /// The digest that the server publishes beside a file.
    pub(super) async fn published_md5(&self, file: &RemoteFile) -> Result<String, String> {
        let url = self.address(&format!("{}/{}.md5", file.folder, file.name))?;
        let text = self.text(&url).await.map_err(|reason| format!("its md5 file: {reason}"))?;
        let shown: String = text.chars().take(60).collect();
        parse_sidecar(&text)
            .ok_or_else(|| format!("its md5 file: expected MD5(name)= and 32 hex digits, got {shown:?}"))
    }

    /// Fetches `file` into `folder`, with its sidecar, so that the run checks the digest again.
    pub(super) async fn download(&self, file: &RemoteFile, folder: &Path) -> Result<Downloaded, String> {
        let md5 = self.published_md5(file).await?;
        let url = self.address(&format!("{}/{}", file.folder, file.name))?;
        let target = folder.join(&file.name);
        // The digest is in the name of the part: bytes of an earlier issue of the file are never joined to this one.
        let part = folder.join(format!("{}.{md5}.part", file.name));
        let mut bytes = 0;
        if digest(&target).await.as_deref() != Ok(md5.as_str()) {
            let mut tries = Tries::new(&self.options);
            loop {
                let before = length(&part).await;
                let trouble = match self.attempt(&url, &part, &mut bytes).await {
                    Ok(()) => match digest(&part).await {
                        Ok(got) if got == md5 => break,
                        Ok(got) => {
                            remove(&part).await?;
                            Trouble::passing(format!("its md5 is {got}, the server's md5 file says {md5}"))
                        }
                        Err(error) => Trouble::Lasting(format!("{}: {error}", part.display())),
                    },
                    Err(trouble) => trouble,
                };
                tries.failed(trouble, length(&part).await > before).await?;
            }
            tokio::fs::rename(&part, &target).await.map_err(|error| format!("{}: {error}", target.display()))?;
        }
        let sidecar = sidecar_path(&target);
        tokio::fs::write(&sidecar, format!("MD5({})= {md5}\n", file.name))
            .await
            .map_err(|error| format!("{}: {error}", sidecar.display()))?;
        Ok(Downloaded { path: target, bytes })
    }

    /// One request for what `part` lacks.
    async fn attempt(&self, url: &Url, part: &Path, received: &mut u64) -> Result<(), Trouble> {
        let local = |error: std::io::Error| Trouble::Lasting(format!("cannot write {}: {error}", part.display()));
        let have = length(part).await;
        let range = |request: reqwest::RequestBuilder| match have {
            0 => request,
            have => request.header(RANGE, format!("bytes={have}-")),
        };
        let mut response = self.get(url, range).await?;
        let (mut file, kept) = match response.status() {
            StatusCode::PARTIAL_CONTENT if begins_at(response.headers(), have) => {
                (OpenOptions::new().append(true).open(part).await.map_err(local)?, have)
            }
            StatusCode::OK => (File::create(part).await.map_err(local)?, 0),
            // Nothing follows what is there: it is whole, or not of this file; its digest says which.
            StatusCode::RANGE_NOT_SATISFIABLE if have > 0 => return Ok(()),
            status => {
                remove(part).await.map_err(Trouble::Lasting)?;
                return Err(Trouble::passing(format!(
                    "asked from byte {have}, the server answers {status} for others"
                )));
            }
        };
        let expected = response.content_length().map(|rest| rest + kept);
        let mut length = kept;
        let mut window = (Instant::now(), 0_u64);
        let outcome = loop {
            let chunk = match self.chunk(&mut response).await {
                Ok(Some(chunk)) => chunk,
                Ok(None) => break Ok(()),
                Err(trouble) => break Err(trouble),
            };
            file.write_all(&chunk).await.map_err(local)?;
            let count = chunk.len() as u64;
            length += count;
            *received += count;
            window.1 += count;
            if length > self.options.most_bytes {
                return Err(Trouble::Lasting(format!("it is longer than {} bytes", self.options.most_bytes)));
            }
            let seconds = window.0.elapsed();
            if seconds >= self.options.stall {
                let rate = window.1 as f64 / seconds.as_secs_f64();
                if rate < self.options.least_bytes_per_second as f64 {
                    break Err(Trouble::passing(format!("only {rate:.0} bytes/s came")));
                }
                window = (Instant::now(), 0);
            }
        };
        file.flush().await.map_err(local)?;
        outcome?;
        match expected {
            Some(expected) if expected != length => {
                Err(Trouble::passing(format!("the body ended after {length} of {expected} bytes")))
            }
            _ => Ok(()),
        }
    }
}

/// Whether `Content-Range: bytes 100-…` begins where was asked.
fn begins_at(headers: &HeaderMap, have: u64) -> bool {
    let range = headers.get(CONTENT_RANGE).and_then(|value| value.to_str().ok());
    let first = range.and_then(|range| range.trim().strip_prefix("bytes")?.trim_start().split('-').next());
    first.and_then(|first| first.parse().ok()) == Some(have)
}

async fn length(path: &Path) -> u64 {
    tokio::fs::metadata(path).await.map_or(0, |facts| facts.len())
}

async fn remove(path: &Path) -> Result<(), String> {
    match tokio::fs::remove_file(path).await {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(format!("cannot remove {}: {error}", path.display()))
        }
        _ => Ok(()),
    }
}

async fn digest(path: &Path) -> Result<String, String> {
    let path = path.to_owned();
    let work = tokio::task::spawn_blocking(move || md5_of(&path).map_err(|error| error.to_string()));
    work.await.map_err(|error| error.to_string())?
}
