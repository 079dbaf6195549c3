//! The queue of changes that need two persons.

use std::ops::ControlFlow;
use std::time::Duration;

use crate::audit::{Actor, Added, What};
use crate::domain::change::{ChangeKind, Proposal, Target};
use crate::domain::clock::Timestamp;
use crate::domain::ids::{EntryIndex, RequestId};
use crate::domain::limits::CHANGE_MS_MAX;
use crate::domain::payload::Token;
use crate::domain::principal::Principal;
use crate::domain::reason::Reason;
use crate::identity::{Confirmed, SignInError};
use crate::policy::Action;
use crate::store::{ChangeRow, ChangeState};

use super::holds::checked;
use super::relationships::check_other;
use super::{Changer, ErasureStep, GovernError, Governor};

/// Told of the steps of an erasure; where it breaks, the erasure stops and goes on at the next start.
pub type Progress<'a> = dyn FnMut(ErasureStep) -> ControlFlow<()> + 'a;

impl Governor {
    /// Puts a change into the queue, for somebody else to approve. Whoever proposes has shown who
    /// they are: one person under two names is not two.
    ///
    /// # Errors
    /// [`GovernError`]: nothing is proposed.
    pub fn propose(
        &self,
        who: &Confirmed,
        actor: &Actor,
        proposal: Proposal,
        reason: Reason,
    ) -> Result<ChangeRow, GovernError> {
        self.queue((who.principal(), true), actor, proposal, reason)
    }

    /// [`Self::propose`], where it is known whether the proposer has shown who they are.
    pub(super) fn queue(
        &self,
        (who, proven): (&Principal, bool),
        actor: &Actor,
        proposal: Proposal,
        reason: Reason,
    ) -> Result<ChangeRow, GovernError> {
        self.decide(Changer::Person(who), right_to_propose(proposal.kind()))?;
        let proposal = match proposal {
            Proposal::Erase { target } => Proposal::Erase { target: checked(target)? },
            other @ (Proposal::ReleaseHold { .. }
            | Proposal::GrantRights { .. }
            | Proposal::EnableAccount { .. }
            | Proposal::LiftWall { .. }
            | Proposal::Relabel(_)
            | Proposal::ChangePolicies(_)) => other,
        };
        if let Proposal::Erase { target } = &proposal {
            self.check_reach(Changer::Person(who), target)?;
        }
        let _turn = self.turn.take();
        self.check_lift(&who.name, &proposal)?;
        self.check_labeller(who, &proposal)?;
        let (scope, subject) = self.subject(&proposal)?;
        let allowed = self.check(&proposal, &subject);
        self.record_refusal(actor, act(proposal.kind()), (scope, &subject), allowed)?;
        self.enqueue((who, proven), actor, proposal, reason)
    }

    /// Puts what was checked into the queue; whoever calls has the turn.
    pub(super) fn enqueue(
        &self,
        (who, proven): (&Principal, bool),
        actor: &Actor,
        proposal: Proposal,
        reason: Reason,
    ) -> Result<ChangeRow, GovernError> {
        let (scope, subject) = self.subject(&proposal)?;
        let proposed = self.clock.now();
        let row = ChangeRow {
            id: self.request(),
            kind: proposal.kind(),
            scope,
            subject,
            proposal: Some(proposal),
            reason,
            proposer: who.name.clone(),
            proven,
            proposed,
            expires: proposed.after(Duration::from_millis(CHANGE_MS_MAX)),
            state: ChangeState::Proposed,
        };
        if let Some(Proposal::ChangePolicies(change)) = &row.proposal {
            self.record_as(actor, row.id, self.proposed(change)?)?;
        }
        let payload = self.seal_proposal(&row)?;
        let what = What::ChangeProposed {
            kind: row.kind,
            subject: row.subject.clone(),
            expires: row.expires,
            payload: Some(payload),
        };
        self.record_as(actor, row.id, what)?;
        self.state.changes().put(&row)?;
        Ok(row)
    }

