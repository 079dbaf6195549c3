//! Holds: what must be neither deleted nor erased.

use crate::audit::{Actor, AppendError, What};
use crate::domain::change::{Proposal, Target};
use crate::domain::ids::{EntryIndex, RequestId};
use crate::domain::payload::{Token, TokenKind};
use crate::domain::principal::Principal;
use crate::domain::reason::Reason;
use crate::policy::Action;
use crate::store::{ChangeRow, DocumentRow, HoldRow, KeyScope};

use super::{Changer, GovernError, Governor};

/// Entries read from the log at a time.
const ENTRIES_AT_A_TIME: usize = 1_024;

impl Governor {
    /// Places a hold on a document, on all that belongs to a matter or patient, or on all that a
    /// person took in, asked and was told: now and later.
    ///
    /// # Errors
    /// [`GovernError`]; a document must be kept to be held, a matter or patient need not be known.
    pub fn hold(
        &self,
        who: &Principal,
        actor: &Actor,
        target: Target,
        reason: Reason,
    ) -> Result<HoldRow, GovernError> {
        self.decide(Changer::Person(who), Action::ManageHolds)?;
        let target = checked(target)?;
        self.check_reach(Changer::Person(who), &target)?;
        let _turn = self.turn.take();
        let subject = match &target {
            Target::Document(id) => {
                let known = self.vault.known(TokenKind::Document, &id.to_string());
                known.ok_or(GovernError::NotFound { what: "document" })?
            }
            Target::Matter(name) => self.vault.subject(TokenKind::Matter, name)?,
            Target::Patient(name) => self.vault.subject(TokenKind::Patient, name)?,
            Target::Person(name) => {
                let known = self.accounts.list()?.iter().any(|row| row.name == *name);
                known.then_some(()).ok_or(GovernError::NotFound { what: "account" })?;
                self.vault.token(TokenKind::Person, name.as_str())
            }
        };
        let id = self.request();
        let row = HoldRow {
            id,
            target,
            subject,
            reason,
            placed_by: who.name.clone(),
            placed: self.clock.now(),
        };
        let payload = self.seal_for(&row.subject, row.target.kind(), &row)?;
        // First the row: a hold that keeps too much is better than one that is only on record.
        self.state.holds().put(&row)?;
        let what = What::HoldPlaced {
            scope: row.target.kind(),
            subject: row.subject.clone(),
            payload: Some(payload),
        };
        if let Err(error) = self.record_as(actor, id, what) {
            // A slow log may have taken it, or yet take it: then the hold stands.
            if !matches!(error, AppendError::Busy | AppendError::NotDurable { .. }) {
                self.state.holds().delete(&id)?;
            }
            return Err(error.into());
        }
        Ok(row)
    }

    /// Every hold, oldest first; to a person, not those on what a wall keeps from them.
    ///
    /// # Errors
    /// [`GovernError::Denied`] where a person may not manage holds.
    pub fn holds(&self, changer: Changer<'_>) -> Result<Vec<HoldRow>, GovernError> {
        self.decide(changer, Action::ManageHolds)?;
        let mut holds = self.state.holds().list()?;
        holds.retain(|hold| self.check_reach(changer, &hold.target).is_ok());
        Ok(holds)
    }

    /// The proposal to end a hold.
    ///
    /// # Errors
    /// [`GovernError::NotFound`].
    pub fn release(&self, who: &Principal, hold: RequestId) -> Result<Proposal, GovernError> {
        // Decided first: whoever may not, does not learn which holds there are.
        self.decide(Changer::Person(who), Action::ManageHolds)?;
        let row = self.state.holds().get(&hold)?;
        let row = row.ok_or(GovernError::NotFound { what: "hold" })?;
        self.check_reach(Changer::Person(who), &row.target)
            .map_err(|_| GovernError::NotFound { what: "hold" })?;
        Ok(Proposal::ReleaseHold { hold, target: row.target })
    }

    /// Ends a hold that two persons agreed to end.
    pub(super) fn end_hold(&self, row: &ChangeRow, hold: RequestId) -> Result<(), GovernError> {
        if self.state.holds().get(&hold)?.is_some() {
            if !self.has_said(row, "hold.released")? {
                let subject = row.subject.clone();
                self.record_in(row, What::HoldReleased { hold, subject })?;
            }
            self.state.holds().delete(&hold)?;
        }
        Ok(())
    }

    /// Whether a hold keeps what belongs to one of these.
    pub(super) fn check_holds(&self, scope: &KeyScope) -> Result<(), GovernError> {
        for hold in self.state.holds().list()? {
            if scope.keys().any(|key| key == key_of(&hold)) {
                return Err(GovernError::Held { hold: hold.id });
            }
        }
        Ok(())
    }

    /// Whether a hold keeps a document: its own, its matter's or patient's, or that of whoever took
    /// it in.
    pub(super) fn check_holds_on(&self, row: &DocumentRow) -> Result<(), GovernError> {
        self.check_holds(&row.scope())?;
        let holds = self.state.holds().list()?;
        let mut custodians =
            holds.iter().filter(|hold| matches!(hold.target, Target::Person(_))).peekable();
        if custodians.peek().is_none() {
            return Ok(());
        }
        let taken_in = self.log.read(row.entry)?;
        match custodians.find(|hold| hold.subject.as_str() == taken_in.actor_id()) {
            Some(hold) => Err(GovernError::Held { hold: hold.id }),
            None => Ok(()),
        }
    }

    /// Whether a hold keeps contents behind an entry that would be lost with one of these keys: an
    /// answer in a matter that is held may quote a patient's documents.
    pub(super) fn check_held_entries(&self, erased: &KeyScope) -> Result<(), GovernError> {
        let holds = self.state.holds().list()?;
        let mut from = EntryIndex(0);
        while !holds.is_empty() {
            let entries = self.log.entries(from, ENTRIES_AT_A_TIME)?;
            let Some(last) = entries.last() else { break };
            from = EntryIndex(last.index.0.saturating_add(1));
            for payload in entries.iter().flat_map(crate::audit::Entry::payloads) {
                let scope = KeyScope::of_payload(&payload);
                let is_lost = scope.keys().any(|key| erased.keys().any(|gone| gone == key));
                if is_lost {
                    let keeps = |hold: &&HoldRow| scope.keys().any(|key| key == key_of(hold));
                    if let Some(hold) = holds.iter().find(keeps) {
                        return Err(GovernError::Held { hold: hold.id });
                    }
                }
            }
        }
        Ok(())
    }

    /// Seals what was decided of something, as its own contents.
    pub(super) fn seal_for<T: serde::Serialize>(
        &self,
        subject: &Token,
        kind: TokenKind,
        value: &T,
    ) -> Result<crate::domain::payload::PayloadRef, GovernError> {
        let bytes = serde_json::to_vec(value).unwrap_or_default();
        Ok(self.vault.seal(&KeyScope::of(kind, subject), &bytes)?)
    }
}

/// A target as it is kept.
pub(super) fn checked(target: Target) -> Result<Target, GovernError> {
    let what = target.kind().as_str();
    target.checked().map_err(|expected| GovernError::BadName { what, expected })
}

fn key_of(hold: &HoldRow) -> String {
    let scope = KeyScope::of(hold.target.kind(), &hold.subject);
    scope.keys().next().unwrap_or_default().to_owned()
}
