//! The open log: append, read, prove.

use std::io;
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use super::checkpoint::Checkpoint;
use super::entry::{Entry, Unfit, Unsequenced};
use super::event::Event;
use super::files::{DiskFiles, LogFiles, LogPaths};
use super::merkle::Hash;
use super::reader::{ReadError, Reader};
use super::receipt::{Receipt, Recorded};
use super::recover::{OpenError, Recovery, load_key, recover};
use super::sequencer::{JOURNAL_REWRITE_BYTES, Request, Sequencer};
use super::shared::Shared;
use crate::domain::clock::{Clock, Entropy};
use crate::domain::ids::EntryIndex;
use crate::domain::limits::{APPEND_QUEUE_MAX, ENTRY_BYTES_MAX};
use crate::durable::Lock;

/// How long a committed entry may wait before its batch is published: with the writing itself it
/// stays below the promised 200 ms, and a busy log writes each partial tile once, not per entry.
const PUBLISH_DELAY: Duration = Duration::from_millis(100);

/// Why an event was not recorded. What it was to precede must not happen.
#[derive(Debug, thiserror::Error)]
pub enum AppendError {
    /// Caller: never retry.
    #[error("the event has {size_bytes} bytes as an entry, the log takes at most {limit_bytes}")]
    TooLarge {
        /// Its size.
        size_bytes: usize,
        /// The limit.
        limit_bytes: usize,
    },
    /// Caller: the event holds a number that canonical JSON cannot carry.
    #[error("the event holds a number beyond 53 bits")]
    Invalid,
    /// Overload: retry later.
    #[error("the log's queue is full ({pending_count} entries): retry later")]
    Busy {
        /// Its length.
        pending_count: usize,
    },
    /// Fatal: what is on disk is unknown, or the log is closed; restart to recover.
    #[error("the entry could not be made durable, and the log has stopped: restart to recover it")]
    NotDurable {
        /// What failed first.
        source: Arc<io::Error>,
    },
    /// Fatal: the log was stopped on purpose, see [`Log::halt`].
    #[error("the log has stopped")]
    Halted {
        /// Why.
        source: Arc<io::Error>,
    },
}

/// Why a log was stopped on purpose.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
struct Halt(Box<dyn std::error::Error + Send + Sync>);

impl AppendError {
    /// The error of every append to a log that has stopped for this.
    pub(super) fn of_stop(source: Arc<io::Error>) -> Self {
        match source.get_ref().is_some_and(<dyn std::error::Error + Send + Sync>::is::<Halt>) {
            true => Self::Halted { source },
            false => Self::NotDurable { source },
        }
    }
}

/// An open log. Clones share it; the last one to go, or [`Log::close`], publishes what is
/// committed and releases the lock.
#[derive(Clone)]
pub struct Log {
    inner: Arc<Inner>,
}

struct Inner {
    shared: Arc<Shared>,
    reader: Reader,
    queue: SyncSender<Request>,
    running: Mutex<Option<Running>>,
}

struct Running {
    sequencer: JoinHandle<()>,
    publisher: JoinHandle<()>,
    /// Held until both threads have ended.
    _lock: Lock,
}

impl Log {
    /// Opens a log, recovers what a crash has left, and starts its threads.
    ///
    /// # Errors
    /// [`OpenError`] says what is refused; nothing was changed then.
    pub fn open(
        paths: &LogPaths,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
    ) -> Result<(Self, Recovery), OpenError> {
        Self::open_on(paths, clock, entropy, Arc::new(DiskFiles::new(paths.clone())))
    }

    /// Opens a log whose writes go through `files`.
    ///
    /// # Errors
    /// As [`Log::open`].
    pub fn open_on(
        paths: &LogPaths,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
        files: Arc<dyn LogFiles>,
    ) -> Result<(Self, Recovery), OpenError> {
        // A missing journal is told before a lock file is left beside where it was.
        let signer = load_key(paths)?;
        if !paths.journal.exists() {
            return Err(OpenError::Missing { path: paths.journal.clone() });
        }
        let lock = Lock::try_acquire(&paths.lock())?;
        let recovered = recover(paths, &signer.verifier(), files.as_ref())?;
        let edge = recovered.state.edge.clone();
        let shared = Arc::new(Shared::new(recovered.state));
        let sequencer = Sequencer {
            shared: Arc::clone(&shared),
            files: Arc::clone(&files),
            signer,
            clock,
            entropy,
            edge,
            last_ts: recovered.last_ts,
            journal_bytes: recovered.journal_bytes,
            rewrite_at_bytes: JOURNAL_REWRITE_BYTES,
        };
        let (queue, requests) = sync_channel(APPEND_QUEUE_MAX);
        let sequencer = thread::Builder::new()
            .name("log-sequencer".into())
            .spawn(move || sequencer.run(&requests))?;
        let watched = Arc::clone(&shared);
        let publisher = recovered.publisher;
        let publisher = thread::Builder::new()
            .name("log-publisher".into())
            .spawn(move || publisher.run(&watched, files.as_ref(), PUBLISH_DELAY))?;
        let reader = Reader::new(Arc::clone(&shared), &paths.log);
        let running = Mutex::new(Some(Running { sequencer, publisher, _lock: lock }));
        let inner = Arc::new(Inner { shared, reader, queue, running });
        Ok((Self { inner }, recovered.recovery))
    }

