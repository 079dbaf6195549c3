//! Accounts, and sessions on record.
//!
//! An account's entry is written before the account works; a sign-in's before the session is
//! handed out. Granting a role that administers, approves or keeps keys is a change for two persons: `init`
//! names the first of each.

use std::time::Duration;

use crate::audit::{Actor, AppendError, What};
use crate::domain::clock::Timestamp;
use crate::domain::payload::TokenKind;
use crate::domain::principal::{Role, UserName, Via};
use crate::identity::{
    AccountError, Confirmed, Created, Credential, NewAccount, Session, SignInError,
};
use crate::policy::Action;
use crate::store::ChangeRow;

use super::{Changer, GovernError, Governor};

/// Why nobody was signed in.
#[derive(Debug, thiserror::Error)]
pub enum EnterError {
    /// Name or password wrong, disabled, or told to wait.
    #[error(transparent)]
    SignIn(#[from] SignInError),
    /// The log cannot append: nobody is let in.
    #[error("the audit log cannot record this, so nobody can sign in: {0}")]
    NotRecorded(#[from] AppendError),
}

impl Governor {
    /// Creates an account.
    ///
    /// # Errors
    /// [`GovernError`]: nothing changed.
    pub fn create_account(
        &self,
        changer: Changer<'_>,
        actor: &Actor,
        new: NewAccount,
    ) -> Result<Created, GovernError> {
        if let Some(role) = new.roles.iter().find(|role| Role::RESERVED.contains(role)) {
            return Err(GovernError::NeedsApproval { role: *role });
        }
        self.decide(changer, Action::ManageAccounts)?;
        self.record_and_create(actor, new)
    }

    /// Creates the first administrator and approver of a new home.
    ///
    /// # Errors
    /// [`GovernError`]; also where any account exists already.
    pub fn create_first(&self, new: NewAccount) -> Result<Created, GovernError> {
        self.record_and_create(&Self::operator(Via::Cli, None), new)
    }

    /// Ends an account's access at once, its sessions too.
    ///
    /// # Errors
    /// [`GovernError`]: nothing changed.
    pub fn disable_account(
        &self,
        changer: Changer<'_>,
        actor: &Actor,
        name: &str,
    ) -> Result<(), GovernError> {
        self.decide(changer, Action::ManageAccounts)?;
        self.accounts.principal(name)?;
        let person = self.vault.token(TokenKind::Person, name);
        self.record(actor, What::AccountDisabled { person })?;
        Ok(self.accounts.disable(name)?)
    }

    /// Issues a bearer token for scripts; it is shown once.
    ///
    /// # Errors
    /// [`GovernError`]: nothing changed.
    pub fn issue_token(
        &self,
        changer: Changer<'_>,
        actor: &Actor,
        name: &str,
        ttl: Duration,
    ) -> Result<(String, Timestamp), GovernError> {
        self.decide(changer, Action::ManageAccounts)?;
        self.accounts.principal(name)?;
        let person = self.vault.token(TokenKind::Person, name);
        let expires = self.clock.now().after(ttl);
        self.record(actor, What::TokenIssued { person, expires })?;
        Ok(self.accounts.issue_token(name, ttl)?)
    }

    /// Checks a password and opens a session; both outcomes are recorded.
    ///
    /// # Errors
    /// [`EnterError`]: nobody is signed in.
    pub fn sign_in(&self, name: &str, password: &str, via: Via) -> Result<Session, EnterError> {
        let actor = self.actor(name, via, None);
        match self.accounts.sign_in(name, password) {
            Ok(session) => {
                let person = actor.id.clone();
                if let Err(error) = self.record(&actor, What::SessionOpened { person }) {
                    self.accounts.sign_out(&session.token).map_err(SignInError::State)?;
                    return Err(error.into());
                }
                Ok(session)
            }
            Err(error) => {
                let person = actor.id.clone();
                self.record(&actor, What::SessionFailed { person })?;
                Err(error.into())
            }
        }
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

    fn record_and_create(&self, actor: &Actor, new: NewAccount) -> Result<Created, GovernError> {
        self.accounts.check(&new)?;
        let person = self.vault.token(TokenKind::Person, new.name.as_str());
        let roles = new.roles.iter().copied().collect();
        self.record(actor, What::AccountCreated { person, roles })?;
        Ok(self.accounts.create(new)?)
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
        match self.accounts.confirm(name, credential) {
            Ok(confirmed) => Ok(confirmed),
            Err(error) => {
                self.record(actor, What::SessionFailed { person: actor.id.clone() })?;
                Err(error.into())
            }
        }
    }

    /// Gives an account the role that two persons agreed on.
    pub(super) fn grant(
        &self,
        row: &ChangeRow,
        account: &UserName,
        role: Role,
    ) -> Result<(), GovernError> {
        if self.accounts.principal(account.as_str())?.has_role(role) {
            return Ok(());
        }
        let person = row.subject.clone();
        self.record_in(row, What::RoleGranted { person, role })?;
        Ok(self.accounts.grant(account, role)?)
    }
}
