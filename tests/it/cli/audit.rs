use affiant::audit::Cosigner;
use affiant::domain::clock::SystemEntropy;
use affiant::durable::{self, Readers};
use serde_json::Value;
use tempfile::TempDir;

use super::has;
use crate::support::process::Cli;
use crate::support::template::{Holding, copy_folder};
use crate::support::test_app::TestApp;

#[test]
fn the_record_is_listed_shown_proved_and_exported() {
    let home = TestApp::folder(Holding::Nothing);
    let cli = Cli::on(home.path());
    let listed = cli.json(0, &["audit", "list", "--type", "account.created"]);
    let entries = listed["entries"].as_array().unwrap();
    assert_eq!(entries.len(), 6);
    has(&entries[0], &["index", "entry", "leaf_hash"]);
    has(&entries[0]["entry"], &["v", "id", "ts", "type", "outcome", "actor", "req", "policy"]);
    assert_eq!(cli.json(0, &["audit", "show", "0"])["entry"]["type"], "policy.activated");
    cli.json(2, &["audit", "show", "999999"]);
    cli.json(4, &["audit", "list", "--as", "staff"]);
    cli.json(0, &["audit", "list", "--as", "auditor"]);

    let out = TempDir::new().unwrap();
    let file = |name: &str| out.path().join(name).to_str().unwrap().to_owned();
    let proof = cli.json(0, &["audit", "proof", "0", "--out", &file("0.tlog-proof")]);
    let text = std::fs::read_to_string(proof["path"].as_str().unwrap()).unwrap();
    assert!(text.starts_with("c2sp.org/tlog-proof@v1\n"), "{text}");
    let [proof, leaf] = ["0.tlog-proof", "0.leaf"].map(file);
    cli.json(0, &["audit", "proof", "0", "--out", &proof, "--leaf", &leaf]);
    let nowhere = Cli::on(std::path::Path::new("/no/such/home"));
    let vkey = home.path().join("log.vkey");
    let check = |leaf: &str| {
        let vkey = vkey.to_str().unwrap();
        ["audit", "check-proof", &proof, "--leaf", leaf, "--vkey", vkey].map(str::to_owned)
    };
    let checked = |code, leaf: &str| {
        let words = check(leaf);
        nowhere.json(code, &words.each_ref().map(String::as_str))
    };
    let found = checked(0, &leaf);
    assert_eq!((&found["ok"], &found["index"]), (&true.into(), &0.into()));
    assert_eq!(checked(1, &proof)["ok"], false, "other bytes");
    for format in ["jsonl", "csv"] {
        let path = file(&format!("all.{format}"));
        let exported = cli.json(0, &["audit", "export", "--format", format, "--out", &path]);
        has(&exported, &["path", "entries", "sha256"]);
        let lines = std::fs::read_to_string(&path).unwrap().lines().count() as u64;
        let header = u64::from(format == "csv");
        assert_eq!(lines - header, exported["entries"].as_u64().unwrap(), "{format}");
    }
    cli.json(2, &["audit", "export", "--format", "pdf", "--out", &file("all.pdf")]);
}

#[test]
fn a_copy_of_the_log_is_verified_without_a_home() {
    let home = TestApp::folder(Holding::Nothing);
    let elsewhere = TempDir::new().unwrap();
    copy_folder(&home.path().join("log"), &elsewhere.path().join("log"));
    let vkey = home.path().join("log.vkey");
    let cli = Cli::on(std::path::Path::new("/no/such/home"));
    let log = elsewhere.path().join("log");
    let (log, vkey) = (log.to_str().unwrap(), vkey.to_str().unwrap());
    let report = cli.json(0, &["audit", "verify", log, "--vkey", vkey]);
    has(&report, &["ok", "size", "root", "problems", "warnings"]);
    assert_eq!(report["ok"], true);
    assert_eq!(report["problems"], Value::Array(Vec::new()));
    assert_eq!(report["warnings"], Value::Array(Vec::new()));
}

