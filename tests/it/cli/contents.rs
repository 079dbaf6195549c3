//! What the entries of a home commit to, and whether it is still there.

use std::fs;
use std::path::Path;

use affiant::durable::{self, Readers};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::PASSWORD;
use crate::support::corpus::ANSWERABLE;
use crate::support::process::Cli;
use crate::support::template::{Holding, copy_folder};
use crate::support::test_app::TestApp;

fn kinds(report: &Value) -> Vec<&str> {
    let problems = report["problems"].as_array().unwrap();
    problems.iter().map(|problem| problem["kind"].as_str().unwrap()).collect()
}

fn count(report: &Value, name: &str) -> usize {
    usize::try_from(report["contents"][name].as_u64().unwrap()).unwrap()
}

/// The files right below a folder.
fn files_in(folder: &Path) -> Vec<std::path::PathBuf> {
    let items = fs::read_dir(folder).unwrap().map(|item| item.unwrap().path());
    items.filter(|path| path.is_file()).collect()
}

#[test]
fn a_home_is_verified_with_everything_that_its_entries_commit_to() {
    let home = TestApp::folder(Holding::Corpus);
    let cli = Cli::on(home.path());
    let answer = cli.json(0, &["ask", ANSWERABLE, "--as", "staff", "--mode", "verbatim"]);
    let report = cli.json(0, &["audit", "verify"]);
    let open = count(&report, "open");
    assert!(open > 3, "{report}");
    assert_eq!(
        [count(&report, "erased"), count(&report, "missing"), count(&report, "damaged")],
        [0; 3]
    );
    let live = cli.serve();
    assert_eq!(count(&cli.json(0, &["audit", "verify"]), "open"), open, "the same in a server");
    live.stop();
    let changed = |change: &dyn Fn(&Path)| {
        let work = TempDir::new().unwrap();
        copy_folder(home.path(), work.path());
        change(work.path());
        let cli = Cli::on(work.path());
        assert_eq!(cli.json(0, &["audit", "verify", "--log-only"])["contents"], Value::Null);
        cli.json(1, &["audit", "verify"])
    };

    let gone = changed(&|home| {
        fs::remove_dir_all(home.join("vault")).unwrap();
        durable::create_dir_all(&home.join("vault")).unwrap();
    });
    assert_eq!(kinds(&gone), vec!["payload_missing"; open]);
    assert_eq!((count(&gone, "missing"), count(&gone, "open")), (open, 0));

    // The last that was sealed is the answer.
    let damaged = changed(&|home| {
        let segment = home.join("vault/contents-000001.seg");
        let mut bytes = fs::read(&segment).unwrap();
        *bytes.last_mut().unwrap() ^= 1;
        durable::replace(&segment, &bytes, Readers::Owner).unwrap();
    });
    assert_eq!(kinds(&damaged), ["payload_damaged"]);
    assert_eq!(damaged["problems"][0]["index"], answer["entries"]["terminal"]);
    assert_eq!((count(&damaged, "damaged"), count(&damaged, "open")), (1, open - 1));

    // A key that is gone without a word on record is no erasure.
    let keyless = changed(&|home| {
        let mut keys = files_in(&home.join("keys"));
        keys.retain(|key| key.to_string_lossy().contains("/keys/document-"));
        assert!(!keys.is_empty());
        keys.iter().for_each(|key| fs::remove_file(key).unwrap());
    });
    assert!(kinds(&keyless).iter().all(|kind| *kind == "payload_missing"), "{keyless}");
    assert!(count(&keyless, "missing") > 0 && count(&keyless, "erased") == 0, "{keyless}");
    let detail = keyless["problems"][0]["detail"].as_str().unwrap();
    assert!(detail.contains("no entry says"), "{detail}");

    let without_vault = changed(&|home| fs::remove_dir_all(home.join("vault")).unwrap());
    assert_eq!(kinds(&without_vault), ["unreadable_file"]);
}

