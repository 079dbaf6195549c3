//! Taking documents out of the catalogue, and giving them other labels.

use std::ops::ControlFlow;

use crate::audit::{Actor, What};
use crate::domain::access::{InvalidLabel, Labels};
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
    /// [`GovernError::Label`], [`GovernError::NotFound`]; else nothing is in effect.
    pub fn label_document(
        &self,
        who: &Principal,
        actor: &Actor,
        id: DocumentId,
        change: impl FnOnce(&Labels) -> Result<Labels, InvalidLabel>,
    ) -> Result<(Labels, Option<EntryIndex>), GovernError> {
        self.decide(Changer::Person(who), Action::LabelDocuments)?;
        let _turn = self.turn.take();
        let missing = GovernError::NotFound { what: "document" };
        let document = self.catalogue.document(id).ok_or(missing)?;
        let (old, labels) = (&document.card.labels, change(&document.card.labels)?);
        if labels == *old {
            return Ok((labels, None));
        }
        if (&labels.matter, &labels.patient) != (&old.matter, &old.patient) {
            self.check_holds(&document.row.scope())?;
        }
        let ingestor = self.ingestor().ok_or(GovernError::NotFound { what: "open index" })?;
        let policy = self.policies.digest();
        let (actor, password) = (actor.clone(), None);
        let options = BatchOptions { labels, password, actor, policy };
        let mut go_on = |_| ControlFlow::Continue(());
        let recorded = ingestor.relabel(&document, &options, &mut go_on)?;
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