    /// Approves a change and puts it into effect; one that is approved and was kept from taking
    /// effect goes on.
    ///
    /// # Errors
    /// [`GovernError::OwnProposal`], [`GovernError::NotOpen`], and what keeps the change from taking
    /// effect; [`GovernError::Departed`] where whoever proposed it may do so no more, which ends it. After [`GovernError::Interrupted`] it is approved and goes on at the next start.
    pub fn approve(
        &self,
        who: &Confirmed,
        actor: &Actor,
        id: RequestId,
        progress: &mut Progress<'_>,
    ) -> Result<ChangeRow, GovernError> {
        let row = self.approve_in_turn(who, actor, id, progress)?;
        // In effect: what waits for a batch to end must not keep others from deciding.
        self.place_relabelled(&row)?;
        Ok(row)
    }

    fn approve_in_turn(
        &self,
        who: &Confirmed,
        actor: &Actor,
        id: RequestId,
        progress: &mut Progress<'_>,
    ) -> Result<ChangeRow, GovernError> {
        let by = who.principal().name.clone();
        self.decide(Changer::Person(who.principal()), Action::Approve)?;
        let _turn = self.turn.take();
        let row = self.change(id)?;
        if let Some(Proposal::LiftWall { person, .. }) = &row.proposal {
            check_other(&by, person)?;
        }
        let row = self.within_sight(who.principal(), row)?;
        if matches!(row.state, ChangeState::Approved { .. }) {
            return self.apply(row, progress);
        }
        let row = proposed(row)?;
        if row.proposer == by {
            return Err(GovernError::OwnProposal { who: by.to_string() });
        }
        self.check_proposer(&row)?;
        if row.proposal.is_none() && row.kind != ChangeKind::Erase {
            return Err(GovernError::NotOpen { state: "about what was erased since" });
        }
        if let Some(proposal) = &row.proposal {
            self.check_lift(&by, proposal)?;
            self.check_labeller(who.principal(), proposal)?;
            let allowed = self.check(proposal, &row.subject);
            let subject = (row.scope, &row.subject);
            let allowed = self.record_refusal(actor, act(row.kind), subject, allowed);
            allowed.or_else(|error| self.close_outdated(&row, error))?;
        }
        let from = EntryIndex(self.log.size());
        let row = ChangeRow { state: ChangeState::Approving { by: by.clone(), from }, ..row };
        self.state.changes().put(&row)?;
        let (kind, subject) = (row.kind, row.subject.clone());
        self.record_as(actor, id, What::ChangeApproved { kind, subject })?;
        let row = ChangeRow { state: ChangeState::Approved { by, from }, ..row };
        self.state.changes().put(&row)?;
        self.apply(row, progress)
    }

    /// Rejects a change with a `proof` of who does it, or withdraws one's own, which takes none.
    ///
    /// # Errors
    /// [`GovernError::NotOpen`]; [`GovernError::Denied`] where it is neither one's own nor one may
    /// approve; [`GovernError::SignIn`] for another's where the proof is none.
    pub fn reject(
        &self,
        who: &Principal,
        proof: Result<Confirmed, SignInError>,
        actor: &Actor,
        id: RequestId,
    ) -> Result<ChangeRow, GovernError> {
        let _turn = self.turn.take();
        let row = self.change(id)?;
        if row.proposer == who.name {
            // Withdrawing takes the right to propose: a limited token may lack it.
            self.decide(Changer::Person(who), right_to_propose(row.kind))?;
        } else {
            self.decide(Changer::Person(who), Action::Approve)?;
            let proven = proof.map_err(GovernError::SignIn)?;
            self.decide(Changer::Person(proven.principal()), Action::Approve)?;
        }
        let row = proposed(self.within_sight(who, row)?)?;
        let (kind, subject) = (row.kind, row.subject.clone());
        self.record_as(actor, id, What::ChangeRejected { kind, subject, reason: Added(None) })?;
        if let Some(what) = policies_rejected(&row, "person") {
            self.record_as(actor, id, what)?;
        }
        let state = ChangeState::Rejected { by: Some(who.name.clone()) };
        let row = ChangeRow { state, ..row };
        self.state.changes().put(&row)?;
        Ok(row)
    }

