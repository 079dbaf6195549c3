//! The offline verifier: a folder and a verifier key, nothing else.
//!
//! Streams through the log once, holding one bundle, one tile a level, and the queries that are
//! open at that point. Checks the checkpoint's signature, every tile of every level against the
//! entries and the root, every entry (`chronicle`), and that every file of the folder is one that
//! the log of this size has (`account`). Older partial tiles may stay; they must be a beginning of
//! what there is now.
//!
//! A log may grow while it is verified: the tree of the first checkpoint read is verified, and
//! files beyond it are accepted where a later signed checkpoint covers them.

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;

use super::account::Files;
use super::checkpoint::{CHECKPOINT_BYTES_MAX, Checkpoint};
use super::chronicle::Chronicle;
use super::files::read_bounded;
use super::folder::{Folder, FolderError};
use super::merkle::leaf_hash;
use super::note::NoteVerifier;
use super::publish::CHECKPOINT_FILE;
use super::tile::{Edge, FullTile, Part, PartKind, TILE_WIDTH};

/// A log that is wrong everywhere needs no longer list than this.
pub(super) const PROBLEMS_MAX: usize = 1_000;

/// What was found.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Report {
    /// Whether there is no problem.
    pub ok: bool,
    /// Entries that the checkpoint states; 0 where it could not be accepted.
    pub size: u64,
    /// The root that the checkpoint states, in base64; empty where it could not be accepted.
    pub root: String,
    /// What is wrong, at most about a thousand items.
    pub problems: Vec<Problem>,
}

/// One thing that is wrong.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Problem {
    /// A code, see [`verify`].
    pub kind: String,
    /// The entry, where it is about one.
    pub index: Option<u64>,
    /// A sentence that names the file.
    pub detail: String,
}

/// Whether entries are held to this appliance's schema.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum EntryRules {
    /// If the first entry claims our format, all must follow it; else none is looked into.
    Detect,
    /// Every entry must follow our format.
    Affiant,
    /// Entries are any bytes: the log of another program.
    Opaque,
}

/// What to check besides the tree.
#[derive(Clone, Copy, Debug)]
pub struct VerifyOptions {
    /// Which rules entries follow.
    pub entries: EntryRules,
}

/// Verifies a log folder with its verifier key; entries as [`EntryRules::Detect`].
///
/// Kinds of problems: `vkey`, `checkpoint` (not signed by this key), `missing_file`,
/// `malformed_file`, `unreadable_file`, `entry_mismatch` (an entry and its hash differ),
/// `tile_mismatch`, `root_mismatch`, `stale_partial` (an old partial tile differs),
/// `unknown_file`, `unpublished_file` (beyond the checkpoint), `entry_schema`, `duplicate_id`,
/// `time_order`, `open_query`, `duplicate_query`, `terminal_without_query`, `query_order`,
/// `too_many_problems`.
///
/// An `open_query` has no terminal entry and cannot get one any more: more than 1,024 entries or a
/// `log.started` follow it. Later ones may still be running, and are no problem.
pub fn verify(dir: &Path, vkey: &str) -> Report {
    verify_with(dir, vkey, &VerifyOptions { entries: EntryRules::Detect })
}

/// Verifies a log folder with its verifier key.
pub fn verify_with(dir: &Path, vkey: &str, options: &VerifyOptions) -> Report {
    let mut problems = Problems::default();
    let checkpoint = accept(dir, vkey, &mut problems);
    if let Some((verifier, checkpoint)) = &checkpoint {
        let folder = Folder::at(dir);
        let size = checkpoint.size;
        let mut chronicle = Chronicle::new(options.entries);
        check_tree(&folder, checkpoint, &mut chronicle, &mut problems);
        chronicle.finish(size, &mut problems);
        let mut files = Files::new(dir, &folder, size);
        files.check(&mut problems);
        files.settle(verifier, &mut problems);
    }
    let (size, root) = checkpoint.map_or((0, String::new()), |(_, checkpoint)| {
        (checkpoint.size, STANDARD.encode(checkpoint.root))
    });
    let problems = problems.finish();
    Report { ok: problems.is_empty(), size, root, problems }
}

/// What was found so far.
#[derive(Default)]
pub(super) struct Problems {
    list: Vec<Problem>,
    dropped: u64,
}

impl Problems {
    pub(super) fn add(&mut self, kind: &str, index: Option<u64>, detail: String) {
        match self.is_full() {
            true => self.dropped += 1,
            false => self.list.push(Problem { kind: kind.to_owned(), index, detail }),
        }
    }

