//! Reading a tlog-tiles folder: tiles, bundles, and the right edge.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::checkpoint::Checkpoint;
use super::merkle::{Hash, leaf_hash, root_of};
use super::tile::{
    BUNDLE_BYTES_MAX, Edge, Part, PartKind, TILE_BYTES, TILE_LEVELS, TILE_WIDTH, split_entries,
    split_hashes,
};

/// Why a file of the folder is of no use.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// It is not there.
    #[error("{} is missing", path.display())]
    Missing {
        /// The file.
        path: PathBuf,
    },
    /// Its length or structure is wrong, or it does not fit its neighbours.
    #[error("{} {problem}", path.display())]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// It could not be read.
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// The entries of one bundle.
pub(super) type Entries = Vec<Arc<[u8]>>;

/// A tlog-tiles folder. Nothing read from it is trusted.
#[derive(Clone, Debug)]
pub(super) struct Folder {
    root: PathBuf,
}

impl Folder {
    pub(super) fn at(root: &Path) -> Self {
        Self { root: root.to_owned() }
    }

    pub(super) fn path(&self, part: Part) -> PathBuf {
        self.root.join(part.to_string())
    }

    /// The bytes of a file; a partial one may have been replaced by its full one.
    fn read(&self, part: Part, limit: u64) -> Result<(Vec<u8>, bool), FolderError> {
        let full = Part::full(part.kind, part.number);
        for candidate in [part, full] {
            match super::files::read_bounded(&self.path(candidate), limit) {
                Ok(bytes) => return Ok((bytes, candidate == full && part != full)),
                Err(e) if e.kind() == io::ErrorKind::NotFound => {}
                Err(e) if e.kind() == io::ErrorKind::InvalidData => {
                    let path = self.path(candidate);
                    return Err(FolderError::Corrupt { path, problem: "is too long" });
                }
                Err(e) => return Err(e.into()),
            }
        }
        Err(FolderError::Missing { path: self.path(part) })
    }

    /// The hashes of a tile, as many as its width says.
    pub(super) fn hashes(&self, part: Part) -> Result<Vec<Hash>, FolderError> {
        let (bytes, longer) = self.read(part, TILE_BYTES as u64)?;
        let mut hashes = split_hashes(&bytes).unwrap_or_default();
        if longer {
            hashes.truncate(usize::from(part.width));
        }
        if hashes.len() != usize::from(part.width) {
            let problem = "does not have the length of its tile";
            return Err(FolderError::Corrupt { path: self.path(part), problem });
        }
        Ok(hashes)
    }

    /// The entries of a bundle, as many as its width says.
    pub(super) fn entries(&self, part: Part) -> Result<Entries, FolderError> {
        self.with_entries(part, |entries| entries.iter().map(|entry| Arc::from(*entry)).collect())
    }

    /// What `take` makes of the entries of a bundle, as many as its width says.
    pub(super) fn with_entries<T>(
        &self,
        part: Part,
        take: impl FnOnce(&[&[u8]]) -> T,
    ) -> Result<T, FolderError> {
        let (bytes, longer) = self.read(part, BUNDLE_BYTES_MAX)?;
        let mut entries = split_entries(&bytes).unwrap_or_default();
        if longer {
            entries.truncate(usize::from(part.width));
        }
        if entries.len() != usize::from(part.width) {
            let problem = "does not hold the entries of its bundle";
            return Err(FolderError::Corrupt { path: self.path(part), problem });
        }
        Ok(take(&entries))
    }

    /// The right edge of the tree of `checkpoint`, checked against its root, and the entries of
    /// the last bundle, checked against their hashes. The bundle is incomplete, or full and last.
    pub(super) fn edge(&self, checkpoint: &Checkpoint) -> Result<(Edge, Entries), FolderError> {
        let size = checkpoint.size;
        let mut levels = Vec::new();
        for level in 0..TILE_LEVELS {
            let part = PartKind::Tile(level).partial(size);
            levels.push(part.map_or_else(|| Ok(Vec::new()), |part| self.hashes(part))?);
        }
        let Some(last) = last_bundle(size) else { return Ok((Edge::default(), Vec::new())) };
        let tile = Part { kind: PartKind::Tile(0), ..last };
        let entries = self.entries(last)?;
        let hashes = self.hashes(tile)?;
        if !entries.iter().map(|entry| leaf_hash(entry)).eq(hashes.iter().copied()) {
            let problem = "does not have the entries that the tile beside it has hashes of";
            return Err(FolderError::Corrupt { path: self.path(last), problem });
        }
        let above = levels.get(1).and_then(|hashes| hashes.last());
        let full = u64::from(last.width) == TILE_WIDTH;
        let edge = Edge::from_tiles(size, levels.clone())
            .filter(|edge| edge.root() == checkpoint.root)
            .filter(|_| !full || above.is_none_or(|above| *above == root_of(&hashes)));
        match edge {
            Some(edge) => Ok((edge, entries)),
            None => {
                let problem = "and the tiles to its left do not have the checkpoint's root";
                Err(FolderError::Corrupt { path: self.path(tile), problem })
            }
        }
    }
}

/// The last bundle of a log, full or not; `None` where there are no entries.
pub(super) fn last_bundle(size: u64) -> Option<Part> {
    let last_full = || (size / TILE_WIDTH).checked_sub(1);
    PartKind::Entries
        .partial(size)
        .or_else(|| last_full().map(|number| Part::full(PartKind::Entries, number)))
}
