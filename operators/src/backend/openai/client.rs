//! The client of an OpenAI-compatible server: bounded concurrency, retries, cache, counters.

use std::fmt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderValue, RETRY_AFTER};
use reqwest::{Client, StatusCode, Url};
use tokio::sync::{Mutex, Semaphore};
use tokio::time::Instant;

use super::cache::{AnswerCache, key_of};
use super::retry::{RetryPolicy, is_temporary, retry_after};
use super::wire::{ChatAnswer, ChatRequest};
use crate::backend::BackendError;

/// Largest body that is read of a response.
const MAX_BODY_BYTES: usize = 16 << 20;

/// A key that no log and no error shows.
#[derive(Clone, PartialEq, Eq)]
pub struct ApiKey(String);

impl ApiKey {
    /// Wraps a key.
    pub fn new(key: impl Into<String>) -> Self {
        Self(key.into())
    }
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("ApiKey(…)")
    }
}

/// Where a server is and how it is treated.
#[derive(Debug, Clone, PartialEq)]
pub struct ClientOptions {
    /// Root of the API, e.g. `http://localhost:8000/v1`.
    pub url: String,
    /// Key, where the server wants one.
    pub api_key: Option<ApiKey>,
    /// Requests under way at once.
    pub concurrency: usize,
    /// Longest time from sending a request to the last byte of its answer.
    pub timeout: Duration,
    /// When a request is repeated.
    pub retry: RetryPolicy,
    /// Folder of answers; none asks for everything anew.
    pub cache: Option<PathBuf>,
    /// Price of a million tokens of questions.
    pub prompt_price: f64,
    /// Price of a million tokens of answers.
    pub completion_price: f64,
}

impl ClientOptions {
    /// A server at `url` with 16 requests at once, two minutes each.
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            api_key: None,
            concurrency: 16,
            timeout: Duration::from_secs(120),
            retry: RetryPolicy::default(),
            cache: None,
            prompt_price: 0.0,
            completion_price: 0.0,
        }
    }
}

/// What was asked and what it cost.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Usage {
    /// Questions that were answered, from the server or from the cache.
    pub answers: u64,
    /// Those of them that the cache held.
    pub cached: u64,
    /// Requests sent, repetitions included.
    pub requests: u64,
    /// Repetitions among them.
    pub retries: u64,
    /// Tokens of the questions that the server answered.
    pub prompt_tokens: u64,
    /// Tokens of its answers.
    pub completion_tokens: u64,
    /// Millionths of the currency of the prices.
    pub cost_micros: u64,
}

impl Usage {
    /// Adds what others cost.
    pub fn add(&mut self, other: &Self) {
        self.answers += other.answers;
        self.cached += other.cached;
        self.requests += other.requests;
        self.retries += other.retries;
        self.prompt_tokens += other.prompt_tokens;
        self.completion_tokens += other.completion_tokens;
        self.cost_micros += other.cost_micros;
    }
}

/// Why a question has no answer.
#[derive(Debug)]
pub enum ChatError {
    /// No question will be answered until this is repaired.
    Fatal(BackendError),
    /// This question was not answered.
    Unanswered {
        /// What the server said last.
        message: String,
        /// What trying cost.
        usage: Usage,
    },
}

/// A client of one server. Clones of its `Arc` share connections, bounds and cache.
#[derive(Debug)]
pub struct ChatClient {
    http: Client,
    chat_url: Url,
    models_url: Url,
    options: ClientOptions,
    room: Semaphore,
    cache: Option<AnswerCache>,
    /// No request leaves before it: a server that asks one request to wait means them all.
    not_before: Mutex<Option<Instant>>,
    sent: AtomicU64,
}

