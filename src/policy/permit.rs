//! Yes and no, as types.

use std::sync::Arc;

use super::Action;
use super::decide::within;
use crate::domain::access::{AccessClass, Labels};
use crate::domain::classes::ClassSet;
use crate::domain::clock::Timestamp;
use crate::domain::digest::Digest;
use crate::domain::principal::Principal;
use crate::domain::question::Scope;

/// A yes: this person may read these access classes, for this action and scope.
///
/// Only [`Policies::permit`](super::Policies::permit) makes one. Not `Clone`: a permit is decided
/// for one request and spent on it.
#[derive(Debug)]
pub struct Permit {
    pub(super) who: Principal,
    pub(super) action: Action,
    pub(super) scope: Scope,
    pub(super) classes: Arc<ClassSet>,
    pub(super) shows_withheld: bool,
    pub(super) policy: Digest,
    pub(super) valid_until: Option<Timestamp>,
}

impl Permit {
    /// Until when it holds: the next change of the person's relationships and emergencies, or the
    /// next minute where a policy reads the time; `None` where nothing ends it but a change.
    pub fn valid_until(&self) -> Option<Timestamp> {
        self.valid_until
    }

    /// Whether documents of this class may be read. A class that was not there to decide on may not.
    pub fn allows(&self, class: AccessClass) -> bool {
        self.classes.contains(class)
    }

    /// Every class that may be read.
    pub fn classes(&self) -> &Arc<ClassSet> {
        &self.classes
    }

    /// The policies that decided.
    pub fn policy(&self) -> Digest {
        self.policy
    }

    /// Whom it is for.
    pub fn who(&self) -> &Principal {
        &self.who
    }

    /// What it is for.
    pub fn action(&self) -> Action {
        self.action
    }

    /// The declared purpose and scope.
    pub fn scope(&self) -> &Scope {
        &self.scope
    }

    /// Whether the declared scope leaves documents with these labels.
    pub fn covers(&self, labels: &Labels) -> bool {
        within(&self.scope, labels)
    }

    /// Whether the person may learn how much was held back.
    pub fn shows_withheld(&self) -> bool {
        self.shows_withheld
    }
}

/// A yes to something that is not about one document. Only
/// [`Policies::may`](super::Policies::may) makes one.
#[derive(Debug)]
pub struct Allowed {
    pub(super) who: Principal,
    pub(super) action: Action,
    pub(super) policy: Digest,
}

impl Allowed {
    /// Whom it is for.
    pub fn who(&self) -> &Principal {
        &self.who
    }

    /// What was allowed.
    pub fn action(&self) -> Action {
        self.action
    }

    /// The policies that decided.
    pub fn policy(&self) -> Digest {
        self.policy
    }
}

/// A no. Caller's fault: asking again changes nothing.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{reason}")]
pub struct Denial {
    /// Safe to show and to log: fixed words, and the `@reason` of the policy that forbade.
    pub reason: String,
    /// The policies that decided.
    pub policy: Digest,
}
