//! What an ID token must say to be believed: OpenID Connect Core 1.0, section 3.1.3.7.

use std::collections::BTreeSet;

use serde_json::Value;

use super::mapping::Membership;
use crate::domain::clock::{InvalidTimestamp, Timestamp};
use crate::domain::limits::{OPENID_GROUPS_MAX, OPENID_LEEWAY_MS, OPENID_OPEN_MS};
use crate::domain::relationship::{Term, end, start};

/// Core 1.0 section 2: `sub` has at most 255 ASCII characters.
const SUBJECT_CHARS_MAX: usize = 255;
/// Longest name of a group: a distinguished name of a directory.
const GROUP_CHARS_MAX: usize = 1_000;

/// Why a token is not believed. Codes go into the record.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum TokenFault {
    /// It is no signed token of the form that providers send.
    #[error("token_malformed")]
    Malformed,
    /// Its algorithm is not RS256, PS256, ES256 or EdDSA, or not that of its key.
    #[error("token_algorithm")]
    Algorithm,
    /// It names a key that the provider does not publish, not or no more.
    #[error("token_key_unknown")]
    UnknownKey,
    /// The signature is not by the key that it names.
    #[error("token_signature")]
    Signature,
    /// Another provider issued it.
    #[error("token_issuer")]
    Issuer,
    /// It was issued for another application.
    #[error("token_audience")]
    Audience,
    /// It was issued to another application on our behalf.
    #[error("token_party")]
    Party,
    /// It belongs to another sign-on.
    #[error("token_nonce")]
    Nonce,
    /// It names nobody.
    #[error("token_subject")]
    Subject,
    /// It has ended.
    #[error("token_expired")]
    Expired,
    /// It is from the future, or long past: somebody's clock is off.
    #[error("token_clock")]
    Clock,
    /// The person proved who they are too long ago.
    #[error("token_auth_time")]
    AuthTime,
    /// Its groups are no list, or too long a one.
    #[error("token_groups")]
    Groups,
    /// What the provider says of the person is about somebody else.
    #[error("userinfo_subject")]
    UserInfo,
}

/// What a token is held to.
pub(super) struct Expected<'a> {
    pub(super) issuer: &'a str,
    pub(super) client_id: &'a str,
    pub(super) nonce: &'a str,
    pub(super) now: Timestamp,
    /// The person must have proved who they are since then.
    pub(super) since: Option<Timestamp>,
}

/// Claims of a token whose signature was checked.
pub(super) struct Claims(Value);

impl Claims {
    /// Holds the claims to what they must say; returns them with the subject.
    pub(super) fn check(
        claims: Value,
        expected: &Expected<'_>,
    ) -> Result<(Self, String), TokenFault> {
        let claims = Self(claims);
        claims.check_parties(expected)?;
        claims.check_times(expected)?;
        let subject = claims.text("sub").ok_or(TokenFault::Subject)?;
        let is_good = (1..=SUBJECT_CHARS_MAX).contains(&subject.len())
            && subject.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ');
        if !is_good {
            return Err(TokenFault::Subject);
        }
        let subject = subject.to_owned();
        Ok((claims, subject))
    }

    fn check_parties(&self, expected: &Expected<'_>) -> Result<(), TokenFault> {
        if self.text("iss") != Some(expected.issuer) {
            return Err(TokenFault::Issuer);
        }
        let us = |value: &Value| value.as_str() == Some(expected.client_id);
        let party = self.0.get("azp");
        let alone = match self.0.get("aud") {
            Some(Value::Array(list)) if list.iter().any(us) => list.len() == 1,
            Some(audience) if us(audience) => true,
            Some(_) | None => return Err(TokenFault::Audience),
        };
        match party {
            Some(party) if us(party) => {}
            // For others too, and it does not say that it was issued to us.
            None if !alone => return Err(TokenFault::Party),
            None => {}
            Some(_) => return Err(TokenFault::Party),
        }
        match self.text("nonce") == Some(expected.nonce) {
            true => Ok(()),
            false => Err(TokenFault::Nonce),
        }
    }

