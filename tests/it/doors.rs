//! Every route, every page and every command, taken by every role: what is let through is what the
//! tables of doors say, and nothing else.
//!
//! A home has an account for each role, named after it, and one without any. A denied request is
//! `policy_denied`; one for a document that is not for this person is as for none.

use std::collections::BTreeSet;
use std::path::Path;

use affiant::domain::change::Proposal;
use affiant::domain::principal::{Entitlements, Role, Via};
use affiant::domain::reason::Reason;
use affiant::durable::{Readers, create_new};
use affiant::http::ROUTES;
use affiant::identity::Credential;
use affiant::policy::{Door, Needs, Policies};
use affiant::portal::PAGES;
use serde_json::{Value, json};

use crate::support::PASSWORD;
use crate::support::client::{Client, Reply};
use crate::support::process::Cli;
use crate::support::template::Holding;
use crate::support::test_app::TestApp;

/// An account without any role.
const NOBODY: &str = "nobody";

/// The accounts that knock, each with its role.
fn people() -> Vec<(String, Option<Role>)> {
    let roles = Role::ALL.into_iter().map(|role| (format!("one.{role}"), Some(role)));
    roles.chain([(NOBODY.to_owned(), None)]).collect()
}

/// A home under these policies, with everybody, and some changes that wait.
fn house(set: &str, changes: usize) -> (TestApp, Vec<String>) {
    let app = TestApp::holding(Holding::Corpus, |_| {});
    if set != app.open().policies.set_name() {
        app.change_policies(|files| {
            let built_in = Policies::builtin(set).unwrap().iter();
            *files = built_in.map(|(name, text)| ((*name).into(), (*text).into())).collect();
        });
    }
    let governor = &app.open().governor;
    for (name, role) in people() {
        app.account_of(&name, [].into());
        if let Some(role) = role {
            let rights = Entitlements { roles: [role].into(), ..Entitlements::default() };
            governor.accounts.give(&name.parse().unwrap(), &rights).unwrap();
        }
    }
    let actor = governor.actor("admin", Via::Cli, None);
    let shown = Credential::password(PASSWORD.to_owned().into(), None);
    let who = governor.confirm(&actor, "admin", &shown).unwrap();
    let waiting = (0..changes).map(|_| {
        let account = NOBODY.parse().unwrap();
        let rights = Entitlements { roles: [Role::Approver].into(), ..Entitlements::default() };
        let proposal = Proposal::GrantRights { account, rights };
        let reason = Reason::try_from("a test".to_owned()).unwrap();
        governor.propose(&who, &actor, proposal, reason).unwrap().id.to_string()
    });
    let waiting = waiting.collect();
    (app, waiting)
}

/// A document that belongs to no matter and no patient.
fn plain(app: &TestApp) -> String {
    let documents = app.open().catalogue.documents();
    let is_plain = |labels: &affiant::domain::access::Labels| {
        let seen_by_all = labels.classification.as_deref() == Some("internal");
        seen_by_all && labels.matter.is_none() && labels.patient.is_none() && !labels.privileged
    };
    let found = documents.iter().find(|document| is_plain(&document.card.labels)).unwrap();
    found.row.document.to_string()
}

/// The names that stand for something in this house.
struct Names {
    document: String,
    change: String,
}

