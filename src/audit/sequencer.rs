//! The one thread that appends: takes every waiting entry, commits the batch, answers the callers.
//!
//! The commit point is one fsynced append to the journal that holds the batch and its signed
//! checkpoint. After an error there the state on disk is unknown, so the log stops.

use std::io;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender};

use super::checkpoint::Checkpoint;
use super::entry::Unsequenced;
use super::files::LogFiles;
use super::journal;
use super::log::AppendError;
use super::note::NoteSigner;
use super::receipt::Receipt;
use super::shared::{Shared, State, Stored};
use super::tile::Edge;
use crate::domain::clock::{Clock, Entropy, Timestamp};
use crate::domain::ids::uuid_v7;
use crate::domain::limits::APPEND_BATCH_MAX;

/// Bytes of one batch: bounds the journal frame and the time of one fsync.
const BATCH_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Entries that may wait to be published; beyond this the sequencer waits for the publisher.
const PENDING_ENTRIES_MAX: u64 = 8_192;
/// Bytes that may wait to be published: they are held in memory.
const PENDING_BYTES_MAX: usize = 32 * 1024 * 1024;
/// A journal longer than this is rewritten without what is published.
pub(super) const JOURNAL_REWRITE_BYTES: usize = 4 * 1024 * 1024;

/// What callers send.
pub(super) enum Request {
    /// One entry, and where its answer goes.
    Append { entry: Unsequenced, reply: SyncSender<Result<Receipt, AppendError>> },
    /// No more entries.
    Close,
}

type Waiting = (Unsequenced, SyncSender<Result<Receipt, AppendError>>);

/// Everything that appending needs.
pub(super) struct Sequencer {
    pub(super) shared: Arc<Shared>,
    pub(super) files: Arc<dyn LogFiles>,
    pub(super) signer: NoteSigner,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) entropy: Arc<dyn Entropy>,
    pub(super) edge: Edge,
    /// Time of the last entry: time in the log never goes back.
    pub(super) last_ts: Timestamp,
    pub(super) journal_bytes: usize,
    pub(super) rewrite_at_bytes: usize,
}

impl Sequencer {
    /// Runs until the log closes or stops.
    pub(super) fn run(mut self, queue: &Receiver<Request>) {
        let mut open = true;
        while open {
            let Ok(Request::Append { entry, reply }) = queue.recv() else { return };
            let mut batch = vec![(entry, reply)];
            open = gather(queue, &mut batch);
            if !self.sequence(batch) {
                return;
            }
        }
    }

    /// Commits one batch and answers its callers; `false` where the log has stopped.
    fn sequence(&mut self, batch: Vec<Waiting>) -> bool {
        let room = |state: &State| {
            state.pending() <= PENDING_ENTRIES_MAX && state.pending_bytes <= PENDING_BYTES_MAX
        };
        let stopped = self.shared.wait_until(room).stopped.clone();
        let (entries, replies): (Vec<_>, Vec<_>) = batch.into_iter().unzip();
        let outcome = match stopped {
            Some(error) => Err(error),
            None => self.commit(entries).map_err(|error| self.stop(error)),
        };
        match outcome {
            Ok(receipts) => {
                for (reply, receipt) in replies.iter().zip(receipts) {
                    answer(reply, Ok(receipt));
                }
            }
            Err(source) => {
                for reply in &replies {
                    answer(reply, Err(AppendError::of_stop(Arc::clone(&source))));
                }
                return false;
            }
        }
        match self.rewrite_journal() {
            Ok(()) => true,
            Err(error) => {
                self.stop(error);
                false
            }
        }
    }

    fn stop(&self, error: io::Error) -> Arc<io::Error> {
        let error = self.shared.lock().stop(error);
        self.shared.notify();
        error
    }

    fn commit(&mut self, entries: Vec<Unsequenced>) -> io::Result<Vec<Receipt>> {
        let first = self.edge.size();
        let mut batch = Vec::with_capacity(entries.len());
        for mut entry in entries {
            let ts = self.clock.now().max(self.last_ts);
            let id = uuid_v7(ts, self.entropy.as_ref());
            let bytes = entry.sequence(id, ts).map_err(io::Error::other)?;
            self.last_ts = ts;
            batch.push(Stored::new(&bytes));
        }
        batch.iter().for_each(|stored| drop(self.edge.push(stored.leaf)));
        let checkpoint = Checkpoint {
            origin: self.signer.name().to_owned(),
            size: self.edge.size(),
            root: self.edge.root(),
        };
        let note: Arc<str> = checkpoint.sign(&self.signer).into();
        let frame = journal::encode(first, &note, batch.iter().map(|stored| &*stored.bytes));
        self.files.append_journal(&frame)?;
        self.journal_bytes += frame.len();
        let indexes = first..self.edge.size();
        let receipts = indexes.zip(&batch).map(|(at, stored)| Receipt::new(at, stored.leaf));
        let receipts = receipts.collect();
        self.shared.lock().commit(self.edge.clone(), note, batch);
        self.shared.notify();
        Ok(receipts)
    }

    /// Drops what is published from a journal that has grown long.
    fn rewrite_journal(&mut self) -> io::Result<()> {
        if self.journal_bytes < self.rewrite_at_bytes {
            return Ok(());
        }
        let state = self.shared.lock();
        let (published, published_note) = (state.published, Arc::clone(&state.published_note));
        let (fresh, note) = (state.unpublished(), Arc::clone(&state.note));
        drop(state);
        let bytes = journal::whole(published, &published_note, &fresh, &note);
        self.files.replace_journal(&bytes)?;
        self.journal_bytes = bytes.len();
        self.rewrite_at_bytes = JOURNAL_REWRITE_BYTES.max(2 * bytes.len());
        Ok(())
    }
}

/// Takes what else is waiting, up to the limits of a batch; `false` after a request to close.
fn gather(queue: &Receiver<Request>, batch: &mut Vec<Waiting>) -> bool {
    let mut bytes = 0;
    while batch.len() < APPEND_BATCH_MAX && bytes < BATCH_BYTES_MAX {
        match queue.try_recv() {
            Ok(Request::Append { entry, reply }) => {
                bytes += entry.size_bytes();
                batch.push((entry, reply));
            }
            Ok(Request::Close) => return false,
            Err(_) => break,
        }
    }
    true
}

fn answer(reply: &SyncSender<Result<Receipt, AppendError>>, result: Result<Receipt, AppendError>) {
    if reply.send(result).is_err() {
        tracing::debug!("a caller left before its entry was committed");
    }
}
