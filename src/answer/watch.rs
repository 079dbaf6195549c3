//! Whether what was found may still be used: asked at every token, and before anything is shown.
//! It costs next to nothing until something changes.

use std::ops::ControlFlow;

use crate::domain::clock::Timestamp;
use crate::domain::digest::Digest;
use crate::domain::question::Scope;
use crate::policy::{Action, Permit};
use crate::retrieve::EvidenceSet;

use super::{Asker, Fault, Parts};

/// What decisions are made from, as it was at one moment.
#[derive(Clone, Copy, Eq, PartialEq)]
struct Version {
    policy: Digest,
    state: u64,
}

impl Version {
    /// Taken before a decision: what changes meanwhile makes it old.
    fn now(parts: &Parts) -> Self {
        Self { policy: parts.policies.digest(), state: parts.state.version() }
    }
}

/// The evidence of one question, which may be used while nothing forbids it.
pub(super) struct Watch<'a> {
    parts: &'a Parts,
    asker: &'a Asker,
    action: Action,
    scope: &'a Scope,
    evidence: &'a EvidenceSet,
    /// `None` at first: the asker was looked up before the question was read, and may be another
    /// person by now.
    decided: Option<Version>,
    /// The sessions as they were when the asker's own was last found.
    sessions: Option<u64>,
    until: Option<Timestamp>,
    /// Nothing is shown to the asker themselves: what they could see counts, also once their account
    /// is disabled.
    is_replay: bool,
    is_over: bool,
}

impl<'a> Watch<'a> {
    /// Over what this permit found.
    pub(super) fn new(
        parts: &'a Parts,
        asker: &'a Asker,
        permit: &'a Permit,
        evidence: &'a EvidenceSet,
    ) -> Self {
        let (action, scope, until) = (permit.action(), permit.scope(), permit.valid_until());
        Self {
            parts,
            asker,
            action,
            scope,
            evidence,
            decided: None,
            sessions: None,
            until,
            is_replay: false,
            is_over: false,
        }
    }

    /// For an answer that is run again for somebody else.
    pub(super) const fn of_replay(mut self) -> Self {
        self.is_replay = true;
        self
    }

    /// Goes on where all of the evidence may still be used. Once it may not, it never may again.
    ///
    /// # Errors
    /// [`Fault::Withdrawn`].
    pub(super) fn check(&mut self) -> Result<(), Fault> {
        if !self.is_over && !self.session_holds() {
            self.is_over = true;
        }
        if !self.is_over {
            let now = Version::now(self.parts);
            let is_due = self.until.is_some_and(|until| self.parts.clock.now() >= until);
            if Some(now) != self.decided || is_due {
                self.is_over = !self.decide();
                self.decided = Some(now);
            }
        }
        if self.is_over { Err(Fault::Withdrawn) } else { Ok(()) }
    }

    /// [`Self::check`], for those who can only be told to stop.
    pub(super) fn flow(&mut self) -> ControlFlow<()> {
        match self.check() {
            Ok(()) => ControlFlow::Continue(()),
            Err(_) => ControlFlow::Break(()),
        }
    }

    /// Whether the asker is still signed in; whoever asks at the machine need not be.
    fn session_holds(&mut self) -> bool {
        let Some(session) = &self.asker.session else { return true };
        let now = self.parts.state.sessions_version();
        if self.sessions != Some(now) {
            if !self.parts.accounts.holds(session).unwrap_or(false) {
                return false;
            }
            self.sessions = Some(now);
        }
        true
    }

    /// Decides anew about every passage: who the person is now, what the documents are now.
    fn decide(&mut self) -> bool {
        let Parts { accounts, policies, catalogue, .. } = self.parts;
        let name = self.asker.principal.name.as_str();
        let who = match accounts.find_row(name) {
            Ok(row) if self.is_replay || !row.disabled => accounts.standing(&row),
            Ok(_) | Err(_) => return false,
        };
        let Ok(who) = who else { return false };
        let Ok(again) = policies.afresh(&who, self.action, self.scope) else { return false };
        self.until = again.valid_until();
        self.evidence.passages().iter().all(|found| {
            let document = catalogue.document(found.passage.document);
            document.is_some_and(|document| again.permits(&document.card.labels))
        })
    }
}
