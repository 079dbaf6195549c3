//! Which permitted passages bear on this question? Candidates, fusion, evidence.
//!
//! [`Retriever::evidence`] wants the receipt of `query.received`: retrieval does not run before the
//! question is on disk. Every candidate is decided again here, against the labels the catalogue
//! holds now, before its text is read. Retrieved text is data: nothing in it is ever interpreted.
//!
//! Does not do: embedding models (`inference`), index structures (`index`).

mod evidence;
mod select;

use std::sync::Arc;

use crate::audit::Receipt;
use crate::catalogue::{Catalogue, CatalogueError};
use crate::domain::ids::Generation;
use crate::domain::limits::CANDIDATES_MAX;
use crate::domain::question::Question;
use crate::index::{Hit, Index, SearchError, fuse};
use crate::inference::{Encoder, InferenceError};
use crate::policy::{Permit, Policies};

pub use evidence::{EvidencePassage, EvidenceSentence, EvidenceSet, Place};

/// Why retrieval could not finish.
#[derive(Debug, thiserror::Error)]
pub enum RetrieveError {
    /// The catalogue or the vault failed.
    #[error(transparent)]
    Catalogue(#[from] CatalogueError),
    /// The encoder failed.
    #[error(transparent)]
    Inference(#[from] InferenceError),
    /// An index failed.
    #[error(transparent)]
    Search(#[from] SearchError),
}

/// Which half of the index is asked.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Candidates {
    /// Both, fused by reciprocal ranks.
    #[default]
    Hybrid,
    /// Terms only.
    Lexical,
    /// Vectors only.
    Vector,
}

/// Finds evidence for questions.
pub struct Retriever {
    index: Arc<Index>,
    encoder: Arc<Encoder>,
    catalogue: Arc<Catalogue>,
    policies: Policies,
}

impl Retriever {
    /// A retriever over these parts.
    pub fn new(
        index: Arc<Index>,
        encoder: Arc<Encoder>,
        catalogue: Arc<Catalogue>,
        policies: Policies,
    ) -> Self {
        Self { index, encoder, catalogue, policies }
    }

    /// The encoder, by which verification measures closeness too.
    pub fn encoder(&self) -> &Arc<Encoder> {
        &self.encoder
    }

    /// The highest generation that searches see.
    pub fn generation(&self) -> Generation {
        self.catalogue.visible_through()
    }

    /// The permitted passages that bear on the question, best first, at most `question.top_k`.
    ///
    /// The receipt proves that the question is on disk.
    ///
    /// # Errors
    /// [`RetrieveError`] where a part fails; finding nothing is no error.
    pub fn evidence(
        &self,
        question: &Question,
        permit: &Permit,
        candidates: Candidates,
        received: &Receipt,
    ) -> Result<EvidenceSet, RetrieveError> {
        let text = question.text.as_str();
        let vector = self.embed_one(text)?;
        let hits = self.candidates(text, &vector, permit, candidates)?;
        let mut set = EvidenceSet::new(received.index(), self.generation());
        for hit in hits {
            if set.passages().len() >= question.top_k as usize {
                break;
            }
            self.admit(&hit, permit, &mut set)?;
        }
        select::sentences(&self.encoder, &vector, &mut set)?;
        Ok(set)
    }

    fn candidates(
        &self,
        text: &str,
        vector: &[f32],
        permit: &Permit,
        candidates: Candidates,
    ) -> Result<Vec<Hit>, RetrieveError> {
        let lexical = || self.index.search_lexical(permit, text, CANDIDATES_MAX);
        let dense = || self.index.search_vector(permit, vector, CANDIDATES_MAX);
        Ok(match candidates {
            Candidates::Lexical => lexical()?,
            Candidates::Vector => dense()?,
            Candidates::Hybrid => {
                fuse(&[lexical()?.as_slice(), dense()?.as_slice()], CANDIDATES_MAX)
            }
        })
    }

    /// Decides a candidate again and reads its text; one that is not active is passed over.
    fn admit(
        &self,
        hit: &Hit,
        permit: &Permit,
        set: &mut EvidenceSet,
    ) -> Result<(), RetrieveError> {
        let Some(document) = self.catalogue.document(hit.document) else { return Ok(()) };
        if document.row.generation != hit.generation {
            return Ok(());
        }
        if !self.policies.decide_again(permit, &document.card.labels) {
            set.withhold();
            return Ok(());
        }
        let text = self.catalogue.text(&document)?;
        if let Some(passage) = text.passages.get(hit.ordinal as usize)
            && passage.id == hit.passage
        {
            set.admit(&document, passage.clone(), hit.score, &text);
        }
        Ok(())
    }

    fn embed_one(&self, text: &str) -> Result<Vec<f32>, RetrieveError> {
        Ok(self.encoder.embed(&[text])?.into_iter().next().unwrap_or_default())
    }
}
