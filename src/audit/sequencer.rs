//! The one thread that appends: takes every waiting entry, commits the batch, answers the callers.
//!
//! The commit point is one fsynced append to the journal that holds the batch and its signed
//! checkpoint. After an error there the state on disk is unknown, so the log stops; where only space
//! was lacking it reads what is there and waits ([`super::full`]).

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender};
use std::thread;

use super::checkpoint::Checkpoint;
use super::entry::Unsequenced;
use super::files::{LogFiles, LogPaths};
use super::journal;
use super::log::{AppendError, Pace};
use super::note::NoteSigner;
use super::publish::Publisher;
use super::receipt::Receipt;
use super::shared::{Halt, Shared, State, Stored};
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

/// What callers send.
pub(super) enum Request {
    /// One entry, and who waits for it.
    Append(Waiting),
    /// Answered once everything that was sent before is on disk or refused.
    Settle(SyncSender<()>),
    /// The publisher has ended: look why.
    Look,
    /// No more entries.
    Close,
}

/// An entry that somebody waits for.
pub(super) struct Waiting {
    pub(super) entry: Unsequenced,
    pub(super) reply: SyncSender<Result<Receipt, AppendError>>,
    /// Set by whoever is first: the sequencer that takes the entry, or the caller that takes it back.
    pub(super) taken: Arc<AtomicBool>,
}

impl Waiting {
    /// Whether it is this caller's from now on.
    pub(super) fn take(taken: &AtomicBool) -> bool {
        !taken.swap(true, Ordering::SeqCst)
    }

    pub(super) fn answer(&self, result: Result<Receipt, AppendError>) {
        if self.reply.send(result).is_err() {
            tracing::debug!("a caller left before its entry was committed");
        }
    }
}

/// Everything that appending needs.
pub(super) struct Sequencer {
    pub(super) paths: LogPaths,
    pub(super) shared: Arc<Shared>,
    pub(super) files: Arc<dyn LogFiles>,
    pub(super) signer: NoteSigner,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) entropy: Arc<dyn Entropy>,
    pub(super) pace: Pace,
    pub(super) edge: Edge,
    /// Time of the last entry: time in the log never goes back.
    pub(super) last_ts: Timestamp,
    pub(super) journal_bytes: usize,
    pub(super) rewrite_at_bytes: usize,
}

/// Why the sequencer takes no more requests.
enum End {
    Closed,
    Halted(Halt),
}

impl Sequencer {
    /// Runs until the log closes or stops, with the publisher on a thread beside it. `nudge` leads
    /// to `queue`.
    pub(super) fn run(
        mut self,
        queue: &Receiver<Request>,
        nudge: &SyncSender<Request>,
        publisher: Publisher,
    ) {
        let mut next = Some(publisher);
        while let Some(publisher) = next.take() {
            let end = self.run_beside(publisher, queue, nudge);
            next = match end {
                End::Halted(halt) if halt.is_full => self.outlast(queue),
                End::Halted(_) | End::Closed => None,
            };
        }
    }

    fn run_beside(
        &mut self,
        publisher: Publisher,
        queue: &Receiver<Request>,
        nudge: &SyncSender<Request>,
    ) -> End {
        let (shared, files) = (Arc::clone(&self.shared), Arc::clone(&self.files));
        let delay = self.pace.publish_delay;
        thread::scope(|scope| {
            let publish = || {
                publisher.run(&shared, files.as_ref(), delay);
                if nudge.try_send(Request::Look).is_err() {
                    tracing::trace!("the sequencer is awake");
                }
            };
            let thread = thread::Builder::new().name("log-publisher".into());
            let thread = match thread.spawn_scoped(scope, publish) {
                Ok(thread) => thread,
                Err(error) => return End::Halted(self.halt(error)),
            };
            let end = self.sequence_all(queue);
            self.shared.lock().closing = matches!(end, End::Closed);
            self.shared.notify();
            if thread.join().is_err() {
                return End::Halted(self.halt(io::Error::other("the publisher panicked")));
            }
            end
        })
    }

    fn sequence_all(&mut self, queue: &Receiver<Request>) -> End {
        let mut next = queue.recv().ok();
        while let Some(request) = next.take() {
            match request {
                Request::Append(waiting) => {
                    let mut batch = vec![waiting];
                    next = gather(queue, &mut batch);
                    if let Err(halt) = self.sequence(batch) {
                        return End::Halted(halt);
                    }
                }
                Request::Settle(reply) => settled(&reply),
                Request::Look => {}
                Request::Close => return End::Closed,
            }
            if let Some(halt) = self.shared.lock().halted.clone() {
                return End::Halted(halt);
            }
            next = next.or_else(|| queue.recv().ok());
        }
        End::Closed
    }

    /// Commits one batch and answers its callers.
    fn sequence(&mut self, mut batch: Vec<Waiting>) -> Result<(), Halt> {
        let room = |state: &State| {
            state.pending() <= PENDING_ENTRIES_MAX && state.pending_bytes <= PENDING_BYTES_MAX
        };
        let halted = self.shared.wait_until(room).halted.clone();
        batch.retain(|waiting| Waiting::take(&waiting.taken));
        let entries: Vec<_> = batch.iter_mut().map(|waiting| &mut waiting.entry).collect();
        let outcome = match halted {
            Some(halt) => Err(halt),
            None if entries.is_empty() => Ok(Vec::new()),
            None => self.commit(entries).map_err(|error| self.halt(error)),
        };
        match outcome {
            Ok(receipts) => {
                for (waiting, receipt) in batch.iter().zip(receipts) {
                    waiting.answer(Ok(receipt));
                }
            }
            Err(halt) => {
                batch.iter().for_each(|waiting| waiting.answer(Err(halt.refusal())));
                return Err(halt);
            }
        }
        self.rewrite_journal().map_err(|error| self.halt(error))
    }

    pub(super) fn halt(&self, error: io::Error) -> Halt {
        let halt = self.shared.lock().halt(error);
        self.shared.notify();
        halt
    }

    /// After an error here, what is on disk is unknown, and this sequencer ahead of it.
    pub(super) fn commit(&mut self, entries: Vec<&mut Unsequenced>) -> io::Result<Vec<Receipt>> {
        let first = self.edge.size();
        let mut batch = Vec::with_capacity(entries.len());
        for entry in entries {
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
        self.rewrite_at_bytes = self.pace.rewrite_bytes.max(2 * bytes.len());
        Ok(())
    }
}

/// Takes what else is waiting, up to the limits of a batch; returns a request that is no entry.
fn gather(queue: &Receiver<Request>, batch: &mut Vec<Waiting>) -> Option<Request> {
    let mut bytes = 0;
    while batch.len() < APPEND_BATCH_MAX && bytes < BATCH_BYTES_MAX {
        match queue.try_recv().ok()? {
            Request::Append(waiting) => {
                bytes += waiting.entry.size_bytes();
                batch.push(waiting);
            }
            other @ (Request::Settle(_) | Request::Look | Request::Close) => return Some(other),
        }
    }
    None
}

pub(super) fn settled(reply: &SyncSender<()>) {
    if reply.send(()).is_err() {
        tracing::debug!("a caller left before the log had settled");
    }
}