    /// Finishes what was approved before a crash, as far as it can be without the indexes where
    /// they are not open. Start-up calls it, and again once they are.
    ///
    /// # Errors
    /// [`GovernError`] where the log or the state fail; safe to repeat. A change that cannot be
    /// finished is traced, and tried again at the next start.
    pub fn resume(&self) -> Result<(), GovernError> {
        let _turn = self.turn.take();
        match self.finish_import() {
            Err(error @ (GovernError::NotRecorded(_) | GovernError::CutOff(_))) => {
                return Err(error);
            }
            Err(error) => tracing::error!(%error, "an import of relationships waits"),
            Ok(()) => {}
        }
        for row in self.state.changes().list()? {
            let row = self.settle(row)?;
            if !matches!(row.state, ChangeState::Approved { .. }) {
                continue;
            }
            let id = row.id;
            let applied = self.apply(row, &mut |_| ControlFlow::Continue(()));
            match applied.and_then(|row| self.place_relabelled(&row)) {
                Err(error @ GovernError::NotRecorded(_)) => return Err(error),
                // One change that cannot be finished must not keep the appliance from starting.
                Err(GovernError::Account(_)) => {
                    // The error itself names somebody.
                    tracing::error!(change.id = %id, "a change waits for an account to be enabled");
                }
                Err(error) if error.is_outdated() => {
                    tracing::warn!(change.id = %id, %error, "an approved change came too late");
                }
                Err(error) => {
                    tracing::error!(change.id = %id, %error, "an approved change waits");
                }
                Ok(()) => {}
            }
        }
        self.expire()
    }

    /// A crash fell beside the entry of an approval: the log says on which side.
    fn settle(&self, row: ChangeRow) -> Result<ChangeRow, GovernError> {
        let ChangeState::Approving { by, from } = row.state.clone() else { return Ok(row) };
        let state = match self.has_said(&row, "change.approved")? {
            true => ChangeState::Approved { by, from },
            false => ChangeState::Proposed,
        };
        let row = ChangeRow { state, ..row };
        self.state.changes().put(&row)?;
        Ok(row)
    }

    /// Puts an approved change into effect: the one way, also after a crash. What was done before is
    /// not done twice.
    fn apply(&self, row: ChangeRow, progress: &mut Progress<'_>) -> Result<ChangeRow, GovernError> {
        let ChangeState::Approved { by, .. } = row.state.clone() else { return Ok(row) };
        match (row.kind, row.proposal.clone()) {
            (ChangeKind::ReleaseHold, Some(Proposal::ReleaseHold { hold, .. })) => {
                self.end_hold(&row, hold)?;
            }
            (ChangeKind::GrantRights, Some(Proposal::GrantRights { account, rights })) => {
                self.grant(&row, &account, &rights)?;
            }
            (ChangeKind::EnableAccount, Some(Proposal::EnableAccount { account })) => {
                self.enable(&row, &account)?;
            }
            (ChangeKind::Erase, proposal) => {
                let target = match proposal {
                    Some(Proposal::Erase { target }) => Some(target),
                    Some(
                        Proposal::ReleaseHold { .. }
                        | Proposal::GrantRights { .. }
                        | Proposal::EnableAccount { .. }
                        | Proposal::LiftWall { .. }
                        | Proposal::Relabel(_)
                        | Proposal::ChangePolicies(_),
                    )
                    | None => None,
                };
                if !self.erase(&row, target.as_ref(), progress)? {
                    return Ok(row); // Until the indexes are open.
                }
            }
            (ChangeKind::ChangePolicies, Some(Proposal::ChangePolicies(change))) => {
                let active = self.activate(&row, &change);
                active.or_else(|error| self.close_outdated(&row, error))?;
            }
            (ChangeKind::LiftWall, Some(Proposal::LiftWall { person, walls, .. })) => {
                self.lift_walls(&row, &person, &walls)?;
            }
            (ChangeKind::Relabel, Some(Proposal::Relabel(other))) => {
                let done = self.relabel(&row, &other);
                if !done.or_else(|error| self.close_outdated(&row, error).map(|()| false))? {
                    return Ok(row); // Until the indexes are open.
                }
            }
            (
                ChangeKind::ReleaseHold
                | ChangeKind::GrantRights
                | ChangeKind::EnableAccount
                | ChangeKind::LiftWall
                | ChangeKind::Relabel
                | ChangeKind::ChangePolicies,
                _,
            ) => {
                return Err(GovernError::NotFound { what: "proposal" });
            }
        }
        if !self.has_said(&row, "change.applied")? {
            let (kind, subject) = (row.kind, row.subject.clone());
            self.record_in(&row, What::ChangeApplied { kind, subject })?;
        }
        // An erasure has changed the row on its way.
        let row = self.state.changes().get(&row.id)?.unwrap_or(row);
        let row = ChangeRow { state: ChangeState::Applied { by }, ..row };
        self.state.changes().put(&row)?;
        Ok(row)
    }

