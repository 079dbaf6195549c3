//! The spine: permit, record, retrieve, record, draft, verify, record, release.
//!
//! Each step wants the proof of the one before it: `Permit → EvidenceSet → Draft → Grounded →
//! Recorded<Answer>`. Nothing of a document leaves this room but inside a [`Recorded`]: evidence
//! after `retrieval.done`, an answer after its terminal entry, a page after its view entry.
//! Where the log cannot append there is no answer: [`AnswerError::NotRecorded`].

mod cite;
mod denials;
mod events;
mod history;
mod live;
mod reader;
mod replay;
mod search;
mod simulate;
mod spine;
mod watch;

use std::ops::ControlFlow;
use std::sync::Arc;

use crate::audit::{Actor, AppendError, Log, Recorded};
use crate::catalogue::{Catalogue, CatalogueError};
use crate::domain::answer::{Answer, Setting};
use crate::domain::clock::{Clock, Entropy};
use crate::domain::digest::Digest;
use crate::domain::ids::RequestId;
use crate::domain::principal::Principal;
use crate::generate::Drafter;
use crate::identity::Accounts;
use crate::inference::InferenceError;
use crate::policy::Policies;
use crate::retrieve::{EvidenceSet, RetrieveError, Retriever};
use crate::store::{RevealError, State, StateError, Vault, VaultError};
use crate::telemetry::Metrics;
use crate::verify::Verifier;

pub use denials::Denials;
pub use history::{Asked, History};
pub use live::CloseError;
pub use reader::{PageView, Reader, Sought};
pub use replay::{Difference, OnRecord, Replay, ReplayError};
pub use search::{SearchHit, SearchResult, Searched};
pub use simulate::{Effect, Sight, SimulateError, Simulated};

use live::Live;

/// Who asks, and through which door.
#[derive(Clone, Debug)]
pub struct Asker {
    /// The person.
    pub principal: Principal,
    /// As the log names them.
    pub actor: Actor,
    /// Digest of the session's or token's secret; nothing is shown once it has ended.
    pub session: Option<Digest>,
}

/// Where the spine is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Step {
    /// Deciding what the asker may see.
    Permit,
    /// Searching the permitted passages.
    Searching,
    /// Choosing the sentences that bear on the question.
    Reading,
    /// The model writes.
    Drafting,
    /// Each sentence is held against the evidence.
    Checking,
    /// Writing the terminal entry.
    Sealing,
}

/// What a listener is told while a question is answered.
pub enum Progress<'a> {
    /// A step begins.
    Step(Step),
    /// The evidence is recorded and may be shown.
    Evidence(&'a Recorded<EvidenceSet>),
}

/// Told of progress; where it breaks, the question ends as failed.
pub type Listener<'a> = dyn FnMut(Progress<'_>) -> ControlFlow<()> + 'a;

/// Why there is no answer object.
#[derive(Debug, thiserror::Error)]
pub enum AnswerError {
    /// The log cannot append: nothing may be shown. Try again later.
    #[error("the audit log cannot record this, so nothing may be answered: {0}")]
    NotRecorded(#[from] AppendError),
    /// The vault cannot keep the contents, so they cannot be recorded.
    #[error("the vault cannot keep this, so nothing may be answered: {0}")]
    NotKept(#[from] VaultError),
}

/// Why a document's page or a past answer is not shown.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// It does not exist, or this person may not see it: which of the two is not told.
    #[error("there is no such document or page")]
    NotFound,
    /// The log cannot append.
    #[error("the audit log cannot record this, so nothing may be shown: {0}")]
    NotRecorded(#[from] AppendError),
    /// The catalogue or the vault failed.
    #[error(transparent)]
    Catalogue(#[from] CatalogueError),
    /// The page could not be drawn.
    #[error(transparent)]
    Render(#[from] crate::document::RenderError),
    /// The state failed.
    #[error(transparent)]
    State(#[from] StateError),
    /// The contents could not be opened.
    #[error(transparent)]
    Reveal(#[from] RevealError),
}

/// What went wrong inside the spine: becomes the `failed` outcome.
#[derive(Debug, thiserror::Error)]
enum Fault {
    #[error(transparent)]
    Retrieve(#[from] RetrieveError),
    #[error(transparent)]
    Inference(#[from] InferenceError),
    #[error(transparent)]
    Catalogue(#[from] CatalogueError),
    #[error("the asker went away")]
    Cancelled,
    #[error("what was found may no longer be used")]
    Withdrawn,
    #[error(transparent)]
    Answer(#[from] AnswerError),
}

impl From<AppendError> for Fault {
    fn from(source: AppendError) -> Self {
        Self::Answer(source.into())
    }
}

impl From<VaultError> for Fault {
    fn from(source: VaultError) -> Self {
        Self::Answer(source.into())
    }
}

/// The parts that the spine runs on.
pub struct Parts {
    /// Who the asker is, while the question is answered.
    pub accounts: Accounts,
    /// Decides.
    pub policies: Policies,
    /// Records.
    pub log: Log,
    /// Keeps contents.
    pub vault: Vault,
    /// Finds past answers.
    pub state: State,
    /// Knows the documents.
    pub catalogue: Arc<Catalogue>,
    /// Finds evidence.
    pub retriever: Retriever,
    /// Writes drafts.
    pub drafter: Drafter,
    /// Checks them.
    pub verifier: Verifier,
    /// What else answers depend on: recorded with every question.
    pub setting: Setting,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub entropy: Arc<dyn Entropy>,
    /// Counts and durations.
    pub metrics: Arc<Metrics>,
}

/// Answers questions. Share it behind an `Arc`.
pub struct Answerer {
    parts: Parts,
    live: Live,
}

/// A released answer and the entry that records it.
pub type Released = Recorded<Answer>;

impl Answerer {
    /// An answerer over these parts.
    pub fn new(parts: Parts) -> Self {
        Self { parts, live: Live::default() }
    }

    /// A fresh request id.
    pub fn request(&self) -> RequestId {
        RequestId::fresh(self.parts.clock.now(), self.parts.entropy.as_ref())
    }

    /// The answer to a past question, for the person who asked it.
    ///
    /// # Errors
    /// [`ReadError::NotFound`] for another person's question too.
    pub fn past(&self, asker: &Asker, query: RequestId) -> Result<Released, ReadError> {
        reader::past(&self.parts, asker, query)
    }
}
