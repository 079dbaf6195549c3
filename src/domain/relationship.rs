//! Who works on what, treats whom, and stands behind which wall, and from when to when.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::access::Labels;
use super::clock::{InvalidTimestamp, Timestamp};
use super::ids::RequestId;
use super::limits::SOURCE_CHARS_MAX;
use super::payload::TokenKind;
use super::principal::Attributes;

/// What a relationship is with. It gives the person the attribute of the same name.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum RelationshipKind {
    /// A patient whom the person must not read about: a spouse, a neighbour, themselves.
    Barred,
    /// A client whom the person acts for.
    Client,
    /// A client whom the person must not act for or read about.
    Conflict,
    /// A department that the person belongs to.
    Department,
    /// A matter that the person works on.
    Matter,
    /// A patient whom the person treats.
    Patient,
    /// A matter that the person is kept away from.
    Wall,
}

impl RelationshipKind {
    /// Every kind.
    pub const ALL: [Self; 7] = [
        Self::Barred,
        Self::Client,
        Self::Conflict,
        Self::Department,
        Self::Matter,
        Self::Patient,
        Self::Wall,
    ];

    /// The word in files and results, and the attribute that it gives.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Barred => "barred",
            Self::Client => "client",
            Self::Conflict => "conflict",
            Self::Department => "department",
            Self::Matter => "matter",
            Self::Patient => "patient",
            Self::Wall => "wall",
        }
    }

    /// Whether it takes access away: then its end gives access, and needs two persons.
    pub const fn restricts(self) -> bool {
        matches!(self, Self::Barred | Self::Conflict | Self::Wall)
    }

    /// What papers about its object carry at least. `None` where that opens or closes nothing by
    /// itself.
    pub fn labels(self, object: &str) -> Option<Labels> {
        let (name, bare) = (Some(object.to_owned()), Labels::internal());
        match self {
            Self::Matter | Self::Wall => Some(Labels { matter: name, ..bare }),
            Self::Patient | Self::Barred => Some(Labels { patient: name, ..bare }),
            Self::Client | Self::Conflict => Some(Labels { client: name, ..bare }),
            Self::Department => None,
        }
    }

    /// What kind of token stands for its object in the log. What has no key of its own is named by
    /// a MAC.
    pub const fn token_kind(self) -> TokenKind {
        match self {
            Self::Matter | Self::Wall => TokenKind::Matter,
            Self::Patient | Self::Barred => TokenKind::Patient,
            Self::Client | Self::Conflict | Self::Department => TokenKind::Rights,
        }
    }
}

/// Takes out of these attributes what keeps somebody away: that is no right that comes and goes, but
/// a relationship, which two persons end.
pub fn take_walls(attributes: &mut Attributes) -> Attributes {
    let restricts = |key: &str| key.parse().is_ok_and(RelationshipKind::restricts);
    let (walls, others) =
        std::mem::take(attributes).into_iter().partition(|(key, _)| restricts(key));
    *attributes = others;
    walls
}

/// Text that names no kind of relationship.
#[derive(Debug, thiserror::Error)]
#[error("{found:?} is no kind: use matter, patient, department, client, wall, barred or conflict")]
pub struct InvalidRelationshipKind {
    /// What was given.
    pub found: String,
}

impl FromStr for RelationshipKind {
    type Err = InvalidRelationshipKind;

    fn from_str(text: &str) -> Result<Self, InvalidRelationshipKind> {
        Self::ALL
            .into_iter()
            .find(|kind| kind.as_str() == text)
            .ok_or_else(|| InvalidRelationshipKind { found: text.chars().take(80).collect() })
    }
}

impl fmt::Display for RelationshipKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Where relationships come from; each source owns its own.
#[derive(Clone, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(try_from = "String", into = "String")]
pub struct SourceName(String);

/// Text that is no name of a source.
#[derive(Debug, thiserror::Error)]
#[error("{found:?} is no name of a source: give 1 to 64 of a-z, 0-9, '.', '_', '-'")]
pub struct InvalidSourceName {
    /// What was given.
    pub found: String,
}

impl SourceName {
    /// What people set one by one, not in files.
    pub fn by_hand() -> Self {
        Self("by-hand".to_owned())
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for SourceName {
    type Error = InvalidSourceName;

    fn try_from(text: String) -> Result<Self, InvalidSourceName> {
        let allowed = |c: char| matches!(c, 'a'..='z' | '0'..='9' | '.' | '_' | '-');
        match !text.is_empty() && text.len() <= SOURCE_CHARS_MAX && text.chars().all(allowed) {
            true => Ok(Self(text)),
            false => Err(InvalidSourceName { found: text.chars().take(80).collect() }),
        }
    }
}

impl From<SourceName> for String {
    fn from(name: SourceName) -> Self {
        name.0
    }
}

impl fmt::Display for SourceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// From when until when something holds; open where nothing is said.
#[derive(
    Clone, Copy, Debug, Default, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize,
)]
pub struct Term {
    /// When it begins.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Timestamp>,
    /// When it no longer holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
}

