//! Every write fails once, in each way: no receipt may be lost, and the log must open again; or go
//! on by itself, where only space was lacking.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::*;
use crate::audit::faults::{Cause, Fault, FaultyFiles, Operation};
use crate::audit::log::Pace;
use crate::domain::digest::Digest;
use crate::domain::ids::EntryIndex;

/// Leaf hashes by index, of entries that must never be lost.
type Receipts = BTreeMap<u64, Digest>;

/// Looks for space all the time, and rewrites its journal after the third entry or so.
/// Publishes when told, so that writes come in one order.
const PACE: Pace = Pace {
    publish_delay: Duration::from_secs(3_600),
    probe: Duration::from_millis(1),
    rewrite_bytes: 2_000,
    ..Pace::USUAL
};

fn open(home: &Home, files: &Arc<FaultyFiles>) -> Option<Log> {
    let (clock, entropy) = home.parts();
    let files = Arc::clone(files) as Arc<dyn LogFiles>;
    Log::open_paced(&home.paths, clock, entropy, files, PACE).ok().map(|(log, _)| log)
}

/// Appends four entries, publishing after each; adds their receipts.
fn run(log: &Log, receipts: &mut Receipts) {
    let mut halted = false;
    for page in 0..4 {
        match log.append(viewed(page)) {
            Ok(receipt) => {
                assert!(!halted, "a log that takes nothing takes nothing");
                receipts.insert(receipt.index().0, receipt.leaf());
            }
            Err(AppendError::NotDurable { .. } | AppendError::Full) => halted = true,
            Err(other) => panic!("{other}"),
        }
        // A journal is rewritten after the answer, which may fail too.
        log.settle().unwrap();
        halted |= log.publish().is_err() || log.condition() != Condition::Running;
    }
}

/// Opens the log with healthy files: whatever a receipt was given for is there.
fn check(home: &Home, receipts: &Receipts, case: &str) -> Vec<Entry> {
    let (log, recovery) = home.try_open().unwrap_or_else(|error| panic!("{case}: {error}"));
    for (index, leaf) in receipts {
        let entry = log.read(EntryIndex(*index)).unwrap();
        assert_eq!(Digest::from_bytes(merkle::leaf_hash(&entry.bytes)), *leaf, "{case}");
    }
    let entries = log.entries(EntryIndex(0), 1_000).unwrap();
    log.append(viewed(9)).unwrap();
    log.close();
    let report = home.verify();
    assert!(report.ok && report.size == recovery.size + 1, "{case}: {report:?}");
    entries
}

/// What a run from `start` writes where nothing fails.
fn healthy(start: &Home, known: &Receipts) -> Vec<Operation> {
    let home = start.copy();
    let files = Arc::new(FaultyFiles::healthy(home.paths.clone()));
    let mut receipts = known.clone();
    let log = open(&home, &files).unwrap();
    run(&log, &mut receipts);
    log.close();
    assert_eq!(receipts.len(), known.len() + 4);
    check(&home, &receipts, "no fault");
    files.operations()
}

/// Runs from `start` on a disk that breaks at each write, in each way.
fn broken(start: &Home, known: &Receipts) {
    let writes = healthy(start, known);
    for fault in Fault::ALL {
        for (nth, operation) in writes.iter().enumerate() {
            let case = format!("{fault:?} at write {nth}, {operation:?}");
            let home = start.copy();
            let files = Arc::new(FaultyFiles::new(home.paths.clone(), nth, fault, Cause::Broken));
            let mut receipts = known.clone();
            // Opening writes too. Where that fails, there is nothing to append to.
            if let Some(log) = open(&home, &files) {
                run(&log, &mut receipts);
                assert!(log.is_stopped() && log.failure().is_some(), "{case}");
            }
            assert_eq!(files.operations().get(nth), Some(operation), "the fault was reached");
            let entries = check(&home, &receipts, &case);
            let promised = receipts.keys().last().map_or(254, |last| last + 1);
            // One entry more may be there: nobody was told about it.
            let found = entries.len() as u64;
            assert!((promised..=promised + 1).contains(&found), "{case}: {found}");
        }
    }
}

/// A log whose journal is about to be rewritten and whose tile is about to be full.
fn start() -> Home {
    let start = Home::new();
    start.fill(254);
    start
}

#[test]
fn no_fault_ever_yields_a_receipt_for_a_lost_entry() {
    let start = start();
    let seen: BTreeSet<_> = healthy(&start, &Receipts::new()).into_iter().collect();
    let usual = Operation::ALL.into_iter().filter(|one| *one != Operation::FreeReserve);
    assert!(seen.into_iter().eq(usual), "every kind of write is among those that fail");
    broken(&start, &Receipts::new());
}