/// What a door is sent: method, path, kind of body, body.
fn request(door: &Door, names: &Names, csrf: &str) -> (String, String, String, Vec<u8>) {
    let (method, path) = door.name.split_once(' ').unwrap();
    let no_document = "0".repeat(64);
    let id = match path {
        _ if method == "DELETE" && path.starts_with("/documents") => no_document.as_str(),
        _ if path.starts_with("/documents") => names.document.as_str(),
        _ if path.contains("/changes") && path.ends_with("reject") => names.change.as_str(),
        _ => "00000000-0000-7000-8000-000000000000",
    };
    let path = path
        .replace("{id}", id)
        .replace("{query}", id)
        .replace("{n}", "1")
        .replace("{version}", "1")
        .replace("{index}", "0")
        .replace("{name}", "mark.svg");
    let body = json!({
        "username": NOBODY, "password": PASSWORD, "new_password": PASSWORD, "code": "x",
        "question": "Who may fax?", "mode": "verbatim",
        "matter": "M-none", "reason": "a test", "person": NOBODY, "outcome": "justified",
        "files": {}, "version": "1", "document": names.document,
        "labels": {},
    });
    let fields: &[&str] = match door.name.split_once(' ').unwrap().1 {
        "/session" => &["username", "password"],
        "/session/confirm" => &["password"],
        "/account/password" => &["password", "new_password"],
        "/account/second-factor/confirm" => &["code"],
        "/queries" => &["question", "mode"],
        "/search" => &["question"],
        "/documents/{id}" => &["labels"],
        "/erasures" | "/holds" | "/emergencies" => &["matter", "reason"],
        "/policies" => &["files", "reason"],
        "/policies/simulate" => &["files"],
        "/policies/rollback" => &["version", "reason"],
        "/policies/explain" => &["person", "document"],
        "/walls" | "/walls/lift" => &["person", "matter", "reason"],
        path if path.ends_with("/review") => &["outcome"],
        path if path.ends_with("/reveal") || path.ends_with("/release") => &["reason"],
        _ => &[],
    };
    let chosen = fields.iter().map(|name| ((*name).to_owned(), body[*name].clone()));
    let json = Value::Object(chosen.collect()).to_string().into_bytes();
    let is_page = csrf != "api";
    let (kind, body) = match (method, path.as_str()) {
        ("GET" | "DELETE", _) => ("", Vec::new()),
        (_, "/documents") => ("multipart/form-data; boundary=x", b"--x--\r\n".to_vec()),
        (_, _) if is_page => {
            let words = PASSWORD.replace(' ', "+");
            let about = match path.as_str() {
                "/emergencies" => "&matter=M-none".to_owned(),
                "/admin/policies/explain" => {
                    format!(
                        "&person={NOBODY}&document={}&purpose=&matter=&patient=",
                        names.document
                    )
                }
                _ => String::new(),
            };
            let form = format!(
                "csrf={csrf}&password={words}&new_password={words}&repeated={words}&code=x&\
                 label=l&days=1&scope=read&question=Who+may+fax%3F&format=csv&version=1&\
                 reason=r&minutes=1&outcome=justified{about}"
            );
            ("application/x-www-form-urlencoded", form.into_bytes())
        }
        _ => ("application/json", json),
    };
    (method.to_owned(), path, kind.to_owned(), body)
}

/// What a door is asked about besides its path.
fn about(path: &str) -> &'static str {
    match path {
        "/audit/wall" => "?matter=M-none",
        "/audit/disclosures" => "?patient=P-none",
        _ => "",
    }
}

fn knock(client: &Client, door: &Door, names: &Names, prefix: &str) -> Reply {
    let csrf = client.headers.iter().find(|(name, _)| name == "X-CSRF-Token");
    let csrf = match prefix {
        "" => csrf.map_or("none", |(_, token)| token.as_str()),
        _ => "api",
    };
    let (method, path, kind, body) = request(door, names, csrf);
    client.send(&method, &format!("{prefix}{path}{}", about(&path)), &kind, body)
}

/// Whether a reply is a no of the policy; any other no is a fault of this test.
fn is_denied(door: &Door, reply: &Reply) -> bool {
    let opens_document =
        door.name.starts_with("GET /documents/{id}") && !door.name.ends_with("/labels");
    if matches!(door.needs, Needs::Right(_)) && opens_document {
        return reply.status == 404;
    }
    let text = reply.text();
    if reply.status == 403 {
        let is_policy =
            text.contains("policy_denied") || text.contains("data-no-answer=\"denied\"");
        assert!(is_policy, "{}: {text}", door.name);
    }
    reply.status == 403
}

#[test]
fn whoever_proposed_a_change_withdraws_it_without_the_right_to_approve() {
    let (app, waiting) = house("general", 2);
    let server = app.serve();
    let own = [ROUTES, PAGES].map(|doors| doors.iter().filter(|door| door.own).collect::<Vec<_>>());
    let [routes, pages] = own.map(|doors| doors.into_iter().next().unwrap());
    for ((door, prefix), change) in [(routes, "/api/v1"), (pages, "")].into_iter().zip(waiting) {
        let names = Names { document: "0".repeat(64), change };
        let reply = knock(&server.signed_in("admin"), door, &names, prefix);
        assert!(!is_denied(door, &reply) && reply.status < 400, "{}: {}", door.name, reply.text());
    }
}

/// Doors after which the caller is signed in no more.
fn signs_out(door: &Door) -> bool {
    matches!(door.name, "DELETE /session" | "POST /sign-out" | "POST /session")
}

