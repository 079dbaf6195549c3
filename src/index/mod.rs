//! Which passages match, among those this permit allows? tantivy and Qdrant as one index.
//!
//! * **One gate.** Every search takes a [`Permit`]. Its classes, and the generations in force, are
//!   part of the query of either half, so that the best `limit` are the best *permitted* ones; and
//!   each hit is decided once more by the permit itself before it leaves this room. How many a permit
//!   keeps back is counted in here ([`Index::kept_back`]): of those, a number leaves, and no hit.
//! * **Generations.** What [`Index::add`] writes is not found until [`Index::set_visible`] says so.
//!   Ingest adds, flushes, records the activation in the log, and only then makes it visible.
//! * **Not trusted, rebuildable.** The index is derived state: start-up calls [`Index::prune`] with
//!   what the log knows, and whatever was written but never activated goes. Deleting the folder and
//!   rebuilding it loses nothing.
//! * **On disk**: `lexical/` holds terms (clear words) and ids; `vector/` holds vectors and ids.

mod error;
mod gate;
mod hit;
mod lexical;
mod vector;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

pub use self::error::{
    IndexError, LexicalError, LexicalStep, SearchError, VectorError, VectorStep,
};
use self::gate::Gate;
pub use self::hit::{Hit, Writing, Writings, fuse};
use self::lexical::Lexical;
pub use self::vector::ServerOptions;
use self::vector::{Breadth, EXACT_KIB, Embedded, Point, Server, VectorIndex};
use crate::domain::access::AccessClass;
use crate::domain::classes::ClassSet;
use crate::domain::document::Passage;
use crate::domain::ids::{DocumentId, Generation};
use crate::domain::limits::CANDIDATES_MAX;
use crate::durable;
use crate::policy::Permit;

/// Where the index is and what it holds.
#[derive(Clone, Debug)]
pub struct IndexOptions {
    /// Its folder, made where it is missing.
    pub dir: PathBuf,
    /// Length of the encoder's vectors.
    pub dim: usize,
    /// Where the vectors are.
    pub vector: VectorChoice,
}

/// Where the vectors are.
#[derive(Clone, Debug)]
pub enum VectorChoice {
    /// In this process, under the index's own folder.
    Embedded,
    /// On a Qdrant server or cluster.
    Server(ServerOptions),
}

/// What [`Index::prune`] did and found.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Pruned {
    /// Writings that were dropped.
    pub dropped: u64,
    /// Writings in another class than theirs, whole or in part.
    pub misplaced: BTreeSet<(DocumentId, Generation)>,
}

/// The passages' words and vectors. Shared between threads; changes take turns.
pub struct Index {
    lexical: Lexical,
    vector: Box<dyn VectorIndex>,
    dim: usize,
    embedded: bool,
    /// The first generation that searches do not see; 0 until the first [`Index::set_visible`].
    visible_below: AtomicU64,
}

impl Index {
    /// Opens the index, or makes it. Nothing is visible until [`Index::set_visible`].
    ///
    /// # Errors
    /// [`IndexError`] says which half could not be opened and what to do.
    pub fn open(options: &IndexOptions) -> Result<Self, IndexError> {
        let lexical = options.dir.join("lexical");
        durable::create_dir_all(&lexical)?;
        let vector: Box<dyn VectorIndex> = match &options.vector {
            VectorChoice::Embedded => {
                Box::new(Embedded::open(&options.dir.join("vector"), options.dim, EXACT_KIB)?)
            }
            VectorChoice::Server(server) => Box::new(Server::open(server, options.dim)?),
        };
        let lexical = Lexical::open(&lexical)?;
        let embedded = matches!(options.vector, VectorChoice::Embedded);
        let visible_below = AtomicU64::new(0);
        Ok(Self { lexical, vector, dim: options.dim, embedded, visible_below })
    }

    /// Adds passages with their vectors under a generation; repeated passages replace themselves.
    ///
    /// # Errors
    /// [`IndexError::Dimension`] before anything is written; any other error may leave a part
    /// written, which [`Index::remove_generation`] or a start-up's [`Index::prune`] takes away.
    pub fn add(
        &self,
        generation: Generation,
        class: AccessClass,
        passages: &[(&Passage, &[f32])],
    ) -> Result<(), IndexError> {
        if let Some((_, wrong)) = passages.iter().find(|(_, vector)| vector.len() != self.dim) {
            return Err(IndexError::Dimension { expected: self.dim, found: wrong.len() });
        }
        let points: Vec<Point<'_>> = passages
            .iter()
            .map(|(passage, vector)| Point {
                passage: passage.id,
                document: passage.document,
                ordinal: passage.ordinal,
                generation,
                class,
                vector,
            })
            .collect();
        self.vector.upsert(&points)?;
        self.lexical.add(generation, class, passages.iter().map(|(passage, _)| *passage))?;
        Ok(())
    }

