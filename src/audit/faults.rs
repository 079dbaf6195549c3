//! Files that fail: the second implementation of [`LogFiles`], for fault matrices.

use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::files::{DiskFiles, LogFiles, LogPaths};

/// What a log asks of its files: one for each function of [`LogFiles`].
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
#[expect(missing_docs, reason = "named as the functions are")]
pub enum Operation {
    AppendJournal,
    ReplaceJournal,
    Publish,
    RemoveFolder,
    MakeReserve,
    FreeReserve,
}

impl Operation {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::AppendJournal,
        Self::ReplaceJournal,
        Self::Publish,
        Self::RemoveFolder,
        Self::MakeReserve,
        Self::FreeReserve,
    ];
}

/// What becomes of the write that fails.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Fault {
    /// It fails and nothing of it is there.
    Lost,
    /// It fails although all of it is there.
    Kept,
    /// It fails with half of it there; writes that are atomic are lost instead.
    Torn,
}

impl Fault {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Lost, Self::Kept, Self::Torn];
}

/// Why it fails, and with it what comes after.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Cause {
    /// The disk is broken: every later write is lost.
    Broken,
    /// The disk is full: what needs space is lost. The space kept for the log is enough for this
    /// many writes; [`FaultyFiles::give_space`] ends it.
    Full {
        /// Writes that succeed once the reserve is given up.
        reserve: u64,
    },
}

/// Real files of which one write (`nth`, from 0) fails.
pub struct FaultyFiles {
    disk: DiskFiles,
    nth: usize,
    fault: Fault,
    cause: Cause,
    seen: Mutex<Seen>,
}

#[derive(Default)]
struct Seen {
    operations: Vec<Operation>,
    /// Writes for which there is space on the full disk.
    left: u64,
    is_roomy: bool,
}

impl FaultyFiles {
    /// Nothing fails.
    pub fn healthy(paths: LogPaths) -> Self {
        Self::new(paths, usize::MAX, Fault::Lost, Cause::Broken)
    }

    /// The `nth` write fails.
    pub fn new(paths: LogPaths, nth: usize, fault: Fault, cause: Cause) -> Self {
        Self { disk: DiskFiles::new(paths), nth, fault, cause, seen: Mutex::default() }
    }

    /// What was asked for so far.
    pub fn operations(&self) -> Vec<Operation> {
        self.seen().operations.clone()
    }

    /// The full disk has space again.
    pub fn give_space(&self) {
        self.seen().is_roomy = true;
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs a write, or fails it; `torn` does half of it.
    fn run(
        &self,
        operation: Operation,
        write: impl FnOnce() -> io::Result<()>,
        torn: impl FnOnce() -> io::Result<()>,
    ) -> io::Result<()> {
        let mut seen = self.seen();
        let number = seen.operations.len();
        seen.operations.push(operation);
        if number < self.nth || (number > self.nth && self.has_space(operation, &mut seen)) {
            drop(seen);
            return write();
        }
        drop(seen);
        match self.fault {
            Fault::Kept if number == self.nth => write()?,
            Fault::Torn if number == self.nth => torn()?,
            Fault::Lost | Fault::Kept | Fault::Torn => {}
        }
        let kind = match self.cause {
            Cause::Broken => io::ErrorKind::Other,
            Cause::Full { .. } => io::ErrorKind::StorageFull,
        };
        Err(io::Error::new(kind, format!("injected fault at write {number}, {operation:?}")))
    }

    /// Whether a write after the one that failed succeeds.
    fn has_space(&self, operation: Operation, seen: &mut Seen) -> bool {
        let Cause::Full { reserve } = self.cause else { return false };
        match operation {
            Operation::RemoveFolder => return true,
            Operation::FreeReserve => {
                seen.left = reserve;
                return true;
            }
            Operation::MakeReserve => return seen.is_roomy,
            Operation::AppendJournal | Operation::ReplaceJournal | Operation::Publish => {}
        }
        if seen.is_roomy {
            return true;
        }
        let left = seen.left.checked_sub(1);
        seen.left = left.unwrap_or(0);
        left.is_some()
    }
}

impl LogFiles for FaultyFiles {
    fn append_journal(&self, bytes: &[u8]) -> io::Result<()> {
        let (half, _) = bytes.split_at(bytes.len() / 2);
        let torn = || self.disk.append_journal(half);
        self.run(Operation::AppendJournal, || self.disk.append_journal(bytes), torn)
    }

    fn replace_journal(&self, bytes: &[u8]) -> io::Result<()> {
        self.run(Operation::ReplaceJournal, || self.disk.replace_journal(bytes), || Ok(()))
    }

    fn publish(&self, path: &str, bytes: &[u8]) -> io::Result<()> {
        self.run(Operation::Publish, || self.disk.publish(path, bytes), || Ok(()))
    }

    fn remove_folder(&self, path: &str) -> io::Result<()> {
        self.run(Operation::RemoveFolder, || self.disk.remove_folder(path), || Ok(()))
    }

    fn make_reserve(&self) -> io::Result<()> {
        self.run(Operation::MakeReserve, || self.disk.make_reserve(), || Ok(()))
    }

    fn free_reserve(&self) -> io::Result<()> {
        self.run(Operation::FreeReserve, || self.disk.free_reserve(), || Ok(()))
    }
}
