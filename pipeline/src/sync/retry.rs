//! When to try again, and how long to wait before.

use std::time::Duration;

use chrono::{DateTime, Utc};
use rand::Rng;
use reqwest::header::HeaderMap;

use super::http::FetchOptions;

/// Why a request failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Trouble {
    /// It may go better later, after this pause where the server named one.
    Passing { reason: String, after: Option<Duration> },
    /// Trying again would be no use.
    Lasting(String),
}

impl Trouble {
    pub(super) fn passing(reason: impl Into<String>) -> Self {
        Self::Passing { reason: reason.into(), after: None }
    }
}

/// Attempts at one file.
pub(super) struct Tries<'a> {
    options: &'a FetchOptions,
    in_vain: u32,
    made: u32,
}

impl<'a> Tries<'a> {
    pub(super) fn new(options: &'a FetchOptions) -> Self {
        Self { options, in_vain: 0, made: 0 }
    }

    /// Waits before the next attempt, or says why there is none. An attempt that brought bytes is not in vain: a large
    /// file over a bad line may need many.
    pub(super) async fn failed(&mut self, trouble: Trouble, progressed: bool) -> Result<(), String> {
        let (reason, after) = match trouble {
            Trouble::Lasting(reason) => return Err(reason),
            Trouble::Passing { reason, after } => (reason, after),
        };
        self.made += 1;
        self.in_vain = if progressed { 1 } else { self.in_vain + 1 };
        if self.in_vain >= self.options.attempts || self.made >= self.options.attempts.saturating_mul(8) {
            return Err(format!("{reason}; gave up after {} attempts", self.made));
        }
        let pause = match after {
            Some(after) if after > self.options.longest_retry_after => {
                return Err(format!("{reason}; the server asks to wait {} s, the next sync will", after.as_secs()));
            }
            // The server's own word, and a little more so that not everybody comes back at once.
            Some(after) => after + jittered(self.options.first_pause),
            None => {
                let growth = 1_u32 << (self.in_vain - 1).min(16);
                let most = self.options.first_pause.saturating_mul(growth).min(self.options.longest_pause);
                most / 2 + jittered(most / 2)
            }
        };
        tracing::warn!(reason, attempt = self.made, pause = format!("{:.1}", pause.as_secs_f64()), "trying again");
        tokio::time::sleep(pause).await;
        Ok(())
    }
}

fn jittered(most: Duration) -> Duration {
    most.mul_f64(rand::rng().random_range(0.0..1.0))
}

/// The pause that a `Retry-After` header asks for: seconds or a date.
pub(super) fn retry_after(headers: &HeaderMap, now: DateTime<Utc>) -> Option<Duration> {
    let value = headers.get(reqwest::header::RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = value.parse::<u64>() {
        return Some(Duration::from_secs(seconds));
    }
    let at = DateTime::parse_from_rfc2822(value).ok()?;
    Some(at.signed_duration_since(now).to_std().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let now = DateTime::parse_from_rfc3339("2026-01-09T14:00:00Z").unwrap().to_utc();
        for (value, expected) in [
            ("7", Some(7)),
            (" 120 ", Some(120)),
            ("Fri, 09 Jan 2026 14:01:00 GMT", Some(60)),
            ("Fri, 09 Jan 2026 13:00:00 GMT", Some(0)),
            ("soon", None),
            ("-3", None),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert("retry-after", value.parse().unwrap());
            assert_eq!(retry_after(&headers, now), expected.map(Duration::from_secs), "{value}");
        }
    }

    #[tokio::test]
    async fn attempts_end_and_progress_counts() {
        let options = FetchOptions { attempts: 3, first_pause: Duration::ZERO, ..FetchOptions::default() };
        let mut tries = Tries::new(&options);
        let broke = || Trouble::passing("broke");
        assert_eq!(tries.failed(broke(), false).await, Ok(()));
        assert_eq!(tries.failed(broke(), true).await, Ok(()));
        assert_eq!(tries.failed(broke(), false).await, Ok(()));
        assert!(tries.failed(broke(), false).await.unwrap_err().contains("gave up after 4"));
        let long = Trouble::Passing { reason: "busy".to_owned(), after: Some(Duration::from_secs(1 << 20)) };
        assert!(Tries::new(&options).failed(long, false).await.unwrap_err().contains("asks to wait"));
        assert_eq!(
            Tries::new(&options).failed(Trouble::Lasting("gone".to_owned()), false).await,
            Err("gone".to_owned())
        );
        let mut tries = Tries::new(&options);
        let mut made = 0;
        while tries.failed(broke(), true).await.is_ok() {
            made += 1;
        }
        assert_eq!(made, 23, "progress without end ends too");
    }
}
