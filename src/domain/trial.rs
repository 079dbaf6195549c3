//! What proposed policies would change, in numbers.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::digest::Digest;
use super::payload::{PayloadRef, Token};
use super::principal::UserName;

/// Policies that would come into force in place of others.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct PolicyChange {
    /// The proposed set.
    pub sha256: Digest,
    /// The set in force when it was proposed.
    pub replaces: Digest,
    /// The number of the earlier version that it goes back to, where it does.
    pub version: Option<u32>,
    /// Every file of it.
    pub contents: PayloadRef,
    /// Examples beside it, each decided as written.
    pub examples: u32,
    /// What past questions would show under it.
    pub trial: Trial,
}

/// How past questions fare under other policies: documents among what each showed.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct Trial {
    /// Questions that were run again.
    pub queries: u32,
    /// Questions that were not, as their words were erased.
    pub erased: u32,
    /// Questions that were not, as nobody has the account that asked them any more.
    pub orphaned: u32,
    /// Questions that would show something else.
    pub changed: u32,
    /// Documents that questions would newly show.
    pub seen: u32,
    /// Documents that questions would show no more.
    pub hidden: u32,
    /// How many of those seen could not be seen at all before; the others rank higher now.
    #[serde(default)]
    pub opened: u32,
    /// How many of those hidden may not be seen at all any more; the others rank lower now.
    #[serde(default)]
    pub closed: u32,
    /// The same for each person.
    pub persons: BTreeMap<UserName, Shift>,
    /// The same for each matter that such documents belong to, as the log names it.
    pub matters: BTreeMap<Token, Shift>,
}

/// Documents that come into sight, and out of it; each counts once for each question.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct Shift {
    /// Newly shown.
    pub seen: u32,
    /// Shown no more.
    pub hidden: u32,
}

impl Shift {
    /// Counts one document.
    pub fn count(&mut self, is_seen: bool) {
        let side = if is_seen { &mut self.seen } else { &mut self.hidden };
        *side = side.saturating_add(1);
    }
}
