//! Accounts, their sessions and tokens, and how often signing in failed.
//!
//! A field that came later is left out where it holds nothing: a row as an earlier version wrote it
//! is still the row that [`Table::replace`](super::Table::replace) finds.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::{Deserialize, Serialize};

use super::table::Row;
use crate::domain::clock::Timestamp;
use crate::domain::digest::Digest;
use crate::domain::principal::{Attributes, Entitlements, Principal, Role, UserName};
use crate::domain::relationship::Term;

/// Somebody who may sign in.
#[derive(Clone, Deserialize, Eq, PartialEq, Serialize)]
pub struct AccountRow {
    /// Its name.
    pub name: UserName,
    /// Its roles.
    pub roles: BTreeSet<Role>,
    /// Its attributes.
    pub attributes: Attributes,
    /// The password's Argon2 hash in PHC form.
    pub password: String,
    /// Who chose the password.
    #[serde(default, skip_serializing_if = "is_default")]
    pub password_by: PasswordBy,
    /// From when on it may confirm sensitive acts again, where somebody else reset it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confirms_from: Option<Timestamp>,
    /// The second factor, once a code of it was shown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub second_factor: Option<SecondFactor>,
    /// Secret of a second factor of which no code was shown yet, in base32.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enrolling: Option<String>,
    /// Whether it may no longer sign in.
    pub disabled: bool,
    /// When it was made.
    pub created: Timestamp,
    /// Whom the organisation's provider vouches for, instead of a password.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub federated: Option<Federated>,
}

/// Whom a provider vouches for, and what their groups came to when they last signed on.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Federated {
    /// The provider.
    pub issuer: String,
    /// Its own name for the person.
    pub subject: String,
    /// Roles that the groups gave.
    pub roles: BTreeSet<Role>,
    /// Roles of the account that do not count, as the group that they need is missing.
    pub withheld: BTreeSet<Role>,
    /// Attributes that the groups gave.
    pub attributes: Attributes,
    /// What groups gave for a time.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub dated: Vec<Dated>,
    /// The account counts until then: what the groups came to is news, not a fact.
    pub until: Timestamp,
}

/// What a group gives from one day to another, as it ends by itself.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Dated {
    /// When it counts.
    #[serde(flatten)]
    pub term: Term,
    /// Roles. One that two persons give is a condition here, as in a group without dates.
    pub roles: BTreeSet<Role>,
    /// Attributes.
    pub attributes: Attributes,
}

impl Dated {
    /// What it adds to an account.
    pub fn entitlements(&self) -> Entitlements {
        let given = self.roles.iter().filter(|role| !Role::RESERVED.contains(role));
        Entitlements { roles: given.copied().collect(), attributes: self.attributes.clone() }
    }
}

impl AccountRow {
    /// What people gave it, without what groups do.
    pub fn entitlements(&self) -> Entitlements {
        Entitlements { roles: self.roles.clone(), attributes: self.attributes.clone() }
    }

    /// Whether its owner can act in a role that people gave: the next sign-on is enough for one
    /// whom a provider vouches for, but not where its group counts for a time alone.
    pub fn can_act_as(&self, role: Role) -> bool {
        let is_withheld = self.federated.as_ref().is_some_and(|f| f.withheld.contains(&role));
        !self.disabled && !is_withheld && self.roles.contains(&role)
    }

    /// Who it is now: roles and attributes of its own and of its groups. Without a recent sign-on a
    /// federated account has none.
    pub fn principal(&self, now: Timestamp) -> Principal {
        let (name, roles) = (self.name.clone(), self.roles.clone());
        let mut who =
            Principal { as_of: now, ..Principal::new(name, roles, self.attributes.clone()) };
        match &self.federated {
            Some(federated) if now < federated.until => {
                let dated = &federated.dated;
                let changes = dated.iter().filter_map(|one| one.term.next_change(now));
                who.until = changes.chain([federated.until]).min();
                let held: Vec<_> = dated.iter().filter(|one| one.term.holds_at(now)).collect();
                who.roles.retain(|role| {
                    !federated.withheld.contains(role)
                        || held.iter().any(|one| one.roles.contains(role))
                });
                let (roles, attributes) = (federated.roles.clone(), federated.attributes.clone());
                who.take_in(Entitlements { roles, attributes });
                held.iter().for_each(|one| who.take_in(one.entitlements()));
            }
            Some(_) => {
                who.roles.clear();
                who.attributes.clear();
            }
            None => {}
        }
        who
    }
}

