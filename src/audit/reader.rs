//! Reading entries and proofs from an open log: the tail from memory, the rest from full files,
//! which never change.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use super::checkpoint::{Checkpoint, CheckpointError, render_proof};
use super::entry::Entry;
use super::folder::{Folder, FolderError};
use super::merkle::{self, Hash, Nodes, leaf_hash, root_of};
use super::shared::Shared;
use super::tile::{Edge, Part, PartKind, TILE_HEIGHT, TILE_WIDTH};
use crate::domain::ids::EntryIndex;

/// Why an entry or a proof cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// Caller: the log is not that long.
    #[error("there is no entry {index}: the log has {size}")]
    NotFound {
        /// What was asked for.
        index: u64,
        /// Entries in the log.
        size: u64,
    },
    /// Corrupt: the published folder was altered; verify it.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// Corrupt: the entry's bytes are no entry, or its proof does not hold.
    #[error("entry {index} does not fit the log: run `audit verify`")]
    Corrupt {
        /// The entry.
        index: u64,
    },
    /// Corrupt: the log's own checkpoint does not read.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
}

/// Reads one open log.
pub(super) struct Reader {
    shared: Arc<Shared>,
    folder: Folder,
}

impl Reader {
    pub(super) fn new(shared: Arc<Shared>, log: &Path) -> Self {
        Self { shared, folder: Folder::at(log) }
    }

    /// Up to `limit` entries from `from` on; fewer at the end of the log.
    pub(super) fn entries(&self, from: u64, limit: usize) -> Result<Vec<Entry>, ReadError> {
        let (size, tail_start) = {
            let state = self.shared.lock();
            (state.edge.size(), state.tail_start())
        };
        let end = size.min(from.saturating_add(limit as u64));
        let mut found = Vec::new();
        let mut next = from;
        while next < end.min(tail_start) {
            let number = next / TILE_WIDTH;
            let skip = (next % TILE_WIDTH) as usize;
            let take = (end.min((number + 1) * TILE_WIDTH) - next) as usize;
            for entry in self.bundle(number)?.iter().skip(skip).take(take) {
                found.push(parse(next, entry)?);
                next += 1;
            }
        }
        let state = self.shared.lock();
        let tail: Vec<_> = (next..end).map_while(|index| state.in_tail(index).cloned()).collect();
        drop(state);
        // Published meanwhile, so no longer in memory: read the rest from disk.
        let moved = tail.len() as u64 != end.saturating_sub(next);
        if moved {
            found.extend(self.entries(next, (end - next) as usize)?);
            return Ok(found);
        }
        for stored in tail {
            found.push(parse(next, &stored.bytes)?);
            next += 1;
        }
        Ok(found)
    }

    /// The entries of a full bundle, checked against their hashes.
    fn bundle(&self, number: u64) -> Result<Vec<Arc<[u8]>>, ReadError> {
        let part = Part::full(PartKind::Entries, number);
        let entries = self.folder.entries(part)?;
        let hashes = self.folder.hashes(Part { kind: PartKind::Tile(0), ..part })?;
        for ((entry, hash), offset) in entries.iter().zip(&hashes).zip(0..) {
            if leaf_hash(entry) != *hash {
                return Err(ReadError::Corrupt { index: number * TILE_WIDTH + offset });
            }
        }
        Ok(entries)
    }

    /// The first entry, where there is any.
    pub(super) fn first(&self) -> Result<Option<Entry>, ReadError> {
        Ok(self.entries(0, 1)?.pop())
    }

    pub(super) fn entry(&self, index: u64) -> Result<Entry, ReadError> {
        let size = self.shared.lock().edge.size();
        let missing = || ReadError::NotFound { index, size };
        self.entries(index, 1)?.pop().ok_or_else(missing)
    }

    /// A tlog-proof of one entry under the newest signed checkpoint.
    pub(super) fn proof(&self, index: u64) -> Result<String, ReadError> {
        let mut snapshot = self.snapshot();
        let size = snapshot.edge.size();
        if index >= size {
            return Err(ReadError::NotFound { index, size });
        }
        let path = merkle::inclusion(&mut snapshot, index, size)?;
        let leaf = snapshot.node(0, index)?;
        // The folder is not trusted: a proof that does not hold is never handed out.
        if !merkle::check_inclusion(&leaf, index, size, &path, &snapshot.edge.root()) {
            return Err(ReadError::Corrupt { index });
        }
        Ok(render_proof(index, &path, &snapshot.note))
    }

