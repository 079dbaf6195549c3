use std::path::Path;

use serde_json::Value;
use tempfile::TempDir;

use super::has;
use crate::support::corpus::ANSWERABLE;
use crate::support::process::Cli;
use crate::support::template::Holding;
use crate::support::test_app::TestApp;

/// Has one person propose the policies of a folder, and another approve.
pub(super) fn put_in_force(cli: &Cli, folder: &Path) -> Value {
    let folder = folder.to_str().unwrap();
    let proposed = cli.proven(0, &["policy", "propose", folder, "--as", "admin"]);
    has(&proposed, &["ok", "problems", "id", "state", "proposal"]);
    let id = proposed["id"].as_str().unwrap();
    cli.json(4, &["changes", "approve", id, "--as", "approver"]);
    let approved = cli.proven(0, &["changes", "approve", id, "--as", "approver"]);
    assert_eq!(approved["state"], "applied");
    proposed
}

#[test]
fn shipped_policies_load_and_their_examples_hold() {
    let cli = Cli::on(Path::new("/no/such/home"));
    for set in ["general", "law", "hospital"] {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("policies").join(set);
        let folder = folder.to_str().unwrap();
        let checked = cli.json(0, &["policy", "check", folder]);
        has(&checked, &["ok", "problems"]);
        let tested = cli.json(0, &["policy", "test", folder]);
        assert_eq!(
            (&tested["ok"], tested["problems"].as_array().unwrap().len()),
            (&true.into(), 0)
        );
        assert!(tested["examples"].as_u64().unwrap() > 0, "{set}");
    }
}

#[test]
#[expect(clippy::disallowed_methods, reason = "a test's own file")]
fn a_policy_with_a_fault_is_named_and_nothing_runs_under_it() {
    let home = TestApp::folder(Holding::Nothing);
    let cli = Cli::on(home.path());
    assert_eq!(cli.json(0, &["policy", "check"])["ok"], true);
    std::fs::write(home.path().join("policies/broken.cedar"), "permit (principal;").unwrap();
    let checked = cli.json(1, &["policy", "check"]);
    assert_eq!(checked["problems"][0]["file"], "broken.cedar");
    let refused = cli.json(5, &["documents", "list"]);
    assert!(refused["error"]["detail"].as_str().unwrap().contains("broken.cedar"), "{refused}");
}

#[test]
#[expect(clippy::disallowed_methods, reason = "a test's own file")]
fn policies_edited_on_disk_are_recorded_before_they_decide() {
    let home = TestApp::folder(Holding::Nothing);
    let cli = Cli::on(home.path());
    let edited = home.path().join("policies/documents.cedar");
    let text = std::fs::read_to_string(&edited).unwrap();
    std::fs::write(&edited, text + "// Looked through in November.\n").unwrap();
    for _ in 0..2 {
        cli.json(0, &["documents", "list"]);
    }
    let activated = cli.json(0, &["audit", "list", "--type", "policy.activated"]);
    let activated = activated["entries"].as_array().unwrap();
    assert_eq!(activated.len(), 2, "at the beginning, and once for the change");
    let file = |at: usize| &activated[at]["entry"]["details"]["files"]["documents.cedar"];
    assert_ne!(file(0), file(1));
    assert_eq!(cli.json(0, &["audit", "verify"])["problems"], serde_json::json!([]));
}

#[test]
#[expect(clippy::disallowed_methods, reason = "a test's own file")]
fn an_example_that_does_not_hold_fails_the_test() {
    let folder = TempDir::new().unwrap();
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("policies/general");
    crate::support::template::copy_folder(&shipped, folder.path());
    let forbid = "@id(\"nobody\") forbid (principal, action, resource);\n";
    std::fs::write(folder.path().join("shut.cedar"), forbid).unwrap();
    let cli = Cli::on(Path::new("/no/such/home"));
    let tested = cli.json(1, &["policy", "test", folder.path().to_str().unwrap()]);
    assert_eq!(tested["ok"], false);
    has(&tested["problems"][0], &["file", "example", "detail"]);
}

