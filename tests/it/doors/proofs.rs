//! What a door asks besides a right: that a browser's request is its own, that a limited token names
//! the action, and that whoever acts has just shown who they are.

use affiant::http::ROUTES;
use affiant::identity::NewToken;
use affiant::policy::{Action, Door, Needs};
use affiant::portal::PAGES;
use affiant::store::SessionRow;

use super::{Names, SOMEBODY_FOR_EACH, about, house, is_denied, knock, plain, request, welcome};
use crate::support::PASSWORD;
use crate::support::client::{Client, Reply};
use crate::support::test_app::{TestApp, lasting_an_hour};

/// The same as [`knock`] with a wrong password, where one is asked for at all.
fn knock_guessing(client: &Client, door: &Door, names: &Names, prefix: &str) -> Reply {
    let csrf = client.headers.iter().find(|(name, _)| name == "X-CSRF-Token").unwrap();
    let csrf = if prefix.is_empty() { csrf.1.as_str() } else { "api" };
    let (method, path, kind, body) = request(door, names, csrf);
    let body = String::from_utf8(body).unwrap();
    let guess = body.replace(PASSWORD, "a guess").replace(&PASSWORD.replace(' ', "+"), "a+guess");
    client.send(&method, &format!("{prefix}{path}{}", about(&path)), &kind, guess.into_bytes())
}

/// Whether a reply asks who one is, or did not believe what was shown.
fn asks_for_proof(reply: &Reply) -> bool {
    let text = reply.text();
    let asked = ["confirmation_required", "sign_in_failed", "code is wrong"];
    let is_led = reply.status == 303 && reply.header("location").starts_with("/account/confirm");
    is_led || asked.iter().any(|part| text.contains(part))
}

/// Everybody's session as it is some minutes after they signed in.
fn forget_proofs(app: &TestApp) {
    let sessions = app.open().state.sessions();
    for row in sessions.list().unwrap() {
        sessions.put(&SessionRow { confirmed: None, ..row }).unwrap();
    }
}

/// Somebody who comes through this door.
fn guest(app: &TestApp, door: &Door) -> String {
    let opened = app.open().policies.opens(&[*door]);
    welcome(opened[0].roles.first().copied(), true).unwrap()
}

/// Both tables, but for what strangers come through.
fn doors() -> impl Iterator<Item = (&'static Door, &'static str)> {
    let routes = ROUTES.iter().map(|door| (door, "/api/v1"));
    let doors = routes.chain(PAGES.iter().map(|door| (door, "")));
    doors.filter(|(door, _)| door.needs != Needs::Nothing)
}

#[test]
fn a_door_asks_who_one_is_as_its_row_says_and_takes_no_forged_request() {
    let (app, waiting) = house(SOMEBODY_FOR_EACH, 1);
    app.engine();
    let names = Names { document: plain(&app), change: waiting[0].clone() };
    let server = app.serve();
    let mut wrong = Vec::new();
    for (door, prefix) in doors() {
        let client = server.signed_in(&guest(&app, door));
        let mut forged = client.clone();
        forged.header("X-CSRF-Token", "forged");
        let reply = knock(&forged, door, &names, prefix);
        let is_kept_out = reply.status == 403 && reply.text().contains("csrf_failed");
        if is_kept_out == door.name.starts_with("GET ") {
            wrong.push(format!("forged: {}: {} {}", door.name, reply.status, reply.text()));
        }
        forget_proofs(&app);
        let reply = knock_guessing(&client, door, &names, prefix);
        if asks_for_proof(&reply) != door.proof {
            wrong.push(format!("proof: {}: {} {}", door.name, reply.status, reply.text()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Somebody with a token that is limited to this.
fn limited(app: &TestApp, client: Client, name: &str, action: Action) -> Client {
    let new = NewToken { scope: Some([action.to_string()].into()), ..lasting_an_hour() };
    let (token, _) = app.open().governor.accounts.issue_token(name, new).unwrap();
    client.with_token(&token)
}

#[test]
fn a_limited_token_comes_through_the_doors_of_its_actions_and_no_other() {
    let (app, waiting) = house(SOMEBODY_FOR_EACH, 1);
    app.engine();
    let names = Names { document: plain(&app), change: waiting[0].clone() };
    let server = app.serve();
    let mut wrong = Vec::new();
    for (door, prefix) in doors() {
        let name = guest(&app, door);
        let knock_with = |action: Action| {
            knock(&limited(&app, server.client(), &name, action), door, &names, prefix)
        };
        let other = knock_with(Action::ManageModels);
        let is_page = prefix.is_empty();
        let is_kept_out = match is_page || door.proof {
            true => matches!(other.status, 401 | 403),
            false => is_denied(door, &other),
        };
        if !is_kept_out {
            wrong.push(format!("other: {}: {} {}", door.name, other.status, other.text()));
        }
        let named = match door.needs {
            Needs::Right(actions) => {
                let who = app.open().governor.accounts.principal(&name).unwrap();
                let may = |action: &&Action| app.open().policies.may(&who, **action).is_ok();
                actions.iter().find(may).copied()
            }
            Needs::Nothing | Needs::Account | Needs::Machine => door.part_of,
        };
        // A token that somebody else issued proves nothing, and one opens no page at all.
        let Some(action) = named.filter(|_| !door.proof && !is_page) else { continue };
        let reply = knock_with(action);
        if is_denied(door, &reply) || matches!(reply.status, 401 | 500..) {
            wrong.push(format!("named: {}: {} {}", door.name, reply.status, reply.text()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
