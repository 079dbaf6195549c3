//! Which keys a log says that it had, and which log it goes on from: what its own entries must agree
//! on. That the keys signed is for the checkpoint to show.

use super::epoch::{CONTINUED, FROZEN};
use super::folder::Folder;
use super::note::NoteVerifier;
use super::schema::{Checked, Fact, check};
use super::tile::{Part, PartKind, TILE_WIDTH};
use super::tlog_policy::TlogPolicy;

/// Stands in every entry that puts a new key beside the one before.
const ROTATED: &[u8] = b"\"key.rotated\"";

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

/// The policy with the keys that its logs signed with earlier, as the log's own entries tell: the
/// key that took over has signed both names, so a key that is trusted vouches for the one before
/// it. Only checkpoints that must be the beginning of today's log are held to it: whatever it
/// accepts too much, it can only find more.
pub(super) fn with_earlier_keys(folder: &Folder, size: u64, trust: &TlogPolicy) -> TlogPolicy {
    let mut rotations = Vec::new();
    for number in 0..size.div_ceil(TILE_WIDTH) {
        let width = (size - number * TILE_WIDTH).min(TILE_WIDTH) as u16;
        let part = Part { kind: PartKind::Entries, number, width };
        // A bundle that cannot be read is for the walk to report.
        let found = folder.with_entries(part, |entries| {
            entries.iter().filter_map(|entry| rotation(entry)).collect::<Vec<_>>()
        });
        rotations.extend(found.unwrap_or_default());
    }
    let mut trust = trust.clone();
    for (old, new) in rotations.into_iter().rev() {
        let is_trusted = trust.logs().iter().any(|log| log.verifier == new);
        if is_trusted && old.name() == new.name() {
            trust.trusts_too(old);
        }
    }
    trust
}

/// The key before and the one that took over, where the entry proves it.
fn rotation(entry: &[u8]) -> Option<(NoteVerifier, NoteVerifier)> {
    entry.windows(ROTATED.len()).any(|window| window == ROTATED).then_some(())?;
    let Fact::Rotated { old, new, proved: true } = check(entry).ok()?.fact else { return None };
    Some((old.parse().ok()?, new.parse().ok()?))
}
