//! Contents that a home reveals, held to the log by the checker that knows nothing of us.

use libtest_mimic::Failed;
use tempfile::TempDir;

use crate::judges::{python, said};
use crate::support::PASSWORD;
use crate::support::process::Cli;
use crate::support::template::Holding;
use crate::support::test_app::TestApp;

/// The first entry commits to the policies. Whoever has salt and bytes makes its commitment again,
/// and nothing else passes for it.
pub(crate) fn are_held_to_their_entry() -> Result<(), Failed> {
    let home = TestApp::folder(Holding::Nothing);
    let cli = Cli::on(home.path());
    let reveal = ["audit", "show", "0", "--reveal", "--as", "records", "--reason", "a court order"];
    let arguments = [&["--json"], &reveal[..], &["--password-stdin"]].concat();
    let shown = cli.run_with(&arguments, &format!("{PASSWORD}\n"));
    assert_eq!(shown.code, 0, "{shown:?}");
    let folder = TempDir::new()?;
    let judged = |text: &str| {
        let path = folder.path().join("revealed.json");
        crate::sample::write(&path, text.as_bytes());
        let at = |name: &str| home.path().join(name);
        let log = [at("log"), at("log.vkey"), at("log/checkpoint"), path];
        said(python("check.py").args(log).output().unwrap())
    };
    let verdict = judged(&shown.stdout);
    assert!(verdict.accepts, "{}", verdict.said);
    let value = shown.json();
    let salt = value["committed"]["salt"].as_str().unwrap();
    let bytes = value["committed"]["bytes"].as_str().unwrap();
    let other = |text: &str| text.replacen(|c: char| c != 'A', "A", 1);
    for (what, text) in [
        ("another salt", shown.stdout.replace(salt, &"07".repeat(32))),
        ("other contents", shown.stdout.replace(bytes, &other(bytes))),
    ] {
        assert_ne!(text, shown.stdout);
        assert!(!judged(&text).accepts, "{what}");
    }
    let spoken = cli.run_with(&[&reveal[..], &["--password-stdin"]].concat(), PASSWORD).stdout;
    assert!(spoken.contains("HMAC-SHA256"), "{spoken}");
    Ok(())
}
