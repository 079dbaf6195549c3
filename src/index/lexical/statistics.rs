//! How rare a word is, told by permitted passages alone: were all passages counted, the scores of
//! what a person may see would tell what stands in passages that they may not.

use tantivy::query::Bm25StatisticsProvider;
use tantivy::schema::{Field, IndexRecordOption};
use tantivy::{DocSet, Searcher, TERMINATED, Term};

use super::admitted::Admitted;
use super::best::is_few;

/// What BM25 asks of a snapshot, answered for one permit.
pub(super) struct Statistics<'a> {
    searcher: &'a Searcher,
    admitted: &'a Admitted,
}

impl<'a> Statistics<'a> {
    pub(super) const fn of(searcher: &'a Searcher, admitted: &'a Admitted) -> Self {
        Self { searcher, admitted }
    }

    pub(super) const fn admitted(&self) -> &'a Admitted {
        self.admitted
    }

    fn count(&self, term: &Term) -> tantivy::Result<u64> {
        let is_few = is_few(self.admitted, self.searcher);
        let mut count = 0;
        for segment in self.searcher.segment_readers() {
            let index = segment.inverted_index(term.field())?;
            let Some(mut postings) = index.read_postings(term, IndexRecordOption::Basic)? else {
                continue;
            };
            let passages = self.admitted.passages(segment);
            if is_few {
                for doc in passages.iter() {
                    let at = if postings.doc() < doc { postings.seek(doc) } else { postings.doc() };
                    count += u64::from(at == doc);
                }
                continue;
            }
            while postings.doc() != TERMINATED {
                count += u64::from(passages.contains(postings.doc()));
                postings.advance();
            }
        }
        Ok(count)
    }
}

impl Bm25StatisticsProvider for Statistics<'_> {
    fn total_num_tokens(&self, field: Field) -> tantivy::Result<u64> {
        let of_field = self.admitted.words.iter().find(|(known, _)| *known == field);
        Ok(of_field.map_or(0, |(_, words)| *words))
    }

    fn total_num_docs(&self) -> tantivy::Result<u64> {
        Ok(self.admitted.count)
    }

    fn doc_freq(&self, term: &Term) -> tantivy::Result<u64> {
        self.admitted.holding(term, || self.count(term))
    }
}
