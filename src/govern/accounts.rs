//! Accounts, on record, and who gives them what.
//!
//! An account's entry is written before the account works, and commits to its roles and attributes.
//!
//! **What one person may do alone.** An administrator makes an account with the role `staff` and
//! nothing else, takes rights back, and disables accounts. Every other role and every attribute
//! opens something, so it is a change for two persons ([`Proposal::GrantRights`]), and so is the
//! return of a disabled account. The machine's operator sets accounts up as they like, but for the
//! roles that `init` gives to the first of each: those they name only where nobody is left who has
//! them, and whoever they name confirms nothing for a day.
//!
//! **Nobody locks the house.** The last one who can act as administrator or approver is neither
//! disabled nor loses the role by a person's doing: without them nothing that takes two persons could
//! be done any more.
//!
//! **One name, one account.** A row of an account is never deleted and its name never given again. That
//! two names are one human, no program can tell: who disables an account is told which walls hang on
//! it.
//!
//! [`Proposal::GrantRights`]: crate::domain::change::Proposal::GrantRights

use std::collections::BTreeSet;

use crate::audit::{Actor, Added, What};
use crate::domain::payload::{PayloadRef, TokenKind};
use crate::domain::principal::{Attributes, Entitlements, Role, UserName, Via};
use crate::domain::relationship::{RelationshipKind, take_walls};
use crate::identity::{AccountError, Created, NewAccount, stand};
use crate::policy::Action;
use crate::store::{ChangeRow, Dated, KeyScope};

use super::{Changer, GovernError, Governor};

/// What keeps somebody away.
const WALLS: [RelationshipKind; 3] =
    [RelationshipKind::Barred, RelationshipKind::Conflict, RelationshipKind::Wall];
/// What somebody works on.
const SUBJECTS: [RelationshipKind; 3] =
    [RelationshipKind::Client, RelationshipKind::Matter, RelationshipKind::Patient];

/// What hung on an account that was disabled.
#[derive(Clone, Debug, serde::Serialize)]
pub struct Disabled {
    /// Whose it was.
    pub username: UserName,
    /// Walls and conflicts: another account of the same human would lack them.
    pub walls: u32,
    /// Matters, patients and clients.
    pub subjects: u32,
    /// Roles that nobody can act in any more: the operator names somebody.
    pub vacant: Vec<Role>,
}

impl Governor {
    /// Creates an account: a person one that is plain staff, the operator one with roles and
    /// attributes.
    ///
    /// # Errors
    /// [`GovernError`]: nothing changed.
    pub fn create_account(
        &self,
        changer: Changer<'_>,
        actor: &Actor,
        new: NewAccount,
    ) -> Result<Created, GovernError> {
        self.decide(changer, Action::ManageAccounts)?;
        let _turn = self.turn.take();
        let reserved = new.roles.iter().find(|role| Role::RESERVED.contains(role)).copied();
        match changer {
            Changer::Person(_) => {
                if !new.entitlements().are_plain() {
                    return Err(GovernError::TwoPersons);
                }
                let awaited = self.standing_of(&new.name)?;
                if awaited.relationships().any(|one| !one.kind.restricts()) {
                    return Err(GovernError::OperatorOnly {
                        why: "relationships wait for this name, and open more than one person gives",
                    });
                }
            }
            Changer::Operator => {
                if let Some(role) = reserved
                    && !(Role::OF_TWO.contains(&role) && self.is_vacant(role, None)?)
                {
                    return Err(GovernError::NeedsApproval { role });
                }
            }
        }
        let name = new.name.clone();
        let created = self.record_and_create(actor, new)?;
        if reserved.is_some() {
            self.accounts.quiet_until(&name, self.quiet())?;
        }
        Ok(created)
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
    ) -> Result<Disabled, GovernError> {
        self.decide(changer, Action::ManageAccounts)?;
        let _turn = self.turn.take();
        self.accounts.principal(name)?;
        let row = self.accounts.find_row(name)?;
        let vacant = self.vacated(changer, &row.name, &row.roles)?;
        let who = stand(&row, self.state.standings().get(&row.name)?.as_ref(), self.clock.now());
        let walls = count(&who.attributes, &WALLS);
        let subjects = count(&who.attributes, &SUBJECTS);
        // Whoever is to stay outside does so whether or not the log can say it.
        self.accounts.disable(name)?;
        let person = self.vault.token(TokenKind::Person, name);
        let (hung, had) = (Added(Some(walls)), Added(Some(subjects)));
        self.record(actor, What::AccountDisabled { person, walls: hung, subjects: had })?;
        Ok(Disabled { username: row.name, walls, subjects, vacant })
    }

