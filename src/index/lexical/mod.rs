//! Words: BM25 over tantivy, with `k1` 1.2 and `b` 0.75 (Robertson and Zaragoza 2009, section 3.5).
//!
//! Inverse document frequencies count the passages that the asker may see, and no other: order and
//! scores are the same whether what they may not see is there or not.

mod admitted;
mod best;
mod columns;
mod schema;
mod statistics;
mod words;

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tantivy::indexer::{IndexWriterOptions, LogMergePolicy, MergePolicy as _, NoMergePolicy};
use tantivy::query::{Bm25StatisticsProvider as _, BooleanQuery, BoostQuery, Query, TermQuery};
use tantivy::schema::{Field, IndexRecordOption};
use tantivy::tokenizer::TextAnalyzer;
use tantivy::{
    IndexReader, IndexWriter, ReloadPolicy, Searcher, SegmentReader, TantivyError, Term,
};

use self::admitted::{Admitted, Latest};
use self::columns::Columns;
use self::schema::Fields;
use self::statistics::Statistics;
use super::error::{LexicalError, LexicalStep};
use super::gate::Gate;
use super::hit::{Hit, Writings, rank};
use crate::domain::access::AccessClass;
use crate::domain::document::Passage;
use crate::domain::ids::{DocumentId, Generation};

/// Memory of the one indexing thread; a new segment is written when it is full.
const WRITER_BYTES: usize = 64 * 1024 * 1024;
/// Terms of one query. A long question keeps its rarest words, which say most.
const QUERY_TERMS_MAX: usize = 64;
/// A word in a heading above a passage counts this much of one in its text.
const HEADING_BOOST: f32 = 0.4;
/// Beyond this many segments a search visits too many dictionaries: merge them.
const SEGMENTS_MAX: usize = 4;
/// Beyond this share of removed passages a segment is rewritten.
const REMOVED_SHARE_MAX: f32 = 0.2;

/// The tantivy half of the index.
pub(super) struct Lexical {
    index: tantivy::Index,
    reader: IndexReader,
    writer: Mutex<IndexWriter>,
    fields: Fields,
    english: TextAnalyzer,
    latest: Latest,
}

fn step(step: LexicalStep) -> impl Fn(TantivyError) -> LexicalError {
    move |source| LexicalError::Failed { step, source: Box::new(source) }
}

impl Lexical {
    /// Opens the index in `dir`, which must exist; an empty or half-made folder becomes an empty
    /// index. What was added but not flushed before a crash is gone.
    pub(super) fn open(dir: &Path) -> Result<Self, LexicalError> {
        let open = step(LexicalStep::Open);
        let directory = tantivy::directory::MmapDirectory::open(dir).map_err(|e| open(e.into()))?;
        let (schema, fields) = schema::schema();
        let index = tantivy::Index::open_or_create(directory, schema).map_err(|e| {
            if matches!(e, TantivyError::SchemaError(_) | TantivyError::IncompatibleIndex(_)) {
                LexicalError::Outdated { dir: dir.to_owned() }
            } else {
                open(e)
            }
        })?;
        let english = words::english();
        index.tokenizers().register(schema::ENGLISH, english.clone());
        let options = IndexWriterOptions::builder()
            .num_worker_threads(1)
            .num_merge_threads(1)
            .memory_budget_per_thread(WRITER_BYTES)
            .build();
        let writer: IndexWriter = index.writer_with_options(options).map_err(&open)?;
        // Merges happen in turn, inside our own calls: none races with a rewrite.
        writer.set_merge_policy(Box::new(NoMergePolicy));
        let reader =
            index.reader_builder().reload_policy(ReloadPolicy::Manual).try_into().map_err(&open)?;
        let (writer, latest) = (Mutex::new(writer), Latest::default());
        Ok(Self { index, reader, writer, fields, english, latest })
    }

