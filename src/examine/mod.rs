//! What did the appliance do? Listing, showing, proving, verifying, exporting and replaying the
//! record, each recorded in turn before it is shown.

pub mod bundle;
mod certificate;
mod contents;
mod disclosures;
mod export;
mod filter;
mod hand_out;
mod problems;
mod replay;
mod reveal;
mod statement;

use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use self::contents::ContentsCheck;
use crate::answer::ReplayError;
use crate::audit::note::KeyError;
use crate::audit::{
    Actor, Anchors, AppendError, Entry, EntryRules, Event, FolderError, Log, LogPaths, ReadError,
    Recorded, Report, Selection, TlogPolicy, Trust, VerifyOptions, What,
};
use crate::catalogue::{Catalogue, CatalogueError};
use crate::domain::clock::{Clock, Entropy};
use crate::domain::ids::{EntryIndex, RequestId};
use crate::domain::principal::Principal;
use crate::policy::{Action, Denial, Policies};
use crate::store::{State, StateError, Vault, VaultError};

pub use certificate::{Certificate, InForce, Standing, Walled};
pub use contents::{Contents, Verified, check_contents};
pub use disclosures::{Accounting, Disclosure};
pub use export::{ExportFormat, Exported, InvalidFormat, RecordFormat, Site};
pub use filter::Filter;
pub use hand_out::ExportRequest;
pub use problems::PROBLEM_KINDS;
pub use reveal::{Committed, ContentsState, Opening, Revealed};

/// Entries shown at a time where no number is asked for.
pub const PAGE_ENTRIES: usize = 100;
/// Entries of one listing at most.
const LIST_ENTRIES_MAX: usize = 10_000;
/// Entries read from the log at a time.
const ENTRIES_AT_A_TIME: usize = 1_024;
/// How far from an entry the others of its request are looked for, on each side: a question's
/// entries lie seconds apart.
const ENTRIES_NEAR: u64 = 256;

