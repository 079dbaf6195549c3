//! Waiting after failures.
//!
//! Failures count against a name in one place, against a name wherever it is tried from, and against
//! an address whatever name it tries. Each is forgotten after a while; beyond a number of them the
//! next attempt waits, longer each time. One client that guesses keeps nobody out but itself, and
//! many of them nobody who is signed in or at the machine: those are places of their own.
//!
//! The failures of accounts are kept on disk, so that a restart forgives nobody; those of names
//! without an account, and of addresses, are in memory.

use std::collections::{BTreeMap, HashMap};
use std::hash::Hash;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{MutexGuard, PoisonError};
use std::time::Duration;

use super::{Accounts, SignInError};
use crate::domain::clock::Timestamp;
use crate::domain::limits::{
    SIGN_IN_ADDRESS_FAILURES_MAX, SIGN_IN_ADDRESS_FORGET_MS, SIGN_IN_FAILURES_MAX,
    SIGN_IN_FORGET_MS, SIGN_IN_NAME_FAILURES_MAX, SIGN_IN_NAME_FORGET_MS, SIGN_IN_NAMES_MAX,
    SIGN_IN_PLACES_MAX, SIGN_IN_WAIT_MS, SIGN_IN_WAIT_MS_MAX, USER_NAME_CHARS_MAX,
};
use crate::domain::principal::UserName;
use crate::store::{Failed, FailuresRow, StateError};

/// Where somebody shows who they are.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Place {
    /// Before the door, at this address where it is known.
    Outside(Option<IpAddr>),
    /// In a session, or with a token.
    Session,
    /// At the machine.
    Machine,
}

impl Place {
    /// With the network of the address in its stead.
    fn wide(self) -> Self {
        match self {
            Self::Outside(address) => Self::Outside(address.map(network)),
            Self::Session | Self::Machine => self,
        }
    }

    const fn address(self) -> Option<IpAddr> {
        match self {
            Self::Outside(address) => address,
            Self::Session | Self::Machine => None,
        }
    }

    fn text(self) -> String {
        match self {
            Self::Outside(Some(address)) => address.to_string(),
            Self::Outside(None) => "outside".to_owned(),
            Self::Session => "session".to_owned(),
            Self::Machine => "machine".to_owned(),
        }
    }
}

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
    name: String,
    place: Place,
    account: Option<UserName>,
    before: Before,
}

/// When there were failures before: in this place, of this name anywhere, of this address.
#[derive(Clone, Copy, Default)]
struct Before {
    pair: Option<Timestamp>,
    name: Option<Timestamp>,
    address: Option<Timestamp>,
}

/// Failures of names in places, of names anywhere, and of addresses.
pub(super) struct Failures {
    pairs: Counts<(String, Place)>,
    names: Counts<String>,
    addresses: Counts<IpAddr>,
}

impl Default for Failures {
    fn default() -> Self {
        let pair = Rule { max: SIGN_IN_FAILURES_MAX, forget_ms: SIGN_IN_FORGET_MS };
        let name = Rule { max: SIGN_IN_NAME_FAILURES_MAX, forget_ms: SIGN_IN_NAME_FORGET_MS };
        let address =
            Rule { max: SIGN_IN_ADDRESS_FAILURES_MAX, forget_ms: SIGN_IN_ADDRESS_FORGET_MS };
        Self {
            pairs: Counts::under(pair),
            names: Counts::under(name),
            addresses: Counts::under(address),
        }
    }
}

impl Failures {
    /// Counts an attempt everywhere, or nowhere.
    fn attempt(&mut self, name: &str, place: Place, now: Timestamp) -> Result<Before, Duration> {
        let mut before = Before::default();
        let counted = self.count(name, place, now, &mut before);
        if counted.is_err() {
            self.forgive(name, place, before);
        }
        counted.map(|()| before)
    }

