use super::has;
use crate::support::corpus::ANSWERABLE;
use crate::support::process::Cli;
use crate::support::template::Holding;
use crate::support::test_app::TestApp;

#[test]
fn a_log_key_is_rotated_and_retired_while_a_server_runs() {
    let home = TestApp::folder(Holding::Nothing);
    let cli = Cli::on(home.path());
    let server = cli.serve();
    let vkey = || std::fs::read_to_string(home.path().join("log.vkey")).unwrap();
    let before = vkey();
    cli.json(2, &["audit", "key", "retire"]);
    let turn = cli.json(0, &["audit", "key", "rotate"]);
    has(&turn, &["new_vkey", "old_vkey", "entry", "keyring"]);
    assert_eq!(turn["old_vkey"], before.trim_end());
    assert_eq!(turn["new_vkey"], vkey().trim_end());
    cli.json(2, &["audit", "key", "rotate"]);
    assert_eq!(cli.json(0, &["audit", "key", "list"])["keys"].as_array().unwrap().len(), 2);
    let ring = std::fs::read_to_string(turn["keyring"].as_str().unwrap()).unwrap();
    assert_eq!(ring.lines().filter(|line| line.starts_with("log ")).count(), 2);
    assert_eq!(cli.json(0, &["audit", "verify"])["ok"], true);
    let retired = cli.json(0, &["audit", "key", "retire"]);
    assert_eq!(retired["new_vkey"], turn["new_vkey"]);
    assert_eq!(cli.json(0, &["audit", "verify"])["ok"], true);
    cli.json(2, &["audit", "key", "compromised"]);
    server.stop();
    assert_eq!(cli.json(0, &["audit", "verify"])["ok"], true);
    let kinds = cli.json(0, &["audit", "list", "--type", "key"]);
    let kinds: Vec<&str> = kinds["entries"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| entry["entry"]["type"].as_str().unwrap())
        .collect();
    assert_eq!(kinds, ["key.rotated", "key.retired"]);
}

#[test]
fn after_a_compromise_another_log_goes_on_and_the_old_one_is_still_read_and_verified() {
    let home = TestApp::folder(Holding::Corpus);
    let cli = Cli::on(home.path());
    let ask = || cli.json(0, &["ask", ANSWERABLE, "--as", "staff", "--mode", "verbatim"]);
    let before = ask();
    let epoch = cli.json(0, &["audit", "key", "compromised"]);
    has(&epoch, &["epoch", "origin", "new_vkey", "past"]);
    assert_eq!(epoch["epoch"], 2);
    let after = ask();
    assert_eq!(after["answer"], before["answer"]);
    let terminal = |answer: &serde_json::Value| answer["entries"]["terminal"].as_u64().unwrap();
    assert!(terminal(&after) > terminal(&before));
    for answer in [&before, &after] {
        let at = terminal(answer).to_string();
        assert_eq!(cli.json(0, &["audit", "show", &at])["entry"]["type"], "answer.released");
        assert_eq!(cli.json(0, &["audit", "replay", &at])["same"], true);
    }
    assert_eq!(cli.json(0, &["audit", "verify"])["ok"], true);
    let past = epoch["past"].as_str().unwrap();
    let vkey = format!("{past}.vkey");
    assert_eq!(cli.json(0, &["audit", "verify", past, "--vkey", &vkey])["ok"], true);
    let listed = cli.json(0, &["audit", "list", "--type", "log"]);
    let kinds: Vec<&str> = listed["entries"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| entry["entry"]["type"].as_str().unwrap())
        .filter(|kind| ["log.frozen", "log.continued"].contains(kind))
        .collect();
    assert_eq!(kinds, ["log.frozen", "log.continued"]);
}

#[test]
fn whoever_is_named_must_be_a_key_custodian() {
    let home = TestApp::folder(Holding::Nothing);
    let cli = Cli::on(home.path());
    let request = home.path().join("request.tsq");
    let request = request.to_str().unwrap();
    for command in [
        &["audit", "key", "list", "--as", "admin"][..],
        &["audit", "key", "rotate", "--as", "auditor"],
        &["audit", "key", "retire", "--as", "records"],
        &["audit", "key", "compromised", "--as", "approver"],
        &["audit", "timestamp", "--request", request, "--as", "staff"],
    ] {
        assert_eq!(cli.json(4, command)["error"]["code"], "denied", "{command:?}");
    }
    cli.json(0, &["audit", "key", "rotate"]);
}
