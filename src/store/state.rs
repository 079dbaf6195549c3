//! The sled database and its trees.

use std::fs;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex};

use serde::Serialize;
use serde::de::DeserializeOwned;
use uuid::Uuid;

use super::accounts::{AccountRow, FailuresRow, SessionRow};
use super::cipher::RowCipher;
use super::classes::{ClassRow, Classes, Known};
use super::duties::{ChangeRow, HoldRow};
use super::rows::{AnswerRow, DocumentRow, PolicyRow};
use super::standing::{EmergencyRow, ImportRow, StandingRow, TurnoverRow};
use super::table::{RowKey, StateError, Table};
use super::vault::Vault;
use crate::domain::clock::Timestamp;
use crate::domain::ids::{EntryIndex, Generation, RequestId};
use crate::domain::limits::STATE_CACHE_BYTES;
use crate::durable;

/// The typed trees of one home. Cheap to clone.
#[derive(Clone)]
pub struct State(Arc<Trees>);

struct Trees {
    db: sled::Db,
    cipher: RowCipher,
    accounts: Table<AccountRow>,
    sessions: Table<SessionRow>,
    failures: Table<FailuresRow>,
    documents: Table<DocumentRow>,
    answers: Table<AnswerRow>,
    policies: Table<PolicyRow>,
    changes: Table<ChangeRow>,
    holds: Table<HoldRow>,
    standings: Table<StandingRow>,
    emergencies: Table<EmergencyRow>,
    imports: Table<ImportRow>,
    turnovers: Table<TurnoverRow>,
    open_queries: OpenQueries,
    meta: Meta,
    classes: Table<ClassRow>,
    known: Mutex<Known>,
}

impl std::fmt::Debug for State {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("State")
    }
}

impl State {
    /// Opens the state, creating it where it is missing. One process at a time. The keys of the
    /// rows come from `vault`.
    ///
    /// # Errors
    /// [`StateError::Open`] where another process has it open.
    pub fn open(dir: &Path, vault: &Vault) -> Result<Self, StateError> {
        let open = |source| StateError::Open { path: dir.display().to_string(), source };
        if let Some(parent) = dir.parent() {
            durable::create_dir_all(parent).map_err(|e| open(sled::Error::Io(e)))?;
        }
        sweep(dir).map_err(|e| open(sled::Error::Io(e)))?;
        let config = sled::Config::new().path(dir).cache_capacity(STATE_CACHE_BYTES);
        let db = config.open().map_err(open)?;
        let cipher = RowCipher::open(vault)?;
        let state = Self(Arc::new(Trees {
            accounts: Table::open(&db, &cipher)?,
            sessions: Table::open(&db, &cipher)?,
            failures: Table::open(&db, &cipher)?,
            documents: Table::open(&db, &cipher)?,
            answers: Table::open(&db, &cipher)?,
            policies: Table::open(&db, &cipher)?,
            changes: Table::open(&db, &cipher)?,
            holds: Table::open(&db, &cipher)?,
            standings: Table::open(&db, &cipher)?,
            emergencies: Table::open(&db, &cipher)?,
            imports: Table::open(&db, &cipher)?,
            turnovers: Table::open(&db, &cipher)?,
            open_queries: OpenQueries { tree: db.open_tree("open_queries")? },
            meta: Meta { tree: db.open_tree("meta")? },
            classes: Table::open(&db, &cipher)?,
            known: Mutex::default(),
            cipher,
            db,
        }));
        if state.0.cipher.has_old() {
            state.finish_renewal()?; // A crash cut it off.
        }
        Ok(state)
    }

    /// Seals every row anew under a fresh key and destroys the old one: what rows held before, and
    /// rows that were deleted, cannot be read from sled's files any more. Rows may be written
    /// meanwhile.
    ///
    /// # Errors
    /// [`StateError`]; safe to repeat, and the next opening finishes what was begun.
    pub fn renew(&self) -> Result<(), StateError> {
        self.0.cipher.begin()?;
        self.finish_renewal()
    }

    fn finish_renewal(&self) -> Result<(), StateError> {
        let trees = &self.0;
        trees.accounts.renew()?;
        trees.sessions.renew()?;
        trees.failures.renew()?;
        trees.documents.renew()?;
        trees.answers.renew()?;
        trees.policies.renew()?;
        trees.changes.renew()?;
        trees.holds.renew()?;
        trees.standings.renew()?;
        trees.emergencies.renew()?;
        trees.imports.renew()?;
        trees.turnovers.renew()?;
        trees.classes.renew()?;
        trees.db.flush()?;
        trees.cipher.finish()
    }

