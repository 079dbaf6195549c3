//! What the verifier finds.

use std::os::unix::ffi::OsStrExt as _;

use super::*;
use crate::audit::note::NoteSigner;
use crate::domain::payload::TokenKind;

fn found(home: &Home) -> Vec<String> {
    home.verify().problems.into_iter().map(|problem| problem.kind).collect()
}

#[test]
fn every_changed_byte_of_every_file_is_found() {
    let home = Home::new();
    home.fill(100);
    home.fill(156);
    home.fill(40);
    home.fill(4);
    let files = home.log_files();
    assert_eq!(files.len(), 8, "{files:?}");
    assert!(home.verify().ok);
    for file in files {
        let path = home.paths.log.join(&file);
        let good = fs::read(&path).unwrap();
        // The first bytes, the last, and others all over the file.
        let step = (good.len() / 40).max(1);
        let positions =
            (0..good.len()).filter(|at| at % step == 0 || *at < 8 || at + 8 > good.len());
        for position in positions {
            let mut bad = good.clone();
            bad[position] ^= 1;
            tamper(&path, &bad);
            assert!(!home.verify().ok, "{file} byte {position}");
        }
        for bad in [&good[..good.len() - 1], &[good.as_slice(), b"x"].concat(), b""] {
            tamper(&path, bad);
            assert!(!home.verify().ok, "{file} with {} bytes", bad.len());
        }
        fs::remove_file(&path).unwrap();
        // An old partial file may go; every other is missed.
        let stale = file.contains(".p/") && !file.ends_with(".p/44") && !file.ends_with(".p/1");
        assert_eq!(home.verify().ok, stale, "{file} removed");
        tamper(&path, &good);
    }
    assert!(home.verify().ok);
}

#[test]
fn files_that_no_log_has_are_named() {
    let home = Home::new();
    home.fill(3);
    for (file, kind) in [
        ("notes.txt", "unknown_file"),
        ("tile/0/001", "unpublished_file"),
        ("tile/0/000.p/4", "unpublished_file"),
        ("tile/0/000.p/03", "unknown_file"),
        ("tile/entries/000.gz", "unknown_file"),
        ("tile/1/000.p/1", "unpublished_file"),
        ("tile/entries/000.p/2", "stale_partial"),
    ] {
        let path = home.paths.log.join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        tamper(&path, b"?");
        let report = home.verify();
        assert_eq!(kinds(&report), [kind], "{file}");
        assert!(report.problems[0].detail.contains(file));
        fs::remove_file(&path).unwrap();
    }
    std::os::unix::fs::symlink("checkpoint", home.paths.log.join("link")).unwrap();
    assert_eq!(found(&home), ["unknown_file"]);
    fs::remove_file(home.paths.log.join("link")).unwrap();
    // Names that are no text, of a file and of a folder.
    let name = |bytes: &[u8]| home.paths.log.join("tile").join(std::ffi::OsStr::from_bytes(bytes));
    tamper(&name(b"\xff"), b"?");
    assert_eq!(found(&home), ["unknown_file"]);
    fs::create_dir(name(b"\xff.p")).unwrap();
    tamper(&name(b"\xff.p/hidden"), b"?");
    assert_eq!(found(&home), ["unknown_file", "unknown_file"]);
}

#[test]
fn another_key_or_a_damaged_key_accepts_nothing() {
    let home = Home::new();
    home.fill(1);
    let other = verify(&home.paths.log, &Home::new().vkey);
    assert_eq!((kinds(&other), other.size, other.root.as_str()), (vec!["checkpoint"], 0, ""));
    assert_eq!(kinds(&verify(&home.paths.log, "nonsense")), ["vkey"]);
    assert_eq!(kinds(&verify(home.folder.path(), &home.vkey)), ["checkpoint"]);
    assert!(verify(&home.paths.log, &format!("{}\n", home.vkey)).ok);
}

