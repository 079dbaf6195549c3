//! Who asks and who acts.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::clock::Timestamp;
use super::ids::RequestId;
use super::limits::USER_NAME_CHARS_MAX;
use super::payload::{Token, TokenKind};

/// An account's name: lower-case letters, digits, `.`, `_`, `-`, `@`.
#[derive(Clone, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(try_from = "String", into = "String")]
pub struct UserName(String);

/// Text that is not a user name.
#[derive(Debug, thiserror::Error)]
#[error(
    "{found:?} is not a user name: give 1 to 64 of a-z, 0-9, '.', '_', '-', '@', starting with a letter"
)]
pub struct InvalidUserName {
    /// What was given.
    pub found: String,
}

impl UserName {
    /// What stands where a person was named who was erased; no account has it.
    pub fn erased() -> Self {
        Self("erased".to_owned())
    }

    /// Whether it stands for no person: for one who was erased, or the machine's operator.
    pub fn is_reserved(&self) -> bool {
        *self == Self::erased() || self.0 == Token::operator().as_str()
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for UserName {
    type Error = InvalidUserName;

    fn try_from(text: String) -> Result<Self, InvalidUserName> {
        let allowed = |c: char| matches!(c, 'a'..='z' | '0'..='9' | '.' | '_' | '-' | '@');
        let good = text.starts_with(|c: char| c.is_ascii_lowercase())
            && text.chars().all(allowed)
            && text.len() <= USER_NAME_CHARS_MAX;
        if good {
            Ok(Self(text))
        } else {
            Err(InvalidUserName { found: text.chars().take(80).collect() })
        }
    }
}

impl FromStr for UserName {
    type Err = InvalidUserName;

    fn from_str(text: &str) -> Result<Self, InvalidUserName> {
        text.to_owned().try_into()
    }
}

impl From<UserName> for String {
    fn from(name: UserName) -> Self {
        name.0
    }
}

impl fmt::Display for UserName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What an account may be trusted with. Policies turn roles into rights.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// Sets policy, accounts and models; reads no documents by role alone.
    Administrator,
    /// Second person for changes.
    Approver,
    /// Examines and exports the log; reads no documents.
    Auditor,
    /// Turns the keys that sign the log, and keeps its timestamps; reads neither log nor documents.
    KeyCustodian,
    /// Adds, labels and deletes documents.
    RecordsOfficer,
    /// Asks questions.
    Staff,
}

impl Role {
    /// Every role.
    pub const ALL: [Self; 6] = [
        Self::Administrator,
        Self::Approver,
        Self::Auditor,
        Self::KeyCustodian,
        Self::RecordsOfficer,
        Self::Staff,
    ];

    /// Roles that the machine's operator does not give either, once there is somebody who has them.
    pub const RESERVED: [Self; 3] = [Self::Administrator, Self::Approver, Self::KeyCustodian];

    /// Roles that every act of two persons takes: without anybody who has them, nothing that takes
    /// two persons can be done any more.
    pub const OF_TWO: [Self; 2] = [Self::Administrator, Self::Approver];

    /// The role as written in commands, files and policies.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Administrator => "administrator",
            Self::Approver => "approver",
            Self::Auditor => "auditor",
            Self::KeyCustodian => "key-custodian",
            Self::RecordsOfficer => "records-officer",
            Self::Staff => "staff",
        }
    }
}

/// Text that names no role.
#[derive(Debug, thiserror::Error)]
#[error(
    "{found:?} is not a role: use administrator, approver, auditor, key-custodian, records-officer or staff"
)]
pub struct InvalidRole {
    /// What was given.
    pub found: String,
}

impl FromStr for Role {
    type Err = InvalidRole;

    fn from_str(text: &str) -> Result<Self, InvalidRole> {
        Self::ALL
            .into_iter()
            .find(|role| role.as_str() == text)
            .ok_or_else(|| InvalidRole { found: text.chars().take(80).collect() })
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Attributes of a person, each a set: `matter` may name several matters.
pub type Attributes = BTreeMap<String, BTreeSet<String>>;

/// Roles and attributes that an account is given, or that are taken back from it.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct Entitlements {
    /// The roles.
    pub roles: BTreeSet<Role>,
    /// The attributes.
    pub attributes: Attributes,
}

impl Entitlements {
    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.roles.is_empty() && self.attributes.is_empty()
    }

