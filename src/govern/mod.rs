//! Accounts, and sessions on record: each decided, recorded, then in effect.
//!
//! An account's entry is written before the account works; a sign-in's before the session is
//! handed out. Granting a role that administers or approves is a change for two persons: `init`
//! names the first of each, and until the queue of changes is built no further ones are granted.

mod keys;

use std::sync::Arc;
use std::time::Duration;

use crate::audit::{Actor, AppendError, Event, Log, What};
use crate::domain::clock::{Clock, Entropy, Timestamp};
use crate::domain::digest::Digest;
use crate::domain::ids::RequestId;
use crate::domain::payload::{Token, TokenKind};
use crate::domain::principal::{Principal, Role, Via};
use crate::identity::{AccountError, Accounts, Created, NewAccount, Session, SignInError};
use crate::policy::{Action, Denial, Policies};
use crate::store::Vault;

/// Why a change did not take effect.
#[derive(Debug, thiserror::Error)]
pub enum GovernError {
    /// The account does not allow it.
    #[error(transparent)]
    Account(#[from] AccountError),
    /// The policy does not allow it.
    #[error("{}", .0.reason)]
    Denied(Denial),
    /// The log cannot append: nothing changed.
    #[error("the audit log cannot record this, so nothing was changed: {0}")]
    NotRecorded(#[from] AppendError),
    /// The role needs a second person.
    #[error(
        "the role {role} needs a second person's approval, which is not offered yet: only `init` names one"
    )]
    NeedsApproval {
        /// The role.
        role: Role,
    },
}

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

/// Who makes a change.
#[derive(Clone, Copy, Debug)]
pub enum Changer<'a> {
    /// The operator of this machine: may set up, reads no content.
    Operator,
    /// A person with an account.
    Person(&'a Principal),
}

/// Changes accounts.
pub struct Governor {
    /// The accounts.
    pub accounts: Accounts,
    /// Decides.
    pub policies: Policies,
    /// Records.
    pub log: Log,
    /// Makes tokens of names.
    pub vault: Vault,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub entropy: Arc<dyn Entropy>,
}

impl Governor {
    /// How the log names a person who came through this door.
    pub fn actor(&self, name: &str, via: Via, os_user: Option<String>) -> Actor {
        Actor { id: self.vault.token(TokenKind::Person, name), via, os_user }
    }

    /// How the log names the machine's operator.
    pub fn operator(via: Via, os_user: Option<String>) -> Actor {
        Actor { id: Token::operator(), via, os_user }
    }

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
        let reserved = [Role::Administrator, Role::Approver];
        if let Some(role) = new.roles.iter().find(|role| reserved.contains(role)) {
            return Err(GovernError::NeedsApproval { role: *role });
        }
        self.decide(changer)?;
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
        self.decide(changer)?;
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
        self.decide(changer)?;
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

    fn decide(&self, changer: Changer<'_>) -> Result<(), GovernError> {
        match changer {
            Changer::Operator => Ok(()),
            Changer::Person(who) => match self.policies.may(who, Action::ManageAccounts) {
                Ok(_allowed) => Ok(()),
                Err(denial) => Err(GovernError::Denied(denial)),
            },
        }
    }

    fn record(&self, actor: &Actor, what: What) -> Result<(), AppendError> {
        let req = RequestId::fresh(self.clock.now(), self.entropy.as_ref());
        let policy: Option<Digest> = Some(self.policies.digest());
        self.log.append(Event { actor: actor.clone(), req, policy, what })?;
        Ok(())
    }
}
