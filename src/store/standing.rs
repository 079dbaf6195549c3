//! What time gives to and takes from persons, and their emergencies on record.

use serde::{Deserialize, Serialize};

use super::table::Row;
use crate::domain::clock::Timestamp;
use crate::domain::emergency::{EmergencyEnd, ReviewOutcome};
use crate::domain::ids::{EntryIndex, RequestId};
use crate::domain::payload::Token;
use crate::domain::principal::{Subject, UserName};
use crate::domain::reason::Reason;
use crate::domain::relationship::Relationship;

/// The relationships and the open emergencies of one person: read at every decision.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct StandingRow {
    /// Whose.
    pub person: UserName,
    /// Past and future ones too, in order.
    pub relationships: Vec<Relationship>,
    /// Emergencies that were opened; one whose time is over opens nothing.
    pub emergencies: Vec<OpenEmergency>,
}

/// An emergency that was opened and not closed.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct OpenEmergency {
    /// Its id.
    pub id: RequestId,
    /// What it opens.
    pub subject: Subject,
    /// When it ends by itself.
    pub until: Timestamp,
}

/// An emergency, from its opening to its review.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct EmergencyRow {
    /// Its id: the request of its entries.
    pub id: RequestId,
    /// Who opened it.
    pub person: UserName,
    /// What it opened; `None` once that was erased.
    pub subject: Option<Subject>,
    /// What stands for that in the log.
    pub token: Token,
    /// Why; `None` once what it is about was erased.
    pub reason: Option<Reason>,
    /// When it was opened.
    pub opened: Timestamp,
    /// The entry that says so.
    pub entry: EntryIndex,
    /// When it ends by itself.
    pub expires: Timestamp,
    /// How and when it ended.
    pub ended: Option<Ended>,
    /// What others made of it.
    pub review: Option<Review>,
}

/// The end of an emergency.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Ended {
    /// When.
    pub at: Timestamp,
    /// How.
    pub how: EmergencyEnd,
}

/// The review of an emergency.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Review {
    /// Who judged it.
    pub by: UserName,
    /// When.
    pub at: Timestamp,
    /// What they found.
    pub outcome: ReviewOutcome,
    /// In their words.
    pub note: Option<Reason>,
}

impl Row for StandingRow {
    const TREE: &'static str = "standings";
    const DURABLE: bool = true;
    type Key = UserName;
    fn key(&self) -> UserName {
        self.person.clone()
    }
}

impl Row for EmergencyRow {
    const TREE: &'static str = "emergencies";
    const DURABLE: bool = true;
    type Key = RequestId;
    fn key(&self) -> RequestId {
        self.id
    }
}
