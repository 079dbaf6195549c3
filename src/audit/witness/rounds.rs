//! The rounds that a log makes to its witnesses, and what it holds from them.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;

use serde::Serialize;

use super::memory::{Change, Disagreement, How, Kept};
use super::submit::{Answer, PostReply, Refused, submit};
use crate::audit::checkpoint::{CHECKPOINT_BYTES_MAX, Checkpoint};
use crate::audit::files::{LogPaths, read_bounded};
use crate::audit::log::Log;
use crate::audit::note::SignedText;
use crate::audit::tlog_policy::{PolicyWitness, TlogPolicy};
use crate::durable::{self, Readers};

/// Sends a body to `add-checkpoint` below a witness's address; `None` where no answer came.
pub type Post = dyn Fn(&str, String) -> Option<PostReply> + Send + Sync;

/// Why a round ended badly.
#[derive(Debug, thiserror::Error)]
pub enum RoundError {
    /// The log must stop.
    #[error(transparent)]
    Disagreement(#[from] Disagreement),
    /// What the witnesses said could not be kept.
    #[error("what the witnesses said could not be kept")]
    Io(#[from] io::Error),
}

/// How a log stands with its witnesses.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize)]
pub struct Witnessed {
    /// Whether the policy asks for witnesses at all.
    pub required: bool,
    /// Entries of the newest checkpoint that met the quorum, if there is one.
    pub size: Option<u64>,
    /// Each witness with the reason for which it does not cosign, or `None`.
    pub witnesses: BTreeMap<String, Option<String>>,
}

/// The witnesses of one log.
pub struct Rounds {
    log: Log,
    policy: TlogPolicy,
    post: Box<Post>,
    cosigned_path: PathBuf,
    state: Mutex<State>,
}

struct State {
    kept: Kept,
    /// Why the log was stopped: so it stays until its next start, whatever a witness says later.
    stopped_by: Option<Disagreement>,
    /// The checkpoint that is being cosigned, and the lines for it so far.
    note: String,
    lines: BTreeMap<String, String>,
    /// The newest checkpoint that met the quorum, with its cosignatures.
    cosigned: Option<String>,
}

impl Rounds {
    /// For a log that has just been opened, before anything is appended to it.
    ///
    /// # Errors
    /// Where what was kept cannot be read.
    pub fn open(
        paths: &LogPaths,
        log: Log,
        policy: TlogPolicy,
        post: Box<Post>,
    ) -> io::Result<Self> {
        let kept = Kept::load(&paths.witnesses())?;
        let cosigned_path = paths.cosigned();
        // Only a copy: the next round makes it anew.
        let cosigned = match read_cosigned(&cosigned_path) {
            Ok(cosigned) => cosigned,
            Err(error) => {
                tracing::warn!(%error, "what witnesses have cosigned does not read: asking again");
                None
            }
        };
        let (note, lines) = (String::new(), BTreeMap::new());
        let state = State { kept, stopped_by: None, note, lines, cosigned };
        Ok(Self { log, policy, post, cosigned_path, state: Mutex::new(state) })
    }

    /// Whether there is anybody to go to.
    pub fn is_needed(&self) -> bool {
        !self.policy.witnesses().is_empty()
    }

    /// Offers the newest published checkpoint to every witness that has not cosigned it yet.
    /// Returns what changed and is not on record: the same again, until [`Self::told`] is told.
    ///
    /// # Errors
    /// [`RoundError::Disagreement`]: the log has stopped, and stays so over restarts.
    pub fn run(&self) -> Result<Vec<Change>, RoundError> {
        let mut state = self.lock();
        if let Some(found) = &state.stopped_by {
            return Err(found.clone().into());
        }
        let is_known = |name: &str| self.policy.witnesses().iter().any(|w| w.name == name);
        state.kept.memory.keep_only(is_known);
        let note = self.log.published_checkpoint();
        if note != state.note {
            state.note.clone_from(&note);
            state.lines.clear();
        }
        let due: Vec<(&PolicyWitness, u64)> = self
            .policy
            .witnesses()
            .iter()
            .filter(|witness| !state.lines.contains_key(&witness.name))
            .map(|witness| (witness, state.known(&witness.name)))
            .collect();
        // Not under the lock: a witness may take seconds, and readers want to know how we stand.
        drop(state);
        let answers = self.ask(&note, &due);
        let mut state = self.lock();
        for ((witness, _), (known, answer)) in due.iter().zip(answers) {
            self.enter(&mut state, &witness.name, known, answer);
        }
        if let Some(found) = state.kept.memory.disagreement.clone() {
            // Whether or not that can be kept.
            self.log.halt(found.clone());
            state.stopped_by = Some(found.clone());
            if let Err(error) = state.kept.store() {
                tracing::error!(%error, "that a witness disagrees could not be kept");
            }
            return Err(found.into());
        }
        state.kept.store()?;
        self.settle(&mut state)?;
        Ok(state.kept.memory.untold())
    }

    /// A change is on record, and is not offered again.
    ///
    /// # Errors
    /// Where that could not be kept: the change may be offered again after a restart.
    pub fn told(&self, change: &Change) -> io::Result<()> {
        let mut state = self.lock();
        state.kept.memory.tell(change);
        state.kept.store()
    }

    /// How the log stands with its witnesses.
    pub fn standing(&self) -> Witnessed {
        let state = self.lock();
        let failing = |name: &str| state.kept.memory.witnesses.get(name)?.failing.clone();
        let witnesses = self.policy.witnesses().iter();
        Witnessed {
            required: self.policy.asks_for_witnesses(),
            size: state.cosigned.as_deref().and_then(stated).map(|checkpoint| checkpoint.size),
            witnesses: witnesses.map(|w| (w.name.clone(), failing(&w.name))).collect(),
        }
    }

    /// The newest checkpoint that met the quorum, with its cosignatures.
    pub fn cosigned(&self) -> Option<String> {
        self.lock().cosigned.clone()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks each witness on a thread of its own.
    fn ask(&self, note: &str, due: &[(&PolicyWitness, u64)]) -> Vec<(u64, Answer)> {
        let ask = |witness: &PolicyWitness, mut known: u64| {
            let url = witness.url.clone().unwrap_or_default();
            let post = |body| (self.post)(&url, body);
            let answer = submit(&self.log, note, &mut known, &witness.verifier, &post);
            (known, answer)
        };
        thread::scope(|scope| {
            let running: Vec<_> = due
                .iter()
                .map(|(witness, known)| scope.spawn(move || ask(witness, *known)))
                .collect();
            let failed = |known| (known, Answer::Failed(Refused::Unreachable));
            let joined = running.into_iter().zip(due);
            joined.map(|(run, (_, known))| run.join().unwrap_or_else(|_| failed(*known))).collect()
        })
    }

    /// Takes one answer in.
    fn enter(&self, state: &mut State, name: &str, known: u64, answer: Answer) {
        let own = self.log.tree_size();
        let disagree = |how, seen| Disagreement { witness: name.to_owned(), how, seen, own };
        let memory = &mut state.kept.memory;
        let entry = memory.witnesses.entry(name.to_owned()).or_default();
        entry.size = known;
        let failing = match answer {
            Answer::Cosigned(lines) => {
                state.lines.insert(name.to_owned(), lines);
                memory.disagreement.take_if(|found| found.witness == name);
                None
            }
            Answer::Overtaken => None,
            Answer::Failed(refused) => Some(refused.as_str().to_owned()),
            Answer::Ahead { seen } => {
                memory.disagreement = Some(disagree(How::Ahead, seen));
                return;
            }
            Answer::Forked { seen } => {
                memory.disagreement = Some(disagree(How::Forked, seen));
                return;
            }
        };
        if let Some(reason) = &failing {
            tracing::warn!(witness = name, reason, "a witness did not cosign");
        }
        entry.failing = failing;
    }

    /// Keeps the checkpoint where enough witnesses have cosigned it.
    fn settle(&self, state: &mut State) -> io::Result<()> {
        let met = self.policy.is_met_by(|witness| state.lines.contains_key(&witness.name));
        if !met || state.lines.is_empty() {
            return Ok(());
        }
        let cosigned = state.lines.values().fold(state.note.clone(), |note, line| note + line);
        if state.cosigned.as_ref() != Some(&cosigned) {
            durable::replace(&self.cosigned_path, cosigned.as_bytes(), Readers::Everyone)?;
            state.cosigned = Some(cosigned);
        }
        Ok(())
    }
}

impl State {
    fn known(&self, name: &str) -> u64 {
        self.kept.memory.witnesses.get(name).map_or(0, |known| known.size)
    }
}

fn stated(note: &str) -> Option<Checkpoint> {
    Checkpoint::parse(SignedText::parse(note.as_bytes()).ok()?.text)
}

fn read_cosigned(path: &Path) -> io::Result<Option<String>> {
    let invalid = |problem: &str| io::Error::new(io::ErrorKind::InvalidData, problem.to_owned());
    let bytes = match read_bounded(path, CHECKPOINT_BYTES_MAX) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        bytes => bytes?,
    };
    let text = String::from_utf8(bytes).map_err(|_| invalid("it is no text"))?;
    stated(&text).ok_or_else(|| invalid("it is no checkpoint"))?;
    Ok(Some(text))
}