/// Makes a log with the true key out of any entries, as a dishonest operator could.
fn forge(entries: &[Vec<u8>]) -> Report {
    let home = Home::new();
    let key = fs::read_to_string(&home.paths.key).unwrap();
    let signer = NoteSigner::from_text(&key).unwrap();
    let stored: Vec<_> = entries.iter().map(|entry| shared::Stored::new(entry)).collect();
    let mut edge = tile::Edge::default();
    stored.iter().for_each(|stored| drop(edge.push(stored.leaf)));
    let origin = ORIGIN.to_owned();
    let note = Checkpoint { origin, size: edge.size(), root: edge.root() }.sign(&signer);
    let mut publisher = publish::Publisher::new(tile::Edge::default(), Vec::new());
    publisher.apply(&DiskFiles::new(home.paths.clone()), &stored, &note).unwrap();
    home.verify()
}

fn entry(millis: u64, req: u128, what: What) -> Vec<u8> {
    let ts = Timestamp::from_unix_millis(millis);
    let entry = entry::Unsequenced::new(&event_of(req, what));
    let id = crate::domain::ids::uuid_v7(ts, &SystemEntropy);
    entry.unwrap_or_else(|_| panic!("unfit")).sequence(id, ts).unwrap()
}

fn released() -> What {
    What::SearchReleased { hits: 0 }
}

#[test]
fn a_query_has_one_beginning_one_retrieval_and_one_end() {
    let start = || entry(1, 4, started());
    let good =
        [start(), entry(1, 5, received()), entry(1, 5, retrieved()), entry(2, 5, released())];
    assert!(forge(&good).ok);
    for (entries, expected) in [
        (vec![received(), failed()], vec![]),
        (vec![received()], vec![]),
        (vec![received(), started()], vec!["open_query"]),
        (vec![received(), started(), failed()], vec![]),
        (vec![received(), retrieved(), released(), failed()], vec!["terminal_without_query"]),
        (vec![viewed(1).what, failed()], vec!["terminal_without_query"]),
        (vec![received(), received(), failed()], vec!["duplicate_query"]),
        (vec![received(), released()], vec!["query_order"]),
        (vec![retrieved()], vec!["query_order"]),
    ] {
        let entries = entries.into_iter().map(|what| entry(1, 5, what));
        let entries: Vec<_> = [start()].into_iter().chain(entries).collect();
        assert_eq!(kinds(&forge(&entries)), expected);
    }
}

#[test]
fn a_query_left_open_long_ago_is_a_problem_and_a_running_one_a_warning() {
    for (behind, expected) in [(1_024 - 1, false), (1_024, true)] {
        let mut entries = vec![entry(1, 4, started()), entry(1, 5, received())];
        entries.extend((0..behind).map(|_| entry(1, 6, viewed(1).what)));
        let report = forge(&entries);
        let (problems, warnings) = if expected { (1, 0) } else { (0, 1) };
        assert_eq!(report.problems.len(), problems, "{behind} entries behind it");
        assert_eq!(report.warnings.len(), warnings, "{behind} entries behind it");
        assert_eq!(report.ok, !expected);
        let found = report.problems.iter().chain(&report.warnings).next().unwrap();
        assert_eq!(found.index, Some(1));
        assert_eq!(found.kind, if expected { "open_query" } else { "running_query" });
    }
}

#[test]
fn ids_are_unique_and_times_in_order() {
    let one = entry(7, 1, viewed(1).what);
    assert_eq!(kinds(&forge(&[one.clone(), one.clone()])), ["duplicate_id"]);
    let earlier = entry(6, 1, viewed(1).what);
    assert_eq!(kinds(&forge(&[one.clone(), earlier])), ["time_order"]);
    let altered = String::from_utf8(one.clone()).unwrap().replace("\"page\":1", "\"page\": 1");
    let report = forge(&[one, altered.into_bytes()]);
    assert_eq!(kinds(&report), ["entry_schema"]);
    let problem = &report.problems[0];
    assert_eq!(problem.index, Some(1));
    assert_eq!(problem.detail, "entry 1 of tile/entries/000.p/2 is not canonical JSON (RFC 8785)");
}

