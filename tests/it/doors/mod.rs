//! Every route, every page and every command, taken by every role: what is let through is what the
//! tables of doors say, and nothing else.
//!
//! A home has an account for each role, named after it, and one without any. A denied request is
//! `policy_denied`; one for a document that is not for this person is as for none.

mod commands;
mod proofs;
mod roles;

use std::collections::BTreeSet;
use std::path::Path;

use affiant::domain::change::Proposal;
use affiant::domain::principal::{Entitlements, Role, Via};
use affiant::domain::reason::Reason;
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

/// Somebody whose function opens emergencies, which no role does by itself.
const COUNSEL: &str = "counsel";

/// The policies under which every door has somebody who comes through it.
const SOMEBODY_FOR_EACH: &str = "law";

/// Who comes through a door that this role opens; where none does, it is one of emergencies. Nobody
/// comes through what takes no right and no role.
fn welcome(role: Option<Role>, is_right: bool) -> Option<String> {
    let by_role = role.map(|role| format!("one.{role}"));
    by_role.or_else(|| is_right.then(|| COUNSEL.to_owned()))
}

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
    app.account(COUNSEL, Role::Staff, &["function=general-counsel".to_owned()]);
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
    let chosen = json_fields(door).iter().map(|name| ((*name).to_owned(), body[*name].clone()));
    let json = Value::Object(chosen.collect()).to_string().into_bytes();
    let is_page = csrf != "api";
    let (kind, body) = match (method, path.as_str()) {
        ("GET" | "DELETE", _) => ("", Vec::new()),
        (_, "/documents" | "/admin/policies") => {
            let field = |name: &str, value: &str| {
                format!("--x\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
            };
            let fields = match path.as_str() {
                // What is named so is no label: nothing is taken in.
                "/documents" => field("file\"; filename=\"x.txt", "x") + &field("label", "none"),
                _ => field("reason", "r") + &field("act", "propose"),
            };
            let fields = field("csrf", csrf) + &fields;
            ("multipart/form-data; boundary=x", format!("{fields}--x--\r\n").into_bytes())
        }
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

/// What the API is sent in JSON.
fn json_fields(door: &Door) -> &'static [&'static str] {
    match door.name.split_once(' ').unwrap().1 {
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
    }
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
    let api = routes(include_str!("../../../src/http/mod.rs"), "web::scope(\"/api/v1\")");
    assert_eq!(api, names(ROUTES));
    let pages = routes(include_str!("../../../src/portal/mod.rs"), "web::scope(\"\")");
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
