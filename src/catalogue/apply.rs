use crate::domain::ids::EntryIndex;
use crate::store::DocumentRow;

use super::{Catalogue, CatalogueError, form};

/// Entries read from the log at a time.
const ENTRIES_AT_A_TIME: usize = 512;

/// Applies entries in order; `applied_through` moves after their effects are stored, and every
/// effect may be repeated, so a crash between the two loses nothing.
pub(super) fn catch_up(catalogue: &Catalogue) -> Result<(), CatalogueError> {
    loop {
        let from = match catalogue.state.applied_through()? {
            Some(EntryIndex(index)) => EntryIndex(index + 1),
            None => EntryIndex(0),
        };
        let entries = catalogue.log.entries(from, ENTRIES_AT_A_TIME)?;
        let Some(last) = entries.last().map(|entry| entry.index) else { return Ok(()) };
        for entry in &entries {
            apply(catalogue, entry)?;
        }
        catalogue.state.set_applied_through(last)?;
    }
}

fn apply(catalogue: &Catalogue, entry: &crate::audit::Entry) -> Result<(), CatalogueError> {
    match entry.kind() {
        "document.activated" => activate(catalogue, entry),
        "document.deleted" => {
            let token = entry.detail_str("document")?;
            let rows = catalogue.state.documents()?;
            let row = rows.into_iter().find(|row| row.token.as_str() == token);
            if let Some(row) = row {
                catalogue.state.delete_document(row.document)?;
                catalogue.hide(row.document);
            }
            Ok(())
        }
        "query.received" => Ok(catalogue.state.insert_open_query(entry.req()?)?),
        "answer.released" | "query.refused" => {
            let query = entry.req()?;
            if let Some(payload) = entry.payload()? {
                catalogue.state.put_answer(query, entry.index, &payload)?;
            }
            Ok(catalogue.state.remove_open_query(query)?)
        }
        "query.denied" | "query.failed" | "search.released" => {
            Ok(catalogue.state.remove_open_query(entry.req()?)?)
        }
        _ => Ok(()),
    }
}

/// The entry's payload is the sealed catalogue row, all but the entry's own index.
fn activate(catalogue: &Catalogue, entry: &crate::audit::Entry) -> Result<(), CatalogueError> {
    let Some(payload) = entry.payload()? else { return Ok(()) };
    let bytes = match catalogue.vault.open_payload(&payload) {
        Ok(bytes) => bytes,
        // An erased document stays erased when the log is replayed.
        Err(crate::store::RevealError::Erased { .. }) => return Ok(()),
        Err(source) => {
            return Err(CatalogueError::Contents {
                document: format!("of entry {}", entry.index),
                source,
            });
        }
    };
    let row: DocumentRow = serde_json::from_slice(&bytes).map_err(|source| {
        CatalogueError::Form {
            document: format!("of entry {}", entry.index),
            source: Box::new(source),
        }
    })?;
    let row = DocumentRow { entry: entry.index, ..row };
    catalogue.state.put_document(&row)?;
    catalogue.show(row)
}
