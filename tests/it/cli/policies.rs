use tempfile::TempDir;

use super::has;
use crate::support::process::Cli;
use crate::support::template::Holding;
use crate::support::test_app::TestApp;

#[test]
fn shipped_policies_load_and_their_examples_hold() {
    let cli = Cli::on(std::path::Path::new("/no/such/home"));
    for set in ["general", "law", "hospital"] {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("policies").join(set);
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
    let shipped = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("policies/general");
    crate::support::template::copy_folder(&shipped, folder.path());
    let forbid = "@id(\"nobody\") forbid (principal, action, resource);\n";
    std::fs::write(folder.path().join("shut.cedar"), forbid).unwrap();
    let cli = Cli::on(std::path::Path::new("/no/such/home"));
    let tested = cli.json(1, &["policy", "test", folder.path().to_str().unwrap()]);
    assert_eq!(tested["ok"], false);
    has(&tested["problems"][0], &["file", "example", "detail"]);
}
