//! Taking documents out of the catalogue, and giving them other labels.

use crate::audit::{Actor, What};
use crate::domain::access::Labels;
use crate::domain::ids::{DocumentId, EntryIndex};
use crate::domain::principal::Principal;
use crate::ingest::BatchOptions;
use crate::policy::Action;

use super::{Changer, GovernError, Governor};

impl Governor {
    /// Gives a document other labels, which decide about it from then on; `change` makes them from
    /// those that it has. Returns the labels, and the entry that records them where they differ.
    ///
    /// # Errors
    /// [`GovernError::Held`] where a hold keeps it in its matter or with its patient;
    /// [`GovernError::TooYoung`] where it would be kept shorter; [`GovernError::NotFound`]; what
    /// `change` says. [`GovernError::Index`] where the indexes lag behind, which the next batch or
    /// start mends.
    pub fn label_document<E: Into<GovernError>>(
        &self,
        who: &Principal,
        actor: &Actor,
        id: DocumentId,
        change: impl FnOnce(&Labels) -> Result<Labels, E>,
    ) -> Result<(Labels, Option<EntryIndex>), GovernError> {
        self.decide(Changer::Person(who), Action::LabelDocuments)?;
        let turn = self.turn.take();
        let missing = GovernError::NotFound { what: "document" };
        let document = self.catalogue.document(id).ok_or(missing)?;
        let old = &document.card.labels;
        let labels = change(old).map_err(Into::into)?;
        if labels == *old {
            return Ok((labels, None));
        }
        if (&labels.matter, &labels.patient) != (&old.matter, &old.patient) {
            self.check_holds(&document.row.scope())?;
        }
        self.check_shortening(&document, &labels)?;
        let ingestor = self.ingestor().ok_or(GovernError::NotFound { what: "open index" })?;
        let policy = self.policies.digest();
        let (actor, password) = (actor.clone(), None);
        let options = BatchOptions { labels, password, actor, policy };
        let recorded = ingestor.relabel(&document, &options);
        // In effect: what waits for a batch to end must not keep others from deciding.
        drop(turn);
        let placed = ingestor.place(id);
        let recorded = recorded?;
        placed?;
        Ok((options.labels, Some(recorded.receipt().index())))
    }

    /// Takes a document out of the catalogue and the indexes. Its contents are kept until they are
    /// erased: past answers still show what they quoted.
    ///
    /// # Errors
    /// [`GovernError::Held`], [`GovernError::NotFound`]; [`GovernError::Index`] where the document
    /// is deleted and the indexes are brought in line at the next start.
    pub fn delete_document(
        &self,
        changer: Changer<'_>,
        actor: &Actor,
        id: DocumentId,
    ) -> Result<(), GovernError> {
        self.decide(changer, Action::DeleteDocuments)?;
        let turn = self.turn.take();
        let missing = GovernError::NotFound { what: "document" };
        let document = self.catalogue.document(id).ok_or(missing)?;
        self.check_holds(&document.row.scope())?;
        let what = What::DocumentDeleted {
            document: document.row.token.clone(),
            generation: document.row.generation.0,
        };
        self.record(actor, what)?;
        self.catalogue.catch_up()?;
        // Decided and on record: what waits for a batch to end must not keep others from deciding.
        drop(turn);
        if let Some(ingestor) = self.ingestor() {
            ingestor.remove(id, document.row.generation)?;
        }
        Ok(())
    }
}