    /// Puts one writing of a document into another access class, without its vectors: `passages`
    /// are all of its passages. Vectors are found under it at once, words after [`Index::flush`].
    ///
    /// # Errors
    /// Safe to repeat; [`Index::prune`] tells of a writing that is in two classes.
    pub fn set_class(
        &self,
        (document, generation): (DocumentId, Generation),
        class: AccessClass,
        passages: &[Passage],
    ) -> Result<(), IndexError> {
        self.vector.set_class(document, generation, class)?;
        self.lexical.add(generation, class, passages.iter())?;
        Ok(())
    }

    /// Makes every change so far durable.
    ///
    /// # Errors
    /// What is on disk is then unknown: stop, open again and prune.
    pub fn flush(&self) -> Result<(), IndexError> {
        self.vector.flush()?;
        self.lexical.flush()?;
        Ok(())
    }

    /// From now on searches see what was flushed of generations up to and including `through`.
    pub fn set_visible(&self, through: Generation) {
        self.visible_below.store(through.0.saturating_add(1), Ordering::Release);
    }

    /// Removes a document; sure to be gone from searches and from a restart after
    /// [`Index::flush`], and from the disk after [`Index::rewrite`].
    ///
    /// # Errors
    /// Safe to repeat.
    pub fn remove_document(&self, document: DocumentId) -> Result<(), IndexError> {
        self.vector.remove_document(document)?;
        self.lexical.remove_document(document);
        Ok(())
    }

    /// Removes one writing of a document, as [`Index::remove_document`] does.
    ///
    /// # Errors
    /// Safe to repeat.
    pub fn remove_generation(
        &self,
        document: DocumentId,
        generation: Generation,
    ) -> Result<(), IndexError> {
        self.vector.remove_generation(document, generation)?;
        self.lexical.remove_generation(document, generation)?;
        Ok(())
    }

    /// Drops every writing that `keep` does not know the class of, durably: at start-up, what was
    /// written but never activated, and what was removed but not flushed. Then checks that both
    /// halves hold the same, and tells of the writings that are not, or not whole, in their class:
    /// to be mended by [`Index::set_class`].
    ///
    /// # Errors
    /// [`IndexError::Uneven`] where they do not; otherwise safe to repeat.
    pub fn prune(
        &self,
        keep: &dyn Fn(DocumentId, Generation) -> Option<AccessClass>,
    ) -> Result<Pruned, IndexError> {
        let (mut words, mut vectors) = (self.lexical.writings()?, self.vector.writings()?);
        let unknown: BTreeSet<_> = words
            .keys()
            .chain(vectors.keys())
            .filter(|(document, generation)| keep(*document, *generation).is_none())
            .copied()
            .collect();
        for writing in &unknown {
            self.remove_generation(writing.0, writing.1)?;
            words.remove(writing);
            vectors.remove(writing);
        }
        if !unknown.is_empty() {
            self.flush()?;
        }
        let mut misplaced = BTreeSet::new();
        for writing in words.keys().chain(vectors.keys()) {
            let count = |half: &Writings| half.get(writing).map_or(0, |held| held.passages);
            let counts = (count(&words), count(&vectors));
            if counts.0 != counts.1 {
                let (words, vectors) = counts;
                return Err(IndexError::Uneven { document: writing.0, words, vectors });
            }
            let class = keep(writing.0, writing.1);
            let is_there = |half: &Writings| half.get(writing).is_some_and(|it| it.class == class);
            if !is_there(&words) || !is_there(&vectors) {
                misplaced.insert(*writing);
            }
        }
        Ok(Pruned { dropped: unknown.len() as u64, misplaced })
    }

    /// Every writing that the index holds, visible or not, as of the
    /// last flush: what a start-up compares with the log.
    ///
    /// # Errors
    /// [`IndexError::Lexical`].
    pub fn writings(&self) -> Result<Writings, IndexError> {
        Ok(self.lexical.writings()?)
    }

    /// Builds the vectors' graph and merges the words' segments where that pays. Searches go on
    /// meanwhile, changes wait: call it from a background thread, after much was added.
    ///
    /// # Errors
    /// The index works on as it was.
    pub fn optimise(&self) -> Result<(), IndexError> {
        self.lexical.optimise()?;
        self.vector.optimise()?;
        Ok(())
    }

