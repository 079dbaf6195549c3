//! What did the appliance do? Listing, showing, proving, verifying and exporting the record, each
//! recorded in turn before it is shown.

mod export;
mod filter;

use std::path::PathBuf;
use std::sync::Arc;

use crate::audit::{
    Actor, AppendError, Entry, Event, Log, ReadError, Recorded, Report, What, verify,
};
use crate::domain::clock::{Clock, Entropy};
use crate::domain::ids::{EntryIndex, RequestId};
use crate::domain::principal::Principal;
use crate::policy::{Action, Denial, Policies};
use crate::store::Vault;

pub use export::{ExportFormat, Exported, InvalidFormat};
pub use filter::Filter;

/// Entries shown at a time where no number is asked for.
pub const PAGE_ENTRIES: usize = 100;
/// Entries of one listing at most.
const LIST_ENTRIES_MAX: usize = 10_000;

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
    /// A file could not be read or written.
    #[error(transparent)]
    Io(#[from] std::io::Error),
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

/// Examines the record.
pub struct Examiner {
    /// The record.
    pub log: Log,
    /// Its folder and verifier key.
    pub log_dir: PathBuf,
    /// Verifier key text.
    pub vkey: String,
    /// Decides.
    pub policies: Policies,
    /// Makes tokens of names, for filters.
    pub vault: Vault,
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
        self.decide(reader, Action::ReadLog)?;
        let limit = limit.min(LIST_ENTRIES_MAX);
        let mut found = std::collections::VecDeque::new();
        self.each(filter, |entry| {
            if found.len() == limit {
                found.pop_front();
            }
            found.push_back(entry);
        })?;
        let what = What::AuditRead { scope: "list".to_owned(), index: None };
        Ok(self.record(reader, what, found.into())?)
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

    /// Verifies the whole log as it is on disk.
    ///
    /// # Errors
    /// [`ExamineError`] where verifying could not run; problems found are in the report.
    pub fn verify(&self, reader: &Reader) -> Result<Recorded<Report>, ExamineError> {
        self.decide(reader, Action::ReadLog)?;
        let what = What::AuditRead { scope: "verify".to_owned(), index: None };
        let report = {
            self.log.publish()?;
            verify(&self.log_dir, self.vkey.trim_end())
        };
        Ok(self.record(reader, what, report)?)
    }

    /// Writes the matching entries in one of the export formats.
    ///
    /// # Errors
    /// [`ExamineError`]: nothing is handed out.
    pub fn export(
        &self,
        reader: &Reader,
        format: ExportFormat,
        filter: &Filter,
    ) -> Result<Recorded<Exported>, ExamineError> {
        self.decide(reader, Action::ExportLog)?;
        let mut writer = export::Writer::new(format);
        self.each(filter, |entry| writer.push(&entry))?;
        let exported = writer.finish();
        let what = What::AuditExported {
            format: format.as_str().to_owned(),
            entries: exported.entries,
            sha256: exported.sha256,
        };
        Ok(self.record(reader, what, exported)?)
    }

    fn each(&self, filter: &Filter, mut take: impl FnMut(Entry)) -> Result<(), ExamineError> {
        const AT_A_TIME: usize = 1_024;
        let filter = filter.compile(&self.vault);
        let end = self.log.size();
        let mut from = 0;
        while from < end {
            let entries = self.log.entries(EntryIndex(from), AT_A_TIME)?;
            let Some(last) = entries.last() else { break };
            from = last.index.0 + 1;
            entries.into_iter().filter(|entry| filter.matches(entry)).for_each(&mut take);
        }
        Ok(())
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
