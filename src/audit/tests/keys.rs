//! One key takes over from another, under load, with faults, and cut off between any two files.

use std::os::unix::fs::PermissionsExt as _;
use std::sync::atomic::AtomicBool;

use super::*;
use crate::audit::faults::{Cause, Fault, FaultyFiles};
use crate::audit::keys;
use crate::audit::merkle::check_consistency;
use crate::audit::note::{NoteSigner, NoteVerifier};
use crate::durable::{self, Readers};

fn verifies(home: &Home, key: &NoteVerifier) -> bool {
    verify(&home.paths.log, &key.to_string()).ok
}

fn vkey(home: &Home) -> NoteVerifier {
    fs::read_to_string(&home.paths.vkey).unwrap().trim_end().parse().unwrap()
}

fn keyring(home: &Home) -> String {
    fs::read_to_string(home.paths.keyring()).unwrap()
}

fn turned(what: What) -> Event {
    event_of(5, what)
}

#[test]
fn a_rotation_under_load_verifies_with_the_old_key_the_new_key_and_both() {
    let home = Home::new();
    let log = home.open();
    append_many(&log, 100);
    let before = log.checkpoint();
    let old = vkey(&home);
    let done = AtomicBool::new(false);
    let (new, rotated, retired) = thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                while !done.load(Ordering::SeqCst) {
                    log.append(viewed(1)).unwrap();
                }
            });
        }
        append_many(&log, 50);
        let (turn, rotated) = log.rotate_key(turned).unwrap().into_parts();
        assert_eq!(turn.old, old);
        assert!(matches!(log.rotate_key(turned), Err(KeyChangeError::Overlap)));
        append_many(&log, 50);
        log.publish().unwrap();
        assert!(verifies(&home, &old) && verifies(&home, &turn.new));
        assert_eq!(vkey(&home), turn.new);
        let ring = keyring(&home);
        assert!(ring.contains(&format!("log {old}\n")) && ring.contains(&turn.new.to_string()));
        let (_, retired) = log.retire_key(turned).unwrap().into_parts();
        assert!(matches!(log.retire_key(turned), Err(KeyChangeError::Single)));
        append_many(&log, 50);
        done.store(true, Ordering::SeqCst);
        (turn.new, rotated.index(), retired.index())
    });
    log.publish().unwrap();
    assert!(verifies(&home, &new) && !verifies(&home, &old));
    assert!(!keyring(&home).contains(&old.to_string()));
    // A checkpoint that only the old key signed is still the beginning of today's log.
    let (path, note) = log.consistency(100).unwrap();
    let then = Checkpoint::open(before.as_bytes(), &old).unwrap();
    let now = Checkpoint::open(note.as_bytes(), &new).unwrap();
    assert!(check_consistency((100, &then.root), (now.size, &now.root), &path));
    let entry = log.read(rotated).unwrap();
    let field = |name: &str| entry.details()[name].as_str().unwrap().to_owned();
    let (from, to) = (field("old_vkey"), field("new_vkey"));
    assert!(keys::is_possessed(&from, &to, &field("possession")));
    assert_eq!((from, to), (old.to_string(), new.to_string()));
    assert_eq!(log.read(retired).unwrap().details()["successor"], new.to_string());
    log.close();
    let log = home.open();
    assert_eq!(log.keys().unwrap(), [new]);
    log.close();
    assert!(!home.paths.next_key().exists(), "one key file is left");
}

#[test]
fn what_a_retired_key_signed_is_still_the_beginning_of_the_log_and_what_a_strangers_did_is_not() {
    let home = Home::new();
    home.fill(3);
    let old = fs::read_to_string(&home.paths.key).unwrap();
    let old = NoteSigner::from_text(old.trim_end()).unwrap();
    let kept = fs::read(home.paths.log.join("checkpoint")).unwrap();
    let forked = |signer: &NoteSigner| {
        Checkpoint { origin: ORIGIN.to_owned(), size: 3, root: [7; 32] }.sign(signer)
    };
    let stranger = NoteSigner::generate(ORIGIN, &SystemEntropy).unwrap();
    let since = |note: &[u8]| {
        let key = fs::read_to_string(&home.paths.vkey).unwrap();
        let ring = TlogPolicy::parse(keyring(&home).as_bytes()).unwrap();
        let options = VerifyOptions { since: Some(note.to_vec()), ..VerifyOptions::default() };
        let found = [Trust::Key(&key), Trust::Policy(&ring)]
            .map(|trust| verify_with(&home.paths.log, trust, &options).problems);
        let kinds = found.map(|found| found.into_iter().map(|p| p.kind).collect::<Vec<_>>());
        assert_eq!(kinds[0], kinds[1], "with the newest key, with the keyring");
        kinds[0].clone()
    };
    for turns in 0..3 {
        // The first signs no more after a turn, and the first two no more after another.
        if turns > 0 {
            let log = home.open();
            log.rotate_key(turned).unwrap();
            log.retire_key(turned).unwrap();
            log.close();
            home.fill(300);
        }
        assert_eq!(since(&kept), [""; 0], "{turns}");
        assert_eq!(since(forked(&old).as_bytes()), ["forked"], "{turns}");
        assert_eq!(since(forked(&stranger).as_bytes()), ["since_checkpoint"], "{turns}");
    }
}

