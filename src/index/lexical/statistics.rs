//! How rare a word is, told by permitted passages alone: were all passages counted, the scores of
//! what a person may see would tell what stands in passages that they may not.

use std::cell::RefCell;
use std::collections::BTreeMap;

use tantivy::query::Bm25StatisticsProvider;
use tantivy::schema::{Field, IndexRecordOption};
use tantivy::{DocSet, Searcher, TERMINATED, Term};

use super::permitted::Admission;

/// What BM25 asks of a snapshot, answered for one permit.
pub(super) struct Statistics<'a> {
    searcher: &'a Searcher,
    admission: &'a Admission,
    passages: u64,
    /// Words of each field.
    words: [(Field, u64); 2],
    counts: RefCell<BTreeMap<Term, u64>>,
}

impl<'a> Statistics<'a> {
    pub(super) fn of(
        searcher: &'a Searcher,
        admission: &'a Admission,
        fields: [Field; 2],
    ) -> tantivy::Result<Self> {
        let mut passages = 0;
        let mut words = fields.map(|field| (field, 0));
        for segment in searcher.segment_readers() {
            let columns = admission.columns(segment)?;
            let [text, headings] = fields.map(|field| segment.get_fieldnorms_reader(field));
            let (text, headings) = (text?, headings?);
            for doc in segment.doc_ids_alive().filter(|doc| columns.permit(*doc)) {
                passages += 1;
                for ((_, sum), lengths) in words.iter_mut().zip([&text, &headings]) {
                    *sum += u64::from(lengths.fieldnorm(doc));
                }
            }
        }
        Ok(Self { searcher, admission, passages, words, counts: RefCell::default() })
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
        let of_field = self.words.iter().find(|(known, _)| *known == field);
        Ok(of_field.map_or(0, |(_, words)| *words))
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
