//! Whether a wall or a conflict keeps somebody away from a document, whatever they may do besides.
//!
//! Keeping documents, opening what the record commits to and listing the catalogue take no right to
//! read any one of them. But a wall beats every grant: who stands behind it does none of that with
//! what it keeps from them. A set says so by a `forbid` of its own for walls, as the starter sets do.

use std::collections::BTreeSet;

use cedar_policy::{Decision, PolicyId};

use super::decide::{Asking, Compiled};
use super::reach::Touched;
use super::{Action, Denial, Policies};
use crate::domain::access::Labels;
use crate::domain::principal::Principal;
use crate::domain::question::Scope;
use crate::domain::relationship::RelationshipKind;

/// What walls and conflicts keep from one person, by the policies of one moment.
pub struct Screen {
    standing: Option<Standing>,
    denial: Denial,
}

/// Somebody who stands behind a wall, or has a conflict.
struct Standing {
    /// As they are.
    walled: Option<Asking>,
    /// As they would be without.
    free: Option<Asking>,
    /// The labels that it can make a difference for.
    touched: Touched,
}

impl Policies {
    /// Whether any policy in force reads what such a wall gives: one that none reads keeps nobody
    /// from anything.
    pub fn heeds(&self, wall: RelationshipKind) -> bool {
        self.now().reach.reads(wall.as_str())
    }

    /// What walls and conflicts keep from this person.
    pub fn screen(&self, who: &Principal) -> Screen {
        let now = self.now();
        let denial = now.screened();
        let mut free = who.clone();
        for kind in RelationshipKind::ALL.into_iter().filter(|kind| kind.restricts()) {
            free.attributes.remove(kind.as_str());
        }
        if free.attributes == who.attributes {
            return Screen { standing: None, denial };
        }
        let scope = Scope::default();
        let standing = Standing {
            touched: now.reach.touched(&free.attributes, &who.attributes, &scope),
            walled: now.asking(who, Action::ViewPage, &scope),
            free: now.asking(&free, Action::ViewPage, &scope),
        };
        Screen { standing: Some(standing), denial }
    }
}

impl Screen {
    /// Whether no wall and no conflict stands: then nothing is kept away.
    pub const fn is_clear(&self) -> bool {
        self.standing.is_none()
    }

    /// Whether a policy forbids this person a document with these labels that would not without
    /// their walls and conflicts. What cannot be decided counts as forbidden.
    pub fn keeps_away(&self, labels: &Labels) -> bool {
        let Some(Standing { walled, free, touched }) = &self.standing else { return false };
        if !touched.holds(labels) {
            return false;
        }
        let forbidding = |asking: &Option<Asking>| forbidding(asking.as_ref()?, labels);
        match (forbidding(walled), forbidding(free)) {
            (Some(walled), Some(free)) => !walled.is_subset(&free),
            (_, _) => true,
        }
    }

    /// What a person is told who names what is kept from them.
    pub fn denial(&self) -> Denial {
        self.denial.clone()
    }
}

impl Compiled {
    fn screened(&self) -> Denial {
        let reason =
            "A wall or a conflict keeps you from what you name: somebody else must do this";
        Denial { reason: reason.to_owned(), policy: self.digest }
    }
}

/// The policies that forbid; `None` where that cannot be told.
fn forbidding(asking: &Asking, labels: &Labels) -> Option<BTreeSet<PolicyId>> {
    let response = asking.response(Some(labels))?;
    if response.diagnostics().errors().next().is_some() {
        return None;
    }
    // Of a no these are the policies that forbid: none is among them that permits.
    let deciding = response.diagnostics().reason().cloned();
    Some(if response.decision() == Decision::Deny { deciding.collect() } else { BTreeSet::new() })
}
