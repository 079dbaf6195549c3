//! What do walls cost? Deciding 10,000 and 200,000 classes, and deciding again: nothing new, a new
//! class, a patient who came. Then searches for permits that open 0.01, 1, 10, 50, 99 and 100 % of the
//! classes, with five passages to a class as a patient has: recall of the approximate search against
//! an exact one, and times beside those of a permit that opens all.
//!
//! `AFFIANT_BENCH_PASSAGES` says how many passages (1,000,000 is the size that the appliance is made
//! for: building its graph takes about an hour on two cores); `AFFIANT_BENCH_DIR` names a folder
//! where the index is kept for the next run.
#![expect(clippy::disallowed_methods, reason = "the size of a bench is no configuration")]

mod support;
mod synthetic;
mod topics;

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::time::Duration;

use affiant::domain::access::{AccessClass, Labels};
use affiant::domain::classes::ClassList;
use affiant::domain::document::{Passage, Span};
use affiant::domain::ids::{DocumentId, Generation, PassageId};
use affiant::domain::limits::CANDIDATES_MAX;
use affiant::domain::principal::{Principal, Role};
use affiant::domain::question::Scope;
use affiant::durable;
use affiant::index::{Index, IndexOptions, VectorChoice, fuse};
use affiant::policy::{Action, Permit, Policies};

use self::support::{Bench, percentile, tell, tell_times};
use self::synthetic::{Numbers, Vocabulary};
use self::topics::Topics;

const PASSAGES: usize = 100_000;
const PASSAGES_PER_CLASS: usize = 5;
const PASSAGES_PER_ADDITION: usize = 500;
const WORDS_PER_PASSAGE: usize = 60;
const DIM: usize = 384;
const GENERATION: Generation = Generation(1);
/// Whatever is visible.
const NEWEST: Generation = Generation(u64::MAX);
/// How many of the nearest must be found.
const NEAREST: usize = 50;
/// Of ten thousand classes.
const SHARES: [u64; 6] = [1, 100, 1_000, 5_000, 9_900, ALL];
const ALL: u64 = 10_000;
const ROUNDS: usize = 4;

fn main() -> anyhow::Result<()> {
    let bench = Bench::start("walls: searches under a permit beside searches without");
    let wanted = std::env::var("AFFIANT_BENCH_PASSAGES").ok().and_then(|n| n.parse().ok());
    let count = wanted.unwrap_or_else(|| bench.size(PASSAGES, 2_000));
    let temporary = tempfile::tempdir()?;
    let kept = std::env::var_os("AFFIANT_BENCH_DIR").map(PathBuf::from);
    let dir = kept.unwrap_or_else(|| temporary.path().join("index"));
    let policies = policies(&temporary.path().join("policies"))?;
    for classes in [10_000, 200_000] {
        decide(&bench, temporary.path(), bench.size(classes, 300))?;
    }
    let index = Index::open(&IndexOptions { dir, dim: DIM, vector: VectorChoice::Embedded })?;
    let made = Made::from_seed(7, count);
    if index.count() == 0 {
        let (filled, took) = bench.time(|| made.fill(&index));
        filled?;
        tell("adding and flushing", format!("{:.0} s, {count} passages", took.as_secs_f64()));
    }
    anyhow::ensure!(index.count() == count as u64, "the kept index has another size");
    let (optimised, took) = bench.time(|| index.optimise());
    optimised?;
    tell("building the graph", format!("{:.0} s", took.as_secs_f64()));
    index.set_visible(GENERATION);
    let questions = made.questions(bench.size(100, 4));
    let opened = |share| permit(&policies, made.classes(), share);
    let permits: Vec<Permit> = SHARES.into_iter().map(opened).collect::<anyhow::Result<_>>()?;
    let all = opened(ALL)?;
    let truths = made.truths(&questions, &permits);
    for (permit, truths) in permits.iter().zip(&truths) {
        let opened = format!("{} of {} classes", permit.classes().len(), made.classes());
        tell("permitted", opened);
        recall(&bench, &index, permit, &questions, truths)?;
        compare(&bench, &index, [permit, &all], &questions)?;
    }
    bench.tell_reference();
    Ok(())
}