    fn count(
        &mut self,
        name: &str,
        place: Place,
        now: Timestamp,
        before: &mut Before,
    ) -> Result<(), Duration> {
        if let Some(address) = place.address() {
            before.address = Some(self.addresses.attempt(address, now)?);
        }
        if matches!(place, Place::Outside(_)) {
            before.name = Some(self.names.attempt(name.to_owned(), now)?);
        }
        before.pair = Some(self.pairs.attempt((name.to_owned(), place), now)?);
        Ok(())
    }

    /// Takes an attempt back that was no failure.
    fn forgive(&mut self, name: &str, place: Place, before: Before) {
        if let (Some(address), Some(before)) = (place.address(), before.address) {
            self.addresses.forgive(&address, before);
        }
        if let Some(before) = before.name {
            self.names.forgive(&name.to_owned(), before);
        }
        if let Some(before) = before.pair {
            self.pairs.forgive(&(name.to_owned(), place), before);
        }
    }
}

impl Accounts {
    /// Begins an attempt. Attempts that must wait do not count.
    pub(super) fn attempt(
        &self,
        name: &str,
        account: Option<&UserName>,
        place: Place,
    ) -> Result<Attempt, SignInError> {
        let (now, name, place) = (self.0.clock.now(), key(name), place.wide());
        let kept = account.map(|name| self.0.state.failures().get(name)).transpose()?.flatten();
        let mut failures = self.failures();
        if let Some(row) = kept {
            if let Some(all) = row.all {
                failures.names.known.entry(name.clone()).or_insert(all);
            }
            if let Some(here) = row.places.get(&place.text()) {
                failures.pairs.known.entry((name.clone(), place)).or_insert(*here);
            }
        }
        let before = failures.attempt(&name, place, now);
        let before = before.map_err(|retry_after| SignInError::TooMany { retry_after })?;
        Ok(Attempt { name, place, account: account.cloned(), before })
    }

    /// The attempt was wrong; says who has to wait for it.
    pub(super) fn failed(&self, attempt: &Attempt) -> Result<Option<Locked>, StateError> {
        let Attempt { name, place, account, .. } = attempt;
        let failures = self.failures();
        let here = failures.pairs.known.get(&(name.clone(), *place)).copied();
        let all = failures.names.known.get(name).copied();
        if let (Some(account), Some(here)) = (account, here) {
            self.keep(account, place.text(), here, all)?;
        }
        let waits = [failures.pairs.wait(here), failures.names.wait(all)];
        let name = waits.into_iter().max().filter(|wait| !wait.is_zero()).map(Locked::Name);
        let address = place.address().and_then(|address| failures.addresses.known.get(&address));
        let address = failures.addresses.wait(address.copied());
        let address = Some(address).filter(|wait| !wait.is_zero()).map(Locked::Address);
        Ok(name.or(address))
    }

    /// The attempt was right: its name starts afresh in its place, all else is as it was before.
    pub(super) fn succeeded(&self, attempt: &Attempt) -> Result<(), StateError> {
        let Attempt { name, place, account, before } = attempt;
        let mut failures = self.failures();
        failures.forgive(name, *place, *before);
        failures.pairs.known.remove(&(name.clone(), *place));
        let Some(account) = account else { return Ok(()) };
        let table = self.0.state.failures();
        let Some(mut row) = table.get(account)? else { return Ok(()) };
        let now = self.0.clock.now();
        row.places.remove(&place.text());
        row.all = failures.names.known.get(name).copied().filter(|all| all.cleared > now);
        match row.places.is_empty() && row.all.is_none() {
            true => table.delete(account),
            false => table.put(&row),
        }
    }

    /// Nobody looked at the attempt: it never was.
    pub(super) fn withdraw(&self, attempt: &Attempt) {
        self.failures().forgive(&attempt.name, attempt.place, attempt.before);
    }

    /// Whether this address has to wait before it signs on through the provider.
    pub fn must_wait(&self, address: Option<IpAddr>) -> bool {
        let now = self.0.clock.now();
        let failures = self.failures();
        let known = address.and_then(|address| failures.addresses.known.get(&network(address)));
        known.is_some_and(|failed| now < failures.addresses.rule.until(failed, now))
    }

