//! One suite for the whole index, run over every kind of vector index.

mod filter;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::sync::OnceLock;

use tempfile::TempDir;

use super::*;
use crate::domain::access::Labels;
use crate::domain::document::Span;
use crate::domain::ids::PassageId;
use crate::domain::principal::{Principal, Role};
use crate::domain::question::Scope;
use crate::policy::{Action, Permit, Policies};

const DIM: usize = 24;
/// Whatever is visible.
const NEWEST: Generation = Generation(u64::MAX);

/// A folder, and a collection where a server is tested; both are gone when it is dropped.
struct Home {
    dir: TempDir,
    vector: VectorChoice,
}

impl Home {
    fn open(&self) -> Index {
        self.open_at(self.dir.path())
    }

    fn open_at(&self, dir: &Path) -> Index {
        let options = IndexOptions { dir: dir.to_owned(), dim: DIM, vector: self.vector.clone() };
        Index::open(&options).unwrap()
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        if let VectorChoice::Server(options) = &self.vector {
            Server::open(options, DIM).unwrap().delete_collection();
        }
    }
}

/// A fresh home for every kind: the embedded one, and a server where `QDRANT_URL` names one.
#[expect(clippy::disallowed_methods, reason = "the address of a test server, not configuration")]
fn homes() -> Vec<Home> {
    let server = std::env::var("QDRANT_URL").ok().map(|url| {
        VectorChoice::Server(ServerOptions {
            url,
            api_key: None,
            collection: format!("affiant-test-{}", uuid::Uuid::from_u128(random())),
            timeout: std::time::Duration::from_secs(30),
        })
    });
    [Some(VectorChoice::Embedded), server]
        .into_iter()
        .flatten()
        .map(|vector| Home { dir: tempfile::tempdir().unwrap(), vector })
        .collect()
}

fn random() -> u128 {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).unwrap();
    u128::from_le_bytes(bytes)
}

/// A permit for these classes and no others, decided by a policy as every permit is.
pub(super) fn permit(classes: impl IntoIterator<Item = u32>) -> Permit {
    static POLICIES: OnceLock<Policies> = OnceLock::new();
    let policies = POLICIES.get_or_init(|| {
        let dir = tempfile::tempdir().unwrap();
        let text = r#"
            permit (principal, action in Action::"Read", resource is Appliance);
            permit (principal, action in Action::"Read", resource is Document)
            when { resource.classification == "internal" };
        "#;
        let path = dir.path().join("test.cedar");
        durable::create_new(&path, text.as_bytes(), durable::Readers::Owner).unwrap();
        Policies::load(dir.path()).unwrap()
    });
    let who = Principal::new("ada".parse().unwrap(), [Role::Staff].into(), Default::default());
    let hidden = (AccessClass(u32::MAX), Labels::parse(["matter=none"]).unwrap());
    let seen = classes.into_iter().map(|class| (AccessClass(class), Labels::internal()));
    let labels = seen.chain([hidden]).collect();
    policies.permit(&who, Action::Search, &Scope::default(), &labels).unwrap()
}

fn passage(document: &str, generation: u64, ordinal: u32, text: &str) -> Passage {
    let document = DocumentId::of(document.as_bytes());
    Passage {
        id: PassageId::derive(document, Generation(generation), ordinal),
        document,
        ordinal,
        spans: vec![Span { page: 1, start: 0, end: 1 }],
        text: text.to_owned(),
        headings: Vec::new(),
    }
}

/// A unit vector that points mostly along one axis.
fn axis(at: usize) -> Vec<f32> {
    let mut vector = vec![0.1; DIM];
    vector[at % DIM] = 1.0;
    vector
}

fn add(index: &Index, generation: u64, class: u32, passages: &[(&Passage, &[f32])]) {
    index.add(Generation(generation), AccessClass(class), passages).unwrap();
}

/// Adds a one-passage document.
fn add_document(index: &Index, name: &str, generation: u64, class: u32, text: &str) -> DocumentId {
    let passage = passage(name, generation, 0, text);
    add(index, generation, class, &[(&passage, &axis(generation as usize))]);
    passage.document
}