#[test]
fn a_policy_stands_in_for_the_key_and_may_ask_for_witnesses() {
    let home = TestApp::folder(Holding::Nothing);
    let cli = Cli::on(home.path());
    let vkey = std::fs::read_to_string(home.path().join("log.vkey")).unwrap();
    let policy = home.path().join("log-policy");
    let (policy, name) = (policy.as_path(), policy.to_str().unwrap().to_owned());
    let verify = ["audit", "verify", "--policy", &name];
    let cosigner = Cosigner::generate("w.test/1", &SystemEntropy).unwrap();
    let witness = cosigner.verifier();
    for (quorum, code) in [("none", 0), ("w", 1), ("nobody", 2)] {
        let text = format!("log {vkey}witness w {witness}\nquorum {quorum}\n");
        durable::replace(policy, text.as_bytes(), Readers::Owner).unwrap();
        let report = cli.json(code, &verify);
        match code {
            1 => assert_eq!(report["problems"][0]["kind"], "quorum"),
            2 => assert!(report["error"]["detail"].as_str().unwrap().contains("line 3")),
            _ => assert_eq!(report["ok"], true),
        }
    }
    // What the witness has cosigned lies beside the log, which grows meanwhile.
    let text = format!("log {vkey}witness w {witness}\nquorum w\n");
    durable::replace(policy, text.as_bytes(), Readers::Owner).unwrap();
    let note = std::fs::read_to_string(home.path().join("log/checkpoint")).unwrap();
    let text = note.rsplit_once("\n\n").unwrap().0.to_owned() + "\n";
    let cosigned = note.clone() + &cosigner.cosign(&text, 1_767_225_600);
    let beside = home.path().join("log.cosigned");
    durable::replace(&beside, cosigned.as_bytes(), Readers::Everyone).unwrap();
    cli.json(0, &["audit", "list"]);
    let report = cli.json(0, &verify);
    assert_eq!(report["warnings"][0]["kind"], "uncosigned_tail");
}

#[test]
fn a_kept_checkpoint_holds_the_log_to_its_history() {
    let home = TestApp::folder(Holding::Nothing);
    let kept = TempDir::new().unwrap();
    let kept = kept.path().join("checkpoint");
    std::fs::copy(home.path().join("log/checkpoint"), &kept).unwrap();
    let kept = kept.to_str().unwrap();
    let cli = Cli::on(home.path());
    cli.json(0, &["audit", "list"]);
    let since = ["audit", "verify", "--since", kept];
    assert_eq!(cli.json(0, &since)["ok"], true);
    // The checkpoint of another home, and none at all.
    let other = TestApp::folder(Holding::Nothing);
    let foreign = other.path().join("log.vkey");
    cli.json(2, &["audit", "verify", "--since", "/no/such/checkpoint"]);
    let report = cli.json(1, &["audit", "verify", "--since", foreign.to_str().unwrap()]);
    assert_eq!(report["problems"][0]["kind"], "since_checkpoint");
    // The same home as it was before its last entry: as if a backup had been put back.
    let today = home.path().join("log/checkpoint");
    let back = Cli::on(other.path());
    let report = back.json(1, &["audit", "verify", "--since", today.to_str().unwrap()]);
    assert_eq!(report["problems"][0]["kind"], "shrunk");
    assert_eq!(report["problems"].as_array().unwrap().len(), 1);
}

#[test]
#[expect(clippy::disallowed_methods, reason = "the test plays the forger")]
fn a_log_that_was_touched_does_not_verify() {
    let home = TestApp::folder(Holding::Nothing);
    let cli = Cli::on(home.path());
    let bundles = walkdir::WalkDir::new(home.path().join("log/tile/entries"));
    let files = bundles.into_iter().map(Result::unwrap).filter(|e| e.file_type().is_file());
    let mut changed = 0;
    for path in files.map(walkdir::DirEntry::into_path) {
        let mut bytes = std::fs::read(&path).unwrap();
        if let Some(at) = bytes.windows(7).position(|part| part == b"\"staff\"") {
            bytes[at + 1] = b'S';
            std::fs::write(&path, bytes).unwrap();
            changed += 1;
        }
    }
    assert!(changed > 0, "a role stands in an entry");
    let report = cli.json(1, &["audit", "verify"]);
    assert_eq!(report["ok"], false);
    has(&report["problems"][0], &["kind", "index", "detail"]);
}

#[test]
fn the_inventory_lists_every_type_of_entry() {
    let cli = Cli::on(std::path::Path::new("/no/such/home"));
    let table = cli.json(0, &["audit", "inventory"])["table"].as_str().unwrap().to_owned();
    for entry_type in affiant::audit::ENTRY_TYPES {
        assert!(table.contains(&format!("`{}`", entry_type.kind)));
    }
}