struct Question {
    words: String,
    vector: Vec<f32>,
}

/// How much of what is nearest is found, and that nothing forbidden is; and how long words take that
/// were not counted before among what is permitted.
fn recall(
    bench: &Bench,
    index: &Index,
    permit: &Permit,
    questions: &[Question],
    truths: &[Nearest],
) -> anyhow::Result<()> {
    let (mut wanted, mut seen) = (0, 0);
    let mut first = Vec::new();
    for (question, truth) in questions.iter().zip(truths) {
        let (lexical, took) =
            bench.time(|| index.search_lexical(permit, NEWEST, &question.words, CANDIDATES_MAX));
        let lexical = lexical?;
        first.push(took);
        let near = index.search_vector(permit, NEWEST, &question.vector, CANDIDATES_MAX)?;
        for (_, number) in &truth.0 {
            let passage = Made::id(*number).1;
            wanted += 1;
            seen += u32::from(near.iter().take(NEAREST).any(|hit| hit.passage == passage));
        }
        anyhow::ensure!(near.iter().chain(&lexical).all(|hit| permit.allows(hit.class)), "a leak");
    }
    tell("  recall@50 of exact search", format!("{:.4}", f64::from(seen) / f64::from(wanted)));
    tell_times("  words, for the first time", &mut first);
    Ok(())
}

/// Times of one question: by words, by vector, by both with their fusion.
fn search(
    bench: &Bench,
    index: &Index,
    permit: &Permit,
    question: &Question,
) -> anyhow::Result<[Duration; 3]> {
    let (lexical, for_words) =
        bench.time(|| index.search_lexical(permit, NEWEST, &question.words, CANDIDATES_MAX));
    let (near, for_vectors) =
        bench.time(|| index.search_vector(permit, NEWEST, &question.vector, CANDIDATES_MAX));
    let (lexical, near) = (lexical?, near?);
    let (_, for_fusing) = bench.time(|| fuse(&[&lexical, &near], CANDIDATES_MAX));
    Ok([for_words, for_vectors, for_words + for_vectors + for_fusing])
}

/// Searches under a permit beside the same searches under one that opens all, in turn: what else
/// the machine does falls on both. Each is first in every other round: the second finds in the
/// processor's caches what the first one read. Of several rounds a question's fastest counts.
fn compare(
    bench: &Bench,
    index: &Index,
    permits: [&Permit; 2],
    questions: &[Question],
) -> anyhow::Result<()> {
    let mut fastest = permits.map(|_| vec![[Duration::MAX; 3]; questions.len()]);
    for round in 0..bench.size(ROUNDS, 1) {
        for (at, question) in questions.iter().enumerate() {
            let mut turns: Vec<_> = permits.iter().zip(&mut fastest).collect();
            turns.rotate_left(round % 2);
            for (permit, fastest) in turns {
                let took = search(bench, index, permit, question)?;
                for (fastest, took) in fastest.iter_mut().skip(at).take(1).flatten().zip(took) {
                    *fastest = took.min(*fastest);
                }
            }
        }
    }
    for (which, name) in
        ["words (BM25, eight of them)", "vectors", "both and fusing"].iter().enumerate()
    {
        let [mut with, mut without] = fastest.each_ref().map(|fastest| {
            fastest.iter().filter_map(|took| took.get(which).copied()).collect::<Vec<_>>()
        });
        tell_times(&format!("  {name}"), &mut with);
        tell_times("    where all is permitted", &mut without);
        let [p50, p95] =
            [0.5, 0.95].map(|share| percentile(&with, share) / percentile(&without, share));
        tell("    with the filter over without", format!("p50 {p50:>8.2}  p95 {p95:>8.2}"));
    }
    Ok(())
}

/// Passages by number: the same seed, the same passages.
struct Made {
    seed: u64,
    count: usize,
    topics: Topics,
    vocabulary: Vocabulary,
}

