//! Appending, reading, proving, opening.

use super::*;
use crate::audit::merkle::check_consistency;
use crate::audit::note::NoteVerifier;
use crate::audit::{Trust, VerifyOptions, verify_with};
use crate::domain::ids::EntryIndex;
use crate::domain::limits::ENTRY_BYTES_MAX;
use std::os::unix::fs::PermissionsExt as _;

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn an_entry_is_read_proved_and_verified_as_it_was_recorded() {
    let home = Home::new();
    let log = home.open();
    let recorded = log.record(viewed(3), "page 3").unwrap();
    assert_eq!((*recorded, recorded.receipt().index()), ("page 3", EntryIndex(0)));
    let (_, receipt) = recorded.into_parts();
    let entry = log.read(EntryIndex(0)).unwrap();
    assert_eq!((entry.kind(), entry.details()["page"].as_u64()), ("document.viewed", Some(3)));
    assert_eq!(*receipt.leaf().as_bytes(), merkle::leaf_hash(&entry.bytes));
    assert_eq!(log.size(), 1);
    assert!(matches!(log.read(EntryIndex(1)), Err(ReadError::NotFound { index: 1, size: 1 })));
    log.publish().unwrap();
    let report = home.verify();
    assert!(report.ok && report.size == 1, "{report:?}");
    assert_eq!(fs::read_to_string(home.paths.log.join("checkpoint")).unwrap(), log.checkpoint());
    log.close();
}

#[test]
fn files_of_the_log_are_for_everyone_and_keys_for_the_owner() {
    let home = Home::new();
    home.fill(1);
    for file in home.log_files() {
        let path = home.paths.log.join(&file);
        assert_eq!(mode(&path), 0o644, "{file}");
        assert_eq!(mode(path.parent().unwrap()), 0o755, "{file}");
    }
    assert_eq!(mode(&home.paths.vkey), 0o644);
    assert_eq!(mode(&home.paths.key), 0o600);
    assert_eq!(mode(&home.paths.journal), 0o600);
    assert_eq!(fs::read_to_string(&home.paths.vkey).unwrap().trim_end(), home.vkey);
}

#[test]
fn entries_and_proofs_are_the_same_before_and_after_publishing_and_reopening() {
    let home = Home::new();
    home.fill(300);
    let verifier: NoteVerifier = home.vkey.parse().unwrap();
    let log = home.open();
    let before = log.checkpoint();
    append_many(&log, 300);
    let check = |log: &Log| {
        let entries = log.entries(EntryIndex(0), 10_000).unwrap();
        assert_eq!(entries.len(), 600);
        for (entry, index) in entries.iter().zip(0..) {
            assert_eq!(entry.index, EntryIndex(index));
            if index % 37 == 0 || (254..258).contains(&index) {
                let proof = log.proof(entry.index).unwrap();
                let (proved, checkpoint) = check_proof(&proof, &entry.bytes, &verifier).unwrap();
                assert_eq!((proved, checkpoint.size), (index, 600));
            }
        }
        assert_eq!(log.entries(EntryIndex(250), 10).unwrap().len(), 10);
        assert_eq!(log.entries(EntryIndex(595), 10).unwrap().len(), 5);
        assert!(log.entries(EntryIndex(600), 10).unwrap().is_empty());
        let bytes: Vec<_> = entries.into_iter().map(|entry| entry.bytes).collect();
        let (path, note) = log.consistency(300).unwrap();
        let old = Checkpoint::open(before.as_bytes(), &verifier).unwrap();
        let new = Checkpoint::open(note.as_bytes(), &verifier).unwrap();
        assert!(check_consistency((300, &old.root), (600, &new.root), &path));
        bytes
    };
    let first = check(&log);
    log.publish().unwrap();
    assert_eq!(check(&log), first);
    log.close();
    let (log, recovery) = home.try_open().unwrap();
    assert_eq!(recovery, Recovery { size: 600, replayed: 0, torn_bytes: 0 });
    assert_eq!(check(&log), first);
    log.close();
    assert!(home.verify().ok);
}

#[test]
fn partial_tiles_go_once_the_full_tile_is_there() {
    let home = Home::new();
    home.fill(255);
    assert!(home.log_files().contains(&"tile/0/000.p/255".to_owned()));
    home.fill(2);
    assert_eq!(
        home.log_files(),
        [
            "checkpoint",
            "tile/0/000",
            "tile/0/001.p/1",
            "tile/1/000.p/1",
            "tile/entries/000",
            "tile/entries/001.p/1"
        ]
    );
    assert!(home.verify().ok);
}

