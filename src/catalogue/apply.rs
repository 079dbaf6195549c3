//! What each entry of the log changes in the view.

use serde_json::Value;

use crate::audit::Entry;
use crate::domain::ids::{EntryIndex, RequestId};
use crate::domain::payload::Token;
use crate::store::{AnswerRow, DocumentRow, RevealError};

use super::{Catalogue, CatalogueError};

/// Entries read from the log at a time.
const ENTRIES_AT_A_TIME: usize = 512;

/// Applies entries in order; `applied_through` moves after their effects are stored, and every
/// effect may be repeated, so a crash between the two loses nothing.
pub(super) fn catch_up(catalogue: &Catalogue) -> Result<(), CatalogueError> {
    loop {
        let from = match catalogue.state.meta().applied_through()? {
            Some(EntryIndex(index)) => EntryIndex(index + 1),
            None => EntryIndex(0),
        };
        let entries = catalogue.log.entries(from, ENTRIES_AT_A_TIME)?;
        let Some(last) = entries.last().map(|entry| entry.index) else { return Ok(()) };
        for entry in &entries {
            apply(catalogue, entry)?;
        }
        catalogue.state.meta().set_applied_through(last)?;
    }
}

fn apply(catalogue: &Catalogue, entry: &Entry) -> Result<(), CatalogueError> {
    match entry.kind() {
        "document.activated" => activate(catalogue, entry),
        "document.labelled" => relabel(catalogue, entry),
        "document.deleted" => delete(catalogue, entry),
        "query.received" => Ok(catalogue.state.open_queries().insert(request(entry)?)?),
        "answer.released" | "query.refused" => {
            let query = request(entry)?;
            if let Some(answer) = entry.payload() {
                let row = AnswerRow { query, answer, entry: entry.index };
                catalogue.state.answers().put_soon(&row)?;
            }
            Ok(catalogue.state.open_queries().remove(query)?)
        }
        "query.denied" | "query.failed" | "search.released" => {
            Ok(catalogue.state.open_queries().remove(request(entry)?)?)
        }
        "log.started" => Ok(catalogue.state.meta().set_serving(true)?),
        "log.stopped" | "log.recovered" => Ok(catalogue.state.meta().set_serving(false)?),
        _ => Ok(()),
    }
}

fn request(entry: &Entry) -> Result<RequestId, CatalogueError> {
    entry.req().ok_or(CatalogueError::Entry { entry: entry.index })
}

fn activate(catalogue: &Catalogue, entry: &Entry) -> Result<(), CatalogueError> {
    match row(catalogue, entry)? {
        Some(row) => put(catalogue, &DocumentRow { entry: entry.index, ..row }),
        None => Ok(()),
    }
}

/// The row under its new labels; the entry that activated it stays.
fn relabel(catalogue: &Catalogue, entry: &Entry) -> Result<(), CatalogueError> {
    match row(catalogue, entry)? {
        Some(row) => put(catalogue, &row),
        None => Ok(()),
    }
}

/// Shown first: whoever sees that a row changed must see the change.
fn put(catalogue: &Catalogue, row: &DocumentRow) -> Result<(), CatalogueError> {
    catalogue.show(row.clone())?;
    Ok(catalogue.state.documents().put_soon(row)?)
}

/// The entry's payload is the sealed catalogue row; `None` where it was erased.
fn row(catalogue: &Catalogue, entry: &Entry) -> Result<Option<DocumentRow>, CatalogueError> {
    let Some(payload) = entry.payload() else { return Ok(None) };
    let bytes = match catalogue.vault.open_payload(&payload) {
        Ok(bytes) => bytes,
        // An erased document stays erased when the log is replayed.
        Err(RevealError::Erased) => return Ok(None),
        Err(source) => {
            return Err(CatalogueError::Contents {
                document: format!("of entry {}", entry.index),
                source,
            });
        }
    };
    serde_json::from_slice(&bytes).map(Some).map_err(|source| CatalogueError::Form {
        document: format!("of entry {}", entry.index),
        source: Box::new(source),
    })
}

/// The row stays, for retention, holds and erasure; nobody sees the document any more.
fn delete(catalogue: &Catalogue, entry: &Entry) -> Result<(), CatalogueError> {
    let token = entry.details().get("document").and_then(Value::as_str).map(str::parse::<Token>);
    let Some(Ok(token)) = token else { return Ok(()) };
    if let Some(row) = catalogue.state.documents().get(&token)? {
        let row = DocumentRow { deleted: Some(entry.index), ..row };
        catalogue.hide(row.document);
        catalogue.state.documents().put_soon(&row)?;
    }
    Ok(())
}
