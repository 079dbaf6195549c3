//! How does an upload become searchable? Recorded steps; quarantine with reasons.
//!
//! For each document: bytes → vault → pages → passages → embeddings → both indexes under a new
//! generation, flushed → log: `document.activated` → visible. The references are written first and
//! the record last: a crash between leaves nothing visible, and start-up drops what was never
//! activated. One batch runs at a time, so that generations become visible in order.
//! [`Ingestor::reindex`] makes the indexes anew from the vault.

mod batch;
mod expand;
mod reindex;
mod relabel;
mod sources;

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::Serialize;

use crate::audit::{Actor, AppendError, Log, Recorded};
use crate::catalogue::{Catalogue, CatalogueError, Document};
use crate::document::{Sandbox, SandboxError};
use crate::domain::access::Labels;
use crate::domain::clock::{Clock, Entropy};
use crate::domain::digest::Digest;
use crate::domain::ids::{DocumentId, Generation, RequestId};
use crate::index::{Index, IndexError, Pruned};
use crate::inference::{Encoder, InferenceError};
use crate::store::{State, StateError, Vault, VaultError};
use crate::telemetry::Metrics;

pub use reindex::Reindexed;
pub use sources::Source;

/// What a batch is told to do.
#[derive(Clone, Debug)]
pub struct BatchOptions {
    /// Labels of every document in it.
    pub labels: Labels,
    /// Password for encrypted files.
    pub password: Option<String>,
    /// Who brings them in.
    pub actor: Actor,
    /// Digest of the policy set in force.
    pub policy: Digest,
}

/// A document that is now searchable.
#[derive(Clone, Debug, Serialize)]
pub struct Ingested {
    /// SHA-256 of its bytes.
    pub id: DocumentId,
    /// Where it was taken from.
    pub path: String,
    /// Its title.
    pub title: String,
    /// How many pages.
    pub pages: u32,
    /// How many passages.
    pub passages: u32,
    /// Whether it was here before and is kept from whoever sent it: told as a new one.
    #[serde(skip)]
    pub was_here: bool,
}

/// A file that was set aside; the others went on.
#[derive(Clone, Debug, Serialize)]
pub struct Quarantined {
    /// The file.
    pub path: String,
    /// A word of the fixed list of reasons.
    pub reason: String,
    /// What exactly, and what to do.
    pub detail: String,
}

/// What became of a batch, files within files counted, archives not: `submitted = indexed + unchanged + quarantined`.
#[derive(Clone, Debug, Default, Serialize)]
pub struct BatchReport {
    /// Files found.
    pub submitted: u32,
    /// Newly searchable.
    pub indexed: u32,
    /// Same bytes as an active document.
    pub unchanged: u32,
    /// Set aside.
    pub quarantined: Vec<Quarantined>,
    /// The newly searchable documents.
    pub documents: Vec<Ingested>,
    /// Pages of the newly searchable documents.
    pub pages: u32,
    /// Time taken.
    pub duration_ms: u64,
}

/// What is left in the indexes after a purge.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Purged {
    /// Passages that are not active.
    pub left: u64,
    /// Whether the vectors' files were written anew, too; a server does that in its own time.
    pub vectors_rewritten: bool,
}

