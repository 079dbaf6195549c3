//! A journal that fails when a test says so.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use affiant::audit::{DiskFiles, LogFiles};

/// Real files whose journal fails at a commit that the test chooses, and at every one after it.
pub(super) struct Failing {
    disk: DiskFiles,
    /// Commits that still succeed; below zero, none does.
    left: AtomicI64,
    /// Commits for which there is space once the reserve is given up.
    spare: AtomicI64,
    kept: bool,
    kind: io::ErrorKind,
}

impl Failing {
    /// The disk breaks; nothing fails before [`Self::after`] is called.
    pub(super) fn broken(disk: DiskFiles, kept: bool) -> Arc<Self> {
        Self::new(disk, kept, io::ErrorKind::Other)
    }

    /// The disk fills up, and the space kept for the log is enough for one commit;
    /// nothing fails before [`Self::after`] is called.
    pub(super) fn full(disk: DiskFiles, kept: bool) -> Arc<Self> {
        Self::new(disk, kept, io::ErrorKind::StorageFull)
    }

    fn new(disk: DiskFiles, kept: bool, kind: io::ErrorKind) -> Arc<Self> {
        let (left, spare) = (AtomicI64::new(i64::MAX), AtomicI64::new(0));
        Arc::new(Self { disk, left, spare, kept, kind })
    }

    /// The commit after so many more fails, and every one after it.
    pub(super) fn after(&self, commits: i64) {
        self.spare.store(0, Ordering::SeqCst);
        self.left.store(commits, Ordering::SeqCst);
    }

    /// All is well again.
    pub(super) fn mend(&self) {
        self.left.store(i64::MAX, Ordering::SeqCst);
    }

    fn error(&self) -> io::Error {
        io::Error::new(self.kind, "injected by this test")
    }
}

impl LogFiles for Failing {
    fn append_journal(&self, bytes: &[u8]) -> io::Result<()> {
        let left = self.left.fetch_sub(1, Ordering::SeqCst);
        let succeeds = left > 0 || self.spare.fetch_sub(1, Ordering::SeqCst) > 0;
        if succeeds || (left == 0 && self.kept) {
            self.disk.append_journal(bytes)?;
        }
        if succeeds { Ok(()) } else { Err(self.error()) }
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
        let is_full = self.kind == io::ErrorKind::StorageFull;
        let is_well = !is_full || self.left.load(Ordering::SeqCst) > 0;
        if is_well { self.disk.make_reserve() } else { Err(self.error()) }
    }

    fn free_reserve(&self) -> io::Result<()> {
        self.disk.free_reserve()?;
        self.spare.store(1, Ordering::SeqCst);
        Ok(())
    }
}