fn documents(hits: &[Hit]) -> BTreeSet<DocumentId> {
    hits.iter().map(|hit| hit.document).collect()
}

/// Documents that either half finds for `word`.
fn found(
    index: &Index,
    permit: &Permit,
    word: &str,
) -> (BTreeSet<DocumentId>, BTreeSet<DocumentId>) {
    let words = index.search_lexical(permit, NEWEST, word, 100).unwrap();
    let vectors = index.search_vector(permit, NEWEST, &axis(0), 100).unwrap();
    (documents(&words), documents(&vectors))
}

/// What a kill leaves: the files as they are now, with nothing closed.
fn copy_dir(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_dir(&entry.path(), &to);
        } else {
            fs::copy(entry.path(), to).unwrap();
        }
    }
}

#[test]
fn what_was_added_is_found_once_it_is_flushed_and_visible() {
    for home in homes() {
        let index = home.open();
        let everyone = permit([0]);
        let one = add_document(&index, "one", 1, 0, "the lease ends in May");
        index.flush().unwrap();
        assert_eq!(found(&index, &everyone, "lease"), Default::default(), "not visible yet");
        index.set_visible(Generation(1));
        assert_eq!(found(&index, &everyone, "lease"), ([one].into(), [one].into()));
        let two = add_document(&index, "two", 2, 0, "the lease began in June");
        index.flush().unwrap();
        assert_eq!(found(&index, &everyone, "lease"), ([one].into(), [one].into()));
        index.set_visible(Generation(2));
        let both = BTreeSet::from([one, two]);
        assert_eq!(found(&index, &everyone, "leases"), (both.clone(), both));
        assert_eq!(index.count(), 2);
    }
}

#[test]
fn what_a_permit_keeps_back_is_counted_among_the_best_of_all() {
    for home in homes() {
        let index = home.open();
        for (at, name) in (0u32..).zip(["one", "two", "three", "four", "five", "six"]) {
            let text = format!("the lease {}", "lease ".repeat(at as usize));
            add_document(&index, name, u64::from(at) + 1, at % 3, &text);
        }
        index.flush().unwrap();
        index.set_visible(Generation(6));
        let (all, nearest) = ([0, 1, 2], axis(4));
        let everything = Arc::new(all.into_iter().map(AccessClass).collect());
        let through = Generation(5);
        let worded = index.search_lexical(&permit(all), through, "lease", 100).unwrap();
        let near = index.search_vector(&permit(all), through, &nearest, 100).unwrap();
        assert_eq!((worded.len(), near.len()), (5, 5));
        for seen in [&[][..], &[0], &[1, 2], &all] {
            let permit = permit(seen.iter().copied());
            for limit in [0, 1, 2, 4, 9] {
                let kept = |halves: &[&[Hit]]| {
                    let best = fuse(halves, limit);
                    best.iter().filter(|hit| !seen.contains(&hit.class.0)).count()
                };
                let count = |words, vector| {
                    let asked = (words, vector);
                    index.kept_back(&permit, through, &everything, asked, limit).unwrap() as usize
                };
                let (words, vector) = (Some("lease"), Some(nearest.as_slice()));
                assert_eq!(count(words, vector), kept(&[&worded, &near]), "{seen:?}, {limit}");
                assert_eq!(count(words, None), kept(&[&worded]), "{seen:?}, {limit}");
                assert_eq!(count(None, vector), kept(&[&near]), "{seen:?}, {limit}");
            }
        }
    }
}

