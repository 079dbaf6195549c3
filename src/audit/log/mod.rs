//! The open log: append, publish, stop; reading it is in `reading`.

mod reading;

use std::io;
use std::sync::atomic::AtomicBool;
use std::sync::mpsc::{RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use super::entry::{Unfit, Unsequenced};
use super::event::Event;
use super::files::{DiskFiles, LogFiles, LogPaths};
use super::keys::{self, KeyChange, Offered};
use super::past::{self, Past};
use super::reader::Reader;
use super::receipt::{Receipt, Recorded};
use super::recover::{OpenError, Recovery, recover, sweep_folder};
use super::sequencer::{Request, Sequencer, Waiting};
use super::shared::{Halt, Shared};
use crate::domain::clock::{Clock, Entropy};
use crate::domain::limits::{
    APPEND_QUEUE_MAX, APPEND_WAIT_MS_MAX, ENTRY_BYTES_MAX, LOG_PROBE_MS, LOG_RESERVE_BYTES,
};
use crate::durable::{self, Lock};

/// How long a committed entry may wait before its batch is published: with the writing itself it
/// stays below the promised 200 ms, and a busy log writes each partial tile once, not per entry.
const PUBLISH_DELAY: Duration = Duration::from_millis(100);
/// A journal longer than this is rewritten without what is published.
const JOURNAL_REWRITE_BYTES: usize = 4 * 1024 * 1024;

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
    /// Overload: retry later. The entry is not recorded, or nobody was told that it is.
    #[error("the audit log cannot keep up with what it has to record: retry in a few seconds")]
    Busy,
    /// Unavailable: the disk is full. The log goes on by itself once there is space.
    #[error("no space is left for the audit log: it goes on by itself once there is some")]
    Full,
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
struct OnPurpose(Box<dyn std::error::Error + Send + Sync>);

impl AppendError {
    /// The error of every append to a log that has stopped for this.
    pub(super) fn of_stop(source: Arc<io::Error>) -> Self {
        match source.get_ref().is_some_and(<dyn std::error::Error + Send + Sync>::is::<OnPurpose>) {
            true => Self::Halted { source },
            false => Self::NotDurable { source },
        }
    }
}

/// Whether a log takes entries.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Condition {
    /// It does.
    Running,
    /// Not before there is space again.
    Full,
    /// Not before a restart, after an error.
    Stopped,
}

/// How patient an open log is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pace {
    /// How long a committed entry may wait for others to be published with.
    pub(super) publish_delay: Duration,
    /// How long a caller waits for its entry.
    pub(super) append_wait: Duration,
    /// How often space is looked for.
    pub(super) probe: Duration,
    /// A journal longer than this is rewritten without what is published.
    pub(super) rewrite_bytes: usize,
    /// Entries that may wait for the sequencer.
    pub(super) queue: usize,
}

impl Pace {
    pub(super) const USUAL: Self = Self {
        publish_delay: PUBLISH_DELAY,
        append_wait: Duration::from_millis(APPEND_WAIT_MS_MAX),
        probe: Duration::from_millis(LOG_PROBE_MS),
        rewrite_bytes: JOURNAL_REWRITE_BYTES,
        queue: APPEND_QUEUE_MAX,
    };
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
    /// The logs that ended, oldest first.
    past: Vec<Past>,
    /// Their entries.
    first: u64,
    paths: LogPaths,
    entropy: Arc<dyn Entropy>,
    /// Changes of keys take turns.
    key_turn: Mutex<()>,
    append_wait: Duration,
    queue: SyncSender<Request>,
    running: Mutex<Option<Running>>,
}

