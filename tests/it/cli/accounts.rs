use serde_json::json;

use super::has;
use crate::support::process::Cli;
use crate::support::template::Holding;
use crate::support::test_app::TestApp;

#[test]
fn accounts_are_added_listed_and_disabled() {
    let home = TestApp::folder(Holding::Nothing);
    let cli = Cli::on(home.path());
    let added = cli.json(
        0,
        &["user", "add", "mia", "--role", "staff", "--attr", "matter=A", "--attr", "matter=B"],
    );
    has(&added, &["username", "password"]);
    assert_eq!(added["attributes"], json!({ "matter": ["A", "B"] }));
    let listed = cli.json(0, &["user", "list"]);
    let mia = listed["users"].as_array().unwrap().iter().find(|user| user["username"] == "mia");
    assert_eq!(mia.unwrap()["roles"], json!(["staff"]));
    assert!(!listed.to_string().contains("password"));
    cli.json(0, &["user", "disable", "mia"]);
    cli.json(2, &["user", "token", "mia"]);
    cli.json(2, &["user", "add", "mia", "--role", "staff"]);
}

#[test]
fn a_password_from_standard_input_is_not_shown() {
    let home = TestApp::folder(Holding::Nothing);
    let cli = Cli::on(home.path());
    let add = ["--json", "user", "add", "mia", "--role", "staff", "--password-stdin"];
    let added = cli.run_with(&add, "a long enough password\n");
    assert_eq!(added.code, 0, "{added:?}");
    assert!(added.json().get("password").is_none());
    let weak = cli.run_with(
        &["--json", "user", "add", "ned", "--role", "staff", "--password-stdin"],
        "short\n",
    );
    assert_eq!(weak.code, 2, "{weak:?}");
}

#[test]
fn a_token_is_issued_for_a_time() {
    let home = TestApp::folder(Holding::Nothing);
    let cli = Cli::on(home.path());
    let issued = cli.json(0, &["user", "token", "staff", "--ttl", "30m"]);
    has(&issued, &["token", "expires"]);
    cli.json(2, &["user", "token", "staff", "--ttl", "forever"]);
    cli.json(2, &["user", "token", "nobody"]);
}

#[test]
fn nobody_alone_makes_a_further_administrator() {
    let home = TestApp::folder(Holding::Nothing);
    let cli = Cli::on(home.path());
    for role in ["administrator", "approver"] {
        let denied = cli.json(4, &["user", "add", "eve", "--role", role]);
        assert_eq!(denied["error"]["code"], "denied");
    }
    cli.json(2, &["user", "add", "eve", "--role", "king"]);
}
