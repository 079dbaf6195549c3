//! C2SP tlog-tiles: which files a log of a given size has, and what is in them.

use std::fmt;

use super::merkle::{Hash, root_of};

/// Hashes of a full tile and entries of a full bundle.
pub const TILE_WIDTH: u64 = 256;
/// Bits of a tile: each level of tiles covers eight levels of the tree.
pub const TILE_HEIGHT: u32 = 8;
/// Levels of tiles that a 64-bit size can fill.
pub const TILE_LEVELS: u8 = 8;
/// Bytes of a full tile.
pub const TILE_BYTES: usize = 256 * 32;
/// Bytes of the largest entry bundle.
pub const BUNDLE_BYTES_MAX: u64 = TILE_WIDTH * (2 + 65_535);

/// A file of the log, other than `checkpoint`.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Part {
    /// What it holds.
    pub kind: PartKind,
    /// Its number on its level, from 0.
    pub number: u64,
    /// How many hashes or entries it holds: 1 to 255 in a partial one, 256 in a full one.
    pub width: u16,
}

/// What a file of the log holds.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum PartKind {
    /// Entries themselves, each behind its 16-bit length.
    Entries,
    /// Hashes of tree level 8 × this.
    Tile(u8),
}

impl PartKind {
    /// How many items of this kind a log of `size` entries has.
    pub const fn count(self, size: u64) -> u64 {
        match self {
            Self::Entries => size,
            Self::Tile(level) => match level {
                0..=7 => size >> (TILE_HEIGHT * level as u32),
                _ => 0,
            },
        }
    }

    /// The last, incomplete file of this kind at `size`, if there is one.
    pub const fn partial(self, size: u64) -> Option<Part> {
        let count = self.count(size);
        let width = (count % TILE_WIDTH) as u16;
        match width {
            0 => None,
            _ => Some(Part { kind: self, number: count / TILE_WIDTH, width }),
        }
    }
}

impl Part {
    /// A full file.
    pub const fn full(kind: PartKind, number: u64) -> Self {
        Self { kind, number, width: TILE_WIDTH as u16 }
    }

    /// Whether a log of `size` entries determines every byte of this file.
    pub fn is_within(self, size: u64) -> bool {
        self.number
            .checked_mul(TILE_WIDTH)
            .and_then(|start| start.checked_add(u64::from(self.width)))
            .is_some_and(|end| end <= self.kind.count(size))
    }

    /// The folder that holds this tile's partial files.
    pub fn partial_folder(self) -> String {
        format!("{}.p", Self { width: TILE_WIDTH as u16, ..self })
    }

    /// Reads a path below the log's folder; `None` where no log has such a file.
    pub fn parse(path: &str) -> Option<Self> {
        let (kind, rest) = match path.strip_prefix("tile/")?.split_once('/')? {
            ("entries", rest) => (PartKind::Entries, rest),
            (level, rest) => (PartKind::Tile(level.parse().ok()?), rest),
        };
        let (number, width) = match rest.split_once(".p/") {
            Some((number, width)) => (number, width.parse().ok().filter(|w| *w < 256 && *w > 0)?),
            None => (rest, TILE_WIDTH as u16),
        };
        let number = number.split('/').try_fold(0_u64, |sum, group| {
            let digits = group.strip_prefix('x').unwrap_or(group);
            sum.checked_mul(1000)?.checked_add(digits.parse().ok()?)
        })?;
        // One spelling only: what does not print back the same is no path of a log.
        Some(Self { kind, number, width }).filter(|part| part.to_string() == path)
    }
}

impl fmt::Display for Part {
    /// The path below the log's folder, such as `tile/0/x001/x234/067.p/17`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            PartKind::Entries => f.write_str("tile/entries/")?,
            PartKind::Tile(level) => write!(f, "tile/{level}/")?,
        }
        let mut groups = vec![self.number % 1000];
        let mut rest = self.number / 1000;
        while rest > 0 {
            groups.push(rest % 1000);
            rest /= 1000;
        }
        for (position, group) in groups.iter().enumerate().rev() {
            match position {
                0 => write!(f, "{group:03}")?,
                _ => write!(f, "x{group:03}/")?,
            }
        }
        match u64::from(self.width) < TILE_WIDTH {
            true => write!(f, ".p/{}", self.width),
            false => Ok(()),
        }
    }
}

