//! Passwords, second factors and tokens of scripts: each change on record before it counts.
//!
//! What somebody else sets lets its owner in and confirms nothing. Who may do more than plain staff is
//! not let in anew by one administrator, who would read with their rights: only the machine's
//! operator resets such an account, and for a day it confirms nothing, so that its owner, locked out,
//! has time to notice. Tokens for somebody else are the operator's alone, and the record says so;
//! persons issue their own.

use std::time::Duration;

use crate::audit::{Actor, Added, What};
use crate::domain::clock::Timestamp;
use crate::domain::limits::RESET_QUIET_MS;
use crate::domain::payload::TokenKind;
use crate::domain::principal::{Entitlements, Principal, UserName};
use crate::domain::relationship::take_walls;
use crate::domain::secret::Secret;
use crate::identity::{Confirmed, Enrolment, NewToken, Owner, SignIn};
use crate::policy::Action;

use super::{Changer, EnterError, GovernError, Governor};

impl Governor {
    /// Changes one's own password, shown with the one so far. Every session ends but the one with
    /// this secret, and every token.
    ///
    /// # Errors
    /// [`GovernError`]: nothing changed.
    pub fn change_password(
        &self,
        actor: &Actor,
        shown: &SignIn<'_>,
        new: Secret,
        keep: Option<&str>,
    ) -> Result<(), GovernError> {
        let holder = self.accounts.holder(shown);
        let holder = holder.map_err(|error| self.record_failed(actor, error))?;
        self.record_factor(actor, holder.factor())?;
        let chosen = self.accounts.choose(holder, new)?;
        self.record(actor, What::PasswordChanged { person: actor.id.clone() })?;
        Ok(self.accounts.change_password(chosen, keep)?)
    }

    /// Gives somebody else a one-time password, which they must change when they sign in.
    ///
    /// # Errors
    /// [`GovernError`]: nothing changed.
    pub fn reset_password(
        &self,
        changer: Changer<'_>,
        actor: &Actor,
        name: &str,
    ) -> Result<String, GovernError> {
        let name = self.resettable(changer, name)?;
        self.accounts.check_local(name.as_str())?;
        let person = self.vault.token(TokenKind::Person, name.as_str());
        self.record(actor, What::PasswordReset { person })?;
        Ok(self.accounts.reset_password(name.as_str(), self.quiet())?)
    }

    /// Takes somebody else's second factor away, whose device is lost.
    ///
    /// # Errors
    /// [`GovernError`]: nothing changed.
    pub fn reset_second_factor(
        &self,
        changer: Changer<'_>,
        actor: &Actor,
        name: &str,
    ) -> Result<(), GovernError> {
        let name = self.resettable(changer, name)?;
        self.accounts.check_second_factor(name.as_str())?;
        let person = self.vault.token(TokenKind::Person, name.as_str());
        self.record(actor, What::FactorRemoved { person })?;
        Ok(self.accounts.reset_second_factor(name.as_str(), self.quiet())?)
    }

    /// A fresh secret for one's own authenticator; it counts once a code of it is shown.
    ///
    /// # Errors
    /// [`GovernError`].
    pub fn begin_enrolment(&self, owner: &Owner) -> Result<Enrolment, GovernError> {
        Ok(self.accounts.begin_enrolment(owner)?)
    }

    /// Puts one's own authenticator in force; returns the recovery codes, to be shown once.
    ///
    /// # Errors
    /// [`GovernError`]: nothing changed.
    pub fn finish_enrolment(
        &self,
        owner: &Owner,
        actor: &Actor,
        code: &str,
    ) -> Result<Vec<String>, GovernError> {
        self.accounts.check_enrolment(owner, code)?;
        self.record(actor, What::FactorEnrolled { person: actor.id.clone() })?;
        Ok(self.accounts.finish_enrolment(owner, code)?)
    }

    /// Takes one's own second factor away.
    ///
    /// # Errors
    /// [`GovernError`]: nothing changed.
    pub fn remove_second_factor(&self, who: &Confirmed, actor: &Actor) -> Result<(), GovernError> {
        self.accounts.check_removal(who)?;
        self.record(actor, What::FactorRemoved { person: actor.id.clone() })?;
        Ok(self.accounts.remove_second_factor(who)?)
    }

    /// Issues a bearer token for a script that acts for somebody else; it is shown once, and
    /// confirms nothing.
    ///
    /// # Errors
    /// [`GovernError`]: nothing changed.
    pub fn issue_token(
        &self,
        changer: Changer<'_>,
        actor: &Actor,
        name: &str,
        new: NewToken,
    ) -> Result<(String, Timestamp), GovernError> {
        if let Changer::Person(_) = changer {
            return Err(GovernError::OperatorOnly {
                why: "a person issues tokens for themselves, with their own credential",
            });
        }
        self.accounts.principal(name)?;
        self.accounts.check_token(name, &new)?;
        let person = self.vault.token(TokenKind::Person, name);
        let expires = self.clock.now().after(new.ttl);
        let scope = Added(new.scope.clone());
        self.record(actor, What::TokenIssued { person, expires, scope })?;
        Ok(self.accounts.issue_token(name, new)?)
    }

    /// Issues a bearer token for a script of one's own; it is shown once.
    ///
    /// # Errors
    /// [`GovernError`]: nothing changed.
    pub fn issue_own_token(
        &self,
        who: &Confirmed,
        actor: &Actor,
        new: NewToken,
    ) -> Result<(String, Timestamp), GovernError> {
        self.accounts.check_own_token(who, &new)?;
        let expires = self.clock.now().after(new.ttl);
        let (person, scope) = (actor.id.clone(), Added(new.scope.clone()));
        self.record(actor, What::TokenIssued { person, expires, scope })?;
        Ok(self.accounts.issue_own_token(who, new)?)
    }

    /// An administrator lets nobody in who may more than they give alone, whatever gave it.
    fn resettable(&self, changer: Changer<'_>, name: &str) -> Result<UserName, GovernError> {
        self.decide(changer, Action::ManageAccounts)?;
        let Principal { name, roles, mut attributes, .. } = self.accounts.principal(name)?;
        take_walls(&mut attributes); // They open nothing.
        match changer {
            Changer::Person(_) if !(Entitlements { roles, attributes }).are_plain() => {
                Err(GovernError::OperatorOnly {
                    why: "the account may do more than one person gives, and whoever resets it could act with that",
                })
            }
            Changer::Operator | Changer::Person(_) => Ok(name),
        }
    }

    pub(super) fn quiet(&self) -> Timestamp {
        self.clock.now().after(Duration::from_millis(RESET_QUIET_MS))
    }
}

impl From<EnterError> for GovernError {
    fn from(error: EnterError) -> Self {
        match error {
            EnterError::SignIn(error) => Self::SignIn(error),
            EnterError::NotRecorded(error) => Self::NotRecorded(error),
        }
    }
}