    /// Whether one person may give them alone: the role `staff`, and no attribute.
    pub fn are_plain(&self) -> bool {
        self.roles.iter().all(|role| *role == Role::Staff) && self.attributes.is_empty()
    }

    /// How many values of attributes there are.
    pub fn value_count(&self) -> u32 {
        let count = self.attributes.values().map(BTreeSet::len).sum::<usize>();
        u32::try_from(count).unwrap_or(u32::MAX)
    }

    /// Those that are not among others.
    #[must_use]
    pub fn without(&self, others: &Self) -> Self {
        let mut attributes = self.attributes.clone();
        for (key, values) in &others.attributes {
            if let Some(left) = attributes.get_mut(key) {
                left.retain(|value| !values.contains(value));
            }
        }
        attributes.retain(|_, values| !values.is_empty());
        Self { roles: self.roles.difference(&others.roles).copied().collect(), attributes }
    }
}

impl fmt::Display for Entitlements {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let roles = self.roles.iter().map(|role| role.as_str().to_owned());
        let values = self
            .attributes
            .iter()
            .flat_map(|(key, values)| values.iter().map(move |value| format!("{key}={value}")));
        f.write_str(&roles.chain(values).collect::<Vec<_>>().join(", "))
    }
}

/// A person whose identity was checked (or whom the operator names with `--as`), as they stood at
/// one moment: what relationships and emergencies gave them then is in it.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Principal {
    /// The account.
    pub name: UserName,
    /// Its roles.
    pub roles: BTreeSet<Role>,
    /// Its attributes, with those that relationships give.
    pub attributes: Attributes,
    /// The emergencies that this person has open.
    pub emergencies: Vec<Emergency>,
    /// The moment.
    pub as_of: Timestamp,
    /// When the next relationship or emergency begins or ends: from then on this is out of date.
    pub until: Option<Timestamp>,
    /// Names of the actions that the token shown is limited to; `None` is no limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token_scope: Option<BTreeSet<String>>,
}

/// Access in an emergency that is open.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Emergency {
    /// Its id: the request of its entries.
    pub id: RequestId,
    /// The matter or patient it is about.
    pub subject: Subject,
}

/// A matter or a patient, by name.
#[derive(Clone, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "lowercase", tag = "kind", content = "name")]
pub enum Subject {
    /// A matter.
    Matter(String),
    /// A patient.
    Patient(String),
}

impl Subject {
    /// What kind of thing it is.
    pub const fn kind(&self) -> TokenKind {
        match self {
            Self::Matter(_) => TokenKind::Matter,
            Self::Patient(_) => TokenKind::Patient,
        }
    }

    /// Its name.
    pub fn name(&self) -> &str {
        match self {
            Self::Matter(name) | Self::Patient(name) => name,
        }
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.kind().as_str(), self.name())
    }
}

impl Principal {
    /// Somebody with these roles and attributes, at no particular moment.
    pub const fn new(name: UserName, roles: BTreeSet<Role>, attributes: Attributes) -> Self {
        let as_of = Timestamp::from_unix_millis(0);
        Self {
            name,
            roles,
            attributes,
            emergencies: Vec::new(),
            as_of,
            until: None,
            token_scope: None,
        }
    }

    /// Has these as well.
    pub fn take_in(&mut self, more: Entitlements) {
        self.roles.extend(more.roles);
        for (key, values) in more.attributes {
            self.attributes.entry(key).or_default().extend(values);
        }
    }

    /// Whether the account has a role.
    pub fn has_role(&self, role: Role) -> bool {
        self.roles.contains(&role)
    }
}

/// Which door a request came through.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Via {
    /// The command line on the machine itself.
    Cli,
    /// The JSON API.
    Http,
    /// The pages.
    Portal,
    /// The appliance itself.
    System,
}
