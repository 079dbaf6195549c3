//! Signing in, sessions, and tokens of scripts.

use std::collections::BTreeSet;
use std::fmt;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

use super::accounts::AccountError;
use super::confirm::{Confirmed, Shown};
use super::factor::Factor;
use super::rules::{Lacking, SignInRules};
use super::throttle::{Locked, Place};
use super::{Accounts, password};
use crate::domain::clock::{Entropy, Timestamp};
use crate::domain::digest::Digest;
use crate::domain::limits::{SESSION_SEEN_MS, TOKEN_LABEL_CHARS_MAX, TOKEN_MS_MAX, TOKENS_MAX};
use crate::domain::principal::{Principal, UserName};
use crate::store::{AccountRow, SessionKind, SessionRow, StateError};

/// What somebody shows at the door.
#[derive(Clone, Copy)]
pub struct SignIn<'a> {
    /// Whose account it is said to be.
    pub name: &'a str,
    /// Its password.
    pub password: &'a str,
    /// A code of its second factor, or a recovery code.
    pub code: Option<&'a str>,
    /// Where it is shown.
    pub place: Place,
}

impl fmt::Debug for SignIn<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SignIn")
    }
}

/// A password and code that were right.
pub(super) struct Verified {
    pub(super) row: AccountRow,
    pub(super) factor: Factor,
}

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
    /// What must be done before anything else.
    pub lacks: Option<Lacking>,
    /// What was shown beside the password.
    pub factor: Factor,
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session")
            .field("principal", &self.principal.name)
            .field("expires", &self.expires)
            .finish_non_exhaustive()
    }
}

/// Somebody whose session or token holds.
pub struct SignedIn {
    /// Who it is.
    pub principal: Principal,
    /// What forms must carry; empty for a script's token.
    pub csrf: String,
    /// What must be done before anything else.
    pub lacks: Option<Lacking>,
    /// Names the session or token, see [`row_id`].
    pub id: String,
}

/// A token to be issued.
#[derive(Clone, Debug)]
pub struct NewToken {
    /// How long it holds; 90 days at most.
    pub ttl: Duration,
    /// What its owner calls it.
    pub label: String,
    /// The actions that it is limited to, see [`token_scope`](super::token_scope).
    pub scope: Option<BTreeSet<String>>,
}

/// Nobody was signed in.
#[derive(Debug, thiserror::Error)]
pub enum SignInError {
    /// Caller's fault. The same for an unknown name, a wrong password or code, and a disabled
    /// account.
    #[error("the name, the password or the code is wrong")]
    Wrong {
        /// From now on that name or address has to wait.
        wait: Option<Locked>,
    },
    /// Caller's fault: wait.
    #[error("too many failed attempts: wait {} seconds and try again", seconds(*retry_after))]
    TooMany {
        /// How long.
        retry_after: Duration,
    },
    /// Overload: try again in a moment.
    #[error("very many people are signing in: try again in a moment")]
    Busy,
    /// Caller's fault: choose a password of one's own.
    #[error(
        "somebody else chose this password, so it confirms nothing: change it first, with `affiant user password {name} --password-stdin --new-password-file F` or under Account in the portal"
    )]
    NotOwn {
        /// The account.
        name: UserName,
    },
    /// Caller's fault: issue a token oneself.
    #[error(
        "somebody else issued this token, so it confirms nothing: use your password, or a token that you issue with it (`affiant user token NAME --password-stdin`)"
    )]
    TokenNotOwn,
    /// Caller's fault: wait.
    #[error(
        "somebody else reset this account, so it confirms nothing until {from}: its owner must have time to notice"
    )]
    ResetLately {
        /// From when on it does again.
        from: Timestamp,
    },
    /// Caller's fault: enrol a second factor.
    #[error(
        "your role asks for a second factor: enrol one first, with `affiant user totp NAME` or under Account in the portal"
    )]
    EnrolFirst,
    /// Caller's fault: show password and code once more.
    #[error("show your password, and your code if you have one, once more for this")]
    ConfirmFirst,
    /// See [`StateError`].
    #[error(transparent)]
    State(#[from] StateError),
}

/// Whole seconds, rounded up: what `Retry-After` takes.
pub fn seconds(wait: Duration) -> u64 {
    wait.as_secs() + u64::from(wait.subsec_nanos() > 0)
}

/// Compares CSRF tokens in constant time; an empty one never matches.
pub fn csrf_matches(expected: &str, given: &str) -> bool {
    !expected.is_empty() && bool::from(expected.as_bytes().ct_eq(given.as_bytes()))
}

/// A name as people type it at the door, with capitals and spaces around it, as accounts have it.
/// Other letters stay: none of them is another spelling of a name.
pub fn typed_name(text: &str) -> String {
    text.trim().to_ascii_lowercase()
}

/// What names a session or token to people: it tells nothing of the secret.
pub fn row_id(row: &SessionRow) -> String {
    row.token_sha256.to_string().chars().take(16).collect()
}

