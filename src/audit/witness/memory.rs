//! What an appliance remembers of its witnesses between starts: how far each had come, which do not
//! answer, whether one of them disagreed; and which of that is on record.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::audit::files::read_bounded;
use crate::durable::{self, Readers};

/// A policy has at most 64 witnesses.
const BYTES_MAX: u64 = 256 * 1024;

/// How a witness disagreed.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum How {
    /// It has seen a larger log under our key.
    Ahead,
    /// What it has seen is not the beginning of our log.
    Forked,
}

/// A witness disagrees with this log: nothing more may be written.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize, thiserror::Error)]
#[error("{}", self.describe())]
pub struct Disagreement {
    /// The witness, as the policy calls it.
    pub witness: String,
    /// How.
    pub how: How,
    /// Entries of the log that the witness has seen.
    pub seen: u64,
    /// Entries of this log when it said so.
    pub own: u64,
}

impl Disagreement {
    fn describe(&self) -> String {
        let Self { witness, how, seen, own } = self;
        match how {
            How::Ahead => format!(
                "the witness {witness:?} has seen {seen} entries of this log, which has {own}: \
                 this home was put back to an older state, or its key writes elsewhere too"
            ),
            How::Forked => format!(
                "the witness {witness:?} has seen another history of this log in its first {seen} \
                 entries (of {own}): this home was put back and written on, or its key writes \
                 elsewhere too"
            ),
        }
    }
}

/// Something that changed with one witness, to be recorded.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Change {
    /// The witness, as the policy calls it.
    pub witness: String,
    /// Why it makes no statement now; `None` where it cosigns again.
    pub failing: Option<String>,
}

/// A witness that disagreed and was taken out of the policy since: the operator's decision.
const DROPPED: &str = "dropped_after_disagreement";

/// What is known of one witness.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub(super) struct Known {
    /// The size it has cosigned last, 0 where that is unknown.
    pub(super) size: u64,
    /// Why it made no statement last time.
    pub(super) failing: Option<String>,
    /// The same, as far as it is on record.
    #[serde(default)]
    told: Option<String>,
}

#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub(super) struct Memory {
    /// By the name in the policy.
    pub(super) witnesses: BTreeMap<String, Known>,
    /// Stays until that witness cosigns, or is taken out of the policy.
    pub(super) disagreement: Option<Disagreement>,
    /// Witnesses that were taken out of the policy after they disagreed, which is not on record yet.
    #[serde(default)]
    dropped: BTreeSet<String>,
}

impl Memory {
    /// Forgets the witnesses that the policy does not name any more.
    pub(super) fn keep_only(&mut self, is_known: impl Fn(&str) -> bool) {
        let gone = self.disagreement.take_if(|found| !is_known(&found.witness));
        self.dropped.extend(gone.map(|gone| gone.witness));
        self.witnesses.retain(|name, _| is_known(name));
    }

    /// What has changed and is not on record.
    pub(super) fn untold(&self) -> Vec<Change> {
        let dropped = |name: &String| (name.clone(), Some(DROPPED.to_owned()));
        let changed = self.witnesses.iter().filter(|(_, known)| known.failing != known.told);
        let changed = changed.map(|(name, known)| (name.clone(), known.failing.clone()));
        let all = self.dropped.iter().map(dropped).chain(changed);
        all.map(|(witness, failing)| Change { witness, failing }).collect()
    }

    /// This is on record.
    pub(super) fn tell(&mut self, Change { witness, failing }: &Change) {
        if failing.as_deref() == Some(DROPPED) {
            self.dropped.remove(witness);
        } else if let Some(known) = self.witnesses.get_mut(witness) {
            known.told.clone_from(failing);
        }
    }
}

/// The memory and its file.
pub(super) struct Kept {
    path: PathBuf,
    stored: Memory,
    pub(super) memory: Memory,
}

impl Kept {
    pub(super) fn load(path: &Path) -> io::Result<Self> {
        let memory: Memory = match read_bounded(path, BYTES_MAX) {
            Ok(bytes) => serde_json::from_slice(&bytes).map_err(|error| {
                let problem = format!("{}: {error}", path.display());
                io::Error::new(io::ErrorKind::InvalidData, problem)
            })?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Memory::default(),
            Err(error) => return Err(error),
        };
        Ok(Self { path: path.to_owned(), stored: memory.clone(), memory })
    }

    /// Writes the memory where it changed.
    pub(super) fn store(&mut self) -> io::Result<()> {
        if self.memory != self.stored {
            let bytes = serde_json::to_vec_pretty(&self.memory).map_err(io::Error::other)?;
            durable::replace(&self.path, &bytes, Readers::Owner)?;
            self.stored = self.memory.clone();
        }
        Ok(())
    }
}
