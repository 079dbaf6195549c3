//! A log whose key is no longer trusted ends, and another goes on from it: new key, new origin, and
//! a first entry that holds the last checkpoint of the old one.
//!
//! The old log stays as it was, in `log-1/` with `log-1.vkey` beside it; `log/` is the one that is
//! written. Entries keep counting: the first of the second log has the index behind the last of the
//! first. Within its own tree, which is what proofs and tiles are about, every log counts from 0.
//!
//! ```text
//! log.frozen, committed and published        nothing else may be appended from here on
//! log.next/, state/log.next/                 the new log, whole, beside the old one
//! state/log.epoch                            the mark: from here on the change is decided
//! log/ → log-1/, …, log.next/ → log/, …      renames, each done once
//! ```
//! Whatever cuts this off, running it again ends it.

use std::fs;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use super::checkpoint::CHECKPOINT_BYTES_MAX;
use super::create::CreateError;
use super::entry::Entry;
use super::event::{Event, What};
use super::files::{LogPaths, read_bounded};
use super::log::{AppendError, Log};
use super::past::{entries_of, open_past, past, past_of};
use super::publish::CHECKPOINT_FILE;
use super::recover::OpenError;
use crate::domain::clock::{Clock, Entropy};
use crate::domain::ids::EntryIndex;
use crate::durable::{self, Readers};

/// A key that leaks every month for eight years.
pub(super) const EPOCHS_MAX: u32 = 100;
/// The type of a log's last entry.
pub(super) const FROZEN: &str = "log.frozen";
/// The type of the first entry of a log that goes on from another.
pub(super) const CONTINUED: &str = "log.continued";

/// The log that goes on.
#[derive(Clone, Debug)]
pub struct Epoch {
    /// Its number, from 1.
    pub number: u32,
    /// Its origin.
    pub origin: String,
    /// Its verifier key.
    pub vkey: String,
    /// Where the log before it lies now.
    pub past: PathBuf,
}

