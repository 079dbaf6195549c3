//! Waiting after failures: per name, known or not, and per address.
//!
//! The failures of accounts are kept on disk, so that a restart forgives nobody; those of names
//! without an account, and of addresses, are in memory.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::PoisonError;
use std::time::Duration;

use super::{Accounts, SignInError};
use crate::domain::clock::Timestamp;
use crate::domain::limits::{
    SIGN_IN_ADDRESS_FAILURES_MAX, SIGN_IN_FAILURES_MAX, SIGN_IN_FORGET_MS, SIGN_IN_NAMES_MAX,
    SIGN_IN_WAIT_MS, SIGN_IN_WAIT_MS_MAX, USER_NAME_CHARS_MAX,
};
use crate::domain::principal::UserName;
use crate::store::{FailuresRow, StateError};

/// Who has to wait from now on, and how long.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Locked {
    /// The name.
    Name(Duration),
    /// The address, whatever name it tries.
    Address(Duration),
}

/// An attempt to sign in that is under way; it counts as failed.
pub(super) struct Attempt {
    key: String,
    account: Option<UserName>,
    /// Where it comes from, and when that address failed before.
    address: Option<(IpAddr, Timestamp)>,
}

/// Failures of names and addresses.
#[derive(Default)]
pub(super) struct Failures {
    names: Counts<String>,
    addresses: Counts<IpAddr>,
}

impl Accounts {
    /// Begins an attempt. Attempts that must wait do not count.
    pub(super) fn attempt(
        &self,
        name: &str,
        account: Option<&UserName>,
        address: Option<IpAddr>,
    ) -> Result<Attempt, SignInError> {
        let now = self.0.clock.now();
        let (key, address) = (key(name), address.map(network));
        let kept = account.map(|name| self.0.state.failures().get(name)).transpose()?.flatten();
        let mut failures = self.failures();
        if let Some(row) = kept {
            let failed = Failed { count: row.count, last: row.last };
            failures.names.0.entry(key.clone()).or_insert(failed);
        }
        let wait = |retry_after| SignInError::TooMany { retry_after };
        let address = match address {
            Some(address) => {
                let max = SIGN_IN_ADDRESS_FAILURES_MAX;
                Some((address, failures.addresses.attempt(address, max, now).map_err(wait)?))
            }
            None => None,
        };
        if let Err(retry_after) = failures.names.attempt(key.clone(), SIGN_IN_FAILURES_MAX, now) {
            failures.addresses.forgive(address);
            return Err(wait(retry_after));
        }
        Ok(Attempt { key, account: account.cloned(), address })
    }

    /// The attempt was wrong; says who has to wait for it.
    pub(super) fn failed(&self, attempt: Attempt) -> Result<Option<Locked>, StateError> {
        let Attempt { key, account, address } = attempt;
        let (name, address) = {
            let failures = self.failures();
            let name = failures.names.0.get(&key).copied();
            (name, address.and_then(|(address, _)| failures.addresses.0.get(&address).copied()))
        };
        if let (Some(failed), Some(name)) = (name, account) {
            let Failed { count, last } = failed;
            // No flush: a known name must not take longer than an unknown one.
            self.0.state.failures().put_soon(&FailuresRow { name, count, last })?;
        }
        let waits = |failed: Option<Failed>, max| {
            failed.map(|failed| wait(failed.count, max)).filter(|wait| !wait.is_zero())
        };
        let name = waits(name, SIGN_IN_FAILURES_MAX).map(Locked::Name);
        Ok(name.or_else(|| waits(address, SIGN_IN_ADDRESS_FAILURES_MAX).map(Locked::Address)))
    }

    /// The attempt was right: the name starts afresh, the address is as it was before.
    pub(super) fn succeeded(&self, attempt: Attempt) -> Result<(), StateError> {
        let mut failures = self.failures();
        failures.names.0.remove(&attempt.key);
        failures.addresses.forgive(attempt.address);
        drop(failures);
        let Some(name) = attempt.account else { return Ok(()) };
        match self.0.state.failures().get(&name)? {
            Some(_) => self.0.state.failures().delete(&name),
            None => Ok(()),
        }
    }

    /// Whether this address has to wait before it signs on through the provider.
    pub fn must_wait(&self, address: Option<IpAddr>) -> bool {
        let (now, max) = (self.0.clock.now(), SIGN_IN_ADDRESS_FAILURES_MAX);
        let failures = self.failures();
        let known = address.and_then(|address| failures.addresses.0.get(&network(address)));
        known.is_some_and(|failed| !is_forgotten(failed, now) && now < failed.until(max, now))
    }

    /// A sign-on through the provider came to nothing: it counts against its address.
    pub fn sign_on_failed(&self, address: Option<IpAddr>) {
        let Some(address) = address.map(network) else { return };
        let (now, max) = (self.0.clock.now(), SIGN_IN_ADDRESS_FAILURES_MAX);
        // Whoever has to wait does so already.
        let _waits = self.failures().addresses.attempt(address, max, now);
    }