impl fmt::Debug for AccountRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AccountRow")
            .field("name", &self.name)
            .field("roles", &self.roles)
            .field("password", &"[redacted]")
            .field("disabled", &self.disabled)
            .finish_non_exhaustive()
    }
}

/// Who chose the password of an account.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum PasswordBy {
    /// Whoever made the account: it signs in, and confirms nothing.
    #[default]
    Other,
    /// The account's owner.
    Owner,
    /// Whoever reset it: it signs in to be changed, and for nothing else.
    Reset,
}

/// A second factor (RFC 6238) and what stands in for it when the device is lost.
#[derive(Clone, Deserialize, Eq, PartialEq, Serialize)]
pub struct SecondFactor {
    /// The shared secret in base32.
    pub secret: String,
    /// The newest time step of which a code was taken; none is taken twice.
    pub last_step: u64,
    /// SHA-256 of each recovery code that is left: 128 random bits need no slow hash.
    pub recovery: BTreeSet<Digest>,
    /// Since when it is in use.
    pub since: Timestamp,
}

impl fmt::Debug for SecondFactor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SecondFactor").field("since", &self.since).finish_non_exhaustive()
    }
}

/// How somebody proved who they are.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SessionKind {
    /// A browser, signed in with a password.
    Session,
    /// A script, with a token that was issued to it.
    ApiToken,
}

/// A signed-in browser or an issued token. The token itself is not kept.
#[derive(Clone, Deserialize, Eq, PartialEq, Serialize)]
pub struct SessionRow {
    /// SHA-256 of the token; its first digits name it.
    pub token_sha256: Digest,
    /// Whose it is.
    pub user: UserName,
    /// When it began.
    pub created: Timestamp,
    /// When it was last used, to the minute.
    pub seen: Timestamp,
    /// When it ends at the latest.
    pub expires: Timestamp,
    /// What it is.
    pub kind: SessionKind,
    /// What a form must carry to be believed; empty for tokens of scripts.
    pub csrf: String,
    /// When its person last proved who they are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confirmed: Option<Timestamp>,
    /// Whether its owner issued it, having proved who they are.
    #[serde(default, skip_serializing_if = "is_default")]
    pub is_own: bool,
    /// What its owner calls it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub label: String,
    /// The actions that it is limited to; `None` is all that its owner may do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope: Option<BTreeSet<String>>,
}

impl fmt::Debug for SessionRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionRow")
            .field("user", &self.user)
            .field("kind", &self.kind)
            .field("expires", &self.expires)
            .finish_non_exhaustive()
    }
}

/// Failed sign-ins of one account, so that a restart forgets none.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct FailuresRow {
    /// The account.
    pub name: UserName,
    /// All that strangers tried.
    #[serde(default)]
    pub all: Option<Failed>,
    /// What was tried in each place.
    #[serde(default)]
    pub places: BTreeMap<String, Failed>,
}

/// Failures that are not forgotten yet.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Failed {
    /// When the last of them will be.
    pub cleared: Timestamp,
    /// When there was one last.
    pub last: Timestamp,
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

impl Row for AccountRow {
    const TREE: &'static str = "accounts";
    const DURABLE: bool = true;
    type Key = UserName;
    fn key(&self) -> UserName {
        self.name.clone()
    }
}

impl Row for SessionRow {
    const TREE: &'static str = "sessions";
    const DURABLE: bool = true;
    type Key = Digest;
    fn key(&self) -> Digest {
        self.token_sha256
    }
}

impl Row for FailuresRow {
    const TREE: &'static str = "failures";
    const DURABLE: bool = true;
    type Key = UserName;
    fn key(&self) -> UserName {
        self.name.clone()
    }
}
