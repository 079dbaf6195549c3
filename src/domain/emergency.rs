//! What becomes of access in an emergency.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// What a review came to.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ReviewOutcome {
    /// There was an emergency, and what was read was needed in it.
    Justified,
    /// There was none, or more was read than it needed.
    Unjustified,
    /// Somebody looks into it further.
    FollowUp,
}

impl ReviewOutcome {
    /// Every outcome.
    pub const ALL: [Self; 3] = [Self::Justified, Self::Unjustified, Self::FollowUp];

    /// The word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Justified => "justified",
            Self::Unjustified => "unjustified",
            Self::FollowUp => "follow-up",
        }
    }

    /// Whether it ends the review: what is followed up is still to be judged.
    pub const fn settles(self) -> bool {
        match self {
            Self::Justified | Self::Unjustified => true,
            Self::FollowUp => false,
        }
    }
}

/// Text that is no outcome.
#[derive(Debug, thiserror::Error)]
#[error("{found:?} is no outcome: use justified, unjustified or follow-up")]
pub struct InvalidOutcome {
    /// What was given.
    pub found: String,
}

impl FromStr for ReviewOutcome {
    type Err = InvalidOutcome;

    fn from_str(text: &str) -> Result<Self, InvalidOutcome> {
        Self::ALL
            .into_iter()
            .find(|outcome| outcome.as_str() == text)
            .ok_or_else(|| InvalidOutcome { found: text.chars().take(80).collect() })
    }
}

impl fmt::Display for ReviewOutcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// How access in an emergency ended.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum EmergencyEnd {
    /// Somebody closed it.
    Closed,
    /// Its time was over.
    Expired,
}