    /// Records an event; returns after its entry is on disk for good.
    ///
    /// # Errors
    /// [`AppendError`]: without a receipt, what the event was to precede must not happen.
    #[expect(clippy::needless_pass_by_value, reason = "an event is recorded once")]
    pub fn append(&self, event: Event) -> Result<Receipt, AppendError> {
        let entry = Unsequenced::new(&event).map_err(|unfit| match unfit {
            Unfit::NotCanonical => AppendError::Invalid,
            Unfit::TooLarge(size_bytes) => {
                AppendError::TooLarge { size_bytes, limit_bytes: ENTRY_BYTES_MAX }
            }
        })?;
        let (reply, answer) = sync_channel(1);
        match self.inner.queue.try_send(Request::Append { entry, reply }) {
            Ok(()) => answer.recv().unwrap_or_else(|_| Err(self.inner.ended())),
            Err(TrySendError::Disconnected(_)) => Err(self.inner.ended()),
            Err(TrySendError::Full(_)) => {
                Err(AppendError::Busy { pending_count: APPEND_QUEUE_MAX })
            }
        }
    }

    /// Records an event and gives back `value` with the proof that it is recorded.
    ///
    /// # Errors
    /// As [`Log::append`]; `value` is dropped then.
    pub fn record<T>(&self, event: Event, value: T) -> Result<Recorded<T>, AppendError> {
        self.append(event).map(|receipt| Recorded::new(value, receipt))
    }

    /// Records an event and gives back what `make` makes once the entry is on disk.
    ///
    /// # Errors
    /// As [`Log::append`]; `make` is not called then.
    pub fn record_with<T>(
        &self,
        event: Event,
        make: impl FnOnce(&Receipt) -> T,
    ) -> Result<Recorded<T>, AppendError> {
        let receipt = self.append(event)?;
        Ok(Recorded::new(make(&receipt), receipt))
    }

    /// Entries in the log.
    pub fn size(&self) -> u64 {
        self.inner.shared.lock().edge.size()
    }

    /// One entry.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn read(&self, at: EntryIndex) -> Result<Entry, ReadError> {
        self.inner.reader.entry(at.0)
    }

    /// Up to `limit` entries from `from` on; fewer at the end of the log.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn entries(&self, from: EntryIndex, limit: usize) -> Result<Vec<Entry>, ReadError> {
        self.inner.reader.entries(from.0, limit)
    }

    /// A C2SP tlog-proof of one entry.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn proof(&self, at: EntryIndex) -> Result<String, ReadError> {
        self.inner.reader.proof(at.0)
    }

    /// The consistency proof from the log of `old` entries to today's, and today's checkpoint.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn consistency(&self, old: u64) -> Result<(Vec<Hash>, String), ReadError> {
        self.inner.reader.consistency(old)
    }

    /// The hashes that prove that the log of `old` entries is the beginning of the log that `new`,
    /// a checkpoint of this log, states.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn consistency_between(&self, old: u64, new: &Checkpoint) -> Result<Vec<Hash>, ReadError> {
        self.inner.reader.consistency_between(old, new)
    }

    /// The signed checkpoint that the published folder has, durably.
    pub fn published_checkpoint(&self) -> String {
        self.inner.shared.lock().published_note.to_string()
    }

    /// The newest signed checkpoint.
    pub fn checkpoint(&self) -> String {
        self.inner.shared.lock().note.to_string()
    }

    /// Publishes everything that is committed now, and waits for it.
    ///
    /// # Errors
    /// [`AppendError::NotDurable`] where the log has stopped before.
    pub fn publish(&self) -> Result<(), AppendError> {
        let shared = &self.inner.shared;
        let size = {
            let mut state = shared.lock();
            state.hurry = state.pending() > 0;
            state.edge.size()
        };
        shared.notify();
        let state = shared.wait_until(|state| state.published >= size);
        match &state.stopped {
            Some(source) if state.published < size => Err(AppendError::of_stop(Arc::clone(source))),
            _ => Ok(()),
        }
    }

    /// Stops the log for a reason of the caller's: nothing more is written, what is written stays,
    /// and every further append fails with [`AppendError::Halted`].
    pub fn halt(&self, reason: impl std::error::Error + Send + Sync + 'static) {
        let reason = io::Error::other(Halt(Box::new(reason)));
        self.inner.shared.lock().stop(reason);
        self.inner.shared.notify();
    }

    /// Why the log takes no more entries, if it does not.
    pub fn stop_reason(&self) -> Option<String> {
        self.inner.shared.lock().stopped.as_ref().map(ToString::to_string)
    }

    /// Whether the log takes no more entries, after an error.
    pub fn is_stopped(&self) -> bool {
        self.inner.shared.lock().stopped.is_some()
    }

    /// Publishes what is committed, ends the threads, releases the lock. Clones can still read.
    pub fn close(self) {
        self.inner.shutdown();
    }
}

impl Inner {
    fn shutdown(&self) {
        let running = self.running.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(running) = running else { return };
        if self.queue.send(Request::Close).is_err() {
            tracing::debug!("the sequencer had ended before the log was closed");
        }
        join(running.sequencer);
        self.shared.lock().closing = true;
        self.shared.notify();
        join(running.publisher);
    }

    /// The error of an append that no sequencer took.
    fn ended(&self) -> AppendError {
        let closed = || Arc::new(io::Error::other("the log is closed"));
        let source = self.shared.lock().stopped.clone().unwrap_or_else(closed);
        AppendError::of_stop(source)
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.shutdown();
    }
}

fn join(thread: JoinHandle<()>) {
    if thread.join().is_err() {
        tracing::error!("a thread of the audit log panicked");
    }
}
