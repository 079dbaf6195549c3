use serde_json::Value;
use tempfile::TempDir;

use super::has;
use crate::support::PASSWORD;
use crate::support::corpus::ANSWERABLE;
use crate::support::process::{Cli, Finished};
use crate::support::template::Holding;
use crate::support::test_app::TestApp;

/// Runs a command as somebody who types their own password.
fn with_password(cli: &Cli, arguments: &[&str]) -> Finished {
    let arguments = [&["--json"], arguments, &["--password-stdin"]].concat();
    cli.run_with(&arguments, &format!("{PASSWORD}\n"))
}

fn done(finished: &Finished) -> Value {
    assert_eq!(finished.code, 0, "{finished:?}");
    finished.json()
}

#[test]
fn a_document_is_held_released_erased_and_revealed_as_such() {
    let home = TestApp::folder(Holding::Corpus);
    let cli = Cli::on(home.path());
    let answer = cli.json(0, &["ask", ANSWERABLE, "--as", "staff", "--mode", "verbatim"]);
    let document = answer["evidence"][0]["document"].as_str().unwrap().to_owned();
    let terminal = answer["entries"]["terminal"].to_string();
    let reveal =
        ["audit", "show", &terminal, "--reveal", "--as", "records", "--reason", "asked to"];
    assert_eq!(cli.json(4, &reveal)["error"]["code"], "denied", "a name alone proves nothing");
    let shown = done(&with_password(&cli, &reveal));
    has(&shown, &["index", "entry", "leaf_hash", "state", "contents", "recorded"]);
    assert_eq!(shown["contents"]["answer"], answer["answer"]);
    cli.json(2, &["audit", "show", &terminal, "--reveal", "--as", "records"]);

    let why = ["--reason", "a court order"];
    let officer = ["--as", "records"];
    let hold = ["hold", "add", "--document", &document];
    let hold = cli.json(0, &[&hold[..], &officer, &why].concat());
    has(&hold, &["id", "scope", "subject", "placed_by", "placed", "target", "reason"]);
    let erase = [&["erase", "--document", &document][..], &officer, &why].concat();
    let refused = with_password(&cli, &erase);
    assert_eq!((refused.code, &refused.json()["error"]["code"]), (4, &Value::from("held")));
    assert_eq!(cli.json(4, &["documents", "delete", &document])["error"]["code"], "held");
    let listed = cli.json(0, &["hold", "list"]);
    assert!(listed["holds"][0].get("target").is_none(), "operators read no content");

    let id = hold["id"].as_str().unwrap();
    let release =
        done(&with_password(&cli, &[&["hold", "release", id][..], &officer, &why].concat()));
    approve(&cli, &release);
    assert_eq!(cli.json(0, &["hold", "list"])["holds"], Value::Array(Vec::new()));
    cli.json(0, &["documents", "delete", &document]);
    cli.json(2, &["documents", "delete", &document]);

    let change = done(&with_password(&cli, &erase));
    has(&change, &["id", "kind", "state", "subject", "proposer", "expires", "proposal", "reason"]);
    approve(&cli, &change);
    let id = change["id"].as_str().unwrap();
    assert_eq!(cli.json(0, &["changes", "show", id])["state"], "applied");
    let shown = done(&with_password(&cli, &reveal));
    assert_eq!((&shown["state"], &shown["contents"]), (&Value::from("erased"), &Value::Null));
    assert_eq!(cli.json(0, &["audit", "verify"])["ok"], true);
    let retained = cli.json(0, &["retention"]);
    has(&retained, &["classes", "due", "documents"]);
    assert!(retained["documents"].as_array().unwrap().iter().all(|one| one["id"] != *document));
}

fn approve(cli: &Cli, change: &Value) {
    let id = change["id"].as_str().unwrap();
    cli.json(4, &["changes", "approve", id, "--as", "approver"]);
    let own = with_password(cli, &["changes", "approve", id, "--as", "records"]);
    assert_eq!(own.code, 4, "{own:?}");
    let folder = TempDir::new().unwrap();
    let kept = |name: &str, issued: &Value| {
        let file = folder.path().join(name);
        let token = issued["token"].as_str().unwrap().as_bytes();
        affiant::durable::create_new(&file, token, affiant::durable::Readers::Owner).unwrap();
        file.to_str().unwrap().to_owned()
    };
    let given = kept("given", &cli.json(0, &["user", "token", "approver"]));
    let played =
        cli.json(4, &["changes", "approve", id, "--as", "approver", "--token-file", &given]);
    assert_eq!(played["error"]["code"], "account_incomplete", "the operator plays nobody");
    let own = done(&with_password(cli, &["user", "token", "approver", "--scope", "Approve"]));
    let file = kept("own", &own);
    let file = file.as_str();
    cli.json(4, &["changes", "approve", id, "--as", "admin", "--token-file", file]);
    let approve = ["changes", "approve", id, "--as", "approver", "--token-file", file];
    assert_eq!(cli.json(0, &approve)["state"], "applied");
    cli.json(2, &approve);
}