#[test]
fn concurrent_appenders_get_every_place_once() {
    let home = Home::new();
    let log = home.open();
    let mut seen: Vec<u64> = thread::scope(|scope| {
        let threads: Vec<_> = (0..16)
            .map(|_| {
                scope.spawn(|| {
                    let append = |page| log.append(viewed(page)).unwrap().index().0;
                    (0..25).map(append).collect::<Vec<_>>()
                })
            })
            .collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    seen.sort_unstable();
    assert!(seen.into_iter().eq(0..400));
    log.close();
    let report = home.verify();
    assert!(report.ok && report.size == 400, "{report:?}");
}

#[test]
fn time_in_the_log_never_goes_back() {
    let home = Home::new();
    let log = home.open();
    let start = home.clock.0.load(Ordering::SeqCst);
    let mut expected = Vec::new();
    for (offset, recorded) in [(5, 5), (1, 5), (9, 9)] {
        home.clock.0.store(start + offset, Ordering::SeqCst);
        log.append(viewed(1)).unwrap();
        expected.push(start + recorded);
    }
    log.close();
    home.clock.0.store(start, Ordering::SeqCst);
    let log = home.open();
    log.append(viewed(1)).unwrap();
    expected.push(start + 9);
    let entries = log.entries(EntryIndex(0), 9).unwrap();
    let times: Vec<_> = entries.iter().map(|entry| entry.ts().unix_millis()).collect();
    assert_eq!(times, expected);
    log.close();
    assert!(home.verify().ok);
}

#[test]
fn what_is_too_large_is_refused_and_the_log_goes_on() {
    let home = Home::new();
    let log = home.open();
    let refused = log.append(event_of(2, What::QueryDenied { reason: "x".repeat(70_000) }));
    let Err(AppendError::TooLarge { size_bytes, limit_bytes }) = refused else {
        panic!("{refused:?}")
    };
    assert!(size_bytes > limit_bytes && limit_bytes == ENTRY_BYTES_MAX);
    assert_eq!(log.append(viewed(1)).unwrap().index(), EntryIndex(0));
}

#[test]
fn a_log_is_made_once_and_opened_by_one() {
    let home = Home::new();
    let again = Log::create(&home.paths, ORIGIN, &SystemEntropy);
    assert!(matches!(again, Err(CreateError::Exists { .. })));
    let log = home.open();
    assert!(matches!(home.try_open(), Err(OpenError::Locked(_))));
    let clone = log.clone();
    log.append(viewed(1)).unwrap();
    log.close();
    assert!(clone.read(EntryIndex(0)).is_ok(), "a closed log can still be read");
    assert!(matches!(clone.append(viewed(1)), Err(AppendError::NotDurable { .. })));
    drop(home.open());
    drop(home.open());
}

#[test]
fn any_trace_of_a_log_keeps_a_new_one_from_being_made() {
    for trace in ["log/checkpoint", "log.vkey", "keys/log.key", "state/log.journal"] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(trace);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        tamper(&path, b"");
        let made = Log::create(&LogPaths::of(folder.path()), ORIGIN, &SystemEntropy);
        assert!(matches!(made, Err(CreateError::Exists { .. })), "{trace}");
    }
    let folder = tempfile::tempdir().unwrap();
    let made = Log::create(&LogPaths::of(folder.path()), "not a name", &SystemEntropy);
    assert!(matches!(made, Err(CreateError::Origin(_))));
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn a_missing_or_altered_part_of_the_log_is_refused_by_name() {
    let filled = Home::new();
    filled.fill(260);
    for missing in [
        "log/checkpoint",
        "log.vkey",
        "keys/log.key",
        "state/log.journal",
        "log/tile/0/001.p/4",
        "log/tile/1/000.p/1",
        "log/tile/entries/001.p/4",
    ] {
        let home = filled.copy();
        fs::remove_file(home.folder.path().join(missing)).unwrap();
        let error = home.try_open().err().unwrap().to_string();
        assert!(error.contains(missing) && error.contains("missing"), "{error}");
    }
    for altered in ["log/tile/0/001.p/4", "log/tile/1/000.p/1", "log/tile/entries/001.p/4"] {
        let home = filled.copy();
        let path = home.folder.path().join(altered);
        let mut bytes = fs::read(&path).unwrap();
        *bytes.last_mut().unwrap() ^= 1;
        tamper(&path, &bytes);
        let refused = home.try_open().err().unwrap();
        assert!(matches!(refused, OpenError::Folder(FolderError::Corrupt { .. })), "{refused}");
    }
    let home = filled.copy();
    fs::set_permissions(&home.paths.key, fs::Permissions::from_mode(0o644)).unwrap();
    assert!(matches!(home.try_open(), Err(OpenError::KeyExposed { .. })));
    let home = filled.copy();
    tamper(&home.paths.vkey, Home::new().vkey.as_bytes());
    assert!(matches!(home.try_open(), Err(OpenError::OtherKey { .. })));
}

#[test]
fn a_log_or_journal_that_was_put_back_is_refused() {
    let home = Home::new();
    home.fill(3);
    let old = home.copy();
    home.fill(3);
    drop(home.open());
    let put_back = home.copy();
    fs::remove_dir_all(&put_back.paths.log).unwrap();
    copy_folder(&old.paths.log, &put_back.paths.log);
    let refused = put_back.try_open().err().unwrap();
    assert!(matches!(refused, OpenError::RolledBack { published: 3, journal: 6 }), "{refused}");
    let put_back = home.copy();
    fs::copy(&old.paths.journal, &put_back.paths.journal).unwrap();
    let refused = put_back.try_open().err().unwrap();
    assert!(matches!(refused, OpenError::Ahead { published: 6, journal: 3 }), "{refused}");
    // Another history of the same size, with the same key.
    old.fill(3);
    let forked = home.copy();
    fs::copy(&old.paths.journal, &forked.paths.journal).unwrap();
    let refused = forked.try_open().err().unwrap();
    assert!(matches!(refused, OpenError::Forked { size: 6 }), "{refused}");
}

#[test]
fn a_torn_tail_of_the_journal_is_dropped_and_damage_before_it_is_refused() {
    let home = Home::new();
    home.fill(5);
    drop(home.open());
    let published = home.copy();
    let log = home.open();
    let start = fs::metadata(&home.paths.journal).unwrap().len() as usize;
    log.append(viewed(1)).unwrap();
    let end = fs::metadata(&home.paths.journal).unwrap().len() as usize;
    log.append(viewed(2)).unwrap();
    log.close();
    // As if the machine had stopped before anything was published.
    let journal = fs::read(&home.paths.journal).unwrap();
    for (cut, size) in [(start, 5), (start + 1, 5), (end - 1, 5), (end, 6), (end + 60, 6)] {
        let home = published.copy();
        tamper(&home.paths.journal, &journal[..cut]);
        let (log, recovery) = home.try_open().unwrap();
        let kept = if size == 5 { start } else { end };
        let torn_bytes = (cut - kept) as u64;
        assert_eq!(recovery, Recovery { size, replayed: size - 5, torn_bytes });
        log.append(viewed(3)).unwrap();
        log.close();
        let report = home.verify();
        assert!(report.ok && report.size == size + 1, "{report:?}");
    }
    let home = published.copy();
    let mut damaged = journal.clone();
    damaged[start + 70] ^= 1;
    tamper(&home.paths.journal, &damaged);
    let refused = home.try_open().err().unwrap();
    assert!(matches!(refused, OpenError::Journal { offset, .. } if offset == start), "{refused}");
}

#[test]
fn temporary_files_of_a_crash_are_swept() {
    let home = Home::new();
    home.fill(260);
    for left in [".tmp-a", "tile/0/.tmp-b", "tile/entries/001.p/.tmp-c", "tile/1/000.p/.tmp-d"] {
        tamper(&home.paths.log.join(left), b"half");
    }
    assert_eq!(kinds(&home.verify()), ["unknown_file"; 4]);
    drop(home.open());
    assert!(home.verify().ok);
}

#[test]
fn a_log_that_grows_meanwhile_verifies() {
    let home = Home::new();
    let log = home.open();
    thread::scope(|scope| {
        let growing = scope.spawn(|| {
            for page in 0..300 {
                log.append(viewed(page)).unwrap();
                log.publish().unwrap();
            }
        });
        while !growing.is_finished() {
            let report =
                verify_with(&home.paths.log, Trust::Key(&home.vkey), &VerifyOptions::live());
            assert!(report.ok, "{report:?}");
        }
    });
    assert_eq!(home.verify().size, 300);
}
