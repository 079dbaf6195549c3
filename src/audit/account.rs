//! Which files a log folder has, and that there is no other: each is accounted for.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::Path;
use std::thread;
use std::time::Duration;

use super::checkpoint::{CHECKPOINT_BYTES_MAX, Checkpoint};
use super::files::read_bounded;
use super::folder::Folder;
use super::merkle::Hash;
use super::problems::{PROBLEMS_MAX, Problems};
use super::publish::CHECKPOINT_FILE;
use super::tile::{BUNDLE_BYTES_MAX, Part, PartKind, push_entry};
use super::tlog_policy::TlogPolicy;

/// A tile's path has at most nine names: `tile`, level, up to seven groups, width.
const DEPTH_MAX: usize = 12;
/// How far apart to look whether a file that is ahead of the checkpoint was being published.
const SETTLE_PAUSE: Duration = Duration::from_millis(50);

/// The files of the folder, each accounted for.
pub(super) struct Files<'a> {
    dir: &'a Path,
    folder: &'a Folder,
    origin: &'a str,
    size: u64,
    /// Files that a growing log would explain: the tile, or `None` for a name of no log.
    unsettled: BTreeMap<String, Option<Part>>,
    /// The pieces of the file that old partial files were last compared with.
    near: Option<(Part, Vec<Vec<u8>>)>,
}

impl<'a> Files<'a> {
    pub(super) fn new(dir: &'a Path, folder: &'a Folder, checkpoint: &'a Checkpoint) -> Self {
        let Checkpoint { origin, size, .. } = checkpoint;
        Self { dir, folder, origin, size: *size, unsettled: BTreeMap::new(), near: None }
    }

    pub(super) fn check(&mut self, problems: &mut Problems) {
        let mut folders = vec![String::new()];
        while let Some(folder) = folders.pop() {
            if let Err(error) = self.check_folder(&folder, &mut folders, problems) {
                let detail = format!("{}: {error}", self.dir.join(&folder).display());
                problems.add("unreadable_file", None, detail);
            }
        }
    }

    fn check_folder(
        &mut self,
        folder: &str,
        folders: &mut Vec<String>,
        problems: &mut Problems,
    ) -> io::Result<()> {
        let listing = match fs::read_dir(self.dir.join(folder)) {
            // Partial tiles go when the full one is there.
            Err(e) if e.kind() == io::ErrorKind::NotFound && folder.ends_with(".p") => {
                return Ok(());
            }
            listing => listing?,
        };
        for item in listing {
            if problems.is_full() || self.unsettled.len() > PROBLEMS_MAX {
                return Ok(());
            }
            let item = item?;
            let Ok(name) = item.file_name().into_string() else {
                let detail = format!("{} is no file of a log", item.path().display());
                problems.add("unknown_file", None, detail);
                continue;
            };
            let path = if folder.is_empty() { name } else { format!("{folder}/{name}") };
            let kind = item.file_type()?;
            if kind.is_dir() && path.split('/').count() < DEPTH_MAX {
                folders.push(path);
            } else if !kind.is_file() {
                self.unsettled.insert(path, None);
            } else if path != CHECKPOINT_FILE {
                self.check_file(path, problems);
            }
        }
        Ok(())
    }

    fn check_file(&mut self, path: String, problems: &mut Problems) {
        let part = Part::parse(&path);
        let Some(part) = part.filter(|part| part.is_within(self.size)) else {
            self.unsettled.insert(path, part);
            return;
        };
        let current = part.kind.partial(self.size).filter(|now| now.number == part.number);
        let current = current.unwrap_or_else(|| Part::full(part.kind, part.number));
        // Files of today were read with the tree.
        if part != current && !self.begins(part, current) {
            let detail =
                format!("{} is not a beginning of {current}", self.dir.join(path).display());
            problems.add("stale_partial", None, detail);
        }
    }

    /// Whether an old partial file is a beginning of today's.
    fn begins(&mut self, old: Part, current: Part) -> bool {
        if self.near.as_ref().is_none_or(|(near, _)| *near != current) {
            let Some(pieces) = self.pieces(current) else { return true };
            self.near = Some((current, pieces));
        }
        let pieces = self.near.as_ref().map_or(&[][..], |(_, pieces)| pieces.as_slice());
        let expected: Vec<u8> =
            pieces.iter().take(usize::from(old.width)).flatten().copied().collect();
        match read_bounded(&self.folder.path(old), BUNDLE_BYTES_MAX) {
            Ok(found) => found == expected,
            // Gone since it was listed: the full file is there.
            Err(e) => e.kind() == io::ErrorKind::NotFound,
        }
    }

    /// The hashes or framed entries of a file; `None` where it is reported as unusable already.
    fn pieces(&self, part: Part) -> Option<Vec<Vec<u8>>> {
        match part.kind {
            PartKind::Tile(_) => {
                let hashes = self.folder.hashes(part).ok()?;
                Some(hashes.iter().map(|hash: &Hash| hash.to_vec()).collect())
            }
            PartKind::Entries => {
                let entries = self.folder.entries(part).ok()?;
                let framed = entries.iter().map(|entry| {
                    let mut bytes = Vec::new();
                    push_entry(&mut bytes, entry);
                    bytes
                });
                Some(framed.collect())
            }
        }
    }

    /// Files beyond the checkpoint are fine where the log has grown meanwhile, and temporary ones
    /// where they are gone. A log that is being appended to gets a moment to publish.
    pub(super) fn settle(
        mut self,
        trust: &TlogPolicy,
        patience: Duration,
        problems: &mut Problems,
    ) {
        let looks = patience.as_millis() / SETTLE_PAUSE.as_millis();
        for _ in 0..looks.max(1) {
            let checkpoint = read_bounded(&self.dir.join(CHECKPOINT_FILE), CHECKPOINT_BYTES_MAX)
                .ok()
                .and_then(|note| trust.stand(&note).ok())
                .filter(|standing| standing.checkpoint.origin == self.origin);
            let size = checkpoint.map_or(self.size, |standing| standing.checkpoint.size);
            self.unsettled.retain(|path, part| {
                let covered = part.is_some_and(|part| part.is_within(size));
                !covered && self.dir.join(path).symlink_metadata().is_ok()
            });
            let passing = |(path, part): (&String, &Option<Part>)| {
                part.is_some() || path.rsplit('/').next().is_some_and(|n| n.starts_with(".tmp-"))
            };
            if !self.unsettled.iter().any(passing) {
                break;
            }
            thread::park_timeout(SETTLE_PAUSE);
        }
        for (path, part) in self.unsettled {
            let (kind, problem) = match part {
                Some(_) => ("unpublished_file", "is beyond what the checkpoint covers"),
                None => ("unknown_file", "is no file of a log"),
            };
            problems.add(kind, None, format!("{} {problem}", self.dir.join(path).display()));
        }
    }
}
