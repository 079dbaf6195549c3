//! References from log entries to encrypted contents, and keyed tokens in place of names.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::digest::Digest;

/// Commits a log entry to contents that lie encrypted in the vault.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct PayloadRef {
    /// SHA-256 of the stored ciphertext.
    pub blob_sha256: Digest,
    /// Length of the ciphertext in bytes.
    pub len: u64,
    /// Ids of the data keys, joined by `+`; when one of them is destroyed the contents are erased.
    pub key: String,
    /// HMAC-SHA256(salt, contents); the salt lies inside the ciphertext and dies with its key.
    pub commit: Digest,
}

/// Stands for a document, person, matter or patient in the log, so that the log alone names nobody.
/// Persons' are a MAC of the name under a key of this home; the others are random, and what they
/// stand for is lost with the data key.
#[derive(Clone, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(transparent)]
pub struct Token(String);

impl Token {
    /// Wraps the first 16 bytes of a MAC. Only the key store has the key to make a true one.
    pub fn from_mac(mac: [u8; 16]) -> Self {
        Self(mac.iter().map(|byte| format!("{byte:02x}")).collect())
    }

    /// 32 hex digits, or a fixed word for the appliance's own actors.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The actor of the appliance itself and of the machine's operator: no person, no secret.
    pub fn operator() -> Self {
        Self("operator".to_owned())
    }
}

/// Text that is no token.
#[derive(Debug, thiserror::Error)]
#[error("not a token: 32 hex digits")]
pub struct InvalidToken;

impl FromStr for Token {
    type Err = InvalidToken;

    fn from_str(text: &str) -> Result<Self, InvalidToken> {
        let hex = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        match text.len() == 32 && text.bytes().all(hex) {
            true => Ok(Self(text.to_owned())),
            false => Err(InvalidToken),
        }
    }
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What kind of thing a token stands for; part of what is hashed.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum TokenKind {
    /// A document, by its digest.
    Document,
    /// A matter.
    Matter,
    /// A patient.
    Patient,
    /// A person with an account.
    Person,
    /// A person's roles and attributes, at one time.
    Rights,
    /// A set of policies, by its digest.
    Policy,
}

impl TokenKind {
    /// The word that is hashed before the name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Document => "document",
            Self::Matter => "matter",
            Self::Patient => "patient",
            Self::Person => "person",
            Self::Rights => "rights",
            Self::Policy => "policy",
        }
    }
}