#[test]
fn a_second_approver_is_made_by_two_persons() {
    let home = TestApp::folder(Holding::Nothing);
    let cli = Cli::on(home.path());
    let grant = ["user", "grant", "records", "--role", "approver", "--as", "admin"];
    let grant = [&grant[..], &["--reason", "the first is on leave"]].concat();
    let change = done(&with_password(&cli, &grant));
    let id = change["id"].as_str().unwrap();
    let approved = with_password(&cli, &["changes", "approve", id, "--as", "approver"]);
    assert_eq!(done(&approved)["state"], "applied");
    let other = done(&with_password(&cli, &grant));
    let id = other["id"].as_str().unwrap();
    let unproven = cli.json(4, &["changes", "reject", id, "--as", "approver"]);
    assert!(unproven["error"]["detail"].as_str().unwrap().contains("--password-stdin"));
    let rejected = with_password(&cli, &["changes", "reject", id, "--as", "approver"]);
    assert_eq!(done(&rejected)["state"], "rejected");
    assert_eq!(cli.json(0, &["changes", "list"])["changes"].as_array().unwrap().len(), 2);
    let listed = cli.json(0, &["user", "list"]).to_string();
    assert!(listed.contains(r#"["approver","records-officer"]"#), "{listed}");
}

#[test]
fn what_an_account_may_is_given_by_two_persons_and_taken_back_by_one() {
    let home = TestApp::folder(Holding::Nothing);
    let cli = Cli::on(home.path());
    let alone = ["user", "add", "kim", "--role", "staff", "--attr", "matter=M-17", "--as", "admin"];
    let refused = cli.json(4, &alone);
    let detail = refused["error"]["detail"].as_str().unwrap();
    assert!(detail.contains("affiant user grant"), "{refused}");
    let kim = cli.json(0, &["user", "add", "kim", "--role", "staff", "--as", "admin"]);
    assert_eq!(kim["roles"], serde_json::json!([]), "nothing yet: {kim}");
    assert!(kim["change"].is_string(), "{kim}");
    let grant = ["user", "grant", "outsider", "--role", "auditor", "--attr", "matter=M-17"];
    let grant = [&grant[..], &["--as", "admin", "--reason", "joins the team"]].concat();
    let change = done(&with_password(&cli, &grant));
    let id = change["id"].as_str().unwrap();
    assert_eq!(change["proposal"]["rights"]["attributes"]["matter"], serde_json::json!(["M-17"]));
    done(&with_password(&cli, &["changes", "approve", id, "--as", "approver"]));
    let revoke = ["user", "revoke", "outsider", "--role", "auditor", "--as", "admin"];
    let left = cli.json(0, &revoke);
    assert_eq!(left["roles"], serde_json::json!(["staff"]));
    assert_eq!(left["attributes"]["matter"], serde_json::json!(["M-17"]));
    cli.json(2, &revoke);
    cli.json(2, &["user", "revoke", "outsider"]);

    let wall = ["relationships", "wall", "add", "--person", "outsider", "--matter", "M-9"];
    cli.json(0, &[&wall[..], &["--reason", "a conflict"]].concat());
    let disabled = cli.json(0, &["user", "disable", "outsider", "--as", "admin"]);
    has(&disabled, &["username", "disabled", "walls", "subjects", "vacant", "changes"]);
    assert_eq!((&disabled["walls"], &disabled["subjects"]), (&1.into(), &1.into()));
    cli.json(4, &["user", "enable", "outsider", "--as", "admin", "--reason", "back again"]);
    cli.json(2, &["user", "enable", "outsider", "--as", "admin"]);
    cli.json(0, &["user", "enable", "outsider"]);
    cli.json(2, &["user", "enable", "outsider"]);

    let last = cli.json(4, &["user", "disable", "approver", "--as", "admin"]);
    assert!(last["error"]["detail"].as_str().unwrap().contains("operator"), "{last}");
    cli.json(4, &["user", "add", "second", "--role", "approver"]);
    let vacant = cli.json(0, &["user", "disable", "approver"]);
    assert_eq!(vacant["vacant"], serde_json::json!(["approver"]));
    cli.json(0, &["user", "add", "second", "--role", "approver"]);
}