    /// Lets a disabled account in again, with what it had. The operator's: persons propose it.
    ///
    /// # Errors
    /// [`GovernError`]: nothing changed.
    pub fn enable_account(&self, actor: &Actor, name: &str) -> Result<(), GovernError> {
        let _turn = self.turn.take();
        self.accounts.check_disabled(name)?;
        let person = self.vault.token(TokenKind::Person, name);
        self.record(actor, What::AccountEnabled { person })?;
        Ok(self.accounts.enable(name)?)
    }

    /// Lets an account in again, as two persons agreed.
    pub(super) fn enable(&self, row: &ChangeRow, account: &UserName) -> Result<(), GovernError> {
        if self.accounts.check_disabled(account.as_str()).is_err() {
            return Ok(());
        }
        self.record_in(row, What::AccountEnabled { person: row.subject.clone() })?;
        Ok(self.accounts.enable(account.as_str())?)
    }

    /// Takes rights back that an account was given, from the next token on.
    ///
    /// # Errors
    /// [`GovernError`]: nothing changed; but [`GovernError::NotRecorded`] says that they are gone and
    /// the log does not know it.
    pub fn revoke_rights(
        &self,
        changer: Changer<'_>,
        actor: &Actor,
        name: &UserName,
        rights: &Entitlements,
    ) -> Result<(), GovernError> {
        self.decide(changer, Action::ManageAccounts)?;
        let _turn = self.turn.take();
        check_openings(&rights.attributes)?;
        let row = self.accounts.find_row(name.as_str())?;
        self.vacated(changer, &row.name, &rights.roles)?;
        let what = self.rights_changed(name, &Entitlements::default(), rights, &[])?;
        // First the account: rights that are gone and not yet on record are better than the opposite.
        self.accounts.take_back(name, rights)?;
        Ok(self.record(actor, what)?)
    }

    /// Gives an account what two persons agreed on; after a crash, what it lacks yet.
    pub(super) fn grant(
        &self,
        row: &ChangeRow,
        account: &UserName,
        rights: &Entitlements,
    ) -> Result<(), GovernError> {
        self.accounts.principal(account.as_str())?; // One that is disabled waits.
        let rights = rights.without(&self.accounts.find_row(account.as_str())?.entitlements());
        for role in rights.roles.iter().copied() {
            self.record_in(row, What::RoleGranted { person: row.subject.clone(), role })?;
        }
        if rights.is_empty() {
            return Ok(());
        }
        self.record_in(row, self.rights_changed(account, &rights, &Entitlements::default(), &[])?)?;
        Ok(self.accounts.give(account, &rights)?)
    }

    /// Whether this may be proposed, and still may be approved, for this account.
    pub(super) fn check_grant(
        &self,
        account: &UserName,
        rights: &Entitlements,
    ) -> Result<(), GovernError> {
        check_openings(&rights.attributes)?;
        if rights.is_empty() {
            return Err(GovernError::NotFound { what: "role or attribute in it" });
        }
        Ok(self.accounts.check_in_own_hands(account)?)
    }

    /// What is recorded where the rights of an account become others.
    pub(super) fn rights_changed(
        &self,
        name: &UserName,
        gained: &Entitlements,
        lost: &Entitlements,
        dated: &[Dated],
    ) -> Result<What, GovernError> {
        Ok(What::RightsChanged {
            person: self.vault.token(TokenKind::Person, name.as_str()),
            gained: gained.roles.clone(),
            lost: lost.roles.clone(),
            attributes_gained: gained.value_count(),
            attributes_lost: lost.value_count(),
            payload: Some(self.seal_rights(name, gained, lost, dated)?),
        })
    }

