//! How rare a word is, told by permitted passages alone: were all passages counted, the scores of
//! what a person may see would tell what stands in passages that they may not.

use std::cell::RefCell;
use std::collections::BTreeMap;

use tantivy::query::Bm25StatisticsProvider;
use tantivy::schema::{Field, IndexRecordOption};
use tantivy::{DocSet, Searcher, TERMINATED, Term};

use super::permitted::Admission;

/// Passages are cut to about this many words, headings have a few. As averages they are fixed, so
/// that they depend on nobody's documents.
const TEXT_WORDS_USUAL: u64 = 60;
const HEADING_WORDS_USUAL: u64 = 8;

/// What BM25 asks of a snapshot, answered for one permit.
pub(super) struct Statistics<'a> {
    searcher: &'a Searcher,
    admission: &'a Admission,
    headings: Field,
    passages: u64,
    counts: RefCell<BTreeMap<Term, u64>>,
}

impl<'a> Statistics<'a> {
    pub(super) fn of(
        searcher: &'a Searcher,
        admission: &'a Admission,
        headings: Field,
    ) -> tantivy::Result<Self> {
        let mut passages = 0;
        for segment in searcher.segment_readers() {
            let columns = admission.columns(segment)?;
            passages += segment.doc_ids_alive().filter(|doc| columns.permit(*doc)).count() as u64;
        }
        Ok(Self { searcher, admission, headings, passages, counts: RefCell::default() })
    }

    fn count(&self, term: &Term) -> tantivy::Result<u64> {
        let mut count = 0;
        for segment in self.searcher.segment_readers() {
            let index = segment.inverted_index(term.field())?;
            let Some(mut postings) = index.read_postings(term, IndexRecordOption::Basic)? else {
                continue;
            };
            let columns = self.admission.columns(segment)?;
            let living = segment.alive_bitset();
            while postings.doc() != TERMINATED {
                let doc = postings.doc();
                let is_alive = living.is_none_or(|alive| alive.is_alive(doc));
                count += u64::from(is_alive && columns.permit(doc));
                postings.advance();
            }
        }
        Ok(count)
    }
}

impl Bm25StatisticsProvider for Statistics<'_> {
    fn total_num_tokens(&self, field: Field) -> tantivy::Result<u64> {
        let usual = if field == self.headings { HEADING_WORDS_USUAL } else { TEXT_WORDS_USUAL };
        Ok(self.passages * usual)
    }

    fn total_num_docs(&self) -> tantivy::Result<u64> {
        Ok(self.passages)
    }

    fn doc_freq(&self, term: &Term) -> tantivy::Result<u64> {
        if let Some(count) = self.counts.borrow().get(term) {
            return Ok(*count);
        }
        let count = self.count(term)?;
        self.counts.borrow_mut().insert(term.clone(), count);
        Ok(count)
    }
}
