//! The log's keys, changed by the machine's operator: each change is on record before it counts.

use crate::audit::{Actor, Event, KeyChangeError, KeyTurn, Recorded, What};
use crate::domain::ids::RequestId;

use super::Governor;

impl Governor {
    /// Makes a new log key, which signs beside the old one from here on.
    ///
    /// # Errors
    /// [`KeyChangeError`].
    pub fn rotate_log_key(&self, actor: &Actor) -> Result<Recorded<KeyTurn>, KeyChangeError> {
        self.log.rotate_key(|what| self.key_event(actor, what))
    }

    /// Lets only the new log key sign from here on.
    ///
    /// # Errors
    /// [`KeyChangeError`].
    pub fn retire_log_key(&self, actor: &Actor) -> Result<Recorded<KeyTurn>, KeyChangeError> {
        self.log.retire_key(|what| self.key_event(actor, what))
    }

    fn key_event(&self, actor: &Actor, what: What) -> Event {
        let req = RequestId::fresh(self.clock.now(), self.entropy.as_ref());
        Event { actor: actor.clone(), req, policy: Some(self.policies.digest()), what }
    }
}