fn take_every_door(set: &str) {
    let (app, waiting) = house(set, people().len());
    app.engine();
    let document = plain(&app);
    let server = app.serve();
    let mut wrong = Vec::new();
    let expected = [app.open().policies.opens(ROUTES), app.open().policies.opens(PAGES)];
    for ((name, role), change) in people().into_iter().zip(waiting) {
        let names = Names { document: document.clone(), change };
        for (doors, (expected, prefix)) in
            [ROUTES, PAGES].into_iter().zip(expected.iter().zip(["/api/v1", ""]))
        {
            let mut client = server.signed_in(&name);
            for (door, expected) in doors.iter().zip(expected) {
                let reply = knock(&client, door, &names, prefix);
                let opens = role.map_or(expected.no_role, |role| expected.roles.contains(&role));
                // Which documents a role may see, the policies of documents decide.
                let is_document = door.name.starts_with("GET /documents/{id}");
                let denied = is_denied(door, &reply);
                // Whoever may ask why is told, of a document that there is.
                let explains = door.name.ends_with("/policies/explain") && opens;
                let is_told = !explains || reply.status == 200;
                let is_as_told =
                    is_told && denied != opens || is_document && opens && set != "general";
                if !is_as_told || reply.status >= 500 || reply.status == 401 {
                    wrong.push(format!("{name}: {}: {} {}", door.name, reply.status, reply.text()));
                }
                if signs_out(door) {
                    client = server.signed_in(&name);
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{set}\n{}", wrong.join("\n"));
}

#[test]
fn a_role_comes_through_its_doors_and_no_other_under_general() {
    take_every_door("general");
}

#[test]
fn a_role_comes_through_its_doors_and_no_other_under_law() {
    take_every_door("law");
}

#[test]
fn a_role_comes_through_its_doors_and_no_other_under_hospital() {
    take_every_door("hospital");
}

#[test]
fn strangers_come_through_open_doors_only() {
    let app = TestApp::empty();
    let server = app.serve();
    let names = Names { document: "0".repeat(64), change: "0".to_owned() };
    for (doors, prefix) in [(ROUTES, "/api/v1"), (PAGES, "")] {
        for door in doors {
            let reply = knock(&server.client(), door, &names, prefix);
            let kept_out = match prefix {
                "" => reply.status == 303 && reply.header("location").starts_with("/sign-in"),
                _ => reply.status == 401 && reply.text().contains("not_signed_in"),
            };
            assert_eq!(!kept_out, door.needs == Needs::Nothing, "{}: {}", door.name, reply.status);
        }
    }
}

/// The routes between two marks of a source, as `METHOD path`.
fn routes(source: &str, from: &str) -> BTreeSet<String> {
    let (_, scope) = source.split_once(from).unwrap();
    let (scope, _) = scope.split_once(".default_service").unwrap();
    let routes = scope.split(".route(").skip(1).map(|route| {
        let path = route.split('"').nth(1).unwrap();
        let (_, method) = route.split_once("web::").unwrap();
        format!("{} {path}", method.split_once("()").unwrap().0.to_uppercase())
    });
    routes.collect()
}

#[test]
fn every_route_and_every_page_has_its_row() {
    let names = |doors: &[Door]| doors.iter().map(|door| door.name.to_owned()).collect();
    let api = routes(include_str!("../../src/http/mod.rs"), "web::scope(\"/api/v1\")");
    assert_eq!(api, names(ROUTES));
    let pages = routes(include_str!("../../src/portal/mod.rs"), "web::scope(\"\")");
    assert_eq!(pages, names(PAGES));
}

#[test]
fn the_committed_table_is_the_one_that_is_made() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folder = root.join("policies/general");
    let cli = Cli::on(Path::new("/no/such/home"));
    let made = cli.run(&["policy", "matrix", folder.to_str().unwrap()]);
    assert_eq!(made.code, 0, "{made:?}");
    let kept = std::fs::read_to_string(root.join("policies/matrix.md")).unwrap();
    let (_, kept) = kept.split_once("\n\n").unwrap();
    assert_eq!(kept, made.stdout, "affiant policy matrix policies/general > policies/matrix.md");
}

/// What a command is given besides `--as`; `None` where no person's rights count.
fn arguments(command: &str, names: &Names, files: &Path) -> Option<Vec<String>> {
    let file = |name: &str| files.join(name).to_str().unwrap().to_owned();
    let none = "00000000-0000-7000-8000-000000000000";
    let text = match command {
        "user add" => "mia --role staff".to_owned(),
        "user token" => "outsider --ttl 1h".to_owned(),
        "user tokens" | "user sign-out" => "outsider".to_owned(),
        "user revoke-token" => "outsider 0000000000000000".to_owned(),
        "user password" | "user totp" => "outsider --reset".to_owned(),
        "user grant" => "outsider --role approver --reason a-test".to_owned(),
        "user list"
        | "documents list"
        | "audit list"
        | "audit key list"
        | "changes list"
        | "hold list"
        | "retention"
        | "audit key rotate"
        | "audit key retire"
        | "audit key compromised" => String::new(),
        "user revoke" => "outsider --attr team=none".to_owned(),
        "user disable" => "outsider2".to_owned(),
        "user enable" => "outsider2 --reason a-test".to_owned(),
        "documents show" | "documents pages" => names.document.clone(),
        "documents delete" => "0".repeat(64),
        "documents label" => format!("{} department=quay", "0".repeat(64)),
        "search" => "fax".to_owned(),
        "ask" => "fax? --mode verbatim".to_owned(),
        "audit show" | "audit replay" => "0".to_owned(),
        "audit show --reveal" => "0 --reveal --reason a-test".to_owned(),
        "audit proof" => format!("0 --out {}", file("proof")),
        "audit export" => format!("--format csv --out {}", file("export")),
        "audit timestamp" => format!("--request {}", file("request")),
        "evaluate" => file("suite.jsonl"),
        "audit wall" => "--matter M-none".to_owned(),
        "audit disclosures" => "--patient P-none".to_owned(),
        "policy propose" | "policy simulate" => {
            let set = Path::new(env!("CARGO_MANIFEST_DIR")).join("policies/general");
            let option = if command == "policy simulate" { "--candidate " } else { "" };
            format!("{option}{}", set.display())
        }
        "policy rollback" | "policy diff" => "1".to_owned(),
        "policy versions" => String::new(),
        "policy show" => format!("1 --out {}", file(&names.change)),
        "changes show" => names.change.clone(),
        "changes approve" => none.to_owned(),
        "changes reject" => names.change.clone(),
        "relationships import" => file("team.csv"),
        "relationships list" | "emergency list" => String::new(),
        "relationships wall add" | "relationships wall remove" => {
            "--person outsider --matter M-none --reason a-test".to_owned()
        }
        "emergency open" => "--matter M-none --reason a-test".to_owned(),
        "emergency close" => none.to_owned(),
        "emergency review" => format!("{none} --outcome justified"),
        "hold add" => "--matter M-none --reason a-test".to_owned(),
        "erase" => "--matter M-other --reason a-test".to_owned(),
        "hold release" => format!("{none} --reason a-test"),
        _ => return None,
    };
    Some(text.split(' ').filter(|word| !word.is_empty()).map(str::to_owned).collect())
}

#[test]
fn a_role_runs_its_commands_and_no_other() {
    let (app, waiting) = house("general", people().len());
    app.account_of("outsider2", [Role::Staff].into());
    let document = plain(&app);
    let home = app.let_go();
    let cli = Cli::on(home.path());
    let files = tempfile::tempdir().unwrap();
    let suite = json!({ "id": "1", "question": "fax?", "answers": [], "answerable": false,
        "relevant": [] });
    create_new(&files.path().join("suite.jsonl"), suite.to_string().as_bytes(), Readers::Owner)
        .unwrap();
    create_new(&files.path().join("team.csv"), b"person,kind,object\n", Readers::Owner).unwrap();
    let matrix = cli.json(0, &["policy", "matrix"]);
    let server = cli.serve();
    let mut wrong = Vec::new();
    for ((name, role), change) in people().into_iter().zip(waiting) {
        let names = Names { document: document.clone(), change };
        for row in matrix["commands"].as_array().unwrap() {
            let command = row["door"].as_str().unwrap();
            let Some(arguments) = arguments(command, &names, files.path()) else {
                assert!(row["actions"].as_array().unwrap().is_empty(), "{command} is never taken");
                continue;
            };
            let mut words = vec!["--json".to_owned()];
            words.extend(
                command.split(' ').filter(|word| !word.starts_with("--")).map(str::to_owned),
            );
            words.extend(arguments);
            words.extend(["--as".to_owned(), name.clone()]);
            if row["proof"] == true {
                words.push("--password-stdin".to_owned());
            }
            let words: Vec<&str> = words.iter().map(String::as_str).collect();
            let ended = cli.run_with(&words, &format!("{PASSWORD}\n"));
            let error =
                if ended.code == 0 { Value::Null } else { ended.json()["error"]["code"].clone() };
            let denied = match command {
                "documents show" | "documents pages" => error == "not_found",
                _ => ended.code == 4,
            };
            let opens = match role {
                Some(role) => row["roles"].as_array().unwrap().contains(&json!(role)),
                None => row["no_role"] == true,
            };
            if denied == opens || ended.code == 5 {
                wrong.push(format!("{name}: {words:?}: {ended:?}"));
            }
        }
    }
    server.stop();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
