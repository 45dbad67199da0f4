//! Requests to NLM's server: a polite rate, limits on time and size, small texts with retries.

use std::time::Duration;

use reqwest::redirect::Policy;
use reqwest::{Client, RequestBuilder, Response, StatusCode};
use tokio::sync::Mutex;
use tokio::time::Instant;
use url::Url;

use super::error::SyncError;
use super::retry::{Tries, Trouble, retry_after};
use crate::warehouse::redact;

/// Largest listing or md5 file that is read.
const MOST_TEXT_BYTES: usize = 16 << 20;

/// How files are fetched.
#[derive(Debug, Clone, PartialEq)]
pub struct FetchOptions {
    /// Requests begun a second at most, over all connections; NLM asks for no more than three.
    pub requests_per_second: f64,
    /// Downloads at the same time.
    pub connections: usize,
    /// Attempts without a single new byte before a file is given up until the next sync.
    pub attempts: u32,
    /// Pause after the first failure; doubled after each further one, with jitter.
    pub first_pause: Duration,
    /// Longest of those pauses.
    pub longest_pause: Duration,
    /// Longest `Retry-After` that is waited for.
    pub longest_retry_after: Duration,
    /// A connection that brings nothing for so long, or less than `least_bytes_per_second` over it, is given up.
    pub stall: Duration,
    /// See `stall`.
    pub least_bytes_per_second: u64,
    /// Largest file that is taken.
    pub most_bytes: u64,
    /// Name under which requests are made.
    pub user_agent: String,
}

impl Default for FetchOptions {
    fn default() -> Self {
        Self {
            requests_per_second: 3.0,
            connections: 2,
            attempts: 8,
            first_pause: Duration::from_secs(1),
            longest_pause: Duration::from_secs(60),
            longest_retry_after: Duration::from_secs(600),
            stall: Duration::from_secs(60),
            least_bytes_per_second: 1024,
            most_bytes: 2 << 30,
            user_agent: concat!("rexdrug/", env!("CARGO_PKG_VERSION")).to_owned(),
        }
    }
}

/// Parses a base address: http or https, without credentials, query or fragment; a slash is added at its end.
///
/// # Errors
/// [`SyncError::Base`].
pub fn base_url(text: &str) -> Result<Url, SyncError> {
    let shown = text.split(['?', '#']).next().unwrap_or_default();
    let refuse = |reason: String| SyncError::Base { url: redact(shown), reason };
    let mut url = Url::parse(text).map_err(|error| refuse(error.to_string()))?;
    if !["http", "https"].contains(&url.scheme()) {
        return Err(refuse(format!("scheme `{}` is neither http nor https", url.scheme())));
    }
    if url.password().is_some() || !url.username().is_empty() {
        return Err(refuse("credentials do not belong in the address".to_owned()));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(refuse("a query or fragment has no meaning here".to_owned()));
    }
    if !url.path().ends_with('/') {
        let path = format!("{}/", url.path());
        url.set_path(&path);
    }
    Ok(url)
}

/// An HTTP client that keeps to the rate.
#[derive(Debug)]
pub(super) struct Fetcher {
    client: Client,
    pub(super) base: Url,
    pub(super) options: FetchOptions,
    next: Mutex<Instant>,
}

impl Fetcher {
    pub(super) fn new(base: Url, options: FetchOptions) -> Result<Self, SyncError> {
        let client = Client::builder()
            .user_agent(&options.user_agent)
            .connect_timeout(options.stall)
            // A redirect stays on the host: the md5 and the file must come from one place.
            .redirect(Policy::custom(|attempt| {
                let same = attempt.previous().first().map(Url::host) == Some(attempt.url().host());
                if same && attempt.previous().len() < 5 { attempt.follow() } else { attempt.stop() }
            }))
            .build()
            .map_err(|error| SyncError::Client { reason: error.to_string() })?;
        Ok(Self { client, base, options, next: Mutex::new(Instant::now()) })
    }

