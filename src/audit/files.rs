//! Where the log writes: the trait, and its real implementation on disk.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::domain::limits::LOG_RESERVE_BYTES;
use crate::durable::{self, AppendFile, Readers};

/// Where the log's files lie in a home.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct LogPaths {
    /// The published log: a C2SP tlog-tiles folder, readable by everyone.
    pub log: PathBuf,
    /// The commit point: batches that may not be published yet, and the last checkpoint that is.
    pub journal: PathBuf,
    /// The verifier key, readable by everyone.
    pub vkey: PathBuf,
    /// The signing key, readable by the appliance alone.
    pub key: PathBuf,
    /// A signing key that the service manager hands over, where it does.
    pub credential: Option<PathBuf>,
}

impl LogPaths {
    /// The layout of a home.
    pub fn of(home: &Path) -> Self {
        Self {
            log: home.join("log"),
            journal: home.join("state").join("log.journal"),
            vkey: home.join("log.vkey"),
            key: home.join("keys").join("log.key"),
            credential: None,
        }
    }

    /// The newest checkpoint that a quorum of witnesses has cosigned, readable by everyone: beside
    /// the published log, whose own checkpoint is newer.
    pub(super) fn cosigned(&self) -> PathBuf {
        self.vkey.with_extension("cosigned")
    }

    /// Timestamps of checkpoints, with their requests: readable by everyone, beside the log.
    pub(super) fn anchors(&self) -> PathBuf {
        self.vkey.with_file_name("anchors")
    }

    /// What this log remembers of its witnesses.
    pub(super) fn witnesses(&self) -> PathBuf {
        self.journal.with_file_name("witnesses.json")
    }

    /// With a signing key that the service manager hands over.
    #[must_use]
    pub fn with_credential(self, credential: Option<PathBuf>) -> Self {
        Self { credential, ..self }
    }

    /// The lock of the one process that may append.
    pub(super) fn lock(&self) -> PathBuf {
        self.journal.with_extension("lock")
    }

    /// Occupied for the day on which the disk is full. It lies where the journal lies.
    pub(super) fn reserve(&self) -> PathBuf {
        self.journal.with_extension("reserve")
    }
}

/// Everything that an open log writes. Each call returns only when its effect is durable; after an
/// error it is unknown whether the effect took place, and the log stops, or reads what is there
/// where only space was lacking ([`durable::is_full`]).
pub trait LogFiles: Send + Sync {
    /// Appends to the journal: the commit point.
    ///
    /// # Errors
    /// Any IO error.
    fn append_journal(&self, bytes: &[u8]) -> io::Result<()>;
    /// Replaces the journal in one step.
    ///
    /// # Errors
    /// Any IO error.
    fn replace_journal(&self, bytes: &[u8]) -> io::Result<()>;
    /// Writes a file of the published log, in one step, making its folder.
    ///
    /// # Errors
    /// Any IO error.
    fn publish(&self, path: &str, bytes: &[u8]) -> io::Result<()>;
    /// Removes a folder of partial tiles, if it is there.
    ///
    /// # Errors
    /// Any other IO error.
    fn remove_folder(&self, path: &str) -> io::Result<()>;
    /// Keeps space for what a full log still has to say; nothing where it is kept already.
    ///
    /// # Errors
    /// Where there is not enough space; any other IO error.
    fn make_reserve(&self) -> io::Result<()>;
    /// Gives that space up.
    ///
    /// # Errors
    /// Any IO error.
    fn free_reserve(&self) -> io::Result<()>;
}

/// What every reader needs of a folder: to list it, and to open what is in it.
const READABLE: u32 = 0o055;

/// The files of a home.
pub struct DiskFiles {
    paths: LogPaths,
    journal: Mutex<Option<AppendFile>>,
    /// Folders of the log that this process has made or made sure of.
    folders: Mutex<BTreeSet<PathBuf>>,
}

impl DiskFiles {
    /// Nothing is opened before it is written.
    pub const fn new(paths: LogPaths) -> Self {
        Self { paths, journal: Mutex::new(None), folders: Mutex::new(BTreeSet::new()) }
    }