    #[cfg(test)]
    pub(super) fn table<R: super::Row>(&self) -> Table<R> {
        Table::open(&self.0.db, &self.0.cipher).expect("a tree opens")
    }

    /// Counts the changes of what decisions are made from (accounts, what relationships and
    /// emergencies give, documents): where it is as it was, so are they.
    pub fn version(&self) -> u64 {
        let Trees { accounts, standings, documents, .. } = &*self.0;
        let people = accounts.changes().wrapping_add(standings.changes());
        people.wrapping_add(documents.changes())
    }

    /// The same of sessions and tokens.
    pub fn sessions_version(&self) -> u64 {
        self.0.sessions.changes()
    }

    /// Accounts: on disk when written.
    pub fn accounts(&self) -> &Table<AccountRow> {
        &self.0.accounts
    }

    /// Sessions and tokens: on disk when written.
    pub fn sessions(&self) -> &Table<SessionRow> {
        &self.0.sessions
    }

    /// Failed sign-ins of accounts: on disk when written.
    pub fn failures(&self) -> &Table<FailuresRow> {
        &self.0.failures
    }

    /// The catalogue: a view of the log.
    pub fn documents(&self) -> &Table<DocumentRow> {
        &self.0.documents
    }

    /// Answers by question: a view of the log.
    pub fn answers(&self) -> &Table<AnswerRow> {
        &self.0.answers
    }

    /// Versions of the policies: a view of the log.
    pub fn policies(&self) -> &Table<PolicyRow> {
        &self.0.policies
    }

    /// Changes for two persons: on disk when written.
    pub fn changes(&self) -> &Table<ChangeRow> {
        &self.0.changes
    }

    /// Holds: on disk when written.
    pub fn holds(&self) -> &Table<HoldRow> {
        &self.0.holds
    }

    /// Relationships and open emergencies, by person: on disk when written.
    pub fn standings(&self) -> &Table<StandingRow> {
        &self.0.standings
    }

    /// Emergencies from their opening to their review: on disk when written.
    pub fn emergencies(&self) -> &Table<EmergencyRow> {
        &self.0.emergencies
    }

    /// The import of relationships that was begun and is not finished: on disk when written.
    pub fn imports(&self) -> &Table<ImportRow> {
        &self.0.imports
    }

    /// What that import changes, by person: on disk when written.
    pub fn turnovers(&self) -> &Table<TurnoverRow> {
        &self.0.turnovers
    }

    /// Questions that were received and have not ended: a view of the log.
    pub fn open_queries(&self) -> &OpenQueries {
        &self.0.open_queries
    }

    /// Counters and small values.
    pub fn meta(&self) -> &Meta {
        &self.0.meta
    }

    /// Access classes.
    pub fn classes(&self) -> Classes<'_> {
        Classes::new(&self.0.classes, &self.0.known)
    }

    /// Empties what follows from the log, so that it is replayed from its first entry. Accounts,
    /// sessions and access classes stay.
    ///
    /// # Errors
    /// [`StateError::Store`]; safe to repeat.
    pub fn forget_views(&self) -> Result<(), StateError> {
        let trees = &self.0;
        // First: a crash behind it only makes the replay longer.
        trees.meta.tree.remove(APPLIED_THROUGH)?;
        trees.meta.tree.flush()?;
        trees.documents.clear()?;
        trees.answers.clear()?;
        trees.policies.clear()?;
        trees.open_queries.tree.clear()?;
        self.flush()
    }

    /// Returns once everything written so far is on disk.
    ///
    /// # Errors
    /// [`StateError::Store`].
    pub fn flush(&self) -> Result<(), StateError> {
        self.0.db.flush()?;
        Ok(())
    }

    /// Whether the state can still be written. sled refuses everything after its first error, until
    /// it is opened again.
    ///
    /// # Errors
    /// [`StateError::Store`].
    pub fn check(&self, now: Timestamp) -> Result<(), StateError> {
        self.0.meta.put(CHECKED, &now)
    }
}

/// Removes what sled was writing when it was cut off: it takes an unfinished snapshot for a damaged
/// one, and would not open.
fn sweep(dir: &Path) -> io::Result<()> {
    let files = match fs::read_dir(dir) {
        Ok(files) => files,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(e) => return Err(e),
    };
    for file in files {
        let path = file?.path();
        if path.extension().is_some_and(|extension| extension == "generating") {
            durable::remove(&path)?;
        }
    }
    Ok(())
}

/// Questions without an end.
pub struct OpenQueries {
    tree: sled::Tree,
}