    fn writer(&self) -> MutexGuard<'_, IndexWriter> {
        self.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds passages, replacing those of the same id; searches see them after [`Self::flush`].
    pub(super) fn add<'a>(
        &self,
        generation: Generation,
        class: AccessClass,
        passages: impl Iterator<Item = &'a Passage>,
    ) -> Result<(), LexicalError> {
        let writer = self.writer();
        for passage in passages {
            let id = passage.id.0.as_bytes();
            writer.delete_term(Term::from_field_bytes(self.fields.passage, id));
            let entry = self.fields.entry(generation, class, passage);
            writer.add_document(entry).map_err(step(LexicalStep::Add))?;
        }
        Ok(())
    }

    /// Removes every passage of a document, as of the next flush.
    pub(super) fn remove_document(&self, document: DocumentId) {
        self.writer().delete_term(self.document_term(document));
    }

    /// Removes one writing of a document, as of the next flush.
    pub(super) fn remove_generation(
        &self,
        document: DocumentId,
        generation: Generation,
    ) -> Result<(), LexicalError> {
        let generation = Term::from_field_u64(self.fields.generation, generation.0);
        let both = [self.document_term(document), generation]
            .map(|term| Box::new(TermQuery::new(term, IndexRecordOption::Basic)) as Box<dyn Query>);
        let both = BooleanQuery::intersection(both.into());
        self.writer().delete_query(Box::new(both)).map_err(step(LexicalStep::Remove))?;
        Ok(())
    }

    fn document_term(&self, document: DocumentId) -> Term {
        Term::from_field_bytes(self.fields.document, document.0.as_bytes())
    }

    /// Makes everything so far durable and lets searches see it. Now and then this merges small
    /// segments, so that a thousand small additions do not become a thousand segments.
    pub(super) fn flush(&self) -> Result<(), LexicalError> {
        let flush = step(LexicalStep::Flush);
        let mut writer = self.writer();
        writer.commit().map_err(&flush)?;
        let segments = self.index.searchable_segment_metas().map_err(&flush)?;
        let mut merging = LogMergePolicy::default();
        merging.set_del_docs_ratio_before_merge(REMOVED_SHARE_MAX);
        for candidate in merging.compute_merge_candidates(&segments) {
            writer.merge(&candidate.0).wait().map_err(&flush)?;
        }
        self.reader.reload().map_err(&flush)
    }

    /// Merges segments where there are many, or where many passages were removed.
    pub(super) fn optimise(&self) -> Result<(), LexicalError> {
        let searcher = self.reader.searcher();
        let segments = searcher.segment_readers();
        let total: u32 = segments.iter().map(SegmentReader::max_doc).sum();
        let removed: u32 = segments.iter().map(SegmentReader::num_deleted_docs).sum();
        if segments.len() > SEGMENTS_MAX || removed as f32 > total as f32 * REMOVED_SHARE_MAX {
            return self.rewrite();
        }
        Ok(())
    }

    /// Writes all segments anew as one and deletes the old files: removed terms leave the disk.
    pub(super) fn rewrite(&self) -> Result<(), LexicalError> {
        let merge = step(LexicalStep::Optimise);
        let mut writer = self.writer();
        writer.commit().map_err(&merge)?;
        let segments = self.index.searchable_segment_ids().map_err(&merge)?;
        if !segments.is_empty() {
            writer.merge(&segments).wait().map_err(&merge)?;
        }
        self.reader.reload().map_err(&merge)?; // Lets go of the old files, so that they can go.
        writer.garbage_collect_files().wait().map_err(&merge)?;
        Ok(())
    }

    fn admitted(&self, searcher: &Searcher, gate: &Gate<'_>) -> tantivy::Result<Arc<Admitted>> {
        self.latest.of(searcher, gate, [self.fields.text, self.fields.headings])
    }

    /// Which share of the passages, as of the last flush, is permitted.
    pub(super) fn share(&self, gate: &Gate<'_>) -> Result<f64, LexicalError> {
        let searcher = self.reader.searcher();
        let admitted = self.admitted(&searcher, gate).map_err(step(LexicalStep::Search))?;
        Ok(admitted.count as f64 / searcher.num_docs().max(1) as f64)
    }

    /// The best permitted passages for the words of `text`, best first.
    pub(super) fn search(
        &self,
        gate: &Gate<'_>,
        text: &str,
        limit: usize,
    ) -> Result<Vec<Hit>, LexicalError> {
        let search = step(LexicalStep::Search);
        let searcher = self.reader.searcher();
        let admitted = self.admitted(&searcher, gate).map_err(&search)?;
        let statistics = Statistics::of(&searcher, &admitted);
        let words = self.words(&statistics, text).map_err(&search)?;
        if words.is_empty() {
            return Ok(Vec::new());
        }
        let found = best::best(&searcher, &statistics, words, limit).map_err(&search)?;
        let mut columns = Columns::of(&searcher);
        let mut hits = Vec::with_capacity(found.len());
        for (score, at) in found {
            hits.push(columns.hit(score, at)?);
        }
        rank(&mut hits);
        hits.truncate(limit);
        Ok(hits)
    }

    /// Any of the words, each in the text or, for less, in the headings. Words are terms from the
    /// start: nothing that a person types is query syntax.
    fn words(
        &self,
        statistics: &Statistics<'_>,
        text: &str,
    ) -> tantivy::Result<Vec<(Field, Box<dyn Query>)>> {
        let mut terms = BTreeSet::new();
        let mut english = self.english.clone();
        let mut stream = english.token_stream(text);
        while stream.advance() {
            let word = &stream.token().text;
            for field in [self.fields.text, self.fields.headings] {
                let term = Term::from_field_text(field, word);
                let count = statistics.doc_freq(&term)?;
                if count > 0 {
                    terms.insert((count, term));
                }
            }
        }
        let words = terms.into_iter().take(QUERY_TERMS_MAX).map(|(_, term)| {
            let field = term.field();
            let word = Box::new(TermQuery::new(term, IndexRecordOption::WithFreqs));
            let boosted: Box<dyn Query> = if field == self.fields.headings {
                Box::new(BoostQuery::new(word, HEADING_BOOST))
            } else {
                word
            };
            (field, boosted)
        });
        Ok(words.collect())
    }

    /// Every writing that has at least one passage here, as of the last flush.
    pub(super) fn writings(&self) -> Result<Writings, LexicalError> {
        Columns::of(&self.reader.searcher()).writings()
    }

    /// Passages, as of the last flush.
    pub(super) fn count(&self) -> u64 {
        self.reader.searcher().num_docs()
    }
}

#[cfg(test)]
mod tests;