#[test]
fn hits_carry_every_id() {
    for home in homes() {
        let index = home.open();
        let (first, second) = (passage("a", 7, 0, "alpha beta"), passage("a", 7, 1, "gamma delta"));
        add(&index, 7, 65, &[(&first, &axis(0)), (&second, &axis(1))]);
        index.flush().unwrap();
        index.set_visible(Generation(7));
        let permit = permit([65]);
        let expected = |hit: &Hit| Hit {
            passage: second.id,
            document: second.document,
            ordinal: 1,
            generation: Generation(7),
            class: AccessClass(65),
            score: hit.score,
        };
        let words = index.search_lexical(&permit, NEWEST, "Gamma!", 5).unwrap();
        assert_eq!(words, [expected(&words[0])]);
        let vectors = index.search_vector(&permit, NEWEST, &axis(1), 1).unwrap();
        assert_eq!(vectors, [expected(&vectors[0])]);
        assert!((vectors[0].score - 1.0).abs() < 1e-5, "cosine with itself");
    }
}

#[test]
fn a_repeated_add_replaces_itself() {
    for home in homes() {
        let index = home.open();
        for _ in 0..3 {
            add_document(&index, "one", 1, 0, "habeas corpus");
        }
        index.flush().unwrap();
        add_document(&index, "one", 1, 0, "habeas corpus");
        index.flush().unwrap();
        index.set_visible(Generation(1));
        assert_eq!(index.count(), 1);
        assert_eq!(index.search_lexical(&permit([0]), NEWEST, "corpus", 9).unwrap().len(), 1);
        assert_eq!(index.search_vector(&permit([0]), NEWEST, &axis(0), 9).unwrap().len(), 1);
        let whole = index.prune(&|_, _| Some(AccessClass(0))).unwrap();
        assert_eq!(whole, Pruned::default(), "both halves hold the same");
    }
}

#[test]
fn what_is_added_later_changes_neither_hits_nor_scores_of_an_older_generation() {
    for home in homes() {
        let index = home.open();
        let everyone = permit([0]);
        let search = |through| {
            let words = index.search_lexical(&everyone, Generation(through), "corpus", 9);
            let vectors = index.search_vector(&everyone, Generation(through), &axis(0), 9);
            (words.unwrap(), vectors.unwrap())
        };
        add_document(&index, "one", 1, 0, "habeas corpus");
        index.flush().unwrap();
        index.set_visible(Generation(1));
        let then = search(1);
        add_document(&index, "two", 2, 0, "corpus iuris, and a longer corpus");
        index.flush().unwrap();
        index.set_visible(Generation(2));
        assert_eq!(search(1), then);
        assert_eq!((search(2).0.len(), search(2).1.len()), (2, 2));
    }
}

#[test]
fn removed_documents_and_generations_are_gone() {
    for home in homes() {
        let index = home.open();
        let everyone = permit([0, 1]);
        let old = add_document(&index, "will", 1, 0, "the testament");
        assert_eq!(add_document(&index, "will", 2, 1, "the testament"), old);
        let other = add_document(&index, "deed", 3, 0, "the testament");
        index.flush().unwrap();
        index.set_visible(Generation(3));
        index.remove_generation(old, Generation(1)).unwrap();
        index.flush().unwrap();
        let writings: Vec<_> = index.writings().unwrap().into_keys().collect();
        let mut expected = vec![(old, Generation(2)), (other, Generation(3))];
        expected.sort();
        assert_eq!(writings, expected);
        assert_eq!(found(&index, &permit([1]), "testament"), ([old].into(), [old].into()));
        index.remove_document(old).unwrap();
        index.flush().unwrap();
        assert_eq!(found(&index, &everyone, "testament"), ([other].into(), [other].into()));
        index.optimise().unwrap();
        assert_eq!(found(&index, &everyone, "testament"), ([other].into(), [other].into()));
        assert_eq!(index.count(), 1);
    }
}