impl OpenQueries {
    /// Notes a question as received.
    ///
    /// # Errors
    /// [`StateError::Store`].
    pub fn insert(&self, query: RequestId) -> Result<(), StateError> {
        self.tree.insert(query.bytes(), &[])?;
        Ok(())
    }

    /// Notes a question as ended.
    ///
    /// # Errors
    /// [`StateError::Store`].
    pub fn remove(&self, query: RequestId) -> Result<(), StateError> {
        self.tree.remove(query.bytes())?;
        Ok(())
    }

    /// Every question without an end.
    ///
    /// # Errors
    /// [`StateError::Damaged`] for a key that is no id.
    pub fn list(&self) -> Result<Vec<RequestId>, StateError> {
        let id = |key: sled::IVec| {
            let damaged = |_| StateError::Damaged { what: "an open question" };
            Uuid::from_slice(&key).map(RequestId).map_err(damaged)
        };
        self.tree.iter().keys().map(|key| id(key?)).collect()
    }
}

/// Counters and small values.
pub struct Meta {
    tree: sled::Tree,
}

const APPLIED_THROUGH: &str = "applied_through";
const GENERATION: &str = "generation";
const SERVING: &str = "serving";
const CHECKED: &str = "checked";

impl Meta {
    /// The last entry of the log that the views hold.
    ///
    /// # Errors
    /// [`StateError`].
    pub fn applied_through(&self) -> Result<Option<EntryIndex>, StateError> {
        self.get(APPLIED_THROUGH)
    }

    /// Notes the last entry that the views hold. Written after the views, and may lag behind them.
    ///
    /// # Errors
    /// [`StateError::Store`].
    pub fn set_applied_through(&self, entry: EntryIndex) -> Result<(), StateError> {
        self.insert(APPLIED_THROUGH, &entry)
    }

    /// Whether the log says that a server began and not how it ended.
    ///
    /// # Errors
    /// [`StateError`].
    pub fn serving(&self) -> Result<bool, StateError> {
        Ok(self.get(SERVING)?.unwrap_or(false))
    }

    /// Notes that a server began or ended. A view of the log.
    ///
    /// # Errors
    /// [`StateError::Store`].
    pub fn set_serving(&self, serving: bool) -> Result<(), StateError> {
        self.insert(SERVING, &serving)
    }

    /// A generation that was never given out before, whatever crashed since; on disk on return.
    ///
    /// # Errors
    /// [`StateError`].
    pub fn next_generation(&self) -> Result<Generation, StateError> {
        let damaged = || StateError::Damaged { what: "the generation counter" };
        let number = |bytes: &[u8]| bytes.try_into().ok().map(u64::from_be_bytes);
        let next = self.tree.update_and_fetch(GENERATION, |last| {
            let next = last.map_or(Some(1), |last| number(last)?.checked_add(1));
            // A damaged counter stays as it is, and is told below.
            next.map_or_else(|| last.map(<[u8]>::to_vec), |next| Some(next.to_be_bytes().to_vec()))
        })?;
        let next = next.as_deref().and_then(number).ok_or_else(damaged)?;
        self.tree.flush()?;
        Ok(Generation(next))
    }

    /// Lets generations go on after `last`, e.g. where the state is rebuilt from the log.
    ///
    /// # Errors
    /// [`StateError`].
    pub fn skip_generations(&self, last: Generation) -> Result<(), StateError> {
        self.tree.fetch_and_update(GENERATION, |now| {
            let now = now.and_then(|now| now.try_into().ok()).map_or(0, u64::from_be_bytes);
            Some(now.max(last.0).to_be_bytes().to_vec())
        })?;
        self.tree.flush()?;
        Ok(())
    }

    /// A small value; `None` where it was never put.
    ///
    /// # Errors
    /// [`StateError::Corrupt`] where it is not of this type.
    pub fn get<T: DeserializeOwned>(&self, key: &str) -> Result<Option<T>, StateError> {
        let parse = |bytes: sled::IVec| {
            serde_json::from_slice(&bytes)
                .map_err(|source| StateError::Corrupt { tree: "meta", source })
        };
        self.tree.get(key)?.map(parse).transpose()
    }

    /// Puts a small value; on disk on return.
    ///
    /// # Errors
    /// [`StateError`].
    pub fn put<T: Serialize>(&self, key: &str, value: &T) -> Result<(), StateError> {
        self.insert(key, value)?;
        self.tree.flush()?;
        Ok(())
    }

    fn insert<T: Serialize>(&self, key: &str, value: &T) -> Result<(), StateError> {
        let bytes = serde_json::to_vec(value)
            .map_err(|source| StateError::Corrupt { tree: "meta", source })?;
        self.tree.insert(key, bytes)?;
        Ok(())
    }
}
