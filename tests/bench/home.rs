//! A log and a vault in a folder that goes when it is dropped, and the entries of one question.

use std::sync::Arc;

use affiant::audit::{Actor, Event, HitDecision, Log, LogPaths, RetrievedHit, What};
use affiant::domain::clock::Clock as _;
use affiant::domain::clock::{SystemClock, SystemEntropy};
use affiant::domain::digest::Digest;
use affiant::domain::ids::{DocumentId, Generation, PassageId, RequestId};
use affiant::domain::payload::{PayloadRef, Token, TokenKind};
use affiant::domain::principal::Via;
use affiant::store::Vault;
use tempfile::TempDir;

/// A home with no more than a log and a vault.
pub(crate) struct Home {
    pub(crate) log: Log,
    pub(crate) vault: Vault,
    pub(crate) person: Token,
    clock: SystemClock,
    dir: TempDir,
}

impl Home {
    /// Makes one.
    pub(crate) fn create() -> anyhow::Result<Self> {
        let dir = tempfile::tempdir()?;
        let paths = LogPaths::of(dir.path());
        Vault::create(dir.path(), &SystemEntropy)?;
        Log::create(&paths, "affiant.bench/log", &SystemEntropy)?;
        let vault = Vault::open(dir.path(), Arc::new(SystemEntropy))?;
        let clock = Arc::new(SystemClock::start());
        let (log, _) = Log::open(&paths, clock, Arc::new(SystemEntropy))?;
        let person = vault.token(TokenKind::Person, "clerk");
        Ok(Self { log, vault, person, clock: SystemClock::start(), dir })
    }

    /// Closes the log and opens it again, with all that a start reads.
    pub(crate) fn reopen(self) -> anyhow::Result<Self> {
        self.log.close();
        let paths = LogPaths::of(self.dir.path());
        let clock = Arc::new(SystemClock::start());
        let (log, _) = Log::open(&paths, clock, Arc::new(SystemEntropy))?;
        Ok(Self { log, ..self })
    }

    /// An entry of a fresh request.
    pub(crate) fn event(&self, what: What) -> Event {
        let actor = Actor { id: self.person.clone(), via: Via::Http, os_user: None };
        let req = RequestId::fresh(self.clock.now(), &SystemEntropy);
        Event { actor, req, policy: Some(Digest::of(b"policy")), what }
    }

    /// The entry that a search of eight passages leaves: the largest of a usual question.
    pub(crate) fn retrieval(&self, payload: Option<PayloadRef>) -> What {
        let hits = (1..=8).map(|rank| {
            let document = DocumentId::of(&[rank]);
            RetrievedHit {
                document: self.vault.token(TokenKind::Document, &document.to_string()),
                passage: PassageId::derive(document, Generation(1), 0),
                rank: rank.into(),
                score: 1.0 / (60.0 + f32::from(rank)),
                decision: HitDecision::Used,
            }
        });
        What::RetrievalDone {
            generation: 1,
            hits: hits.collect(),
            withheld: 0,
            matters: Vec::new(),
            patients: Vec::new(),
            payload,
        }
    }
}