/// Why a batch stopped. What was activated before stays.
#[derive(Debug, thiserror::Error)]
pub enum IngestError {
    /// The log cannot append: nothing more becomes visible.
    #[error(transparent)]
    NotRecorded(#[from] AppendError),
    /// The vault cannot keep contents.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// The state failed.
    #[error(transparent)]
    State(#[from] StateError),
    /// The catalogue failed.
    #[error(transparent)]
    Catalogue(#[from] CatalogueError),
    /// An index failed.
    #[error(transparent)]
    Index(#[from] IndexError),
    /// The encoder failed.
    #[error(transparent)]
    Inference(#[from] InferenceError),
    /// Files cannot be read on this machine now.
    #[error(transparent)]
    Sandbox(#[from] SandboxError),
    /// The indexes were lost, whole or in part.
    #[error(
        "the index lacks {documents} of the documents that the log activated: run `affiant rebuild`"
    )]
    Lacking {
        /// How many.
        documents: usize,
    },
    /// A path that was named does not exist.
    #[error("{path}: {source}; name an existing file or folder")]
    Source {
        /// The path.
        path: String,
        /// Why.
        source: std::io::Error,
    },
}

/// Told how far the work is: files (or passages) done, and in all.
pub type Listener<'a> = dyn FnMut(u32, u32) + 'a;

/// Tells whether whoever brings a batch may know that a document is here.
pub type Knows<'a> = dyn Fn(&Document) -> bool + 'a;

/// Takes documents in. Share it behind an `Arc`.
pub struct Ingestor {
    parts: Parts,
    /// Whoever has the turn writes to the indexes; the documents whose class they are yet to be
    /// told wait in it.
    turn: Mutex<BTreeSet<DocumentId>>,
}

/// The parts that taking in runs on.
pub struct Parts {
    /// Keeps contents.
    pub vault: Vault,
    /// Numbers generations.
    pub state: State,
    /// Records.
    pub log: Log,
    /// Knows what is active.
    pub catalogue: Arc<Catalogue>,
    /// Finds passages.
    pub index: Arc<Index>,
    /// Reads files.
    pub sandbox: Sandbox,
    /// Embeds passages.
    pub encoder: Arc<Encoder>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub entropy: Arc<dyn Entropy>,
    /// Counts.
    pub metrics: Arc<Metrics>,
}

impl Ingestor {
    /// An ingestor over these parts.
    pub fn new(parts: Parts) -> Self {
        Self { parts, turn: Mutex::default() }
    }

    /// Takes in a batch for the operator, who knows what is here; waits for a batch that is running.
    ///
    /// # Errors
    /// [`IngestError`] where the machine cannot go on; an unreadable file is no error.
    pub fn run(
        &self,
        sources: Vec<Source>,
        options: &BatchOptions,
        listen: &mut Listener<'_>,
    ) -> Result<BatchReport, IngestError> {
        self.run_for(&|_| true, sources, options, listen)
    }

    /// [`Self::run`] for somebody who may not know of every document: one that is here already and
    /// that they do not know of is told as a new one, and stays as it is; the record says so.
    ///
    /// # Errors
    /// As [`Self::run`].
    pub fn run_for(
        &self,
        knows: &Knows<'_>,
        sources: Vec<Source>,
        options: &BatchOptions,
        listen: &mut Listener<'_>,
    ) -> Result<BatchReport, IngestError> {
        let mut misplaced = self.take_turn();
        if !misplaced.is_empty()
            && let Err(error) = relabel::place(&self.parts, &mut misplaced)
        {
            tracing::warn!(%error, "documents are found under the class that they had before");
        }
        let req = RequestId::fresh(self.parts.clock.now(), self.parts.entropy.as_ref());
        batch::Batch::new(&self.parts, options, knows, req)?.run(sources, listen)
    }

    /// Drops from the indexes what no log entry activated, puts what is in another class than the
    /// log says into its own, and shows what is active. Start-up calls it before the first
    /// search.
    ///
    /// # Errors
    /// [`IngestError::Lacking`] where an active document is not in the indexes: an answer without
    /// it would be wrong in silence. [`IngestError::Index`].
    pub fn recover(&self) -> Result<u64, IngestError> {
        let catalogue = &self.parts.catalogue;
        let keep = |document, generation| catalogue.active_class(document, generation);
        let Pruned { dropped, misplaced } = self.parts.index.prune(&keep)?;
        if !misplaced.is_empty() {
            relabel::place(&self.parts, &mut misplaced.iter().map(|(id, _)| *id).collect())?;
            tracing::info!(writings = misplaced.len(), "put into their access class");
        }
        let documents = reindex::lacking(&self.parts)?.len();
        if documents > 0 {
            return Err(IngestError::Lacking { documents });
        }
        self.parts.index.set_visible(catalogue.visible_through());
        Ok(dropped)
    }

    /// Takes a deleted document out of the indexes; not what was taken in of the same bytes since.
    ///
    /// # Errors
    /// [`IngestError::Index`]; the next start takes it out then.
    pub fn remove(&self, document: DocumentId, generation: Generation) -> Result<(), IngestError> {
        let _turn = self.take_turn();
        self.parts.index.remove_generation(document, generation)?;
        Ok(self.parts.index.flush()?)
    }

    /// Gives a document that is active the labels of `options`, on record as part of `req`. In effect
    /// at once, also while a batch runs; [`Self::place`] it afterwards, also where this fails.
    ///
    /// # Errors
    /// [`IngestError`]; safe to repeat.
    pub fn relabel(
        &self,
        document: &Document,
        options: &BatchOptions,
        req: RequestId,
    ) -> Result<Recorded<()>, IngestError> {
        relabel::relabel(&self.parts, document, options, req)
    }

    /// Tells the indexes of the class that a document is in now; waits for a batch that runs.
    ///
    /// # Errors
    /// [`IngestError`]; the next turn tells them then.
    pub fn place(&self, document: DocumentId) -> Result<(), IngestError> {
        let mut misplaced = self.take_turn();
        misplaced.insert(document);
        relabel::place(&self.parts, &mut misplaced)
    }

    fn take_turn(&self) -> MutexGuard<'_, BTreeSet<DocumentId>> {
        self.turn.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes what is not active out of the indexes and writes both anew, so that nothing of it is
    /// left in their files: the last step of an erasure. As slow as building them.
    ///
    /// # Errors
    /// [`IngestError::Index`]; safe to repeat.
    pub fn purge(&self) -> Result<Purged, IngestError> {
        let _turn = self.take_turn();
        let (index, catalogue) = (&self.parts.index, &self.parts.catalogue);
        let keep = |document, generation| catalogue.active_class(document, generation);
        // What a batch that stopped left behind becomes visible to pruning.
        index.flush()?;
        index.prune(&keep)?;
        index.rewrite()?;
        let writings = index.writings()?;
        let left = writings
            .iter()
            .filter(|((document, generation), _)| keep(*document, *generation).is_none());
        let left = left.map(|(_, held)| held.passages).sum();
        Ok(Purged { left, vectors_rewritten: index.is_embedded() })
    }

    /// Makes the indexes hold exactly what the log activated, from the vault; documents that they
    /// hold already are not embedded again. `listen` is told passages done and in all.
    ///
    /// # Errors
    /// [`IngestError`]; safe to repeat, it goes on where it stopped.
    pub fn reindex(&self, listen: &mut Listener<'_>) -> Result<Reindexed, IngestError> {
        let _turn = self.take_turn();
        let done = reindex::reindex(&self.parts, listen)?;
        self.recover()?;
        Ok(done)
    }
}
