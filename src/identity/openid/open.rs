//! Sign-ons on their way: each belongs to one browser, once, for a short time.

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::Duration;

use crate::domain::clock::Timestamp;
use crate::domain::digest::Digest;
use crate::domain::limits::{OPENID_OPEN_MAX, OPENID_OPEN_MS, OPENID_OPEN_OF_ONE_MAX};

/// What must match when somebody comes back.
#[derive(Clone)]
pub(super) struct Open {
    /// Digest of the secret in the browser's cookie.
    pub(super) browser: Digest,
    /// Where it was.
    pub(super) address: Option<IpAddr>,
    /// What the token must repeat.
    pub(super) nonce: String,
    /// What proves to the provider that the code is ours (RFC 7636).
    pub(super) verifier: String,
    /// Where to go afterwards.
    pub(super) next: Option<String>,
    /// The person must prove who they are after this.
    pub(super) since: Option<Timestamp>,
    /// When it was begun, steady time.
    pub(super) begun: Duration,
}

/// Sign-ons by their `state`.
#[derive(Default)]
pub(super) struct OpenSignOns(HashMap<String, Kept>);

struct Kept {
    open: Open,
    spent: bool,
}

/// Nobody is expected back like this.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Unexpected {
    /// Nothing is known of it: made up, begun in another browser, or too long ago.
    Unknown,
    /// Somebody came back like this before.
    Spent,
}

impl OpenSignOns {
    pub(super) fn insert(&mut self, state: String, open: Open) {
        let now = open.begun;
        self.0.retain(|_, kept| is_fresh(&kept.open, now));
        let is_own = |kept: &Kept| kept.open.address == open.address;
        let own = self.0.values().filter(|kept| is_own(kept)).count();
        if own >= OPENID_OPEN_OF_ONE_MAX || self.0.len() >= OPENID_OPEN_MAX {
            // Who opens very many pushes out their own.
            let rows = self.0.iter();
            let oldest = rows
                .filter(|(_, kept)| own < OPENID_OPEN_OF_ONE_MAX || is_own(kept))
                .min_by_key(|(_, kept)| kept.open.begun);
            if let Some(oldest) = oldest.map(|(state, _)| state.clone()) {
                self.0.remove(&oldest);
            }
        }
        self.0.insert(state, Kept { open, spent: false });
    }

    /// The sign-on that this browser comes back from; it is spent from here on. Another browser
    /// spends nothing.
    pub(super) fn take(
        &mut self,
        state: &str,
        browser: &Digest,
        now: Duration,
    ) -> Result<Open, Unexpected> {
        let kept = self.0.get_mut(state);
        let kept = kept.filter(|kept| is_fresh(&kept.open, now) && kept.open.browser == *browser);
        let kept = kept.ok_or(Unexpected::Unknown)?;
        match std::mem::replace(&mut kept.spent, true) {
            true => {
                // Told once: whoever goes on replaying it fills no log.
                self.0.remove(state);
                Err(Unexpected::Spent)
            }
            false => Ok(kept.open.clone()),
        }
    }
}

fn is_fresh(open: &Open, now: Duration) -> bool {
    now.saturating_sub(open.begun) < Duration::from_millis(OPENID_OPEN_MS)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(browser: &str, begun: u64) -> Open {
        Open {
            browser: Digest::of(browser.as_bytes()),
            address: Some(IpAddr::from([192, 0, 2, 7])),
            nonce: "n".to_owned(),
            verifier: "v".to_owned(),
            next: None,
            since: None,
            begun: Duration::from_secs(begun),
        }
    }

    #[test]
    fn a_sign_on_is_for_one_browser_once_and_soon() {
        let mut opens = OpenSignOns::default();
        opens.insert("s".to_owned(), open("ada", 0));
        opens.insert("late".to_owned(), open("ada", 0));
        let (ada, bo) = (Digest::of(b"ada"), Digest::of(b"bo"));
        // In order: (state, browser, at, outcome)
        let table = [
            ("unheard of", ada, 1, Some(Unexpected::Unknown)),
            ("s", bo, 1, Some(Unexpected::Unknown)),
            ("s", ada, 599, None),
            ("s", ada, 599, Some(Unexpected::Spent)),
            ("s", ada, 599, Some(Unexpected::Unknown)),
            ("s", bo, 599, Some(Unexpected::Unknown)),
            ("late", ada, 600, Some(Unexpected::Unknown)),
        ];
        for (state, browser, at, expected) in table {
            let found = opens.take(state, &browser, Duration::from_secs(at));
            assert_eq!(found.err(), expected, "{state} {at}");
        }
    }

    #[test]
    fn the_oldest_makes_room_and_what_is_over_goes() {
        let mut opens = OpenSignOns::default();
        for at in 0..OPENID_OPEN_MAX as u32 + 5 {
            let (begun, address) =
                (Duration::from_millis(at.into()), IpAddr::from(at.to_be_bytes()));
            let open = Open { begun, address: Some(address), ..open("a", 0) };
            opens.insert(at.to_string(), open);
        }
        assert_eq!(opens.0.len(), OPENID_OPEN_MAX);
        assert!(!opens.0.contains_key("4") && opens.0.contains_key("5"));
        opens.insert("new".to_owned(), open("a", 3_600));
        assert_eq!(opens.0.len(), 1);
    }

    #[test]
    fn one_address_pushes_out_its_own_alone() {
        let mut opens = OpenSignOns::default();
        opens.insert("other".to_owned(), Open { address: None, ..open("b", 0) });
        for at in 0..OPENID_OPEN_OF_ONE_MAX as u64 + 5 {
            opens.insert(at.to_string(), Open { begun: Duration::from_millis(at), ..open("a", 0) });
        }
        assert_eq!(opens.0.len(), OPENID_OPEN_OF_ONE_MAX + 1);
        assert!(opens.0.contains_key("other") && !opens.0.contains_key("4"));
    }
}