impl ChatClient {
    /// A client; nothing is sent yet.
    ///
    /// # Errors
    /// A URL that is none, a key that no header can carry, a cache that cannot be opened.
    pub fn new(options: ClientOptions) -> Result<Self, BackendError> {
        let refused = |message: String| BackendError::Endpoint { url: shown(&options.url), message };
        let base = Url::parse(&options.url).map_err(|error| {
            refused(format!("this is no URL ({error}); expected the root of the API, e.g. http://localhost:8000/v1"))
        })?;
        if !base.username().is_empty() || base.password().is_some() || base.query().is_some() {
            return Err(refused("a URL may not carry credentials or a query; give the key by its variable".to_owned()));
        }
        let below = |path: &str| {
            let mut url = base.clone();
            url.set_path(&format!("{}/{path}", base.path().trim_end_matches('/')));
            url
        };
        let mut headers = HeaderMap::new();
        if let Some(ApiKey(key)) = &options.api_key {
            let mut value = HeaderValue::from_str(&format!("Bearer {key}"))
                .map_err(|_| refused("the key holds characters that no header can carry".to_owned()))?;
            value.set_sensitive(true);
            headers.insert(AUTHORIZATION, value);
        }
        let http = Client::builder()
            .default_headers(headers)
            .timeout(options.timeout)
            .connect_timeout(options.timeout.min(Duration::from_secs(10)))
            .redirect(reqwest::redirect::Policy::none())
            .user_agent(concat!("rexdrug/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| refused(format!("cannot set up HTTP: {error}")))?;
        let cache = options.cache.as_deref().map(AnswerCache::open).transpose()?;
        Ok(Self {
            http,
            chat_url: below("chat/completions"),
            models_url: below("models"),
            room: Semaphore::new(options.concurrency.clamp(1, Semaphore::MAX_PERMITS)),
            cache,
            not_before: Mutex::new(None),
            sent: AtomicU64::new(0),
            options,
        })
    }

    /// Its options.
    pub fn options(&self) -> &ClientOptions {
        &self.options
    }

    /// Requests sent since it was made.
    pub fn requests_sent(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }

    fn endpoint(&self, message: String) -> BackendError {
        BackendError::Endpoint { url: shown(&self.options.url), message }
    }

    /// Asks the server for its models, so that a wrong address, key or model name shows before a run begins. Servers
    /// without such a list pass.
    ///
    /// # Errors
    /// [`BackendError::Endpoint`].
    pub async fn check(&self, model: &str) -> Result<(), BackendError> {
        let response = self.http.get(self.models_url.clone()).send().await;
        let response = response.map_err(|error| {
            self.endpoint(format!("the server does not answer ({}); start it, or correct the URL", cause(&error)))
        })?;
        let status = response.status();
        if matches!(status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) {
            return Err(self.endpoint(denied(status)));
        }
        if !status.is_success() {
            return Ok(());
        }
        let body = read_body(response).await.map_err(|message| self.endpoint(message))?;
        let listed: serde_json::Value = serde_json::from_slice(&body).unwrap_or_default();
        let Some(models) = listed.get("data").and_then(serde_json::Value::as_array) else { return Ok(()) };
        let names: Vec<&str> = models.iter().filter_map(|entry| entry.get("id")?.as_str()).collect();
        if names.is_empty() || names.contains(&model) {
            return Ok(());
        }
        let few = names.iter().take(10).copied().collect::<Vec<_>>().join(", ");
        Err(self.endpoint(format!("the server has no model `{model}`; it offers {few}")))
    }

    /// Asks one question, from the cache where it was answered before. Dropping the future cancels the request.
    ///
    /// # Errors
    /// [`ChatError`].
    pub async fn ask(&self, request: &ChatRequest) -> Result<(ChatAnswer, Usage), ChatError> {
        let encode =
            |error: serde_json::Error| ChatError::Fatal(self.endpoint(format!("cannot encode a request: {error}")));
        let key = key_of(request).map_err(encode)?;
        if let Some(answer) = self.cache.as_ref().and_then(|cache| cache.get(&key)) {
            return Ok((answer, Usage { answers: 1, cached: 1, ..Usage::default() }));
        }
        let body = serde_json::to_vec(request).map_err(encode)?;
        let lost = || ChatError::Fatal(BackendError::WorkersLost { message: "the client is closed".to_owned() });
        let _room = self.room.acquire().await.map_err(|_| lost())?;
        let mut usage = Usage::default();
        loop {
            self.wait_for_the_server().await;
            usage.requests += 1;
            self.sent.fetch_add(1, Ordering::Relaxed);
            let failure = match self.post(body.clone()).await {
                Ok(answer) => {
                    usage.answers += 1;
                    usage.prompt_tokens += answer.prompt_tokens;
                    usage.completion_tokens += answer.completion_tokens;
                    usage.cost_micros += self.cost(&answer);
                    if let Some(cache) = &self.cache {
                        cache.put(key, &answer).map_err(ChatError::Fatal)?;
                    }
                    return Ok((answer, usage));
                }
                Err(Failure::Fatal(error)) => return Err(ChatError::Fatal(error)),
                Err(Failure::Refused(message)) => return Err(ChatError::Unanswered { message, usage }),
                Err(Failure::Temporary(failure)) => failure,
            };
            let number = u32::try_from(usage.retries).unwrap_or(u32::MAX);
            let Some(wait) = self.options.retry.wait(number, failure.asked, &mut rand::rng()) else {
                let message = format!("{} after {} requests", failure.message, usage.requests);
                return Err(ChatError::Unanswered { message, usage });
            };
            tracing::debug!(wait_ms = wait.as_millis(), reason = failure.message, "asking again");
            usage.retries += 1;
            if failure.asked.is_some() {
                let mut not_before = self.not_before.lock().await;
                *not_before = (*not_before).max(Some(Instant::now() + wait));
            } else {
                tokio::time::sleep(wait).await;
            }
        }
    }

    async fn wait_for_the_server(&self) {
        loop {
            let until = *self.not_before.lock().await;
            match until {
                Some(until) if until > Instant::now() => tokio::time::sleep_until(until).await,
                _ => return,
            }
        }
    }

    fn cost(&self, answer: &ChatAnswer) -> u64 {
        let price = |tokens: u64, price: f64| tokens as f64 * price.max(0.0);
        let micros = price(answer.prompt_tokens, self.options.prompt_price)
            + price(answer.completion_tokens, self.options.completion_price);
        micros.round() as u64
    }

    /// The beginning of an error page, for a message; some servers quote the request there, the key included.
    fn said(&self, body: &[u8]) -> String {
        let mut said = String::from_utf8_lossy(body).into_owned();
        if let Some(ApiKey(key)) = self.options.api_key.as_ref().filter(|key| !key.0.is_empty()) {
            said = said.replace(key.as_str(), "***");
        }
        said.trim().chars().take(300).collect()
    }

    async fn post(&self, body: Vec<u8>) -> Result<ChatAnswer, Failure> {
        let temporary = |message: String| Failure::Temporary(Temporary { message, asked: None });
        let request = self.http.post(self.chat_url.clone()).header("content-type", "application/json").body(body);
        let response = match request.send().await {
            Ok(response) => response,
            Err(error) => return Err(temporary(format!("the request failed: {}", cause(&error)))),
        };
        let status = response.status();
        let asked = response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok());
        let asked = asked.and_then(|value| retry_after(value, SystemTime::now()));
        let body = read_body(response).await;
        if status.is_success() {
            return body.and_then(|body| ChatAnswer::read(&body)).map_err(temporary);
        }
        let message = format!("the server answered {status}: {}", self.said(&body.unwrap_or_default()));
        Err(match status.as_u16() {
            401 | 403 => Failure::Fatal(self.endpoint(denied(status))),
            404 | 405 | 301..=308 => {
                Failure::Fatal(self.endpoint(format!("{message}; check the URL and the model name")))
            }
            code if is_temporary(code) => Failure::Temporary(Temporary { message, asked }),
            _ => Failure::Refused(message),
        })
    }
}

struct Temporary {
    message: String,
    /// What the server asks for.
    asked: Option<Duration>,
}

enum Failure {
    Fatal(BackendError),
    /// This request will never be answered.
    Refused(String),
    Temporary(Temporary),
}

/// A body, up to the bound; half of one is an error.
async fn read_body(mut response: reqwest::Response) -> Result<Vec<u8>, String> {
    let mut body = Vec::new();
    loop {
        match response.chunk().await {
            Ok(Some(chunk)) if body.len() + chunk.len() <= MAX_BODY_BYTES => body.extend_from_slice(&chunk),
            Ok(Some(_)) => return Err(format!("the body is longer than {MAX_BODY_BYTES} bytes")),
            Ok(None) => return Ok(body),
            Err(error) => return Err(format!("the body broke off after {} bytes: {}", body.len(), cause(&error))),
        }
    }
}

fn denied(status: StatusCode) -> String {
    format!("the server answered {status}; set the variable that holds the key (REXDRUG_LLM_API_KEY by default)")
}

/// The innermost reason, without the URL.
fn cause(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    if error.is_timeout() { "it took too long".to_owned() } else { cause.to_string() }
}

/// A URL without the credentials that someone may have put into it.
fn shown(url: &str) -> String {
    match Url::parse(url) {
        Ok(mut url) => {
            let (_, _) = (url.set_password(None), url.set_username(""));
            url.set_query(None);
            url.to_string()
        }
        Err(_) => url.to_owned(),
    }
}