/// Why no new log goes on from the old one.
#[derive(Debug, thiserror::Error)]
pub enum EpochError {
    /// Caller: the log has not ended.
    #[error("the log does not end with log.frozen: freeze it first")]
    NotFrozen,
    /// Operator: there were too many.
    #[error("{EPOCHS_MAX} logs lie behind this one: begin a new home")]
    TooMany,
    /// What making the new log says.
    #[error(transparent)]
    Create(#[from] CreateError),
    /// What opening a log says.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// What the new log says to its first entry.
    #[error(transparent)]
    Append(#[from] AppendError),
    /// Unavailable: a file could not be read, written or renamed. Run it again.
    #[error(transparent)]
    Io(#[from] io::Error),
}

impl LogPaths {
    /// A log that ended: folder, verifier key, keyring.
    pub fn past(&self, number: u32) -> [PathBuf; 3] {
        let beside = |end: &str| self.log.with_file_name(format!("log-{number}{end}"));
        [beside(""), beside(".vkey"), beside(".keyring")]
    }

    /// Its timestamps.
    pub(super) fn past_anchors(&self, number: u32) -> PathBuf {
        self.log.with_file_name(format!("log-{number}.anchors"))
    }

    /// Where the next log is made.
    fn staged(&self) -> Self {
        let folder = self.journal.with_file_name("log.next");
        Self {
            log: self.log.with_file_name("log.next"),
            journal: folder.join("log.journal"),
            vkey: folder.join("log.vkey"),
            key: folder.join("log.key"),
            credential: None,
        }
    }

    /// Whether this is the log that is being made to go on from another.
    pub(super) fn is_staged(&self) -> bool {
        self.log == self.staged().log
    }

    /// Whether a change of logs is decided and not ended.
    pub fn is_between_epochs(&self) -> bool {
        self.epoch_mark().exists()
    }

    /// Its presence says that the change of logs is decided; it holds the number of the old one.
    pub(super) fn epoch_mark(&self) -> PathBuf {
        self.journal.with_file_name("log.epoch")
    }
}

/// Whether the bytes of a log's last entry end it.
pub(super) fn is_frozen(last: &[u8]) -> bool {
    Entry::parse(EntryIndex(0), last.to_vec()).is_some_and(|entry| entry.kind() == FROZEN)
}

impl Log {
    /// Makes the log that goes on from one that ends with `log.frozen` and that nobody has open, or
    /// ends a change that was cut off; `event` makes the event of its first entry.
    ///
    /// # Errors
    /// [`EpochError`]; safe to repeat.
    pub fn begin_epoch(
        paths: &LogPaths,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
        event: impl FnOnce(What) -> Event,
    ) -> Result<Epoch, EpochError> {
        let mark = paths.epoch_mark();
        if !mark.exists() {
            let number = u32::try_from(past(paths)?.len()).unwrap_or(u32::MAX).saturating_add(1);
            if number > EPOCHS_MAX {
                return Err(EpochError::TooMany);
            }
            stage(paths, number, clock, entropy, event)?;
            durable::create_new(&mark, format!("{number}\n").as_bytes(), Readers::Owner)?;
        }
        finish(paths, usize::MAX)
    }
}

/// Makes the new log, whole, beside the old one.
pub(super) fn stage(
    paths: &LogPaths,
    number: u32,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    event: impl FnOnce(What) -> Event,
) -> Result<(), EpochError> {
    let staged = paths.staged();
    for folder in [Some(staged.log.as_path()), staged.journal.parent()].into_iter().flatten() {
        match fs::remove_dir_all(folder) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error.into()),
            Ok(()) | Err(_) => {}
        }
    }
    let old = open_past(&paths.log, &paths.vkey, 0)?;
    let first = old.reader.first().map_err(OpenError::from)?;
    let first = entries_of(&past_of(paths, first.as_ref())?);
    let last = old.size.checked_sub(1).and_then(|last| old.reader.entry(last).ok());
    if last.is_none_or(|entry| entry.kind() != FROZEN) {
        return Err(EpochError::NotFrozen);
    }
    let note = read_bounded(&paths.log.join(CHECKPOINT_FILE), CHECKPOINT_BYTES_MAX)?;
    let note = String::from_utf8_lossy(&note).into_owned();
    let origin = note.lines().next().unwrap_or_default().to_owned();
    Log::create(&staged, &next_origin(&origin, number + 1), entropy.as_ref())?;
    let what = What::LogContinued {
        epoch: number + 1,
        previous_origin: origin,
        previous_vkey: fs::read_to_string(&paths.vkey)?.trim_end().to_owned(),
        previous_checkpoint: note,
        entries_before: first + old.size,
    };
    let (log, _) = Log::open(&staged, clock, entropy)?;
    log.append(event(what))?;
    log.close();
    Ok(())
}

/// The renames, at most `steps` of them: each is done where its source is still there.
pub(super) fn finish(paths: &LogPaths, steps: usize) -> Result<Epoch, EpochError> {
    let mark = paths.epoch_mark();
    let number: u32 = fs::read_to_string(&mark)?.trim().parse().unwrap_or(1);
    let staged = paths.staged();
    let [past_log, past_vkey, past_keyring] = paths.past(number);
    let moves = [
        (&staged.log, &paths.log, Some(&past_log)),
        (&staged.keyring(), &paths.keyring(), Some(&past_keyring)),
        (&staged.vkey, &paths.vkey, Some(&past_vkey)),
        (&staged.journal, &paths.journal, None),
        (&staged.key, &paths.key, None),
    ];
    let mut left = steps;
    for (new, current, past) in moves {
        if !new.exists() {
            continue;
        }
        if let Some(past) = past
            && current.exists()
            && !past.exists()
            && step(&mut left)
        {
            durable::rename(current, past)?;
        }
        if step(&mut left) {
            durable::rename(new, current)?;
        }
    }
    // What was cosigned and timestamped belongs to the log that ended; what its witnesses said is not
    // about the next.
    for (of_log, of_past) in [
        (paths.cosigned(), past_log.with_extension("cosigned")),
        (paths.anchors(), paths.past_anchors(number)),
    ] {
        if of_log.exists() && step(&mut left) {
            durable::rename(&of_log, &of_past)?;
        }
    }
    if step(&mut left) {
        durable::remove(&paths.witnesses())?;
        durable::remove(&paths.next_key())?;
        if let Some(folder) = staged.journal.parent()
            && folder.exists()
        {
            fs::remove_dir_all(folder)?;
        }
        durable::remove(&mark)?;
    }
    let vkey = fs::read_to_string(&paths.vkey).unwrap_or_default().trim_end().to_owned();
    let origin = vkey.split('+').next().unwrap_or_default().to_owned();
    Ok(Epoch { number: number + 1, origin, vkey, past: past_log })
}

fn step(left: &mut usize) -> bool {
    let goes = *left > 0;
    *left = left.saturating_sub(1);
    goes
}

/// `…/1` becomes `…/2`; a name without a number gets one.
fn next_origin(origin: &str, number: u32) -> String {
    let stem = match origin.rsplit_once('/') {
        Some((stem, end)) if end.parse::<u32>().is_ok() => stem,
        Some(_) | None => origin,
    };
    format!("{stem}/{number}")
}
