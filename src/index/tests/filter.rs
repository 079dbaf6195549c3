//! The filter, against a naive one.

use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

use super::*;

const WORDS: [&str; 12] = [
    "lease", "tenant", "dosage", "ward", "clause", "writ", "nurse", "fever", "bond", "trust",
    "scan", "court",
];

#[derive(Clone, Debug)]
struct Planted {
    passage: Passage,
    generation: u64,
    class: u32,
    vector: Vec<f32>,
}

/// With enough classes a permit takes each form that Qdrant is given: ranges, a list, exceptions.
const CLASSES: u32 = 24;

fn planted(count: u32, classes: u32) -> impl Strategy<Value = Vec<Planted>> {
    let one = (
        1u64..5,
        0..classes,
        proptest::collection::vec(0..WORDS.len(), 1..8),
        proptest::collection::vec(-1.0f32..1.0, DIM),
    );
    proptest::collection::vec(one, count as usize).prop_map(|all| {
        (0..)
            .zip(all)
            .map(|(ordinal, (generation, class, words, vector))| {
                let text: Vec<_> = words.into_iter().map(|at| WORDS[at]).collect();
                let name = format!("document {}", ordinal % 7);
                let passage = passage(&name, generation, ordinal, &text.join(" "));
                Planted { passage, generation, class, vector }
            })
            .collect()
    })
}

fn cosine(a: &[f32], b: &[f32]) -> f32 {
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f32>();
    dot(a, b) / (dot(a, a).sqrt() * dot(b, b).sqrt())
}

/// Law: with `P` the permitted and visible passages, a search returns exactly the best `limit` of
/// `P`: nothing else, and nothing of them is lost. Checked against naive searches over all of it.
#[test]
fn searches_return_exactly_the_best_of_what_is_permitted() {
    let seed = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let config = Config { cases: 48, failure_persistence: None, ..Config::default() };
    let mut runner = TestRunner::new_with_rng(config, seed);
    for home in homes() {
        let index = home.open();
        let all = planted(90, CLASSES).new_tree(&mut runner).unwrap().current();
        for chunk in all.chunks(20) {
            for one in chunk {
                add(&index, one.generation, one.class, &[(&one.passage, &one.vector)]);
            }
            index.flush().unwrap(); // Several segments.
        }
        index.set_visible(Generation(99));
        let question = (
            proptest::collection::btree_set(0..CLASSES + 2, 0..CLASSES as usize),
            0u64..6,
            proptest::collection::vec(0..WORDS.len(), 1..4),
            proptest::collection::vec(-1.0f32..1.0, DIM),
            1usize..60,
        );
        runner
            .run(&question, |(classes, visible, words, vector, limit)| {
                let in_force =
                    |class: u32, generation: u64| classes.contains(&class) && generation <= visible;
                let words: Vec<_> = words.into_iter().map(|at| WORDS[at]).collect();
                index.set_visible(Generation(visible));
                let permit = permit(classes.iter().copied());
                let mut expected = index.search_lexical(&permit, NEWEST, &words.join(" "), 100)?;
                let naive = all.iter().filter(|one| {
                    in_force(one.class, one.generation)
                        && words.iter().any(|w| one.passage.text.contains(w))
                });
                let naive: BTreeSet<_> = naive.map(|one| one.passage.id.to_string()).collect();
                let found: BTreeSet<_> =
                    expected.iter().map(|hit| hit.passage.to_string()).collect();
                prop_assert_eq!(found, naive, "all that is permitted, and nothing else");
                expected.truncate(limit);
                let mut hits = index.search_lexical(&permit, NEWEST, &words.join(" "), limit)?;
                prop_assert_eq!(&hits, &expected, "the first of them");
                let scores = |hits: &[Hit]| hits.iter().map(|hit| hit.score).collect::<Vec<_>>();
                hits.extend(index.search_vector(&permit, NEWEST, &vector, limit)?);
                for hit in &hits {
                    let one = all.iter().find(|one| one.passage.id == hit.passage).unwrap();
                    prop_assert!(in_force(one.class, one.generation), "{:?}", hit);
                }
                let mut nearest: Vec<f32> = all
                    .iter()
                    .filter(|one| in_force(one.class, one.generation))
                    .map(|one| cosine(&one.vector, &vector))
                    .collect();
                nearest.sort_by(|a, b| b.total_cmp(a));
                nearest.truncate(limit);
                let near = scores(&index.search_vector(&permit, NEWEST, &vector, limit)?);
                prop_assert_eq!(near.len(), nearest.len());
                for (near, nearest) in near.iter().zip(&nearest) {
                    prop_assert!((near - nearest).abs() < 1e-4, "{} {}", near, nearest);
                }
                Ok(())
            })
            .unwrap();
    }
}

