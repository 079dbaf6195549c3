//! Who is believed on the command line, from the first day of a home on.

use std::path::Path;

use serde_json::Value;
use tempfile::TempDir;

use crate::support::PASSWORD;
use crate::support::authenticator::code;
use crate::support::process::{Cli, Finished};
use crate::support::template::Holding;
use crate::support::test_app::TestApp;

fn kept(folder: &Path, name: &str, text: &str) -> String {
    let file = folder.join(name);
    affiant::durable::create_new(&file, text.as_bytes(), affiant::durable::Readers::Owner).unwrap();
    file.to_str().unwrap().to_owned()
}

fn typed(cli: &Cli, arguments: &[&str], password: &str) -> Finished {
    let arguments = [&["--json"], arguments, &["--password-stdin"]].concat();
    cli.run_with(&arguments, &format!("{password}\n"))
}

fn ends(finished: &Finished, code: i32) -> Value {
    assert_eq!(finished.code, code, "{finished:?}");
    finished.json()
}

#[test]
fn what_init_hands_out_confirms_once_its_owner_has_changed_it() {
    let folder = TempDir::new().unwrap();
    let cli = Cli::on(&folder.path().join("home"));
    let made = cli.json(0, &["init"]);
    let first = |who: &str| made[who]["password"].as_str().unwrap().to_owned();
    let ada = cli.json(0, &["user", "add", "ada", "--role", "staff"]);
    let grant = ["user", "grant", "ada", "--role", "key-custodian", "--as", "admin"];
    let grant = [&grant[..], &["--reason", "she keeps the keys"]].concat();
    let refused = ends(&typed(&cli, &grant, &first("admin")), 4);
    assert_eq!(refused["error"]["code"], "account_incomplete");

    let own = kept(folder.path(), "own", "a password of my own\n");
    for who in ["admin", "approver"] {
        let change = ["user", "password", who, "--new-password-file", &own];
        assert_eq!(ends(&typed(&cli, &change, "a guess"), 4)["error"]["code"], "sign_in_failed");
        ends(&typed(&cli, &change, &first(who)), 0);
    }
    let early = ends(&typed(&cli, &grant, "a password of my own"), 2);
    assert!(early["error"]["detail"].as_str().unwrap().contains("chose the password"), "{early}");
    let change = ["user", "password", "ada", "--new-password-file", &own];
    ends(&typed(&cli, &change, ada["password"].as_str().unwrap()), 0);
    let change = ends(&typed(&cli, &grant, "a password of my own"), 0);
    let id = change["id"].as_str().unwrap();
    let approve = ["changes", "approve", id, "--as", "approver"];
    assert_eq!(
        ends(&typed(&cli, &approve, &first("approver")), 4)["error"]["code"],
        "sign_in_failed"
    );
    let issued = cli.json(0, &["user", "token", "approver"])["token"].as_str().unwrap().to_owned();
    let given = kept(folder.path(), "given", &issued);
    let played = cli.json(4, &[&approve[..], &["--token-file", &given]].concat());
    assert_eq!(played["error"]["code"], "account_incomplete");
    assert_eq!(ends(&typed(&cli, &approve, "a password of my own"), 0)["state"], "applied");
    assert_eq!(cli.json(0, &["audit", "verify"])["ok"], true);
}

