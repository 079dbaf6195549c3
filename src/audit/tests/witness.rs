//! A witness and the log that goes to it, without a network between them.

use std::path::Path;
use std::slice::from_ref;
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::*;
use crate::audit::merkle::{Hash, empty_root, leaf_hash, node_hash};
use crate::audit::note::{NoteError, NoteSigner, NoteVerifier};

fn open_witness(folder: &Path, logs: &[NoteVerifier]) -> Witness {
    let clock = Arc::new(SetClock(AtomicU64::new(1_700_000_000_000)));
    Witness::open(folder, "witness.test/w1", logs, clock, &SystemEntropy).unwrap()
}

fn body(old: u64, proof: &[Hash], note: &str) -> Vec<u8> {
    let proof: String = proof.iter().map(|hash| STANDARD.encode(hash) + "\n").collect();
    format!("old {old}\n{proof}\n{note}").into_bytes()
}

/// Where a witness that is asked over no network is.
const URL: &str = "http://witness.test";

/// What an HTTP server makes of a decision.
fn reply_of(decision: Decision) -> PostReply {
    let plain =
        |status, text: &str| PostReply { status, is_size: false, body: text.as_bytes().to_vec() };
    match decision {
        Decision::Cosigned(line) => plain(200, &line),
        Decision::Malformed => plain(400, ""),
        Decision::Unsigned => plain(403, ""),
        Decision::Unknown => plain(404, ""),
        Decision::Conflict(size) => PostReply { is_size: true, ..plain(409, &format!("{size}\n")) },
        Decision::Inconsistent => plain(422, ""),
        Decision::NotStored => plain(500, ""),
    }
}

/// A witness that can be cut off, and the rounds of a log to it.
struct World {
    witness: Arc<Mutex<Option<Arc<Witness>>>>,
    kept: Arc<Witness>,
    posts: Arc<AtomicU64>,
    policy: TlogPolicy,
    _folder: TempDir,
}

impl World {
    fn new(home: &Home) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let kept = Arc::new(open_witness(folder.path(), &[home.vkey.trim().parse().unwrap()]));
        let policy = format!("witness w {} {URL}\nquorum w\n", kept.verifier());
        let policy = TlogPolicy::parse(policy.as_bytes()).unwrap();
        let witness = Arc::new(Mutex::new(Some(Arc::clone(&kept))));
        Self { witness, kept, posts: Arc::default(), policy, _folder: folder }
    }

    fn cut(&self) {
        *self.witness.lock().unwrap() = None;
    }

    fn join(&self) {
        *self.witness.lock().unwrap() = Some(Arc::clone(&self.kept));
    }

    fn rounds(&self, home: &Home, log: &Log) -> Rounds {
        let (witness, posts) = (Arc::clone(&self.witness), Arc::clone(&self.posts));
        let post = move |url: &str, body: String| {
            assert_eq!(url, URL);
            posts.fetch_add(1, Ordering::SeqCst);
            let witness = witness.lock().unwrap().clone()?;
            Some(reply_of(witness.add_checkpoint(body.as_bytes())))
        };
        Rounds::open(&home.paths, log.clone(), self.policy.clone(), Box::new(post)).unwrap()
    }

    fn posts(&self) -> u64 {
        self.posts.load(Ordering::SeqCst)
    }
}

/// A log of hashes alone, whose key the test has.
struct Bare {
    signer: NoteSigner,
}

impl Bare {
    fn new() -> Self {
        Self { signer: NoteSigner::generate(ORIGIN, &SystemEntropy).unwrap() }
    }

    fn note(&self, size: u64, root: Hash) -> String {
        Checkpoint { origin: ORIGIN.into(), size, root }.sign(&self.signer)
    }
}

