//! Other labels for a document that is in: its access class changes, and nothing is embedded again.
//!
//! Contents are sealed for their new owners and both indexes told of the new class, then
//! `document.labelled` records it, which is when it takes effect. In between a passage is found
//! under its new class and decided by its old labels: shown only to those whom both permit. What a
//! crash leaves in between, [`Ingestor::recover`](super::Ingestor::recover) takes back.

use std::ops::ControlFlow;

use crate::audit::{Event, Recorded, What};
use crate::catalogue::Document;
use crate::domain::access::Labels;
use crate::domain::document::DocumentCard;
use crate::domain::ids::RequestId;
use crate::domain::payload::{PayloadRef, TokenKind};
use crate::store::{DocumentRow, KeyScope, Vault, VaultError};

use super::{BatchOptions, IngestError, Parts};

/// Where a change of labels is. Every step may be repeated.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum LabelStep {
    /// The contents are sealed for whom they belong to now.
    Contents,
    /// Both indexes are told of the class.
    Indexes,
    /// What they were told is made durable.
    Flush,
    /// It is recorded, and takes effect.
    Record,
}

impl LabelStep {
    /// Every step, in order.
    pub const ALL: [Self; 4] = [Self::Contents, Self::Indexes, Self::Flush, Self::Record];
}

/// Told of each step before it begins; where it breaks, the change stops there.
pub type LabelProgress<'a> = dyn FnMut(LabelStep) -> ControlFlow<()> + 'a;

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

pub(super) fn relabel(
    parts: &Parts,
    document: &Document,
    options: &BatchOptions,
    req: RequestId,
    progress: &mut LabelProgress<'_>,
) -> Result<Recorded<()>, IngestError> {
    let mut begin = |step| match progress(step) {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(()) => Err(IngestError::Interrupted),
    };
    begin(LabelStep::Contents)?;
    let row = seal(parts, document, &options.labels)?;
    let text = parts.catalogue.text(document)?;
    let writing = (row.document, row.generation);
    begin(LabelStep::Indexes)?;
    parts.index.set_class(writing, row.class, &text.passages)?;
    begin(LabelStep::Flush)?;
    parts.index.flush()?;
    begin(LabelStep::Record)?;
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
        // Not recorded, so not in effect: the indexes go back, now or at the next start.
        let old = parts.index.set_class(writing, document.row.class, &text.passages);
        if let Err(error) = old.and_then(|()| parts.index.flush()) {
            tracing::error!(%error, "a document stays in a class that was not recorded");
        }
    })?;
    parts.catalogue.catch_up()?;
    discard_old(parts, &document.row, &row);
    Ok(recorded)
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
