//! Signing in, sessions, and tokens of scripts.

use std::fmt;
use std::sync::PoisonError;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

use super::accounts::AccountError;
use super::{Accounts, password};
use crate::domain::clock::{Entropy, Timestamp};
use crate::domain::digest::Digest;
use crate::domain::limits::{SESSION_IDLE_MS_MAX, SESSION_MS_MAX, SESSION_SEEN_MS, TOKEN_MS_MAX};
use crate::domain::principal::{Principal, UserName};
use crate::store::{SessionKind, SessionRow, StateError};

/// A session that was opened.
pub struct Session {
    /// The secret that the browser keeps; not to be had again.
    pub token: String,
    /// What forms must carry.
    pub csrf: String,
    /// Whose it is.
    pub principal: Principal,
    /// When it ends at the latest.
    pub expires: Timestamp,
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session")
            .field("principal", &self.principal.name)
            .field("expires", &self.expires)
            .finish_non_exhaustive()
    }
}

/// Nobody was signed in.
#[derive(Debug, thiserror::Error)]
pub enum SignInError {
    /// Caller's fault. The same for an unknown name, a wrong password and a disabled account.
    #[error("the name or the password is wrong")]
    Wrong,
    /// Caller's fault: wait.
    #[error("too many failed attempts: wait {} seconds and try again", seconds(*retry_after))]
    TooMany {
        /// How long.
        retry_after: Duration,
    },
    /// See [`StateError`].
    #[error(transparent)]
    State(#[from] StateError),
}

/// Whole seconds, rounded up: what `Retry-After` takes.
fn seconds(wait: Duration) -> u64 {
    wait.as_secs() + u64::from(wait.subsec_nanos() > 0)
}

/// Compares CSRF tokens in constant time; an empty one never matches.
pub fn csrf_matches(expected: &str, given: &str) -> bool {
    !expected.is_empty() && bool::from(expected.as_bytes().ct_eq(given.as_bytes()))
}

impl Accounts {
    /// Checks a password, without opening a session.
    ///
    /// # Errors
    /// [`SignInError`]; a wrong password counts towards waiting.
    pub fn verify_password(&self, name: &str, password: &str) -> Result<Principal, SignInError> {
        let failures = || self.0.failures.lock().unwrap_or_else(PoisonError::into_inner);
        failures()
            .attempt(name, self.0.clock.steady())
            .map_err(|retry_after| SignInError::TooMany { retry_after })?;
        let row = match name.parse::<UserName>() {
            Ok(name) => self.0.state.accounts().get(&name)?,
            Err(_) => None,
        };
        let right = password::matches(password, row.as_ref().map(|row| row.password.as_str()));
        match row {
            Some(row) if right && !row.disabled => {
                failures().forget(name);
                Ok(self.standing(&row)?)
            }
            Some(_) | None => Err(SignInError::Wrong),
        }
    }

    /// Checks a password and opens a session.
    ///
    /// # Errors
    /// [`SignInError`].
    pub fn sign_in(&self, name: &str, password: &str) -> Result<Session, SignInError> {
        let principal = self.verify_password(name, password)?;
        Ok(self.open_session(principal)?)
    }

    /// Opens a session for somebody who has proved who they are.
    pub(super) fn open_session(&self, principal: Principal) -> Result<Session, StateError> {
        let csrf = random_text(&*self.0.entropy);
        let kind = SessionKind::Session;
        let ttl = Duration::from_millis(SESSION_MS_MAX);
        let (token, expires) = self.open(&principal.name, kind, ttl, csrf.to_string())?;
        Ok(Session { token, csrf: csrf.to_string(), principal, expires })
    }

    /// Issues a token for a script; it ends after `ttl`, at the latest after a year.
    ///
    /// # Errors
    /// [`AccountError::Unknown`], [`AccountError::Disabled`].
    pub fn issue_token(
        &self,
        name: &str,
        ttl: Duration,
    ) -> Result<(String, Timestamp), AccountError> {
        let principal = self.principal(name)?;
        let ttl = ttl.min(Duration::from_millis(TOKEN_MS_MAX));
        Ok(self.open(&principal.name, SessionKind::ApiToken, ttl, String::new())?)
    }

    /// Whose session or token this is, with its CSRF token (empty for a script's token).
    ///
    /// `None` where it is unknown, has ended, was not used for too long, or its account is disabled;
    /// also where the state cannot be read, which is traced.
    pub fn session(&self, token: &str) -> Option<(Principal, String)> {
        self.find(token).unwrap_or_else(|error| {
            tracing::error!(error = &error as &dyn std::error::Error, "session not read");
            None
        })
    }

    /// Ends a session or token; one that is not there is no error.
    ///
    /// # Errors
    /// [`StateError`].
    pub fn sign_out(&self, token: &str) -> Result<(), StateError> {
        self.0.state.sessions().delete(&Digest::of(token.as_bytes()))
    }

    fn open(
        &self,
        user: &UserName,
        kind: SessionKind,
        ttl: Duration,
        csrf: String,
    ) -> Result<(String, Timestamp), StateError> {
        let now = self.0.clock.now();
        self.drop_ended(now)?;
        let token = random_text(&*self.0.entropy);
        let expires = now.after(ttl);
        self.0.state.sessions().put(&SessionRow {
            token_sha256: Digest::of(token.as_bytes()),
            user: user.clone(),
            created: now,
            seen: now,
            expires,
            kind,
            csrf,
        })?;
        Ok((token.to_string(), expires))
    }

    /// The row is looked up by the digest of 32 random bytes, so timing tells nothing of the token.
    fn find(&self, token: &str) -> Result<Option<(Principal, String)>, StateError> {
        let sessions = self.0.state.sessions();
        let now = self.0.clock.now();
        let Some(row) = sessions.get(&Digest::of(token.as_bytes()))? else { return Ok(None) };
        if has_ended(&row, now) {
            return Ok(None);
        }
        let account = self.0.state.accounts().get(&row.user)?;
        let Some(account) = account.filter(|account| !account.disabled) else { return Ok(None) };
        if row.kind == SessionKind::Session && elapsed_ms(row.seen, now) >= SESSION_SEEN_MS {
            // Not over a row that signing out has just deleted.
            sessions.replace_soon(&row, &SessionRow { seen: now, ..row.clone() })?;
        }
        Ok(Some((self.standing(&account)?, row.csrf)))
    }

    fn drop_ended(&self, now: Timestamp) -> Result<(), StateError> {
        let sessions = self.0.state.sessions();
        let all = sessions.list()?;
        let mut ended = all.iter().filter(|row| has_ended(row, now));
        ended.try_for_each(|row| sessions.delete(&row.token_sha256))
    }
}

fn has_ended(row: &SessionRow, now: Timestamp) -> bool {
    let idle = match row.kind {
        SessionKind::Session => elapsed_ms(row.seen, now) >= SESSION_IDLE_MS_MAX,
        SessionKind::ApiToken => false,
    };
    idle || now >= row.expires
}

fn elapsed_ms(from: Timestamp, to: Timestamp) -> u64 {
    to.unix_millis().saturating_sub(from.unix_millis())
}

/// 32 random bytes in base64url.
fn random_text(entropy: &dyn Entropy) -> Zeroizing<String> {
    let mut bytes = Zeroizing::new([0; 32]);
    entropy.fill(&mut *bytes);
    Zeroizing::new(URL_SAFE_NO_PAD.encode(*bytes))
}