#[test]
#[expect(clippy::disallowed_methods, reason = "a test's own file")]
fn policies_change_by_two_persons_are_compared_and_rolled_back() {
    let home = TestApp::folder(Holding::Corpus);
    let cli = Cli::on(home.path());
    let folder = TempDir::new().unwrap();
    crate::support::template::copy_folder(&home.path().join("policies"), folder.path());
    let candidate = folder.path().to_str().unwrap();
    cli.json(0, &["ask", ANSWERABLE, "--as", "staff", "--mode", "verbatim"]);
    let in_force = cli.json(2, &["policy", "propose", candidate, "--as", "admin"]);
    assert_eq!(in_force["error"]["code"], "in_force");
    let shut = "@id(\"holiday\") forbid (principal, action == Action::\"Ask\", resource);\n";
    std::fs::write(folder.path().join("shut.cedar"), shut).unwrap();
    let broken = cli.proven(1, &["policy", "propose", candidate, "--as", "admin"]);
    assert!(broken["problems"].as_array().unwrap().len() > 1, "examples fail: {broken}");
    for name in ["documents.examples.toml", "roles.examples.toml", "walls.examples.toml"] {
        std::fs::remove_file(folder.path().join(name)).unwrap();
    }
    cli.proven(4, &["policy", "propose", candidate, "--as", "staff"]);

    let simulated = cli.json(0, &["policy", "simulate", "--candidate", candidate]);
    has(&simulated, &["candidate", "changes", "summary", "recorded_as"]);
    has(&simulated["changes"][0], &["entry", "document", "before", "after", "person"]);
    assert_eq!(simulated["changes"][0]["after"], "hidden");
    let (summary, changes) = (&simulated["summary"], simulated["changes"].as_array().unwrap());
    assert_eq!((&summary["queries"], &summary["changed"]), (&1.into(), &1.into()));
    assert_eq!(summary["hidden"], changes.len());
    let document = changes[0]["document"].as_str().unwrap();
    assert_eq!(document.len(), 32, "who may not list documents learns no id of one");
    let by_admin = ["policy", "simulate", "--candidate", candidate, "--as", "admin"];
    assert_eq!(cli.json(0, &by_admin)["changes"][0]["document"], document);
    let listed = cli.json(0, &["documents", "list", "--as", "staff"]);
    let document = listed["documents"][0]["id"].as_str().unwrap();

    let why = ["policy", "explain", "--as", "staff", "--document", document];
    let explained = cli.json(0, &why);
    has(&explained, &["allowed", "decisions", "labels", "attributes", "policy"]);
    assert_eq!(explained["allowed"], true);
    let named = [&explained["labels"], &explained["attributes"]];
    assert_eq!(named, [&Value::Null; 2], "the operator learns no name of a matter or patient");
    let explained = cli.json(0, &[&why[..], &["--by", "records"]].concat());
    assert_eq!(explained["labels"]["classification"], "internal");
    let proposed = put_in_force(&cli, folder.path());
    assert_eq!(proposed["proposal"]["trial"]["hidden"], changes.len());
    cli.json(4, &["ask", ANSWERABLE, "--as", "staff", "--mode", "verbatim"]);
    let explained = cli.json(0, &why);
    assert_eq!(explained["allowed"], false);
    assert_eq!(explained["decisions"][0]["policies"][0]["id"], "holiday");
    let unknown = "0".repeat(64);
    let unknown = ["policy", "explain", "--as", "staff", "--by", "admin", "--document", &unknown];
    let not_for_admins = [&why[..], &["--by", "admin"]].concat();
    cli.json(2, &unknown);
    let summary = cli.json(0, &not_for_admins);
    assert_eq!((&summary["allowed"], &summary["labels"]), (&Value::Bool(false), &Value::Null));
    cli.json(4, &[&why[..], &["--by", "staff"]].concat());

    let versions = cli.json(0, &["policy", "versions"]);
    let versions = versions["versions"].as_array().unwrap().clone();
    assert_eq!(versions.len(), 2);
    assert_eq!((&versions[0]["in_force"], &versions[1]["in_force"]), (&false.into(), &true.into()));
    let diff = cli.json(0, &["policy", "diff", "1", "2"]);
    assert!(diff["diff"].as_str().unwrap().contains("+@id(\"holiday\")"), "{diff}");
    let back = cli.json(0, &["policy", "rollback", "1", "--as", "admin"]);
    let id = back["id"].as_str().unwrap();
    cli.proven(0, &["changes", "approve", id, "--as", "approver"]);
    cli.json(0, &["ask", ANSWERABLE, "--as", "staff", "--mode", "verbatim"]);
    assert!(!home.path().join("policies/shut.cedar").exists());

    a_version_is_handed_out_signed(&cli, &home, folder.path(), &versions[0]["sha256"]);
    assert_eq!(cli.json(0, &["audit", "verify"])["problems"], serde_json::json!([]));
}

/// Version 3, which is version 1 again.
fn a_version_is_handed_out_signed(cli: &Cli, home: &TempDir, folder: &Path, sha256: &Value) {
    let out = folder.join("out");
    cli.json(0, &["policy", "show", "3", "--out", out.to_str().unwrap()]);
    let shipped = std::fs::read(home.path().join("policies/roles.cedar")).unwrap();
    assert_eq!(std::fs::read(out.join("roles.cedar")).unwrap(), shipped);
    let key = std::fs::read_to_string(home.path().join("keys/export.key")).unwrap();
    let signer = affiant::audit::note::NoteSigner::from_text(key.trim_end()).unwrap();
    let statement = std::fs::read(out.join("version.dsse.json")).unwrap();
    let kind = "application/vnd.affiant.policy+json";
    let statement = affiant::audit::Envelope::open(&statement, &signer.verifier(), kind).unwrap();
    let statement: Value = serde_json::from_slice(&statement).unwrap();
    assert_eq!((&statement["version"], &statement["sha256"]), (&3.into(), sha256));
}

#[test]
#[expect(clippy::disallowed_methods, reason = "the test plays the operator's editor")]
fn policies_that_one_person_edits_by_hand_open_nothing() {
    let home = TestApp::folder(Holding::Corpus);
    let cli = Cli::on(home.path());
    let (folder, aside) = (home.path().join("policies"), home.path().join("aside"));
    let edited = folder.join("documents.cedar");
    let text = std::fs::read_to_string(&edited).unwrap();
    std::fs::write(&edited, format!("{text}permit (principal, action, resource);\n")).unwrap();
    let refused = cli.json(5, &["documents", "list"]);
    assert_eq!(refused["error"]["code"], "policies_edited");
    assert!(refused["error"]["detail"].as_str().unwrap().contains("documents.cedar"), "{refused}");
    std::fs::rename(&folder, &aside).unwrap();
    cli.json(0, &["documents", "list"]);
    assert_eq!(std::fs::read_to_string(&edited).unwrap(), text, "what is in force is written anew");
    let diff = cli.json(0, &["policy", "diff", aside.to_str().unwrap()]);
    assert!(diff["diff"].as_str().unwrap().contains("+permit (principal, action, resource);"));
    let activated = cli.json(0, &["audit", "list", "--type", "policy.activated"]);
    assert_eq!(activated["entries"].as_array().unwrap().len(), 1);
}
