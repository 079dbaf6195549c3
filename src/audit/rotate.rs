//! One log key takes over from another: first both sign, then only the new one.
//!
//! Every later checkpoint proves all earlier entries too, so whoever has the newest verifier key
//! needs no older one; the overlap gives those who have the old one time to fetch it.

use super::event::{Event, What};
use super::keys::{self, KeyChange};
use super::log::{AppendError, Log};
use super::note::NoteVerifier;
use super::receipt::Recorded;
use super::recover::OpenError;

/// The two keys of a change.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct KeyTurn {
    /// The verifier key that signed before.
    pub old: NoteVerifier,
    /// The verifier key that takes over.
    pub new: NoteVerifier,
}

/// Why keys did not change.
#[derive(Debug, thiserror::Error)]
pub enum KeyChangeError {
    /// Operator: two keys sign already.
    #[error("two keys sign already: retire the old one first, with `affiant audit key retire`")]
    Overlap,
    /// Operator: there is nothing to retire.
    #[error("only one key signs: make its successor first, with `affiant audit key rotate`")]
    Single,
    /// The log cannot append: nothing changed.
    #[error("the audit log cannot record this, so no key was changed: {0}")]
    NotRecorded(#[from] AppendError),
    /// A key file cannot be read or written. What is on record holds; the next start puts the
    /// files right.
    #[error(transparent)]
    Files(#[from] OpenError),
}

impl Log {
    /// The keys that sign today, the newest first.
    ///
    /// # Errors
    /// [`OpenError`] names the key file that cannot be read.
    pub fn keys(&self) -> Result<Vec<NoteVerifier>, OpenError> {
        keys::signing(self.paths(), &self.checkpoint())
    }

    /// Makes a new key, which signs beside the old one from here on; `event` makes the event of
    /// what it is told.
    ///
    /// # Errors
    /// [`KeyChangeError`]. An interrupted rotation goes on with the key that it had made.
    pub fn rotate_key(
        &self,
        event: impl FnOnce(What) -> Event,
    ) -> Result<Recorded<KeyTurn>, KeyChangeError> {
        let _turn = self.key_turn();
        let signing = self.keys()?;
        let [old] = signing.as_slice() else { return Err(KeyChangeError::Overlap) };
        let next = keys::next(self.paths(), old.name(), self.entropy())?;
        let turn = KeyTurn { old: old.clone(), new: next.verifier() };
        let what = What::KeyRotated {
            old_vkey: turn.old.to_string(),
            new_vkey: turn.new.to_string(),
            possession: keys::prove_possession(old, &next),
        };
        self.turn(&event(what), KeyChange::Rotate(Box::new(next)), turn)
    }

    /// Lets only the newer of two keys sign from here on.
    ///
    /// # Errors
    /// [`KeyChangeError`].
    pub fn retire_key(
        &self,
        event: impl FnOnce(What) -> Event,
    ) -> Result<Recorded<KeyTurn>, KeyChangeError> {
        let _turn = self.key_turn();
        let signing = self.keys()?;
        let [new, old] = signing.as_slice() else { return Err(KeyChangeError::Single) };
        let turn = KeyTurn { old: old.clone(), new: new.clone() };
        let what = What::KeyRetired { vkey: turn.old.to_string(), successor: turn.new.to_string() };
        // What the journal still holds is signed by both then: the new key alone opens it.
        self.publish()?;
        self.turn(&event(what), KeyChange::Retire, turn)
    }

    fn turn(
        &self,
        event: &Event,
        change: KeyChange,
        turn: KeyTurn,
    ) -> Result<Recorded<KeyTurn>, KeyChangeError> {
        let receipt = self.append_with(event, change)?;
        self.publish()?;
        keys::settle(self.paths(), &self.keys()?)?;
        Ok(Recorded::new(turn, receipt))
    }
}
