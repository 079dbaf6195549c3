//! Running a past answer again, for those who may read the record.

use crate::answer::{Answerer, Replay, ReplayError};
use crate::audit::Recorded;
use crate::domain::ids::EntryIndex;
use crate::domain::payload::TokenKind;
use crate::domain::principal::Principal;
use crate::identity::Accounts;
use crate::policy::Action;

use super::{ExamineError, Examiner, Reader};

impl Examiner {
    /// Runs the answer that entry `at` belongs to again from its record, and tells what differs.
    /// Words of people and documents are in the result only for a person who may reveal them.
    ///
    /// # Errors
    /// [`ExamineError`]: nothing is shown.
    pub fn replay(
        &self,
        answerer: &Answerer,
        accounts: &Accounts,
        reader: &Reader,
        at: EntryIndex,
    ) -> Result<Recorded<Replay>, ExamineError> {
        self.decide(reader, Action::ReadLog)?;
        let may_reveal = |person: &Principal| self.policies.may(person, Action::Reveal).is_ok();
        let contents = reader.person.as_ref().is_some_and(may_reveal);
        let past = answerer.on_record(at)?;
        let rows = accounts.list().map_err(ReplayError::from)?;
        let account = rows
            .into_iter()
            .find(|row| past.was_asked_by(&self.vault.token(TokenKind::Person, row.name.as_str())));
        // An account that was disabled since still tells what its owner could see.
        let account = account.map(|row| accounts.standing(row)).transpose();
        let account = account.map_err(ReplayError::from)?;
        Ok(answerer.replay(&reader.actor, account, &past, contents)?)
    }
}
