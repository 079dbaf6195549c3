//! Opening a log: what must be there, what a crash may have left, and what is refused.
//!
//! The journal is trusted (it is the appliance's own, like the key); the published folder is not.
//! Committed batches that the folder lacks are applied by the same code as in normal running.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::checkpoint::{CHECKPOINT_BYTES_MAX, Checkpoint, CheckpointError};
use super::entry::Entry;
use super::epoch::is_frozen;
use super::files::{LogFiles, LogPaths, read_bounded};
use super::folder::{Folder, FolderError};
use super::journal::{self, Frame, JOURNAL_BYTES_MAX};
use super::keys::open_by_any;
use super::note::{KeyError, NoteVerifier};
use super::publish::{CHECKPOINT_FILE, Publisher};
use super::reader::ReadError;
use super::shared::{State, Stored};
use super::tile::{Edge, PartKind, TILE_LEVELS, TILE_WIDTH};
use crate::domain::clock::Timestamp;
use crate::domain::ids::EntryIndex;
use crate::durable::{self, LockError};

/// Why a log is not opened. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Operator: a file of the log is gone; restore the home from a backup, or run `init` for a new one.
    #[error("{} is missing: restore it from a backup; a new log is only made by `init`", path.display())]
    Missing {
        /// The file.
        path: PathBuf,
    },
    /// Operator: the log has ended, and the next one has not begun.
    #[error(
        "the log has ended with log.frozen: run `affiant audit key compromised` again to begin the next one"
    )]
    Frozen,
    /// Operator: another process appends to this log.
    #[error(transparent)]
    Locked(#[from] LockError),
    /// Operator: the key file is open to others.
    #[error("{} can be read by other users: chmod 600 it, and rotate the key if it leaked", path.display())]
    KeyExposed {
        /// The key file.
        path: PathBuf,
    },
    /// Corrupt: not a key.
    #[error("{}: {source}", path.display())]
    Key {
        /// The key file.
        path: PathBuf,
        /// What is wrong with it.
        source: KeyError,
    },
    /// Operator: a key that signs this log is not there.
    #[error(
        "the newest checkpoint has a signature of the log by a key that is not there ({line}): put it back as keys/log.key or keys/log.next.key, or as the credential"
    )]
    KeyMissing {
        /// Its signature line.
        line: String,
    },
    /// Corrupt: the verifier key file is of another key.
    #[error("{} is not the verifier key of any signing key", path.display())]
    OtherKey {
        /// The verifier key file.
        path: PathBuf,
    },
    /// Corrupt: a checkpoint that the key did not sign.
    #[error("{}: {source}", path.display())]
    Checkpoint {
        /// Where it is.
        path: PathBuf,
        /// What is wrong with it.
        source: CheckpointError,
    },
    /// Corrupt: the journal is damaged before its end, or does not follow from itself.
    #[error("{} is damaged at byte {offset}: restore it from a backup", path.display())]
    Journal {
        /// The journal.
        path: PathBuf,
        /// Where.
        offset: usize,
    },
    /// Corrupt: the published log is older than the journal remembers: it was put back.
    #[error(
        "the published log has {published} entries, but had at least {journal}: it was put back to an older state"
    )]
    RolledBack {
        /// Its size.
        published: u64,
        /// The size that it had.
        journal: u64,
    },
    /// Corrupt: the published log is ahead of the journal: the journal was put back.
    #[error(
        "the published log has {published} entries, the journal knows {journal}: the journal was put back to an older state"
    )]
    Ahead {
        /// Its size.
        published: u64,
        /// The size that the journal ends with.
        journal: u64,
    },
    /// Corrupt: two signed checkpoints of one size differ, or one is not the beginning of the other.
    #[error("the published log and the journal disagree on the first {size} entries")]
    Forked {
        /// The size.
        size: u64,
    },
    /// Corrupt: not the logs lie beside this one that it goes on from.
    #[error(
        "this log says that it goes on from {logs} logs with {entries} entries, and {found} lie in {}: restore log-1, ... with their keys from a backup; `affiant audit verify` says which is missing",
        folder.display()
    )]
    Past {
        /// Where they should lie.
        folder: PathBuf,
        /// How many it goes on from.
        logs: u64,
        /// Their entries.
        entries: u64,
        /// How many lie there.
        found: u64,
    },
    /// Operator: the log could not even say that its disk is full.
    #[error("no space can be kept free beside {}: free {bytes} bytes and more", path.display())]
    NoSpace {
        /// The file that occupies the space.
        path: PathBuf,
        /// Its size, twice.
        bytes: u64,
    },
    /// Corrupt: the published folder.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// Corrupt: the first entry, which says what the log goes on from.
    #[error(transparent)]
    First(#[from] ReadError),
    /// Unavailable: a file could not be read or written.
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// What opening a log found.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Recovery {
    /// Entries in the log.
    pub size: u64,
    /// Entries that were committed but not yet published.
    pub replayed: u64,
    /// Bytes of an unfinished commit that were dropped.
    pub torn_bytes: u64,
}

/// A log that is ready for its threads.
pub(super) struct Recovered {
    pub(super) state: State,
    pub(super) publisher: Publisher,
    pub(super) last_ts: Timestamp,
    pub(super) journal_bytes: usize,
    /// It ends with `log.frozen`.
    pub(super) is_frozen: bool,
    pub(super) recovery: Recovery,
}

