//! What entries say of questions and hits: the parts of `details`.

use serde::{Deserialize, Serialize, Serializer};

use crate::domain::ids::PassageId;
use crate::domain::payload::Token;

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scores_and_seeds_are_recorded_as_text() {
        let hit = RetrievedHit {
            document: Token::from_mac([7; 16]),
            passage: PassageId(uuid::Uuid::nil()),
            rank: 1,
            score: 0.5,
            decision: HitDecision::Cut,
        };
        let hit = serde_json::to_value(hit).unwrap();
        assert_eq!((&hit["score"], &hit["decision"]), (&"0.500000".into(), &"cut".into()));
        assert_eq!(serde_json::to_value(Decimal(u64::MAX)).unwrap(), "18446744073709551615");
    }
}