#[test]
fn an_entry_leaves_the_journal_only_behind_a_checkpoint_that_is_on_disk_for_good() {
    // A kill came between the renaming of the checkpoint and the fsync of its folder.
    let home = start();
    let before = fs::read(home.paths.log.join("checkpoint")).unwrap();
    let files = Arc::new(FaultyFiles::healthy(home.paths.clone()));
    open(&home, &files).unwrap().close();
    let expected = [Operation::MakeReserve, Operation::Publish, Operation::ReplaceJournal];
    assert_eq!(files.operations(), expected);
    assert_eq!(fs::read(home.paths.log.join("checkpoint")).unwrap(), before);
}

#[test]
fn a_folder_whose_making_was_cut_off_becomes_readable() {
    use std::os::unix::fs::PermissionsExt as _;
    let home = Home::new();
    let folder = home.paths.log.join("tile").join("entries");
    fs::create_dir_all(&folder).unwrap();
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o700)).unwrap();
    home.fill(1);
    assert_eq!(fs::metadata(&folder).unwrap().permissions().mode() & 0o777, 0o755);
}

#[test]
fn no_fault_while_recovering_from_a_fault_loses_anything() {
    let start = start();
    let writes = healthy(&start, &Receipts::new());
    // Each write of the second publication, which completes a tile.
    let appends = writes.iter().enumerate().filter(|(_, one)| **one == Operation::AppendJournal);
    let second: Vec<usize> = appends.map(|(at, _)| at).skip(1).take(2).collect();
    for nth in second[0] + 1..second[1] {
        let crashed = start.copy();
        let files = FaultyFiles::new(crashed.paths.clone(), nth, Fault::Lost, Cause::Broken);
        let mut receipts = Receipts::new();
        run(&open(&crashed, &Arc::new(files)).unwrap(), &mut receipts);
        assert_eq!(receipts.len(), 2, "write {nth}");
        let (log, recovery) = crashed.copy().try_open().unwrap();
        assert_eq!((recovery.size, recovery.torn_bytes), (256, 0), "write {nth}");
        drop(log);
        // The partial files are gone already, the checkpoint over the full one is not there yet.
        if nth + 1 == second[1] {
            broken(&crashed, &receipts);
        }
    }
}

#[test]
fn a_log_without_space_says_so_refuses_and_goes_on_by_itself() {
    let start = start();
    let writes = healthy(&start, &Receipts::new());
    let mut seen = BTreeSet::new();
    for fault in Fault::ALL {
        for (nth, operation) in writes.iter().enumerate() {
            // The reserve lasts for all that is to be said, for a part of it, for nothing.
            let reserves: &[u64] =
                if fault == Fault::Lost { &[u64::MAX, 3, 0] } else { &[u64::MAX] };
            for &reserve in reserves {
                let case = format!("{fault:?} at write {nth}, {operation:?}, {reserve}");
                let home = start.copy();
                let cause = Cause::Full { reserve };
                let files = Arc::new(FaultyFiles::new(home.paths.clone(), nth, fault, cause));
                let mut receipts = Receipts::new();
                let Some(log) = open(&home, &files) else {
                    check(&home, &receipts, &case);
                    continue;
                };
                run(&log, &mut receipts);
                assert_eq!(log.condition(), Condition::Full, "{case}");
                assert!(matches!(log.append(viewed(8)), Err(AppendError::Full)), "{case}");
                files.give_space();
                while log.condition() == Condition::Full {
                    thread::park_timeout(Duration::from_millis(1));
                }
                assert_eq!(log.condition(), Condition::Running, "{case}");
                let receipt = log.append(viewed(7)).unwrap();
                receipts.insert(receipt.index().0, receipt.leaf());
                log.close();
                seen.extend(files.operations());
                let entries = check(&home, &receipts, &case);
                let count = |kind| entries.iter().filter(|entry| entry.kind() == kind).count();
                assert_eq!(count("log.storage_restored"), 1, "{case}");
                let said = count("log.storage_full");
                assert!(said == 1 || (said == 0 && reserve != u64::MAX), "{case}");
                let restored = entries.iter().find(|one| one.kind() == "log.storage_restored");
                assert!(restored.unwrap().details()["refused"].as_u64() > Some(0), "{case}");
            }
        }
    }
    assert!(seen.into_iter().eq(Operation::ALL), "every kind of write was seen");
}
