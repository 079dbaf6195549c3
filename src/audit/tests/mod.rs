//! The room as a whole, on real files.

mod anchor;
mod anchor_samples;
mod chain;
mod changes;
mod epochs;
mod event;
mod faults;
mod keys;
mod notes;
mod open;
mod pressure;
mod strict;
mod tamper;
mod tlog_policy;
mod tree;
mod witness;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use tempfile::TempDir;
use uuid::Uuid;

use super::*;
use crate::domain::answer::Setting;
use crate::domain::clock::{Clock, Entropy, SystemEntropy, Timestamp};
use crate::domain::digest::Digest;
use crate::domain::ids::RequestId;
use crate::domain::payload::{PayloadRef, Token};
use crate::domain::principal::Via;

const ORIGIN: &str = "appliance.test/audit/1";

/// A clock that tests set.
struct SetClock(AtomicU64);

impl Clock for SetClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_unix_millis(self.0.load(Ordering::SeqCst))
    }

    fn steady(&self) -> std::time::Duration {
        std::time::Duration::from_millis(self.0.load(Ordering::SeqCst))
    }
}

/// A home with a log in it.
struct Home {
    folder: TempDir,
    paths: LogPaths,
    vkey: String,
    clock: Arc<SetClock>,
}

impl Home {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let paths = LogPaths::of(folder.path());
        let vkey = Log::create(&paths, ORIGIN, &SystemEntropy).unwrap();
        let clock = Arc::new(SetClock(AtomicU64::new(1_767_225_600_000)));
        Self { folder, paths, vkey, clock }
    }

    /// The same home, copied elsewhere.
    fn copy(&self) -> Self {
        let folder = tempfile::tempdir().unwrap();
        copy_folder(self.folder.path(), folder.path());
        let paths = LogPaths::of(folder.path());
        Self { folder, paths, vkey: self.vkey.clone(), clock: Arc::clone(&self.clock) }
    }

    fn parts(&self) -> (Arc<dyn Clock>, Arc<dyn Entropy>) {
        (Arc::clone(&self.clock) as Arc<dyn Clock>, Arc::new(SystemEntropy))
    }

    fn try_open(&self) -> Result<(Log, Recovery), OpenError> {
        let (clock, entropy) = self.parts();
        Log::open(&self.paths, clock, entropy)
    }

    fn open(&self) -> Log {
        self.try_open().unwrap().0
    }

    fn verify(&self) -> Report {
        verify(&self.paths.log, &self.vkey)
    }

    /// Appends `count` entries, many at a time, and closes the log.
    fn fill(&self, count: u64) {
        let log = self.open();
        append_many(&log, count);
        log.close();
    }

    /// Every file of the published log, by path below it.
    fn log_files(&self) -> Vec<String> {
        let mut found = Vec::new();
        list(&self.paths.log, &self.paths.log, &mut found);
        found.sort();
        found
    }
}

fn append_many(log: &Log, count: u64) {
    let next = AtomicU64::new(0);
    thread::scope(|scope| {
        for _ in 0..32 {
            scope.spawn(|| {
                while next.fetch_add(1, Ordering::SeqCst) < count {
                    log.append(viewed(1)).unwrap();
                }
            });
        }
    });
}

/// An event; of a query, under the policy set that [`started`] names.
fn event_of(req: u128, what: What) -> Event {
    let actor = Actor { id: Token::from_mac([7; 16]), via: Via::Http, os_user: None };
    let policy = QueryStep::of(what.kind().0).map(|_| Digest::of(b""));
    Event { actor, req: RequestId(Uuid::from_u128(req)), policy, what }
}

fn started() -> What {
    let digest = Digest::of(b"");
    What::LogStarted { binary: digest, config: digest, policy: digest, models: [].into(), size: 0 }
}

fn payload() -> PayloadRef {
    let digest = Digest::of(b"payload");
    PayloadRef { blob_sha256: digest, len: 7, key: "k".into(), commit: digest }
}

/// An entry that belongs to no query.
fn viewed(page: u32) -> Event {
    event_of(
        1,
        What::DocumentViewed {
            document: Token::from_mac([9; 16]),
            page,
            query: None,
            matter: None,
            patient: None,
            emergency: Added(None),
            purpose: Added(None),
            declared: Added(None),
        },
    )
}

fn received() -> What {
    What::QueryReceived {
        kind: QueryKind::Search,
        mode: "hybrid".into(),
        top_k: 8,
        purpose: None,
        matter: None,
        patient: None,
        rights: Token::from_mac([8; 16]),
        setting: Setting::default(),
        emergency: Added(None),
        payload: Some(payload()),
    }
}

fn retrieved() -> What {
    What::RetrievalDone {
        generation: 1,
        hits: Vec::new(),
        withheld: 0,
        matters: Vec::new(),
        patients: Vec::new(),
        payload: Some(payload()),
    }
}

fn failed() -> What {
    What::QueryFailed { reason: "interrupted".into() }
}

fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for item in fs::read_dir(from).unwrap() {
        let item = item.unwrap();
        let target = to.join(item.file_name());
        if item.file_type().unwrap().is_dir() {
            copy_folder(&item.path(), &target);
        } else {
            fs::copy(item.path(), target).unwrap();
        }
    }
}

fn list(root: &Path, folder: &Path, found: &mut Vec<String>) {
    for item in fs::read_dir(folder).unwrap() {
        let path: PathBuf = item.unwrap().path();
        if path.is_dir() {
            list(root, &path, found);
        } else {
            found.push(path.strip_prefix(root).unwrap().to_str().unwrap().to_owned());
        }
    }
}

/// Overwrites a file behind the log's back.
fn tamper(path: &Path, bytes: &[u8]) {
    use std::io::Write as _;
    let mut file =
        fs::OpenOptions::new().write(true).create(true).truncate(true).open(path).unwrap();
    file.write_all(bytes).unwrap();
}

fn kinds(report: &Report) -> Vec<&str> {
    report.problems.iter().map(|problem| problem.kind.as_str()).collect()
}
