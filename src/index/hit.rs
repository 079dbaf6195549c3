//! A match, and the fusion of ranked lists.

use std::collections::BTreeMap;

use crate::domain::access::AccessClass;
use crate::domain::ids::{DocumentId, Generation, PassageId};

/// One passage that matches, as an index returned it: ids only, no text.
#[derive(Clone, Debug, PartialEq)]
pub struct Hit {
    /// The passage.
    pub passage: PassageId,
    /// Its document.
    pub document: DocumentId,
    /// Its place in the document, from 0.
    pub ordinal: u32,
    /// The writing of the document that it belongs to.
    pub generation: Generation,
    /// Who may see it.
    pub class: AccessClass,
    /// BM25, cosine or fused score: higher is better, comparable within one list only.
    pub score: f32,
}

/// What is held of each writing of each document.
pub type Writings = BTreeMap<(DocumentId, Generation), Writing>;

/// What is held of one writing of a document.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Writing {
    /// How many passages.
    pub passages: u64,
    /// Their access class; `None` where they are in several.
    pub class: Option<AccessClass>,
}

impl Writing {
    /// Counts passages of a class into a list of writings.
    pub(super) fn count(
        writings: &mut Writings,
        of: (DocumentId, Generation),
        class: AccessClass,
        passages: u64,
    ) {
        let none = Self { passages: 0, class: Some(class) };
        let writing = writings.entry(of).or_insert(none);
        writing.passages += passages;
        writing.class = writing.class.filter(|known| *known == class);
    }
}

/// Softens the lead of first ranks. Source: Cormack, Clarke and Büttcher 2009, section 2.
const RANK_OFFSET: f64 = 60.0;

/// Orders hits by score, best first; ties by passage id, so that the order is always the same.
pub(super) fn rank(hits: &mut [Hit]) {
    hits.sort_by(|a, b| b.score.total_cmp(&a.score).then(a.passage.cmp(&b.passage)));
}

/// Merges ranked lists by reciprocal rank fusion and returns the best `limit`, best first.
///
/// A passage scores the sum of `1 / (60 + rank)` over the lists that hold it. Within a list equal
/// scores share a rank, so neither the order of ties nor the order of the lists changes the result.
///
/// Source: Cormack, Clarke and Büttcher 2009, doi:10.1145/1571941.1572114.
pub fn fuse(lists: &[&[Hit]], limit: usize) -> Vec<Hit> {
    let mut ranks: BTreeMap<PassageId, (&Hit, Vec<u32>)> = BTreeMap::new();
    for list in lists {
        let mut best: BTreeMap<PassageId, &Hit> = BTreeMap::new();
        for hit in *list {
            let known = best.entry(hit.passage).or_insert(hit);
            if hit.score > known.score {
                *known = hit;
            }
        }
        let mut ordered: Vec<&Hit> = best.into_values().collect();
        ordered.sort_by(|a, b| b.score.total_cmp(&a.score));
        let (mut rank, mut last) = (0, None);
        for (number, hit) in (1..).zip(ordered) {
            if last != Some(hit.score) {
                (rank, last) = (number, Some(hit.score));
            }
            ranks.entry(hit.passage).or_insert_with(|| (hit, Vec::new())).1.push(rank);
        }
    }
    let mut fused: Vec<Hit> = ranks
        .into_values()
        .map(|(hit, mut ranks)| {
            ranks.sort_unstable(); // A fixed order of summands: floating point sums depend on it.
            let score: f64 = ranks.iter().map(|rank| 1.0 / (RANK_OFFSET + f64::from(*rank))).sum();
            Hit { score: score as f32, ..hit.clone() }
        })
        .collect();
    rank(&mut fused);
    fused.truncate(limit);
    fused
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use uuid::Uuid;

    use super::*;

    fn hit(passage: u8, score: f32) -> Hit {
        Hit {
            passage: PassageId(Uuid::from_u128(u128::from(passage))),
            document: DocumentId::of(&[passage]),
            ordinal: u32::from(passage),
            generation: Generation(1),
            class: AccessClass(0),
            score,
        }
    }

    fn ids(hits: &[Hit]) -> Vec<u128> {
        hits.iter().map(|hit| hit.passage.0.as_u128()).collect()
    }

    #[test]
    fn a_passage_that_both_halves_find_comes_first() {
        let (lexical, vector) = ([hit(1, 9.0), hit(2, 8.0)], [hit(3, 0.9), hit(2, 0.8)]);
        let fused = fuse(&[&lexical, &vector], 10);
        assert_eq!(ids(&fused), [2, 1, 3], "2 is in both; 1 and 3 tie and go by id");
        assert!((f64::from(fused[0].score) - 2.0 / 62.0).abs() < 1e-6);
        assert_eq!(ids(&fuse(&[&lexical, &vector], 1)), [2]);
    }

    #[test]
    fn nothing_fuses_to_nothing() {
        assert_eq!(fuse(&[], 5), []);
        assert_eq!(fuse(&[&[], &[]], 5), []);
        assert_eq!(fuse(&[&[hit(1, 1.0)]], 0), []);
    }

    prop_compose! {
        fn list()(scores in proptest::collection::btree_map(0u8..30, 0u8..6, 0..20)) -> Vec<Hit> {
            scores.into_iter().map(|(passage, score)| hit(passage, f32::from(score))).collect()
        }
    }

    proptest! {
        /// Neither the order of ties, of hits or of lists matters.
        #[test]
        fn fusion_does_not_depend_on_order(
            lists in proptest::collection::vec(list(), 0..4),
            turn in 0usize..30,
        ) {
            let plain: Vec<&[Hit]> = lists.iter().map(Vec::as_slice).collect();
            let mut mixed = lists.clone();
            mixed.reverse();
            for list in &mut mixed {
                let by = turn.min(list.len());
                list.rotate_left(by);
            }
            let mixed: Vec<&[Hit]> = mixed.iter().map(Vec::as_slice).collect();
            prop_assert_eq!(fuse(&plain, 100), fuse(&mixed, 100));
        }

        /// Fusion neither invents, loses nor repeats a passage, and a smaller limit is a prefix.
        #[test]
        fn fusion_keeps_the_union(a in list(), b in list(), limit in 0usize..50) {
            let fused = fuse(&[&a, &b], usize::MAX);
            let mut found = ids(&fused);
            found.sort_unstable();
            let mut union = ids(&a);
            union.extend(ids(&b));
            union.sort_unstable();
            union.dedup();
            prop_assert_eq!(found, union);
            prop_assert!(fused.is_sorted_by(|x, y| x.score >= y.score));
            let cut = limit.min(fused.len());
            prop_assert_eq!(&fuse(&[&a, &b], limit)[..], &fused[..cut]);
        }

        /// One list alone keeps its own order of distinct scores.
        #[test]
        fn one_list_keeps_its_order(mut a in list()) {
            let fused = ids(&fuse(&[&a], usize::MAX));
            rank(&mut a);
            prop_assert_eq!(fused, ids(&a));
        }
    }
}