    /// A sign-on through the provider came to nothing: it counts against its address.
    pub fn sign_on_failed(&self, address: Option<IpAddr>) {
        let Some(address) = address.map(network) else { return };
        // Whoever has to wait does so already.
        let _waits = self.failures().addresses.attempt(address, self.0.clock.now());
    }

    /// Writes what an account's next attempts wait for. No flush: a known name must not take longer
    /// than an unknown one.
    fn keep(
        &self,
        account: &UserName,
        place: String,
        here: Failed,
        all: Option<Failed>,
    ) -> Result<(), StateError> {
        let table = self.0.state.failures();
        let blank =
            || FailuresRow { name: account.clone(), all: None, places: BTreeMap::default() };
        let mut row = table.get(account)?.unwrap_or_else(blank);
        row.all = all.or(row.all);
        row.places.retain(|_, failed| failed.cleared > here.last);
        row.places.insert(place, here);
        if row.places.len() > SIGN_IN_PLACES_MAX {
            let least = row.places.iter().min_by_key(|(_, failed)| failed.cleared);
            if let Some(place) = least.map(|(place, _)| place.clone()) {
                row.places.remove(&place);
            }
        }
        table.put_soon(&row)
    }

    fn failures(&self) -> MutexGuard<'_, Failures> {
        self.0.failures.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How many failures are free, and how long it takes until one is forgotten.
#[derive(Clone, Copy)]
struct Rule {
    max: u32,
    forget_ms: u64,
}

impl Rule {
    /// How many there were, with the last.
    fn count(self, failed: &Failed) -> u32 {
        let left = failed.cleared.unix_millis().saturating_sub(failed.last.unix_millis());
        u32::try_from(left.div_ceil(self.forget_ms)).unwrap_or(u32::MAX)
    }

    fn wait(self, failed: &Failed) -> Duration {
        let Some(beyond) = self.count(failed).checked_sub(self.max) else { return Duration::ZERO };
        let factor = 1_u64.checked_shl(beyond).unwrap_or(u64::MAX);
        Duration::from_millis(SIGN_IN_WAIT_MS.saturating_mul(factor).min(SIGN_IN_WAIT_MS_MAX))
    }

    /// Until when to wait.
    fn until(self, failed: &Failed, now: Timestamp) -> Timestamp {
        failed.last.min(now).after(self.wait(failed))
    }
}

struct Counts<K> {
    rule: Rule,
    known: HashMap<K, Failed>,
}

impl<K: Clone + Eq + Hash> Counts<K> {
    fn under(rule: Rule) -> Self {
        Self { rule, known: HashMap::new() }
    }

    fn wait(&self, failed: Option<Failed>) -> Duration {
        failed.map_or(Duration::ZERO, |failed| self.rule.wait(&failed))
    }

    /// Counts an attempt as failed, so that guesses sent side by side are all counted. `Err` says
    /// how long to wait; waiting attempts do not count. `Ok` says when the last one was before.
    fn attempt(&mut self, key: K, now: Timestamp) -> Result<Timestamp, Duration> {
        if let Some(failed) = self.known.get_mut(&key) {
            // A clock that was put back lengthens no wait beyond its whole.
            let back = failed.last.unix_millis().saturating_sub(now.unix_millis());
            *failed = Failed {
                cleared: failed.cleared.before(Duration::from_millis(back)),
                last: failed.last.min(now),
            };
            let until = self.rule.until(failed, now);
            if now < until {
                let left = until.unix_millis().saturating_sub(now.unix_millis());
                return Err(Duration::from_millis(left));
            }
        }
        self.make_room(now);
        let known = self.known.get(&key).copied().unwrap_or(Failed { cleared: now, last: now });
        let cleared = known.cleared.max(now).after(Duration::from_millis(self.rule.forget_ms));
        self.known.insert(key, Failed { cleared, last: now });
        Ok(known.last)
    }

