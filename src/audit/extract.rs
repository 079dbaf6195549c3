//! A log as it was at one checkpoint: as a folder of its own, and its entries in order.

use std::path::Path;
use std::sync::Arc;
use std::vec;

use super::entry::Entry;
use super::folder::{Folder, FolderError};
use super::merkle::{self, Hash, Nodes, root_of};
use super::tile::{Part, PartKind, TILE_HEIGHT, TILE_LEVELS, TILE_WIDTH, push_entry};
use crate::domain::ids::EntryIndex;
use crate::durable::{self, Readers};

/// Copies the tiles and bundles that a log of `size` entries has, as it has them: full ones, and
/// the last incomplete one of each level. `checkpoint` is the caller's to write.
///
/// # Errors
/// [`FolderError`] names the file that is missing or does not have its length.
pub fn copy_tree(from: &Path, size: u64, to: &Path) -> Result<(), FolderError> {
    let from = Folder::at(from);
    let levels = (0..TILE_LEVELS).map(PartKind::Tile);
    for kind in levels.chain([PartKind::Entries]) {
        let full = (0..kind.count(size) / TILE_WIDTH).map(|number| Part::full(kind, number));
        for part in full.chain(kind.partial(size)) {
            let path = to.join(part.to_string());
            if let Some(folder) = path.parent() {
                durable::create_dir_all(folder)?;
            }
            let bytes = bytes_of(&from, part)?;
            durable::create_soon(&path, &bytes, Readers::Everyone)?;
        }
    }
    Ok(())
}

fn bytes_of(folder: &Folder, part: Part) -> Result<Vec<u8>, FolderError> {
    let mut bytes = Vec::new();
    match part.kind {
        PartKind::Tile(_) => {
            folder.hashes(part)?.iter().for_each(|hash| bytes.extend_from_slice(hash));
        }
        PartKind::Entries => {
            folder.entries(part)?.iter().for_each(|entry| push_entry(&mut bytes, entry));
        }
    }
    Ok(bytes)
}

/// The proof that the log of `old` entries is the beginning of that of `size`, from a folder of the
/// latter (RFC 6962 section 2.1.2).
///
/// # Errors
/// [`FolderError`] names the tile that is missing or does not have its length.
pub fn prove_consistency(dir: &Path, old: u64, size: u64) -> Result<Vec<Hash>, FolderError> {
    let mut nodes = FolderNodes { folder: Folder::at(dir), size, last: None };
    merkle::consistency(&mut nodes, old, size)
}

struct FolderNodes {
    folder: Folder,
    size: u64,
    last: Option<(Part, Vec<Hash>)>,
}

impl Nodes for FolderNodes {
    type Error = FolderError;

    fn node(&mut self, level: u32, index: u64) -> Result<Hash, FolderError> {
        let kind = PartKind::Tile(u8::try_from(level / TILE_HEIGHT).unwrap_or(u8::MAX));
        let height = level % TILE_HEIGHT;
        let first = index << height;
        let number = first / TILE_WIDTH;
        let partial = kind.partial(self.size).filter(|part| part.number == number);
        let part = partial.unwrap_or_else(|| Part::full(kind, number));
        if self.last.as_ref().is_none_or(|(known, _)| *known != part) {
            self.last = Some((part, self.folder.hashes(part)?));
        }
        let hashes = self.last.as_ref().map_or(&[][..], |(_, hashes)| hashes.as_slice());
        let start = (first % TILE_WIDTH) as usize;
        let parts = hashes.get(start..start + (1 << height)).ok_or_else(|| {
            let path = self.folder.path(part);
            FolderError::Corrupt { path, problem: "does not have the length of its tile" }
        })?;
        Ok(root_of(parts))
    }
}

/// The entries of a log folder in order, one bundle in memory at a time. The folder is not
/// trusted, nor are they: verify it.
pub struct TreeEntries {
    folder: Folder,
    size: u64,
    next: u64,
    bundle: vec::IntoIter<Arc<[u8]>>,
}

impl TreeEntries {
    /// The first `size` entries of a folder.
    pub fn of(dir: &Path, size: u64) -> Self {
        Self { folder: Folder::at(dir), size, next: 0, bundle: Vec::new().into_iter() }
    }

    fn refill(&mut self) -> Result<(), FolderError> {
        let width = u16::try_from((self.size - self.next).min(TILE_WIDTH)).unwrap_or(0);
        let part = Part { kind: PartKind::Entries, number: self.next / TILE_WIDTH, width };
        self.bundle = self.folder.entries(part)?.into_iter();
        Ok(())
    }
}

impl Iterator for TreeEntries {
    type Item = Result<Entry, FolderError>;

    /// The next entry; ends after the first error.
    fn next(&mut self) -> Option<Self::Item> {
        if self.next >= self.size {
            return None;
        }
        if self.bundle.len() == 0
            && let Err(error) = self.refill()
        {
            self.next = self.size;
            return Some(Err(error));
        }
        let bytes = self.bundle.next()?;
        let index = EntryIndex(self.next);
        self.next += 1;
        let number = index.0 / TILE_WIDTH;
        Some(Entry::parse(index, bytes.to_vec()).ok_or_else(|| {
            let path = self.folder.path(Part::full(PartKind::Entries, number));
            self.next = self.size;
            FolderError::Corrupt { path, problem: "holds bytes that are no entry" }
        }))
    }
}
