//! Every write fails once, in each way: no receipt may be lost, and the log must open again.

use std::collections::BTreeMap;

use super::*;
use crate::audit::faults::{Fault, FaultyFiles};
use crate::domain::digest::Digest;
use crate::domain::ids::EntryIndex;

/// Leaf hashes by index, of entries that must never be lost.
type Receipts = BTreeMap<u64, Digest>;

/// Appends four entries, publishing after each; adds their receipts.
fn run(home: &Home, files: &Arc<FaultyFiles>, receipts: &mut Receipts) {
    let (clock, entropy) = home.parts();
    let files = Arc::clone(files) as Arc<dyn LogFiles>;
    // Opening writes too. Where that fails, there is nothing to append to.
    let Ok((log, _)) = Log::open_on(&home.paths, clock, entropy, files) else { return };
    let mut stopped = false;
    for page in 0..4 {
        match log.append(viewed(page)) {
            Ok(receipt) => {
                assert!(!stopped, "a stopped log takes nothing");
                receipts.insert(receipt.index().0, receipt.leaf());
            }
            Err(AppendError::NotDurable { .. }) => stopped = true,
            Err(other) => panic!("{other}"),
        }
        stopped |= log.publish().is_err();
        assert_eq!(log.is_stopped(), stopped);
    }
}

/// Opens the log with healthy files: whatever a receipt was given for is there.
fn check(home: &Home, receipts: &Receipts, case: &str) {
    let (log, recovery) = home.try_open().unwrap_or_else(|error| panic!("{case}: {error}"));
    let promised = receipts.keys().last().map_or(254, |last| last + 1);
    // One entry more may be there: nobody was told about it.
    assert!((promised..=promised + 1).contains(&recovery.size), "{case}: {recovery:?}");
    for (index, leaf) in receipts {
        let entry = log.read(EntryIndex(*index)).unwrap();
        assert_eq!(Digest::from_bytes(merkle::leaf_hash(&entry.bytes)), *leaf, "{case}");
    }
    log.append(viewed(9)).unwrap();
    log.close();
    let report = home.verify();
    assert!(report.ok && report.size == recovery.size + 1, "{case}: {report:?}");
}

/// Runs from `start` with each write failing in each way; gives how often.
fn matrix(start: &Home, known: &Receipts) -> u64 {
    let counted = start.copy();
    let healthy = Arc::new(FaultyFiles::new(counted.paths.clone(), u64::MAX, Fault::Lost));
    let mut receipts = known.clone();
    run(&counted, &healthy, &mut receipts);
    assert_eq!(receipts.len(), known.len() + 4);
    check(&counted, &receipts, "no fault");
    for fault in [Fault::Lost, Fault::Kept, Fault::Torn] {
        for nth in 0..healthy.writes() {
            let home = start.copy();
            let files = Arc::new(FaultyFiles::new(home.paths.clone(), nth, fault));
            let mut receipts = known.clone();
            run(&home, &files, &mut receipts);
            assert!(files.writes() > nth, "the fault was reached");
            check(&home, &receipts, &format!("{fault:?} at write {nth}"));
        }
    }
    healthy.writes()
}

#[test]
fn no_fault_ever_yields_a_receipt_for_a_lost_entry() {
    let start = Home::new();
    start.fill(254);
    // Four commits, and four publications across the end of a tile.
    assert_eq!(matrix(&start, &Receipts::new()), 1 + 4 + 4 * 3 + 3);
}

#[test]
fn no_fault_while_recovering_from_a_fault_loses_anything() {
    let start = Home::new();
    start.fill(254);
    // Each write of the second publication, which completes a tile; none of its checkpoint.
    for nth in 6..=11 {
        let crashed = start.copy();
        let files = Arc::new(FaultyFiles::new(crashed.paths.clone(), nth, Fault::Lost));
        let mut receipts = Receipts::new();
        run(&crashed, &files, &mut receipts);
        assert_eq!(receipts.len(), 2, "write {nth}");
        let (log, recovery) = crashed.copy().try_open().unwrap();
        assert_eq!(recovery, Recovery { size: 256, replayed: 1, torn_bytes: 0 }, "write {nth}");
        drop(log);
        // The partial files are gone already, the checkpoint over the full one is not there yet.
        if nth == 10 {
            assert!(matrix(&crashed, &receipts) > 20);
        }
    }
}
