//! The queue of changes as people see it, and who stands behind what is in it.

use super::changes::{is_overdue, policies_rejected, right_to_propose};
use super::{Changer, GovernError, Governor};
use crate::audit::{Added, What};
use crate::domain::ids::RequestId;
use crate::domain::principal::{Principal, UserName};
use crate::identity::AccountError;
use crate::policy::Action;
use crate::store::{ChangeRow, ChangeState};

/// The queue as somebody may see it.
#[derive(Clone, Debug)]
pub struct Listed {
    /// The changes, oldest first.
    pub changes: Vec<SeenChange>,
}

/// A change as somebody may see it.
#[derive(Clone, Debug)]
pub struct SeenChange {
    /// The change.
    pub row: ChangeRow,
    /// Whether this person may learn what it names, and why.
    pub shows_contents: bool,
}

impl Listed {
    /// One change of them.
    ///
    /// # Errors
    /// [`GovernError::NotFound`].
    pub fn find(self, id: RequestId) -> Result<SeenChange, GovernError> {
        let found = self.changes.into_iter().find(|seen| seen.row.id == id);
        found.ok_or(GovernError::NotFound { what: "change" })
    }
}

impl Governor {
    /// The queue, decided changes too, oldest first. The operator sees what there is; who may
    /// approve changes, or propose changes of that kind, sees what they name; nobody sees those that
    /// name what a wall keeps from them.
    ///
    /// # Errors
    /// [`GovernError::Denied`].
    pub fn changes(&self, changer: Changer<'_>) -> Result<Listed, GovernError> {
        let may = |right: Action| self.decide(changer, right).is_ok();
        if let Changer::Person(_) = changer {
            let rights =
                [Action::Approve, Action::Erase, Action::ManageHolds, Action::ProposePolicies];
            if !rights.into_iter().any(may) {
                self.decide(changer, Action::Approve)?;
            }
        }
        let mut changes = self.state.changes().list()?;
        let now = self.clock.now();
        if changes.iter().any(|row| is_overdue(row, now)) {
            let _turn = self.turn.take();
            self.expire()?;
            changes = self.state.changes().list()?;
        }
        let is_person = matches!(changer, Changer::Person(_));
        let approves = is_person && may(Action::Approve);
        let mut seen = Vec::with_capacity(changes.len());
        for row in changes {
            if !self.keeps_change(changer, &row)? {
                let shows_contents = approves || is_person && may(right_to_propose(row.kind));
                seen.push(SeenChange { row, shows_contents });
            }
        }
        Ok(Listed { changes: seen })
    }

    /// The changes of a person that wait for a second one.
    pub(super) fn waiting_of(&self, who: &UserName) -> Result<Vec<RequestId>, GovernError> {
        let now = self.clock.now();
        let waits = |row: &ChangeRow| row.state == ChangeState::Proposed && !is_overdue(row, now);
        let rows = self.state.changes().list()?.into_iter();
        Ok(rows.filter(|row| row.proposer == *who && waits(row)).map(|row| row.id).collect())
    }

    /// The change, where nothing that it names is kept from this person.
    pub(super) fn within_sight(
        &self,
        who: &Principal,
        row: ChangeRow,
    ) -> Result<ChangeRow, GovernError> {
        match self.keeps_change(Changer::Person(who), &row)? {
            true => Err(GovernError::NotFound { what: "change" }),
            false => Ok(row),
        }
    }

    /// Ends a change whose proposer could not propose it today: what nobody stands behind any more
    /// is not for one person to put into effect.
    pub(super) fn check_proposer(&self, row: &ChangeRow) -> Result<(), GovernError> {
        let stands = match self.accounts.last_known(&row.proposer) {
            Ok(who) => self.decide(Changer::Person(&who), right_to_propose(row.kind)).is_ok(),
            Err(AccountError::Unknown { .. } | AccountError::Disabled { .. }) => false,
            Err(error) => return Err(error.into()),
        };
        if stands {
            return Ok(());
        }
        self.close(row, "departed")?;
        Err(GovernError::Departed { who: row.proposer.to_string() })
    }

    /// Ends a change that nobody rejected and that can take effect no more, on record.
    pub(super) fn close(&self, row: &ChangeRow, why: &str) -> Result<(), GovernError> {
        if !self.has_said(row, "change.rejected")? {
            let (kind, subject) = (row.kind, row.subject.clone());
            let reason = Added(Some(why.to_owned()));
            self.record_in(row, What::ChangeRejected { kind, subject, reason })?;
        }
        if !self.has_said(row, "policy.rejected")?
            && let Some(what) = policies_rejected(row, why)
        {
            self.record_in(row, what)?;
        }
        let state = ChangeState::Rejected { by: None };
        Ok(self.state.changes().put(&ChangeRow { state, ..row.clone() })?)
    }
}
