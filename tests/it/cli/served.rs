use super::has;
use crate::support::corpus::ANSWERABLE;
use crate::support::process::Cli;
use crate::support::template::Holding;
use crate::support::test_app::TestApp;

#[test]
fn commands_reach_the_server_that_has_the_home_open() {
    let home = TestApp::folder(Holding::Corpus);
    let cli = Cli::on(home.path());
    let server = cli.serve();
    assert_eq!(server.client().get("/readyz").status, 200);

    let answer = cli.json(0, &["ask", ANSWERABLE, "--as", "staff", "--mode", "verbatim"]);
    assert_eq!(answer["outcome"], "answered");
    cli.json(4, &["ask", ANSWERABLE, "--as", "auditor"]);
    cli.json(2, &["ask", "", "--as", "staff"]);
    let token = cli.json(0, &["user", "token", "staff"]);
    let client = server.client().with_token(token["token"].as_str().unwrap());
    assert_eq!(client.get("/api/v1/documents").status, 200);
    let verified = cli.json(0, &["audit", "verify"]);
    assert_eq!(verified["ok"], true);
    let add = ["--json", "user", "add", "mia", "--role", "staff", "--password-stdin"];
    assert_eq!(cli.run_with(&add, "a long enough password\n").code, 0);
    let second = cli.json(5, &["serve", "--plain", "--listen", "127.0.0.1:0"]);
    has(&second["error"], &["code", "detail", "remedy"]);

    server.stop();
    assert!(!home.path().join("run/affiant.sock").exists());
    assert_eq!(cli.json(0, &["audit", "verify"])["ok"], true);
    let started = cli.json(0, &["audit", "list", "--type", "log.started"]);
    has(&started["entries"][0]["entry"]["details"], &["binary", "config", "policy", "models"]);
}

#[test]
fn a_file_named_from_the_callers_folder_is_found_by_the_server() {
    let home = TestApp::folder(Holding::Nothing);
    let cli = Cli::on(home.path());
    let server = cli.serve();
    // The tests run in the folder of the package.
    let report = cli.json(0, &["ingest", "fixtures/hostile/plain.pdf"]);
    assert_eq!(report["indexed"], 1);
    assert_eq!(cli.json(3, &["ingest", "fixtures/hostile/truncated.pdf"])["submitted"], 1);
    server.stop();
}

#[test]
fn models_are_listed_with_their_digests() {
    let home = TestApp::folder(Holding::Nothing);
    let listed = Cli::on(home.path()).json(0, &["models", "list"]);
    let models = listed["models"].as_array().unwrap();
    assert!(models.len() >= 2);
    for model in models {
        has(model, &["id", "role", "sha256"]);
        assert_eq!(model["sha256"].as_str().unwrap().len(), 64);
    }
}
