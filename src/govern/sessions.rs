//! Signing in and out, and proving who one is, on record.
//!
//! A sign-in's entry is written before the session is handed out. While a name or an address waits,
//! its attempts leave no entries: nobody outside fills the log.

use crate::audit::{Actor, AppendError, What};
use crate::domain::payload::TokenKind;
use crate::domain::principal::Via;
use crate::identity::{
    AccountError, Confirmed, Credential, Factor, Locked, Owner, Session, SignIn, SignInError,
    row_id,
};
use crate::store::{SessionKind, SessionRow};

use super::{GovernError, Governor};

/// Why nobody was signed in.
#[derive(Debug, thiserror::Error)]
pub enum EnterError {
    /// Something is wrong with what was shown, or they are told to wait.
    #[error(transparent)]
    SignIn(#[from] SignInError),
    /// The log cannot append: nobody is let in.
    #[error("the audit log cannot record this, so nobody can sign in: {0}")]
    NotRecorded(#[from] AppendError),
}

impl Governor {
    /// Checks password and code and opens a session; both outcomes are recorded.
    ///
    /// # Errors
    /// [`EnterError`]: nobody is signed in.
    pub fn sign_in(&self, shown: &SignIn<'_>, via: Via) -> Result<Session, EnterError> {
        let actor = self.actor(shown.name, via, None);
        match self.accounts.sign_in(shown) {
            Ok(session) => {
                let opened = self.record_opened(&actor, session.factor);
                if let Err(error) = opened {
                    self.accounts.sign_out(&session.token).map_err(SignInError::State)?;
                    return Err(error.into());
                }
                Ok(session)
            }
            Err(error) => Err(self.record_failed(&actor, error)),
        }
    }

    fn record_opened(&self, actor: &Actor, factor: Factor) -> Result<(), AppendError> {
        self.record_factor(actor, factor)?;
        self.record(actor, What::SessionOpened { person: actor.id.clone() })
    }

    /// A recovery code that is used up is on record, whatever it was shown for.
    pub(super) fn record_factor(&self, actor: &Actor, factor: Factor) -> Result<(), AppendError> {
        let Factor::Recovery { left } = factor else { return Ok(()) };
        let left = u32::try_from(left).unwrap_or(u32::MAX);
        self.record(actor, What::FactorRecovered { person: actor.id.clone(), left })
    }

    /// Records what was wrong, and who has to wait for it.
    pub(super) fn record_failed(&self, actor: &Actor, error: SignInError) -> EnterError {
        let SignInError::Wrong { wait } = &error else { return error.into() };
        let failed = What::SessionFailed { person: actor.id.clone() };
        let locked = wait.map(|locked| {
            let (scope, wait) = match locked {
                Locked::Name(wait) => ("name", wait),
                Locked::Address(wait) => ("address", wait),
            };
            let person = actor.id.clone();
            What::SessionLocked { person, scope: scope.to_owned(), wait_s: wait.as_secs() }
        });
        for what in [Some(failed), locked].into_iter().flatten() {
            if let Err(error) = self.record(actor, what) {
                return error.into();
            }
        }
        error.into()
    }

    /// Ends a session.
    ///
    /// # Errors
    /// [`GovernError::NotRecorded`] where the end could not be recorded; the session has ended all
    /// the same.
    pub fn sign_out(&self, token: &str, actor: &Actor) -> Result<(), GovernError> {
        self.accounts.sign_out(token).map_err(AccountError::State)?;
        Ok(self.record(actor, What::SessionClosed { person: actor.id.clone() })?)
    }

    /// Checks that whoever shows `credential` is `name`, for one act; a failure is recorded.
    ///
    /// # Errors
    /// [`EnterError`]: nobody is believed.
    pub fn confirm(
        &self,
        actor: &Actor,
        name: &str,
        credential: &Credential,
    ) -> Result<Confirmed, EnterError> {
        let confirmed = self.accounts.confirm(name, credential);
        let confirmed = confirmed.map_err(|error| self.record_failed(actor, error))?;
        self.record_factor(actor, confirmed.factor())?;
        Ok(confirmed)
    }

    /// [`Governor::confirm`] for what comes before a second factor.
    ///
    /// # Errors
    /// As [`Governor::confirm`].
    pub fn own(
        &self,
        actor: &Actor,
        name: &str,
        credential: &Credential,
    ) -> Result<Owner, EnterError> {
        let owner = self.accounts.own(name, credential);
        let owner = owner.map_err(|error| self.record_failed(actor, error))?;
        self.record_factor(actor, owner.factor())?;
        Ok(owner)
    }

    /// Takes password and code once more, for the sensitive acts of the next few minutes; both
    /// outcomes are recorded.
    ///
    /// # Errors
    /// [`EnterError`].
    pub fn confirm_session(
        &self,
        actor: &Actor,
        token: &str,
        shown: &SignIn<'_>,
    ) -> Result<(), EnterError> {
        match self.accounts.confirm_session(token, shown) {
            Ok(factor) => {
                self.record_factor(actor, factor)?;
                Ok(self.record(actor, What::SessionConfirmed { person: actor.id.clone() })?)
            }
            Err(error) => Err(self.record_failed(actor, error)),
        }
    }

    /// Ends sessions or tokens of `name` by their ids, or every session but the one named `keep`.
    ///
    /// # Errors
    /// [`GovernError::NotFound`]; [`GovernError`]: nothing ended.
    pub fn revoke(
        &self,
        actor: &Actor,
        name: &str,
        which: Revoked<'_>,
    ) -> Result<u32, GovernError> {
        let wanted = |row: &SessionRow| match which {
            Revoked::One(id) => row_id(row) == id,
            Revoked::Sessions { keep } => {
                row.kind == SessionKind::Session && Some(row_id(row).as_str()) != keep
            }
        };
        let mut rows = self.accounts.sessions(name)?;
        rows.retain(wanted);
        if rows.is_empty() && matches!(which, Revoked::One(_)) {
            return Err(GovernError::NotFound { what: "session or token" });
        }
        let count = |kind| {
            u32::try_from(rows.iter().filter(|row| row.kind == kind).count()).unwrap_or(u32::MAX)
        };
        let (sessions, tokens) = (count(SessionKind::Session), count(SessionKind::ApiToken));
        let person = self.vault.token(TokenKind::Person, name);
        self.record(actor, What::SessionRevoked { person, sessions, tokens })?;
        self.accounts.revoke(&rows)?;
        Ok(sessions.saturating_add(tokens))
    }
}

/// Which sessions and tokens end.
#[derive(Clone, Copy, Debug)]
pub enum Revoked<'a> {
    /// The session or token with this id.
    One(&'a str),
    /// Every session; scripts go on.
    Sessions {
        /// But for this one.
        keep: Option<&'a str>,
    },
}