#[test]
fn erased_contents_are_no_problem_and_a_key_that_came_back_is_one() {
    let home = TestApp::folder(Holding::Corpus);
    let cli = Cli::on(home.path());
    let answer = cli.json(0, &["ask", ANSWERABLE, "--as", "staff", "--mode", "verbatim"]);
    let document = answer["evidence"][0]["document"].as_str().unwrap();
    let keys = home.path().join("keys");
    let kept = TempDir::new().unwrap();
    copy_folder(&keys, kept.path());
    let words = |arguments: &[&str]| {
        let finished = cli.run_with(&[&["--json"], arguments].concat(), &format!("{PASSWORD}\n"));
        assert_eq!(finished.code, 0, "{finished:?}");
        finished.json()
    };
    let erase = ["erase", "--document", document, "--as", "records", "--reason", "asked to"];
    let change = words(&[&erase[..], &["--password-stdin"]].concat());
    let id = change["id"].as_str().unwrap();
    words(&["changes", "approve", id, "--as", "approver", "--password-stdin"]);
    let report = cli.json(0, &["audit", "verify"]);
    assert!(count(&report, "erased") > 0, "{report}");
    assert_eq!(count(&report, "missing") + count(&report, "damaged"), 0);
    // Out of a backup, say.
    for key in files_in(kept.path()) {
        let back = keys.join(key.file_name().unwrap());
        if !back.exists() {
            fs::copy(&key, &back).unwrap();
        }
    }
    let marks =
        files_in(&keys).into_iter().filter(|path| path.extension() == Some("erased".as_ref()));
    marks.for_each(|mark| fs::remove_file(mark).unwrap());
    let report = cli.json(1, &["audit", "verify"]);
    assert!(kinds(&report).contains(&"erasure_undone"), "{report}");
}

#[test]
fn logs_that_ended_are_counted_and_verified_by_their_own_keys() {
    let home = TestApp::folder(Holding::Nothing);
    let cli = Cli::on(home.path());
    let size = cli.json(0, &["audit", "verify"])["size"].as_u64().unwrap();
    cli.json(0, &["audit", "key", "compromised"]);
    let report = cli.json(0, &["audit", "verify"]);
    assert!(report["before"].as_u64().unwrap() > size, "{report}");
    let said = cli.run(&["audit", "verify"]).stdout;
    assert!(said.contains("in logs that ended"), "{said}");
    let past = home.path().join("log-1");
    let past = cli.json(0, &["audit", "verify", past.to_str().unwrap()]);
    assert_eq!(past["size"], report["before"], "log-1.vkey was taken by itself");
    assert!(count(&report, "open") > 0, "contents of the log that ended, too");
}

#[test]
fn a_checkpoint_is_no_time_and_the_message_says_where_it_goes() {
    let home = TestApp::folder(Holding::Nothing);
    let cli = Cli::on(home.path());
    let checkpoint = home.path().join("log/checkpoint");
    let out = home.path().join("out");
    let (checkpoint, out) = (checkpoint.to_str().unwrap(), out.to_str().unwrap());
    let export = ["audit", "export", "--format", "bundle", "--out", out, "--since", checkpoint];
    let said = cli.json(2, &export)["error"].to_string();
    assert!(said.contains("--since-checkpoint"), "{said}");
    let said = cli.json(2, &["audit", "list", "--type", "Mary Roe"])["error"].to_string();
    assert!(said.contains("audit inventory") && !said.contains("Roe"), "{said}");
    let of_one = ["audit", "export", "--format", "fhir", "--out", out, "--patient", "P-4"];
    let said = cli.json(2, &of_one)["error"].to_string();
    assert!(said.contains("--purpose") && said.contains("--recipient"), "{said}");
    let stated = ["--purpose", "PATRQT", "--recipient", "Dr. Jane Roe, 5 High Street"];
    cli.json(0, &[&of_one[..], &stated].concat());
    let table = cli.json(0, &["audit", "inventory"])["problems"].to_string();
    for kind in ["forked", "bundle_manifest", "record_mismatch", "payload_missing"] {
        assert!(table.contains(&format!("`{kind}`")), "{kind}");
    }
    assert_eq!(cli.json(0, &["audit", "verify"])["problems"], json!([]));
}