/// Brings journal and folder together, and makes both durable.
pub(super) fn recover(
    paths: &LogPaths,
    keys: &[NoteVerifier],
    files: &dyn LogFiles,
) -> Result<Recovered, OpenError> {
    let checkpoint_path = paths.log.join(CHECKPOINT_FILE);
    let note = read_required(&checkpoint_path, CHECKPOINT_BYTES_MAX)?;
    let published = open_by_any(&note, keys)
        .map_err(|source| OpenError::Checkpoint { path: checkpoint_path, source })?;
    let published_note = String::from_utf8_lossy(&note);
    let bytes = read_required(&paths.journal, JOURNAL_BYTES_MAX)?;
    let journal = journal::decode(&bytes)
        .map_err(|d| OpenError::Journal { path: paths.journal.clone(), offset: d.offset })?;
    let (edge, last_bundle) = Folder::at(&paths.log).edge(&published)?;
    let replay = replay(paths, keys, &journal.frames, &published, &edge)?;
    sweep(&paths.log, published.size, replay.edge.size())?;

    // What was read may exist in the page cache alone (a failed fsync): write it anew, then apply.
    let note = replay.note.unwrap_or(&published_note);
    // The checkpoint first: once the journal begins with it, nothing else remembers the entries that
    // it covers.
    files.publish(CHECKPOINT_FILE, published_note.as_bytes())?;
    let rewritten = journal::whole(published.size, &published_note, &replay.fresh, note);
    files.replace_journal(&rewritten)?;
    let incomplete = usize::try_from(published.size % TILE_WIDTH).unwrap_or(0);
    let bundle = if incomplete == 0 { Vec::new() } else { last_bundle.clone() };
    let mut tail: Vec<Stored> = bundle.iter().map(|entry| Stored::new(entry)).collect();
    let mut publisher = Publisher::new(edge, bundle);
    if !replay.fresh.is_empty() {
        publisher.apply(files, &replay.fresh, note)?;
    }
    let size = replay.edge.size();
    let last = replay.fresh.last().map(|stored| Arc::clone(&stored.bytes));
    let last = last.or_else(|| last_bundle.last().cloned());
    let last_ts = last.as_deref().map_or(0, time_of);
    let is_frozen = last.as_deref().is_some_and(is_frozen);
    let replayed = replay.fresh.len() as u64;
    tail.extend(replay.fresh);
    let mut state = State::published(replay.edge, note.into(), tail.into());
    state.publish(size, note.into());
    Ok(Recovered {
        state,
        publisher,
        last_ts: Timestamp::from_unix_millis(last_ts),
        journal_bytes: rewritten.len(),
        is_frozen,
        recovery: Recovery { size, replayed, torn_bytes: journal.torn_bytes },
    })
}

struct Replay<'a> {
    edge: Edge,
    note: Option<&'a str>,
    fresh: Vec<Stored>,
}

/// Follows the journal from where the folder ends; checks that both tell one history.
fn replay<'a>(
    paths: &LogPaths,
    keys: &[NoteVerifier],
    frames: &[Frame<'a>],
    published: &Checkpoint,
    edge: &Edge,
) -> Result<Replay<'a>, OpenError> {
    let damaged = || OpenError::Journal { path: paths.journal.clone(), offset: 0 };
    let mut replay = Replay { edge: edge.clone(), note: None, fresh: Vec::new() };
    let mut end = frames.first().ok_or_else(damaged)?.first;
    if published.size < end {
        return Err(OpenError::RolledBack { published: published.size, journal: end });
    }
    for frame in frames {
        let stated = open_by_any(frame.note.as_bytes(), keys)
            .map_err(|source| OpenError::Checkpoint { path: paths.journal.clone(), source })?;
        if frame.first != end || stated.size != end + frame.entries.len() as u64 {
            return Err(damaged());
        }
        let known = usize::try_from(published.size.saturating_sub(end)).unwrap_or(usize::MAX);
        for entry in frame.entries.iter().skip(known) {
            let stored = Stored::new(entry);
            replay.edge.push(stored.leaf);
            replay.fresh.push(stored);
        }
        end = stated.size;
        if end >= published.size {
            if replay.edge.root() != stated.root {
                return Err(OpenError::Forked { size: end });
            }
            replay.note = Some(frame.note);
        }
    }
    if end < published.size {
        return Err(OpenError::Ahead { published: published.size, journal: end });
    }
    Ok(replay)
}

/// Removes temporary files that a crash may have left: they lie in the folders that the entries
/// from `published` to `size` touch.
fn sweep(log: &Path, published: u64, size: u64) -> io::Result<()> {
    let mut folders = vec![log.to_owned()];
    for size in [published, size] {
        for kind in std::iter::once(PartKind::Entries).chain((0..TILE_LEVELS).map(PartKind::Tile)) {
            let number = kind.count(size) / TILE_WIDTH;
            let part = super::tile::Part::full(kind, number);
            folders.extend(log.join(part.to_string()).parent().map(Path::to_owned));
            folders.push(log.join(part.partial_folder()));
        }
    }
    folders.sort();
    folders.dedup();
    folders.iter().filter(|folder| folder.is_dir()).try_for_each(|folder| sweep_folder(folder))
}

/// Removes what an atomic write left when it was cut off.
pub(super) fn sweep_folder(folder: &Path) -> io::Result<()> {
    for file in fs::read_dir(folder)? {
        let file = file?;
        if file.file_name().to_string_lossy().starts_with(".tmp-") {
            durable::remove(&file.path())?;
        }
    }
    Ok(())
}

fn read_required(path: &Path, limit: u64) -> Result<Vec<u8>, OpenError> {
    read_bounded(path, limit).map_err(|e| match e.kind() == io::ErrorKind::NotFound {
        true => OpenError::Missing { path: path.to_owned() },
        false => e.into(),
    })
}

fn time_of(entry: &[u8]) -> u64 {
    Entry::parse(EntryIndex(0), entry.to_vec()).map_or(0, |entry| entry.ts().unix_millis())
}