pub(super) fn token(number: u8) -> Token {
    Token::from_mac([number; 16])
}

pub(super) fn activated(number: u8) -> What {
    What::DocumentActivated {
        document: token(number),
        generation: 1,
        passages: 1,
        pages: 1,
        size_bytes: 1,
        class: 0,
        models: Added(None),
        payload: None,
    }
}

pub(super) fn deleted(number: u8) -> What {
    What::DocumentDeleted { document: token(number), generation: 1 }
}

/// Retrieval that returned these documents; the last one did not fit the budget.
pub(super) fn found_in(documents: &[u8]) -> What {
    let hits = documents.iter().zip(1_u32..).map(|(number, rank)| RetrievedHit {
        document: token(*number),
        passage: crate::domain::ids::PassageId(Uuid::from_u128(u128::from(rank))),
        rank,
        score: 0.5,
        decision: match rank as usize == documents.len() {
            true => HitDecision::Cut,
            false => HitDecision::Used,
        },
    });
    What::RetrievalDone {
        generation: 1,
        hits: hits.collect(),
        withheld: 0,
        matters: Vec::new(),
        patients: Vec::new(),
        payload: Some(payload()),
    }
}

fn answered(cited: &[u8]) -> What {
    let span = |number: &u8| CitedSpan { document: token(*number), page: 1, start: 0, end: 1 };
    What::AnswerReleased {
        mode: crate::domain::answer::Wording::Verbatim,
        sentences: 1,
        withheld_sentences: 0,
        cited: cited.iter().map(span).collect(),
        models: Default::default(),
        prompt_tokens: 0,
        completion_tokens: 0,
        seed: 0.into(),
        payload: Some(payload()),
    }
}

#[test]
fn what_retrieval_returns_was_taken_in_before_and_what_is_cited_was_evidence() {
    for (entries, expected) in [
        (vec![activated(1), activated(2), received(), found_in(&[1, 2]), answered(&[1])], vec![]),
        (vec![received(), found_in(&[1]), failed(), activated(1)], vec!["unknown_document"]),
        (vec![activated(1), deleted(1), received(), found_in(&[1]), failed()], {
            vec!["deleted_document"]
        }),
        // Found, then deleted while the question ran; and taken in again.
        (vec![activated(1), received(), deleted(1), found_in(&[1]), failed()], vec![]),
        (vec![activated(1), deleted(1), activated(1), received(), found_in(&[1]), failed()], {
            vec![]
        }),
        (vec![deleted(1), activated(1), received(), found_in(&[1]), failed()], vec![]),
        // Cut from the evidence, or never in it.
        (vec![activated(1), activated(2), received(), found_in(&[1, 2]), answered(&[2])], {
            vec!["cited_without_evidence"]
        }),
        (vec![activated(1), received(), found_in(&[]), answered(&[1])], {
            vec!["cited_without_evidence"]
        }),
        (vec![received(), answered(&[1])], vec!["cited_without_evidence", "query_order"]),
    ] {
        let entries = [started()].into_iter().chain(entries).map(|what| entry(1, 5, what));
        let report = forge(&entries.collect::<Vec<_>>());
        assert_eq!(kinds(&report), expected);
        assert!(report.problems.iter().all(|problem| problem.index.is_some()));
    }
}

/// An entry under a policy set, of a request that began at some time.
fn under(millis: u64, began: u64, policy: Option<Digest>, what: What) -> Vec<u8> {
    let began = Timestamp::from_unix_millis(began);
    let req = RequestId::fresh(began, &SystemEntropy);
    let event = Event { req, policy, ..event_of(0, what) };
    let ts = Timestamp::from_unix_millis(millis);
    let mut entry = entry::Unsequenced::new(&event).unwrap_or_else(|_| panic!("unfit"));
    let id = crate::domain::ids::uuid_v7(ts, &SystemEntropy);
    entry.sequence(id, ts).unwrap()
}

