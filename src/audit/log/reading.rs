//! What an open log gives back: entries, proofs, checkpoints, of this log and of those before it.

use std::{fs, io};

use super::{Inner, Log};
use crate::audit::checkpoint::Checkpoint;
use crate::audit::entry::Entry;
use crate::audit::merkle::Hash;
use crate::audit::past::{self, PastLogs};
use crate::audit::reader::{ReadError, Reader};
use crate::domain::ids::EntryIndex;
use crate::durable;

impl Log {
    /// Entries on record: those of this log, and of the logs that ended before it.
    pub fn size(&self) -> u64 {
        self.inner.first + self.inner.shared.lock().edge.size()
    }

    /// Entries of this log's own tree, which is what checkpoints and witnesses count.
    pub fn tree_size(&self) -> u64 {
        self.inner.shared.lock().edge.size()
    }

    /// One entry.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn read(&self, at: EntryIndex) -> Result<Entry, ReadError> {
        let (reader, first) = self.inner.reader_of(at);
        Ok(shifted(reader.entry(at.0 - first)?, first))
    }

    /// Up to `limit` entries from `from` on; fewer at the end of the log.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn entries(&self, from: EntryIndex, limit: usize) -> Result<Vec<Entry>, ReadError> {
        let mut found: Vec<Entry> = Vec::new();
        let mut next = from;
        while found.len() < limit {
            let (reader, first) = self.inner.reader_of(next);
            let part = reader.entries(next.0 - first, limit - found.len())?;
            let Some(last) = part.last() else { break };
            next = EntryIndex(first + last.index.0 + 1);
            found.extend(part.into_iter().map(|entry| shifted(entry, first)));
        }
        Ok(found)
    }

    /// A C2SP tlog-proof of one entry, in the tree of the log that holds it.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn proof(&self, at: EntryIndex) -> Result<String, ReadError> {
        let (reader, first) = self.inner.reader_of(at);
        reader.proof(at.0 - first)
    }

    /// The consistency proof from the log of `old` entries to today's, and today's checkpoint.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn consistency(&self, old: u64) -> Result<(Vec<Hash>, String), ReadError> {
        self.inner.reader.consistency(old)
    }

    /// The hashes that prove that the log of `old` entries is the beginning of the log that `new`,
    /// a checkpoint of this log, states.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn consistency_between(&self, old: u64, new: &Checkpoint) -> Result<Vec<Hash>, ReadError> {
        self.inner.reader.consistency_between(old, new)
    }

    /// The signed checkpoint that the published folder has, durably.
    pub fn published_checkpoint(&self) -> String {
        self.inner.shared.lock().published_note.to_string()
    }

    /// The newest signed checkpoint.
    pub fn checkpoint(&self) -> String {
        self.inner.shared.lock().note.to_string()
    }

    /// Verifies the logs that ended before this one.
    pub fn verify_past(&self) -> PastLogs {
        past::verify_past(&self.inner.paths)
    }

    /// The number of this log among those of its home, from 1.
    pub fn epoch(&self) -> u32 {
        u32::try_from(self.inner.past.len()).unwrap_or(u32::MAX).saturating_add(1)
    }

    /// The text of the newest verifier key.
    ///
    /// # Errors
    /// Where its file cannot be read.
    pub fn vkey(&self) -> io::Result<String> {
        let path = &self.inner.paths.vkey;
        let text = fs::read_to_string(path).map_err(|e| durable::at(path, "read", e))?;
        Ok(text.trim_end().to_owned())
    }
}

/// An entry with its index among those of all logs.
fn shifted(entry: Entry, first: u64) -> Entry {
    Entry { index: EntryIndex(entry.index.0 + first), ..entry }
}

impl Inner {
    /// Which log holds an entry, and how many entries lie before that log.
    fn reader_of(&self, at: EntryIndex) -> (&Reader, u64) {
        let past = self.past.iter().find(|past| at.0 < past.first + past.size);
        past.map_or((&self.reader, self.first), |past| (&past.reader, past.first))
    }
}
