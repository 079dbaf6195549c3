//! Which questions are on their way: those that the log calls open and that are not among them
//! ended without a terminal entry, because the log could not take it. They get one.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::audit::{Actor, AppendError, Event, What};
use crate::catalogue::CatalogueError;
use crate::domain::ids::RequestId;
use crate::domain::payload::Token;
use crate::domain::principal::Via;

use super::Answerer;

/// The questions of this process that have begun and not ended.
#[derive(Default)]
pub(super) struct Live {
    running: Mutex<BTreeSet<RequestId>>,
    /// One ended without an entry that says so.
    cut_short: AtomicBool,
}

impl Live {
    /// A question begins.
    pub(super) fn enter(&self, query: RequestId) -> Entered<'_> {
        self.running().insert(query);
        Entered { live: self, query, ended: false }
    }

    fn running(&self) -> MutexGuard<'_, BTreeSet<RequestId>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A question on its way; dropped where it leaves, however it does.
pub(super) struct Entered<'a> {
    live: &'a Live,
    query: RequestId,
    ended: bool,
}

impl Entered<'_> {
    /// Its terminal entry is recorded.
    pub(super) const fn end(&mut self) {
        self.ended = true;
    }
}

impl Drop for Entered<'_> {
    fn drop(&mut self) {
        // In this order: whoever sees the flag sees the question as left.
        self.live.running().remove(&self.query);
        if !self.ended {
            self.live.cut_short.store(true, Ordering::SeqCst);
        }
    }
}

/// Why open questions could not be closed yet.
#[derive(Debug, thiserror::Error)]
pub enum CloseError {
    /// The log cannot append.
    #[error(transparent)]
    NotRecorded(#[from] AppendError),
    /// The view cannot be read.
    #[error(transparent)]
    Catalogue(#[from] CatalogueError),
}

impl Answerer {
    /// Gives every question that ended without its terminal entry one, and tells how many. Cheap
    /// where there is none; to be called again where it fails.
    ///
    /// # Errors
    /// [`CloseError`]: some are still open.
    pub fn close_cut_short(&self) -> Result<u64, CloseError> {
        if !self.live.cut_short.swap(false, Ordering::SeqCst) {
            return Ok(0);
        }
        self.close_open().inspect_err(|_| self.live.cut_short.store(true, Ordering::SeqCst))
    }

    fn close_open(&self) -> Result<u64, CloseError> {
        let mut running = self.live.running().clone();
        let before = self.open_questions()?;
        running.extend(self.live.running().iter().copied());
        // One that began and ended meanwhile is no longer open by now.
        let open = self.open_questions()?;
        let mut closed = 0;
        for query in open.intersection(&before).filter(|query| !running.contains(query)) {
            let actor = Actor { id: Token::operator(), via: Via::System, os_user: None };
            let what = What::QueryFailed { reason: "not_recorded".to_owned() };
            let policy = Some(self.parts.policies.digest());
            self.parts.log.append(Event { actor, req: *query, policy, what })?;
            closed += 1;
        }
        self.parts.catalogue.catch_up()?;
        Ok(closed)
    }

    /// As of now, with everything that a caller was not told of.
    fn open_questions(&self) -> Result<BTreeSet<RequestId>, CloseError> {
        self.parts.log.settle()?;
        self.parts.catalogue.catch_up()?;
        Ok(self.parts.catalogue.open_questions()?.into_iter().collect())
    }
}
