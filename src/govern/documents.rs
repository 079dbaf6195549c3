//! Taking documents out of the catalogue.

use crate::audit::{Actor, What};
use crate::domain::ids::DocumentId;
use crate::policy::Action;

use super::{Changer, GovernError, Governor};

impl Governor {
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
