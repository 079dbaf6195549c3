//! The logs of a home that ended before the one that is written: read with it, verified with it.
//!
//! They lie in `log-1/`, `log-2/`, ..., oldest first. That all of them are there is for the next log
//! to say: its first entry holds its number, and how many entries lie before it.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::Value;

use super::checkpoint::{CHECKPOINT_BYTES_MAX, Checkpoint};
use super::chronicle::Inherited;
use super::entry::Entry;
use super::epoch::{CONTINUED, EPOCHS_MAX};
use super::files::{LogPaths, read_bounded};
use super::folder::Folder;
use super::note::NoteVerifier;
use super::problems::{Problem, Report};
use super::publish::CHECKPOINT_FILE;
use super::reader::Reader;
use super::recover::OpenError;
use super::shared::{Shared, State, Stored};
use super::tile::TILE_WIDTH;
use super::verify::{Trust, VerifyOptions, verify_after};

/// A log that ended: its entries and where they begin.
pub(super) struct Past {
    pub(super) reader: Reader,
    /// Entries before its first.
    pub(super) first: u64,
    pub(super) size: u64,
}

/// What the first entry of a log says of the logs before it.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
struct Said {
    /// How many there are.
    logs: u64,
    /// Their entries.
    entries: u64,
}

impl Said {
    /// A log that goes on from none says nothing.
    fn by(first: &Entry) -> Self {
        let number = |name| first.details().get(name).and_then(Value::as_u64).unwrap_or(0);
        match first.kind() == CONTINUED {
            true => {
                Self { logs: number("epoch").saturating_sub(1), entries: number("entries_before") }
            }
            false => Self::default(),
        }
    }

    /// What it would have to say of these.
    fn of(found: &[Past]) -> Self {
        Self { logs: found.len() as u64, entries: entries_of(found) }
    }
}

pub(super) fn entries_of(found: &[Past]) -> u64 {
    found.last().map_or(0, |past| past.first + past.size)
}

/// The logs that ended, oldest first: those, and no others, that the log with this first entry goes
/// on from. Without one of them every later index would name another entry.
pub(super) fn past_of(paths: &LogPaths, first: Option<&Entry>) -> Result<Vec<Past>, OpenError> {
    // The next log is empty until it is told what it goes on from.
    if first.is_none() && paths.is_staged() {
        return Ok(Vec::new());
    }
    let found = past(paths)?;
    let (said, there) = (first.map_or_else(Said::default, Said::by), Said::of(&found));
    if said != there {
        let folder = paths.log.with_file_name("");
        let (logs, entries) = (said.logs, said.entries);
        return Err(OpenError::Past { folder, logs, entries, found: there.logs });
    }
    Ok(found)
}

/// The logs that lie there, oldest first.
pub(super) fn past(paths: &LogPaths) -> Result<Vec<Past>, OpenError> {
    let mut found: Vec<Past> = Vec::new();
    for number in 1..=EPOCHS_MAX {
        let [log, vkey, _] = paths.past(number);
        if !log.is_dir() {
            break;
        }
        found.push(open_past(&log, &vkey, entries_of(&found))?);
    }
    Ok(found)
}

pub(super) fn open_past(log: &Path, vkey: &Path, first: u64) -> Result<Past, OpenError> {
    let path = log.join(CHECKPOINT_FILE);
    let note = read_bounded(&path, CHECKPOINT_BYTES_MAX)?;
    let other = || OpenError::OtherKey { path: vkey.to_owned() };
    let key: NoteVerifier =
        fs::read_to_string(vkey).map_err(|_| other())?.trim_end().parse().map_err(|_| other())?;
    let checkpoint =
        Checkpoint::open(&note, &key).map_err(|source| OpenError::Checkpoint { path, source })?;
    let (edge, last_bundle) = Folder::at(log).edge(&checkpoint)?;
    let incomplete = checkpoint.size % TILE_WIDTH != 0;
    let bundle = if incomplete { last_bundle } else { Vec::new() };
    let tail: Vec<Stored> = bundle.iter().map(|entry| Stored::new(entry)).collect();
    let note: Arc<str> = String::from_utf8_lossy(&note).into();
    let state = State::published(edge, note, tail.into());
    let reader = Reader::new(Arc::new(Shared::new(state)), log);
    Ok(Past { reader, first, size: checkpoint.size })
}