#[test]
fn a_kill_loses_only_what_was_not_flushed_and_start_up_prunes_the_rest() {
    for home in homes() {
        let index = home.open();
        let active = add_document(&index, "active", 1, 0, "durable words");
        let waiting = add_document(&index, "waiting", 2, 0, "durable words");
        index.flush().unwrap();
        add_document(&index, "unflushed", 3, 0, "durable words");
        let killed = tempfile::tempdir().unwrap();
        copy_dir(home.dir.path(), killed.path());
        let again = home.open_at(killed.path());
        let known = |document, generation| {
            ((document, generation) == (active, Generation(1))).then_some(AccessClass(0))
        };
        assert!(again.prune(&known).unwrap().dropped >= 1, "what was never activated goes");
        again.set_visible(Generation(9));
        assert_eq!(found(&again, &permit([0]), "durable"), ([active].into(), [active].into()));
        assert_eq!(again.prune(&known).unwrap(), Pruned::default());
        // The next change works, and is there after a clean restart as well.
        let next = add_document(&again, "next", 4, 0, "durable words");
        again.flush().unwrap();
        drop(again);
        let again = home.open_at(killed.path());
        assert_eq!(again.count(), 2);
        again.set_visible(Generation(9));
        let both = BTreeSet::from([active, next]);
        assert_eq!(found(&again, &permit([0]), "durable"), (both.clone(), both));
        assert!(!again.writings().unwrap().contains_key(&(waiting, Generation(2))));
    }
}

#[test]
fn another_class_takes_effect_in_both_halves_and_keeps_ranks_and_scores() {
    for home in homes() {
        let index = home.open();
        let passages: Vec<_> = (0..5).map(|at| passage("moved", 1, at, "escrow terms")).collect();
        let vectors: Vec<_> = (0..5).map(axis).collect();
        let rows: Vec<_> = passages.iter().zip(vectors.iter().map(Vec::as_slice)).collect();
        add(&index, 1, 0, &rows);
        add_document(&index, "stays", 2, 0, "escrow terms");
        index.flush().unwrap();
        index.optimise().unwrap();
        index.set_visible(Generation(2));
        let search = |class: Vec<u32>| {
            let words = index.search_lexical(&permit(class.clone()), NEWEST, "escrow", 9).unwrap();
            (words, index.search_vector(&permit(class), NEWEST, &axis(1), 9).unwrap())
        };
        let before = search(vec![0, 1]);
        let moved = (passages[0].document, Generation(1));
        index.set_class(moved, AccessClass(1), &passages).unwrap();
        index.flush().unwrap();
        let strip = |(words, vectors): (Vec<Hit>, Vec<Hit>)| {
            let mut all = [words, vectors].concat();
            all.iter_mut().for_each(|hit| hit.class = AccessClass(0));
            all
        };
        assert_eq!(strip(search(vec![0, 1])), strip(before));
        let sizes = |class| {
            let (words, vectors) = search(vec![class]);
            (words.len(), vectors.len())
        };
        assert_eq!((sizes(0), sizes(1)), ((1, 1), (5, 5)));
        let class_of = |document, _| Some(AccessClass(u32::from(document == moved.0)));
        assert_eq!(index.prune(&class_of).unwrap(), Pruned::default());

        // A crash between the two halves is found, and mended by saying it again.
        index.vector.set_class(moved.0, moved.1, AccessClass(7)).unwrap();
        let found = index.prune(&class_of).unwrap();
        assert_eq!(found, Pruned { dropped: 0, misplaced: [moved].into() });
        index.set_class(moved, AccessClass(1), &passages).unwrap();
        index.flush().unwrap();
        assert_eq!(index.prune(&class_of).unwrap(), Pruned::default());
        drop(index);
        let again = home.open();
        assert_eq!(again.prune(&class_of).unwrap(), Pruned::default(), "also after a restart");
    }
}

#[test]
fn a_half_made_or_half_rewritten_folder_is_mended() {
    let home = Home { dir: tempfile::tempdir().unwrap(), vector: VectorChoice::Embedded };
    let at = |name: &str| home.dir.path().join(name);
    fs::create_dir_all(at("lexical")).unwrap();
    fs::create_dir_all(at("vector.new/wal")).unwrap();
    let index = home.open();
    let one = add_document(&index, "one", 1, 0, "mended");
    index.flush().unwrap();
    drop(index);
    // A crash between the two renames of a rewrite.
    fs::create_dir_all(at("vector.new/segments")).unwrap();
    fs::rename(at("vector"), at("vector.old")).unwrap();
    let index = home.open();
    index.set_visible(Generation(1));
    assert_eq!(found(&index, &permit([0]), "mended"), ([one].into(), [one].into()));
    assert!(!at("vector.new").exists() && !at("vector.old").exists());
}

