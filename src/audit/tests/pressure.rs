//! More comes than the disk can take: callers are told to come back, at once or in good time.

use std::io;
use std::sync::mpsc::{Receiver, SyncSender, channel, sync_channel};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::*;
use crate::audit::faults::{Cause, Fault, FaultyFiles};
use crate::audit::log::Pace;
use crate::domain::ids::EntryIndex;

/// Told of the bytes of each commit.
type Hook = dyn Fn(&[u8]) + Send + Sync;

/// Files with something that happens before each commit.
struct Hooked {
    files: Arc<dyn LogFiles>,
    before_commit: Box<Hook>,
}

/// The gate of a log whose commits wait at it, and tell so. Open for good once dropped.
struct Gate {
    arrived: Receiver<()>,
    _open: SyncSender<()>,
}

impl LogFiles for Hooked {
    fn append_journal(&self, bytes: &[u8]) -> io::Result<()> {
        (self.before_commit)(bytes);
        self.files.append_journal(bytes)
    }

    fn replace_journal(&self, bytes: &[u8]) -> io::Result<()> {
        self.files.replace_journal(bytes)
    }

    fn publish(&self, path: &str, bytes: &[u8]) -> io::Result<()> {
        self.files.publish(path, bytes)
    }

    fn remove_folder(&self, path: &str) -> io::Result<()> {
        self.files.remove_folder(path)
    }

    fn make_reserve(&self) -> io::Result<()> {
        self.files.make_reserve()
    }

    fn free_reserve(&self) -> io::Result<()> {
        self.files.free_reserve()
    }
}

fn hooked(
    home: &Home,
    pace: Pace,
    files: Arc<dyn LogFiles>,
    before_commit: impl Fn(&[u8]) + Send + Sync + 'static,
) -> Log {
    let files = Arc::new(Hooked { files, before_commit: Box::new(before_commit) });
    let (clock, entropy) = home.parts();
    Log::open_paced(&home.paths, clock, entropy, files, pace).unwrap().0
}

fn gated(home: &Home, pace: Pace) -> (Log, Gate) {
    let (arrived, arrivals) = sync_channel(1);
    let (open, gate) = sync_channel::<()>(1);
    let gate = Mutex::new(gate);
    let disk = Arc::new(DiskFiles::new(home.paths.clone()));
    let log = hooked(home, pace, disk, move |_| {
        if arrived.try_send(()).is_ok() {
            // Ends with an error once the gate is dropped.
            let opened = gate.lock().unwrap_or_else(PoisonError::into_inner).recv();
            assert!(opened.is_err());
        }
    });
    (log, Gate { arrived: arrivals, _open: open })
}

#[test]
fn a_full_queue_turns_callers_away_at_once_and_loses_nobody_in_it() {
    let home = Home::new();
    let (log, gate) = gated(&home, Pace { queue: 1, ..Pace::USUAL });
    thread::scope(|scope| {
        let (tell, told) = channel();
        let append = |page| {
            let (log, tell) = (&log, tell.clone());
            scope.spawn(move || tell.send(log.append(viewed(page))).unwrap());
        };
        append(0);
        gate.arrived.recv().unwrap();
        // The first is being committed: of three more, one has a place in the queue.
        (1..4).for_each(append);
        for _ in 0..2 {
            assert!(matches!(told.recv().unwrap(), Err(AppendError::Busy)));
        }
        drop(gate);
        for _ in 0..2 {
            told.recv().unwrap().unwrap();
        }
    });
    assert_eq!(log.size(), 2);
    log.close();
    assert!(home.verify().ok);
}

#[test]
fn who_waits_too_long_is_told_so_and_what_was_not_begun_is_taken_back() {
    let home = Home::new();
    let (log, gate) = gated(&home, Pace { append_wait: Duration::from_millis(20), ..Pace::USUAL });
    thread::scope(|scope| {
        let first = scope.spawn(|| log.append(viewed(0)));
        gate.arrived.recv().unwrap();
        let second = log.append(viewed(1));
        assert!(matches!(second, Err(AppendError::Busy)), "{second:?}");
        assert!(matches!(first.join().unwrap(), Err(AppendError::Busy)));
        assert!(matches!(log.settle(), Err(AppendError::Busy)), "nothing is decided yet");
        drop(gate);
    });
    log.close();
    // The first was on its way to the disk, and nobody was told; the second never set out.
    let log = home.open();
    let pages: Vec<_> = log.entries(EntryIndex(0), 9).unwrap();
    let pages: Vec<_> = pages.iter().map(|entry| entry.details()["page"].as_u64()).collect();
    assert_eq!(pages, [Some(0)]);
    log.close();
    assert!(home.verify().ok);
}

#[test]
fn a_log_that_is_stopped_while_it_finds_space_stays_stopped() {
    let home = Home::new();
    let pace = Pace { probe: Duration::from_millis(1), ..Pace::USUAL };
    let cause = Cause::Full { reserve: u64::MAX };
    let first_commit = 3;
    let files = FaultyFiles::new(home.paths.clone(), first_commit, Fault::Lost, cause);
    let files = Arc::new(files);
    let slot: Arc<Mutex<Option<Log>>> = Arc::default();
    let to_stop = Arc::clone(&slot);
    let log = hooked(&home, pace, Arc::clone(&files) as Arc<dyn LogFiles>, move |bytes| {
        if String::from_utf8_lossy(bytes).contains("log.storage_restored")
            && let Some(log) = to_stop.lock().unwrap().take()
        {
            log.halt(io::Error::other("a witness disagrees"));
        }
    });
    *slot.lock().unwrap() = Some(log.clone());
    assert!(matches!(log.append(viewed(1)), Err(AppendError::Full)));
    files.give_space();
    while log.condition() == Condition::Full {
        thread::park_timeout(Duration::from_millis(1));
    }
    log.clone().close();
    assert_eq!(log.condition(), Condition::Stopped);
    assert!(matches!(log.append(viewed(1)), Err(AppendError::Halted { .. })));
}
