//! Accounts, on record.
//!
//! An account's entry is written before the account works. Granting a role that administers, approves or keeps keys is a change for two persons: `init`
//! names the first of each.

use crate::audit::{Actor, What};
use crate::domain::payload::TokenKind;
use crate::domain::principal::{Role, UserName, Via};
use crate::identity::{Created, NewAccount};
use crate::policy::Action;
use crate::store::ChangeRow;

use super::{Changer, GovernError, Governor};

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
    /// [`GovernError`]: nothing changed; but [`GovernError::NotRecorded`] says that the account is
    /// disabled and the log does not know it.
    pub fn disable_account(
        &self,
        changer: Changer<'_>,
        actor: &Actor,
        name: &str,
    ) -> Result<(), GovernError> {
        self.decide(changer, Action::ManageAccounts)?;
        self.accounts.principal(name)?;
        let person = self.vault.token(TokenKind::Person, name);
        // Whoever is to stay outside does so whether or not the log can say it.
        self.accounts.disable(name)?;
        Ok(self.record(actor, What::AccountDisabled { person })?)
    }

    fn record_and_create(&self, actor: &Actor, new: NewAccount) -> Result<Created, GovernError> {
        self.accounts.check(&new)?;
        let person = self.vault.subject(TokenKind::Person, new.name.as_str())?;
        let roles = new.roles.iter().copied().collect();
        self.record(actor, What::AccountCreated { person, roles })?;
        Ok(self.accounts.create(new)?)
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
