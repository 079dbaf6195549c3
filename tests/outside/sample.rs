//! A log that the real writer has written, in a folder of its own.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use affiant::audit::tile::{Part, PartKind, TILE_WIDTH};
use affiant::audit::{Actor, Added, Event, Log, LogPaths, What};
use affiant::domain::clock::{Clock, SystemClock, SystemEntropy};
use affiant::domain::ids::{EntryIndex, RequestId};
use affiant::domain::payload::Token;
use affiant::domain::principal::Via;
use tempfile::TempDir;

const ORIGIN: &str = "appliance.test/audit/outside/1";

/// A home with a log of some size, an older checkpoint of it, and proofs.
pub(crate) struct Sample {
    folder: TempDir,
    proofs: Vec<PathBuf>,
}

impl Sample {
    /// Appends `older` entries, keeps the checkpoint, appends up to `size`, and proves some.
    pub(crate) fn new(older: u64, size: u64) -> Self {
        Self::empty().fill(older, size)
    }

    /// Two logs of the same key with different entries.
    pub(crate) fn twins(older: u64, size: u64) -> [Self; 2] {
        let (one, other) =
            (Self::empty(), Self { folder: TempDir::new().unwrap(), proofs: vec![] });
        for entry in walkdir::WalkDir::new(one.folder.path()).into_iter().map(Result::unwrap) {
            let below = entry.path().strip_prefix(one.folder.path()).unwrap();
            let target = other.folder.path().join(below);
            if entry.file_type().is_dir() {
                fs::create_dir_all(target).unwrap();
            } else {
                fs::copy(entry.path(), target).unwrap();
            }
        }
        [one.fill(older, size), other.fill(older, size)]
    }

    /// A log that an old and a new key both sign, and the verifier key of each.
    pub(crate) fn rotated(older: u64, size: u64) -> (Self, [String; 2]) {
        let sample = Self::empty();
        let log = sample.open();
        let (turn, _) = log.rotate_key(of).unwrap().into_parts();
        log.close();
        (sample.fill(older, size), [turn.old.to_string(), turn.new.to_string()])
    }

    /// Lets the new key sign alone.
    pub(crate) fn retire(&self) {
        let log = self.open();
        log.retire_key(of).unwrap();
        append(&log, 9);
        log.close();
    }

    /// Lets the judges trust this verifier key.
    pub(crate) fn trust(&self, vkey: &str) {
        write(&self.folder.path().join("log.vkey"), format!("{vkey}\n").as_bytes());
    }

    fn open(&self) -> Log {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::start());
        let paths = LogPaths::of(self.folder.path());
        Log::open(&paths, clock, Arc::new(SystemEntropy)).unwrap().0
    }

    fn empty() -> Self {
        let folder = TempDir::new().unwrap();
        Log::create(&LogPaths::of(folder.path()), ORIGIN, &SystemEntropy).unwrap();
        Self { folder, proofs: Vec::new() }
    }

    fn fill(mut self, older: u64, size: u64) -> Self {
        let log = self.open();
        append(&log, older);
        log.publish().unwrap();
        self.write_older(log.checkpoint().as_bytes());
        append(&log, size - older);
        log.publish().unwrap();
        for index in [0, 1, size / 2, 255, 256, size - 1].into_iter().filter(|index| *index < size)
        {
            let path = self.folder.path().join(format!("{index}.tlog-proof"));
            write(&path, log.proof(EntryIndex(index)).unwrap().as_bytes());
            self.proofs.push(path);
        }
        log.close();
        self
    }

    fn log(&self) -> PathBuf {
        self.folder.path().join("log")
    }

    fn older(&self) -> PathBuf {
        self.folder.path().join("older-checkpoint")
    }

    /// What a checker is called with.
    pub(crate) fn arguments(&self) -> Vec<OsString> {
        let vkey = self.folder.path().join("log.vkey");
        let fixed = [self.log(), vkey, self.older()];
        fixed.iter().chain(&self.proofs).map(|path| path.clone().into_os_string()).collect()
    }

    pub(crate) fn vkey(&self) -> String {
        fs::read_to_string(self.folder.path().join("log.vkey")).unwrap()
    }

    /// The files that the log has at its size, by path below it; no older partial ones.
    pub(crate) fn files(&self) -> Vec<String> {
        let note = String::from_utf8(self.read("checkpoint")).unwrap();
        let size: u64 = note.lines().nth(1).unwrap().parse().unwrap();
        let mut found = vec!["checkpoint".to_owned()];
        for kind in [PartKind::Entries, PartKind::Tile(0), PartKind::Tile(1), PartKind::Tile(2)] {
            let full = (0..kind.count(size) / TILE_WIDTH).map(|number| Part::full(kind, number));
            found.extend(full.chain(kind.partial(size)).map(|part| part.to_string()));
        }
        found
    }

    pub(crate) fn read(&self, file: &str) -> Vec<u8> {
        fs::read(self.log().join(file)).unwrap()
    }

    pub(crate) fn write(&self, file: &str, bytes: &[u8]) {
        write(&self.log().join(file), bytes);
    }

    pub(crate) fn read_older(&self) -> Vec<u8> {
        fs::read(self.older()).unwrap()
    }

    pub(crate) fn write_older(&self, bytes: &[u8]) {
        write(&self.older(), bytes);
    }
}

#[expect(clippy::disallowed_methods, reason = "the test plays the forger")]
pub(crate) fn write(path: &Path, bytes: &[u8]) {
    fs::write(path, bytes).unwrap();
}

/// Appends questions and other entries, many at a time.
fn append(log: &Log, count: u64) {
    let next = AtomicU64::new(0);
    std::thread::scope(|scope| {
        for _ in 0..32 {
            scope.spawn(|| {
                loop {
                    let number = next.fetch_add(1, Ordering::SeqCst);
                    if number >= count {
                        return;
                    }
                    log.append(event(number)).unwrap();
                }
            });
        }
    });
}

/// Entries of many lengths, with texts that JSON escapes and others that it does not.
fn event(number: u64) -> Event {
    let document = Token::from_mac(u128::from(number).to_be_bytes());
    let what = match number % 3 {
        0 => What::DocumentViewed {
            document,
            page: 1,
            query: None,
            matter: None,
            patient: None,
            emergency: Added(None),
            purpose: Added(None),
            declared: Added(None),
        },
        1 => What::AuditRead { scope: "entry".into(), index: Some(EntryIndex(number)) },
        _ => What::AuditRead { scope: "\"§ 7\" \\ \u{1f600}\n\u{1}".repeat(9), index: None },
    };
    of(what)
}

fn of(what: What) -> Event {
    let actor = Actor { id: Token::from_mac([7; 16]), via: Via::Http, os_user: None };
    let req = RequestId::fresh(SystemClock::start().now(), &SystemEntropy);
    Event { actor, req, policy: None, what }
}