    /// Takes an attempt back that was no failure.
    fn forgive(&mut self, key: &K, before: Timestamp) {
        if let Some(failed) = self.known.get_mut(key) {
            let cleared = failed.cleared.before(Duration::from_millis(self.rule.forget_ms));
            *failed = Failed { cleared, last: before };
        }
    }

    fn make_room(&mut self, now: Timestamp) {
        if self.known.len() < SIGN_IN_NAMES_MAX {
            return;
        }
        self.known.retain(|_, failed| failed.cleared > now);
        if self.known.len() >= SIGN_IN_NAMES_MAX {
            // Those that failed least go first: dropping them gives away the least.
            let least = self.known.iter().min_by_key(|(_, failed)| failed.cleared);
            if let Some(key) = least.map(|(key, _)| key.clone()) {
                self.known.remove(&key);
            }
        }
    }
}

/// One character more than any name may have, so that no over-long text counts against a real name.
fn key(name: &str) -> String {
    name.chars().take(USER_NAME_CHARS_MAX + 1).collect()
}

/// Whoever has one IPv6 address has the 64 bits below it as well.
pub(super) fn network(address: IpAddr) -> IpAddr {
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

    const RULE: Rule = Rule { max: 5, forget_ms: SIGN_IN_FORGET_MS };

    fn at(seconds: u64) -> Timestamp {
        Timestamp::from_unix_millis(1_800_000_000_000 + seconds * 1000)
    }

    #[test]
    fn waits_double_from_the_fifth_failure_to_a_quarter_of_an_hour() {
        let mut counts = Counts::under(RULE);
        let mut now = 0;
        let mut waits = Vec::new();
        for _ in 0..14 {
            assert!(counts.attempt("ada", at(now)).is_ok());
            let wait = RULE.wait(&counts.known["ada"]).as_secs();
            waits.push(wait);
            if wait > 0 {
                let one = Err(Duration::from_secs(1));
                assert_eq!(counts.attempt("ada", at(now + wait - 1)), one);
            }
            now += wait;
        }
        assert_eq!(waits, [0, 0, 0, 0, 30, 60, 120, 240, 480, 480, 900, 900, 900, 900]);
        assert!(counts.attempt("bob", at(now)).is_ok(), "others do not wait");
    }

    #[test]
    fn failures_are_forgotten_one_by_one() {
        let mut counts = Counts::under(RULE);
        for _ in 0..5 {
            counts.attempt("ada", at(0)).unwrap();
        }
        let forget = SIGN_IN_FORGET_MS / 1000;
        counts.attempt("ada", at(3 * forget)).unwrap();
        assert_eq!(RULE.count(&counts.known["ada"]), 3);
        counts.forgive(&"ada", at(0));
        let before = counts.known["ada"];
        assert_eq!((RULE.count(&before), before.last), (5, at(0)), "as it was");
        counts.attempt("ada", at(6 * forget)).unwrap();
        assert_eq!(RULE.count(&counts.known["ada"]), 1);
    }

    #[test]
    fn a_clock_that_was_put_back_keeps_nobody_waiting_for_longer() {
        let mut counts = Counts::under(RULE);
        for _ in 0..5 {
            counts.attempt("ada", at(1_000_000)).unwrap();
        }
        assert_eq!(counts.attempt("ada", at(0)), Err(Duration::from_secs(30)));
        assert!(counts.attempt("ada", at(30)).is_ok());
        assert_eq!(RULE.count(&counts.known["ada"]), 6);
    }

    #[test]
    fn remembered_names_are_bounded() {
        let mut counts = Counts::under(RULE);
        for _ in 0..4 {
            counts.attempt("ada".to_owned(), at(1)).unwrap();
        }
        for number in 0..SIGN_IN_NAMES_MAX + 50 {
            counts.attempt(format!("n{number}"), at(1)).unwrap();
        }
        assert_eq!(counts.known.len(), SIGN_IN_NAMES_MAX);
        assert_eq!(RULE.count(&counts.known["ada"]), 4, "who failed most is remembered longest");
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
