//! One question, step by step.

use std::ops::ControlFlow;
use std::time::Duration;

use crate::audit::{QueryKind, Receipt, Recorded, What};
use crate::domain::answer::{Answer, Entries, ModelsUsed, Outcome, Timings, Usage, Withheld};
use crate::domain::payload::PayloadRef;
use crate::domain::question::{Mode, Question};
use crate::generate::quote;
use crate::policy::{Action, Denial, Permit};
use crate::retrieve::{Candidates, EvidenceSet};
use crate::store::{KeyScope, VaultError};
use crate::telemetry::{Counter, Phase};
use crate::verify::{Grounded, Refusal, relevance};

use super::live::{Entered, Live};
use super::watch::Watch;
use super::{
    AnswerError, Answerer, Asker, Fault, Listener, Parts, Progress, Released, Step, cite, events,
};

/// Said where nothing bears on the question: the same words whether documents are missing or hidden.
const NO_EVIDENCE: &str = "Nothing you may see answers this question.";
/// Said where a wall was set, a right ended or a document changed hands meanwhile.
const WITHDRAWN: &str = "What you may see changed while this was answered: ask again.";
/// Said where the draft did not hold in `grounded` mode.
const UNSUPPORTED: &str = "No wording that your documents fully support was found.";

impl Answerer {
    /// Answers one question: the whole spine.
    ///
    /// Refused, denied and failed are answers too, each with its terminal entry.
    ///
    /// # Errors
    /// [`AnswerError`] where the log or the vault cannot write: then nothing was shown.
    pub fn ask(
        &self,
        asker: &Asker,
        question: &Question,
        listen: &mut Listener<'_>,
    ) -> Result<Released, AnswerError> {
        let mut run = Run::start(&self.parts, asker, question);
        let permit = run.permit(Action::Ask, listen);
        let received = run.receive(&self.live, QueryKind::Ask, permit.is_ok())?;
        let released = match permit {
            Err(denial) => run.deny(&denial)?,
            Ok(permit) => match run.answer(&permit, &received, listen) {
                Ok(released) => released,
                Err(Fault::Answer(error)) => return Err(error),
                Err(Fault::Withdrawn) => run.withdraw()?,
                Err(fault) => run.fail(&fault)?,
            },
        };
        if let Err(error) = self.parts.catalogue.catch_up() {
            tracing::warn!(%error, "the view lags behind the log");
        }
        Ok(released)
    }
}

/// One question on its way.
pub(super) struct Run<'a> {
    pub(super) parts: &'a Parts,
    pub(super) asker: &'a Asker,
    pub(super) question: &'a Question,
    /// Whose contents it is by now.
    scope: KeyScope,
    /// From its first entry on.
    entered: Option<Entered<'a>>,
    started: Duration,
    entries: Entries,
    timings: Timings,
}

impl<'a> Run<'a> {
    pub(super) fn start(parts: &'a Parts, asker: &'a Asker, question: &'a Question) -> Self {
        let scope = events::key_scope(parts, asker, question);
        let started = parts.clock.steady();
        let (entries, timings) = (Entries::default(), Timings::default());
        Self { parts, asker, question, scope, entered: None, started, entries, timings }
    }

    /// The terminal entry is recorded.
    pub(super) fn end(&mut self) {
        self.entered.iter_mut().for_each(Entered::end);
    }

    pub(super) fn permit(
        &mut self,
        action: Action,
        listen: &mut Listener<'_>,
    ) -> Result<Permit, Denial> {
        if listen(Progress::Step(Step::Permit)).is_break() {
            // Whoever went away before anything happened is noticed at the next step.
            tracing::trace!("the asker went away at once");
        }
        let began = self.parts.clock.steady();
        let classes = self.parts.catalogue.classes();
        let who = &self.asker.principal;
        let permit = self.parts.policies.permit(who, action, &self.question.scope, &classes);
        self.timings.permit = self.since(began);
        permit
    }

    /// Records the question; nothing is searched before this returns. What a question names gets
    /// its key only where the question is permitted: no name that is made up leaves a trace.
    pub(super) fn receive(
        &mut self,
        live: &'a Live,
        kind: QueryKind,
        is_permitted: bool,
    ) -> Result<Receipt, AnswerError> {
        let began = self.parts.clock.steady();
        if is_permitted {
            events::give_keys(self.parts, self.question)?;
            self.scope = events::key_scope(self.parts, self.asker, self.question);
        }
        let words = events::question_payload(self.question);
        let payload = self.parts.vault.seal(&self.scope, &words)?;
        self.entered = Some(live.enter(self.question.id));
        let receipt = self.parts.log.append(events::received(self, kind, payload))?;
        self.entries.received = Some(receipt.index());
        self.timings.record += self.since(began);
        Ok(receipt)
    }

