//! How an account stands at this moment: the one way from its row to a principal.

use super::Accounts;
use crate::domain::principal::Principal;
use crate::store::{AccountRow, StateError};

impl Accounts {
    /// Who an account is now.
    ///
    /// # Errors
    /// [`StateError`].
    pub(super) fn standing(&self, row: &AccountRow) -> Result<Principal, StateError> {
        Ok(row.principal(self.0.clock.now()))
    }
}
