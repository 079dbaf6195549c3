//! The access filter as a query: it wraps the words' query, so that the best `limit` are chosen
//! among permitted passages only, not cut down afterwards.

use std::sync::Arc;

use tantivy::columnar::Column;
use tantivy::query::{EnableScoring, Explanation, Query, Scorer, Weight};
use tantivy::{DocId, DocSet, Score, SegmentReader, TERMINATED, TantivyError, Term};

use super::schema::{CLASS, GENERATION};
use crate::domain::access::AccessClass;
use crate::domain::classes::ClassSet;
use crate::index::gate::Gate;

/// What the gate lets through, in the form in which segments are asked.
#[derive(Clone, Debug)]
pub(super) struct Admission {
    classes: Arc<ClassSet>,
    visible_below: u64,
}

impl Admission {
    pub(super) fn new(gate: &Gate<'_>) -> Self {
        Self { classes: Arc::clone(gate.classes()), visible_below: gate.visible_below() }
    }

    /// The columns of one segment that decide.
    pub(super) fn columns(&self, reader: &SegmentReader) -> tantivy::Result<Columns> {
        Ok(Columns {
            class: reader.fast_fields().u64(CLASS)?,
            generation: reader.fast_fields().u64(GENERATION)?,
            classes: Arc::clone(&self.classes),
            visible_below: self.visible_below,
        })
    }
}

/// What `words` matches, less what the gate keeps back.
#[derive(Clone, Debug)]
pub(super) struct Permitted {
    words: Arc<dyn Query>,
    admission: Admission,
}

impl Permitted {
    pub(super) fn new(words: Box<dyn Query>, admission: &Admission) -> Self {
        Self { words: Arc::from(words), admission: admission.clone() }
    }
}

impl Query for Permitted {
    fn weight(&self, scoring: EnableScoring<'_>) -> tantivy::Result<Box<dyn Weight>> {
        Ok(Box::new(PermittedWeight {
            words: self.words.weight(scoring)?,
            admission: self.admission.clone(),
        }))
    }

    fn query_terms<'a>(&'a self, visitor: &mut dyn FnMut(&'a Term, bool)) {
        self.words.query_terms(visitor);
    }
}

/// Every match is scored. The words' own pruning (block-max WAND) goes by the average length of all
/// passages, as it was when they were written; scores go by that of the permitted ones, and a
/// block's bound may lie below what it holds.
struct PermittedWeight {
    words: Box<dyn Weight>,
    admission: Admission,
}

impl Weight for PermittedWeight {
    fn scorer(&self, reader: &SegmentReader, boost: Score) -> tantivy::Result<Box<dyn Scorer>> {
        let mut words = self.words.scorer(reader, boost)?;
        let columns = self.admission.columns(reader)?;
        columns.skip_to_permitted(words.as_mut());
        Ok(Box::new(PermittedScorer { words, columns }))
    }

    fn explain(&self, reader: &SegmentReader, doc: DocId) -> tantivy::Result<Explanation> {
        if !self.admission.columns(reader)?.permit(doc) {
            return Err(TantivyError::InvalidArgument("the document is not permitted".to_owned()));
        }
        self.words.explain(reader, doc)
    }
}

/// The columns of one segment that decide. A document without a value is permitted to nobody.
pub(super) struct Columns {
    class: Column<u64>,
    generation: Column<u64>,
    classes: Arc<ClassSet>,
    visible_below: u64,
}

impl Columns {
    pub(super) fn permit(&self, doc: DocId) -> bool {
        let class = self.class.first(doc).and_then(|class| u32::try_from(class).ok());
        class.is_some_and(|class| self.classes.contains(AccessClass(class)))
            && self.generation.first(doc).is_some_and(|generation| generation < self.visible_below)
    }

    fn skip_to_permitted(&self, words: &mut dyn Scorer) -> DocId {
        let mut doc = words.doc();
        while doc != TERMINATED && !self.permit(doc) {
            doc = words.advance();
        }
        doc
    }
}

struct PermittedScorer {
    words: Box<dyn Scorer>,
    columns: Columns,
}

impl DocSet for PermittedScorer {
    fn advance(&mut self) -> DocId {
        self.words.advance();
        self.columns.skip_to_permitted(self.words.as_mut())
    }

    fn seek(&mut self, target: DocId) -> DocId {
        self.words.seek(target);
        self.columns.skip_to_permitted(self.words.as_mut())
    }

    fn doc(&self) -> DocId {
        self.words.doc()
    }

    fn size_hint(&self) -> u32 {
        self.words.size_hint()
    }
}

impl Scorer for PermittedScorer {
    fn score(&mut self) -> Score {
        self.words.score()
    }
}