    /// Searches, and records what was found before anyone sees it.
    pub(super) fn retrieve(
        &mut self,
        permit: &Permit,
        candidates: Candidates,
        received: &Receipt,
    ) -> Result<Recorded<EvidenceSet>, Fault> {
        let began = self.parts.clock.steady();
        let retriever = &self.parts.retriever;
        let newest = retriever.generation();
        let evidence = retriever.evidence(self.question, permit, candidates, newest, received)?;
        self.timings.retrieve = self.since(began);
        let began = self.parts.clock.steady();
        let payload = self.keep(&evidence)?;
        let event = events::retrieved(self, &evidence, payload);
        let evidence = self.parts.log.record(event, evidence)?;
        self.entries.retrieval = Some(evidence.receipt().index());
        self.timings.record += self.since(began);
        Ok(evidence)
    }

    /// Seals the evidence. From here on what the question comes to is also the contents of the
    /// documents that it shows.
    pub(super) fn keep(&mut self, evidence: &EvidenceSet) -> Result<PayloadRef, VaultError> {
        self.scope = self.scope.clone().and(evidence.scope());
        self.parts.vault.seal(&self.scope, &events::json(&evidence.items()))
    }

    fn answer(
        &mut self,
        permit: &Permit,
        received: &Receipt,
        listen: &mut Listener<'_>,
    ) -> Result<Released, Fault> {
        proceed(listen(Progress::Step(Step::Searching)))?;
        let evidence = self.retrieve(permit, Candidates::Hybrid, received)?;
        let mut watch = self.watch(permit, &evidence);
        let verdict = self.read(&evidence, &mut |progress| {
            watch.flow()?;
            listen(progress)
        });
        // First: it says why reading broke off.
        watch.check()?;
        let verdict = verdict?;
        let answer = self.compose(permit, &evidence, &verdict)?;
        watch.check()?;
        Ok(self
            .seal(answer, |run, answer, payload| events::ended(run, answer, &verdict, payload))?)
    }

    pub(super) fn watch<'w>(&self, permit: &'w Permit, evidence: &'w EvidenceSet) -> Watch<'w>
    where
        'a: 'w,
    {
        Watch::new(self.parts, self.asker, permit, evidence)
    }

    /// Shows the evidence, and comes to a verdict on it.
    fn read(
        &mut self,
        evidence: &Recorded<EvidenceSet>,
        listen: &mut Listener<'_>,
    ) -> Result<Result<Grounded, Refusal>, Fault> {
        proceed(listen(Progress::Evidence(evidence)))?;
        proceed(listen(Progress::Step(Step::Reading)))?;
        let verdict = self.ground(evidence, listen)?;
        proceed(listen(Progress::Step(Step::Sealing)))?;
        Ok(verdict)
    }

    /// Drafts and checks; quotes where nothing drafted holds.
    pub(super) fn ground(
        &mut self,
        evidence: &Recorded<EvidenceSet>,
        listen: &mut Listener<'_>,
    ) -> Result<Result<Grounded, Refusal>, Fault> {
        let found = relevance(self.question.text.as_str(), evidence);
        if found.chosen.is_empty() {
            return Ok(Err(Refusal::NoEvidence));
        }
        let mut usage = Usage::default();
        if self.question.mode != Mode::Verbatim {
            match self.draft(evidence, listen)? {
                Err(Refusal::Unsupported { usage: spent, .. })
                    if self.question.mode == Mode::Auto =>
                {
                    usage = spent;
                }
                decided => return Ok(decided),
            }
        }
        let began = self.parts.clock.steady();
        let decided = self.parts.verifier.check(quote(evidence, &found.chosen, usage), evidence)?;
        self.timings.verify += self.since(began);
        Ok(decided)
    }

    fn draft(
        &mut self,
        evidence: &Recorded<EvidenceSet>,
        listen: &mut Listener<'_>,
    ) -> Result<Result<Grounded, Refusal>, Fault> {
        proceed(listen(Progress::Step(Step::Drafting)))?;
        let began = self.parts.clock.steady();
        let mut cancelled = false;
        let draft = self.parts.drafter.write(self.question, evidence, &mut || {
            let flow = listen(Progress::Step(Step::Drafting));
            cancelled = flow.is_break();
            flow
        })?;
        self.timings.generate = self.since(began);
        if cancelled {
            return Err(Fault::Cancelled);
        }
        proceed(listen(Progress::Step(Step::Checking)))?;
        let began = self.parts.clock.steady();
        let decided = self.parts.verifier.check(draft, evidence)?;
        self.timings.verify = self.since(began);
        Ok(decided)
    }

    /// The answer object of a verdict; nobody sees it before it is on record.
    pub(super) fn compose(
        &self,
        permit: &Permit,
        evidence: &Recorded<EvidenceSet>,
        verdict: &Result<Grounded, Refusal>,
    ) -> Result<Answer, Fault> {
        let outcome = if verdict.is_ok() { Outcome::Answered } else { Outcome::Refused };
        let mut answer = self.empty(outcome, permit.policy());
        answer.models = self.parts.setting.models.clone();
        match verdict {
            Ok(grounded) => {
                answer.sentences = cite::sentences(&self.parts.catalogue, evidence, grounded)?;
                let texts: Vec<&str> = answer.sentences.iter().map(|s| s.text.as_str()).collect();
                answer.answer = texts.join(" ");
                answer.mode = Some(grounded.wording());
                answer.usage = grounded.usage();
            }
            Err(Refusal::NoEvidence) => answer.reason = Some(NO_EVIDENCE.to_owned()),
            Err(Refusal::Unsupported { usage, .. }) => {
                answer.usage = *usage;
                answer.reason = Some(UNSUPPORTED.to_owned());
            }
        }
        self.show_evidence(&mut answer, permit, evidence);
        Ok(answer)
    }