#[test]
fn a_second_factor_is_asked_for_wherever_one_confirms() {
    let home = TestApp::folder(Holding::Nothing);
    let cli = Cli::on(home.path());
    let totp = ["user", "totp", "approver"];
    let begun = ends(&typed(&cli, &totp, PASSWORD), 0);
    let secret = begun["secret"].as_str().unwrap();
    assert_eq!(
        ends(&typed(&cli, &[&totp[..], &["--confirm", "x"]].concat(), PASSWORD), 2)["error"]["code"],
        "usage"
    );
    let now = code(secret, 0);
    let done = ends(&typed(&cli, &[&totp[..], &["--confirm", &now]].concat(), PASSWORD), 0);
    let recovery = done["recovery_codes"].as_array().unwrap();
    let token = ["user", "token", "approver"];
    assert_eq!(ends(&typed(&cli, &token, PASSWORD), 4)["error"]["code"], "sign_in_failed");
    let with = |code: &str| typed(&cli, &[&token[..], &["--code", code]].concat(), PASSWORD);
    let own = ends(&with(&code(secret, 1)), 0);
    assert_eq!(own["is_own"], true);
    ends(&with(recovery[0].as_str().unwrap()), 0);
    ends(&with(recovery[0].as_str().unwrap()), 4);

    let admin = ["user", "totp", "approver", "--reset", "--as", "admin"];
    let refused = cli.json(4, &admin);
    assert!(refused["error"]["detail"].as_str().unwrap().contains("operator"), "{refused}");
    cli.json(0, &admin[..4]);
    assert_eq!(cli.json(2, &admin[..4])["error"]["code"], "usage", "there is none any more");
    assert_eq!(ends(&typed(&cli, &token, PASSWORD), 4)["error"]["code"], "account_incomplete");
}

#[test]
fn a_reset_lets_nobody_confirm_for_a_day_and_takes_the_operator_for_the_trusted() {
    let home = TestApp::folder(Holding::Nothing);
    let cli = Cli::on(home.path());
    cli.json(4, &["user", "password", "approver", "--reset", "--as", "admin"]);
    cli.json(4, &["user", "password", "staff", "--reset", "--as", "records"]);
    let more = cli.json(4, &["user", "password", "staff", "--reset", "--as", "admin"]);
    assert!(more["error"]["detail"].as_str().unwrap().contains("operator"), "{more}");
    cli.json(0, &["user", "password", "outsider", "--reset", "--as", "admin"]);
    let played = cli.json(4, &["user", "token", "outsider", "--as", "admin"]);
    assert!(played["error"]["detail"].as_str().unwrap().contains("own credential"), "{played}");
    let reset = cli.json(0, &["user", "password", "approver", "--reset"]);
    let own = kept(home.path(), "own", "a password of my own");
    let change = ["user", "password", "approver", "--new-password-file", &own];
    ends(&typed(&cli, &change, reset["password"].as_str().unwrap()), 0);
    let refused = ends(&typed(&cli, &["user", "token", "approver"], "a password of my own"), 4);
    assert!(refused["error"]["detail"].as_str().unwrap().contains("until"), "{refused}");
}

#[test]
fn tokens_are_listed_and_revoked_by_their_owner_and_by_administrators() {
    let home = TestApp::folder(Holding::Nothing);
    let cli = Cli::on(home.path());
    let issued = cli.json(0, &["user", "token", "staff", "--scope", "read", "--label", "nightly"]);
    assert_eq!((&issued["is_own"], issued["scope"].is_array()), (&false.into(), true));
    let tokens =
        |who: &str| cli.json(0, &["user", "tokens", "staff", "--as", who])["tokens"].clone();
    assert_eq!(tokens("staff")[0]["label"], "nightly");
    let id = tokens("admin")[0]["id"].as_str().unwrap().to_owned();
    cli.json(4, &["user", "tokens", "staff", "--as", "auditor"]);
    cli.json(4, &["user", "revoke-token", "staff", &id, "--as", "auditor"]);
    cli.json(2, &["user", "revoke-token", "staff", "0000000000000000"]);
    assert_eq!(cli.json(0, &["user", "revoke-token", "staff", &id])["ended"], 1);
    assert_eq!(tokens("staff"), Value::Array(Vec::new()));
    assert_eq!(cli.json(0, &["user", "sign-out", "staff"])["ended"], 0);
    cli.json(2, &["user", "tokens", "nobody"]);
    cli.json(2, &["user", "token", "staff", "--scope", "Fly"]);
}
