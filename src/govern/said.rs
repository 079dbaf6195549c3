//! What the log says of a change or an import: after a crash it decides what was done.

use super::{GovernError, Governor};
use crate::audit::Entry;
use crate::domain::ids::{EntryIndex, RequestId};
use crate::store::{ChangeRow, ChangeState};

/// Entries read from the log at a time.
const ENTRIES_AT_A_TIME: usize = 512;

impl Governor {
    /// Whether the log has an entry of this type for a change, since it was being approved.
    pub(super) fn has_said(&self, row: &ChangeRow, kind: &str) -> Result<bool, GovernError> {
        let mut said = false;
        self.each_entry(row, |entry| said |= entry.kind() == kind)?;
        Ok(said)
    }

    /// Every entry of a change since it was being approved.
    pub(super) fn each_entry(
        &self,
        row: &ChangeRow,
        take: impl FnMut(&Entry),
    ) -> Result<(), GovernError> {
        match row.state {
            ChangeState::Approving { from, .. } | ChangeState::Approved { from, .. } => {
                self.each_entry_since(from, row.id, take)
            }
            ChangeState::Proposed
            | ChangeState::Applied { .. }
            | ChangeState::Rejected { .. }
            | ChangeState::Expired => Ok(()),
        }
    }

    /// Every entry of a request from this one on.
    pub(super) fn each_entry_since(
        &self,
        mut from: EntryIndex,
        req: RequestId,
        mut take: impl FnMut(&Entry),
    ) -> Result<(), GovernError> {
        loop {
            let entries = self.log.entries(from, ENTRIES_AT_A_TIME)?;
            let Some(last) = entries.last() else { return Ok(()) };
            from = EntryIndex(last.index.0.saturating_add(1));
            entries.iter().filter(|entry| entry.req() == Some(req)).for_each(&mut take);
        }
    }
}
