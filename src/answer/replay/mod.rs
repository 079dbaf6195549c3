//! A past answer, run again from its record: the same text, or what differs and why.
//!
//! The question comes from the vault, the index generation from `retrieval.done`, the asker's rights
//! from the account behind the recorded token. The steps are those of [`Answerer::ask`], under the
//! same watch; instead of a terminal entry there is `answer.replayed`, before anything of the result
//! is shown. What cannot be had any more (an erased question, another policy, a deleted document) is
//! a difference with a remedy, not an error.

mod compare;
mod difference;
mod record;

use std::ops::ControlFlow;

use crate::audit::{Actor, AppendError, Event, ReadError, Receipt, Recorded, What};
use crate::domain::answer::Answer;
use crate::domain::ids::{EntryIndex, Generation, RequestId};
use crate::domain::payload::TokenKind;
use crate::domain::principal::{Principal, Via};
use crate::domain::question::Question;
use crate::policy::Action;
use crate::retrieve::{Candidates, EvidenceSet};
use crate::store::{RevealError, StateError, VaultError};
use crate::verify::{Grounded, Refusal};

use super::spine::Run;
use super::{AnswerError, Answerer, Asker, Fault, Parts, Progress, events};

pub use difference::{Difference, Replay};
pub use record::OnRecord;

use difference::{Differences, Kind};

