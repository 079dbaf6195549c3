//! The indexes anew, from the vault: what the log activated, under the generation it had.

use std::sync::Arc;

use serde::Serialize;

use crate::catalogue::Document;

use super::batch::{PASSAGES_PER_FLUSH, add};
use super::{IngestError, Listener, Parts};

/// What was put back into the indexes.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Serialize)]
pub struct Reindexed {
    /// Documents.
    pub documents: u32,
    /// Their passages.
    pub passages: u32,
}

/// The active documents that the indexes do not hold whole, as of the last flush.
pub(super) fn lacking(parts: &Parts) -> Result<Vec<Arc<Document>>, IngestError> {
    let writings = parts.index.writings()?;
    let whole = |document: &Document| {
        let row = &document.row;
        let held = writings.get(&(row.document, row.generation));
        held.is_some_and(|held| held.passages == u64::from(row.passages))
    };
    let mut documents = parts.catalogue.documents();
    documents.retain(|document| !whole(document));
    Ok(documents)
}

pub(super) fn reindex(parts: &Parts, listen: &mut Listener<'_>) -> Result<Reindexed, IngestError> {
    let mut done = Reindexed::default();
    let documents = lacking(parts)?;
    let total = documents.iter().map(|document| document.row.passages).sum();
    let mut unflushed = 0;
    for document in documents {
        let row = &document.row;
        let text = parts.catalogue.text(&document)?;
        // What a crash left of it would make the count of its passages wrong.
        parts.index.remove_generation(row.document, row.generation)?;
        add(parts, row.generation, row.class, &document.card.title, &text.passages)?;
        done.documents += 1;
        done.passages += row.passages;
        unflushed += text.passages.len();
        if unflushed >= PASSAGES_PER_FLUSH {
            parts.index.flush()?;
            unflushed = 0;
        }
        listen(done.passages, total);
    }
    parts.index.flush()?;
    let last = parts.catalogue.visible_through();
    parts.state.meta().skip_generations(last)?;
    Ok(done)
}
