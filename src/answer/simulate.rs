//! Past questions, run again under other policies: what each would newly show, and what no more.
//!
//! Each is run for the person who asked it, as that person stands now, with the purpose, matter and
//! patient that were declared, over the index as it is now. Its words come from the vault and go
//! nowhere. Nothing is drafted: what a question shows is its evidence.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::audit::{
    Actor, AppendError, Entry, Event, QueryKind, ReadError, Receipt, Recorded, What,
};
use crate::domain::digest::Digest;
use crate::domain::ids::{DocumentId, EntryIndex, Generation, RequestId};
use crate::domain::payload::Token;
use crate::domain::principal::{Principal, UserName};
use crate::domain::question::Question;
use crate::domain::trial::Trial;
use crate::policy::{Action, Permit, Policies};
use crate::retrieve::RetrieveError;
use crate::store::{KeyScope, RevealError, VaultError};

use super::{Answerer, Parts, events};

/// Entries read from the log at a time.
const ENTRIES_AT_A_TIME: u64 = 1_024;

/// Why nothing was simulated.
#[derive(Debug, thiserror::Error)]
pub enum SimulateError {
    /// The log cannot append: nothing may be run.
    #[error("the audit log cannot record this, so nothing is run again: {0}")]
    NotRecorded(#[from] AppendError),
    /// The log cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The encoder or an index failed.
    #[error(transparent)]
    Retrieve(#[from] RetrieveError),
    /// The vault cannot be read.
    #[error(transparent)]
    Reveal(#[from] RevealError),
    /// The vault cannot keep what is tried.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// A thread of the simulation panicked: a fault of the program.
    #[error("the simulation broke off")]
    Broken,
}

/// How a document stands to a question.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Sight {
    /// It is among what is shown.
    Shown,
    /// It may be seen, but others answer the question better.
    Permitted,
    /// It may not be seen.
    Hidden,
}

impl Sight {
    /// The word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Shown => "shown",
            Self::Permitted => "permitted",
            Self::Hidden => "hidden",
        }
    }
}

/// A document that one question would newly show, or no more.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Effect {
    /// The entry that received the question.
    pub entry: EntryIndex,
    /// Who asked it.
    pub person: UserName,
    /// The document.
    pub document: DocumentId,
    /// What stands for it in the log.
    pub token: Token,
    /// What stands for its matter in the log.
    pub matter: Option<Token>,
    /// Under the policies in force.
    pub before: Sight,
    /// Under the candidate.
    pub after: Sight,
}

/// What a candidate would change. Only [`Answerer::simulate`] makes one.
#[derive(Debug)]
pub struct Simulated {
    candidate: Digest,
    trial: Trial,
    effects: Vec<Effect>,
}

impl Simulated {
    /// The policies that were tried.
    pub const fn candidate(&self) -> Digest {
        self.candidate
    }

    /// In numbers.
    pub const fn trial(&self) -> &Trial {
        &self.trial
    }

    /// Question by question in order of the log, document by document.
    pub fn effects(&self) -> &[Effect] {
        &self.effects
    }
}

/// A question that was asked once.
struct Past {
    entry: EntryIndex,
    who: Principal,
    question: Question,
    permits: Arc<Permits>,
}

/// What the asker may see under both sets.
struct Permits {
    before: Option<Permit>,
    after: Option<Permit>,
}

/// The two sets, and the index as it is.
struct Trying<'a> {
    parts: &'a Parts,
    before: Policies,
    after: Policies,
    through: Generation,
    begun: &'a Receipt,
}

impl Answerer {
    /// Runs the newest `last` questions of the log under the policies in force and under
    /// `candidate`. `people` knows the accounts by their tokens.
    ///
    /// # Errors
    /// [`SimulateError`].
    pub fn simulate(
        &self,
        by: &Actor,
        candidate: &Policies,
        people: &BTreeMap<Token, Principal>,
        last: usize,
    ) -> Result<Recorded<Simulated>, SimulateError> {
        let parts = &self.parts;
        let received = newest(parts, last)?;
        let files = events::json(&candidate.source());
        let what = What::PolicySimulated {
            candidate: candidate.digest(),
            queries: u32::try_from(received.len()).unwrap_or(u32::MAX),
            payload: Some(parts.vault.seal(&KeyScope::system(), &files)?),
        };
        let req = RequestId::fresh(parts.clock.now(), parts.entropy.as_ref());
        let policy = Some(parts.policies.digest());
        let event = Event { actor: by.clone(), req, policy, what };
        // On record before anything is run: nothing that was tried stays in the dark.
        let begun = parts.log.record(event, ())?;
        let trying = Trying {
            parts,
            before: parts.policies.snapshot(),
            after: candidate.snapshot(),
            through: parts.retriever.generation(),
            begun: begun.receipt(),
        };
        let mut trial = Trial::default();
        let past = trying.open(received, people, &mut trial)?;
        let effects = trying.run(&past)?;
        count(&mut trial, &effects);
        let simulated = Simulated { candidate: candidate.digest(), trial, effects };
        Ok(begun.map(|()| simulated))
    }
}

/// The newest questions and searches, oldest first.
fn newest(parts: &Parts, last: usize) -> Result<Vec<Entry>, ReadError> {
    let mut found = Vec::new();
    let mut until = parts.log.size();
    while until > 0 && found.len() < last {
        let from = until.saturating_sub(ENTRIES_AT_A_TIME);
        let count = usize::try_from(until - from).unwrap_or(usize::MAX);
        let entries = parts.log.entries(EntryIndex(from), count)?;
        let received = entries.into_iter().rev().filter(|entry| entry.kind() == "query.received");
        found.extend(received.take(last - found.len()));
        until = from;
    }
    found.reverse();
    Ok(found)
}

