//! Which permitted passages bear on this question? Candidates, fusion, evidence.
//!
//! [`Retriever::evidence`] wants the receipt of `query.received`: retrieval does not run before the
//! question is on disk. Every candidate is decided again here, against the labels the catalogue
//! holds now, before its text is read. Retrieved text is data: nothing in it is ever interpreted.
//!
//! Does not do: embedding models (`inference`), index structures (`index`).

mod evidence;
mod select;

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::audit::Receipt;
use crate::catalogue::{Catalogue, CatalogueError};
use crate::domain::classes::ClassSet;
use crate::domain::ids::{DocumentId, Generation};
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
        let vector = self.embed(text)?;
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
        // Only where it is told: nobody else's question takes longer for what they may not see.
        if permit.shows_withheld() {
            let kept = self.kept_back(question, permit, candidates, through, &vector)?;
            set.withhold(kept);
        }
        select::sentences(&self.encoder, &vector, &mut set)?;
        Ok(set)
    }

    /// How many of the best passages within the declared scope the permit keeps back.
    fn kept_back(
        &self,
        question: &Question,
        permit: &Permit,
        candidates: Candidates,
        through: Generation,
        vector: &[f32],
    ) -> Result<u32, SearchError> {
        let all = self.catalogue.classes();
        let declared = all.iter().filter(|(_, labels)| permit.covers(labels));
        let declared: ClassSet = declared.map(|(class, _)| *class).collect();
        let words = (candidates != Candidates::Vector).then_some(question.text.as_str());
        let vector = (candidates != Candidates::Lexical).then_some(vector);
        let limit = question.top_k as usize;
        self.index.kept_back(permit, through, &Arc::new(declared), (words, vector), limit)
    }

    /// The documents that [`Self::evidence`] would find under these policies, in force or not, for
    /// a question whose vector is known. Nothing of them is read.
    ///
    /// The receipt proves that the simulation is on disk.
    ///
    /// # Errors
    /// As [`Self::evidence`].
    pub fn preview(
        &self,
        (question, vector): (&Question, &[f32]),
        (permit, policies): (&Permit, &Policies),
        through: Generation,
        _begun: &Receipt,
    ) -> Result<BTreeSet<DocumentId>, RetrieveError> {
        let lexical = self.lexical(permit, through, question.text.as_str())?;
        let dense = self.dense(permit, through, vector)?;
        let hits = fuse(&[lexical.as_slice(), dense.as_slice()], CANDIDATES_MAX);
        let found = hits.iter().filter(|hit| {
            let document = self.catalogue.document(hit.document);
            document.is_some_and(|document| {
                document.row.generation == hit.generation
                    && policies.decide_again(permit, &document.card.labels)
            })
        });
        Ok(found.take(question.top_k as usize).map(|hit| hit.document).collect())
    }

    /// The vector of a question.
    ///
    /// # Errors
    /// [`RetrieveError::Inference`].
    pub fn embed(&self, text: &str) -> Result<Vec<f32>, RetrieveError> {
        Ok(self.encoder.embed(&[text])?.into_iter().next().unwrap_or_default())
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
            set.withhold(1);
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
}
