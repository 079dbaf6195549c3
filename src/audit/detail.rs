//! What the fields of an entry are made of.

use serde::{Deserialize, Serialize, Serializer};

use crate::domain::clock::Timestamp;
use crate::domain::ids::PassageId;
use crate::domain::payload::Token;
use crate::domain::principal::Via;
use crate::domain::relationship::RelationshipKind;

/// Who caused an entry.
#[derive(Clone, Debug, Serialize)]
pub struct Actor {
    /// The person's token, or [`Token::operator`].
    pub id: Token,
    /// Which door the request came through.
    pub via: Via,
    /// The account on the machine, where the command line was used.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub os_user: Option<String>,
}

/// What a query wants.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum QueryKind {
    /// An answer.
    Ask,
    /// Passages.
    Search,
}

/// One passage that retrieval returned.
#[derive(Clone, Debug, Serialize)]
pub struct RetrievedHit {
    /// Its document.
    pub document: Token,
    /// The passage.
    pub passage: PassageId,
    /// Its place, from 1.
    pub rank: u32,
    /// Its fused score; recorded as text with six decimals.
    #[serde(serialize_with = "six_decimals")]
    pub score: f32,
    /// What became of it.
    pub decision: HitDecision,
}

/// What became of a retrieved passage.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum HitDecision {
    /// It is evidence.
    Used,
    /// It did not fit the budget.
    Cut,
}

/// A cited span, by keyed token.
#[derive(Clone, Debug, Serialize)]
pub struct CitedSpan {
    /// The document.
    pub document: Token,
    /// Page number from 1.
    pub page: u32,
    /// First code point of the page's text.
    pub start: u32,
    /// One past the last.
    pub end: u32,
}

/// A relationship that begins or ends, by keyed tokens.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Related {
    /// Whose.
    pub person: Token,
    /// What with.
    pub kind: RelationshipKind,
    /// The matter, patient, client or department.
    pub object: Token,
    /// When it begins.
    pub from: Option<Timestamp>,
    /// When it ends.
    pub until: Option<Timestamp>,
}

/// A field that entries of earlier versions lack, and later ones too where there is nothing to say.
#[derive(Clone, Debug, Serialize)]
#[serde(transparent)]
pub struct Added<T>(pub Option<T>);

/// A number that may need more than 53 bits: recorded as decimal text.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Decimal(pub u64);

impl From<u64> for Decimal {
    fn from(number: u64) -> Self {
        Self(number)
    }
}

impl Serialize for Decimal {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

fn six_decimals<S: Serializer>(score: &f32, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&format_args!("{score:.6}"))
}
