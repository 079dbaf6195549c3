//! Changes that need two persons, and what holds and erasures are about.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::access::label_value;
use super::ids::{DocumentId, RequestId};
use super::payload::TokenKind;
use super::principal::{Entitlements, UserName};
use super::relationship::{Held, RelationshipKind};
use super::trial::PolicyChange;

/// What a hold or an erasure is about.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase", tag = "kind", content = "name")]
pub enum Target {
    /// One document.
    Document(DocumentId),
    /// All that belongs to a matter.
    Matter(String),
    /// All that belongs to a patient.
    Patient(String),
    /// A person: a hold keeps all that they took in, asked and were told; an erasure takes what they
    /// asked and were told, and the account.
    Person(UserName),
}

impl Target {
    /// What kind of thing it is.
    pub const fn kind(&self) -> TokenKind {
        match self {
            Self::Document(_) => TokenKind::Document,
            Self::Matter(_) => TokenKind::Matter,
            Self::Patient(_) => TokenKind::Patient,
            Self::Person(_) => TokenKind::Person,
        }
    }

    /// The target as it is kept: a name as names are ([`label_value`]).
    ///
    /// # Errors
    /// What would do as a name.
    pub fn checked(self) -> Result<Self, &'static str> {
        Ok(match self {
            Self::Matter(name) => Self::Matter(label_value(&name)?),
            Self::Patient(name) => Self::Patient(label_value(&name)?),
            Self::Document(_) | Self::Person(_) => self,
        })
    }

    /// Its name, as tokens are made of it.
    pub fn name(&self) -> String {
        match self {
            Self::Document(id) => id.to_string(),
            Self::Matter(name) | Self::Patient(name) => name.clone(),
            Self::Person(name) => name.to_string(),
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.kind().as_str(), self.name())
    }
}

/// The kinds of changes that need two persons.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub enum ChangeKind {
    /// An erasure.
    #[serde(rename = "erase")]
    Erase,
    /// The end of a hold.
    #[serde(rename = "hold.release")]
    ReleaseHold,
    /// Roles and attributes that an account is given.
    #[serde(rename = "role.grant")]
    GrantRights,
    /// The return of an account that was disabled.
    #[serde(rename = "account.enable")]
    EnableAccount,
    /// Other policies.
    #[serde(rename = "policy.change")]
    ChangePolicies,
    /// The end of a wall.
    #[serde(rename = "wall.lift")]
    LiftWall,
}

impl ChangeKind {
    /// The kind as written in the log and in results.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Erase => "erase",
            Self::ReleaseHold => "hold.release",
            Self::GrantRights => "role.grant",
            Self::EnableAccount => "account.enable",
            Self::ChangePolicies => "policy.change",
            Self::LiftWall => "wall.lift",
        }
    }
}

/// What a change would do.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case", tag = "do")]
pub enum Proposal {
    /// Destroy the keys of all that belongs to the target, and purge every store.
    Erase {
        /// What.
        target: Target,
    },
    /// End a hold.
    ReleaseHold {
        /// Which.
        hold: RequestId,
        /// What it keeps.
        target: Target,
    },
    /// Give an account roles and attributes. As an earlier version wrote it, of one role, it is read
    /// and gives nothing: what waits is proposed again.
    #[serde(alias = "grant_role")]
    GrantRights {
        /// The account.
        account: UserName,
        /// What it is given.
        #[serde(default)]
        rights: Entitlements,
    },
    /// Let a disabled account in again, with what it had.
    EnableAccount {
        /// The account.
        account: UserName,
    },
    /// Put other policies in force.
    ChangePolicies(Box<PolicyChange>),
    /// End what keeps a person away from a matter, client or patient, whoever said so, and only that: what is
    /// set later is another wall.
    LiftWall {
        /// The person.
        person: UserName,
        /// What kind of wall.
        kind: RelationshipKind,
        /// What they are kept from.
        object: String,
        /// What keeps them away, as it stood when this was proposed.
        walls: Vec<Held>,
    },
}

impl Proposal {
    /// Its kind.
    pub const fn kind(&self) -> ChangeKind {
        match self {
            Self::Erase { .. } => ChangeKind::Erase,
            Self::ReleaseHold { .. } => ChangeKind::ReleaseHold,
            Self::GrantRights { .. } => ChangeKind::GrantRights,
            Self::EnableAccount { .. } => ChangeKind::EnableAccount,
            Self::ChangePolicies(_) => ChangeKind::ChangePolicies,
            Self::LiftWall { .. } => ChangeKind::LiftWall,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_grant_of_an_earlier_version_is_read_and_gives_nothing() {
        let kept = r#"{"do":"grant_role","account":"ada","role":"approver"}"#;
        let proposal: Proposal = serde_json::from_str(kept).unwrap();
        let (account, rights) = ("ada".parse().unwrap(), Entitlements::default());
        assert_eq!(proposal, Proposal::GrantRights { account, rights });
    }
}