#[test]
fn an_index_that_lost_a_half_says_so() {
    let home = Home { dir: tempfile::tempdir().unwrap(), vector: VectorChoice::Embedded };
    let index = home.open();
    let one = add_document(&index, "one", 1, 0, "uneven");
    index.flush().unwrap();
    drop(index);
    fs::remove_dir_all(home.dir.path().join("vector")).unwrap();
    let error = home.open().prune(&|_, _| Some(AccessClass(0))).unwrap_err();
    assert!(
        matches!(error, IndexError::Uneven { document, words: 1, vectors: 0 } if document == one),
        "{error:?}"
    );
}

#[test]
fn vectors_of_another_encoder_are_refused() {
    for home in homes() {
        let index = home.open();
        let passage = passage("one", 1, 0, "text");
        let short = [1.0; DIM - 1];
        let added = index.add(Generation(1), AccessClass(0), &[(&passage, &short)]);
        assert!(matches!(added, Err(IndexError::Dimension { expected: DIM, .. })));
        let searched = index.search_vector(&permit([0]), NEWEST, &short, 1);
        assert!(matches!(searched, Err(SearchError::Dimension { expected: DIM, .. })));
        drop(index);
        let options = IndexOptions {
            dir: home.dir.path().to_owned(),
            dim: DIM + 1,
            vector: home.vector.clone(),
        };
        let opened = Index::open(&options).err().unwrap();
        assert!(
            matches!(
                opened,
                IndexError::Vector(VectorError::Dimension { found: DIM, expected, .. })
                    if expected == DIM + 1
            ),
            "{opened:?}"
        );
    }
}

#[test]
fn nobody_finds_anything_without_a_class_and_limits_hold() {
    for home in homes() {
        let index = home.open();
        for name in ["a", "b", "c"] {
            add_document(&index, name, 1, 0, "common");
        }
        index.flush().unwrap();
        index.set_visible(Generation(1));
        assert_eq!(found(&index, &permit([]), "common"), Default::default());
        assert_eq!(found(&index, &permit([1]), "common"), Default::default());
        for (limit, count) in [(0, 0), (1, 1), (2, 2), (3, 3), (usize::MAX, 3)] {
            let words = index.search_lexical(&permit([0]), NEWEST, "common", limit).unwrap();
            let vectors = index.search_vector(&permit([0]), NEWEST, &axis(0), limit).unwrap();
            assert_eq!((words.len(), vectors.len()), (count, count), "limit {limit}");
        }
        for empty in ["", "the of and", "?!", "zebra"] {
            assert_eq!(
                index.search_lexical(&permit([0]), NEWEST, empty, 9).unwrap(),
                [],
                "{empty}"
            );
        }
    }
}

#[test]
fn a_permit_of_ten_thousand_classes_works() {
    for home in homes() {
        let index = home.open();
        for class in [0, 1, 9_998, 9_999, 10_000] {
            add_document(&index, &class.to_string(), 1, class, "many");
        }
        index.flush().unwrap();
        index.set_visible(Generation(1));
        let even = permit((0..20_000).step_by(2));
        let expected: BTreeSet<_> =
            ["0", "9998", "10000"].map(|name| DocumentId::of(name.as_bytes())).into();
        assert_eq!(found(&index, &even, "many"), (expected.clone(), expected));
    }
}

