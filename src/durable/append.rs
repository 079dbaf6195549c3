use std::fs::{File, OpenOptions};
use std::io::{self, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use super::{at, sync_parent};

/// A file that only grows, one fsynced append at a time.
pub struct AppendFile {
    file: File,
    path: PathBuf,
    len: u64,
}

impl AppendFile {
    /// Opens `path`, creating it empty where it is missing.
    ///
    /// # Errors
    /// Any IO error, with the path in its text.
    pub fn open(path: &Path) -> io::Result<Self> {
        let fresh = !path.exists();
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(path)
            .map_err(|e| at(path, "open", e))?;
        if fresh {
            file.sync_all().map_err(|e| at(path, "sync", e))?;
            sync_parent(path)?;
        }
        let len = file.seek(SeekFrom::End(0)).map_err(|e| at(path, "seek in", e))?;
        Ok(Self { file, path: path.to_owned(), len })
    }

    /// Bytes in the file.
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Whether nothing was appended yet.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Appends `bytes` and returns after fdatasync.
    ///
    /// # Errors
    /// Any IO error: how much is on disk is then unknown, so the caller must stop.
    pub fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all(bytes).map_err(|e| at(&self.path, "append to", e))?;
        self.file.sync_data().map_err(|e| at(&self.path, "sync", e))?;
        self.len += bytes.len() as u64;
        Ok(())
    }

    /// Cuts the file to `len` bytes, durably: drops a torn tail during recovery.
    ///
    /// # Errors
    /// Any IO error.
    pub fn truncate(&mut self, len: u64) -> io::Result<()> {
        self.file.set_len(len).map_err(|e| at(&self.path, "truncate", e))?;
        self.file.seek(SeekFrom::Start(len)).map_err(|e| at(&self.path, "seek in", e))?;
        self.file.sync_all().map_err(|e| at(&self.path, "sync", e))?;
        self.len = len;
        Ok(())
    }
}