#[test]
fn a_witness_answers_as_the_protocol_says() {
    let log = Bare::new();
    let folder = tempfile::tempdir().unwrap();
    let witness = open_witness(folder.path(), &[log.signer.verifier()]);
    let add = |body: &[u8]| witness.add_checkpoint(body);
    let (a, b, c) = (leaf_hash(b"a"), leaf_hash(b"b"), leaf_hash(b"c"));
    let two = node_hash(&a, &b);
    let three = node_hash(&two, &c);
    let stranger = Bare::new();
    let other = NoteSigner::generate("other.test/log", &SystemEntropy).unwrap();
    let elsewhere = Checkpoint { origin: "other.test/log".into(), size: 0, root: empty_root() };
    let forged = log.note(2, two).replace("\n2\n", "\n3\n");

    // Before anything is known: only old = 0, without a proof, and the empty root for no entries.
    for (request, expected) in [
        (b"rubbish".to_vec(), Decision::Malformed),
        (body(0, &[], "no note"), Decision::Malformed),
        (body(0, &[], &log.signer.sign("not\na checkpoint\n")), Decision::Malformed),
        (body(0, &[], &elsewhere.sign(&other)), Decision::Unknown),
        (body(0, &[], &stranger.note(2, two)), Decision::Unsigned),
        (body(0, &[], &forged), Decision::Unsigned),
        (body(3, &[], &log.note(2, two)), Decision::Malformed),
        (body(1, &[b], &log.note(2, two)), Decision::Conflict(0)),
        (body(0, &[a], &log.note(2, two)), Decision::Inconsistent),
        (body(0, &[], &log.note(0, a)), Decision::Inconsistent),
        (body(0, &[a], &log.note(0, empty_root())), Decision::Inconsistent),
    ] {
        assert_eq!(add(&request), expected, "{}", String::from_utf8_lossy(&request));
    }
    assert!(matches!(add(&body(0, &[], &log.note(0, empty_root()))), Decision::Cosigned(_)));
    let note = log.note(2, two);
    let Decision::Cosigned(line) = add(&body(0, &[], &note)) else { panic!("not cosigned") };
    let cosigned = format!("{note}{line}");
    assert_eq!(witness.verifier().open(cosigned.as_bytes()), Ok(1_700_000_000));

    // From here on every checkpoint must continue the one of two entries.
    for (request, expected) in [
        (body(0, &[], &log.note(3, three)), Decision::Conflict(2)),
        (body(1, &[b], &log.note(2, two)), Decision::Conflict(2)),
        (body(2, &[], &log.note(1, a)), Decision::Malformed),
        (body(2, &[], &log.note(2, a)), Decision::Inconsistent),
        (body(2, &[c], &log.note(2, two)), Decision::Inconsistent),
        (body(2, &[], &log.note(3, three)), Decision::Inconsistent),
        (body(2, &[a], &log.note(3, three)), Decision::Inconsistent),
        (body(2, &[c, c], &log.note(3, three)), Decision::Inconsistent),
    ] {
        assert_eq!(add(&request), expected, "{}", String::from_utf8_lossy(&request));
    }
    // What a monitor reads: the log's own signature and ours, and nothing that others added.
    let foreign = stranger.note(2, two);
    let with_foreign = format!("{note}{}", foreign.rsplit_once("\n\n").unwrap().1);
    assert!(matches!(add(&body(2, &[], &with_foreign)), Decision::Cosigned(_)));
    let origin = Digest::of(ORIGIN.as_bytes());
    assert_eq!(witness.newest(&origin).unwrap().unwrap(), cosigned.as_bytes());
    assert_eq!(witness.newest(&Digest::of(b"other.test/log")).unwrap(), None);
    assert!(matches!(add(&body(2, &[c], &log.note(3, three))), Decision::Cosigned(_)));
}

#[test]
fn no_stranger_can_keep_a_witness_from_starting_again() {
    let log = Bare::new();
    let folder = tempfile::tempdir().unwrap();
    let note = log.note(1, leaf_hash(b"a"));
    let (_, line) = note.rsplit_once("\n\n").unwrap();
    for (old, count) in [(0, 1), (1, 99)] {
        let witness = open_witness(folder.path(), &[log.signer.verifier()]);
        let posted = body(old, &[], &format!("{note}{}", line.repeat(count)));
        let Decision::Cosigned(own) = witness.add_checkpoint(&posted) else {
            panic!("{count} times the line that everyone can read")
        };
        let stored = witness.newest(&Digest::of(ORIGIN.as_bytes())).unwrap().unwrap();
        assert_eq!(stored, format!("{note}{own}").as_bytes());
    }
    let witness = open_witness(folder.path(), &[log.signer.verifier()]);
    let more = body(1, &[], &format!("{note}{}", line.repeat(100)));
    assert_eq!(witness.add_checkpoint(&more), Decision::Malformed, "101 lines");
}

