//! Where the bytes of a batch come from: files, folders, uploads.

use std::path::{Path, PathBuf};

use walkdir::WalkDir;

use crate::domain::limits::FILE_BYTES_MAX;

use super::IngestError;

/// A file to take in.
#[derive(Debug)]
pub enum Source {
    /// On this machine's disk.
    File(PathBuf),
    /// Uploaded.
    Bytes {
        /// The name it was uploaded under.
        name: String,
        /// Its bytes.
        bytes: Vec<u8>,
    },
}

/// A source's bytes, or why they could not be had.
pub(super) enum Read {
    Bytes(Vec<u8>),
    TooLarge { bytes: u64 },
    Failed(std::io::Error),
}

impl Source {
    /// Every file at or below `paths`, in a fixed order; hidden files and links are passed over.
    ///
    /// # Errors
    /// [`IngestError::Source`] where a named path does not exist.
    pub fn files(paths: &[PathBuf]) -> Result<Vec<Self>, IngestError> {
        let mut files = Vec::new();
        for path in paths {
            std::fs::metadata(path).map_err(|source| IngestError::Source {
                path: path.display().to_string(),
                source,
            })?;
            let walk = WalkDir::new(path).sort_by_file_name().into_iter().filter_entry(|entry| {
                entry.depth() == 0 || !entry.file_name().to_string_lossy().starts_with('.')
            });
            let found = walk.filter_map(Result::ok).filter(|entry| entry.file_type().is_file());
            files.extend(found.map(|entry| Self::File(entry.into_path())));
        }
        Ok(files)
    }

    /// The path as it is shown.
    pub fn path(&self) -> String {
        match self {
            Self::File(path) => path.display().to_string(),
            Self::Bytes { name, .. } => name.clone(),
        }
    }

    /// The file's own name.
    pub fn name(&self) -> String {
        let path = match self {
            Self::File(path) => path.as_path(),
            Self::Bytes { name, .. } => Path::new(name),
        };
        path.file_name().map_or_else(|| self.path(), |name| name.to_string_lossy().into_owned())
    }

    pub(super) fn read(self) -> Read {
        match self {
            Self::Bytes { bytes, .. } if bytes.len() as u64 > FILE_BYTES_MAX => {
                Read::TooLarge { bytes: bytes.len() as u64 }
            }
            Self::Bytes { bytes, .. } => Read::Bytes(bytes),
            Self::File(path) => match std::fs::metadata(&path) {
                Ok(meta) if meta.len() > FILE_BYTES_MAX => Read::TooLarge { bytes: meta.len() },
                Ok(_) => std::fs::read(&path).map_or_else(Read::Failed, Read::Bytes),
                Err(error) => Read::Failed(error),
            },
        }
    }
}
