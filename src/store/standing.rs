//! What time gives to and takes from persons, and their emergencies on record.

use serde::{Deserialize, Serialize};

use super::table::Row;
use crate::domain::clock::Timestamp;
use crate::domain::digest::Digest;
use crate::domain::emergency::{EmergencyEnd, ReviewOutcome};
use crate::domain::ids::{EntryIndex, RequestId};
use crate::domain::payload::Token;
use crate::domain::principal::{Subject, UserName, Via};
use crate::domain::reason::Reason;
use crate::domain::relationship::{Held, Relationship, SourceName};

/// The relationships and the open emergencies of one person: read at every decision.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct StandingRow {
    /// Whose.
    pub person: UserName,
    /// Past and future ones too, in order.
    pub held: Vec<Held>,
    /// Emergencies that were opened; one whose time is over opens nothing.
    pub emergencies: Vec<OpenEmergency>,
}

impl StandingRow {
    /// Of somebody who has nothing.
    pub const fn empty(person: UserName) -> Self {
        Self { person, held: Vec::new(), emergencies: Vec::new() }
    }

    /// The relationships, whatever gave them.
    pub fn relationships(&self) -> impl Iterator<Item = &Relationship> {
        self.held.iter().map(|held| &held.relationship)
    }
}

/// An import of relationships that was begun: what it changes for whom stands in its
/// [`TurnoverRow`]s. There is at most one.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct ImportRow {
    /// Its id: the request of its entries.
    pub id: RequestId,
    /// What stands in the log for whoever imports.
    pub actor: Token,
    /// How they came.
    pub via: Via,
    /// Their account on the machine, where they used the command line.
    pub os_user: Option<String>,
    /// Whose relationships they are.
    pub source: SourceName,
    /// Digest of the file.
    pub sha256: Digest,
    /// Relationships that stay as they are.
    pub unchanged: u64,
    /// Walls and conflicts that the source no longer gives, and that stay.
    pub kept: u64,
    /// The size of the log before.
    pub from: EntryIndex,
}

/// What an import changes for one person.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct TurnoverRow {
    /// Whose.
    pub person: UserName,
    /// Relationships that are new.
    pub added: Vec<Relationship>,
    /// Those that the source no longer gives.
    pub removed: Vec<Relationship>,
    /// Walls and conflicts that it gives again: from now on this import is what gave them.
    pub renewed: Vec<Relationship>,
}

impl TurnoverRow {
    /// Whether the person's relationships become others.
    pub fn changes_any(&self) -> bool {
        !self.added.is_empty() || !self.removed.is_empty()
    }
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

impl EmergencyRow {
    /// Whether somebody has judged it for good.
    pub fn is_settled(&self) -> bool {
        self.review.as_ref().is_some_and(|review| review.outcome.settles())
    }
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

impl Row for ImportRow {
    const TREE: &'static str = "imports";
    const DURABLE: bool = true;
    type Key = RequestId;
    fn key(&self) -> RequestId {
        self.id
    }
}

impl Row for TurnoverRow {
    const TREE: &'static str = "turnovers";
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
