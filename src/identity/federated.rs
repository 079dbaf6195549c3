//! Accounts of people whom the organisation's provider vouches for.
//!
//! Such an account is bound to the provider and its own name for the person, not to what people are
//! called. It has no password. Its groups are read at each sign-on; what they came to counts until
//! the next one, and for a limited time.

use std::collections::BTreeSet;

use super::openid::{Rights, SignedOn};
use super::{Accounts, Factor, Session};
use crate::domain::clock::Timestamp;
use crate::domain::principal::{Attributes, Entitlements, Principal, UserName};
use crate::store::{AccountRow, Dated, Federated, PasswordBy, StateError};

/// Why somebody whom the provider vouches for has no way in. As text: a code for the record.
#[derive(Debug, thiserror::Error)]
pub enum AdmitError {
    /// Their account is switched off here, whatever the provider says.
    #[error("account_disabled")]
    Disabled {
        /// The account.
        name: UserName,
    },
    /// The provider gives no name that an account can have.
    #[error("name_unfit")]
    NameUnfit,
    /// Somebody else's account, or a local one, has the name.
    #[error("name_taken")]
    NameTaken,
    /// None of their groups has a role here.
    #[error("no_group")]
    NoGroup {
        /// Their account, where they have one from earlier.
        name: Option<UserName>,
    },
    /// See [`StateError`].
    #[error("state_unreadable")]
    State(#[from] StateError),
}

impl AdmitError {
    /// Whose account it is about. What the provider calls somebody says nothing of it.
    pub const fn account(&self) -> Option<&UserName> {
        match self {
            Self::Disabled { name } => Some(name),
            Self::NoGroup { name } => name.as_ref(),
            Self::NameUnfit | Self::NameTaken | Self::State(_) => None,
        }
    }
}

/// What a sign-on does to an account; nothing is done before [`Accounts::carry_out`].
#[derive(Debug)]
pub struct Plan {
    row: AccountRow,
    is_new: bool,
    is_member: bool,
    is_fresh: bool,
    change: RightsChange,
}

/// How rights differ from those of the last sign-on.
#[derive(Debug, Default, Eq, PartialEq)]
pub struct RightsChange {
    /// What is new.
    pub gained: Entitlements,
    /// What is gone.
    pub lost: Entitlements,
    /// What counts for a time from now on, where that is something else than it was.
    pub dated: Option<Vec<Dated>>,
}

impl RightsChange {
    /// Whether there is any.
    pub fn is_none(&self) -> bool {
        *self == Self::default()
    }

    /// Whether anything is gone.
    pub fn shrinks(&self) -> bool {
        !self.lost.is_empty()
    }

    fn between(old: &AccountRow, new: &AccountRow) -> Self {
        let dated = (dated(old) != dated(new)).then(|| dated(new).to_vec());
        let (old, new) = (recent(old), recent(new));
        Self { gained: new.without(&old), lost: old.without(&new), dated }
    }
}

impl Plan {
    /// The account.
    pub fn name(&self) -> &UserName {
        &self.row.name
    }

    /// Whether it is made now.
    pub fn is_new(&self) -> bool {
        self.is_new
    }

    /// Whether its owner may come in; else the rights go, and they stay outside.
    pub fn is_member(&self) -> bool {
        self.is_member
    }

    /// What changes of an account that was there.
    pub fn change(&self) -> &RightsChange {
        &self.change
    }

    /// Its roles and attributes from now on, those that count for a time among them.
    pub fn entitlements(&self) -> Entitlements {
        recent(&self.row)
    }

    /// What of them counts for a time.
    pub fn dated(&self) -> &[Dated] {
        dated(&self.row)
    }