impl Accounts {
    /// Checks name, password and code, without opening a session. An attempt counts as failed until
    /// it is right, so that guesses sent side by side are all counted.
    ///
    /// # Errors
    /// [`SignInError`]; what is wrong counts towards waiting.
    pub(super) fn verify(&self, shown: &SignIn<'_>) -> Result<Verified, SignInError> {
        let row = self.active(shown.name)?;
        let known = row.as_ref().map(|row| &row.name);
        let attempt = self.attempt(shown.name, known, shown.place)?;
        let Some(turn) = self.0.gate.enter() else {
            self.withdraw(&attempt);
            return Err(SignInError::Busy);
        };
        let right =
            password::matches(shown.password, row.as_ref().map(|row| row.password.as_str()));
        drop(turn);
        if let Some(row) = row.filter(|_| right)
            && let Some(factor) = self.take_code(&row.name, shown.code)?
        {
            self.succeeded(&attempt)?;
            return Ok(Verified { row, factor });
        }
        Err(SignInError::Wrong { wait: self.failed(&attempt)? })
    }

    /// Checks the code of a second factor alone, where the account has one.
    pub(super) fn verify_code(
        &self,
        row: &AccountRow,
        code: Option<&str>,
        place: Place,
    ) -> Result<Factor, SignInError> {
        let attempt = self.attempt(row.name.as_str(), Some(&row.name), place)?;
        match self.take_code(&row.name, code)? {
            Some(factor) => {
                self.succeeded(&attempt)?;
                Ok(factor)
            }
            None => Err(SignInError::Wrong { wait: self.failed(&attempt)? }),
        }
    }

    /// Checks name, password and code, and opens a session.
    ///
    /// # Errors
    /// [`SignInError`].
    pub fn sign_in(&self, shown: &SignIn<'_>) -> Result<Session, SignInError> {
        let Verified { row, factor } = self.verify(shown)?;
        self.open_session(&row, factor, true)?.ok_or(SignInError::Wrong { wait: None })
    }

    /// Opens a session for somebody who has proved who they are; `is_fresh` where it was just now.
    /// `None` where what they showed counts no more.
    pub(super) fn open_session(
        &self,
        row: &AccountRow,
        factor: Factor,
        is_fresh: bool,
    ) -> Result<Option<Session>, StateError> {
        let csrf = random_text(&*self.0.entropy);
        let now = self.0.clock.now();
        let session = SessionRow {
            confirmed: is_fresh.then_some(now),
            csrf: csrf.to_string(),
            ..self.blank(&row.name, SessionKind::Session, now.after(self.0.rules.session))
        };
        let (token, expires) = self.open(&session)?;
        // A password that was changed meanwhile ended all sessions but this one.
        let current = self.0.state.accounts().get(&row.name)?;
        if current.is_none_or(|current| current.password != row.password) {
            self.sign_out(&token)?;
            return Ok(None);
        }
        let lacks = self.0.rules.lacking(row);
        let principal = self.standing(row)?;
        Ok(Some(Session { token, csrf: csrf.to_string(), principal, expires, lacks, factor }))
    }

    /// Whether such a token may be issued for an account: asked before it is recorded.
    ///
    /// # Errors
    /// [`AccountError::TooManyTokens`], [`AccountError::LongLabel`].
    pub fn check_token(&self, name: &str, new: &NewToken) -> Result<(), AccountError> {
        if new.label.chars().count() > TOKEN_LABEL_CHARS_MAX {
            return Err(AccountError::LongLabel);
        }
        let there = self.sessions(name)?;
        match there.iter().filter(|row| row.kind == SessionKind::ApiToken).count() < TOKENS_MAX {
            true => Ok(()),
            false => Err(AccountError::TooManyTokens),
        }
    }

    /// The same for a token of one's own.
    ///
    /// # Errors
    /// As [`Accounts::check_token`]; [`AccountError::PasswordOnly`].
    pub fn check_own_token(&self, who: &Confirmed, new: &NewToken) -> Result<(), AccountError> {
        check_changes(&who.0)?;
        self.check_token(who.principal().name.as_str(), new)
    }

    /// Issues a token that lets a script act for somebody else's account; it confirms nothing.
    ///
    /// # Errors
    /// [`AccountError::Unknown`], [`AccountError::Disabled`], [`AccountError::TooManyTokens`].
    pub fn issue_token(
        &self,
        name: &str,
        new: NewToken,
    ) -> Result<(String, Timestamp), AccountError> {
        let principal = self.principal(name)?;
        self.issue(&principal.name, false, new)
    }

    /// Issues a token for a script of one's own.
    ///
    /// # Errors
    /// As [`Accounts::check_own_token`].
    pub fn issue_own_token(
        &self,
        who: &Confirmed,
        new: NewToken,
    ) -> Result<(String, Timestamp), AccountError> {
        check_changes(&who.0)?;
        self.issue(&who.principal().name, true, new)
    }

    fn issue(
        &self,
        user: &UserName,
        is_own: bool,
        new: NewToken,
    ) -> Result<(String, Timestamp), AccountError> {
        self.check_token(user.as_str(), &new)?;
        let ttl = new.ttl.min(Duration::from_millis(TOKEN_MS_MAX));
        let expires = self.0.clock.now().after(ttl);
        let blank = self.blank(user, SessionKind::ApiToken, expires);
        Ok(self.open(&SessionRow { is_own, label: new.label, scope: new.scope, ..blank })?)
    }