    fn failures(&self) -> std::sync::MutexGuard<'_, Failures> {
        self.0.failures.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct Counts<K>(HashMap<K, Failed>);

impl<K> Default for Counts<K> {
    fn default() -> Self {
        Self(HashMap::new())
    }
}

#[derive(Clone, Copy)]
struct Failed {
    count: u32,
    last: Timestamp,
}

impl Failed {
    /// Until when to wait. A clock that was put back lengthens no wait beyond its whole.
    fn until(&self, max: u32, now: Timestamp) -> Timestamp {
        self.last.min(now).after(wait(self.count, max))
    }
}

impl<K: Clone + Eq + std::hash::Hash> Counts<K> {
    /// Counts an attempt as failed, so that guesses sent side by side are all counted. `Err` says
    /// how long to wait; waiting attempts do not count. `Ok` says when the last one was before.
    fn attempt(&mut self, key: K, max: u32, now: Timestamp) -> Result<Timestamp, Duration> {
        let known = self.0.get(&key).filter(|failed| !is_forgotten(failed, now));
        let failed = known.copied().unwrap_or(Failed { count: 0, last: now });
        let until = failed.until(max, now);
        if now < until {
            let left = until.unix_millis().saturating_sub(now.unix_millis());
            return Err(Duration::from_millis(left));
        }
        self.make_room(now);
        self.0.insert(key, Failed { count: failed.count.saturating_add(1), last: now });
        Ok(failed.last)
    }

    /// Takes an attempt back that was no failure.
    fn forgive(&mut self, attempt: Option<(K, Timestamp)>) {
        let Some((key, before)) = attempt else { return };
        if let Some(failed) = self.0.get_mut(&key) {
            *failed = Failed { count: failed.count.saturating_sub(1), last: before };
        }
    }

    fn make_room(&mut self, now: Timestamp) {
        if self.0.len() < SIGN_IN_NAMES_MAX {
            return;
        }
        self.0.retain(|_, failed| !is_forgotten(failed, now));
        if self.0.len() >= SIGN_IN_NAMES_MAX {
            // Those that need not wait yet go first: dropping them gives away the least.
            let least = self.0.iter().min_by_key(|(_, failed)| (failed.count, failed.last));
            if let Some(key) = least.map(|(key, _)| key.clone()) {
                self.0.remove(&key);
            }
        }
    }
}

fn is_forgotten(failed: &Failed, now: Timestamp) -> bool {
    now.unix_millis().saturating_sub(failed.last.unix_millis()) > SIGN_IN_FORGET_MS
}

fn wait(count: u32, max: u32) -> Duration {
    let Some(beyond) = count.checked_sub(max) else { return Duration::ZERO };
    let factor = 1_u64.checked_shl(beyond).unwrap_or(u64::MAX);
    Duration::from_millis(SIGN_IN_WAIT_MS.saturating_mul(factor).min(SIGN_IN_WAIT_MS_MAX))
}

/// One character more than any name may have, so that no over-long text counts against a real name.
fn key(name: &str) -> String {
    name.chars().take(USER_NAME_CHARS_MAX + 1).collect()
}

/// Whoever has one IPv6 address has the 64 bits below it as well.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX)))
        }
        address @ IpAddr::V4(_) => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Timestamp {
        Timestamp::from_unix_millis(1_800_000_000_000 + seconds * 1000)
    }

    #[test]
    fn waits_double_from_the_fifth_failure_to_a_quarter_of_an_hour() {
        let mut counts = Counts::default();
        let mut now = 0;
        let mut waits = Vec::new();
        for _ in 0..12 {
            assert!(counts.attempt("ada", 5, at(now)).is_ok());
            let wait = wait(counts.0["ada"].count, 5).as_secs();
            waits.push(wait);
            if wait > 0 {
                let one = Err(Duration::from_secs(1));
                assert_eq!(counts.attempt("ada", 5, at(now + wait - 1)), one);
            }
            now += wait;
        }
        assert_eq!(waits, [0, 0, 0, 0, 30, 60, 120, 240, 480, 900, 900, 900]);
        assert!(counts.attempt("bob", 5, at(now)).is_ok(), "others do not wait");
        let whole = Err(Duration::from_secs(900));
        assert_eq!(counts.attempt("ada", 5, at(0)), whole, "a clock put back");
        let later = now + SIGN_IN_FORGET_MS / 1000 + 1;
        assert!(counts.attempt("ada", 5, at(later)).is_ok());
        assert_eq!(counts.0["ada"].count, 1, "forgotten after an hour");
        counts.forgive(Some(("ada", at(now))));
        assert_eq!((counts.0["ada"].count, counts.0["ada"].last), (0, at(now)));
    }

    #[test]
    fn remembered_names_are_bounded() {
        let mut counts = Counts::default();
        for _ in 0..4 {
            counts.attempt("ada".to_owned(), 5, at(1)).unwrap();
        }
        for number in 0..SIGN_IN_NAMES_MAX + 50 {
            counts.attempt(format!("n{number}"), 5, at(1)).unwrap();
        }
        assert_eq!(counts.0.len(), SIGN_IN_NAMES_MAX);
        assert_eq!(counts.0["ada"].count, 4, "who failed most is remembered longest");
        assert_eq!(key(&"x".repeat(1_000)).len(), 65);
    }

    #[test]
    fn an_address_stands_for_the_network_behind_it() {
        let of = |text: &str| network(text.parse().unwrap()).to_string();
        assert_eq!(of("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::");
        assert_eq!(of("::ffff:192.0.2.7"), "192.0.2.7");
        assert_eq!(of("192.0.2.7"), "192.0.2.7");
    }
}
