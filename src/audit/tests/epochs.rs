//! A log ends, and another goes on from it, wherever the change is cut off.

use super::*;
use crate::audit::epoch;
use crate::audit::note::NoteVerifier;
use crate::domain::ids::EntryIndex;
use crate::durable;

/// A home whose log has `count` entries and then ends.
fn frozen(count: u64) -> Home {
    let home = Home::new();
    home.fill(count);
    freeze(&home);
    home
}

pub(super) fn freeze(home: &Home) {
    let log = home.open();
    let vkeys = log.keys().unwrap().iter().map(ToString::to_string).collect();
    log.append(event_of(8, What::LogFrozen { vkeys })).unwrap();
    log.close();
}

pub(super) fn begin(home: &Home) -> Result<Epoch, EpochError> {
    let (clock, entropy) = home.parts();
    Log::begin_epoch(&home.paths, clock, entropy, |what| event_of(9, what))
}

fn key(path: &Path) -> NoteVerifier {
    fs::read_to_string(path).unwrap().trim_end().parse().unwrap()
}

#[test]
fn entries_count_on_and_every_log_proves_its_own() {
    let home = frozen(300);
    let last = fs::read_to_string(home.paths.log.join("checkpoint")).unwrap();
    let old = key(&home.paths.vkey);
    let epoch = begin(&home).unwrap();
    assert_eq!((epoch.number, epoch.origin.as_str()), (2, "appliance.test/audit/2"));
    let [past, past_vkey, past_keyring] = home.paths.past(1);
    assert!(verify(&past, &old.to_string()).ok && past_keyring.exists());
    assert_eq!((key(&past_vkey), epoch.past), (old.clone(), past));
    let new = key(&home.paths.vkey);
    assert!(new != old && new.to_string() == epoch.vkey);

    let log = home.open();
    assert_eq!(log.size(), 302);
    assert_eq!(log.append(viewed(7)).unwrap().index(), EntryIndex(302));
    let first = log.read(EntryIndex(301)).unwrap();
    assert_eq!((first.kind(), first.index), ("log.continued", EntryIndex(301)));
    assert_eq!(first.details()["previous_checkpoint"], last.as_str());
    assert_eq!(first.details()["entries_before"], 301);
    let all = log.entries(EntryIndex(250), 1_000).unwrap();
    assert!(all.iter().map(|entry| entry.index.0).eq(250..303));
    assert_eq!(log.entries(EntryIndex(0), 10).unwrap().len(), 10);
    assert_eq!(all[50].kind(), "log.frozen");
    for (at, own, verifier) in [(12, 12, &old), (300, 300, &old), (301, 0, &new), (302, 1, &new)] {
        let proof = log.proof(EntryIndex(at)).unwrap();
        let entry = log.read(EntryIndex(at)).unwrap();
        assert_eq!(check_proof(&proof, &entry.bytes, verifier).unwrap().0, own, "{at}");
    }
    assert!(log.read(EntryIndex(303)).is_err());
    log.close();
    assert!(verify(&home.paths.log, &epoch.vkey).ok);
    freeze(&home);
    assert_eq!(begin(&home).unwrap().number, 3);
    let log = home.open();
    assert_eq!(log.size(), 305);
    assert_eq!(log.read(EntryIndex(302)).unwrap().kind(), "document.viewed");
    log.close();
}

#[test]
fn a_change_that_is_cut_off_anywhere_ends_when_it_is_run_again() {
    let start = frozen(3);
    let (clock, entropy) = start.parts();
    epoch::stage(&start.paths, 1, clock, entropy, |what| event_of(9, what)).unwrap();
    assert!(matches!(start.try_open(), Err(OpenError::Frozen)), "staged, not decided");
    let mut cut = 0;
    for steps in 0..16 {
        let home = start.copy();
        durable::create_new(&home.paths.epoch_mark(), b"1\n", durable::Readers::Owner).unwrap();
        epoch::finish(&home.paths, steps).unwrap();
        if home.paths.epoch_mark().exists() {
            cut += 1;
            assert!(matches!(home.try_open(), Err(OpenError::Frozen)), "{steps} steps");
        }
        // Ends what was begun, and begins nothing else.
        if home.paths.epoch_mark().exists() {
            assert_eq!(begin(&home).unwrap().number, 2);
        }
        let log = home.open();
        assert_eq!(log.size(), 5, "{steps} steps");
        log.close();
        let [past, past_vkey, _] = home.paths.past(1);
        assert!(verify(&past, &key(&past_vkey).to_string()).ok, "{steps} steps");
        assert!(verify(&home.paths.log, &key(&home.paths.vkey).to_string()).ok);
        assert!(!home.paths.past(2)[0].exists());
    }
    assert!(cut >= 8, "{cut}");
    // What was staged and never decided is made anew.
    assert_eq!(begin(&start).unwrap().number, 2);
}

#[test]
fn a_log_misses_each_of_those_that_it_goes_on_from() {
    let home = frozen(3);
    begin(&home).unwrap();
    home.fill(2);
    freeze(&home);
    begin(&home).unwrap();
    home.fill(1);
    assert_eq!(verify_past(&home.paths).problems(), []);
    let gone = |home: &Home, number: u32| fs::remove_dir_all(&home.paths.past(number)[0]).unwrap();
    let renamed = |home: &Home, from: u32, to: u32| {
        for (from, to) in home.paths.past(from).iter().zip(home.paths.past(to)) {
            fs::rename(from, to).unwrap();
        }
    };
    type Harm<'a> = (&'a str, &'a dyn Fn(&Home));
    let table: [Harm<'_>; 6] = [
        ("the first", &|home| gone(home, 1)),
        ("the second", &|home| gone(home, 2)),
        ("both", &|home| [1, 2].into_iter().for_each(|number| gone(home, number))),
        ("the first, and the second in its place", &|home| {
            gone(home, 1);
            renamed(home, 2, 1);
        }),
        ("one too many", &|home| {
            for (from, to) in home.paths.past(2).iter().zip(home.paths.past(3)).take(2) {
                if from.is_dir() { copy_folder(from, &to) } else { drop(fs::copy(from, to)) }
            }
        }),
        ("another of as many entries", &|home| {
            let other = frozen(3);
            gone(home, 1);
            copy_folder(&other.paths.log, &home.paths.past(1)[0]);
            fs::copy(&other.paths.vkey, &home.paths.past(1)[1]).unwrap();
        }),
    ];
    for (case, harm) in table {
        let harmed = home.copy();
        harm(&harmed);
        let found = verify_past(&harmed.paths);
        let found = found.problems();
        assert!(found.iter().any(|problem| problem.kind == "epoch_chain"), "{case}: {found:?}");
        // That the entries are others is for the verifier to find.
        let opened = harmed.try_open();
        let is_counted = case.starts_with("another");
        assert_eq!(matches!(opened, Err(OpenError::Past { .. })), !is_counted, "{case}");
    }
}

#[test]
fn only_a_log_that_ended_is_followed_by_another() {
    let home = Home::new();
    home.fill(2);
    assert!(matches!(begin(&home), Err(EpochError::NotFrozen)));
    home.fill(1);
    freeze(&home);
    assert!(matches!(home.try_open(), Err(OpenError::Frozen)));
    begin(&home).unwrap();
    home.fill(1);
}
