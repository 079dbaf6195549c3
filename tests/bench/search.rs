//! How long does a search of 100,000 passages take? Words, vectors, and both, for a permit that
//! opens three quarters of them and for one that opens a hundredth.
//!
//! Measured twice: as ingest leaves the index, when every vector is compared, and once the graph is
//! built in the background. Random vectors, which have no neighbourhoods, are the worst case for
//! building it: this bench takes minutes where the others take one.

mod support;
mod synthetic;

use affiant::domain::access::{AccessClass, Labels};
use affiant::domain::classes::ClassList;
use affiant::domain::document::{Passage, Span};
use affiant::domain::ids::{DocumentId, Generation, PassageId};
use affiant::domain::limits::CANDIDATES_MAX;
use affiant::domain::principal::{Principal, Role};
use affiant::domain::question::Scope;
use affiant::index::{Index, IndexOptions, VectorChoice, fuse};
use affiant::policy::{Action, Permit, Policies};
use std::ops::Range;
use std::path::Path;

use self::support::{Bench, tell, tell_times};
use self::synthetic::{Numbers, Vocabulary};

const PASSAGES: usize = 100_000;
const PASSAGES_PER_DOCUMENT: usize = 100;
const WORDS_PER_PASSAGE: usize = 120;
/// Whatever is visible.
const NEWEST: Generation = Generation(u64::MAX);
/// The default encoder's.
const DIM: usize = 384;
/// Documents fall into the first four in turn, and one in a hundred into the last. The wide permit
/// opens three of the four, the narrow one the last alone.
const CLASSES: [&str; 5] = [
    "classification=internal",
    "classification=public",
    "matter=M-1",
    "matter=M-2",
    "department=rare",
];
const RARE: usize = 4;
const RARE_EVERY: usize = 100;

fn main() -> anyhow::Result<()> {
    let bench = Bench::start("search: 100,000 made-up passages");
    let dir = tempfile::tempdir()?;
    let policies = policies(&dir.path().join("policies"))?;
    let wide = permit(&policies, 0..RARE)?;
    let narrow = permit(&policies, RARE..CLASSES.len())?;
    anyhow::ensure!((wide.classes().len(), narrow.classes().len()) == (3, 1), "the permits");
    let options =
        IndexOptions { dir: dir.path().join("index"), dim: DIM, vector: VectorChoice::Embedded };
    let index = Index::open(&options)?;
    let mut numbers = Numbers::from_seed(7);
    let vocabulary = Vocabulary::zipf(50_000);
    let count = bench.size(PASSAGES, 500);
    let (filled, took) = bench.time(|| fill(&index, count, &mut numbers, &vocabulary));
    filled?;
    tell("adding and flushing", format!("{:.1} s, {} passages", took.as_secs_f64(), index.count()));
    for (name, permit) in [("three quarters permitted", &wide), ("1 % permitted", &narrow)] {
        tell("before the graph", name);
        search(&bench, &index, permit, &mut numbers, &vocabulary, bench.size(200, 2))?;
    }
    let (optimised, took) = bench.time(|| index.optimise());
    optimised?;
    tell("building the graph", format!("{:.1} s", took.as_secs_f64()));
    for (name, permit) in [("three quarters permitted", &wide), ("1 % permitted", &narrow)] {
        tell("with the graph", name);
        search(&bench, &index, permit, &mut numbers, &vocabulary, bench.size(1_000, 5))?;
    }
    bench.tell_reference();
    Ok(())
}

fn search(
    bench: &Bench,
    index: &Index,
    permit: &Permit,
    numbers: &mut Numbers,
    vocabulary: &Vocabulary,
    rounds: usize,
) -> anyhow::Result<()> {
    let [mut words, mut vectors, mut fusing, mut whole] = [const { Vec::new() }; 4];
    // The first searches map the files and fill caches.
    let warm_up = bench.size(50, 1);
    for round in 0..warm_up + rounds {
        let question = vocabulary.text(numbers, 8);
        let vector = numbers.unit_vector(DIM);
        let (lexical, for_words) =
            bench.time(|| index.search_lexical(permit, NEWEST, &question, CANDIDATES_MAX));
        let (near, for_vectors) =
            bench.time(|| index.search_vector(permit, NEWEST, &vector, CANDIDATES_MAX));
        let (lexical, near) = (lexical?, near?);
        let (found, for_fusing) = bench.time(|| fuse(&[&lexical, &near], CANDIDATES_MAX));
        anyhow::ensure!(!found.is_empty(), "{question:?} found nothing");
        if round >= warm_up {
            words.push(for_words);
            vectors.push(for_vectors);
            fusing.push(for_fusing);
            whole.push(for_words + for_vectors + for_fusing);
        }
    }
    tell_times("words (BM25, eight of them)", &mut words);
    tell_times("vectors", &mut vectors);
    tell_times("fusing", &mut fusing);
    tell_times("all three, one after the other", &mut whole);
    Ok(())
}

/// Adds documents of equal size, each in one access class.
fn fill(
    index: &Index,
    count: usize,
    numbers: &mut Numbers,
    vocabulary: &Vocabulary,
) -> anyhow::Result<()> {
    let generation = Generation(1);
    for number in 0..count / PASSAGES_PER_DOCUMENT {
        let document = DocumentId::of(&number.to_be_bytes());
        let rare = number % RARE_EVERY == RARE;
        let class = AccessClass(u32::try_from(if rare { RARE } else { number % RARE })?);
        let passages: Vec<(Passage, Vec<f32>)> = (0..PASSAGES_PER_DOCUMENT as u32)
            .map(|ordinal| {
                let passage = Passage {
                    id: PassageId::derive(document, generation, ordinal),
                    document,
                    ordinal,
                    spans: vec![Span { page: 1, start: 0, end: 1 }],
                    text: vocabulary.text(numbers, WORDS_PER_PASSAGE),
                    headings: Vec::new(),
                };
                (passage, numbers.unit_vector(DIM))
            })
            .collect();
        let rows: Vec<(&Passage, &[f32])> =
            passages.iter().map(|(passage, vector)| (passage, vector.as_slice())).collect();
        index.add(generation, class, &rows)?;
    }
    index.flush()?;
    index.set_visible(generation);
    Ok(())
}

/// The general policy set.
fn policies(dir: &Path) -> anyhow::Result<Policies> {
    std::fs::create_dir(dir)?;
    for (name, text) in Policies::builtin("general").unwrap_or_default() {
        affiant::durable::create_new(
            &dir.join(name),
            text.as_bytes(),
            affiant::durable::Readers::Owner,
        )?;
    }
    Policies::load(dir).map_err(|problems| anyhow::anyhow!("{problems:?}"))
}

/// A permit for a person with one of the two matters, where there are only these classes.
fn permit(policies: &Policies, among: Range<usize>) -> anyhow::Result<Permit> {
    let matter = ("matter".to_owned(), ["M-1".to_owned()].into());
    let clerk = Principal::new("clerk".parse()?, [Role::Staff].into(), [matter].into());
    let mut classes = ClassList::default();
    for (number, label) in (0..).zip(CLASSES).skip(among.start).take(among.len()) {
        let labels = Labels::parse(["classification=internal", label])?;
        classes.push(AccessClass(number), labels);
    }
    Ok(policies.permit(&clerk, Action::Search, &Scope::default(), &classes)?)
}
