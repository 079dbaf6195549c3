//! What holds over the end of a log, of a key, of a policy set: the verifier follows all of them.

use super::epochs::{begin, freeze};
use super::tamper::{activated, deleted, found_in, held, token};
use super::*;
use crate::audit::note::{NoteSigner, NoteVerifier};

/// Entries of one query that returned these documents.
fn query(req: u128, documents: &[u8]) -> [Event; 3] {
    [received(), found_in(documents), failed()].map(|what| event_of(req, what))
}

fn append(home: &Home, events: impl IntoIterator<Item = Event>) {
    let log = home.open();
    for event in events {
        log.append(event).unwrap();
    }
    log.close();
}

/// A home whose second log has these entries; the first left two documents, of which one is
/// deleted, and a hold.
fn continued(events: impl IntoIterator<Item = Event>) -> Home {
    let home = Home::new();
    let known = [started(), activated(1), activated(2), deleted(2)];
    append(&home, known.map(|what| event_of(1, what)));
    append(&home, [event_of(6, held(3))]);
    freeze(&home);
    begin(&home).unwrap();
    append(&home, events);
    let vkey = fs::read_to_string(&home.paths.vkey).unwrap();
    Home { vkey, ..home }
}

fn verify_whole(home: &Home) -> Report {
    let options = VerifyOptions::default();
    verify_past(&home.paths).verify_next(&home.paths.log, Trust::Key(&home.vkey), &options)
}

#[test]
fn documents_and_holds_are_known_over_the_end_of_a_log() {
    let erased =
        |number| event_of(8, What::ErasureKeys { subject: token(number), keys: Vec::new() });
    for (events, expected) in [
        (query(7, &[1]).to_vec(), vec![]),
        (query(7, &[2]).to_vec(), vec!["deleted_document"]),
        (query(7, &[4]).to_vec(), vec!["unknown_document"]),
        (vec![erased(1)], vec![]),
        (vec![erased(3)], vec!["erased_under_hold"]),
        (vec![event_of(9, deleted(1))].into_iter().chain(query(7, &[1])).collect(), {
            vec!["deleted_document"]
        }),
    ] {
        let home = continued(events);
        assert_eq!(kinds(&verify_whole(&home)), expected);
        // Without the log before it, nobody can know.
        assert!(home.verify().ok);
    }
    // Nor where that is not the one that this log goes on from.
    let home = continued(query(7, &[4]));
    fs::remove_dir_all(&home.paths.past(1)[0]).unwrap();
    assert_eq!(kinds(&verify_whole(&home)), ["epoch_chain"]);
}

#[test]
fn the_policy_set_of_the_log_before_is_in_force_until_there_is_another() {
    let minute = 60_000;
    let under = |home: &Home, policy: &[u8], what: What| {
        home.clock.0.fetch_add(minute, Ordering::SeqCst);
        let req = RequestId::fresh(home.clock.now(), &SystemEntropy);
        append(home, [Event { req, policy: Some(Digest::of(policy)), ..event_of(0, what) }]);
    };
    let home = continued([]);
    under(&home, b"", viewed(1).what);
    under(&home, b"the one before", started());
    under(&home, b"", viewed(1).what);
    assert_eq!(kinds(&verify_whole(&home)), [""; 0]);
    under(&home, b"the one before", viewed(1).what);
    assert_eq!(kinds(&verify_whole(&home)), ["policy_not_in_force"]);
}

#[test]
fn a_key_that_was_retired_signs_no_log() {
    let home = Home::new();
    let old = NoteSigner::from_text(&fs::read_to_string(&home.paths.key).unwrap()).unwrap();
    let log = home.open();
    log.append(viewed(1)).unwrap();
    log.rotate_key(|what| event_of(5, what)).unwrap();
    log.publish().unwrap();
    assert!(home.verify().ok, "while both sign");
    log.retire_key(|what| event_of(5, what)).unwrap();
    log.close();
    let new: NoteVerifier = fs::read_to_string(&home.paths.vkey).unwrap().trim().parse().unwrap();
    assert!(verify(&home.paths.log, &new.to_string()).ok);
    // Whoever has the old key can still sign, but not that this is today's log.
    let path = home.paths.log.join("checkpoint");
    let note = fs::read_to_string(&path).unwrap();
    let text = note.rsplit_once("\n\n").unwrap().0;
    tamper(&path, old.sign(&format!("{text}\n")).as_bytes());
    let report = home.verify();
    assert_eq!((kinds(&report), report.problems[0].index), (vec!["key_chain"], Some(2)));
}