    /// Address of a file below the base.
    pub(super) fn address(&self, path: &str) -> Result<Url, String> {
        self.base.join(path).map_err(|error| format!("{path}: {error}"))
    }

    /// A GET, sent when its turn has come; any status but success is a [`Trouble`].
    pub(super) async fn get(
        &self,
        url: &Url,
        with: impl FnOnce(RequestBuilder) -> RequestBuilder,
    ) -> Result<Response, Trouble> {
        self.turn().await;
        let request = with(self.client.get(url.clone()));
        let response = tokio::time::timeout(self.options.stall, request.send())
            .await
            .map_err(|_| Trouble::passing(format!("no answer within {} s", self.options.stall.as_secs_f64())))?
            .map_err(|error| Trouble::passing(describe(&error)))?;
        match response.status() {
            status if status.is_success() || status == StatusCode::RANGE_NOT_SATISFIABLE => Ok(response),
            status => Err(refused(status, &response)),
        }
    }

    /// A small text.
    pub(super) async fn text(&self, url: &Url) -> Result<String, String> {
        let mut tries = Tries::new(&self.options);
        loop {
            match self.text_once(url).await {
                Ok(text) => return Ok(text),
                Err(trouble) => tries.failed(trouble, false).await?,
            }
        }
    }

    async fn text_once(&self, url: &Url) -> Result<String, Trouble> {
        let mut response = self.get(url, |request| request).await?;
        let mut bytes = Vec::new();
        while let Some(chunk) = self.chunk(&mut response).await? {
            bytes.extend_from_slice(&chunk);
            if bytes.len() > MOST_TEXT_BYTES {
                return Err(Trouble::Lasting(format!("the answer is longer than {MOST_TEXT_BYTES} bytes")));
            }
        }
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// The next bytes of a body.
    pub(super) async fn chunk(&self, response: &mut Response) -> Result<Option<bytes::Bytes>, Trouble> {
        match tokio::time::timeout(self.options.stall, response.chunk()).await {
            Err(_) => Err(Trouble::passing(format!("nothing came for {} s", self.options.stall.as_secs_f64()))),
            Ok(Err(error)) => Err(Trouble::passing(describe(&error))),
            Ok(Ok(chunk)) => Ok(chunk),
        }
    }

    /// Waits until the next request may begin.
    async fn turn(&self) {
        let gap = Duration::try_from_secs_f64(1.0 / self.options.requests_per_second.max(1e-3)).unwrap_or_default();
        let at = {
            let mut next = self.next.lock().await;
            let at = (*next).max(Instant::now());
            *next = at + gap;
            at
        };
        tokio::time::sleep_until(at).await;
    }
}

fn refused(status: StatusCode, response: &Response) -> Trouble {
    let reason = format!("the server says {status}");
    let passing = status.is_server_error()
        || [StatusCode::TOO_MANY_REQUESTS, StatusCode::REQUEST_TIMEOUT, StatusCode::TOO_EARLY].contains(&status);
    match passing {
        true => Trouble::Passing { reason, after: retry_after(response.headers(), chrono::Utc::now()) },
        false => Trouble::Lasting(reason),
    }
}

/// An error with its causes, without the address (the caller names it) and without secrets.
fn describe(error: &reqwest::Error) -> String {
    let mut text = match error {
        error if error.is_connect() => "cannot connect".to_owned(),
        error if error.is_body() || error.is_decode() => "the connection broke".to_owned(),
        _ => "the request failed".to_owned(),
    };
    let mut cause = std::error::Error::source(error);
    while let Some(known) = cause {
        text.push_str(&format!(": {known}"));
        cause = known.source();
    }
    redact(&text)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    #[test]
    fn base_addresses_are_checked_and_never_show_secrets() {
        assert_eq!(base_url("https://host/pubmed").unwrap().as_str(), "https://host/pubmed/");
        for bad in ["ftp://host/x", "host/x", "https://user:hunter22@host/x", "https://host/x?token=hunter22", ""] {
            let message = base_url(bad).unwrap_err().to_string();
            assert!(!message.contains("hunter22"), "{message}");
        }
    }
}