    /// Takes removed words and vectors off the disk for good, by writing both halves anew: the
    /// last step of an erasure. As slow as building the index; searches go on meanwhile.
    ///
    /// # Errors
    /// Safe to repeat; after [`VectorError::NotDurable`] stop and open again first.
    pub fn rewrite(&self) -> Result<(), IndexError> {
        self.lexical.rewrite()?;
        self.vector.rewrite()?;
        Ok(())
    }

    /// The best permitted passages for the words of `query` (BM25), best first: at most `limit`
    /// and [`CANDIDATES_MAX`], of visible generations up to and including `through`. What was
    /// added later changes neither hits nor scores.
    ///
    /// # Errors
    /// [`SearchError::Lexical`].
    pub fn search_lexical(
        &self,
        permit: &Permit,
        through: Generation,
        query: &str,
        limit: usize,
    ) -> Result<Vec<Hit>, SearchError> {
        self.worded(&self.gate(permit, through), query, limit)
    }

    /// The permitted passages nearest to `vector` (cosine), best first: at most `limit` and
    /// [`CANDIDATES_MAX`], of visible generations up to and including `through`.
    ///
    /// # Errors
    /// [`SearchError::Dimension`] for a vector of another encoder; [`SearchError::Vector`].
    pub fn search_vector(
        &self,
        permit: &Permit,
        through: Generation,
        vector: &[f32],
        limit: usize,
    ) -> Result<Vec<Hit>, SearchError> {
        self.nearest(&self.gate(permit, through), vector, limit)
    }

    /// How many of the best `limit` passages of all `classes` the permit keeps back, by the words, the
    /// vector or both. Whatever was found, only this number leaves.
    ///
    /// # Errors
    /// As [`Self::search_lexical`] and [`Self::search_vector`].
    pub fn kept_back(
        &self,
        permit: &Permit,
        through: Generation,
        classes: &Arc<ClassSet>,
        (words, vector): (Option<&str>, Option<&[f32]>),
        limit: usize,
    ) -> Result<u32, SearchError> {
        let gate = Gate::for_counting(classes, self.visible_below(through));
        let worded = words.map(|words| self.worded(&gate, words, CANDIDATES_MAX));
        let nearest = vector.map(|vector| self.nearest(&gate, vector, CANDIDATES_MAX));
        let worded = worded.transpose()?.unwrap_or_default();
        let nearest = nearest.transpose()?.unwrap_or_default();
        let best = fuse(&[worded.as_slice(), nearest.as_slice()], limit);
        let kept = best.iter().filter(|hit| !permit.allows(hit.class)).count();
        Ok(u32::try_from(kept).unwrap_or(u32::MAX))
    }

    fn worded(&self, gate: &Gate<'_>, query: &str, limit: usize) -> Result<Vec<Hit>, SearchError> {
        let limit = limit.min(CANDIDATES_MAX);
        if limit == 0 || gate.is_shut() {
            return Ok(Vec::new());
        }
        Ok(checked(gate, self.lexical.search(gate, query, limit)?))
    }

    fn nearest(
        &self,
        gate: &Gate<'_>,
        vector: &[f32],
        limit: usize,
    ) -> Result<Vec<Hit>, SearchError> {
        if vector.len() != self.dim {
            return Err(SearchError::Dimension { expected: self.dim, found: vector.len() });
        }
        let limit = limit.min(CANDIDATES_MAX);
        if limit == 0 || gate.is_shut() {
            return Ok(Vec::new());
        }
        let share = self.lexical.share(gate)?;
        if share == 0.0 {
            return Ok(Vec::new());
        }
        let breadth = Breadth::for_share(share);
        Ok(checked(gate, self.vector.search(gate, breadth, vector, limit)?))
    }

    fn gate<'a>(&self, permit: &'a Permit, through: Generation) -> Gate<'a> {
        Gate::new(permit, self.visible_below(through))
    }

    fn visible_below(&self, through: Generation) -> u64 {
        self.visible_below.load(Ordering::Acquire).min(through.0.saturating_add(1))
    }

    /// Whether the vectors are in this process, under the index's own folder.
    pub const fn is_embedded(&self) -> bool {
        self.embedded
    }

    /// Passages held as of the last flush, visible or not.
    pub fn count(&self) -> u64 {
        self.lexical.count()
    }
}

/// Decides every hit a second time: a fault of a filter must not become a leak.
fn checked(gate: &Gate<'_>, mut hits: Vec<Hit>) -> Vec<Hit> {
    let found = hits.len();
    hits.retain(|hit| gate.admits(hit));
    if hits.len() < found {
        tracing::error!(dropped = found - hits.len(), "the index returned what its filter forbids");
    }
    hits
}

#[cfg(test)]
mod tests;