    /// Whether a change may be proposed, and still may be approved.
    fn check(&self, proposal: &Proposal, subject: &Token) -> Result<(), GovernError> {
        match proposal {
            Proposal::Erase { target } => {
                if let Target::Person(name) = target {
                    self.accounts.check_closed(name)?;
                }
                self.check_erasure(target.kind(), subject)
            }
            Proposal::ReleaseHold { hold, .. } => {
                let there = self.state.holds().get(hold)?;
                there.map(drop).ok_or(GovernError::NotFound { what: "hold" })
            }
            Proposal::GrantRights { account, rights } => self.check_grant(account, rights),
            Proposal::EnableAccount { account } => {
                Ok(self.accounts.check_disabled(account.as_str())?)
            }
            Proposal::ChangePolicies(change) => self.check_policies(change),
            Proposal::Relabel(other) => self.to_relabel(other).map(drop),
            // Who lifts it counts too, see [`Self::check_lift`].
            Proposal::LiftWall { .. } => Ok(()),
        }
    }

    /// A change as it stands now.
    fn change(&self, id: RequestId) -> Result<ChangeRow, GovernError> {
        self.expire()?;
        let row = self.state.changes().get(&id)?;
        // The log may have refused, or answered late, what would have approved it.
        self.settle(row.ok_or(GovernError::NotFound { what: "change" })?)
    }

    /// Notes the changes that nobody approved in time.
    pub(super) fn expire(&self) -> Result<(), GovernError> {
        let now = self.clock.now();
        for row in self.state.changes().list()? {
            if is_overdue(&row, now) {
                let (kind, subject) = (row.kind, row.subject.clone());
                self.record_in(&row, What::ChangeExpired { kind, subject })?;
                if let Some(what) = policies_rejected(&row, "expired") {
                    self.record_in(&row, what)?;
                }
                self.state.changes().put(&ChangeRow { state: ChangeState::Expired, ..row })?;
            }
        }
        Ok(())
    }
}

pub(super) fn policies_rejected(row: &ChangeRow, reason: &str) -> Option<What> {
    match &row.proposal {
        Some(Proposal::ChangePolicies(change)) => Some(What::PolicyRejected {
            sha256: Some(change.sha256),
            reason: reason.to_owned(),
            problems: 0,
        }),
        Some(
            Proposal::Erase { .. }
            | Proposal::ReleaseHold { .. }
            | Proposal::GrantRights { .. }
            | Proposal::EnableAccount { .. }
            | Proposal::LiftWall { .. }
            | Proposal::Relabel(_),
        )
        | None => None,
    }
}

/// What `erasure.refused` calls it where a hold or the retention plan keeps what a change is about.
const fn act(kind: ChangeKind) -> &'static str {
    match kind {
        ChangeKind::Relabel => "label",
        ChangeKind::Erase
        | ChangeKind::ReleaseHold
        | ChangeKind::GrantRights
        | ChangeKind::EnableAccount
        | ChangeKind::ChangePolicies
        | ChangeKind::LiftWall => "erase",
    }
}

/// The change, where it can still be decided.
fn proposed(row: ChangeRow) -> Result<ChangeRow, GovernError> {
    match row.state == ChangeState::Proposed {
        true => Ok(row),
        false => Err(GovernError::NotOpen { state: row.state.as_str() }),
    }
}

pub(super) fn is_overdue(row: &ChangeRow, now: Timestamp) -> bool {
    row.state == ChangeState::Proposed && row.expires <= now
}

pub(super) const fn right_to_propose(kind: ChangeKind) -> Action {
    match kind {
        ChangeKind::Erase => Action::Erase,
        ChangeKind::ReleaseHold => Action::ManageHolds,
        ChangeKind::GrantRights | ChangeKind::EnableAccount => Action::ManageAccounts,
        ChangeKind::ChangePolicies => Action::ProposePolicies,
        ChangeKind::LiftWall => Action::ManageRelationships,
        ChangeKind::Relabel => Action::LabelDocuments,
    }
}
