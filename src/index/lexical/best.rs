//! The best permitted passages for some words, the same whatever else is in the index.
//!
//! Nothing that is not permitted has a part in the result. Scores are summed over the words in one
//! order (sums of floats depend on it, and that in which tantivy meets words depends on all passages);
//! where scores are equal, ids decide, not places in the index.
//!
//! Where many passages are permitted, tantivy leaves out those that cannot be among the best
//! (block-max WAND, Ding and Suel 2011). Where few are, each of them is looked at instead.

use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap};

use tantivy::columnar::BytesColumn;
use tantivy::query::{BooleanQuery, EnableScoring, Query, Scorer};
use tantivy::schema::Field;
use tantivy::{DocAddress, DocId, DocSet as _, Score, Searcher, SegmentReader, TantivyError};

use super::admitted::Admitted;
use super::schema::PASSAGE;
use super::statistics::Statistics;

/// Looking a passage up costs as much as passing over this many.
const LOOK_UP: u64 = 16;
/// Sums are rounded.
const ROUNDING: Score = 0.9999;

/// The best `limit`, in no order, and those that score as much as the last of them.
pub(super) fn best(
    searcher: &Searcher,
    statistics: &Statistics<'_>,
    words: Vec<(Field, Box<dyn Query>)>,
    limit: usize,
) -> tantivy::Result<Vec<(Score, DocAddress)>> {
    let admitted = statistics.admitted();
    let scoring = EnableScoring::enabled_from_statistics_provider(statistics, searcher);
    let weights = words.iter().map(|(_, word)| word.weight(scoring));
    let weights = weights.collect::<tantivy::Result<Vec<_>>>()?;
    let (fields, words): (BTreeSet<_>, Vec<_>) = words.into_iter().unzip();
    let any = BooleanQuery::union(words).weight(scoring)?;
    let mut best: Vec<(Score, DocAddress)> = Vec::new();
    let mut floor = Score::MIN;
    for (ordinal, segment) in (0..).zip(searcher.segment_readers()) {
        let words = weights.iter().map(|word| word.scorer(segment, 1.0));
        let mut words = Words(words.collect::<tantivy::Result<_>>()?);
        let passages = admitted.passages(segment);
        let mut top = Top::of(segment, floor, limit)?;
        if is_few(admitted, searcher) {
            passages.iter().for_each(|doc| top.offer(words.score(doc), doc));
        } else {
            let slack = slack(segment, admitted, &fields)?;
            any.for_each_pruning(top.floor() * slack, segment, &mut |doc, _| {
                if passages.contains(doc) {
                    top.offer(words.score(doc), doc);
                }
                top.floor() * slack
            })?;
        }
        best.extend(top.into_found().map(|(score, doc)| (score, DocAddress::new(ordinal, doc))));
        best.sort_by(|(a, _), (b, _)| b.total_cmp(a));
        if let Some((last, _)) = limit.checked_sub(1).and_then(|last| best.get(last)) {
            floor = *last;
            best.retain(|(score, _)| *score >= floor);
        }
    }
    Ok(best)
}

/// Whether looking permitted passages up is faster than going through all that hold a word.
pub(super) fn is_few(admitted: &Admitted, searcher: &Searcher) -> bool {
    admitted.count < searcher.num_docs() / LOOK_UP
}

/// By which factor tantivy's bounds may lie too low. They say which score a block of passages can
/// reach, from the one passage in it that scores best by the segment's average length; scores go by
/// the average `b` of the permitted passages, and another one may be the best then. With
/// `1/f = 1 + K/tf` and `K = k1 (1 - b + b len/avg)`, `K` changes by a factor between 1 and the ratio
/// of the averages, and so `f` lies above the bound by that ratio at most. The bound of a whole word is
/// that of an endless passage of nothing else, `1 / (1 + k1 b / avg)`; as lengths are kept to within an
/// eighth, a passage may seem to hold a word more often than it is long.
fn slack(
    segment: &SegmentReader,
    admitted: &Admitted,
    fields: &BTreeSet<Field>,
) -> tantivy::Result<Score> {
    let mut slack: Score = 1.0;
    for (field, words) in admitted.words.iter().filter(|(field, _)| fields.contains(field)) {
        let written = segment.inverted_index(*field)?.total_num_tokens() as Score
            / segment.max_doc().max(1) as Score;
        let now = *words as Score / admitted.count.max(1) as Score;
        if written > 0.0 && now > 0.0 {
            let longest = (1.0 + 0.8 / now) / (1.0 + 0.9 / now);
            slack = slack.min(written / now).min(now / written).min(longest);
        }
    }
    Ok(slack * ROUNDING)
}

/// The words of a question in one segment, each at some passage that holds it.
struct Words(Vec<Box<dyn Scorer>>);

impl Words {
    /// The score of a passage; they must come in order.
    fn score(&mut self, doc: DocId) -> Score {
        let mut sum = 0.0;
        for word in &mut self.0 {
            let at = if word.doc() < doc { word.seek(doc) } else { word.doc() };
            if at == doc {
                sum += word.score();
            }
        }
        sum
    }
}

/// The best of one segment so far: by score, then by id.
struct Top {
    /// What is worth less is not among the best of all segments.
    floor: Score,
    limit: usize,
    /// Bits of scores, which are ordered as scores that are not negative are; places of ids in the
    /// segment's dictionary, which are ordered as ids are.
    found: BinaryHeap<Reverse<(u32, Reverse<u64>, DocId)>>,
    ids: BytesColumn,
}

impl Top {
    fn of(segment: &SegmentReader, floor: Score, limit: usize) -> tantivy::Result<Self> {
        let ids = segment.fast_fields().bytes(PASSAGE)?.ok_or_else(|| {
            TantivyError::SchemaError("passages have no ids in this index".to_owned())
        })?;
        Ok(Self { floor, limit, found: BinaryHeap::new(), ids })
    }

    /// What a passage must reach.
    fn floor(&self) -> Score {
        let last = self.found.peek().filter(|_| self.found.len() >= self.limit);
        last.map_or(self.floor, |Reverse((score, _, _))| Score::from_bits(*score).max(self.floor))
    }

    fn offer(&mut self, score: Score, doc: DocId) {
        if score > 0.0 && score >= self.floor() {
            let id = self.ids.term_ords(doc).next().unwrap_or(u64::MAX);
            self.found.push(Reverse((score.to_bits(), Reverse(id), doc)));
            if self.found.len() > self.limit {
                self.found.pop();
            }
        }
    }

    fn into_found(self) -> impl Iterator<Item = (Score, DocId)> {
        self.found.into_iter().map(|Reverse((score, _, doc))| (Score::from_bits(score), doc))
    }
}