    fn check_times(&self, expected: &Expected<'_>) -> Result<(), TokenFault> {
        let now = expected.now.unix_millis();
        let issued = self.millis("iat").ok_or(TokenFault::Clock)?;
        // Fresh: it was issued within this sign-on.
        let oldest = now.saturating_sub(OPENID_OPEN_MS + OPENID_LEEWAY_MS);
        let newest = now + OPENID_LEEWAY_MS;
        if !(oldest..=newest).contains(&issued) {
            return Err(TokenFault::Clock);
        }
        match self.0.get("nbf").map(|_| self.millis("nbf")) {
            Some(Some(begins)) if begins <= newest => {}
            None => {}
            Some(_) => return Err(TokenFault::Clock),
        }
        let ends = self.millis("exp").ok_or(TokenFault::Expired)?;
        if ends.saturating_add(OPENID_LEEWAY_MS) <= now {
            return Err(TokenFault::Expired);
        }
        let Some(since) = expected.since else { return Ok(()) };
        let proved = self.millis("auth_time").ok_or(TokenFault::AuthTime)?;
        match proved.saturating_add(OPENID_LEEWAY_MS) >= since.unix_millis() && proved <= newest {
            true => Ok(()),
            false => Err(TokenFault::AuthTime),
        }
    }

    /// A claim's text.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name)?.as_str()
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.0.get(name).is_some_and(|value| !value.is_null())
    }

    /// The groups: a list, or one alone. Each is a name, or an object with a `name` and the dates `from`
    /// and `until`: RFC 3339 or seconds since 1970, a day meaning all of it.
    pub(super) fn groups(&self, name: &str) -> Result<BTreeSet<Membership>, TokenFault> {
        let list = match self.0.get(name) {
            None | Some(Value::Null) => return Ok(BTreeSet::new()),
            Some(Value::Array(list)) => list.as_slice(),
            Some(one) => std::slice::from_ref(one),
        };
        let groups = list.iter().map(membership).collect::<Option<BTreeSet<_>>>();
        groups.filter(|_| list.len() <= OPENID_GROUPS_MAX).ok_or(TokenFault::Groups)
    }

    /// Takes over what the provider says elsewhere of the same person, and the token does not.
    pub(super) fn add(&mut self, subject: &str, said: Value) -> Result<(), TokenFault> {
        let (Value::Object(own), Value::Object(said)) = (&mut self.0, said) else {
            return Err(TokenFault::UserInfo);
        };
        // Core 1.0 section 5.3.2: without this the reply could be about anybody.
        if said.get("sub").and_then(Value::as_str) != Some(subject) {
            return Err(TokenFault::UserInfo);
        }
        for (name, value) in said {
            own.entry(name).or_insert(value);
        }
        Ok(())
    }

    fn millis(&self, name: &str) -> Option<u64> {
        millis(self.0.get(name)?)
    }
}

/// A group; `None` for what is none. Dates that cannot be read are no open ones.
fn membership(value: &Value) -> Option<Membership> {
    let named = |value: &Value| {
        let text = value.as_str().filter(|text| text.len() <= GROUP_CHARS_MAX)?;
        Some(text.to_owned())
    };
    let Value::Object(fields) = value else { return Some((named(value)?, Term::default())) };
    let time = |field: &str, read: ReadTime| match fields.get(field) {
        None | Some(Value::Null) => Some(None),
        Some(Value::String(text)) => read(text).ok(),
        Some(seconds) => millis(seconds).map(|millis| Some(Timestamp::from_unix_millis(millis))),
    };
    let term = Term { from: time("from", start)?, until: time("until", end)? };
    Some((named(fields.get("name")?)?, term))
}

type ReadTime = fn(&str) -> Result<Option<Timestamp>, InvalidTimestamp>;

/// A time in seconds, which may have a fraction, as milliseconds.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "checked to be a positive number that fits"
)]
fn millis(value: &Value) -> Option<u64> {
    /// Beyond the year 9999 it is no time, and sums would overflow.
    const SECONDS_MAX: f64 = 253_402_300_800.0;
    let seconds = value.as_f64()?;
    (0.0..SECONDS_MAX).contains(&seconds).then_some((seconds * 1000.0) as u64)
}
