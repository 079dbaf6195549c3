//! Hundreds of random changes to a log's files, each of which the verifier finds.

use std::sync::Mutex;

use proptest::prelude::Rng as _;
use proptest::test_runner::{RngAlgorithm, TestRng};

use super::*;

/// Random changes, of each kind about as many.
const CHANGES: usize = 300;
/// Copies of the log that are changed at the same time: a log that may be growing gets a second.
const COPIES: usize = 12;

/// What is done to the files of a log.
#[derive(Clone, Debug)]
enum Change {
    /// One byte becomes another.
    Byte { file: usize, at: u64, flip: u8 },
    /// The file ends earlier.
    Truncated { file: usize, at: u64 },
    /// The file goes on.
    Extended { file: usize, more: Vec<u8> },
    /// Two files change places.
    Swapped { one: usize, other: usize },
    /// A file takes the place of another.
    Overwritten { from: usize, to: usize },
    /// A file lies a second time under another name that a log may have, or never has.
    Duplicated { from: usize, name: String },
    /// A file is gone.
    Removed { file: usize },
}

fn random(below: usize, rng: &mut TestRng) -> usize {
    (rng.next_u64() % below as u64) as usize
}

fn change(files: &[String], rng: &mut TestRng) -> Change {
    let file = random(files.len(), rng);
    let other = random(files.len(), rng);
    let at = rng.next_u64();
    match rng.next_u32() % 10 {
        0..=3 => Change::Byte { file, at, flip: (rng.next_u32() % 255) as u8 + 1 },
        4 => Change::Truncated { file, at },
        5 => {
            let mut more = vec![0; random(40, rng) + 1];
            rng.fill_bytes(&mut more);
            Change::Extended { file, more }
        }
        6 => Change::Swapped { one: file, other },
        7 => Change::Overwritten { from: file, to: other },
        8 => {
            let names = [
                "tile/0/003",
                "tile/0/001.p/199",
                "tile/0/002.p/200",
                "tile/1/001",
                "tile/2/000",
                "tile/1/000.p/9",
                "tile/entries/009",
                "tile/entries/002.p/77",
                "tile/entries/0",
                "checkpoint.old",
                "tile/0/000.bak",
                "tile/7/000.p/1",
                "tile/data/000",
                "x",
            ];
            Change::Duplicated { from: file, name: names[random(names.len(), rng)].to_owned() }
        }
        _ => Change::Removed { file },
    }
}

/// Makes the change; `None` where nothing would differ, or where a log may be so too.
fn apply(home: &Home, files: &[String], change: &Change) -> Option<()> {
    let path = |file: &str| home.paths.log.join(file);
    let read = |file: usize| fs::read(path(&files[file])).unwrap();
    let put = |file: usize, bytes: &[u8]| tamper(&path(&files[file]), bytes);
    match change {
        Change::Byte { file, at, flip } => {
            let mut bytes = read(*file);
            let at = (*at % bytes.len() as u64) as usize;
            bytes[at] ^= flip;
            put(*file, &bytes);
        }
        Change::Truncated { file, at } => {
            let bytes = read(*file);
            put(*file, &bytes[..(*at % bytes.len() as u64) as usize]);
        }
        Change::Extended { file, more } => put(*file, &[read(*file).as_slice(), more].concat()),
        Change::Swapped { one, other } => {
            let (first, second) = (read(*one), read(*other));
            if first == second {
                return None;
            }
            put(*one, &second);
            put(*other, &first);
        }
        Change::Overwritten { from, to } => {
            let (first, second) = (read(*from), read(*to));
            if first == second {
                return None;
            }
            put(*to, &first);
        }
        Change::Duplicated { from, name } => {
            let target = path(name);
            fs::create_dir_all(target.parent().unwrap()).unwrap();
            tamper(&target, &read(*from));
        }
        Change::Removed { file } => {
            // Nobody can tell which old partial files there were.
            let old = files[*file].contains(".p/") && !TODAY.contains(&files[*file].as_str());
            if old {
                return None;
            }
            fs::remove_file(path(&files[*file])).unwrap();
        }
    }
    Some(())
}

/// The partial files of 556 entries.
const TODAY: [&str; 3] = ["tile/0/002.p/44", "tile/entries/002.p/44", "tile/1/000.p/2"];

#[test]
fn each_of_300_random_changes_is_found() {
    let home = Home::new();
    publish_in_batches(&home, &[100, 156, 40, 216, 30, 14]);
    let files = home.log_files();
    assert!(TODAY.iter().all(|name| files.iter().any(|file| file == name)), "{files:?}");
    assert!(files.iter().any(|file| file == "tile/0/002.p/30"), "an old one: {files:?}");
    assert_eq!(home.verify().problems, []);
    let seed = [7; 32];
    let mut rng = TestRng::from_seed(RngAlgorithm::ChaCha, &seed);
    let mut changes: Vec<Change> = Vec::new();
    let spare = home.copy();
    while changes.len() < CHANGES {
        let next = change(&files, &mut rng);
        if apply(&spare, &files, &next).is_some() {
            restore(&home, &spare);
            changes.push(next);
        }
    }
    let queue = Mutex::new(changes.iter().enumerate());
    thread::scope(|scope| {
        for _ in 0..COPIES {
            scope.spawn(|| {
                let copy = home.copy();
                loop {
                    let Some((number, change)) = queue.lock().unwrap().next() else { return };
                    apply(&copy, &files, change).unwrap();
                    let report = copy.verify();
                    let what = format!("change {number}: {change:?} of {files:?}");
                    assert!(!report.ok, "{what}");
                    assert!(PROBLEM_KINDS.iter().any(|k| k.kind == report.problems[0].kind));
                    restore(&home, &copy);
                    assert!(copy.verify().ok, "{what}, and back");
                }
            });
        }
    });
}

/// Publishes entries, a checkpoint after each batch, so that the files are the same in every run.
fn publish_in_batches(home: &Home, batches: &[u64]) {
    let key = fs::read_to_string(&home.paths.key).unwrap();
    let signer = note::NoteSigner::from_text(&key).unwrap();
    let files = DiskFiles::new(home.paths.clone());
    let mut publisher = publish::Publisher::new(tile::Edge::default(), Vec::new());
    let mut edge = tile::Edge::default();
    for count in batches {
        let fresh: Vec<_> = (0..*count).map(|_| shared::Stored::new(&some_entry())).collect();
        fresh.iter().for_each(|stored| drop(edge.push(stored.leaf)));
        let origin = ORIGIN.to_owned();
        let checkpoint = Checkpoint { origin, size: edge.size(), root: edge.root() };
        publisher.apply(&files, &fresh, &checkpoint.sign(&signer)).unwrap();
    }
}

fn some_entry() -> Vec<u8> {
    let ts = Timestamp::from_unix_millis(1_767_225_600_000);
    let mut entry = entry::Unsequenced::new(&viewed(1)).unwrap_or_else(|_| panic!("unfit"));
    entry.sequence(crate::domain::ids::uuid_v7(ts, &SystemEntropy), ts).unwrap()
}

/// The copy's files become those of the log again.
fn restore(home: &Home, copy: &Home) {
    let good = home.log_files();
    for file in copy.log_files() {
        if !good.contains(&file) {
            fs::remove_file(copy.paths.log.join(&file)).unwrap();
        }
    }
    for file in good {
        tamper(&copy.paths.log.join(&file), &fs::read(home.paths.log.join(&file)).unwrap());
    }
}