struct Running {
    sequencer: JoinHandle<()>,
    /// Held until the thread has ended.
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
        Self::open_paced(paths, clock, entropy, files, Pace::USUAL)
    }

    pub(super) fn open_paced(
        paths: &LogPaths,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
        files: Arc<dyn LogFiles>,
        pace: Pace,
    ) -> Result<(Self, Recovery), OpenError> {
        // A missing journal is told before a lock file is left beside where it was.
        if paths.epoch_mark().exists() {
            return Err(OpenError::Frozen);
        }
        let offered = Offered::read(paths)?;
        if !paths.journal.exists() {
            return Err(OpenError::Missing { path: paths.journal.clone() });
        }
        let lock = Lock::try_acquire(&paths.lock())?;
        paths.journal.parent().map_or(Ok(()), sweep_folder)?;
        files.make_reserve().map_err(|error| match durable::is_full(&error) {
            true => OpenError::NoSpace { path: paths.reserve(), bytes: 2 * LOG_RESERVE_BYTES },
            false => error.into(),
        })?;
        let recovered = recover(paths, &offered.verifiers(), files.as_ref())?;
        if recovered.is_frozen {
            return Err(OpenError::Frozen);
        }
        let shared = Arc::new(Shared::new(recovered.state));
        let reader = Reader::new(Arc::clone(&shared), &paths.log);
        let past = past::past_of(paths, reader.first()?.as_ref())?;
        let first = past.last().map_or(0, |past| past.first + past.size);
        let (edge, note) = {
            let state = shared.lock();
            (state.edge.clone(), Arc::clone(&state.note))
        };
        let signers = offered.signers_of(&note)?;
        keys::settle(paths, &signers.verifiers())?;
        let sequencer = Sequencer {
            paths: paths.clone(),
            shared: Arc::clone(&shared),
            files,
            signers,
            clock,
            entropy: Arc::clone(&entropy),
            pace,
            edge,
            first,
            last_ts: recovered.last_ts,
            journal_bytes: recovered.journal_bytes,
            rewrite_at_bytes: pace.rewrite_bytes,
        };
        let (queue, requests) = sync_channel(pace.queue);
        let (nudge, publisher) = (queue.clone(), recovered.publisher);
        let sequencer = thread::Builder::new()
            .name("log-sequencer".into())
            .spawn(move || sequencer.run(&requests, &nudge, publisher))?;
        let running = Mutex::new(Some(Running { sequencer, _lock: lock }));
        let append_wait = pace.append_wait;
        let (paths, key_turn) = (paths.clone(), Mutex::new(()));
        let inner = Inner {
            shared,
            reader,
            past,
            first,
            paths,
            entropy,
            key_turn,
            append_wait,
            queue,
            running,
        };
        let inner = Arc::new(inner);
        Ok((Self { inner }, recovered.recovery))
    }

    /// Records an event; returns after its entry is on disk for good.
    ///
    /// # Errors
    /// [`AppendError`]: without a receipt, what the event was to precede must not happen.
    #[expect(clippy::needless_pass_by_value, reason = "an event is recorded once")]
    pub fn append(&self, event: Event) -> Result<Receipt, AppendError> {
        self.inner.append(unsequenced(&event)?, None)
    }

    /// [`Self::append`] of an event that changes the keys that sign.
    pub(super) fn append_with(
        &self,
        event: &Event,
        change: KeyChange,
    ) -> Result<Receipt, AppendError> {
        self.inner.append(unsequenced(event)?, Some(change))
    }

    /// Where its files are.
    pub(super) fn paths(&self) -> &LogPaths {
        &self.inner.paths
    }

    pub(super) fn entropy(&self) -> &dyn Entropy {
        self.inner.entropy.as_ref()
    }

    /// Held while keys change.
    pub(super) fn key_turn(&self) -> MutexGuard<'_, ()> {
        self.inner.key_turn.lock().unwrap_or_else(PoisonError::into_inner)
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
        match &state.halted {
            Some(halt) if state.published < size => Err(halt.refusal()),
            _ => Ok(()),
        }
    }

    /// Returns once everything that was appended before is on disk, or refused for good: what a
    /// caller was not told is then decided.
    ///
    /// # Errors
    /// [`AppendError::Busy`] where that takes too long.
    pub fn settle(&self) -> Result<(), AppendError> {
        let (reply, answer) = sync_channel(1);
        match self.inner.queue.try_send(Request::Settle(reply)) {
            Err(TrySendError::Full(_)) => return Err(AppendError::Busy),
            Ok(()) | Err(TrySendError::Disconnected(_)) => {}
        }
        match answer.recv_timeout(self.inner.append_wait) {
            Err(RecvTimeoutError::Timeout) => Err(AppendError::Busy),
            Ok(()) | Err(RecvTimeoutError::Disconnected) => Ok(()),
        }
    }

    /// Entries in the published log.
    pub fn published(&self) -> u64 {
        self.inner.shared.lock().published
    }

    /// Whether the log takes entries.
    pub fn condition(&self) -> Condition {
        match &self.inner.shared.lock().halted {
            None => Condition::Running,
            Some(halt) if halt.is_full => Condition::Full,
            Some(_) => Condition::Stopped,
        }
    }

    /// Stops the log for a reason of the caller's: nothing more is written, what is written stays,
    /// and every further append fails with [`AppendError::Halted`].
    pub fn halt(&self, reason: impl std::error::Error + Send + Sync + 'static) {
        let reason = io::Error::other(OnPurpose(Box::new(reason)));
        self.inner.shared.lock().halt(reason);
        self.inner.shared.notify();
    }

    /// Why the log takes no more entries, if it does not.
    pub fn stop_reason(&self) -> Option<String> {
        self.failure_source().map(|source| source.to_string())
    }

    /// Whether the log takes no more entries before a restart, after an error.
    pub fn is_stopped(&self) -> bool {
        self.condition() == Condition::Stopped
    }

    /// What stopped the log.
    pub fn failure(&self) -> Option<AppendError> {
        self.failure_source().map(AppendError::of_stop)
    }

    fn failure_source(&self) -> Option<Arc<io::Error>> {
        let halted = self.inner.shared.lock().halted.clone();
        halted.filter(|halt| !halt.is_full).map(|halt| halt.error)
    }

    /// Publishes what is committed, ends the threads, releases the lock. Clones can still read.
    pub fn close(self) {
        self.inner.shutdown();
    }
}