    /// Makes sure of a folder and of those between it and the log, once each.
    fn make_folder(&self, folder: &Path) -> io::Result<()> {
        let is_known = |folder: &Path| self.folders().contains(folder);
        let of_log = folder.ancestors().take_while(|folder| *folder != self.paths.log);
        let mut unknown: Vec<&Path> = of_log.filter(|folder| !is_known(folder)).collect();
        while let Some(folder) = unknown.pop() {
            make_readable_folder(folder)?;
            self.folders().insert(folder.to_owned());
        }
        Ok(())
    }

    fn folders(&self) -> MutexGuard<'_, BTreeSet<PathBuf>> {
        self.folders.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl LogFiles for DiskFiles {
    fn append_journal(&self, bytes: &[u8]) -> io::Result<()> {
        let mut journal = self.journal.lock().unwrap_or_else(PoisonError::into_inner);
        match journal.as_mut() {
            Some(file) => file.append(bytes),
            None => journal.insert(AppendFile::open(&self.paths.journal)?).append(bytes),
        }
    }

    fn replace_journal(&self, bytes: &[u8]) -> io::Result<()> {
        let mut journal = self.journal.lock().unwrap_or_else(PoisonError::into_inner);
        *journal = None;
        durable::replace(&self.paths.journal, bytes, Readers::Owner)
    }

    fn publish(&self, path: &str, bytes: &[u8]) -> io::Result<()> {
        let path = self.paths.log.join(path);
        if let Some(folder) = path.parent() {
            self.make_folder(folder)?;
        }
        // Staged outside, so that the folder never has a file that no log has, not even in a crash.
        let staged = self.paths.journal.with_extension("staged");
        write_staged(&staged, bytes).map_err(|e| durable::at(&staged, "write", e))?;
        match durable::rename(&staged, &path) {
            // The log lies on a volume of its own: opening sweeps what a crash leaves there.
            Err(e) if e.kind() == io::ErrorKind::CrossesDevices => {
                durable::replace(&path, bytes, Readers::Everyone)
            }
            renamed => renamed,
        }
    }

    fn remove_folder(&self, path: &str) -> io::Result<()> {
        let path = self.paths.log.join(path);
        self.folders().remove(&path);
        match fs::remove_dir_all(&path) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(e) => Err(durable::at(&path, "remove", e)),
            Ok(()) => sync_folder(path.parent().unwrap_or(&self.paths.log)),
        }
    }

    fn make_reserve(&self) -> io::Result<()> {
        durable::reserve(&self.paths.reserve(), LOG_RESERVE_BYTES)
    }

    fn free_reserve(&self) -> io::Result<()> {
        durable::remove(&self.paths.reserve())
    }
}

fn write_staged(staged: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = durable::create_stream(staged, Readers::Everyone)?;
    file.write_all(bytes)?;
    file.set_permissions(fs::Permissions::from_mode(0o644))?;
    file.sync_all()
}

/// Makes `folder`, open to every reader, and durable in the one that it lies in. One that is there
/// is treated the same: what made it may have been cut off.
pub(super) fn make_readable_folder(folder: &Path) -> io::Result<()> {
    durable::create_dir_all(folder)?;
    let at = |error| durable::at(folder, "set the mode of", error);
    let mode = fs::metadata(folder).map_err(at)?.permissions().mode();
    if mode & READABLE != READABLE {
        fs::set_permissions(folder, fs::Permissions::from_mode(0o755)).map_err(at)?;
    }
    sync_folder(folder)?;
    folder.parent().map_or(Ok(()), sync_folder)
}

fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)
        .and_then(|folder| folder.sync_all())
        .map_err(|e| durable::at(folder, "sync the folder", e))
}

/// Reads a whole file of at most `limit` bytes.
pub(super) fn read_bounded(path: &Path, limit: u64) -> io::Result<Vec<u8>> {
    let read = |file: File| {
        let expected = file.metadata()?.len().min(limit).saturating_add(1);
        let mut bytes = Vec::with_capacity(usize::try_from(expected).unwrap_or(0));
        file.take(limit.saturating_add(1)).read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    let bytes = File::open(path).and_then(read).map_err(|e| durable::at(path, "read", e))?;
    if bytes.len() as u64 > limit {
        let problem = format!("{} has more than {limit} bytes", path.display());
        return Err(io::Error::new(io::ErrorKind::InvalidData, problem));
    }
    Ok(bytes)
}