/// Why nothing was run again.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// Caller: the entry belongs to no answer.
    #[error(
        "entry {entry} is {kind}: name an entry of a question that was answered, refused or denied"
    )]
    NotAnAnswer {
        /// The entry.
        entry: EntryIndex,
        /// Its type, or what is wrong with it.
        kind: String,
    },
    /// Caller: the question has no end yet, or its entries lie too far apart.
    #[error("the question of entry {entry} has no recorded end near it: wait until it is answered")]
    Unfinished {
        /// The entry.
        entry: EntryIndex,
    },
    /// The log cannot be read, or there is no such entry.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The log cannot append: nothing may be shown.
    #[error("the audit log cannot record this, so nothing is run again: {0}")]
    NotRecorded(#[from] AppendError),
    /// The accounts cannot be read.
    #[error(transparent)]
    State(#[from] StateError),
    /// The vault cannot keep the evidence, so it cannot be recorded.
    #[error("the vault cannot keep this, so nothing is run again: {0}")]
    NotKept(#[from] VaultError),
}

impl From<AnswerError> for ReplayError {
    fn from(error: AnswerError) -> Self {
        match error {
            AnswerError::NotRecorded(source) => source.into(),
            AnswerError::NotKept(source) => source.into(),
        }
    }
}

/// What the second run came to.
struct Rerun {
    answer: Answer,
    evidence: Option<Recorded<EvidenceSet>>,
    verdict: Option<Result<Grounded, Refusal>>,
}

/// Who replays, under which request, and what.
struct Replaying<'a> {
    parts: &'a Parts,
    by: &'a Actor,
    req: RequestId,
    past: &'a OnRecord,
}

impl Answerer {
    /// The entries of the question that entry `at` belongs to.
    ///
    /// # Errors
    /// [`ReplayError`] where it is no entry of an answered, refused or denied question.
    pub fn on_record(&self, at: EntryIndex) -> Result<OnRecord, ReplayError> {
        record::find(&self.parts.log, at)
    }

    /// Runs a past answer again with the rights of `account`, which asked it, and tells what
    /// differs; `contents` says whether whoever sees the result may see words of documents.
    ///
    /// # Errors
    /// [`ReplayError`] where it cannot be recorded: nothing is shown then.
    pub fn replay(
        &self,
        by: &Actor,
        account: Option<Principal>,
        past: &OnRecord,
        contents: bool,
    ) -> Result<Recorded<Replay>, ReplayError> {
        let parts = &self.parts;
        let req = RequestId::fresh(parts.clock.now(), parts.entropy.as_ref());
        let replaying = Replaying { parts, by, req, past };
        let entry = past.terminal().index;
        let started = parts.log.append(replaying.event(What::ReplayStarted { entry }))?;
        let mut found = Differences::default();
        compare::standing(parts, past, account.as_ref(), &mut found);
        let rerun = replaying.run(account, &started, &mut found)?;
        let text = rerun.and_then(|rerun| compare::results(parts, past, &rerun, &mut found));
        let replay = found.into_replay(entry, text, contents);
        let what = What::AnswerReplayed {
            entry,
            same: replay.same,
            differences: replay.differences.iter().map(|d| d.kind.to_owned()).collect(),
            contents,
        };
        Ok(parts.log.record(replaying.event(what), replay)?)
    }
}

impl Replaying<'_> {
    fn event(&self, what: What) -> Event {
        let policy = Some(self.parts.policies.digest());
        Event { actor: self.by.clone(), req: self.req, policy, what }
    }

    /// The steps of the spine; `None` where something that they need is gone.
    fn run(
        &self,
        account: Option<Principal>,
        started: &Receipt,
        found: &mut Differences,
    ) -> Result<Option<Rerun>, ReplayError> {
        let question = match self.question() {
            Ok(question) => question,
            Err(kind) => {
                found.add(kind);
                return Ok(None);
            }
        };
        let Some(principal) = account else {
            found.add(Kind::AccountGone);
            return Ok(None);
        };
        let id = self.parts.vault.token(TokenKind::Person, principal.name.as_str());
        let actor = Actor { id, via: Via::System, os_user: None };
        let asker = Asker { principal, actor, session: None };
        let mut run = Run::start(self.parts, &asker, &question);
        match self.steps(&mut run, started) {
            Ok(rerun) => Ok(Some(rerun)),
            Err(Fault::Answer(error)) => Err(error.into()),
            Err(fault) => {
                found.add_failure(&fault);
                Ok(None)
            }
        }
    }

    /// The question's words; what is wrong where they cannot be had.
    fn question(&self) -> Result<Question, Kind> {
        let payload = self.past.received().payload().ok_or(Kind::QuestionMissing)?;
        let bytes = self.parts.vault.open_payload(&payload).map_err(|error| match error {
            RevealError::Erased => Kind::QuestionErased,
            RevealError::Missing { .. } | RevealError::Corrupt { .. } | RevealError::Io(_) => {
                Kind::QuestionMissing
            }
        })?;
        serde_json::from_slice(&bytes).map_err(|_| Kind::QuestionMissing)
    }

    fn steps(&self, run: &mut Run<'_>, started: &Receipt) -> Result<Rerun, Fault> {
        let mut quiet = |_: Progress<'_>| ControlFlow::Continue(());
        let permit = match run.permit(Action::Ask, &mut quiet) {
            Ok(permit) => permit,
            Err(denial) => {
                let answer = run.denied(&denial);
                return Ok(Rerun { answer, evidence: None, verdict: None });
            }
        };
        let retriever = &self.parts.retriever;
        let through = self.past.generation().map_or_else(|| retriever.generation(), Generation);
        let hybrid = Candidates::Hybrid;
        let evidence = retriever.evidence(run.question, &permit, hybrid, through, started)?;
        let evidence = self.record(run, evidence)?;
        let mut watch = run.watch(&permit, &evidence).of_replay();
        let verdict = run.ground(&evidence, &mut |_| watch.flow());
        watch.check()?; // First: it says why drafting broke off.
        let verdict = verdict?;
        let answer = run.compose(&permit, &evidence, &verdict)?;
        Ok(Rerun { answer, evidence: Some(evidence), verdict: Some(verdict) })
    }

    /// Nothing is put before the model that is not in the log: this evidence may be another.
    fn record(
        &self,
        run: &mut Run<'_>,
        evidence: EvidenceSet,
    ) -> Result<Recorded<EvidenceSet>, Fault> {
        let payload = run.keep(&evidence)?;
        let what = What::ReplayRetrieved {
            entry: self.past.terminal().index,
            generation: evidence.generation().0,
            hits: events::hits(&evidence),
            withheld: evidence.withheld(),
            patients: events::patients(&evidence),
            payload: Some(payload),
        };
        Ok(self.parts.log.record(self.event(what), evidence)?)
    }
}
