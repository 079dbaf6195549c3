//! Which keys a log says that it had, and which log it goes on from: what its own entries must agree
//! on. That the keys signed is for the checkpoint to show.

use super::epoch::{CONTINUED, FROZEN};
use super::note::NoteVerifier;
use super::schema::{Checked, Fact};

/// Follows the changes of keys and of logs from the first entry to the last.
#[derive(Default)]
pub(super) struct Lineage {
    /// The verifier keys that sign, the newest first; unknown before the first change.
    signing: Option<Vec<String>>,
    inherits: bool,
    frozen: bool,
}

impl Lineage {
    /// Whether the log goes on from another, so that documents and policies may come from there.
    pub(super) const fn inherits(&self) -> bool {
        self.inherits
    }

    /// Whether one of these keys is among those that sign at the end.
    pub(super) fn signs_with(&self, keys: &[NoteVerifier]) -> bool {
        let is_among =
            |signing: &Vec<String>| keys.iter().any(|key| signing.contains(&key.to_string()));
        self.signing.as_ref().is_none_or(is_among)
    }

    /// The next entry; a kind of problem and the end of a sentence, where it does not follow.
    pub(super) fn follow(
        &mut self,
        index: u64,
        entry: &Checked,
    ) -> Option<(&'static str, &'static str)> {
        if self.frozen {
            return Some(("after_freeze", "follows log.frozen, which ends a log"));
        }
        self.frozen = entry.kind == FROZEN;
        if entry.kind == CONTINUED {
            self.inherits = index == 0;
            if index != 0 {
                return Some(("log_continued", "is log.continued, and not the first entry"));
            }
        }
        match &entry.fact {
            Fact::Rotated { old, new, proved } => {
                let alone = self.signing.as_ref().is_none_or(|keys| *keys == [old.clone()]);
                self.signing = Some(vec![new.clone(), old.clone()]);
                if !alone {
                    return Some(("key_chain", "rotates from a key that did not sign alone"));
                }
                let unproved = ("key_possession", "has no signature of its new key over both");
                (!proved).then_some(unproved)
            }
            Fact::Retired { old, new } => {
                let both = self.signing.as_ref().is_some_and(|k| *k == [new.clone(), old.clone()]);
                self.signing = Some(vec![new.clone()]);
                let unpaired = ("key_chain", "retires a key that no rotation replaced");
                (!both).then_some(unpaired)
            }
            Fact::Plain
            | Fact::InForce(_)
            | Fact::Activated(_)
            | Fact::Deleted(_)
            | Fact::Retrieved(_)
            | Fact::Cited(_)
            | Fact::Held(_)
            | Fact::HoldReleased(_)
            | Fact::Erased(_) => None,
        }
    }
}
