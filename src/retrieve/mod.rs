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
use crate::policy::{Again, Permit, Policies};

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

/// The bounds and weights that decide here, as text: whoever records them, records their digest.
pub fn settings() -> String {
    format!("candidates {CANDIDATES_MAX}\n{}", select::settings())
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

    /// The permitted passages that bear on the question, best first, at most `question.top_k`, as
    /// the index was when `through` was its highest generation.
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
        through: Generation,
        received: &Receipt,
    ) -> Result<EvidenceSet, RetrieveError> {
        let text = question.text.as_str();
        let vector = self.embed_one(text)?;
        let hits = match candidates {
            Candidates::Lexical => self.lexical(permit, through, text)?,
            Candidates::Vector => self.dense(permit, through, &vector)?,
            Candidates::Hybrid => {
                let lexical = self.lexical(permit, through, text)?;
                let dense = self.dense(permit, through, &vector)?;
                fuse(&[lexical.as_slice(), dense.as_slice()], CANDIDATES_MAX)
            }
        };
        let mut set = EvidenceSet::new(received.index(), through);
        let again = self.policies.again(permit);
        for hit in hits {
            if set.passages().len() >= question.top_k as usize {
                break;
            }
            self.admit(&hit, &again, &mut set)?;
        }
        select::sentences(&self.encoder, &vector, &mut set)?;
        Ok(set)
    }

    fn lexical(
        &self,
        permit: &Permit,
        through: Generation,
        text: &str,
    ) -> Result<Vec<Hit>, SearchError> {
        self.index.search_lexical(permit, through, text, CANDIDATES_MAX)
    }

    fn dense(
        &self,
        permit: &Permit,
        through: Generation,
        vector: &[f32],
    ) -> Result<Vec<Hit>, SearchError> {
        self.index.search_vector(permit, through, vector, CANDIDATES_MAX)
    }

    /// Decides a candidate again and reads its text; one that is not active is passed over.
    fn admit(&self, hit: &Hit, again: &Again, set: &mut EvidenceSet) -> Result<(), RetrieveError> {
        let Some(document) = self.catalogue.document(hit.document) else { return Ok(()) };
        if document.row.generation != hit.generation {
            return Ok(());
        }
        if !again.permits(&document.card.labels) {
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