    /// Seals what an account is given and loses, and what of it counts for a time, as the contents of
    /// all that it names.
    pub(super) fn seal_rights(
        &self,
        name: &UserName,
        gained: &Entitlements,
        lost: &Entitlements,
        dated: &[Dated],
    ) -> Result<PayloadRef, GovernError> {
        let mut value = serde_json::json!({ "account": name, "gained": gained, "lost": lost });
        if let Some(object) = value.as_object_mut().filter(|_| !dated.is_empty()) {
            object.insert("dated".to_owned(), serde_json::json!(dated));
        }
        let bytes = serde_json::to_vec(&value).unwrap_or_default();
        let scope = self.scope_of_rights(name, &gained.attributes)?;
        let mut scope = scope.and(self.scope_of_rights(name, &lost.attributes)?);
        for one in dated {
            scope = scope.and(self.scope_of_rights(name, &one.attributes)?);
        }
        Ok(self.vault.seal(&scope, &bytes)?)
    }

    /// Whose contents is what is said of these attributes: the person's, and that of every matter and
    /// patient among them, each of which can be erased.
    pub(super) fn scope_of_rights(
        &self,
        name: &UserName,
        attributes: &Attributes,
    ) -> Result<KeyScope, GovernError> {
        let person = self.vault.token(TokenKind::Person, name.as_str());
        let mut scope = KeyScope::of(TokenKind::Person, &person);
        for (key, values) in attributes {
            let kind = key.parse().ok().map(RelationshipKind::token_kind);
            let Some(kind @ (TokenKind::Matter | TokenKind::Patient)) = kind else { continue };
            for value in values {
                scope = scope.and(KeyScope::of(kind, &self.vault.subject(kind, value)?));
            }
        }
        Ok(scope)
    }

    fn record_and_create(
        &self,
        actor: &Actor,
        mut new: NewAccount,
    ) -> Result<Created, GovernError> {
        self.accounts.check(&new)?;
        let person = self.vault.subject(TokenKind::Person, new.name.as_str())?;
        let given = new.entitlements();
        let payload = Some(self.seal_rights(&new.name, &given, &Entitlements::default(), &[])?);
        let walls = take_walls(&mut new.attributes);
        self.keep_walls(&new.name, &walls, actor)?;
        self.record(actor, What::AccountCreated { person, roles: new.roles.clone(), payload })?;
        Ok(self.accounts.create(new)?)
    }

    /// The roles that nobody could act in any more without this account: the operator may go on.
    fn vacated(
        &self,
        changer: Changer<'_>,
        name: &UserName,
        losing: &BTreeSet<Role>,
    ) -> Result<Vec<Role>, GovernError> {
        let mut vacant = Vec::new();
        for role in Role::OF_TWO.into_iter().filter(|role| losing.contains(role)) {
            let is_last = !self.is_vacant(role, None)? && self.is_vacant(role, Some(name))?;
            match changer {
                Changer::Person(_) if is_last => return Err(GovernError::LastOne { role }),
                Changer::Operator if is_last => vacant.push(role),
                Changer::Person(_) | Changer::Operator => {}
            }
        }
        Ok(vacant)
    }

    /// Whether nobody can act in a role, this one left aside.
    fn is_vacant(&self, role: Role, but: Option<&UserName>) -> Result<bool, AccountError> {
        let mut rows = self.accounts.list()?.into_iter();
        Ok(!rows.any(|row| Some(&row.name) != but && row.can_act_as(role)))
    }
}

/// Walls and conflicts are relationships: set by one person at once, lifted by two.
fn check_openings(attributes: &Attributes) -> Result<(), GovernError> {
    match take_walls(&mut attributes.clone()).is_empty() {
        true => Ok(()),
        false => Err(GovernError::NotAGrant),
    }
}

/// How many values of these kinds are among the attributes.
fn count(attributes: &Attributes, kinds: &[RelationshipKind]) -> u32 {
    let found = kinds.iter().filter_map(|kind| attributes.get(kind.as_str()));
    u32::try_from(found.map(BTreeSet::len).sum::<usize>()).unwrap_or(u32::MAX)
}
