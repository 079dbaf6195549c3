//! Rows of the two-person queue and of holds. They are the only place that says what a proposal
//! names in clear, sealed like every row.

use serde::{Deserialize, Serialize};

use super::table::Row;
use crate::domain::change::{ChangeKind, Proposal, Target};
use crate::domain::clock::Timestamp;
use crate::domain::ids::{EntryIndex, RequestId};
use crate::domain::payload::{Token, TokenKind};
use crate::domain::principal::UserName;
use crate::domain::reason::Reason;

/// How far a change is.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase", tag = "state")]
pub enum ChangeState {
    /// It waits for a second person.
    Proposed,
    /// A second person approves it: whether they did, the log says from this entry on.
    Approving {
        /// Who.
        by: UserName,
        /// The size of the log before.
        from: EntryIndex,
    },
    /// It is approved, and comes into effect, after a crash too.
    Approved {
        /// By whom.
        by: UserName,
        /// The size of the log before.
        from: EntryIndex,
    },
    /// It is in effect.
    Applied {
        /// By whom it was approved.
        by: UserName,
    },
    /// Somebody said no.
    Rejected {
        /// Who; nobody where what it rests on is no more, so that nobody could approve it.
        by: Option<UserName>,
    },
    /// Nobody said yes in time.
    Expired,
}

impl ChangeState {
    /// Who decided, where somebody did.
    pub fn by_mut(&mut self) -> Option<&mut UserName> {
        match self {
            Self::Proposed | Self::Expired => None,
            Self::Approving { by, .. } | Self::Approved { by, .. } | Self::Applied { by } => {
                Some(by)
            }
            Self::Rejected { by } => by.as_mut(),
        }
    }

    /// The word for it.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Proposed => "proposed",
            Self::Approving { .. } => "approving",
            Self::Approved { .. } => "approved",
            Self::Applied { .. } => "applied",
            Self::Rejected { .. } => "rejected",
            Self::Expired => "expired",
        }
    }
}

/// A change that needs two persons.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct ChangeRow {
    /// Its id: the request of all its entries.
    pub id: RequestId,
    /// What kind of change.
    pub kind: ChangeKind,
    /// What kind of thing it is about.
    pub scope: TokenKind,
    /// What stands for that in the log.
    pub subject: Token,
    /// What it would do; `None` once an erasure is done, which forgets what it named.
    pub proposal: Option<Proposal>,
    /// Why.
    pub reason: Reason,
    /// Who proposed it.
    pub proposer: UserName,
    /// Whether they have shown who they are; else the machine's operator proposed in their name.
    #[serde(default)]
    pub proven: bool,
    /// When.
    pub proposed: Timestamp,
    /// Until when it may be approved.
    pub expires: Timestamp,
    /// How far it is.
    #[serde(flatten)]
    pub state: ChangeState,
}

/// A hold: what it keeps is neither deleted nor erased.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct HoldRow {
    /// Its id: the request of its entry.
    pub id: RequestId,
    /// What it keeps.
    pub target: Target,
    /// What stands for that in the log.
    pub subject: Token,
    /// Why.
    pub reason: Reason,
    /// Who placed it.
    pub placed_by: UserName,
    /// When.
    pub placed: Timestamp,
}

impl Row for ChangeRow {
    const TREE: &'static str = "changes";
    const DURABLE: bool = true;
    type Key = RequestId;
    fn key(&self) -> RequestId {
        self.id
    }
}

impl Row for HoldRow {
    const TREE: &'static str = "holds";
    const DURABLE: bool = true;
    type Key = RequestId;
    fn key(&self) -> RequestId {
        self.id
    }
}
