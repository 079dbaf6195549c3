//! Taking documents out of the catalogue, and giving them other labels.

use std::sync::Arc;

use crate::audit::{Actor, What};
use crate::catalogue::Document;
use crate::domain::access::Labels;
use crate::domain::change::Target;
use crate::domain::ids::{DocumentId, EntryIndex};
use crate::domain::payload::TokenKind;
use crate::domain::principal::Principal;
use crate::domain::relationship::RelationshipKind;
use crate::ingest::BatchOptions;
use crate::policy::{Action, Screen};

use super::relationships::Stock;
use super::{Changer, GovernError, Governor};

impl Governor {
    /// Gives a document other labels, which decide about it from then on; `change` makes them from
    /// those that it has. Returns the labels, and the entry that records them where they differ.
    ///
    /// # Errors
    /// [`GovernError::Held`] where a hold keeps it in its matter or with its patient,
    /// [`GovernError::TooYoung`] where it would be kept shorter, both on record;
    /// [`GovernError::NotFound`], also where a wall keeps it from `who`; [`GovernError::Denied`]
    /// where one keeps the new labels from them; what `change` says. [`GovernError::Index`] where the indexes lag behind, which the next batch or
    /// start mends.
    pub fn label_document<E: Into<GovernError>>(
        &self,
        who: &Principal,
        actor: &Actor,
        id: DocumentId,
        change: impl FnOnce(&Labels) -> Result<Labels, E>,
    ) -> Result<(Labels, Option<EntryIndex>), GovernError> {
        let changer = Changer::Person(who);
        self.decide(changer, Action::LabelDocuments)?;
        let turn = self.turn.take();
        let screen = self.screen(changer);
        let document = self.within_reach(screen.as_ref(), id)?;
        let old = &document.card.labels;
        let labels = change(old).map_err(Into::into)?;
        if labels == *old {
            return Ok((labels, None));
        }
        if let Some(screen) = screen.filter(|screen| screen.keeps_away(&labels)) {
            return Err(GovernError::Denied(screen.denial()));
        }
        let moves = (&labels.matter, &labels.patient) != (&old.matter, &old.patient);
        let stays = if moves { self.check_holds(&document.row.scope()) } else { Ok(()) };
        let kept = stays.and_then(|()| self.check_shortening(&document, &labels));
        let subject = (TokenKind::Document, &document.row.token);
        self.record_refusal(actor, "label", subject, kept)?;
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
    /// [`GovernError::Held`] and [`GovernError::TooYoung`], on record; [`GovernError::NotFound`]; [`GovernError::Index`] where the document
    /// is deleted and the indexes are brought in line at the next start.
    pub fn delete_document(
        &self,
        changer: Changer<'_>,
        actor: &Actor,
        id: DocumentId,
    ) -> Result<(), GovernError> {
        self.decide(changer, Action::DeleteDocuments)?;
        let turn = self.turn.take();
        let document = self.within_reach(self.screen(changer).as_ref(), id)?;
        let kept = self.check_holds_on(&document.row).and_then(|()| self.check_age(&document));
        let subject = (TokenKind::Document, &document.row.token);
        self.record_refusal(actor, "delete", subject, kept)?;
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

    /// What walls and conflicts keep from whoever makes a change; the operator is not a person.
    pub(super) fn screen(&self, changer: Changer<'_>) -> Option<Screen> {
        match changer {
            Changer::Operator => None,
            Changer::Person(who) => {
                Some(self.policies.screen(who)).filter(|screen| !screen.is_clear())
            }
        }
    }

    /// An active document that no wall keeps away.
    pub(super) fn within_reach(
        &self,
        screen: Option<&Screen>,
        id: DocumentId,
    ) -> Result<Arc<Document>, GovernError> {
        let is_kept_away =
            |document: &Arc<Document>| screen.is_some_and(|s| s.keeps_away(&document.card.labels));
        let document = self.catalogue.document(id).filter(|document| !is_kept_away(document));
        document.ok_or(GovernError::NotFound { what: "document" })
    }

    /// Whether no wall keeps what a hold or an erasure is about from whoever wants it: a document
    /// behind one is as none.
    pub(super) fn check_reach(
        &self,
        changer: Changer<'_>,
        target: &Target,
    ) -> Result<(), GovernError> {
        let Some(screen) = self.screen(changer) else { return Ok(()) };
        match target {
            Target::Document(id) => {
                let document = self.catalogue.kept_document(*id)?;
                match document.is_some_and(|document| screen.keeps_away(&document.card.labels)) {
                    true => Err(GovernError::NotFound { what: "document" }),
                    false => Ok(()),
                }
            }
            Target::Matter(name) => self.check_named(&screen, RelationshipKind::Matter, name),
            Target::Patient(name) => self.check_named(&screen, RelationshipKind::Patient, name),
            Target::Person(_) => Ok(()),
        }
    }

    /// Whether nothing of a matter or patient is kept away.
    fn check_named(
        &self,
        screen: &Screen,
        kind: RelationshipKind,
        name: &str,
    ) -> Result<(), GovernError> {
        match Stock::of(self).is_kept_by(screen, kind, name) {
            true => Err(GovernError::Denied(screen.denial())),
            false => Ok(()),
        }
    }
}