/// Why the record is not shown.
#[derive(Debug, thiserror::Error)]
pub enum ExamineError {
    /// The policy does not allow it.
    #[error("{}", .0.reason)]
    Denied(Denial),
    /// The log cannot append, so reading it could not be recorded.
    #[error("the audit log cannot record this, so nothing is shown: {0}")]
    NotRecorded(#[from] AppendError),
    /// The log cannot be read, or there is no such entry.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The entry commits to no contents.
    #[error("entry {index} has no contents: it says all there is")]
    NoContents {
        /// The entry.
        index: EntryIndex,
    },
    /// A past answer could not be run again.
    #[error(transparent)]
    Replay(#[from] ReplayError),
    /// A file could not be read or written.
    #[error(transparent)]
    Io(#[from] std::io::Error),
    /// The vault cannot keep what the record would commit to.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// The state cannot be read or written.
    #[error(transparent)]
    State(#[from] StateError),
    /// Caller: the checkpoint named is none of this log, or of another time.
    #[error("{0}")]
    Request(String),
    /// The catalogue cannot be read.
    #[error(transparent)]
    Catalogue(#[from] CatalogueError),
    /// A key of the log or of its bundles cannot be read.
    #[error("{path}: {source}")]
    Key {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: KeyError,
    },
    /// The published log cannot be read as it is.
    #[error(transparent)]
    Folder(#[from] FolderError),
}

/// Who examines: the machine's operator (rights of set-up, and the log names nobody in clear), or
/// a person with an account.
#[derive(Clone, Debug)]
pub struct Reader {
    /// As the log names them.
    pub actor: Actor,
    /// The person; `None` is the operator.
    pub person: Option<Principal>,
}

/// Which of the matching entries are listed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Part {
    /// The newest.
    Newest,
    /// The newest before this entry.
    Before(EntryIndex),
    /// The oldest after this entry.
    After(EntryIndex),
}

/// One entry, with the others of the same request that lie near it.
#[derive(Clone, Debug)]
pub struct Inspected {
    /// The entry.
    pub entry: Entry,
    /// The others, oldest first.
    pub related: Vec<Entry>,
}

/// Examines the record.
pub struct Examiner {
    /// The record.
    pub log: Log,
    /// Where its files are.
    pub paths: LogPaths,
    /// Who is to witness it.
    pub witnesses: TlogPolicy,
    /// Decides.
    pub policies: Policies,
    /// Makes tokens of names, for filters; holds the contents behind entries.
    pub vault: Vault,
    /// Remembers what each auditor was handed last.
    pub state: State,
    /// Knows what contents belong to now.
    pub catalogue: Arc<Catalogue>,
    /// Where exports are put together before they are recorded.
    pub spool: PathBuf,
    /// Keeps the keys that sign bundles; each is made on first use.
    pub keys: PathBuf,
    /// One bundle is made at a time: each reads the whole log.
    pub bundling: Mutex<()>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub entropy: Arc<dyn Entropy>,
}

impl Examiner {
    /// Entries that match, oldest first; at most `limit`, the newest where there are more.
    ///
    /// # Errors
    /// [`ExamineError`]: nothing is shown.
    pub fn list(
        &self,
        reader: &Reader,
        filter: &Filter,
        limit: usize,
    ) -> Result<Recorded<Vec<Entry>>, ExamineError> {
        self.part(reader, filter, Part::Newest, limit)
    }

    /// [`Self::list`] for one part of the entries that match, oldest first.
    ///
    /// # Errors
    /// [`ExamineError`]: nothing is shown.
    pub fn part(
        &self,
        reader: &Reader,
        filter: &Filter,
        part: Part,
        limit: usize,
    ) -> Result<Recorded<Vec<Entry>>, ExamineError> {
        self.decide(reader, Action::ReadLog)?;
        let limit = limit.min(LIST_ENTRIES_MAX);
        let found = match part {
            Part::Newest => self.back(filter, self.log.size(), limit)?,
            Part::Before(EntryIndex(end)) => self.back(filter, end.min(self.log.size()), limit)?,
            Part::After(EntryIndex(at)) => {
                let mut found = Vec::new();
                self.each(&filter.select(&self.vault)?, at.saturating_add(1), |entry| {
                    found.push(entry);
                    Ok(found.len() < limit)
                })?;
                found
            }
        };
        let what = What::AuditRead { scope: "list".to_owned(), index: None };
        Ok(self.record(reader, what, found)?)
    }

    /// One entry, with the others of its request.
    ///
    /// # Errors
    /// [`ExamineError`]: nothing is shown.
    pub fn inspect(
        &self,
        reader: &Reader,
        at: EntryIndex,
    ) -> Result<Recorded<Inspected>, ExamineError> {
        self.decide(reader, Action::ReadLog)?;
        let entry = self.log.read(at)?;
        let from = at.0.saturating_sub(ENTRIES_NEAR);
        let count = usize::try_from(ENTRIES_NEAR.saturating_mul(2)).unwrap_or(usize::MAX);
        let mut related = self.log.entries(EntryIndex(from), count)?;
        related.retain(|other| other.index != at && other.req() == entry.req());
        let what = What::AuditRead { scope: "entry".to_owned(), index: Some(at) };
        Ok(self.record(reader, what, Inspected { entry, related })?)
    }

    /// One entry.
    ///
    /// # Errors
    /// [`ExamineError`]: nothing is shown.
    pub fn show(&self, reader: &Reader, at: EntryIndex) -> Result<Recorded<Entry>, ExamineError> {
        self.decide(reader, Action::ReadLog)?;
        let entry = self.log.read(at)?;
        let what = What::AuditRead { scope: "entry".to_owned(), index: Some(at) };
        Ok(self.record(reader, what, entry)?)
    }

    /// Entries as they lie in a file of the published log.
    ///
    /// # Errors
    /// [`ExamineError`]: nothing is shown.
    pub fn tile(&self, reader: &Reader, bytes: Vec<u8>) -> Result<Recorded<Vec<u8>>, ExamineError> {
        self.decide(reader, Action::ReadLog)?;
        let what = What::AuditRead { scope: "tile".to_owned(), index: None };
        Ok(self.record(reader, what, bytes)?)
    }

    /// A C2SP tlog-proof of one entry.
    ///
    /// # Errors
    /// [`ExamineError`]: nothing is shown.
    pub fn proof(&self, reader: &Reader, at: EntryIndex) -> Result<Recorded<String>, ExamineError> {
        self.decide(reader, Action::ReadLog)?;
        let what = What::AuditRead { scope: "proof".to_owned(), index: Some(at) };
        let proof = self.log.proof(at)?;
        Ok(self.record(reader, what, proof)?)
    }

    /// Verifies the whole log as it is on disk: under a policy where one is given, else with the
    /// log's own key; and against an earlier checkpoint where one is given. Then, unless the log
    /// alone is asked for, opens everything that its entries commit to.
    ///
    /// # Errors
    /// [`ExamineError`] where verifying could not run; problems found are in the report.
    pub fn verify(
        &self,
        reader: &Reader,
        policy: Option<&TlogPolicy>,
        since: Option<Vec<u8>>,
        log_only: bool,
    ) -> Result<Recorded<Verified>, ExamineError> {
        self.decide(reader, Action::ReadLog)?;
        let what = What::AuditRead { scope: "verify".to_owned(), index: None };
        let mut report = {
            self.log.publish()?;
            let options =
                VerifyOptions { entries: EntryRules::Affiant, since, ..VerifyOptions::live() };
            let vkey = self.log.vkey()?;
            // Witnesses cosign behind the log: what they have cosigned lies beside it.
            let cosigned = std::fs::read(self.paths.log.with_extension("cosigned")).ok();
            let trust = match (policy, cosigned.as_deref()) {
                (None, _) => Trust::Key(&vkey),
                (Some(policy), None) => Trust::Policy(policy),
                (Some(policy), Some(note)) => Trust::Cosigned(policy, note),
            };
            self.log.verify_past().verify_next(&self.paths.log, trust, &options)
        };
        let contents = (!log_only).then(|| self.check_contents(&mut report));
        Ok(self.record(reader, what, Verified { report, contents })?)
    }

    /// Opens everything that entries commit to; what is recorded meanwhile is looked at too, as it
    /// may say why contents are gone.
    fn check_contents(&self, report: &mut Report) -> Contents {
        let mut check = ContentsCheck::new(&self.vault, Anchors::of(&self.paths));
        let mut from = 0;
        while from < self.log.size() {
            let read = self.each(&Selection::default(), from, |entry| {
                check.enter(entry.index.0, &entry);
                Ok(true)
            });
            from = read.unwrap_or_else(|error| {
                check.unreadable(&error);
                u64::MAX
            });
        }
        check.finish(report)
    }

    /// The newest `limit` matching entries before `end`, oldest first; reads backwards, and only
    /// as far as it must.
    fn back(&self, filter: &Filter, end: u64, limit: usize) -> Result<Vec<Entry>, ExamineError> {
        let wanted = filter.select(&self.vault)?;
        let mut found = Vec::new();
        let mut until = end;
        while until > 0 && found.len() < limit {
            let from = until.saturating_sub(ENTRIES_AT_A_TIME as u64);
            let count = usize::try_from(until - from).unwrap_or(ENTRIES_AT_A_TIME);
            let entries = self.log.entries(EntryIndex(from), count)?;
            let matching = entries.into_iter().rev().filter(|entry| wanted.matches(entry));
            found.extend(matching.take(limit - found.len()));
            until = from;
        }
        found.reverse();
        Ok(found)
    }

    /// Every matching entry from `from` on, until `take` says that it has enough; gives the size of
    /// the log that was read.
    fn each(
        &self,
        wanted: &Selection,
        mut from: u64,
        mut take: impl FnMut(Entry) -> Result<bool, ExamineError>,
    ) -> Result<u64, ExamineError> {
        let end = self.log.size();
        while from < end {
            let entries = self.log.entries(EntryIndex(from), ENTRIES_AT_A_TIME)?;
            let Some(last) = entries.last() else { break };
            from = last.index.0 + 1;
            for entry in entries.into_iter().filter(|entry| wanted.matches(entry)) {
                if !take(entry)? {
                    return Ok(end);
                }
            }
        }
        Ok(end)
    }

    fn decide(&self, reader: &Reader, action: Action) -> Result<(), ExamineError> {
        match &reader.person {
            None => Ok(()),
            Some(person) => match self.policies.may(person, action) {
                Ok(_allowed) => Ok(()),
                Err(denial) => Err(ExamineError::Denied(denial)),
            },
        }
    }

    fn record<T>(&self, reader: &Reader, what: What, value: T) -> Result<Recorded<T>, AppendError> {
        let req = RequestId::fresh(self.clock.now(), self.entropy.as_ref());
        let policy = Some(self.policies.digest());
        self.log.record(Event { actor: reader.actor.clone(), req, policy, what }, value)
    }
}
