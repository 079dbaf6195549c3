//! The walk through a log's tree, from the first bundle to the root.
//!
//! What a bundle says by itself (its hashes, the form of its entries) is checked on several
//! threads, a few bundles ahead; what entries and tiles say about each other is checked here, in
//! order. Memory holds those few bundles and one tile a level.

use std::num::NonZero;
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread;

use super::checkpoint::Checkpoint;
use super::chronicle::Chronicle;
use super::folder::{Folder, FolderError};
use super::merkle::{Hash, leaf_hash, root_of};
use super::problems::Problems;
use super::publish::CHECKPOINT_FILE;
use super::schema::{Checked, check};
use super::tile::{Edge, FullTile, Part, PartKind, TILE_WIDTH};

/// More threads than this wait for the disk, not for each other.
const THREADS_MAX: usize = 8;
/// Bundles that a thread may be ahead: at most 16 MiB each.
const BUNDLES_AHEAD: usize = 2;

/// A bundle, checked by itself.
struct Bundle {
    part: Part,
    /// One hash for each entry, even where files are missing.
    hashes: Vec<Hash>,
    /// The root over them, where the bundle is full.
    root: Option<Hash>,
    /// The entries that there are; none where the log is another program's.
    entries: Vec<Result<Checked, String>>,
    /// Offsets of entries that do not have their hashes.
    mismatches: Vec<usize>,
    errors: Vec<FolderError>,
}

/// Checks every entry against its hash and form, every tile against the level below, and the top
/// against the root; and against the roots of earlier checkpoints.
pub(super) struct Walk<'a> {
    pub(super) folder: &'a Folder,
    pub(super) checkpoint: &'a Checkpoint,
    pub(super) earlier: &'a [Checkpoint],
    /// Whether entries are any bytes.
    pub(super) opaque: bool,
}

impl Walk<'_> {
    pub(super) fn run(&self, chronicle: &mut Chronicle, problems: &mut Problems) {
        let count = self.checkpoint.size.div_ceil(TILE_WIDTH);
        let threads = thread::available_parallelism().map_or(1, NonZero::get).min(THREADS_MAX);
        let mut edge = Edge::default();
        thread::scope(|scope| {
            let lanes: Vec<Receiver<Bundle>> = (0..threads as u64)
                .map(|lane| {
                    let (done, bundles) = sync_channel(BUNDLES_AHEAD);
                    scope.spawn(move || {
                        let mut mine = (lane..count).step_by(threads);
                        // The walk has ended early where nobody takes the bundle.
                        mine.all(|number| done.send(self.bundle(number)).is_ok())
                    });
                    bundles
                })
                .collect();
            for lane in lanes.iter().cycle() {
                if problems.is_full() || edge.size() == self.checkpoint.size {
                    return;
                }
                let Ok(bundle) = lane.recv() else { return };
                self.enter(&mut edge, bundle, chronicle, problems);
            }
        });
        if !problems.is_full() {
            self.check_top(&edge, problems);
        }
    }

    /// Reads a bundle and checks what it says by itself.
    fn bundle(&self, number: u64) -> Bundle {
        let first = number * TILE_WIDTH;
        let width = (self.checkpoint.size - first).min(TILE_WIDTH) as u16;
        let part = Part { kind: PartKind::Entries, number, width };
        let (mut leaves, mut checked, mut errors) = (Vec::new(), Vec::new(), Vec::new());
        let read = self.folder.with_entries(part, |entries| {
            leaves.extend(entries.iter().map(|entry| leaf_hash(entry)));
            if !self.opaque {
                checked.extend(entries.iter().map(|entry| check(entry)));
            }
        });
        errors.extend(read.err());
        let tile = self.folder.hashes(Part { kind: PartKind::Tile(0), ..part });
        let mut hashes = tile.unwrap_or_else(|error| {
            errors.push(error);
            leaves.clone()
        });
        let pairs = hashes.iter().zip(&leaves).enumerate();
        let mismatches = pairs.filter(|(_, (a, b))| a != b).map(|(offset, _)| offset).collect();
        hashes.resize(usize::from(width), Hash::default());
        let root = (u64::from(width) == TILE_WIDTH).then(|| root_of(&hashes));
        Bundle { part, hashes, root, entries: checked, mismatches, errors }
    }

    /// Checks a bundle against what came before it.
    fn enter(
        &self,
        edge: &mut Edge,
        bundle: Bundle,
        chronicle: &mut Chronicle,
        problems: &mut Problems,
    ) {
        let Bundle { part, hashes, root, entries, mismatches, errors } = bundle;
        let first = edge.size();
        for error in &errors {
            problems.add_folder_error(Some(first), error);
        }
        for offset in mismatches {
            let index = first + offset as u64;
            let tile = self.folder.path(Part { kind: PartKind::Tile(0), ..part });
            let (bundle, tile) = (self.folder.path(part), tile.display());
            let bundle = bundle.display();
            let detail = format!("entry {index} of {bundle} does not have its hash in {tile}");
            problems.add("entry_mismatch", Some(index), detail);
        }
        for (index, entry) in (first..).zip(&entries) {
            chronicle.enter(index, entry, part, problems);
        }
        for earlier in self.earlier {
            check_earlier(earlier, edge, &hashes, problems);
        }
        match root {
            Some(root) => {
                for full in edge.push_tile(root) {
                    self.check_tile(&full, problems);
                }
            }
            None => hashes.into_iter().for_each(|hash| drop(edge.push(hash))),
        }
    }

    /// The incomplete tiles of every level, and the root.
    fn check_top(&self, edge: &Edge, problems: &mut Problems) {
        for level in 1..edge.level_count() {
            if let Some(part) = PartKind::Tile(level).partial(edge.size()) {
                self.check_tile(&FullTile { part, hashes: edge.level(level).to_vec() }, problems);
            }
        }
        if edge.root() != self.checkpoint.root {
            let checkpoint = format!("{CHECKPOINT_FILE} of {} entries", self.checkpoint.size);
            let detail = format!("the tiles do not have the root that {checkpoint} states");
            problems.add("root_mismatch", None, detail);
        }
    }

    /// A tile of an upper level against the hashes made from below.
    fn check_tile(&self, expected: &FullTile, problems: &mut Problems) {
        let found = self.folder.hashes(expected.part);
        let Some(found) = problems.keep(None, found) else { return };
        if let Some(offset) = found.iter().zip(&expected.hashes).position(|(a, b)| a != b) {
            let path = self.folder.path(expected.part);
            let path = path.display();
            let detail = format!("hash {offset} of {path} is not that of the tiles below");
            problems.add("tile_mismatch", None, detail);
        }
    }
}

/// The root of an earlier checkpoint, where its last entry is among these.
fn check_earlier(earlier: &Checkpoint, edge: &Edge, hashes: &[Hash], problems: &mut Problems) {
    let count = earlier.size.checked_sub(edge.size()).and_then(|count| usize::try_from(count).ok());
    let Some(hashes) = count.and_then(|count| hashes.get(..count)).filter(|h| !h.is_empty()) else {
        return;
    };
    let mut edge = edge.clone();
    hashes.iter().for_each(|hash| drop(edge.push(*hash)));
    if edge.root() != earlier.root {
        let size = earlier.size;
        let detail = format!(
            "the first {size} entries do not have the root that the earlier checkpoint states: \
             two histories were signed"
        );
        problems.add("forked", None, detail);
    }
}
