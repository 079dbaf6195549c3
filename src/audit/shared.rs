//! What the threads of an open log share: the committed tree, and the entries that are not yet in
//! full files on disk.

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use super::log::AppendError;
use super::merkle::{Hash, leaf_hash};
use super::tile::{Edge, TILE_WIDTH};
use crate::durable;

/// An entry in memory.
#[derive(Clone, Debug)]
pub(super) struct Stored {
    pub(super) bytes: Arc<[u8]>,
    pub(super) leaf: Hash,
}

impl Stored {
    pub(super) fn new(bytes: &[u8]) -> Self {
        Self { bytes: bytes.into(), leaf: leaf_hash(bytes) }
    }
}

/// Why a log takes nothing.
#[derive(Clone, Debug)]
pub(super) struct Halt {
    pub(super) error: Arc<io::Error>,
    /// Only space is lacking: it goes on once there is some. Else it has stopped for good.
    pub(super) is_full: bool,
}

impl Halt {
    /// What callers are told.
    pub(super) fn refusal(&self) -> AppendError {
        match self.is_full {
            true => AppendError::Full,
            false => AppendError::of_stop(Arc::clone(&self.error)),
        }
    }
}

/// The state of an open log.
pub(super) struct State {
    /// Right edge of the committed tree.
    pub(super) edge: Edge,
    /// Its signed checkpoint.
    pub(super) note: Arc<str>,
    /// Entries that the published folder holds, durably.
    pub(super) published: u64,
    /// The checkpoint in the published folder.
    pub(super) published_note: Arc<str>,
    /// Entries from `tail_start` on: those of the incomplete bundle, and those not yet published.
    /// Whoever reads before it finds full files, which never change.
    pub(super) tail: VecDeque<Stored>,
    /// Bytes of the entries that are not yet published.
    pub(super) pending_bytes: usize,
    /// Why the log takes nothing.
    pub(super) halted: Option<Halt>,
    /// Entries that were refused since storage was full.
    pub(super) refused: u64,
    /// Publish what there is, then end.
    pub(super) closing: bool,
    /// Publish at once: somebody waits for it.
    pub(super) hurry: bool,
}

impl State {
    /// Index of the first entry of `tail`.
    pub(super) fn tail_start(&self) -> u64 {
        self.edge.size() - self.tail.len() as u64
    }

    /// Entries that are committed and not yet published.
    pub(super) const fn pending(&self) -> u64 {
        self.edge.size() - self.published
    }

    /// The entry at `index`, if it is in memory.
    pub(super) fn in_tail(&self, index: u64) -> Option<&Stored> {
        let offset = index.checked_sub(self.tail_start())?;
        self.tail.get(usize::try_from(offset).ok()?)
    }

    /// The entries that are not yet published.
    pub(super) fn unpublished(&self) -> Vec<Stored> {
        let skip = self.tail.len() - usize::try_from(self.pending()).unwrap_or(0);
        self.tail.iter().skip(skip).cloned().collect()
    }

    /// A batch is committed.
    pub(super) fn commit(&mut self, edge: Edge, note: Arc<str>, batch: Vec<Stored>) {
        self.pending_bytes += batch.iter().map(|stored| stored.bytes.len()).sum::<usize>();
        self.tail.extend(batch);
        self.edge = edge;
        self.note = note;
    }

    /// The folder holds the log up to `size`.
    pub(super) fn publish(&mut self, size: u64, note: Arc<str>) {
        self.published = size;
        self.published_note = note;
        let keep_from = size - size % TILE_WIDTH;
        let done = keep_from.saturating_sub(self.tail_start());
        self.tail.drain(..usize::try_from(done).unwrap_or(0).min(self.tail.len()));
        self.pending_bytes = self.unpublished().iter().map(|stored| stored.bytes.len()).sum();
        if self.pending() == 0 {
            self.hurry = false;
        }
    }

    /// The log takes nothing from here on. The first reason stays, but for a full storage that
    /// turns out to be broken.
    pub(super) fn halt(&mut self, error: io::Error) -> Halt {
        let is_full = durable::is_full(&error);
        match &self.halted {
            Some(known) if is_full || !known.is_full => known.clone(),
            Some(_) | None => {
                if is_full {
                    tracing::error!(%error, "no space is left for the audit log: waiting for some");
                } else {
                    tracing::error!(%error, "the audit log stopped");
                }
                let halt = Halt { error: Arc::new(error), is_full };
                self.halted = Some(halt.clone());
                halt
            }
        }
    }
}

/// The state behind its lock.
pub(super) struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

impl Shared {
    pub(super) const fn new(state: State) -> Self {
        Self { state: Mutex::new(state), changed: Condvar::new() }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells every waiting thread to look again.
    pub(super) fn notify(&self) {
        self.changed.notify_all();
    }

    /// Waits until `ready`, or until the log takes nothing.
    pub(super) fn wait_until(&self, ready: impl Fn(&State) -> bool) -> MutexGuard<'_, State> {
        self.changed
            .wait_while(self.lock(), |state| !ready(state) && state.halted.is_none())
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until `ready`, or until the log takes nothing, or for `limit`.
    pub(super) fn wait_at_most<'a>(
        &self,
        guard: MutexGuard<'a, State>,
        limit: std::time::Duration,
        ready: impl Fn(&State) -> bool,
    ) -> MutexGuard<'a, State> {
        let wait = |state: &mut State| !ready(state) && state.halted.is_none();
        match self.changed.wait_timeout_while(guard, limit, wait) {
            Ok((guard, _)) => guard,
            Err(poisoned) => poisoned.into_inner().0,
        }
    }
}