#[test]
fn every_entry_names_a_policy_set_that_was_in_force() {
    let files = |name: &str| [(format!("{name}.cedar"), Digest::of(b""))].into();
    let activate =
        |name: &str| What::PolicyActivated { set: name.into(), files: files(name), payload: None };
    let digest = |name: &str| {
        let file = format!("{name}.cedar");
        Some(Digest::of_parts([file.as_bytes(), Digest::of(b"").as_bytes()]))
    };
    let (old, new, other) = (digest("old"), digest("new"), digest("other"));
    let view = || viewed(1).what;
    let minute = 60_000;
    let start = |policy| What::LogStarted {
        binary: Digest::of(b""),
        config: Digest::of(b""),
        policy,
        models: [].into(),
        size: 0,
    };
    let first = || under(0, 0, old, activate("old"));
    let second = |named| under(minute, minute, named, activate("new"));
    for (entries, expected) in [
        (vec![first(), under(1, 1, old, view()), under(1, 1, None, view())], 0),
        (vec![first(), under(1, 1, other, view())], 1),
        (vec![under(1, 1, old, view())], 1),
        // The change itself names the set that allowed it, or the new one.
        (vec![first(), second(old), under(minute, minute, new, view())], 0),
        (vec![first(), second(new), under(minute, minute, new, view())], 0),
        (vec![first(), second(other)], 1),
        // A request that began under the old set ends under it; a later one does not.
        (vec![first(), second(new), under(9 * minute, minute - 1, old, view())], 0),
        (vec![first(), second(new), under(9 * minute, 8 * minute, old, view())], 1),
        // A start tells which set is in force.
        (vec![first(), under(1, 1, other, start(other.unwrap())), under(1, 1, other, view())], 0),
    ] {
        let report = forge(&entries);
        let found = kinds(&report);
        assert!(found.iter().all(|kind| *kind == "policy_not_in_force"), "{found:?}");
        assert_eq!(found.len(), expected, "{:?}", report.problems);
    }
}

#[test]
fn nothing_is_erased_that_a_hold_keeps() {
    let hold = |req, number| entry(1, req, held(number));
    let release = |req, number| {
        let hold = RequestId(Uuid::from_u128(req));
        entry(1, 9, What::HoldReleased { hold, subject: token(number) })
    };
    let erase = |subject, number: u8| {
        let keys = vec!["rows".to_owned(), format!("document-{}", token(number))];
        entry(1, 9, What::ErasureKeys { subject: token(subject), keys })
    };
    for (entries, expected) in [
        (vec![hold(5, 1), erase(2, 2)], 0),
        (vec![hold(5, 1), erase(1, 2)], 1),
        // A document that is kept, with the matter that it belongs to.
        (vec![hold(5, 1), erase(2, 1)], 1),
        (vec![hold(5, 1), release(5, 1), erase(1, 1)], 0),
        // One of two holds has ended, or a third that is none.
        (vec![hold(5, 1), hold(6, 1), release(5, 1), erase(1, 1)], 1),
        (vec![hold(5, 1), release(7, 1), erase(1, 1)], 1),
        (vec![erase(1, 1), hold(5, 1)], 0),
    ] {
        let report = forge(&entries);
        assert_eq!(kinds(&report), vec!["erased_under_hold"; expected]);
    }
}

pub(super) fn held(number: u8) -> What {
    What::HoldPlaced { scope: TokenKind::Document, subject: token(number), payload: None }
}

#[test]
fn a_time_without_a_date_is_no_time_of_an_entry() {
    let last = 253_402_207_200_000;
    assert_eq!(forge(&[entry(last, 1, viewed(1).what)]).problems, []);
    assert_eq!(kinds(&forge(&[entry(last + 1, 1, viewed(1).what)])), ["entry_schema"]);
}

