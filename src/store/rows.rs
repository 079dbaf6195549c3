//! What is stored, row by row.

use serde::{Deserialize, Serialize};

use super::scope::KeyScope;
use super::table::{Row, RowKey};
use crate::domain::access::AccessClass;
use crate::domain::digest::Digest;
use crate::domain::ids::{DocumentId, EntryIndex, Generation, RequestId};
use crate::domain::payload::{PayloadRef, Token};
use crate::domain::principal::UserName;

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
