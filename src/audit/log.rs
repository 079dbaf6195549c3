//! The open log: append, read, prove.

use std::fs;
use std::io;
use std::ops::Deref;
use std::path::PathBuf;
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use super::checkpoint::Checkpoint;
use super::entry::{Entry, Unfit, Unsequenced};
use super::event::Event;
use super::files::{DiskFiles, LogFiles, LogPaths, make_readable_folder};
use super::journal;
use super::merkle::{Hash, empty_root};
use super::note::{KeyError, NoteSigner};
use super::publish::CHECKPOINT_FILE;
use super::reader::{ReadError, Reader};
use super::recover::{OpenError, Recovery, load_key, recover};
use super::sequencer::{JOURNAL_REWRITE_BYTES, Request, Sequencer};
use super::shared::Shared;
use crate::domain::clock::{Clock, Entropy};
use crate::domain::digest::Digest;
use crate::domain::ids::EntryIndex;
use crate::domain::limits::{APPEND_QUEUE_MAX, ENTRY_BYTES_MAX};
use crate::durable::{self, Lock, Readers};

/// How long a committed entry may wait before its batch is published: with the writing itself it
/// stays below the promised 200 ms, and a busy log writes each partial tile once, not per entry.
const PUBLISH_DELAY: Duration = Duration::from_millis(100);

/// Proof that an entry is on disk for good. Only the log makes one.
#[derive(Debug)]
pub struct Receipt {
    index: EntryIndex,
    leaf: Digest,
}

impl Receipt {
    pub(super) const fn new(index: u64, leaf: Hash) -> Self {
        Self { index: EntryIndex(index), leaf: Digest::from_bytes(leaf) }
    }

    /// The entry's place in the log.
    pub const fn index(&self) -> EntryIndex {
        self.index
    }

    /// The entry's leaf hash.
    pub const fn leaf(&self) -> Digest {
        self.leaf
    }
}

/// A value whose showing is on record. Only [`Log::record`] makes one.
#[derive(Debug)]
pub struct Recorded<T> {
    value: T,
    receipt: Receipt,
}

impl<T> Recorded<T> {
    /// Proof of the entry.
    pub const fn receipt(&self) -> &Receipt {
        &self.receipt
    }

    /// The value and the proof.
    pub fn into_parts(self) -> (T, Receipt) {
        (self.value, self.receipt)
    }
}

impl<T> Deref for Recorded<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

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
}

/// Why a log was not made.
#[derive(Debug, thiserror::Error)]
pub enum CreateError {
    /// Operator: there is a log, or what is left of one.
    #[error("{} exists: a log is never made over another; choose an empty home", path.display())]
    Exists {
        /// The trace.
        path: PathBuf,
    },
    /// Caller: the origin is no key name.
    #[error(transparent)]
    Origin(#[from] KeyError),
    /// Unavailable: a file could not be written.
    #[error(transparent)]
    Io(#[from] io::Error),
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
    /// Makes an empty log and its key; gives the verifier key's text.
    ///
    /// # Errors
    /// [`CreateError::Exists`] where any trace of a log is.
    pub fn create(
        paths: &LogPaths,
        origin: &str,
        entropy: &dyn Entropy,
    ) -> Result<String, CreateError> {
        let signer = NoteSigner::generate(origin, entropy)?;
        for path in [&paths.key, &paths.vkey, &paths.journal] {
            if path.exists() {
                return Err(CreateError::Exists { path: path.clone() });
            }
        }
        if paths.log.exists() && fs::read_dir(&paths.log)?.next().is_some() {
            return Err(CreateError::Exists { path: paths.log.clone() });
        }
        for path in [&paths.key, &paths.vkey, &paths.journal, &paths.log] {
            if let Some(folder) = path.parent() {
                durable::create_dir_all(folder)?;
            }
        }
        make_readable_folder(&paths.log, &paths.log)?;
        let vkey = signer.verifier().to_string();
        let empty = Checkpoint { origin: origin.to_owned(), size: 0, root: empty_root() };
        let note = empty.sign(&signer);
        let secret = signer.to_text();
        durable::create_new(&paths.key, secret.as_bytes(), Readers::Owner)?;
        durable::create_new(&paths.vkey, format!("{vkey}\n").as_bytes(), Readers::Everyone)?;
        let journal = journal::whole(0, &note, &[], &note);
        durable::create_new(&paths.journal, &journal, Readers::Owner)?;
        let checkpoint = paths.log.join(CHECKPOINT_FILE);
        durable::create_new(&checkpoint, note.as_bytes(), Readers::Everyone)?;
        Ok(vkey)
    }

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
        self.append(event).map(|receipt| Recorded { value, receipt })
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
        Ok(Recorded { value: make(&receipt), receipt })
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
            Some(source) if state.published < size => {
                Err(AppendError::NotDurable { source: Arc::clone(source) })
            }
            _ => Ok(()),
        }
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
        AppendError::NotDurable { source }
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
