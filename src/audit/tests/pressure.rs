//! More comes than the disk can take: callers are told to come back, at once or in good time.

use std::io;
use std::sync::mpsc::{Receiver, SyncSender, channel, sync_channel};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::*;
use crate::audit::log::Pace;
use crate::domain::ids::EntryIndex;

/// Real files whose journal waits at a gate before each commit.
struct Gated {
    disk: DiskFiles,
    arrived: SyncSender<()>,
    gate: Mutex<Receiver<()>>,
}

/// The gate of a log: tells of commits that wait at it. Open for good once dropped.
struct Gate {
    arrived: Receiver<()>,
    _open: SyncSender<()>,
}

impl LogFiles for Gated {
    fn append_journal(&self, bytes: &[u8]) -> io::Result<()> {
        if self.arrived.try_send(()).is_ok() {
            // Ends with an error once the gate is dropped.
            let opened = self.gate.lock().unwrap_or_else(PoisonError::into_inner).recv();
            assert!(opened.is_err());
        }
        self.disk.append_journal(bytes)
    }

    fn replace_journal(&self, bytes: &[u8]) -> io::Result<()> {
        self.disk.replace_journal(bytes)
    }

    fn publish(&self, path: &str, bytes: &[u8]) -> io::Result<()> {
        self.disk.publish(path, bytes)
    }

    fn remove_folder(&self, path: &str) -> io::Result<()> {
        self.disk.remove_folder(path)
    }

    fn make_reserve(&self) -> io::Result<()> {
        self.disk.make_reserve()
    }

    fn free_reserve(&self) -> io::Result<()> {
        self.disk.free_reserve()
    }
}

fn gated(home: &Home, pace: Pace) -> (Log, Gate) {
    let (arrived, arrivals) = sync_channel(1);
    let (open, gate) = sync_channel(1);
    let disk = DiskFiles::new(home.paths.clone());
    let files = Arc::new(Gated { disk, arrived, gate: Mutex::new(gate) });
    let (clock, entropy) = home.parts();
    let (log, _) = Log::open_paced(&home.paths, clock, entropy, files, pace).unwrap();
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