impl Made {
    fn from_seed(seed: u64, count: usize) -> Self {
        let topics = Topics::from_seed(seed, DIM);
        Self { seed, count, topics, vocabulary: Vocabulary::zipf(50_000) }
    }

    fn classes(&self) -> u32 {
        u32::try_from(self.count / PASSAGES_PER_CLASS).unwrap_or(u32::MAX)
    }

    /// The passages of a class are spread over the index, as a patient's are over the years.
    fn class(&self, number: usize) -> AccessClass {
        let classes = u64::from(self.classes());
        let scattered = (number as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 20;
        AccessClass(u32::try_from(scattered % classes).unwrap_or(0))
    }

    fn numbers(&self, number: usize) -> Numbers {
        Numbers::from_seed(self.seed ^ (number as u64) << 20)
    }

    fn vector(&self, number: usize) -> Vec<f32> {
        self.topics.vector(&mut self.numbers(number))
    }

    fn id(number: usize) -> (DocumentId, PassageId, u32) {
        let document = DocumentId::of(&(number / PASSAGES_PER_CLASS).to_be_bytes());
        let ordinal = u32::try_from(number % PASSAGES_PER_CLASS).unwrap_or(0);
        (document, PassageId::derive(document, GENERATION, ordinal), ordinal)
    }

    fn passage(&self, number: usize) -> Passage {
        let (document, id, ordinal) = Self::id(number);
        let mut numbers = self.numbers(number);
        Passage {
            id,
            document,
            ordinal,
            spans: vec![Span { page: 1, start: 0, end: 1 }],
            text: self.vocabulary.text(&mut numbers, WORDS_PER_PASSAGE),
            headings: Vec::new(),
        }
    }

    fn fill(&self, index: &Index) -> anyhow::Result<()> {
        let mut by_class: HashMap<AccessClass, Vec<usize>> = HashMap::new();
        for first in (0..self.count).step_by(PASSAGES_PER_ADDITION) {
            by_class.clear();
            for number in first..(first + PASSAGES_PER_ADDITION).min(self.count) {
                by_class.entry(self.class(number)).or_default().push(number);
            }
            for (class, numbers) in &by_class {
                let made: Vec<_> =
                    numbers.iter().map(|n| (self.passage(*n), self.vector(*n))).collect();
                let rows: Vec<_> =
                    made.iter().map(|(passage, vector)| (passage, vector.as_slice())).collect();
                index.add(GENERATION, *class, &rows)?;
            }
        }
        Ok(index.flush()?)
    }

    fn questions(&self, count: usize) -> Vec<Question> {
        let mut numbers = Numbers::from_seed(self.seed.wrapping_add(1));
        let made = (0..count).map(|_| Question {
            words: self.vocabulary.text(&mut numbers, 8),
            vector: self.topics.vector(&mut numbers),
        });
        made.collect()
    }

    /// For each permit and question the nearest of what it opens, by comparing all there is.
    fn truths(&self, questions: &[Question], permits: &[Permit]) -> Vec<Vec<Nearest>> {
        let mut all = vec![vec![Nearest::default(); questions.len()]; permits.len()];
        for number in 0..self.count {
            let (vector, class) = (self.vector(number), self.class(number));
            let opened: Vec<bool> = permits.iter().map(|permit| permit.allows(class)).collect();
            for (at, question) in questions.iter().enumerate() {
                let closeness = dot(&vector, &question.vector);
                for (_, near) in opened.iter().zip(&mut all).filter(|(opened, _)| **opened) {
                    near.iter_mut().skip(at).take(1).for_each(|near| near.offer(closeness, number));
                }
            }
        }
        all
    }
}

/// The nearest so far, by number.
#[derive(Clone, Default)]
struct Nearest(Vec<(f32, usize)>);

impl Nearest {
    fn offer(&mut self, closeness: f32, number: usize) {
        if self.0.len() < NEAREST || self.0.last().is_some_and(|last| last.0 < closeness) {
            let at = self.0.partition_point(|(other, _)| *other >= closeness);
            self.0.insert(at, (closeness, number));
            self.0.truncate(NEAREST);
        }
    }
}

/// In lanes, which compilers vectorise.
fn dot(a: &[f32], b: &[f32]) -> f32 {
    let mut lanes = [0.0_f32; 16];
    for (a, b) in a.chunks_exact(16).zip(b.chunks_exact(16)) {
        lanes.iter_mut().zip(a.iter().zip(b)).for_each(|(sum, (a, b))| *sum += a * b);
    }
    lanes.iter().sum()
}

/// Deciding as a hospital does: one class for each patient, somebody who treats forty of them.
fn decide(bench: &Bench, dir: &Path, classes: usize) -> anyhow::Result<()> {
    let folder = tempfile::tempdir_in(dir)?;
    let hospital =
        set(&folder.path().join("hospital"), Policies::builtin("hospital").unwrap_or_default())?;
    let patient = |at: usize| format!("P-{at}");
    let mut list: ClassList = (0..classes)
        .map(|at| {
            let patient = Some(patient(at));
            (
                AccessClass(u32::try_from(at).unwrap_or(u32::MAX)),
                Labels { patient, ..Labels::internal() },
            )
        })
        .collect();
    let treats = |from: usize| (from..from + 40).map(patient).collect();
    let nurse = |from: usize| -> anyhow::Result<Principal> {
        let patients = [
            ("patient".to_owned(), treats(from)),
            ("function".to_owned(), ["nurse".to_owned()].into()),
        ];
        let patients = patients.into();
        Ok(Principal::new("nurse".parse()?, [Role::Staff].into(), patients))
    };
    let scope = Scope { purpose: Some("treatment".to_owned()), ..Scope::default() };
    tell("deciding", format!("{classes} classes"));
    let step = |what: &str, who: &Principal, list: &ClassList| -> anyhow::Result<()> {
        let before = hospital.decided();
        let (permit, took) = bench.time(|| hospital.permit(who, Action::Ask, &scope, list));
        let (opened, decided) = (permit?.classes().len(), hospital.decided() - before);
        let took = took.as_secs_f64() * 1e3;
        tell(what, format!("{took:>8.3} ms, {decided} decided, {opened} opened"));
        Ok(())
    };
    let (before, after) = (nurse(0)?, nurse(1)?);
    step("  cold", &before, &list)?;
    step("  warm", &before, &list)?;
    list.push(AccessClass(u32::try_from(classes)?), Labels::internal());
    step("  with a new class", &before, &list)?;
    step("  one patient came, one left", &after, &list)
}

/// Reading is what a clerk of one ward may do with the papers of patients that are open to it.
fn policies(dir: &Path) -> anyhow::Result<Policies> {
    let text = r#"
        permit (principal, action in Action::"Read", resource is Appliance);
        permit (principal, action in Action::"Read", resource is Document)
        when { resource.classification == "internal" };
    "#;
    set(dir, &[("share.cedar", text)])
}

fn set(dir: &Path, files: &[(&str, &str)]) -> anyhow::Result<Policies> {
    std::fs::create_dir(dir)?;
    for (name, text) in files {
        durable::create_new(&dir.join(name), text.as_bytes(), durable::Readers::Owner)?;
    }
    Policies::load(dir).map_err(|problems| anyhow::anyhow!("{problems:?}"))
}

/// A permit for about this many of ten thousand classes, anywhere among them.
fn permit(policies: &Policies, classes: u32, share: u64) -> anyhow::Result<Permit> {
    let mut numbers = Numbers::from_seed(share);
    let classes: ClassList = (0..classes)
        .map(|class| {
            let is_open = numbers.next() % ALL < share || class == 0;
            let word = if is_open { "internal" } else { "restricted" };
            let labels = Labels {
                classification: Some(word.to_owned()),
                patient: Some(format!("P-{class}")),
                ..Labels::default()
            };
            (AccessClass(class), labels)
        })
        .collect();
    let clerk = Principal::new("clerk".parse()?, [Role::Staff].into(), BTreeMap::new());
    Ok(policies.permit(&clerk, Action::Search, &Scope::default(), &classes)?)
}
