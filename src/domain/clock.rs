//! Time and randomness, passed in so that tests and replays can fix them.

use std::fmt;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

const DAY: Duration = Duration::from_secs(24 * 3_600);

/// Milliseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(transparent)]
pub struct Timestamp(u64);

impl Timestamp {
    /// From Unix milliseconds.
    pub const fn from_unix_millis(millis: u64) -> Self {
        Self(millis)
    }

    /// Unix milliseconds.
    pub const fn unix_millis(self) -> u64 {
        self.0
    }

    /// This time plus `duration`.
    #[must_use]
    pub fn after(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)))
    }

    /// The moment so long before; the first there is where that would be earlier.
    #[must_use]
    pub fn before(self, duration: Duration) -> Self {
        Self(self.0.saturating_sub(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)))
    }

    /// Whether it has a date: years have four digits.
    pub fn has_date(self) -> bool {
        self.date().is_some()
    }

    /// The last moment that `text` covers, for periods that include their end: of a date the last
    /// millisecond of that day in UTC, of a time that time.
    pub fn end_of(text: &str) -> Result<Self, InvalidTimestamp> {
        let start: Self = text.parse()?;
        let is_date = text.len() == 10;
        Ok(if is_date { start.after(DAY - Duration::from_millis(1)) } else { start })
    }

    fn date(self) -> Option<jiff::Timestamp> {
        jiff::Timestamp::from_millisecond(i64::try_from(self.0).ok()?).ok()
    }
}

impl fmt::Display for Timestamp {
    /// RFC 3339 in UTC with milliseconds: `2026-11-22T08:21:00.000Z`; the Unix milliseconds of a
    /// time that has no date.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.date() {
            Some(date) => write!(f, "{date:.3}"),
            None => write!(f, "{}", self.0),
        }
    }
}

/// Text that is no time.
#[derive(Debug, thiserror::Error)]
#[error("{found:?} is not a time: give RFC 3339, such as 2026-01-31T09:00:00Z, or a date")]
pub struct InvalidTimestamp {
    /// What was given.
    pub found: String,
}

impl std::str::FromStr for Timestamp {
    type Err = InvalidTimestamp;

    /// RFC 3339, or a date, which means its midnight in UTC.
    fn from_str(text: &str) -> Result<Self, InvalidTimestamp> {
        let invalid = || InvalidTimestamp { found: text.chars().take(60).collect() };
        let time: jiff::Timestamp = match text.parse::<jiff::civil::Date>() {
            Ok(date) if text.len() == 10 => format!("{date}T00:00:00Z").parse(),
            Ok(_) | Err(_) => text.parse(),
        }
        .map_err(|_| invalid())?;
        u64::try_from(time.as_millisecond()).map(Self).map_err(|_| invalid())
    }
}

/// Where time comes from.
pub trait Clock: Send + Sync {
    /// The time of day, UTC.
    fn now(&self) -> Timestamp;
    /// A steady time for durations, from an arbitrary start.
    fn steady(&self) -> Duration;
}

/// The machine's clock.
pub struct SystemClock {
    start: Instant,
}

impl SystemClock {
    /// Steady time counts from this call.
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the real clock")]
    pub fn start() -> Self {
        Self { start: Instant::now() }
    }
}

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the real clock")]
    fn now(&self) -> Timestamp {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
    }

    fn steady(&self) -> Duration {
        self.start.elapsed()
    }
}

/// Where randomness comes from.
pub trait Entropy: Send + Sync {
    /// Fills `bytes` with random bytes; aborts where the system has none.
    fn fill(&self, bytes: &mut [u8]);
}

/// The operating system's generator.
pub struct SystemEntropy;

impl Entropy for SystemEntropy {
    fn fill(&self, bytes: &mut [u8]) {
        // Without randomness no key, salt or token is safe: there is nothing to fall back to.
        if getrandom::fill(bytes).is_err() {
            std::process::abort();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_print_in_utc_with_milliseconds() {
        let time = Timestamp::from_unix_millis(1_767_225_600_007);
        assert_eq!(time.to_string(), "2026-01-01T00:00:00.007Z");
        assert_eq!("2026-01-01T00:00:00.007Z".parse::<Timestamp>().unwrap(), time);
        assert_eq!("2026-01-01".parse::<Timestamp>().unwrap().unix_millis(), 1_767_225_600_000);
        assert!("yesterday".parse::<Timestamp>().is_err());
        for (text, end) in [
            ("2026-12-31", "2026-12-31T23:59:59.999Z"),
            ("2026-12-31T00:00:00Z", "2026-12-31T00:00:00.000Z"),
        ] {
            assert_eq!(Timestamp::end_of(text).unwrap().to_string(), end, "{text}");
        }
        assert!(Timestamp::end_of("soon").is_err());
        assert_eq!(Timestamp::from_unix_millis(0).to_string(), "1970-01-01T00:00:00.000Z");
        // What has no date still prints: a record of others may hold any number.
        let last = Timestamp::from_unix_millis(253_402_207_200_000);
        assert_eq!(
            (last.has_date(), last.to_string().as_str()),
            (true, "9999-12-30T22:00:00.000Z")
        );
        let beyond = Timestamp::from_unix_millis(u64::MAX);
        assert_eq!((beyond.has_date(), beyond.to_string()), (false, u64::MAX.to_string()));
    }
}