#[test]
fn whatever_write_fails_the_log_opens_with_the_keys_that_its_newest_checkpoint_names() {
    let start = Home::new();
    start.fill(3);
    let old = vkey(&start);
    let run = |home: &Home, files: &Arc<FaultyFiles>| {
        let (clock, entropy) = home.parts();
        let files = Arc::clone(files) as Arc<dyn LogFiles>;
        let Ok((log, _)) = Log::open_on(&home.paths, clock, entropy, files) else { return };
        let all = log.rotate_key(turned).is_ok()
            && log.append(viewed(1)).is_ok()
            && log.retire_key(turned).is_ok()
            && log.append(viewed(2)).is_ok();
        assert_eq!(all, !log.is_stopped());
        log.close();
    };
    let counted = start.copy();
    let healthy = Arc::new(FaultyFiles::healthy(counted.paths.clone()));
    run(&counted, &healthy);
    let writes = healthy.operations().len();
    assert!(writes > 8);
    let mut endings = std::collections::BTreeSet::new();
    for fault in [Fault::Lost, Fault::Kept, Fault::Torn] {
        for nth in 0..writes {
            let home = start.copy();
            let paths = home.paths.clone();
            run(&home, &Arc::new(FaultyFiles::new(paths, nth, fault, Cause::Broken)));
            let log = home.open();
            let keys = log.keys().unwrap();
            let case = format!("{fault:?} at write {nth}: {} keys", keys.len());
            assert_eq!(vkey(&home), keys[0], "{case}");
            assert_eq!(keyring(&home).matches("log ").count(), keys.len(), "{case}");
            endings.insert((keys.len(), keys.contains(&old)));
            // It goes on from wherever it stands.
            if keys.as_slice() == std::slice::from_ref(&old) {
                log.rotate_key(turned).unwrap();
            }
            if log.keys().unwrap().len() == 2 {
                log.retire_key(turned).unwrap();
            }
            log.close();
            assert!(verifies(&home, &vkey(&home)) && !verifies(&home, &old), "{case}");
            assert!(!home.paths.next_key().exists(), "{case}");
        }
    }
    assert_eq!(endings, [(1, false), (1, true), (2, true)].into(), "each state was met");
}

#[test]
fn a_kill_between_two_files_is_put_right_at_the_next_start() {
    let home = Home::new();
    let copy = |path: &Path| fs::read(path).unwrap();
    let (old_key, old_vkey) = (copy(&home.paths.key), copy(&home.paths.vkey));
    let log = home.open();
    let (turn, _) = log.rotate_key(turned).unwrap().into_parts();
    log.close();
    let new_key = copy(&home.paths.next_key());
    // After the commit, before any file followed.
    durable::replace(&home.paths.vkey, &old_vkey, Readers::Everyone).unwrap();
    durable::remove(&home.paths.keyring()).unwrap();
    let log = home.open();
    assert_eq!((vkey(&home), log.keys().unwrap().len()), (turn.new.clone(), 2));
    assert!(keyring(&home).contains(&turn.old.to_string()));
    log.retire_key(turned).unwrap();
    log.close();
    // After the commit of the retirement, before the files followed.
    durable::replace(&home.paths.key, &old_key, Readers::Owner).unwrap();
    durable::replace(&home.paths.next_key(), &new_key, Readers::Owner).unwrap();
    let log = home.open();
    assert_eq!(log.keys().unwrap().as_slice(), std::slice::from_ref(&turn.new));
    assert_eq!(copy(&home.paths.key), new_key);
    // A rotation that was cut off before its commit goes on with the key that it had made.
    let made = keys::next(&home.paths, turn.new.name(), &SystemEntropy).unwrap().verifier();
    log.close();
    let log = home.open();
    assert_eq!(log.keys().unwrap(), [turn.new]);
    assert_eq!(log.rotate_key(turned).unwrap().new, made);
    log.close();
}