    pub(super) fn deny(&mut self, denial: &Denial) -> Result<Released, AnswerError> {
        let answer = self.denied(denial);
        self.finish(What::QueryDenied { reason: denial.reason.clone() }, answer)
    }

    /// The answer object of a denial.
    pub(super) fn denied(&self, denial: &Denial) -> Answer {
        let reason = Some(denial.reason.clone());
        Answer { reason, ..self.empty(Outcome::Denied, denial.policy) }
    }

    /// Ends a question whose evidence the asker may see no more.
    pub(super) fn withdraw(&mut self) -> Result<Released, AnswerError> {
        let policy = self.parts.policies.digest();
        self.deny(&Denial { reason: WITHDRAWN.to_owned(), policy })
    }

    pub(super) fn fail(&mut self, fault: &Fault) -> Result<Released, AnswerError> {
        tracing::error!(query.id = %self.question.id, error = %fault, "a question failed");
        let mut answer = self.empty(Outcome::Failed, self.parts.policies.digest());
        let (code, reason) = match fault {
            Fault::Cancelled => ("cancelled", "The question was cancelled."),
            Fault::Retrieve(_)
            | Fault::Inference(_)
            | Fault::Catalogue(_)
            | Fault::Withdrawn
            | Fault::Answer(_) => (
                "fault",
                "The appliance could not finish this question; the operator's log says why.",
            ),
        };
        answer.reason = Some(reason.to_owned());
        self.finish(What::QueryFailed { reason: code.into() }, answer)
    }

    /// Keeps the answer in the vault, then records and releases it.
    fn seal(
        &mut self,
        mut answer: Answer,
        what: impl FnOnce(&Self, &Answer, PayloadRef) -> What,
    ) -> Result<Released, AnswerError> {
        let began = self.parts.clock.steady();
        answer.timings_ms = self.total();
        let payload = self.parts.vault.seal(&self.scope, &events::json(&answer))?;
        let what = what(self, &answer, payload);
        self.timings.record += self.since(began);
        self.finish(what, answer)
    }

    /// Writes the terminal entry; only then is there a [`Released`].
    pub(super) fn finish(&mut self, what: What, answer: Answer) -> Result<Released, AnswerError> {
        let began = self.parts.clock.steady();
        self.count(answer.outcome);
        let policy = Some(answer.policy);
        let event = events::event(self, policy, what);
        let released = self.parts.log.record_with(event, |receipt| {
            self.timings.record += self.since(began);
            let mut answer = answer;
            answer.entries.terminal = Some(receipt.index());
            answer.timings_ms = self.total();
            answer
        })?;
        self.end();
        let record = Duration::from_millis(released.timings_ms.record);
        self.parts.metrics.observe(Phase::Record, record);
        Ok(released)
    }

    fn empty(&self, outcome: Outcome, policy: crate::domain::digest::Digest) -> Answer {
        Answer {
            query: self.question.id,
            entries: self.entries,
            outcome,
            mode: None,
            reason: None,
            answer: String::new(),
            sentences: Vec::new(),
            evidence: Vec::new(),
            withheld: None,
            policy,
            models: ModelsUsed::default(),
            usage: Usage::default(),
            timings_ms: Timings::default(),
        }
    }

    fn show_evidence(
        &self,
        answer: &mut Answer,
        permit: &Permit,
        evidence: &Recorded<EvidenceSet>,
    ) {
        answer.evidence = evidence.items();
        answer.withheld =
            permit.shows_withheld().then(|| Withheld { passages: evidence.withheld() });
    }

    fn count(&self, outcome: Outcome) {
        let metrics = &self.parts.metrics;
        metrics.count(match outcome {
            Outcome::Answered => Counter::Answered,
            Outcome::Refused => Counter::Refused,
            Outcome::Denied => Counter::Denied,
            Outcome::Failed => Counter::Failed,
        });
        metrics.observe(Phase::Retrieve, Duration::from_millis(self.timings.retrieve));
        metrics.observe(Phase::Generate, Duration::from_millis(self.timings.generate));
        metrics.observe(Phase::Verify, Duration::from_millis(self.timings.verify));
    }

    fn since(&self, began: Duration) -> u64 {
        let took = self.parts.clock.steady().saturating_sub(began);
        u64::try_from(took.as_millis()).unwrap_or(u64::MAX)
    }

    fn total(&self) -> Timings {
        Timings { total: self.since(self.started), ..self.timings }
    }
}

fn proceed(flow: ControlFlow<()>) -> Result<(), Fault> {
    match flow {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(()) => Err(Fault::Cancelled),
    }
}
