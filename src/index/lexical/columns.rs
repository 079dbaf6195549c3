//! Reading a passage's ids back from the columns of its segment.

use std::collections::BTreeMap;

use tantivy::columnar::{BytesColumn, Column};
use tantivy::{DocAddress, DocId, Searcher, SegmentOrdinal, SegmentReader};
use uuid::Uuid;

use super::schema::{CLASS, DOCUMENT, GENERATION, ORDINAL, PASSAGE};
use super::{LexicalError, LexicalStep, step};
use crate::domain::access::AccessClass;
use crate::domain::digest::Digest;
use crate::domain::ids::{DocumentId, Generation, PassageId};
use crate::index::hit::{Hit, Writing, Writings};

/// The columns of a snapshot's segments, each opened when first asked for.
pub(super) struct Columns<'a> {
    searcher: &'a Searcher,
    opened: BTreeMap<SegmentOrdinal, SegmentColumns>,
}

struct SegmentColumns {
    passage: BytesColumn,
    document: BytesColumn,
    ordinal: Column<u64>,
    generation: Column<u64>,
    class: Column<u64>,
}

impl<'a> Columns<'a> {
    pub(super) fn of(searcher: &'a Searcher) -> Self {
        Self { searcher, opened: BTreeMap::new() }
    }

    /// The hit that stands at an address of this snapshot.
    pub(super) fn hit(&mut self, score: f32, at: DocAddress) -> Result<Hit, LexicalError> {
        if !self.opened.contains_key(&at.segment_ord) {
            let opened = SegmentColumns::open(self.searcher.segment_reader(at.segment_ord))?;
            self.opened.insert(at.segment_ord, opened);
        }
        let hit = self.opened.get(&at.segment_ord).and_then(|it| it.hit(score, at.doc_id));
        hit.ok_or(LexicalError::Corrupt)
    }

    /// Every writing with at least one living passage.
    pub(super) fn writings(&self) -> Result<Writings, LexicalError> {
        let mut found = Writings::new();
        for segment in self.searcher.segment_readers() {
            let columns = SegmentColumns::open(segment)?;
            // Documents go by their number in the segment's dictionary until the end: there are
            // far fewer of them than of passages.
            let mut counts: BTreeMap<(u64, u64, u64), u64> = BTreeMap::new();
            for doc in segment.doc_ids_alive() {
                let ids = columns.writing(doc).ok_or(LexicalError::Corrupt)?;
                *counts.entry(ids).or_default() += 1;
            }
            for ((document, generation, class), count) in counts {
                let bytes = read_bytes(&columns.document, document).ok_or(LexicalError::Corrupt)?;
                let of = (DocumentId(Digest::from_bytes(bytes)), Generation(generation));
                let class = u32::try_from(class).or(Err(LexicalError::Corrupt))?;
                Writing::count(&mut found, of, AccessClass(class), count);
            }
        }
        Ok(found)
    }
}

impl SegmentColumns {
    fn open(segment: &SegmentReader) -> Result<Self, LexicalError> {
        let read = step(LexicalStep::Search);
        let columns = segment.fast_fields();
        Ok(Self {
            passage: columns.bytes(PASSAGE).map_err(&read)?.ok_or(LexicalError::Corrupt)?,
            document: columns.bytes(DOCUMENT).map_err(&read)?.ok_or(LexicalError::Corrupt)?,
            ordinal: columns.u64(ORDINAL).map_err(&read)?,
            generation: columns.u64(GENERATION).map_err(&read)?,
            class: columns.u64(CLASS).map_err(&read)?,
        })
    }

    /// Number of the document in the segment's dictionary, generation and class.
    fn writing(&self, doc: DocId) -> Option<(u64, u64, u64)> {
        let document = self.document.term_ords(doc).next()?;
        Some((document, self.generation.first(doc)?, self.class.first(doc)?))
    }

    fn hit(&self, score: f32, doc: DocId) -> Option<Hit> {
        let passage = read_bytes(&self.passage, self.passage.term_ords(doc).next()?)?;
        let document = read_bytes(&self.document, self.document.term_ords(doc).next()?)?;
        Some(Hit {
            passage: PassageId(Uuid::from_bytes(passage)),
            document: DocumentId(Digest::from_bytes(document)),
            ordinal: u32::try_from(self.ordinal.first(doc)?).ok()?,
            generation: Generation(self.generation.first(doc)?),
            class: AccessClass(u32::try_from(self.class.first(doc)?).ok()?),
            score,
        })
    }
}

fn read_bytes<const LEN: usize>(column: &BytesColumn, number: u64) -> Option<[u8; LEN]> {
    let mut bytes = Vec::with_capacity(LEN);
    let found = column.ord_to_bytes(number, &mut bytes).ok()?;
    if found { bytes.try_into().ok() } else { None }
}