fn action(entry: &Entry) -> Action {
    let kind = entry.details().get("kind").cloned().map(serde_json::from_value::<QueryKind>);
    match kind {
        Some(Ok(QueryKind::Search)) => Action::Search,
        Some(Ok(QueryKind::Ask) | Err(_)) | None => Action::Ask,
    }
}

impl Trying<'_> {
    /// The questions with their words and what their askers may see, but for those whose words or
    /// asker are gone. Many are asked by the same people for the same purpose: decided once.
    fn open(
        &self,
        received: Vec<Entry>,
        people: &BTreeMap<Token, Principal>,
        trial: &mut Trial,
    ) -> Result<Vec<Past>, SimulateError> {
        let classes = self.parts.catalogue.classes();
        let mut known: BTreeMap<String, Arc<Permits>> = BTreeMap::new();
        let mut past = Vec::with_capacity(received.len());
        for entry in received {
            let who = entry.actor_id().parse::<Token>().ok().and_then(|id| people.get(&id));
            let Some(who) = who else {
                trial.orphaned += 1;
                continue;
            };
            let Some(question) = self.question(&entry)? else {
                trial.erased += 1;
                continue;
            };
            let action = action(&entry);
            let scope = &question.scope;
            let words = serde_json::to_string(&(&who.name, action, scope)).unwrap_or_default();
            let permits = known.entry(words).or_insert_with(|| {
                let permit = |set: &Policies| set.permit(who, action, scope, &classes).ok();
                Arc::new(Permits { before: permit(&self.before), after: permit(&self.after) })
            });
            let permits = Arc::clone(permits);
            trial.queries += 1;
            past.push(Past { entry: entry.index, who: who.clone(), question, permits });
        }
        Ok(past)
    }

    /// The words of a question; `None` where they were erased.
    fn question(&self, entry: &Entry) -> Result<Option<Question>, SimulateError> {
        let Some(payload) = entry.payload() else { return Ok(None) };
        match self.parts.vault.open_payload(&payload) {
            Ok(bytes) => Ok(serde_json::from_slice(&bytes).ok()),
            Err(RevealError::Erased) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// What changes, over all processors. Where the same classes are permitted, nothing does.
    fn run(&self, past: &[Past]) -> Result<Vec<Effect>, SimulateError> {
        let differing: Vec<&Past> = past.iter().filter(|one| one.permits.differ()).collect();
        let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let share = differing.len().div_ceil(threads).max(1);
        let mut effects = Vec::new();
        std::thread::scope(|scope| {
            let shares = differing.chunks(share);
            let running: Vec<_> =
                shares.map(|share| scope.spawn(move || self.each(share))).collect();
            for thread in running {
                effects.extend(thread.join().map_err(|_| SimulateError::Broken)??);
            }
            Ok(effects)
        })
    }

    fn each(&self, past: &[&Past]) -> Result<Vec<Effect>, RetrieveError> {
        let mut effects = Vec::new();
        for one in past {
            let vector = self.parts.retriever.embed(one.question.text.as_str())?;
            let shown = |permit: Option<&Permit>, set: &Policies| match permit {
                Some(permit) => self.parts.retriever.preview(
                    (&one.question, &vector),
                    (permit, set),
                    self.through,
                    self.begun,
                ),
                None => Ok(BTreeSet::new()),
            };
            let before = shown(one.permits.before.as_ref(), &self.before)?;
            let after = shown(one.permits.after.as_ref(), &self.after)?;
            for id in before.symmetric_difference(&after) {
                let Some(document) = self.parts.catalogue.document(*id) else { continue };
                let class = document.row.class;
                let sight = |shown: &BTreeSet<DocumentId>, permit: &Option<Permit>| match permit {
                    _ if shown.contains(id) => Sight::Shown,
                    Some(permit) if permit.allows(class) => Sight::Permitted,
                    Some(_) | None => Sight::Hidden,
                };
                effects.push(Effect {
                    entry: one.entry,
                    person: one.who.name.clone(),
                    document: *id,
                    token: document.row.token.clone(),
                    matter: document.subjects.matter.clone(),
                    before: sight(&before, &one.permits.before),
                    after: sight(&after, &one.permits.after),
                });
            }
        }
        Ok(effects)
    }
}

impl Permits {
    fn differ(&self) -> bool {
        match (&self.before, &self.after) {
            (Some(before), Some(after)) => before.classes() != after.classes(),
            (Some(one), None) | (None, Some(one)) => !one.classes().is_empty(),
            (None, None) => false,
        }
    }
}

fn count(trial: &mut Trial, effects: &[Effect]) {
    let changed: BTreeSet<EntryIndex> = effects.iter().map(|effect| effect.entry).collect();
    trial.changed = u32::try_from(changed.len()).unwrap_or(u32::MAX);
    for effect in effects {
        let is_seen = effect.after == Sight::Shown;
        let side = if is_seen { &mut trial.seen } else { &mut trial.hidden };
        *side = side.saturating_add(1);
        trial.opened += u32::from(effect.before == Sight::Hidden);
        trial.closed += u32::from(effect.after == Sight::Hidden);
        trial.persons.entry(effect.person.clone()).or_default().count(is_seen);
        if let Some(matter) = &effect.matter {
            trial.matters.entry(matter.clone()).or_default().count(is_seen);
        }
    }
}