    fn disabled(&self) -> AdmitError {
        AdmitError::Disabled { name: self.row.name.clone() }
    }
}

impl Accounts {
    /// What this sign-on does to its account.
    ///
    /// # Errors
    /// [`AdmitError`]: nothing is to be done.
    pub fn plan(
        &self,
        on: &SignedOn,
        rights_last: std::time::Duration,
    ) -> Result<Plan, AdmitError> {
        let now = self.0.clock.now();
        let bound = |row: &AccountRow| {
            let theirs = row.federated.as_ref();
            theirs.is_some_and(|f| f.issuer == on.issuer() && f.subject == on.subject())
        };
        let old = self.list()?.into_iter().find(bound);
        if let Some(row) = old.as_ref().filter(|row| row.disabled) {
            return Err(AdmitError::Disabled { name: row.name.clone() });
        }
        let Rights { roles, withheld, attributes, dated } = match (on.rights(), &old) {
            (Some(rights), _) => rights.clone(),
            (None, Some(_)) => Rights::default(),
            (None, None) => return Err(AdmitError::NoGroup { name: None }),
        };
        let (is_member, is_fresh) = (on.rights().is_some(), on.is_fresh());
        let until = if is_member { now.after(rights_last) } else { Timestamp::from_unix_millis(0) };
        let (issuer, subject) = (on.issuer().to_owned(), on.subject().to_owned());
        let federated = Federated { issuer, subject, roles, withheld, attributes, dated, until };
        let Some(old) = old else {
            let row = self.fresh(on.name(), federated, now)?;
            let change = RightsChange::default();
            return Ok(Plan { row, is_new: true, is_member, is_fresh, change });
        };
        let row = AccountRow { federated: Some(federated), ..old.clone() };
        let change = RightsChange::between(&old, &row);
        Ok(Plan { row, is_new: false, is_member, is_fresh, change })
    }

    /// Does what was planned; sessions end where rights shrink. On disk on return.
    ///
    /// # Errors
    /// [`AdmitError::NameTaken`] where somebody was faster.
    pub fn carry_out(&self, plan: &Plan) -> Result<(), AdmitError> {
        if plan.is_new {
            return match self.0.state.accounts().put_new(&plan.row)? {
                true => Ok(()),
                false => Err(AdmitError::NameTaken),
            };
        }
        // Over the row as it stands: it may have been disabled, or granted a role, meanwhile.
        let name = plan.row.name.as_str();
        let table = self.0.state.accounts();
        loop {
            let old = table.get(&plan.row.name)?.ok_or_else(|| plan.disabled())?;
            let new = AccountRow { federated: plan.row.federated.clone(), ..old.clone() };
            if table.replace(&old, &new)? {
                break;
            }
        }
        match plan.change.shrinks() || !plan.is_member {
            true => Ok(self.end_sessions(name, None)?),
            false => Ok(()),
        }
    }

    /// Opens a session for an account whose owner was admitted.
    ///
    /// # Errors
    /// [`AdmitError::Disabled`] where it was switched off meanwhile.
    pub fn open_planned(&self, plan: &Plan) -> Result<Session, AdmitError> {
        let row = self.0.state.accounts().get(&plan.row.name)?;
        let row = row.filter(|row| !row.disabled && plan.is_member);
        let row = row.ok_or_else(|| plan.disabled())?;
        // Whoever was signed in at the provider anyway has proved nothing for this.
        self.open_session(&row, Factor::None, plan.is_fresh)?.ok_or_else(|| plan.disabled())
    }

    /// Whether a provider vouches for this account's owner.
    pub fn is_federated(&self, name: &UserName) -> bool {
        let row = self.0.state.accounts().get(name);
        row.is_ok_and(|row| row.is_some_and(|row| row.federated.is_some()))
    }

    fn fresh(
        &self,
        name: &str,
        federated: Federated,
        now: Timestamp,
    ) -> Result<AccountRow, AdmitError> {
        let name: UserName = name.parse().map_err(|_| AdmitError::NameUnfit)?;
        if name.is_reserved() {
            return Err(AdmitError::NameUnfit);
        }
        if self.0.state.accounts().get(&name)?.is_some() {
            return Err(AdmitError::NameTaken);
        }
        Ok(AccountRow {
            name,
            roles: BTreeSet::new(),
            attributes: Attributes::new(),
            // No hash: no password is ever right.
            password: String::new(),
            password_by: PasswordBy::Other,
            confirms_from: None,
            second_factor: None,
            enrolling: None,
            disabled: false,
            created: now,
            federated: Some(federated),
        })
    }
}

/// What it had right after the last sign-on, and what was to begin later.
fn recent(row: &AccountRow) -> Entitlements {
    let mut who = row.principal(Timestamp::from_unix_millis(0));
    dated(row).iter().for_each(|one| who.take_in(one.entitlements()));
    let Principal { roles, attributes, .. } = who;
    Entitlements { roles, attributes }
}

fn dated(row: &AccountRow) -> &[Dated] {
    row.federated.as_ref().map_or(&[], |federated| &federated.dated)
}
