use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::Path;

use rustix::fs::{FallocateFlags, fallocate, statvfs};
use rustix::io::Errno;

use super::{at, parent, remove, sync_parent};

/// Bytes that may still be written to the file system of `path`, by others than root.
///
/// # Errors
/// Any IO error.
pub fn free_bytes(path: &Path) -> io::Result<u64> {
    let found = statvfs(path).map_err(|e| at(path, "measure the space of", e.into()))?;
    Ok(found.f_bavail.saturating_mul(found.f_frsize))
}

/// Whether an error says that there is no space left, rather than that something is broken.
pub fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

/// Makes `path` a file that occupies `len` bytes of storage, to be removed when they are needed.
/// As much again must be free, so that who lives from it is not back here at once.
///
/// # Errors
/// [`is_full`] where there is not enough space; any other IO error. No part of it stays then.
pub fn reserve(path: &Path, len: u64) -> io::Result<()> {
    let occupies = |found: fs::Metadata| found.len() == len && found.blocks() * 512 >= len;
    if fs::metadata(path).is_ok_and(occupies) {
        return Ok(());
    }
    occupy(path, len).or_else(|error| {
        remove(path)?;
        Err(error)
    })
}

fn occupy(path: &Path, len: u64) -> io::Result<()> {
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path)
        .map_err(|e| at(path, "create", e))?;
    let twice = len.saturating_mul(2);
    match fallocate(&file, FallocateFlags::empty(), 0, twice) {
        Ok(()) => {}
        Err(Errno::OPNOTSUPP | Errno::NOSYS) => {
            fill(&mut file, twice).map_err(|e| at(path, "fill", e))?;
        }
        Err(errno) => return Err(at(parent(path), "keep space free in", errno.into())),
    }
    file.set_len(len).map_err(|e| at(path, "shorten", e))?;
    file.sync_all().map_err(|e| at(path, "sync", e))?;
    sync_parent(path)
}

fn fill(file: &mut File, len: u64) -> io::Result<()> {
    let block = vec![0xa5; 1 << 16];
    for _ in 0..len.div_ceil(block.len() as u64) {
        file.write_all(&block)?;
    }
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEN: u64 = 256 * 1024;

    #[test]
    fn a_reserve_occupies_its_space_and_is_made_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("reserve");
        reserve(&path, LEN).unwrap();
        let first = fs::metadata(&path).unwrap();
        assert!(first.len() == LEN && first.blocks() * 512 >= LEN, "{first:?}");
        reserve(&path, LEN).unwrap();
        let again = fs::metadata(&path).unwrap();
        assert_eq!(again.mtime_nsec(), first.mtime_nsec(), "it is left alone");
        // What a crash left, or somebody made sparse, is no reserve.
        for (len, sparse) in [(LEN / 2, false), (LEN * 2, false), (LEN, true)] {
            let file = File::options().write(true).open(&path).unwrap();
            if sparse {
                file.set_len(0).unwrap();
            }
            file.set_len(len).unwrap();
            reserve(&path, LEN).unwrap();
            let found = fs::metadata(&path).unwrap();
            assert!(found.len() == LEN && found.blocks() * 512 >= LEN, "{len} {sparse}");
        }
    }

    #[test]
    fn what_cannot_be_reserved_leaves_nothing_behind() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("reserve");
        assert!(free_bytes(folder.path()).unwrap() > 0);
        // More than any file may have, so that no other test meets a full disk meanwhile.
        assert!(reserve(&path, 1 << 61).is_err());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn only_a_lack_of_space_is_full() {
        for (errno, full) in [
            (Errno::NOSPC, true),
            (Errno::DQUOT, true),
            (Errno::IO, false),
            (Errno::FBIG, false),
            (Errno::ROFS, false),
        ] {
            assert_eq!(is_full(&errno.into()), full, "{errno}");
            assert_eq!(is_full(&at(Path::new("x"), "y", errno.into())), full, "{errno}");
        }
    }
}
