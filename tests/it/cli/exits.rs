use tempfile::TempDir;

use super::has;
use crate::support::process::Cli;
use crate::support::template::Holding;
use crate::support::test_app::TestApp;

#[test]
fn a_command_that_is_not_one_exits_2() {
    let cli = Cli::on(std::path::Path::new("/no/such/home"));
    for wrong in [
        &["fly"][..],
        &[],
        &["ask"],
        &["ask", "Why?"],
        &["audit", "show", "first"],
        &["user", "add", "mia"],
    ] {
        let finished = cli.run(wrong);
        assert_eq!(finished.code, 2, "{wrong:?}");
        assert!(finished.stdout.is_empty() && !finished.stderr.is_empty(), "{wrong:?}");
    }
    has(&cli.json(2, &["fly"])["error"], &["code", "detail", "remedy"]);
    assert_eq!(cli.run(&["--help"]).code, 0);
    assert_eq!(cli.run(&["--version"]).code, 0);
}

#[test]
fn a_folder_that_is_no_home_exits_2_and_says_what_to_do() {
    let folder = TempDir::new().unwrap();
    let cli = Cli::on(folder.path());
    for command in [&["user", "list"][..], &["audit", "list"], &["audit", "verify"], &["serve"]] {
        let refused = cli.json(2, command);
        assert_eq!(refused["error"]["code"], "no_home", "{command:?}");
        assert!(refused["error"]["remedy"].as_str().unwrap().contains("init"));
    }
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "nothing was made");
}

#[test]
#[expect(clippy::disallowed_methods, reason = "a test's own file")]
fn every_fault_of_the_configuration_is_listed_at_once() {
    let home = TestApp::folder(Holding::Nothing);
    let faults = "[server]\nlisten = \"nowhere\"\n[models]\nthreads = 0\n";
    std::fs::write(home.path().join("affiant.toml"), faults).unwrap();
    let refused = Cli::on(home.path()).json(2, &["user", "list"]);
    let detail = refused["error"]["detail"].as_str().unwrap();
    assert!(detail.contains("server.listen") && detail.contains("models.threads"), "{detail}");
}

#[test]
fn a_home_that_another_process_has_open_exits_5() {
    let app = TestApp::empty();
    let refused = Cli::on(app.path()).json(5, &["user", "list"]);
    assert_eq!(refused["error"]["code"], "locked");
}

#[test]
fn a_home_without_its_journal_exits_5() {
    let home = TestApp::folder(Holding::Nothing);
    std::fs::remove_file(home.path().join("state/log.journal")).unwrap();
    let refused = Cli::on(home.path()).json(5, &["user", "list"]);
    assert_eq!(refused["error"]["code"], "log_unavailable");
}

#[test]
fn an_unknown_person_exits_2() {
    let home = TestApp::folder(Holding::Nothing);
    let refused = Cli::on(home.path()).json(2, &["ask", "Why?", "--as", "nobody"]);
    assert!(refused["error"]["detail"].as_str().unwrap().contains("nobody"));
}