#[test]
fn a_witness_remembers_over_restarts_and_under_a_new_key_of_the_log() {
    let (log, rotated) = (Bare::new(), Bare::new());
    let folder = tempfile::tempdir().unwrap();
    let (a, b) = (leaf_hash(b"a"), leaf_hash(b"b"));
    let vkey = {
        let witness = open_witness(folder.path(), &[log.signer.verifier()]);
        let first = witness.add_checkpoint(&body(0, &[], &log.note(1, a)));
        assert!(matches!(first, Decision::Cosigned(_)));
        let clock = Arc::new(SetClock(AtomicU64::new(0)));
        let second = Witness::open(folder.path(), "w2", &[], clock, &SystemEntropy);
        assert!(matches!(second, Err(WitnessError::Locked(_))), "one process, or no atomic check");
        witness.verifier()
    };
    let witness = open_witness(folder.path(), &[rotated.signer.verifier()]);
    assert_eq!(witness.verifier(), vkey);
    let forgotten = witness.add_checkpoint(&body(0, &[], &rotated.note(1, b)));
    assert_eq!(forgotten, Decision::Conflict(1));
    let two = rotated.note(2, node_hash(&a, &b));
    assert!(matches!(witness.add_checkpoint(&body(1, &[b], &two)), Decision::Cosigned(_)));
    drop(witness);
    // What it remembers cannot be altered behind its back.
    let origin = Digest::of(ORIGIN.as_bytes()).to_string();
    let path = folder.path().join(origin).join("checkpoint");
    let altered = fs::read_to_string(&path).unwrap().replace("\n2\n", "\n1\n");
    tamper(&path, altered.as_bytes());
    let clock = Arc::new(SetClock(AtomicU64::new(0)));
    let keys = [rotated.signer.verifier()];
    let opened = Witness::open(folder.path(), "w1", &keys, clock, &SystemEntropy);
    assert!(matches!(opened, Err(WitnessError::Altered { source: NoteError::Invalid, .. })));
}