    /// The hashes that prove that the log of `old` entries is the beginning of today's, with the
    /// checkpoint of today's.
    pub(super) fn consistency(&self, old: u64) -> Result<(Vec<Hash>, String), ReadError> {
        let mut snapshot = self.snapshot();
        let size = snapshot.edge.size();
        if old > size {
            return Err(ReadError::NotFound { index: old, size });
        }
        let path = merkle::consistency(&mut snapshot, old, size)?;
        Ok((path, snapshot.note.to_string()))
    }

    /// The hashes that prove that the log of `old` entries is the beginning of that of `new`.
    pub(super) fn consistency_between(
        &self,
        old: u64,
        new: &Checkpoint,
    ) -> Result<Vec<Hash>, ReadError> {
        let mut snapshot = self.snapshot();
        let size = snapshot.edge.size();
        if old > new.size || new.size > size {
            return Err(ReadError::NotFound { index: old.max(new.size), size });
        }
        let path = merkle::consistency(&mut snapshot, old, new.size)?;
        let root = merkle::subtree(&mut snapshot, 0, old)?;
        // The folder is not trusted: a proof that does not hold is never handed out.
        match merkle::check_consistency((old, &root), (new.size, &new.root), &path) {
            true => Ok(path),
            false => Err(ReadError::Corrupt { index: old }),
        }
    }

    fn snapshot(&self) -> Snapshot<'_> {
        let state = self.shared.lock();
        Snapshot {
            folder: &self.folder,
            edge: state.edge.clone(),
            note: Arc::clone(&state.note),
            tail_start: state.tail_start(),
            tail: state.tail.iter().map(|stored| stored.leaf).collect(),
            tiles: BTreeMap::new(),
        }
    }
}

fn parse(index: u64, bytes: &[u8]) -> Result<Entry, ReadError> {
    Entry::parse(EntryIndex(index), bytes.to_vec()).ok_or(ReadError::Corrupt { index })
}

/// The hashes of one moment of the log.
struct Snapshot<'a> {
    folder: &'a Folder,
    edge: Edge,
    note: Arc<str>,
    tail_start: u64,
    tail: Vec<Hash>,
    /// Tiles that were read, by level and number.
    tiles: BTreeMap<(u8, u64), Vec<Hash>>,
}

impl Snapshot<'_> {
    /// The hash at a level of tiles.
    fn hash(&mut self, level: u8, index: u64) -> Result<Hash, ReadError> {
        let kind = PartKind::Tile(level);
        let (number, offset) = (index / TILE_WIDTH, (index % TILE_WIDTH) as usize);
        let corrupt = ReadError::Corrupt { index };
        if number == kind.count(self.edge.size()) / TILE_WIDTH {
            return self.edge.level(level).get(offset).copied().ok_or(corrupt);
        }
        let part = Part::full(kind, number);
        if part.is_within(self.tail_start) {
            let hashes = match self.tiles.entry((level, number)) {
                std::collections::btree_map::Entry::Occupied(known) => known.into_mut(),
                std::collections::btree_map::Entry::Vacant(new) => {
                    new.insert(self.folder.hashes(part)?)
                }
            };
            return hashes.get(offset).copied().ok_or(corrupt);
        }
        // Full, and not yet published.
        match level.checked_sub(1) {
            None => {
                let at = index.checked_sub(self.tail_start).and_then(|i| usize::try_from(i).ok());
                at.and_then(|at| self.tail.get(at)).copied().ok_or(corrupt)
            }
            Some(below) => {
                let children = index * TILE_WIDTH..(index + 1) * TILE_WIDTH;
                let hashes: Result<Vec<_>, _> =
                    children.map(|child| self.hash(below, child)).collect();
                Ok(root_of(&hashes?))
            }
        }
    }
}

impl Nodes for Snapshot<'_> {
    type Error = ReadError;

    fn node(&mut self, level: u32, index: u64) -> Result<Hash, ReadError> {
        let tile_level = u8::try_from(level / TILE_HEIGHT).unwrap_or(u8::MAX);
        let height = level % TILE_HEIGHT;
        let hashes: Result<Vec<_>, _> =
            (index << height..(index + 1) << height).map(|at| self.hash(tile_level, at)).collect();
        Ok(root_of(&hashes?))
    }
}
