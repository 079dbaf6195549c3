//! From the commit point to the published folder: bundles, tiles, then `checkpoint`.
//!
//! Normal running and recovery both come through [`Publisher::apply`]. Whatever it has written when
//! it is cut off, applying the same entries to the same published checkpoint again ends with the
//! same files.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use super::files::LogFiles;
use super::shared::{Shared, Stored};
use super::tile::{Edge, FullTile, Part, PartKind, push_entry};

/// Name of the published checkpoint.
pub(super) const CHECKPOINT_FILE: &str = "checkpoint";

/// What the folder holds, as far as appending to it needs.
pub(super) struct Publisher {
    edge: Edge,
    /// Entries of the incomplete bundle.
    bundle: Vec<Arc<[u8]>>,
}

impl Publisher {
    /// For a folder whose tree has this edge and whose incomplete bundle has these entries.
    pub(super) const fn new(edge: Edge, bundle: Vec<Arc<[u8]>>) -> Self {
        Self { edge, bundle }
    }

    /// Writes the files that `fresh` entries add, then the checkpoint over all of them.
    ///
    /// # Errors
    /// Any IO error; this publisher is then of no more use.
    pub(super) fn apply(
        &mut self,
        files: &dyn LogFiles,
        fresh: &[Stored],
        note: &str,
    ) -> io::Result<()> {
        let before = self.edge.size();
        for stored in fresh {
            self.bundle.push(Arc::clone(&stored.bytes));
            let full = self.edge.push(stored.leaf);
            if let Some(FullTile { part, .. }) = full.first() {
                let part = Part { kind: PartKind::Entries, ..*part };
                self.write_full(files, part, &self.bundle_bytes())?;
                self.bundle.clear();
            }
            for tile in full {
                self.write_full(files, tile.part, tile.hashes.as_flattened())?;
            }
        }
        let after = self.edge.size();
        if let Some(part) = PartKind::Entries.partial(after) {
            files.publish(&part.to_string(), &self.bundle_bytes())?;
        }
        for level in 0..self.edge.level_count() {
            let kind = PartKind::Tile(level);
            if let Some(part) = kind.partial(after)
                && kind.count(before) != kind.count(after)
            {
                files.publish(&part.to_string(), self.edge.level(level).as_flattened())?;
            }
        }
        files.publish(CHECKPOINT_FILE, note.as_bytes())
    }

    /// Writes a full file; its partial ones are then of no more use to anybody.
    fn write_full(&self, files: &dyn LogFiles, part: Part, bytes: &[u8]) -> io::Result<()> {
        files.publish(&part.to_string(), bytes)?;
        files.remove_folder(&part.partial_folder())
    }

    fn bundle_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        self.bundle.iter().for_each(|entry| push_entry(&mut bytes, entry));
        bytes
    }

    /// The publisher's thread: publishes what is committed, at most every `delay`, until the log
    /// closes or takes nothing.
    pub(super) fn run(mut self, shared: &Shared, files: &dyn LogFiles, delay: Duration) {
        loop {
            let state = shared.wait_until(|state| state.pending() > 0 || state.closing);
            let state = shared.wait_at_most(state, delay, |state| state.closing || state.hurry);
            if state.halted.is_some() || (state.closing && state.pending() == 0) {
                return;
            }
            let (fresh, note) = (state.unpublished(), Arc::clone(&state.note));
            drop(state);
            let applied = self.apply(files, &fresh, &note);
            let mut state = shared.lock();
            match applied {
                Ok(()) => state.publish(self.edge.size(), note),
                Err(error) => {
                    state.halt(error);
                }
            }
            drop(state);
            shared.notify();
        }
    }
}