#[test]
fn of_two_histories_that_arrive_at_once_only_one_is_cosigned() {
    let log = Bare::new();
    let folder = tempfile::tempdir().unwrap();
    let witness = open_witness(folder.path(), &[log.signer.verifier()]);
    let first = leaf_hash(b"first");
    assert!(matches!(
        witness.add_checkpoint(&body(0, &[], &log.note(1, first))),
        Decision::Cosigned(_)
    ));
    let start = std::sync::Barrier::new(16);
    let decisions: Vec<Decision> = thread::scope(|scope| {
        let add = |branch: u8| {
            let leaf = leaf_hash(&[branch]);
            let note = log.note(2, node_hash(&first, &leaf));
            start.wait();
            witness.add_checkpoint(&body(1, &[leaf], &note))
        };
        let threads: Vec<_> = (0..16).map(|branch| scope.spawn(move || add(branch))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    let cosigned = decisions.iter().filter(|d| matches!(d, Decision::Cosigned(_))).count();
    let refused = decisions.iter().filter(|d| **d == Decision::Conflict(2)).count();
    assert_eq!((cosigned, refused), (1, 15), "{decisions:?}");
}

#[test]
fn a_log_is_cosigned_as_it_grows_and_says_when_a_witness_fails() {
    let home = Home::new();
    let world = World::new(&home);
    let log = home.open();
    let rounds = world.rounds(&home, &log);
    // Across the borders of tiles: the witness checks each proof.
    for count in [0, 1, 2, 254, 3, 300] {
        append_many(&log, count);
        log.publish().unwrap();
        assert_eq!(rounds.run().unwrap(), []);
        let standing = rounds.standing();
        assert_eq!(standing.size, Some(log.size()));
        assert!(standing.required && standing.witnesses["w"].is_none());
    }
    let before = world.posts();
    assert_eq!(rounds.run().unwrap(), []);
    assert_eq!(world.posts(), before, "nothing new, nothing to ask");

    let vkey: NoteVerifier = home.vkey.trim().parse().unwrap();
    let policy = format!("log {vkey}\n{}", world.policy);
    let policy = TlogPolicy::parse(policy.as_bytes()).unwrap();
    let cosigned = fs::read(home.folder.path().join("log.cosigned")).unwrap();
    let standing = policy.stand(&cosigned).unwrap();
    assert!(standing.quorum_met && standing.checkpoint.size == log.size());

    world.cut();
    append_many(&log, 1);
    log.publish().unwrap();
    let change = |failing: Option<&str>| Change {
        witness: "w".into(),
        failing: failing.map(ToOwned::to_owned),
    };
    let away = change(Some("unreachable"));
    assert_eq!(rounds.run().unwrap(), from_ref(&away));
    assert_eq!(rounds.run().unwrap(), from_ref(&away), "until it is on record, over restarts too");
    let again = world.rounds(&home, &log);
    assert_eq!(again.run().unwrap(), from_ref(&away));
    again.told(&away).unwrap();
    assert_eq!(again.run().unwrap(), [], "told once, over restarts too");
    let again = world.rounds(&home, &log);
    assert_eq!(again.run().unwrap(), []);
    assert_eq!(again.standing().witnesses["w"].as_deref(), Some("unreachable"));
    assert_eq!(again.standing().size, Some(log.size() - 1));
    assert!(!log.is_stopped(), "an absent witness stops nothing");
    world.join();
    assert_eq!(again.run().unwrap(), [change(None)]);
    assert_eq!(again.standing().size, Some(log.size()));
    log.close();
    assert_eq!(kinds(&home.verify()), [""; 0]);
}

#[test]
fn a_log_that_was_put_back_is_stopped_at_its_start_and_stays_so() {
    let home = Home::new();
    let world = World::new(&home);
    home.fill(5);
    let old = home.copy();
    home.fill(2);
    let log = home.open();
    world.rounds(&home, &log).run().unwrap();
    log.close();

    let log = old.open();
    let error = world.rounds(&old, &log).run().unwrap_err();
    let RoundError::Disagreement(found) = error else { panic!("{error}") };
    assert_eq!((found.how, found.seen, found.own), (How::Ahead, 7, 5));
    let refused = log.append(viewed(1)).unwrap_err();
    assert!(matches!(refused, AppendError::Halted { .. }), "{refused}");
    assert!(log.stop_reason().unwrap().contains("put back to an older state"));
    assert_eq!(log.size(), 5, "nothing was written on it");
    log.close();

    // Not forgotten where the witness is away.
    world.cut();
    let log = old.open();
    assert!(world.rounds(&old, &log).run().is_err());
    log.close();
    // The operator's decision to go on without that witness goes on record.
    let without = World { policy: TlogPolicy::default(), ..World::new(&old) };
    let log = old.open();
    let failing = Some("dropped_after_disagreement".to_owned());
    let dropped = Change { witness: "w".into(), failing };
    let rounds = without.rounds(&old, &log);
    assert_eq!(rounds.run().unwrap(), from_ref(&dropped));
    assert_eq!(without.rounds(&old, &log).run().unwrap(), from_ref(&dropped), "until it is told");
    rounds.told(&dropped).unwrap();
    assert_eq!(rounds.run().unwrap(), []);
    assert!(log.append(viewed(1)).is_ok());
}

#[test]
fn a_log_is_stopped_although_it_cannot_be_kept_that_a_witness_disagrees() {
    let home = Home::new();
    let world = World::new(&home);
    home.fill(3);
    let old = home.copy();
    home.fill(2);
    let log = home.open();
    world.rounds(&home, &log).run().unwrap();
    log.close();
    let log = old.open();
    let rounds = world.rounds(&old, &log);
    // No file can be put where a folder is.
    fs::create_dir_all(old.paths.witnesses().join("in the way")).unwrap();
    assert!(matches!(rounds.run(), Err(RoundError::Disagreement(_))));
    assert!(matches!(log.append(viewed(1)), Err(AppendError::Halted { .. })));
    assert!(matches!(rounds.run(), Err(RoundError::Disagreement(_))), "and stays so");
}

#[test]
fn a_witness_that_signs_many_times_keeps_no_log_from_being_opened() {
    let home = Home::new();
    home.fill(3);
    let world = World::new(&home);
    let log = home.open();
    let kept = Arc::clone(&world.kept);
    let post = move |_: &str, body: String| {
        let reply = reply_of(kept.add_checkpoint(body.as_bytes()));
        let body = reply.body.repeat(98);
        Some(PostReply { body, ..reply })
    };
    let policy = world.policy.clone();
    let rounds = Rounds::open(&home.paths, log.clone(), policy, Box::new(post)).unwrap();
    assert_eq!(rounds.run().unwrap(), []);
    let cosigned = rounds.cosigned().unwrap();
    assert_eq!(cosigned, fs::read_to_string(home.paths.cosigned()).unwrap());
    assert_eq!(cosigned.matches("witness.test/w1").count(), 1);
    // Nor does what lies in place of what it has cosigned.
    for unreadable in [&b"\xff"[..], b"no checkpoint", cosigned.repeat(99).as_bytes()] {
        tamper(&home.paths.cosigned(), unreadable);
        let rounds = world.rounds(&home, &log);
        assert_eq!(rounds.cosigned(), None);
        assert_eq!(rounds.run().unwrap(), []);
        assert_eq!(rounds.standing().size, Some(3));
    }
}

#[test]
fn a_log_that_was_put_back_and_written_on_is_found_by_its_fork() {
    for (extra, how) in [(1, How::Ahead), (2, How::Forked), (3, How::Forked)] {
        let home = Home::new();
        let world = World::new(&home);
        home.fill(3);
        let old = home.copy();
        home.fill(2);
        let log = home.open();
        world.rounds(&home, &log).run().unwrap();
        log.close();

        // The witness was away while the old copy was written on, with the same key.
        world.cut();
        let log = old.open();
        let rounds = world.rounds(&old, &log);
        assert_eq!(rounds.run().unwrap().len(), 1);
        append_many(&log, extra);
        log.publish().unwrap();
        world.join();
        let error = rounds.run().unwrap_err();
        let RoundError::Disagreement(found) = error else { panic!("{error}") };
        assert_eq!((found.how, found.seen), (how, 5), "{extra} entries");
        assert!(matches!(log.append(viewed(1)), Err(AppendError::Halted { .. })));
        // And the true log goes on.
        let log = home.open();
        append_many(&log, 1);
        log.publish().unwrap();
        assert_eq!(world.rounds(&home, &log).run().unwrap(), []);
    }
}

#[test]
fn a_log_that_goes_on_from_another_is_counted_by_its_own_entries() {
    let home = Home::new();
    home.fill(50);
    epochs::freeze(&home);
    epochs::begin(&home).unwrap();
    let vkey = fs::read_to_string(&home.paths.vkey).unwrap();
    let home = Home { vkey, ..home };
    let world = World::new(&home);
    let old = home.copy();
    home.fill(4);
    let log = home.open();
    world.rounds(&home, &log).run().unwrap();
    assert_eq!((log.size(), log.tree_size()), (56, 5));
    log.close();
    // Fewer than the witness has seen, though with the log before it there are more.
    let log = old.open();
    let error = world.rounds(&old, &log).run().unwrap_err();
    let RoundError::Disagreement(found) = error else { panic!("{error}") };
    assert_eq!((found.how, found.seen, found.own), (How::Ahead, 5, 1));
}

#[test]
fn answers_that_say_nothing_about_the_log_never_stop_it() {
    let home = Home::new();
    home.fill(3);
    let world = World::new(&home);
    let log = home.open();
    let reply =
        |status, is_size, body: &str| PostReply { status, is_size, body: body.as_bytes().to_vec() };
    let other = World::new(&home);
    let note = log.published_checkpoint();
    let Decision::Cosigned(foreign) = other.kept.add_checkpoint(&body(0, &[], &note)) else {
        panic!("not cosigned")
    };
    let table = [
        (reply(403, false, ""), "unknown_key"),
        (reply(404, false, ""), "unknown_log"),
        (reply(500, false, ""), "bad_answer"),
        (reply(301, false, ""), "bad_answer"),
        (reply(200, false, ""), "bad_answer"),
        (reply(200, false, "rubbish"), "bad_answer"),
        (reply(200, false, &foreign), "bad_answer"),
        (reply(409, false, "9\n"), "bad_answer"),
        (reply(409, true, "nine\n"), "bad_answer"),
        (reply(409, true, "09\n"), "bad_answer"),
        (reply(409, true, "0\n"), "bad_answer"),
        (reply(422, false, ""), "bad_answer"),
    ];
    for (answer, reason) in table {
        let fresh = home.copy();
        let post = {
            let answer = answer.clone();
            move |_: &str, _| Some(answer.clone())
        };
        let policy = world.policy.clone();
        let rounds = Rounds::open(&fresh.paths, log.clone(), policy, Box::new(post)).unwrap();
        let failing = Some(reason.to_owned());
        let expected = [Change { witness: "w".into(), failing }];
        assert_eq!(rounds.run().unwrap(), expected, "{answer:?}");
        assert!(!log.is_stopped() && rounds.cosigned().is_none());
    }
}