    /// Whose session or token this is.
    ///
    /// `None` where it is unknown, has ended, was not used for too long, or its account is disabled;
    /// also where the state cannot be read, which is traced.
    pub fn session(&self, token: &str) -> Option<SignedIn> {
        self.find(token).unwrap_or_else(|error| {
            tracing::error!(error = &error as &dyn std::error::Error, "session not read");
            None
        })
    }

    /// Whether the session or token with this digest holds.
    ///
    /// # Errors
    /// [`StateError`].
    pub fn holds(&self, token_sha256: &Digest) -> Result<bool, StateError> {
        let row = self.0.state.sessions().get(token_sha256)?;
        let now = self.0.clock.now();
        Ok(row.is_some_and(|row| !has_ended(&row, now, &self.0.rules)))
    }

    /// Ends a session or token; one that is not there is no error.
    ///
    /// # Errors
    /// [`StateError`].
    pub fn sign_out(&self, token: &str) -> Result<(), StateError> {
        self.0.state.sessions().delete(&Digest::of(token.as_bytes()))
    }

    /// The sessions and tokens of an account that have not ended, oldest first.
    ///
    /// # Errors
    /// [`StateError`].
    pub fn sessions(&self, name: &str) -> Result<Vec<SessionRow>, StateError> {
        let now = self.0.clock.now();
        let mut rows = self.0.state.sessions().list()?;
        rows.retain(|row| row.user.as_str() == name && !has_ended(row, now, &self.0.rules));
        rows.sort_by_key(|row| (row.created, row.token_sha256));
        Ok(rows)
    }

    /// Ends these sessions and tokens, at once.
    ///
    /// # Errors
    /// [`StateError`].
    pub fn revoke(&self, rows: &[SessionRow]) -> Result<(), StateError> {
        rows.iter().try_for_each(|row| self.0.state.sessions().delete(&row.token_sha256))
    }

    fn blank(&self, user: &UserName, kind: SessionKind, expires: Timestamp) -> SessionRow {
        let now = self.0.clock.now();
        SessionRow {
            token_sha256: Digest::of(b""),
            user: user.clone(),
            created: now,
            seen: now,
            expires,
            kind,
            csrf: String::new(),
            confirmed: None,
            is_own: false,
            label: String::new(),
            scope: None,
        }
    }

    fn open(&self, row: &SessionRow) -> Result<(String, Timestamp), StateError> {
        self.drop_ended(row.created)?;
        let token = random_text(&*self.0.entropy);
        let token_sha256 = Digest::of(token.as_bytes());
        self.0.state.sessions().put(&SessionRow { token_sha256, ..row.clone() })?;
        Ok((token.to_string(), row.expires))
    }

    /// The row is looked up by the digest of 32 random bytes, so timing tells nothing of the token.
    fn find(&self, token: &str) -> Result<Option<SignedIn>, StateError> {
        let Some((row, account)) = self.row_of(token)? else { return Ok(None) };
        let now = self.0.clock.now();
        if elapsed_ms(row.seen, now) >= SESSION_SEEN_MS {
            // Not over a row that signing out has just deleted.
            self.0.state.sessions().replace_soon(&row, &SessionRow { seen: now, ..row.clone() })?;
        }
        let lacks = self.0.rules.lacking(&account);
        let principal = self.standing(&account)?;
        let id = row_id(&row);
        let principal = Principal { token_scope: row.scope, ..principal };
        Ok(Some(SignedIn { principal, csrf: row.csrf, lacks, id }))
    }

    fn drop_ended(&self, now: Timestamp) -> Result<(), StateError> {
        let sessions = self.0.state.sessions();
        let all = sessions.list()?;
        let mut ended = all.iter().filter(|row| has_ended(row, now, &self.0.rules));
        ended.try_for_each(|row| sessions.delete(&row.token_sha256))
    }
}

/// A token is neither widened nor renewed with itself.
pub(super) fn check_changes(shown: &Shown) -> Result<(), AccountError> {
    match shown.changes_account {
        true => Ok(()),
        false => Err(AccountError::PasswordOnly),
    }
}

pub(super) fn has_ended(row: &SessionRow, now: Timestamp, rules: &SignInRules) -> bool {
    match row.kind {
        SessionKind::Session => {
            // The limits of today also end what began under longer ones.
            is_over(row.seen, rules.idle, now)
                || is_over(row.created, rules.session, now)
                || now >= row.expires
        }
        SessionKind::ApiToken => now >= row.expires,
    }
}

/// Whether what lasts so long from a moment on is over. A clock that was put back makes nothing last
/// longer: what lies ahead of it is over too, but for what clocks are set by as they run.
pub(super) fn is_over(from: Timestamp, lasts: Duration, now: Timestamp) -> bool {
    now >= from.after(lasts) || from > now.after(Duration::from_millis(SESSION_SEEN_MS))
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
