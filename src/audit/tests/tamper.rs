//! What the verifier finds.

use super::*;
use crate::audit::note::NoteSigner;

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

fn started() -> What {
    let digest = crate::domain::digest::Digest::of(b"");
    What::LogStarted { binary: digest, config: digest, policy: digest, models: [].into(), size: 0 }
}

#[test]
fn a_query_has_one_beginning_one_retrieval_and_one_end() {
    let good = [entry(1, 5, received()), entry(1, 5, retrieved()), entry(2, 5, released())];
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
        let entries: Vec<_> = entries.into_iter().map(|what| entry(1, 5, what)).collect();
        assert_eq!(kinds(&forge(&entries)), expected);
    }
}

#[test]
fn a_query_left_open_long_ago_is_a_problem_and_a_running_one_is_not() {
    for (behind, expected) in [(1_024 - 1, 0), (1_024, 1)] {
        let mut entries = vec![entry(1, 5, received())];
        entries.extend((0..behind).map(|_| entry(1, 6, viewed(1).what)));
        assert_eq!(forge(&entries).problems.len(), expected, "{behind} entries behind it");
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

#[test]
fn the_log_of_another_program_is_verified_without_our_schema() {
    let foreign = [b"hello".to_vec(), Vec::new(), vec![0xff; 65_535]];
    assert!(forge(&foreign).ok);
    let ours = entry(7, 1, viewed(1).what);
    let mixed = forge(&[ours, b"hello".to_vec()]);
    assert_eq!(kinds(&mixed), ["entry_schema"]);
    let home = Home::new();
    home.fill(1);
    let strict = VerifyOptions { entries: EntryRules::Affiant };
    assert!(verify_with(&home.paths.log, &home.vkey, &strict).ok);
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
