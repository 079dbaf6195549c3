//! Files that fail: the second implementation of [`LogFiles`], for fault matrices.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};

use super::files::{DiskFiles, LogFiles, LogPaths};

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

/// Real files whose `nth` write (from 0) fails, and every later one is lost.
pub struct FaultyFiles {
    disk: DiskFiles,
    nth: u64,
    fault: Fault,
    writes: AtomicU64,
}

impl FaultyFiles {
    /// Fails the `nth` write.
    pub const fn new(paths: LogPaths, nth: u64, fault: Fault) -> Self {
        Self { disk: DiskFiles::new(paths), nth, fault, writes: AtomicU64::new(0) }
    }

    /// Writes that were asked for so far.
    pub fn writes(&self) -> u64 {
        self.writes.load(Ordering::SeqCst)
    }

    /// Runs a write, or fails it; `torn` does half of it.
    fn run(
        &self,
        write: impl FnOnce() -> io::Result<()>,
        torn: impl FnOnce() -> io::Result<()>,
    ) -> io::Result<()> {
        let number = self.writes.fetch_add(1, Ordering::SeqCst);
        match (number == self.nth, self.fault) {
            (false, _) if number < self.nth => return write(),
            (true, Fault::Kept) => write()?,
            (true, Fault::Torn) => torn()?,
            _ => {}
        }
        Err(io::Error::other(format!("injected fault at write {number}")))
    }
}

impl LogFiles for FaultyFiles {
    fn append_journal(&self, bytes: &[u8]) -> io::Result<()> {
        let (half, _) = bytes.split_at(bytes.len() / 2);
        self.run(|| self.disk.append_journal(bytes), || self.disk.append_journal(half))
    }

    fn replace_journal(&self, bytes: &[u8]) -> io::Result<()> {
        self.run(|| self.disk.replace_journal(bytes), || Ok(()))
    }

    fn publish(&self, path: &str, bytes: &[u8]) -> io::Result<()> {
        self.run(|| self.disk.publish(path, bytes), || Ok(()))
    }

    fn remove_folder(&self, path: &str) -> io::Result<()> {
        self.run(|| self.disk.remove_folder(path), || Ok(()))
    }
}
