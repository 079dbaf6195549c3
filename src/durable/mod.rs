//! Is it on disk for good? Append, atomic replace, exclusive create, lock, space kept free.
//!
//! Every function returns only after the file and its folder are fsynced. After an fsync error the
//! state on disk is unknown: callers stop, they do not retry. Everything is private to the
//! appliance's user (files 0600, folders 0700) unless a function says otherwise.

mod append;
mod lock;
mod space;

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

pub use append::AppendFile;
pub use lock::{Lock, LockError};
pub use space::{free_bytes, is_full, reserve};

/// Who may read a file besides the appliance's own user.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Readers {
    /// Nobody (0600).
    Owner,
    /// Everybody (0644): the log and its verifier key.
    Everyone,
}

impl Readers {
    const fn mode(self) -> u32 {
        match self {
            Self::Owner => 0o600,
            Self::Everyone => 0o644,
        }
    }
}

/// Writes `bytes` to `path`, replacing what is there in one step.
///
/// # Errors
/// Any IO error, with the path in its text. The old content stays on failure before the rename.
pub fn replace(path: &Path, bytes: &[u8], readers: Readers) -> io::Result<()> {
    let temporary = write_temporary(path, bytes, readers)?;
    fs::rename(&temporary, path).map_err(|e| at(path, "rename to", e))?;
    sync_parent(path)
}

/// Copies the rest of an open file to `path`, replacing what is there in one step.
///
/// # Errors
/// As [`replace`].
pub fn replace_from(path: &Path, mut source: &File, readers: Readers) -> io::Result<()> {
    let temporary = write_temporary_with(path, readers, |file| io::copy(&mut source, file))?;
    fs::rename(&temporary, path).map_err(|e| at(path, "rename to", e))?;
    sync_parent(path)
}

/// Writes `bytes` to `path`, which must not exist yet: no reader ever sees it half written.
///
/// # Errors
/// [`io::ErrorKind::AlreadyExists`] where `path` exists; any other IO error.
pub fn create_new(path: &Path, bytes: &[u8], readers: Readers) -> io::Result<()> {
    let temporary = write_temporary(path, bytes, readers)?;
    let linked = fs::hard_link(&temporary, path).map_err(|e| at(path, "create", e));
    fs::remove_file(&temporary).map_err(|e| at(&temporary, "remove", e))?;
    linked?;
    sync_parent(path)
}

/// Writes a new file that need not outlive a loss of power: it is being collected for another one.
///
/// # Errors
/// Any IO error, with the path in its text.
pub fn create_soon(path: &Path, bytes: &[u8], readers: Readers) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true).mode(readers.mode());
    let mut file = options.open(path).map_err(|e| at(path, "create", e))?;
    file.write_all(bytes).map_err(|e| at(path, "write", e))
}

/// Makes a folder and its missing parents.
///
/// # Errors
/// Any IO error, with the path in its text.
pub fn create_dir_all(path: &Path) -> io::Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    if let Some(parent) = path.parent()
        && !parent.as_os_str().is_empty()
    {
        create_dir_all(parent)?;
    }
    match fs::DirBuilder::new().mode(0o700).create(path) {
        Err(e) if e.kind() == io::ErrorKind::AlreadyExists && path.is_dir() => Ok(()),
        Err(e) => Err(at(path, "make the folder", e)),
        Ok(()) => sync_parent(path),
    }
}

/// Removes a file; one that is not there is no error.
///
/// # Errors
/// Any other IO error.
pub fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Ok(()) => sync_parent(path),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(e) => Err(at(path, "remove", e)),
    }
}

/// Renames a finished folder or file into place and makes that durable.
///
/// # Errors
/// Any IO error, with the path in its text.
pub fn rename(from: &Path, to: &Path) -> io::Result<()> {
    fs::rename(from, to).map_err(|e| at(to, "rename to", e))?;
    sync_parent(to)
}

/// Opens a new file for streaming writes; the caller calls [`sync_file`] when done.
///
/// # Errors
/// Any IO error, with the path in its text.
pub fn create_stream(path: &Path, readers: Readers) -> io::Result<File> {
    OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(readers.mode())
        .open(path)
        .map_err(|e| at(path, "create", e))
}

/// Fsyncs a file that was written through [`create_stream`] and its folder.
///
/// # Errors
/// Any IO error; what is on disk is then unknown.
pub fn sync_file(file: &File, path: &Path) -> io::Result<()> {
    file.sync_all().map_err(|e| at(path, "sync", e))?;
    sync_parent(path)
}

fn write_temporary(path: &Path, bytes: &[u8], readers: Readers) -> io::Result<PathBuf> {
    write_temporary_with(path, readers, |file| file.write_all(bytes))
}

fn write_temporary_with<T>(
    path: &Path,
    readers: Readers,
    write: impl FnOnce(&mut File) -> io::Result<T>,
) -> io::Result<PathBuf> {
    let folder = parent(path);
    let mut file = tempfile::Builder::new()
        .prefix(".tmp-")
        .tempfile_in(folder)
        .map_err(|e| at(folder, "create a file in", e))?;
    write(file.as_file_mut()).map_err(|e| at(path, "write", e))?;
    let permissions = fs::Permissions::from_mode(readers.mode());
    file.as_file().set_permissions(permissions).map_err(|e| at(path, "set the mode of", e))?;
    file.as_file().sync_all().map_err(|e| at(path, "sync", e))?;
    let (_, temporary) = file.keep().map_err(|e| at(path, "keep", e.error))?;
    Ok(temporary)
}

fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        Some(_) | None => Path::new("."),
    }
}

fn sync_parent(path: &Path) -> io::Result<()> {
    let folder = parent(path);
    File::open(folder)
        .and_then(|folder| folder.sync_all())
        .map_err(|e| at(folder, "sync the folder", e))
}

/// Adds what was tried and where to an IO error, keeping its kind.
#[expect(clippy::needless_pass_by_value, reason = "called as map_err(|e| at(…, e))")]
pub(crate) fn at(path: &Path, action: &str, source: io::Error) -> io::Error {
    io::Error::new(source.kind(), format!("cannot {action} {}: {source}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replace_and_create_leave_only_whole_files() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        create_new(&path, b"one", Readers::Owner).unwrap();
        let again = create_new(&path, b"two", Readers::Owner).unwrap_err();
        assert_eq!(again.kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(fs::read(&path).unwrap(), b"one");
        replace(&path, b"three", Readers::Everyone).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"three");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o644);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "no temporary file stays");
        remove(&path).unwrap();
        remove(&path).unwrap();
    }
}