#[test]
fn rewriting_takes_removed_words_and_vectors_off_the_disk() {
    let home = Home { dir: tempfile::tempdir().unwrap(), vector: VectorChoice::Embedded };
    let index = home.open();
    let kept = add_document(&index, "kept", 1, 0, "ordinary words");
    let secret = passage("secret", 2, 0, "zyzzogeton");
    // Of length 1 exactly, so that it is stored as it is.
    let mut vector = vec![0.0; DIM];
    for (at, value) in [(2, 0.5), (3, -0.5), (11, 0.5), (17, -0.5)] {
        vector[at] = value;
    }
    add(&index, 2, 0, &[(&secret, &vector)]);
    index.flush().unwrap();
    let stored: Vec<u8> = vector.iter().flat_map(|number| number.to_le_bytes()).collect();
    let id = secret.document.to_string();
    for trace in [&stored, id.as_bytes()] {
        assert!(holds(home.dir.path(), trace), "the search for traces works");
    }
    let segments = segment_files(&home.dir.path().join("lexical"));
    index.remove_document(secret.document).unwrap();
    index.flush().unwrap();
    index.rewrite().unwrap();
    for trace in [&stored, id.as_bytes()] {
        assert!(!holds(home.dir.path(), trace), "a trace is still on the disk");
    }
    // Terms lie in an automaton, where no search for bytes finds them: every file must be new.
    let rewritten = segment_files(&home.dir.path().join("lexical"));
    assert!(!segments.is_empty() && !rewritten.is_empty());
    assert!(segments.is_disjoint(&rewritten));
    index.set_visible(Generation(2));
    let expected = ([kept].into(), [kept].into());
    assert_eq!(found(&index, &permit([0]), "ordinary zyzzogeton"), expected);
    drop(index);
    let index = home.open();
    index.set_visible(Generation(2));
    assert_eq!(found(&index, &permit([0]), "ordinary"), expected);
}

/// Tantivy's data files: named after the segment, unlike its two lists of files and its locks.
fn segment_files(dir: &Path) -> BTreeSet<std::ffi::OsString> {
    let names = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name());
    names
        .filter(|name| {
            !name.to_str().unwrap().ends_with("json") && !name.to_str().unwrap().ends_with("lock")
        })
        .collect()
}

/// Edge keeps its write-ahead log for ever: we must not, and its numbers must go on.
#[test]
fn the_write_ahead_log_is_trimmed_and_changes_still_count() {
    let home = tempfile::tempdir().unwrap();
    let dir = home.path().join("vector");
    let dim = 1_024;
    let vector = Embedded::open(&dir, dim, EXACT_KIB).unwrap();
    let passages: Vec<_> = (0..256).map(|at| passage("long", 1, at, "")).collect();
    let mut numbers = vec![0.7; dim];
    numbers[0] = 0.1;
    let points: Vec<Point<'_>> = passages
        .iter()
        .map(|passage| Point {
            passage: passage.id,
            document: passage.document,
            ordinal: passage.ordinal,
            generation: Generation(1),
            class: AccessClass(0),
            vector: &numbers,
        })
        .collect();
    let log = || fs::read_dir(dir.join("wal")).unwrap().count();
    for _ in 0..70 {
        vector.upsert(&points).unwrap();
    }
    vector.flush().unwrap();
    let before = log();
    vector.optimise().unwrap();
    assert!(before > 8 && log() < 6, "{before} files, then {}", log());
    let document = passages[0].document;
    let all = Writing { passages: 256, class: Some(AccessClass(0)) };
    assert_eq!(vector.writings().unwrap(), [((document, Generation(1)), all)].into());
    vector.remove_document(document).unwrap();
    vector.flush().unwrap();
    drop(vector);
    let vector = Embedded::open(&dir, dim, EXACT_KIB).unwrap();
    assert_eq!(vector.writings().unwrap(), Writings::new(), "the removal was not passed over");
}

/// Whether any file under `dir` holds `needle`.
fn holds(dir: &Path, needle: &[u8]) -> bool {
    walkdir::WalkDir::new(dir).into_iter().map(Result::unwrap).any(|entry| {
        entry.file_type().is_file() && {
            let bytes = fs::read(entry.path()).unwrap();
            let end = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
            let end = bytes.len().min(end + needle.len()); // Files are made larger than they need.
            bytes[..end].windows(needle.len()).any(|at| at == needle)
        }
    })
}