/// The filter alone: each half is asked without the decision that [`checked`] makes again.
#[test]
fn neither_half_needs_the_second_decision() {
    let seed = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let mut runner = TestRunner::new_with_rng(Config::default(), seed);
    for home in homes() {
        let index = home.open();
        let all = planted(90, CLASSES).new_tree(&mut runner).unwrap().current();
        for one in &all {
            add(&index, one.generation, one.class, &[(&one.passage, &one.vector)]);
        }
        index.flush().unwrap();
        index.set_visible(Generation(3));
        let mut found = 0;
        let forms: [fn(u32) -> bool; 6] =
            [|_| false, |n| n == 1, |n| n < 5, |n| n % 3 == 0, |n| n % 4 > 0, |_| true];
        for form in forms {
            let open: Vec<u32> = (0..CLASSES).filter(|class| form(*class)).collect();
            let permit = permit(open.iter().copied());
            let gate = index.gate(&permit, NEWEST);
            let mut hits = index.lexical.search(&gate, &WORDS.join(" "), 100).unwrap();
            let breadth = Breadth::for_share(index.lexical.share(&gate).unwrap());
            hits.extend(index.vector.search(&gate, breadth, &all[0].vector, 100).unwrap());
            assert!(hits.iter().all(|hit| open.contains(&hit.class.0)), "{open:?}");
            assert!(hits.iter().all(|hit| hit.generation.0 <= 3), "{open:?}");
            found += hits.len();
        }
        assert!(found > 100);
    }
}

/// The same law through the graph: it may miss a near one, but returns nothing that is forbidden.
#[test]
fn the_graph_keeps_to_the_filter_and_finds_nearly_everything() {
    let home = tempfile::tempdir().unwrap();
    fs::create_dir_all(home.path().join("lexical")).unwrap();
    let index = Index {
        lexical: Lexical::open(&home.path().join("lexical")).unwrap(),
        vector: Box::new(Embedded::open(&home.path().join("vector"), DIM, 16).unwrap()),
        dim: DIM,
        embedded: true,
        visible_below: AtomicU64::new(4),
    };
    let seed = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let mut runner = TestRunner::new_with_rng(Config::default(), seed);
    let all = planted(1_500, 6).new_tree(&mut runner).unwrap().current();
    for one in &all {
        add(&index, one.generation, one.class, &[(&one.passage, &one.vector)]);
    }
    index.flush().unwrap();
    index.optimise().unwrap();
    let (mut wanted, mut seen) = (0, 0);
    for (turn, question) in (0..).zip(all.iter().step_by(30)) {
        let classes = BTreeSet::from([turn % 6, turn % 5]);
        let allowed = |one: &&Planted| classes.contains(&one.class) && one.generation < 4;
        let permit = permit(classes.iter().copied());
        let hits = index.search_vector(&permit, NEWEST, &question.vector, 10).unwrap();
        let mut nearest: Vec<&Planted> = all.iter().filter(allowed).collect();
        nearest.sort_by(|a, b| {
            let to = |one: &Planted| cosine(&one.vector, &question.vector);
            to(b).total_cmp(&to(a))
        });
        for hit in &hits {
            let one = all.iter().find(|one| one.passage.id == hit.passage).unwrap();
            assert!(allowed(&one), "{hit:?}");
        }
        wanted += 10;
        let near = |one: &&&Planted| hits.iter().any(|hit| hit.passage == one.passage.id);
        seen += nearest.iter().take(10).filter(near).count();
    }
    assert!(seen * 100 >= wanted * 95, "recall {seen} of {wanted}");
}
