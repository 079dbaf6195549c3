//! From a grounded sentence to its citations: pages, spans, boxes.

use crate::catalogue::{Catalogue, CatalogueError};
use crate::document::Geometry;
use crate::domain::answer::{Citation, Sentence};
use crate::domain::ids::DocumentId;
use crate::retrieve::EvidenceSet;
use crate::verify::Grounded;

/// The kept sentences with their citations; pages, ranges and boxes come from stored geometry.
pub(super) fn sentences(
    catalogue: &Catalogue,
    evidence: &EvidenceSet,
    grounded: &Grounded,
) -> Result<Vec<Sentence>, CatalogueError> {
    let mut released = Vec::new();
    for kept in grounded.kept() {
        let Some(source) = evidence.sentences().get(kept.carried_by) else { continue };
        let Some(passage) = evidence.passage_of(source) else { continue };
        let document = passage.passage.document;
        let geometry = geometry(catalogue, document)?;
        let citations = source
            .places
            .iter()
            .map(|place| Citation {
                document,
                title: passage.title.clone(),
                page: place.span.page,
                start: place.span.start,
                end: place.span.end,
                quote: place.quote.clone(),
                boxes: geometry.as_ref().map_or_else(Vec::new, |geometry| {
                    geometry.boxes(place.span.page, place.span.start, place.span.end)
                }),
                confidence: geometry.as_ref().and_then(|geometry| {
                    geometry.confidence(place.span.page, place.span.start, place.span.end)
                }),
            })
            .collect();
        released.push(Sentence { text: kept.text.clone(), verdict: kept.verdict, citations });
    }
    Ok(released)
}

/// The stored geometry of a document; `None` for text files.
pub(super) fn geometry(
    catalogue: &Catalogue,
    id: DocumentId,
) -> Result<Option<Geometry>, CatalogueError> {
    let Some(document) = catalogue.document(id) else { return Ok(None) };
    let Some(bytes) = catalogue.geometry(&document)? else { return Ok(None) };
    let geometry = postcard::from_bytes(&bytes).map_err(|source| CatalogueError::Form {
        document: id.0.short(),
        source: Box::new(source),
    })?;
    Ok(Some(geometry))
}
