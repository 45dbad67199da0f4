//! How long to wait before a question is asked again.

use std::time::{Duration, SystemTime};

use chrono::DateTime;
use rand::Rng;

/// When and how often a failed request is repeated.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RetryPolicy {
    /// Repetitions after the first try.
    pub retries: u32,
    /// Longest first wait; it doubles each time.
    pub base: Duration,
    /// Longest wait. A server that asks for more is not asked again for this item.
    pub longest: Duration,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self { retries: 5, base: Duration::from_millis(500), longest: Duration::from_secs(60) }
    }
}

impl RetryPolicy {
    /// The wait before repetition `number` (from 0): what the server asks for, else a random part of a growing span, so
    /// that requests which failed together do not come back together. None when it is no use to wait.
    pub(crate) fn wait(&self, number: u32, asked: Option<Duration>, random: &mut impl Rng) -> Option<Duration> {
        if number >= self.retries {
            return None;
        }
        match asked {
            // A little more than asked for, spread, or all clients of a server come back in the same instant.
            Some(asked) if asked <= self.longest => Some(asked + self.base.mul_f64(random.random_range(0.0..=0.5))),
            Some(_) => None,
            None => {
                let span = self.base.saturating_mul(2u32.saturating_pow(number.min(30))).min(self.longest);
                Some(span.mul_f64(random.random_range(0.5..=1.0)))
            }
        }
    }
}

/// The wait that a `Retry-After` header asks for: seconds, or a date.
pub(crate) fn retry_after(value: &str, now: SystemTime) -> Option<Duration> {
    let value = value.trim();
    if let Ok(seconds) = value.parse::<f64>() {
        return Duration::try_from_secs_f64(seconds).ok();
    }
    let until = SystemTime::from(DateTime::parse_from_rfc2822(value).ok()?);
    Some(until.duration_since(now).unwrap_or_default())
}

/// Whether a request that got this status may succeed when it is repeated.
pub(crate) fn is_temporary(status: u16) -> bool {
    matches!(status, 408 | 409 | 425 | 429 | 500 | 502 | 503 | 504 | 529)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use rand::SeedableRng;
    use rand::rngs::StdRng;

    use super::*;

    #[test]
    fn waits_grow_are_spread_and_end() {
        let policy = RetryPolicy { retries: 4, base: Duration::from_millis(100), longest: Duration::from_millis(350) };
        let mut random = StdRng::seed_from_u64(1);
        let mut all = Vec::new();
        for (number, most) in [(0, 100), (1, 200), (2, 350), (3, 350)] {
            for _ in 0..50 {
                let wait = policy.wait(number, None, &mut random).unwrap();
                assert!(wait <= Duration::from_millis(most) && wait * 2 >= Duration::from_millis(most), "{wait:?}");
                all.push(wait);
            }
        }
        all.sort_unstable();
        all.dedup();
        assert!(all.len() > 100, "waits are spread");
        assert_eq!(policy.wait(4, None, &mut random), None);
        let asked = Duration::from_millis(300);
        let wait = policy.wait(0, Some(asked), &mut random).unwrap();
        assert!(wait >= asked && wait <= asked + policy.base);
        assert_eq!(policy.wait(0, Some(Duration::from_secs(9)), &mut random), None, "longer than we would wait");
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let now = SystemTime::from(DateTime::parse_from_rfc2822("Wed, 21 Oct 2026 07:28:00 GMT").unwrap());
        for (value, expected) in [
            ("3", Some(3.0)),
            (" 0.5 ", Some(0.5)),
            ("Wed, 21 Oct 2026 07:28:10 GMT", Some(10.0)),
            ("Wed, 21 Oct 2026 07:00:00 GMT", Some(0.0)),
            ("-1", None),
            ("NaN", None),
            ("soon", None),
        ] {
            assert_eq!(retry_after(value, now).map(|wait| wait.as_secs_f64()), expected, "{value}");
        }
    }
}
