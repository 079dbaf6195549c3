//! What is stored, row by row.

use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::scope::KeyScope;
use super::table::{Row, RowKey};
use crate::domain::access::AccessClass;
use crate::domain::clock::Timestamp;
use crate::domain::digest::Digest;
use crate::domain::ids::{DocumentId, EntryIndex, Generation, RequestId};
use crate::domain::payload::{PayloadRef, Token};
use crate::domain::principal::{Attributes, Principal, Role, UserName};

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
    /// The account counts until then: what the groups came to is news, not a fact.
    pub until: Timestamp,
}

impl AccountRow {
    /// Who it is now: roles and attributes of its own and of its groups. Without a recent sign-on a
    /// federated account has none.
    pub fn principal(&self, now: Timestamp) -> Principal {
        let (name, roles) = (self.name.clone(), self.roles.clone());
        let mut who =
            Principal { as_of: now, ..Principal::new(name, roles, self.attributes.clone()) };
        match &self.federated {
            Some(federated) if now < federated.until => {
                who.until = Some(federated.until);
                who.roles.retain(|role| !federated.withheld.contains(role));
                who.roles.extend(&federated.roles);
                for (key, values) in &federated.attributes {
                    who.attributes.entry(key.clone()).or_default().extend(values.clone());
                }
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
    /// SHA-256 of the token.
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

/// A document in the catalogue: a view of its activation in the log.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct DocumentRow {
    /// Its id.
    pub document: DocumentId,
    /// What stands for it in the log.
    pub token: Token,
    /// The generation that is visible.
    pub generation: Generation,
    /// Its access class.
    pub class: AccessClass,
    /// Its labels, where they changed after it was taken in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub labels_sealed: Option<PayloadRef>,
    /// Its [`DocumentCard`](crate::domain::document::DocumentCard).
    pub card: PayloadRef,
    /// Its bytes as they came.
    pub original: PayloadRef,
    /// Its [`DocumentText`](crate::domain::document::DocumentText).
    pub text: PayloadRef,
    /// Where its characters stand on the pages.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub geometry: Option<PayloadRef>,
    /// How many pages it has.
    pub pages: u32,
    /// How many passages it has.
    pub passages: u32,
    /// The entry that activated it.
    pub entry: EntryIndex,
    /// The entry that took it out of the catalogue; its contents are kept until they are erased.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deleted: Option<EntryIndex>,
}

impl DocumentRow {
    /// Whose contents its parts are: its own, and those of the matter and patient on its labels.
    pub fn scope(&self) -> KeyScope {
        KeyScope::of_payload(&self.card)
    }
}

/// Where the answer to a question lies.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct AnswerRow {
    /// The question.
    pub query: RequestId,
    /// The sealed answer object.
    pub answer: PayloadRef,
    /// The terminal entry.
    pub entry: EntryIndex,
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

impl Row for DocumentRow {
    const TREE: &'static str = "documents";
    const DURABLE: bool = false;
    type Key = Token;
    fn key(&self) -> Token {
        self.token.clone()
    }
}

impl Row for AnswerRow {
    const TREE: &'static str = "answers";
    const DURABLE: bool = false;
    type Key = RequestId;
    fn key(&self) -> RequestId {
        self.query
    }
}

impl RowKey for UserName {
    fn bytes(&self) -> Vec<u8> {
        self.as_str().as_bytes().to_vec()
    }
}

impl RowKey for Digest {
    fn bytes(&self) -> Vec<u8> {
        self.as_bytes().to_vec()
    }
}

impl RowKey for Token {
    fn bytes(&self) -> Vec<u8> {
        self.as_str().as_bytes().to_vec()
    }
}

impl RowKey for RequestId {
    fn bytes(&self) -> Vec<u8> {
        self.0.as_bytes().to_vec()
    }
}