#[test]
fn a_key_may_come_as_a_credential_and_others_may_not_read_it() {
    let mut home = Home::new();
    home.fill(2);
    let credential = home.folder.path().join("affiant-log-key");
    fs::rename(&home.paths.key, &credential).unwrap();
    assert!(matches!(home.try_open(), Err(OpenError::Missing { .. })));
    home.paths.credential = Some(credential.clone());
    for (mode, opens) in [(0o400, true), (0o440, true), (0o444, false), (0o604, false)] {
        fs::set_permissions(&credential, fs::Permissions::from_mode(mode)).unwrap();
        match home.try_open() {
            Ok((log, _)) => {
                log.append(viewed(1)).unwrap();
                log.close();
                assert!(opens, "{mode:o}");
            }
            Err(error) => {
                assert!(!opens, "{mode:o}: {error}");
                assert!(error.to_string().contains("affiant-log-key"), "{error}");
            }
        }
    }
    // The key that takes over is a file until the operator makes it the credential.
    fs::set_permissions(&credential, fs::Permissions::from_mode(0o400)).unwrap();
    let log = home.open();
    let (turn, _) = log.rotate_key(turned).unwrap().into_parts();
    log.retire_key(turned).unwrap();
    log.close();
    assert!(home.paths.key.exists());
    fs::rename(&home.paths.key, &credential).unwrap();
    let log = home.open();
    assert_eq!(log.keys().unwrap(), [turn.new]);
    log.close();
}

#[test]
fn a_log_whose_second_key_is_gone_is_not_signed_by_one_in_silence() {
    let home = Home::new();
    let log = home.open();
    log.rotate_key(turned).unwrap();
    log.close();
    // From here on the journal, too, holds nothing that the old key signed alone.
    home.fill(1);
    fs::set_permissions(home.paths.next_key(), fs::Permissions::from_mode(0o640)).unwrap();
    assert!(matches!(home.try_open(), Err(OpenError::KeyExposed { .. })));
    fs::set_permissions(home.paths.next_key(), fs::Permissions::from_mode(0o600)).unwrap();
    fs::rename(&home.paths.key, home.folder.path().join("elsewhere")).unwrap();
    let refused = home.try_open().map(|_| ()).unwrap_err();
    assert!(matches!(refused, OpenError::KeyMissing { .. }), "{refused}");
    assert!(refused.to_string().contains("log.key"), "{refused}");
}

#[test]
fn changes_of_keys_and_logs_that_do_not_follow_from_each_other_are_found() {
    let retired =
        |old: &str, new: &str| What::KeyRetired { vkey: old.to_owned(), successor: new.to_owned() };
    let rotated = |old: &str, new: &str| What::KeyRotated {
        old_vkey: old.to_owned(),
        new_vkey: new.to_owned(),
        possession: "— appliance.test/audit/1 AAAA".to_owned(),
    };
    let frozen = || What::LogFrozen { vkeys: Vec::new() };
    let continued = What::LogContinued {
        epoch: 2,
        previous_origin: String::new(),
        previous_vkey: String::new(),
        previous_checkpoint: String::new(),
        entries_before: 0,
    };
    let table = [
        (vec![retired("a", "b")], Some("key_chain")),
        (vec![rotated("a", "b")], Some("key_possession")),
        (vec![rotated("a", "b"), retired("b", "a")], Some("key_chain")),
        (vec![rotated("a", "b"), rotated("b", "c")], Some("key_chain")),
        (vec![frozen()], None),
        (vec![frozen(), frozen()], Some("after_freeze")),
        (vec![continued], Some("log_continued")),
    ];
    for (events, expected) in table {
        let home = Home::new();
        let log = home.open();
        log.append(viewed(1)).unwrap();
        let case = format!("{events:?}");
        for what in events {
            log.append(turned(what)).unwrap();
        }
        log.close();
        let report = home.verify();
        let found = |kind: &str| report.problems.iter().any(|problem| problem.kind == kind);
        assert_eq!(report.ok, expected.is_none(), "{case}: {report:?}");
        assert!(expected.is_none_or(found), "{case}: {report:?}");
    }
}