/// What verifying the logs of a home that ended has found: for the one that goes on from them.
#[derive(Debug, Default)]
pub struct PastLogs {
    problems: Vec<Problem>,
    /// Their folders and sizes, oldest first.
    logs: Vec<(PathBuf, u64)>,
    /// Unknown where nobody looked, or where they are not the ones that the next goes on from.
    inherited: Option<Inherited>,
}

/// Verifies the logs of a home that ended, each with its own key, and that each log goes on from the
/// one before it: its first entry holds the last checkpoint of that one, and says how many logs and
/// entries lie before.
pub fn verify_past(paths: &LogPaths) -> PastLogs {
    let mut all = PastLogs { inherited: Some(Inherited::default()), ..PastLogs::default() };
    let mut before = Said::default();
    let mut last = String::new();
    for number in 1..=EPOCHS_MAX {
        let [log, vkey, _] = paths.past(number);
        let ended = log.is_dir();
        let (log, vkey) = if ended { (log, vkey) } else { (paths.log.clone(), paths.vkey.clone()) };
        if let Some(problem) = check_first(&log, &vkey, before, &last) {
            all.problems.push(problem);
            all.inherited = None;
        }
        if !ended {
            break;
        }
        let vkey = fs::read_to_string(&vkey).unwrap_or_default();
        let options = VerifyOptions::default();
        let inherited = all.inherited.take();
        let is_whole = inherited.is_some();
        let (report, left) = verify_after(&log, Trust::Key(&vkey), &options, inherited);
        all.inherited = left.filter(|_| is_whole);
        all.problems.extend(report.problems.into_iter().map(|problem| Problem {
            index: problem.index.map(|index| index + before.entries),
            detail: format!("log-{number}: {}", problem.detail),
            ..problem
        }));
        before = Said { logs: before.logs + 1, entries: before.entries + report.size };
        last = fs::read_to_string(log.join(CHECKPOINT_FILE)).unwrap_or_default();
        all.logs.push((log, report.size));
    }
    all
}

impl PastLogs {
    /// What is wrong with them.
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }

    /// Their folders and how many entries each has, oldest first.
    pub fn logs(&self) -> &[(PathBuf, u64)] {
        &self.logs
    }

    /// Verifies the log that goes on from them; their problems are in its report too.
    pub fn verify_next(self, dir: &Path, trust: Trust<'_>, options: &VerifyOptions) -> Report {
        let (mut report, _) = verify_after(dir, trust, options, self.inherited);
        report.problems.extend(self.problems);
        report.ok = report.problems.is_empty();
        report.before = self.logs.iter().map(|(_, size)| size).sum();
        report
    }
}

/// Whether a log goes on from what lies before it: from so many logs, of which the newest ends with
/// the checkpoint `last`. A log that cannot be read is for its own verification to report, unless
/// others lie before it.
fn check_first(log: &Path, vkey: &Path, before: Said, last: &str) -> Option<Problem> {
    let first =
        open_past(log, vkey, before.entries).ok().and_then(|log| log.reader.first().ok()?);
    if first.is_none() && before.logs == 0 {
        return None;
    }
    let said = first.as_ref().map_or_else(Said::default, Said::by);
    let held = first.as_ref().and_then(|entry| entry.details().get("previous_checkpoint"));
    let held = held.and_then(Value::as_str).unwrap_or_default();
    let log = log.display();
    let detail = if said != before {
        let Said { logs, entries } = said;
        let there = format!("{} with {}", before.logs, before.entries);
        format!("{log} goes on from {logs} logs with {entries} entries, and there are {there}")
    } else if stated(held) != stated(last) {
        format!("{log} does not begin with the last checkpoint of the log before it")
    } else {
        return None;
    };
    Some(Problem { kind: "epoch_chain".to_owned(), index: Some(before.entries), detail })
}

/// What a checkpoint states, without its signatures: cosignatures may come later.
fn stated(note: &str) -> &str {
    note.rsplit_once("\n\n").map_or("", |(text, _)| text)
}
