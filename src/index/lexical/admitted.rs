//! Which passages of a snapshot a gate lets through, as one bit each: looked up in the columns once,
//! and asked for every posting of every word of every question until the index or the permit changes.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use tantivy::index::SegmentId;
use tantivy::schema::Field;
use tantivy::{DocId, Searcher, SegmentReader, Term};

use super::schema::{CLASS, GENERATION};
use crate::domain::access::AccessClass;
use crate::domain::classes::ClassSet;
use crate::index::gate::Gate;

/// Of a million passages one takes 125 kB.
const KEPT_MAX: usize = 16;
/// Words counted for one permit; those of a few hundred questions.
const COUNTS_MAX: usize = 4_096;
const WORD: u32 = u64::BITS;

/// What one gate lets through of one snapshot, and what BM25 wants to know of it.
pub(super) struct Admitted {
    classes: Arc<ClassSet>,
    visible_below: u64,
    snapshot: u64,
    segments: BTreeMap<SegmentId, Arc<Passages>>,
    /// How many passages.
    pub(super) count: u64,
    /// Words of each field.
    pub(super) words: [(Field, u64); 2],
    counts: Mutex<BTreeMap<Term, u64>>,
}

/// Some passages of one segment.
#[derive(Default)]
pub(super) struct Passages(Vec<u64>);

impl Passages {
    fn insert(&mut self, doc: DocId) {
        let at = (doc / WORD) as usize;
        if self.0.len() <= at {
            self.0.resize(at + 1, 0);
        }
        if let Some(word) = self.0.get_mut(at) {
            *word |= 1 << (doc % WORD);
        }
    }

    /// In order.
    pub(super) fn iter(&self) -> impl Iterator<Item = DocId> {
        (0..).step_by(WORD as usize).zip(&self.0).flat_map(|(base, word)| {
            let mut left = *word;
            std::iter::from_fn(move || {
                let bit = (left != 0).then(|| left.trailing_zeros())?;
                left &= left - 1;
                Some(base + bit)
            })
        })
    }

    pub(super) fn contains(&self, doc: DocId) -> bool {
        let word = self.0.get((doc / WORD) as usize);
        word.is_some_and(|word| word & (1 << (doc % WORD)) != 0)
    }
}

impl Admitted {
    fn of(searcher: &Searcher, gate: &Gate<'_>, fields: [Field; 2]) -> tantivy::Result<Self> {
        let (classes, visible_below) = (Arc::clone(gate.classes()), gate.visible_below());
        let mut segments = BTreeMap::new();
        let (mut count, mut words) = (0, fields.map(|field| (field, 0)));
        for segment in searcher.segment_readers() {
            let class = segment.fast_fields().u64(CLASS)?;
            let generation = segment.fast_fields().u64(GENERATION)?;
            let [text, headings] = fields.map(|field| segment.get_fieldnorms_reader(field));
            let (text, headings) = (text?, headings?);
            // A passage without a value is permitted to nobody.
            let permit = |doc: &DocId| {
                let class = class.first(*doc).and_then(|class| u32::try_from(class).ok());
                class.is_some_and(|class| classes.contains(AccessClass(class)))
                    && generation.first(*doc).is_some_and(|it| it < visible_below)
            };
            let mut passages = Passages::default();
            for doc in segment.doc_ids_alive().filter(permit) {
                passages.insert(doc);
                count += 1;
                for ((_, sum), lengths) in words.iter_mut().zip([&text, &headings]) {
                    *sum += u64::from(lengths.fieldnorm(doc));
                }
            }
            segments.insert(segment.segment_id(), Arc::new(passages));
        }
        let (snapshot, counts) = (snapshot(searcher), Mutex::default());
        Ok(Self { classes, visible_below, snapshot, segments, count, words, counts })
    }

    fn is_of(&self, searcher: &Searcher, gate: &Gate<'_>) -> bool {
        self.snapshot == snapshot(searcher)
            && self.visible_below == gate.visible_below()
            && self.classes == *gate.classes()
    }

    /// What is let through of one segment; nothing of one that the snapshot does not have.
    pub(super) fn passages(&self, segment: &SegmentReader) -> Arc<Passages> {
        self.segments.get(&segment.segment_id()).cloned().unwrap_or_default()
    }

    /// How many hold a term, told by `count` where it is not known yet.
    pub(super) fn holding(
        &self,
        term: &Term,
        count: impl FnOnce() -> tantivy::Result<u64>,
    ) -> tantivy::Result<u64> {
        let counts = || self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = counts().get(term) {
            return Ok(*known);
        }
        let found = count()?;
        let mut counts = counts();
        if counts.len() >= COUNTS_MAX {
            counts.clear();
        }
        counts.insert(term.clone(), found);
        Ok(found)
    }
}

/// Numbers what a reader has loaded, one after the other.
fn snapshot(searcher: &Searcher) -> u64 {
    searcher.generation().generation_id()
}

/// Those of the latest searches, the least recently used first.
#[derive(Default)]
pub(super) struct Latest(Mutex<Vec<Arc<Admitted>>>);

impl Latest {
    /// What the gate lets through, from the columns where it is not known.
    pub(super) fn of(
        &self,
        searcher: &Searcher,
        gate: &Gate<'_>,
        fields: [Field; 2],
    ) -> tantivy::Result<Arc<Admitted>> {
        let kept = || self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let known = {
            let mut kept = kept();
            let at = kept.iter().rposition(|known| known.is_of(searcher, gate));
            at.map(|at| kept.remove(at))
        };
        let admitted = match known {
            Some(known) => known,
            None => Arc::new(Admitted::of(searcher, gate, fields)?),
        };
        let mut kept = kept();
        kept.retain(|other| other.snapshot >= admitted.snapshot);
        kept.push(Arc::clone(&admitted));
        if kept.len() > KEPT_MAX {
            kept.remove(0);
        }
        Ok(admitted)
    }
}
