//! Waiting after failures, per name, known or not.

use std::collections::HashMap;
use std::time::Duration;

use crate::domain::limits::{
    SIGN_IN_FAILURES_MAX, SIGN_IN_FORGET_MS, SIGN_IN_NAMES_MAX, SIGN_IN_WAIT_MS,
    SIGN_IN_WAIT_MS_MAX, USER_NAME_CHARS_MAX,
};

/// Failures of each name, by steady time.
#[derive(Default)]
pub(super) struct Failures(HashMap<String, Failed>);

#[derive(Clone, Copy)]
struct Failed {
    count: u32,
    last: Duration,
    wait_until: Duration,
}

impl Failures {
    /// Counts an attempt as failed until [`Failures::forget`] says otherwise, so that guesses sent
    /// side by side are all counted. `Err` says how long to wait; waiting attempts do not count.
    pub(super) fn attempt(&mut self, name: &str, now: Duration) -> Result<(), Duration> {
        let fresh = Failed { count: 0, last: now, wait_until: now };
        let mut failed = self.0.get(&key(name)).copied().unwrap_or(fresh);
        if now.saturating_sub(failed.last) > Duration::from_millis(SIGN_IN_FORGET_MS) {
            failed = fresh;
        }
        if now < failed.wait_until {
            return Err(failed.wait_until.saturating_sub(now));
        }
        failed.count = failed.count.saturating_add(1);
        failed.last = now;
        failed.wait_until = now + wait(failed.count);
        self.make_room(now);
        self.0.insert(key(name), failed);
        Ok(())
    }

    /// The last attempt was right.
    pub(super) fn forget(&mut self, name: &str) {
        self.0.remove(&key(name));
    }

    fn make_room(&mut self, now: Duration) {
        if self.0.len() < SIGN_IN_NAMES_MAX {
            return;
        }
        let forget = Duration::from_millis(SIGN_IN_FORGET_MS);
        self.0.retain(|_, failed| now.saturating_sub(failed.last) <= forget);
        if self.0.len() >= SIGN_IN_NAMES_MAX {
            // Names that need not wait yet go first: dropping them gives away the least.
            let least = self.0.iter().min_by_key(|(_, failed)| (failed.count, failed.last));
            if let Some(name) = least.map(|(name, _)| name.clone()) {
                self.0.remove(&name);
            }
        }
    }
}

fn wait(count: u32) -> Duration {
    let Some(beyond) = count.checked_sub(SIGN_IN_FAILURES_MAX) else { return Duration::ZERO };
    let factor = 1_u64.checked_shl(beyond).unwrap_or(u64::MAX);
    Duration::from_millis(SIGN_IN_WAIT_MS.saturating_mul(factor).min(SIGN_IN_WAIT_MS_MAX))
}

/// One character more than any name may have, so that no over-long text counts against a real name.
fn key(name: &str) -> String {
    name.chars().take(USER_NAME_CHARS_MAX + 1).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn waits_double_from_the_fifth_failure_to_a_quarter_of_an_hour() {
        let mut failures = Failures::default();
        let mut now = Duration::ZERO;
        let mut waits = Vec::new();
        for _ in 0..12 {
            assert_eq!(failures.attempt("ada", now), Ok(()));
            let wait = failures.0["ada"].wait_until - now;
            waits.push(wait.as_secs());
            if !wait.is_zero() {
                assert_eq!(failures.attempt("ada", now + wait - SECOND), Err(SECOND));
            }
            now += wait;
        }
        assert_eq!(waits, [0, 0, 0, 0, 30, 60, 120, 240, 480, 900, 900, 900]);
        assert_eq!(failures.attempt("bob", now), Ok(()), "others do not wait");
        let later = now + Duration::from_millis(SIGN_IN_FORGET_MS) + SECOND;
        assert_eq!(failures.attempt("ada", later), Ok(()));
        assert_eq!(failures.0["ada"].count, 1, "forgotten after an hour");
        failures.forget("ada");
        assert!(!failures.0.contains_key("ada"));
    }

    #[test]
    fn remembered_names_are_bounded() {
        let mut failures = Failures::default();
        for _ in 0..4 {
            failures.attempt("ada", SECOND).unwrap();
        }
        for at in 0..SIGN_IN_NAMES_MAX + 50 {
            failures.attempt(&format!("n{at}"), SECOND).unwrap();
        }
        assert_eq!(failures.0.len(), SIGN_IN_NAMES_MAX);
        assert_eq!(failures.0["ada"].count, 4, "who failed most is remembered longest");
        assert_eq!(key(&"x".repeat(1_000)).len(), 65);
    }
}