#[test]
fn a_running_appliance_is_not_silent() {
    let minute = 60_000;
    for (gap, first, last, expected) in [
        (10, started(), viewed(1).what, vec![]),
        (12, started(), viewed(1).what, vec!["silence"]),
        (12, started(), started(), vec![]),
        // Where no server runs, nobody writes heartbeats.
        (12, viewed(1).what, viewed(1).what, vec![]),
    ] {
        let report = forge(&[entry(1, 5, first), entry(1 + gap * minute, 5, last)]);
        let found: Vec<_> = report.warnings.iter().map(|w| w.kind.as_str()).collect();
        assert_eq!(found, expected, "{gap} minutes");
        assert!(report.ok);
    }
}

#[test]
fn an_earlier_checkpoint_holds_the_log_to_its_history() {
    let home = Home::new();
    let since = |home: &Home, note: &str| {
        let since = Some(note.as_bytes().to_vec());
        let options = VerifyOptions { since, ..VerifyOptions::default() };
        let report = verify_with(&home.paths.log, Trust::Key(&home.vkey), &options);
        report.problems.into_iter().map(|problem| problem.kind).collect::<Vec<_>>()
    };
    let checkpoint = |home: &Home| fs::read_to_string(home.paths.log.join("checkpoint")).unwrap();
    let mut notes = vec![checkpoint(&home)];
    for count in [3, 252, 1, 44, 212] {
        home.fill(count);
        notes.push(checkpoint(&home));
    }
    for note in &notes {
        assert_eq!(since(&home, note), Vec::<String>::new(), "{note}");
    }
    // Another history that the same key signed, of each length.
    let key = fs::read_to_string(&home.paths.key).unwrap();
    let signer = NoteSigner::from_text(&key).unwrap();
    for (size, expected) in [
        (0, "forked"),
        (1, "forked"),
        (255, "forked"),
        (256, "forked"),
        (300, "forked"),
        (512, "forked"),
        (513, "shrunk"),
    ] {
        let origin = ORIGIN.to_owned();
        let forged = Checkpoint { origin, size, root: [7; 32] }.sign(&signer);
        assert_eq!(since(&home, &forged), [expected], "{size}");
    }
    assert_eq!(since(&home, &checkpoint(&Home::new())), ["since_checkpoint"]);
    assert_eq!(since(&home, "nonsense"), ["since_checkpoint"]);
}

#[test]
fn a_policy_asks_for_any_key_of_the_log_and_a_quorum_of_witnesses() {
    let home = Home::new();
    home.fill(3);
    let stranger = Home::new();
    let witness = Cosigner::generate("w.test/1", &SystemEntropy).unwrap();
    let path = home.paths.log.join("checkpoint");
    let under = |logs: &[&Home], quorum: &str| {
        let logs: String = logs.iter().map(|home| format!("log {}\n", home.vkey)).collect();
        let witness = witness.verifier();
        let policy = format!("{logs}witness one {witness}\nquorum {quorum}\n");
        let policy = TlogPolicy::parse(policy.as_bytes()).unwrap();
        let options = VerifyOptions { entries: EntryRules::Affiant, ..VerifyOptions::default() };
        let report = verify_with(&home.paths.log, Trust::Policy(&policy), &options);
        report.problems.into_iter().map(|problem| problem.kind).collect::<Vec<_>>()
    };
    let none = Vec::<String>::new();
    assert_eq!(under(&[&home], "none"), none);
    assert_eq!(under(&[&stranger, &home], "none"), none);
    assert_eq!(under(&[&stranger], "none"), ["checkpoint"]);
    assert_eq!(under(&[&home], "one"), ["quorum"]);
    let note = fs::read_to_string(&path).unwrap();
    let text = note.rsplit_once("\n\n").unwrap().0.to_owned() + "\n";
    tamper(&path, (note.clone() + &witness.cosign(&text, 1_767_225_600)).as_bytes());
    assert_eq!(under(&[&home], "one"), none);
    tamper(&path, (note + &witness.cosign("another text\n", 1_767_225_600)).as_bytes());
    assert_eq!(under(&[&home], "one"), ["checkpoint"]);
}

