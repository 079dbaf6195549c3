//! Other labels for a document that is in: its access class changes, and nothing is embedded again.
//!
//! Contents are sealed for their new owners, then `document.labelled` records it, which is when it
//! takes effect; then both indexes are told of the new class. In between a passage is found under
//! its old class and decided by its new labels: shown only to those whom both permit. What an error
//! or a crash leaves in between, the next turn or [`Ingestor::recover`](super::Ingestor::recover)
//! puts in place.

use std::collections::BTreeSet;

use crate::audit::{Event, Recorded, What};
use crate::catalogue::Document;
use crate::domain::access::Labels;
use crate::domain::document::DocumentCard;
use crate::domain::ids::{DocumentId, RequestId};
use crate::domain::payload::{PayloadRef, TokenKind};
use crate::store::{DocumentRow, KeyScope, Vault, VaultError};

use super::{BatchOptions, IngestError, Parts};

/// What is sealed for a document is also its matter's and its patient's.
pub(super) fn owners(
    vault: &Vault,
    own: KeyScope,
    labels: &Labels,
) -> Result<KeyScope, VaultError> {
    let named = [(TokenKind::Matter, &labels.matter), (TokenKind::Patient, &labels.patient)];
    named.into_iter().try_fold(own, |scope, (kind, name)| match name {
        Some(name) => Ok(scope.and(KeyScope::of(kind, &vault.subject(kind, name)?))),
        None => Ok(scope),
    })
}

/// Seals and records. The indexes are told by [`place`].
pub(super) fn relabel(
    parts: &Parts,
    document: &Document,
    options: &BatchOptions,
    req: RequestId,
) -> Result<Recorded<()>, IngestError> {
    let row = seal(parts, document, &options.labels)?;
    let what = What::DocumentLabelled {
        document: row.token.clone(),
        generation: row.generation.0,
        class_before: document.row.class.0,
        class: row.class.0,
        payload: Some(keep(&parts.vault, &row)?),
    };
    let policy = Some(options.policy);
    let event = Event { actor: options.actor.clone(), req, policy, what };
    let recorded = parts.log.record(event, ()).inspect_err(|_| {
        // The log may yet take what it was too busy to confirm.
        if let Err(error) = parts.log.settle() {
            tracing::warn!(%error, "whether other labels are in effect is not decided yet");
        }
    });
    parts.catalogue.catch_up()?;
    let recorded = recorded?;
    discard_old(parts, &document.row, &row);
    Ok(recorded)
}

/// Tells both indexes of the classes that these documents are in; none is left to tell then.
pub(super) fn place(
    parts: &Parts,
    misplaced: &mut BTreeSet<DocumentId>,
) -> Result<(), IngestError> {
    for id in misplaced.iter() {
        let Some(document) = parts.catalogue.document(*id) else { continue };
        let text = parts.catalogue.text(&document)?;
        let writing = (*id, document.row.generation);
        parts.index.set_class(writing, document.row.class, &text.passages)?;
    }
    parts.index.flush()?;
    misplaced.clear();
    Ok(())
}

/// The row under these labels, with its contents sealed for whom they belong to now.
fn seal(parts: &Parts, document: &Document, labels: &Labels) -> Result<DocumentRow, IngestError> {
    let vault = &parts.vault;
    let class = parts.catalogue.class_of(labels)?;
    let own = KeyScope::of(TokenKind::Document, &document.row.token);
    let scope = owners(vault, own, labels)?;
    let card = DocumentCard { labels: labels.clone(), ..document.card.clone() };
    let card = vault.seal(&scope, &serde_json::to_vec(&card).unwrap_or_default())?;
    let mut row = DocumentRow { class, card, ..document.row.clone() };
    if scope != document.row.scope() {
        let anew = |old: &PayloadRef| -> Result<PayloadRef, IngestError> {
            Ok(vault.seal(&scope, &parts.catalogue.contents_of(document, old)?)?)
        };
        row.text = anew(&document.row.text)?;
        row.geometry = document.row.geometry.as_ref().map(anew).transpose()?;
        row.original = vault.seal_file(&scope, &parts.catalogue.original(document)?)?;
    }
    Ok(row)
}

fn keep(vault: &Vault, row: &DocumentRow) -> Result<PayloadRef, VaultError> {
    vault.seal(&row.scope(), &serde_json::to_vec(row).unwrap_or_default())
}

/// Files of contents that were sealed anew are wanted no more; where one stays, it stays sealed.
fn discard_old(parts: &Parts, old: &DocumentRow, new: &DocumentRow) {
    if old.original != new.original
        && let Err(error) = parts.vault.discard(&old.original)
    {
        tracing::warn!(%error, "a file that is wanted no more stays in the vault");
    }
}
