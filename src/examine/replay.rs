//! Running a past answer again, for those who may read the record.

use crate::answer::{Answerer, Replay, ReplayError};
use crate::audit::Recorded;
use crate::domain::ids::EntryIndex;
use crate::domain::payload::TokenKind;
use crate::identity::Accounts;
use crate::policy::Action;

use super::{ExamineError, Examiner, Opening, Reader};

impl Examiner {
    /// Runs the answer that entry `at` belongs to again from its record, and tells what differs.
    /// Words of people and documents are in the result only for somebody who opens them, which is
    /// on record with the reason before they are shown, as a reveal is.
    ///
    /// # Errors
    /// [`ExamineError`]: nothing is shown.
    pub fn replay(
        &self,
        answerer: &Answerer,
        accounts: &Accounts,
        reader: &Reader,
        at: EntryIndex,
        opening: Option<Opening<'_>>,
    ) -> Result<Recorded<Replay>, ExamineError> {
        self.decide(reader, Action::ReadLog)?;
        let past = answerer.on_record(at)?;
        if let Some(opening) = &opening {
            self.note_opening(opening, &reader.actor, past.terminal())?;
        }
        let contents = opening.is_some();
        let rows = accounts.list().map_err(ReplayError::from)?;
        let account = rows
            .into_iter()
            .find(|row| past.was_asked_by(&self.vault.token(TokenKind::Person, row.name.as_str())));
        // An account that was disabled since still tells what its owner could see.
        let account = account.map(|row| accounts.standing(&row)).transpose();
        let account = account.map_err(ReplayError::from)?;
        Ok(answerer.replay(&reader.actor, account, &past, contents)?)
    }
}