#[test]
fn a_quorum_may_have_cosigned_an_earlier_checkpoint() {
    let home = Home::new();
    let witness = Cosigner::generate("w.test/1", &SystemEntropy).unwrap();
    let policy = format!("log {}\nwitness one {}\nquorum one\n", home.vkey, witness.verifier());
    let policy = TlogPolicy::parse(policy.as_bytes()).unwrap();
    let cosign = |note: &str| {
        let text = note.rsplit_once("\n\n").unwrap().0.to_owned() + "\n";
        note.to_owned() + &witness.cosign(&text, 1_767_225_600)
    };
    let under = |note: &str| {
        let options = VerifyOptions { entries: EntryRules::Affiant, ..VerifyOptions::default() };
        let report =
            verify_with(&home.paths.log, Trust::Cosigned(&policy, note.as_bytes()), &options);
        let warnings: Vec<_> = report.warnings.iter().map(|w| (w.kind.clone(), w.index)).collect();
        (report.problems.into_iter().map(|problem| problem.kind).collect::<Vec<_>>(), warnings)
    };
    home.fill(3);
    let note = fs::read_to_string(home.paths.log.join("checkpoint")).unwrap();
    home.fill(2);
    let tail = vec![("uncosigned_tail".to_owned(), Some(3))];
    assert_eq!(under(&cosign(&note)), (vec![], tail.clone()));
    assert_eq!(under(&note), (vec!["quorum".to_owned()], vec![]));
    assert_eq!(under("nonsense"), (vec!["quorum".to_owned()], vec![]));
    let key = fs::read_to_string(&home.paths.key).unwrap();
    let signer = NoteSigner::from_text(&key).unwrap();
    let forged = Checkpoint { origin: ORIGIN.to_owned(), size: 3, root: [7; 32] }.sign(&signer);
    assert_eq!(under(&cosign(&forged)), (vec!["forked".to_owned()], tail));
}

#[test]
fn every_kind_of_finding_is_told_once_with_its_meaning() {
    let kinds: std::collections::BTreeSet<_> = PROBLEM_KINDS.iter().map(|row| row.kind).collect();
    assert_eq!(kinds.len(), PROBLEM_KINDS.len());
    let table = problem_kinds(PROBLEM_KINDS);
    assert_eq!(table.lines().count(), PROBLEM_KINDS.len() + 2);
    assert!(table.contains("| `forked` | problem |") && table.contains("| `silence` | warning |"));
}

#[test]
fn the_log_of_another_program_is_verified_without_our_schema() {
    let foreign = [b"hello".to_vec(), Vec::new(), vec![0xff; 65_535]];
    assert!(forge(&foreign).ok);
    let ours = entry(7, 1, viewed(1).what);
    let mixed = forge(&[ours, b"hello".to_vec()]);
    assert_eq!(kinds(&mixed), ["entry_schema"]);
    let home = Home::new();
    home.fill(1);
    let strict = VerifyOptions { entries: EntryRules::Affiant, ..VerifyOptions::default() };
    assert!(verify_with(&home.paths.log, Trust::Key(&home.vkey), &strict).ok);
}

#[test]
fn a_log_that_is_wrong_everywhere_gets_a_list_that_ends() {
    let first = entry(7, 1, viewed(1).what);
    let mut entries = vec![first];
    entries.extend((0..1_500).map(|_| b"not an entry".to_vec()));
    let report = forge(&entries);
    assert_eq!(report.problems.len(), 1_001);
    assert_eq!(report.problems.last().unwrap().kind, "too_many_problems");
}