    pub(super) fn is_full(&self) -> bool {
        self.list.len() >= PROBLEMS_MAX
    }

    fn add_folder_error(&mut self, index: Option<u64>, error: &FolderError) {
        let kind = match error {
            FolderError::Missing { .. } => "missing_file",
            FolderError::Corrupt { .. } => "malformed_file",
            FolderError::Io(_) => "unreadable_file",
        };
        self.add(kind, index, error.to_string());
    }

    /// The value, or its error on the list.
    fn keep<T>(&mut self, index: Option<u64>, result: Result<T, FolderError>) -> Option<T> {
        result.inspect_err(|error| self.add_folder_error(index, error)).ok()
    }

    fn finish(mut self) -> Vec<Problem> {
        if self.is_full() {
            let detail = format!("at least {} more problems are not listed", self.dropped);
            self.list.push(Problem { kind: "too_many_problems".into(), index: None, detail });
        }
        self.list
    }
}

fn accept(dir: &Path, vkey: &str, problems: &mut Problems) -> Option<(NoteVerifier, Checkpoint)> {
    let verifier: NoteVerifier = match vkey.trim().parse() {
        Ok(verifier) => verifier,
        Err(error) => {
            problems.add("vkey", None, format!("the verifier key: {error}"));
            return None;
        }
    };
    let path = dir.join(CHECKPOINT_FILE);
    let checkpoint = match read_bounded(&path, CHECKPOINT_BYTES_MAX) {
        Ok(note) => Checkpoint::open(&note, &verifier).map_err(|e| e.to_string()),
        Err(error) => Err(error.to_string()),
    };
    match checkpoint {
        Ok(checkpoint) => Some((verifier, checkpoint)),
        Err(error) => {
            problems.add("checkpoint", None, format!("{}: {error}", path.display()));
            None
        }
    }
}

/// Every entry against its hash, every tile against the level below, the top against the root.
fn check_tree(
    folder: &Folder,
    checkpoint: &Checkpoint,
    chronicle: &mut Chronicle,
    problems: &mut Problems,
) {
    let mut edge = Edge::default();
    while edge.size() < checkpoint.size && !problems.is_full() {
        let first = edge.size();
        let width = u16::try_from((checkpoint.size - first).min(TILE_WIDTH)).unwrap_or(0);
        let bundle = Part { kind: PartKind::Entries, number: first / TILE_WIDTH, width };
        let tile = Part { kind: PartKind::Tile(0), ..bundle };
        let entries = problems.keep(Some(first), folder.entries(bundle)).unwrap_or_default();
        let hashes = problems.keep(Some(first), folder.hashes(tile)).unwrap_or_default();
        for offset in 0..usize::from(width) {
            let index = edge.size();
            let (entry, hash) = (entries.get(offset), hashes.get(offset).copied());
            let leaf = entry.map(|entry| leaf_hash(entry));
            if hash.is_some() && leaf.is_some() && hash != leaf {
                let (bundle, tile) = (folder.path(bundle), folder.path(tile));
                let (bundle, tile) = (bundle.display(), tile.display());
                let detail = format!("entry {index} of {bundle} does not have its hash in {tile}");
                problems.add("entry_mismatch", Some(index), detail);
            }
            if let Some(entry) = entry {
                chronicle.enter(index, entry, bundle, problems);
            }
            for full in edge.push(hash.or(leaf).unwrap_or_default()) {
                check_tile(folder, &full, problems);
            }
        }
    }
    if problems.is_full() {
        return;
    }
    for level in 0..edge.level_count() {
        if let Some(part) = PartKind::Tile(level).partial(edge.size()) {
            check_tile(folder, &FullTile { part, hashes: edge.level(level).to_vec() }, problems);
        }
    }
    if edge.root() != checkpoint.root {
        let checkpoint = format!("{CHECKPOINT_FILE} of {} entries", checkpoint.size);
        let detail = format!("the tiles do not have the root that {checkpoint} states");
        problems.add("root_mismatch", None, detail);
    }
}

/// A tile of an upper level against the hashes made from below. Level 0 was compared entry by entry.
fn check_tile(folder: &Folder, expected: &FullTile, problems: &mut Problems) {
    if expected.part.kind == PartKind::Tile(0) {
        return;
    }
    let Some(found) = problems.keep(None, folder.hashes(expected.part)) else { return };
    if let Some(offset) = found.iter().zip(&expected.hashes).position(|(a, b)| a != b) {
        let path = folder.path(expected.part);
        let detail = format!("hash {offset} of {} is not that of the tiles below", path.display());
        problems.add("tile_mismatch", None, detail);
    }
}
