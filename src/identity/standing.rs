//! How an account stands at this moment: the one way from its row to a principal.
//!
//! What relationships and emergencies give is put in here, at every request, and nowhere kept: what
//! ended is gone with the next decision, and what begins needs nobody to begin it.

use std::time::Duration;

use super::{AccountError, Accounts};
use crate::domain::clock::Timestamp;
use crate::domain::principal::{Emergency, Principal, UserName};
use crate::store::{AccountRow, StandingRow, StateError};

/// Right before what a provider said of somebody lapsed.
const MOMENT: Duration = Duration::from_millis(1);

impl Accounts {
    /// Who an account is now, whether or not it may sign in.
    ///
    /// # Errors
    /// [`StateError`].
    pub fn standing(&self, row: &AccountRow) -> Result<Principal, StateError> {
        let standing = self.0.state.standings().get(&row.name)?;
        Ok(stand(row, standing.as_ref(), self.0.clock.now()))
    }

    /// Who an account is, as its provider last said where one vouches for it: that a sign-on is due
    /// takes nothing back of what was done before.
    ///
    /// # Errors
    /// [`AccountError::Unknown`], [`AccountError::Disabled`].
    pub fn last_known(&self, name: &UserName) -> Result<Principal, AccountError> {
        let row = self.find_row(name.as_str())?;
        if row.disabled {
            return Err(AccountError::Disabled { name: row.name });
        }
        let lapsed = row.federated.as_ref().map(|federated| federated.until);
        let now = self.0.clock.now();
        let as_of = lapsed.filter(|until| *until <= now).map_or(now, |until| until.before(MOMENT));
        Ok(stand(&row, self.0.state.standings().get(name)?.as_ref(), as_of))
    }
}

/// Who an account is at a time, with these relationships and emergencies.
pub fn stand(row: &AccountRow, standing: Option<&StandingRow>, as_of: Timestamp) -> Principal {
    let mut who = row.principal(as_of);
    let Some(standing) = standing else { return who };
    for relationship in standing.relationships().filter(|one| one.holds_at(as_of)) {
        let key = relationship.kind.as_str().to_owned();
        who.attributes.entry(key).or_default().insert(relationship.object.clone());
    }
    let open = standing.emergencies.iter().filter(|one| as_of < one.until);
    let opened = open.clone().map(|one| Emergency { id: one.id, subject: one.subject.clone() });
    who.emergencies.extend(opened);
    let changes = standing.relationships().filter_map(|one| one.next_change(as_of));
    who.until = changes.chain(open.map(|one| one.until)).chain(who.until).min();
    who
}