/// Text that is no term.
#[derive(Debug, thiserror::Error)]
pub enum InvalidTerm {
    /// Its start is none.
    #[error("from: {0}, or leave it empty")]
    From(InvalidTimestamp),
    /// Its end is none.
    #[error("until: {0}, or leave it empty")]
    Until(InvalidTimestamp),
    /// It never holds.
    #[error("it ends ({until}) before it begins ({from}): correct one of them")]
    Backwards {
        /// Its start.
        from: Timestamp,
        /// Its end.
        until: Timestamp,
    },
}

impl Term {
    /// Reads a start and an end as people write them; empty is open.
    ///
    /// # Errors
    /// [`InvalidTerm`], also where it would never hold.
    pub fn parse(from: &str, until: &str) -> Result<Self, InvalidTerm> {
        let term = Self {
            from: start(from).map_err(InvalidTerm::From)?,
            until: end(until).map_err(InvalidTerm::Until)?,
        };
        match (term.from, term.until) {
            (Some(from), Some(until)) if until <= from => {
                Err(InvalidTerm::Backwards { from, until })
            }
            (_, _) => Ok(term),
        }
    }

    /// Whether it holds at this time.
    pub fn holds_at(&self, time: Timestamp) -> bool {
        self.from.is_none_or(|from| from <= time) && self.until.is_none_or(|until| time < until)
    }

    /// When it next begins or ends.
    pub fn next_change(&self, after: Timestamp) -> Option<Timestamp> {
        self.from.into_iter().chain(self.until).filter(|time| *time > after).min()
    }

    /// The time in which both hold, which may be none.
    #[must_use]
    pub fn within(self, other: Self) -> Self {
        Self {
            from: self.from.into_iter().chain(other.from).max(),
            until: self.until.into_iter().chain(other.until).min(),
        }
    }
}

/// A start as people write it; empty is none.
///
/// # Errors
/// [`InvalidTimestamp`].
pub fn start(text: &str) -> Result<Option<Timestamp>, InvalidTimestamp> {
    match text {
        "" => Ok(None),
        text => text.parse().map(Some),
    }
}

/// An end as people write it; empty is none. A date means that the whole day still counts, in UTC.
///
/// # Errors
/// [`InvalidTimestamp`].
pub fn end(text: &str) -> Result<Option<Timestamp>, InvalidTimestamp> {
    let is_date = text.len() == 10;
    Ok(start(text)?.map(|end| if is_date { end.after(DAY) } else { end }))
}

/// One relationship of a person.
#[derive(Clone, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
pub struct Relationship {
    /// What with.
    pub kind: RelationshipKind,
    /// Its name.
    pub object: String,
    /// When it begins; `None` where it always held.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Timestamp>,
    /// When it no longer holds; `None` where nothing is said of an end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
    /// Who says so.
    pub source: SourceName,
}

impl Relationship {
    const fn term(&self) -> Term {
        Term { from: self.from, until: self.until }
    }

    /// Whether it holds at this time.
    pub fn holds_at(&self, time: Timestamp) -> bool {
        self.term().holds_at(time)
    }

    /// When it next begins or ends.
    pub fn next_change(&self, after: Timestamp) -> Option<Timestamp> {
        self.term().next_change(after)
    }
}

/// A relationship that somebody has, and what gave it to them. The same wall set twice is two.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Held {
    /// The relationship.
    #[serde(flatten)]
    pub relationship: Relationship,
    /// The request of the entry that gave it; of a wall, the one that gave it last.
    pub act: RequestId,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_relationship_holds_from_its_start_until_its_end_and_knows_what_comes_next() {
        let time = Timestamp::from_unix_millis;
        // (from, until, at, holds, next change)
        let table = [
            (None, None, 5, true, None),
            (Some(3), None, 2, false, Some(3)),
            (Some(3), Some(7), 3, true, Some(7)),
            (Some(3), Some(7), 6, true, Some(7)),
            (Some(3), Some(7), 7, false, None),
            (None, Some(7), 0, true, Some(7)),
        ];
        for (from, until, at, holds, next) in table {
            let relationship = Relationship {
                kind: RelationshipKind::Matter,
                object: "M-1".to_owned(),
                from: from.map(time),
                until: until.map(time),
                source: SourceName::by_hand(),
            };
            assert_eq!(relationship.holds_at(time(at)), holds, "{relationship:?} at {at}");
            assert_eq!(relationship.next_change(time(at)), next.map(time), "{relationship:?}");
        }
    }

    #[test]
    fn kinds_and_sources_are_written_one_way() {
        for kind in RelationshipKind::ALL {
            assert_eq!(kind.as_str().parse::<RelationshipKind>().unwrap(), kind);
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.as_str());
        }
        assert!("team".parse::<RelationshipKind>().is_err());
        for wrong in ["", "Epic", "a b", &"x".repeat(65)] {
            assert!(SourceName::try_from(wrong.to_owned()).is_err(), "{wrong}");
        }
    }
}