/// Appends one entry to a bundle. The entry's length was checked: it fits 16 bits.
pub fn push_entry(bundle: &mut Vec<u8>, entry: &[u8]) {
    let len = u16::try_from(entry.len()).unwrap_or(u16::MAX);
    bundle.extend_from_slice(&len.to_be_bytes());
    bundle.extend(entry.iter().take(usize::from(len)));
}

/// The entries of a bundle, in order; `None` where it ends inside one.
pub fn split_entries(mut bundle: &[u8]) -> Option<Vec<&[u8]>> {
    let mut entries = Vec::new();
    while !bundle.is_empty() {
        let (len, rest) = bundle.split_first_chunk::<2>()?;
        let (entry, rest) = rest.split_at_checked(usize::from(u16::from_be_bytes(*len)))?;
        entries.push(entry);
        bundle = rest;
    }
    Some(entries)
}

/// The hashes of a tile; `None` where its length is not a whole number of hashes.
pub fn split_hashes(tile: &[u8]) -> Option<Vec<Hash>> {
    let (hashes, rest) = tile.as_chunks::<32>();
    rest.is_empty().then(|| hashes.to_vec())
}

/// A tile that has just become full.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct FullTile {
    /// Which one.
    pub part: Part,
    /// Its 256 hashes.
    pub hashes: Vec<Hash>,
}

/// The right edge of a tree: the size, and the hashes of each level's incomplete tile. That is all
/// it takes to append and to compute the root.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Edge {
    size: u64,
    levels: Vec<Vec<Hash>>,
}

impl Edge {
    /// From the incomplete tiles of a log of `size` entries, lowest level first; `None` where
    /// their number or lengths do not fit the size.
    pub fn from_tiles(size: u64, levels: Vec<Vec<Hash>>) -> Option<Self> {
        let fits = levels.len() <= usize::from(TILE_LEVELS)
            && (0_u8..TILE_LEVELS).all(|level| {
                let width = PartKind::Tile(level).count(size) % TILE_WIDTH;
                levels.get(usize::from(level)).map_or(0, Vec::len) as u64 == width
            });
        fits.then_some(Self { size, levels })
    }

    /// Entries in the tree.
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// The hashes of a level's incomplete tile.
    pub fn level(&self, level: u8) -> &[Hash] {
        self.levels.get(usize::from(level)).map_or(&[], Vec::as_slice)
    }

    /// Levels that have had at least one hash.
    pub fn level_count(&self) -> u8 {
        (0..TILE_LEVELS).take_while(|level| PartKind::Tile(*level).count(self.size) > 0).count()
            as u8
    }

    /// Appends a leaf; returns the tiles that it completes, lowest level first.
    pub fn push(&mut self, leaf: Hash) -> Vec<FullTile> {
        self.size += 1;
        self.carry(0, leaf)
    }

    /// Appends 256 leaves, the root of whose tile this is, where the lowest level has none left
    /// over; returns the tiles above them that they complete.
    pub fn push_tile(&mut self, root: Hash) -> Vec<FullTile> {
        debug_assert!(self.level(0).is_empty(), "a whole tile begins where one ended");
        self.size += TILE_WIDTH;
        self.carry(1, root)
    }

    /// Appends a hash to a level, and the root of every tile that it completes to the next.
    fn carry(&mut self, from: u8, hash: Hash) -> Vec<FullTile> {
        let mut full = Vec::new();
        let mut hash = hash;
        for level in from..TILE_LEVELS {
            while self.levels.len() <= usize::from(level) {
                self.levels.push(Vec::with_capacity(TILE_WIDTH as usize));
            }
            let Some(hashes) = self.levels.get_mut(usize::from(level)) else { break };
            hashes.push(hash);
            if (hashes.len() as u64) < TILE_WIDTH {
                break;
            }
            hash = root_of(hashes);
            let kind = PartKind::Tile(level);
            let number = kind.count(self.size) / TILE_WIDTH - 1;
            full.push(FullTile { part: Part::full(kind, number), hashes: std::mem::take(hashes) });
        }
        full
    }

    /// The tree's root.
    pub fn root(&self) -> Hash {
        let mut below: Option<Hash> = None;
        for hashes in &self.levels {
            let parts: Vec<Hash> = hashes.iter().copied().chain(below).collect();
            below = (!parts.is_empty()).then(|| root_of(&parts));
        }
        below.unwrap_or_else(super::merkle::empty_root)
    }
}
