use std::path::Path;

use affiant::audit::Checkpoint;
use affiant::examine::bundle;
use serde_json::Value;

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
    assert_eq!(bundled(&cli, home.path(), "before", &[])["ok"], true);
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
    // What the recipient had before is a beginning of today's, though the key has changed since.
    assert_eq!(bundled(&cli, home.path(), "after", &[])["ok"], true);
    let unpacked = home.path().join("unpacked");
    bundle::unpack(&home.path().join("after"), &unpacked).unwrap();
    let previous = std::fs::read_to_string(unpacked.join("previous-checkpoint")).unwrap();
    assert!(Checkpoint::open(previous.as_bytes(), &before.trim_end().parse().unwrap()).is_ok());
    let keyring = std::fs::read_to_string(unpacked.join("keyring.txt")).unwrap();
    assert!(keyring.contains(before.trim_end()) && keyring.contains(vkey().trim_end()));
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
    let terminal = |answer: &Value| answer["entries"]["terminal"].as_u64().unwrap();
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

#[test]
fn there_are_bundles_of_every_log_of_a_home_and_each_is_served() {
    let home = TestApp::folder(Holding::Nothing);
    let cli = Cli::on(home.path());
    let first = std::fs::read_to_string(home.path().join("log.vkey")).unwrap();
    cli.json(0, &["audit", "key", "compromised"]);
    let second = std::fs::read_to_string(home.path().join("log.vkey")).unwrap();
    let logs: [(&[&str], &str, &str); 3] =
        [(&[], &second, "log"), (&["--epoch", "1"], &first, "log-1"), (&[], &second, "log")];
    let server = cli.serve();
    for (number, (epoch, vkey, folder)) in logs.into_iter().enumerate() {
        let report = bundled(&cli, home.path(), &format!("bundle-{number}"), epoch);
        assert_eq!((&report["ok"], report["vkey"].as_str()), (&true.into(), Some(vkey.trim_end())));
        let checkpoint = server.client().get(&format!("/{folder}/checkpoint"));
        let signer = vkey.trim_end().parse().unwrap();
        assert!(Checkpoint::open(&checkpoint.body, &signer).is_ok(), "{folder}");
        let entries = server.client().get(&format!("/{folder}/tile/entries/000"));
        assert_eq!(entries.status, 404, "only partial tiles so far");
    }
    for path in
        ["/log-2/checkpoint", "/log-1/../keys/home.key", "/log-1/cosigned", "/log-x/checkpoint"]
    {
        assert_eq!(server.client().get(path).status, 404, "{path}");
    }
    let out = home.path().join("none").to_str().unwrap().to_owned();
    let refused = ["audit", "export", "--format", "bundle", "--out", &out, "--epoch", "3"];
    let detail = cli.json(2, &refused)["error"]["detail"].to_string();
    assert!(detail.contains("there is no log 3"), "{detail}");
}

/// Makes a bundle, and says what the verifier says of it.
fn bundled(cli: &Cli, home: &Path, name: &str, more: &[&str]) -> Value {
    let out = home.join(name);
    let out = out.to_str().unwrap();
    let export = ["audit", "export", "--format", "bundle", "--out", out];
    cli.json(0, &[&export[..], more].concat());
    cli.json(0, &["audit", "verify", out])
}
