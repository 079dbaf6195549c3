//! What the log does while its storage is full: it says so on the space kept for that, refuses
//! everything, looks for space, and goes on.
//!
//! A write that failed for lack of space may have happened in part or in whole, like one that was
//! cut off by a crash. So nothing is guessed: the log is read and put right by the code that opens
//! it, each time before it is written again.

use std::io;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::sync::{Arc, MutexGuard};

use super::detail::Actor;
use super::entry::Unsequenced;
use super::event::{Event, What};
use super::keys::Offered;
use super::publish::Publisher;
use super::recover::{OpenError, recover};
use super::sequencer::{Request, Sequencer, Waiting, settled};
use super::shared::State;
use crate::domain::clock::Timestamp;
use crate::domain::ids::RequestId;
use crate::domain::limits::LOG_RESERVE_BYTES;
use crate::domain::payload::Token;
use crate::domain::principal::Via;
use crate::durable;

impl Sequencer {
    /// Waits until there is space again; `None` where the log closes or stops meanwhile.
    pub(super) fn outlast(&mut self, queue: &Receiver<Request>) -> Option<Publisher> {
        let since = self.clock.now();
        if let Err(error) = self.say_full()
            && !durable::is_full(&error)
        {
            self.halt(error);
            return None;
        }
        loop {
            match queue.recv_timeout(self.pace.probe) {
                Ok(Request::Append(waiting)) => self.refuse(&waiting),
                Ok(Request::Settle(reply)) => settled(&reply),
                Ok(Request::Look) => {}
                Ok(Request::Close) | Err(RecvTimeoutError::Disconnected) => return None,
                Err(RecvTimeoutError::Timeout) => match self.resume(since) {
                    Ok(publisher) => return Some(publisher),
                    Err(error) if durable::is_full(&error) => {}
                    Err(error) => {
                        self.halt(error);
                        return None;
                    }
                },
            }
        }
    }

    fn refuse(&self, waiting: &Waiting) {
        let mut state = self.shared.lock();
        state.refused += 1;
        let halted = state.halted.clone();
        drop(state);
        if let Some(halt) = halted
            && Waiting::take(&waiting.taken)
        {
            waiting.answer(Err(halt.refusal()));
        }
    }

    /// Gives up the reserve for one last entry.
    fn say_full(&mut self) -> io::Result<()> {
        self.files.free_reserve()?;
        let mut publisher = self.reopen()?;
        self.say(What::LogStorageFull { reserve_bytes: LOG_RESERVE_BYTES }, &mut publisher)
    }

    /// Takes the reserve again, and goes on.
    fn resume(&mut self, since: Timestamp) -> io::Result<Publisher> {
        self.files.make_reserve()?;
        let mut publisher = self.reopen()?;
        let refused = self.only_full()?.refused;
        self.say(What::LogStorageRestored { since, refused }, &mut publisher)?;
        let mut state = self.only_full()?;
        state.halted = None;
        state.refused = 0;
        drop(state);
        self.shared.notify();
        tracing::warn!("there is space for the audit log again");
        Ok(publisher)
    }

    /// The state of a log that only lacks space: one that was stopped meanwhile stays so.
    fn only_full(&self) -> io::Result<MutexGuard<'_, State>> {
        let state = self.shared.lock();
        match state.halted.as_ref().is_some_and(|halt| !halt.is_full) {
            true => Err(io::Error::other("the log was stopped while its storage was full")),
            false => Ok(state),
        }
    }

    /// Reads what is on disk, as at a start.
    fn reopen(&mut self) -> io::Result<Publisher> {
        let unusable = |error: OpenError| {
            if let OpenError::Io(error) = error { error } else { io::Error::other(error) }
        };
        let keys = Offered::read(&self.paths).map_err(unusable)?;
        let found = recover(&self.paths, &keys.verifiers(), self.files.as_ref());
        let found = found.map_err(unusable)?;
        self.signers = keys.signers_of(&found.state.note).map_err(unusable)?;
        self.edge = found.state.edge.clone();
        self.last_ts = self.last_ts.max(found.last_ts);
        self.journal_bytes = found.journal_bytes;
        self.rewrite_at_bytes = self.pace.rewrite_bytes.max(2 * found.journal_bytes);
        let mut state = self.shared.lock();
        let (halted, refused) = (state.halted.take(), state.refused);
        *state = State { halted, refused, ..found.state };
        drop(state);
        self.shared.notify();
        Ok(found.publisher)
    }

    /// Records and publishes an entry of the log's own.
    fn say(&mut self, what: What, publisher: &mut Publisher) -> io::Result<()> {
        let actor = Actor { id: Token::operator(), via: Via::System, os_user: None };
        let req = RequestId::fresh(self.clock.now(), self.entropy.as_ref());
        let event = Event { actor, req, policy: None, what };
        let unfit = |_| io::Error::other("the log's own entry does not fit");
        let mut entry = Unsequenced::new(&event).map_err(unfit)?;
        self.commit(vec![&mut entry])?;
        let state = self.shared.lock();
        let (fresh, note) = (state.unpublished(), Arc::clone(&state.note));
        drop(state);
        publisher.apply(self.files.as_ref(), &fresh, &note)?;
        self.shared.lock().publish(self.edge.size(), note);
        self.shared.notify();
        Ok(())
    }
}