fn unsequenced(event: &Event) -> Result<Unsequenced, AppendError> {
    Unsequenced::new(event).map_err(|unfit| match unfit {
        Unfit::NotCanonical => AppendError::Invalid,
        Unfit::TooLarge(size_bytes) => {
            AppendError::TooLarge { size_bytes, limit_bytes: ENTRY_BYTES_MAX }
        }
    })
}

impl Inner {
    fn append(
        &self,
        entry: Unsequenced,
        change: Option<KeyChange>,
    ) -> Result<Receipt, AppendError> {
        {
            // At the door, so that a flood of callers does not keep the log from looking for space.
            let mut state = self.shared.lock();
            if let Some(halt) = state.halted.clone() {
                state.refused += 1;
                return Err(halt.refusal());
            }
        }
        let (reply, answer) = sync_channel(1);
        let taken = Arc::new(AtomicBool::new(false));
        let waiting = Waiting { entry, change, reply, taken: Arc::clone(&taken) };
        match self.queue.try_send(Request::Append(waiting)) {
            Ok(()) => {}
            Err(TrySendError::Disconnected(_)) => return Err(self.ended()),
            Err(TrySendError::Full(_)) => return Err(AppendError::Busy),
        }
        match answer.recv_timeout(self.append_wait) {
            Ok(answered) => answered,
            Err(RecvTimeoutError::Disconnected) => Err(self.ended()),
            Err(RecvTimeoutError::Timeout) if Waiting::take(&taken) => Err(AppendError::Busy),
            // The sequencer has it: it may have answered since.
            Err(RecvTimeoutError::Timeout) => answer.try_recv().unwrap_or(Err(AppendError::Busy)),
        }
    }

    fn shutdown(&self) {
        let running = self.running.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(running) = running else { return };
        if self.queue.send(Request::Close).is_err() {
            tracing::debug!("the sequencer had ended before the log was closed");
        }
        if running.sequencer.join().is_err() {
            tracing::error!("a thread of the audit log panicked");
        }
    }

    /// The error of an append that no sequencer took.
    fn ended(&self) -> AppendError {
        let closed =
            || Halt { error: Arc::new(io::Error::other("the log is closed")), is_full: false };
        self.shared.lock().halted.clone().unwrap_or_else(closed).refusal()
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.shutdown();
    }
}
