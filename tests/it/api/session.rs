use serde_json::json;

use crate::support::PASSWORD;
use crate::support::client::{Client, Reply};
use crate::support::corpus::UNANSWERABLE;
use crate::support::record;
use crate::support::template::Holding;
use crate::support::test_app::{TestApp, lasting_an_hour};

#[test]
fn a_session_is_a_cookie_that_scripts_cannot_read() {
    let app = TestApp::empty();
    let server = app.serve();
    let reply = server.client().sign_in("staff");
    let body = reply.json();
    assert_eq!(body["username"], "staff");
    assert_eq!(body["roles"], json!(["staff"]));
    let cookie = reply.header("set-cookie");
    for part in ["affiant_session=", "HttpOnly", "SameSite=Strict", "Path=/"] {
        assert!(cookie.contains(part), "{cookie}");
    }
    assert!(!body.to_string().contains("affiant_session"));
    let typed = json!({ "username": " Staff ", "password": PASSWORD });
    let again = server.client().post("/api/v1/session", &typed);
    assert_eq!(again.json()["username"], "staff", "as people type it");
    let opened = record::of_kind(&app.open().log, "session.opened");
    assert_eq!(opened[0].details()["person"], opened[1].details()["person"]);
}

#[test]
fn a_wrong_password_and_an_unknown_name_are_refused_in_the_same_words() {
    let app = TestApp::empty();
    let server = app.serve();
    let try_in = |name: &str| {
        let body = json!({ "username": name, "password": "not the password" });
        let mut problem =
            server.client().post("/api/v1/session", &body).problem(401, "sign_in_failed");
        problem["instance"] = json!(null);
        problem
    };
    assert_eq!(try_in("staff"), try_in("nobody"));
    let failed = record::of_kind(&app.open().log, "session.failed");
    assert_eq!(failed.len(), 2);
    assert!(failed.iter().all(|entry| entry.outcome() == "failed"));
}

#[test]
fn after_many_wrong_passwords_also_the_right_one_waits() {
    let app = TestApp::empty();
    let server = app.serve();
    for _ in 0..5 {
        let body = json!({ "username": "staff", "password": "not the password" });
        server.client().post("/api/v1/session", &body).problem(401, "sign_in_failed");
    }
    let body = json!({ "username": "staff", "password": PASSWORD });
    let waits = server.client().post("/api/v1/session", &body);
    waits.problem(429, "too_many_attempts");
    let is_told = |reply: &Reply| reply.header("retry-after").parse::<u64>().is_ok_and(|s| s > 0);
    assert!(is_told(&waits), "{:?}", waits.headers);

    let post = |client: &Client, path: &str, fields: String| {
        let kind = "application/x-www-form-urlencoded";
        client.send("POST", path, kind, fields.into_bytes())
    };
    let mut browser = server.client();
    let door = browser.get("/sign-in").header("set-cookie").to_owned();
    let cookie = door.split(';').next().unwrap();
    browser.header("Cookie", cookie);
    let csrf = cookie.split_once('=').unwrap().1;
    let fields = format!("csrf={csrf}&username=staff&password={}", PASSWORD.replace(' ', "+"));
    let waits = post(&browser, "/sign-in", fields);
    assert!(waits.status == 429 && is_told(&waits), "{} {:?}", waits.status, waits.headers);

    let inside = server.signed_in("auditor");
    let csrf = &inside.headers.iter().find(|(name, _)| name == "X-CSRF-Token").unwrap().1;
    let guess = || post(&inside, "/account/confirm", format!("csrf={csrf}&password=a+guess"));
    (0..5).for_each(|_| assert_eq!(guess().status, 401));
    let last = guess();
    assert!(last.status == 429 && is_told(&last), "{} {:?}", last.status, last.headers);
}

#[test]
fn over_tls_a_browser_takes_the_cookie_of_a_session_from_this_host_alone() {
    // The proxy speaks TLS with browsers.
    let app = TestApp::holding(Holding::Nothing, |options| options.server.behind_proxy = true);
    let server = app.serve();
    let mut client = server.client();
    let reply = client.sign_in("staff");
    let cookie = reply.header("set-cookie");
    for part in ["__Host-affiant_session=", "Secure", "Path=/"] {
        assert!(cookie.contains(part) && !cookie.contains("Domain"), "{cookie}");
    }
    assert_eq!(client.get("/api/v1/account").status, 200);
    let door = server.client().get("/sign-in");
    assert!(door.header("set-cookie").starts_with("__Host-affiant_door="));
    let token = cookie.split(['=', ';']).nth(1).unwrap();
    let mut planted = server.client();
    planted.header("Cookie", &format!("affiant_session={token}"));
    planted.get("/api/v1/account").problem(401, "not_signed_in");
}

#[test]
fn a_browser_session_changes_nothing_without_its_cross_site_token() {
    let app = TestApp::empty();
    let server = app.serve();
    let signed_in = server.signed_in("staff");
    for shown in [None, Some("x"), Some("")] {
        let mut forged = signed_in.clone();
        forged.headers.retain(|(name, _)| name == "Cookie");
        if let Some(token) = shown {
            forged.header("X-CSRF-Token", token);
        }
        forged.ask(UNANSWERABLE).problem(403, "csrf_failed");
        forged.delete("/api/v1/session").problem(403, "csrf_failed");
        forged.upload(&[("a.txt", b"words")], &[]).problem(403, "csrf_failed");
    }
    assert_eq!(signed_in.ask(UNANSWERABLE).status, 201);
    assert_eq!(record::of_kind(&app.open().log, "query.received").len(), 1);
}

#[test]
fn a_bearer_token_needs_no_cross_site_token() {
    let app = TestApp::empty();
    let actor = app.open().operator(None);
    let changer = affiant::govern::Changer::Operator;
    let new = lasting_an_hour();
    let (token, _) = app.open().governor.issue_token(changer, &actor, "staff", new).unwrap();
    let server = app.serve();
    assert_eq!(server.client().with_token(&token).ask(UNANSWERABLE).status, 201);
    let wrong = server.client().with_token("not-a-token");
    wrong.ask(UNANSWERABLE).problem(401, "not_signed_in");
    let mut planted = server.client();
    planted.header("Cookie", &format!("affiant_session={token}"));
    planted.ask(UNANSWERABLE).problem(401, "not_signed_in");
    let mut lower = server.client();
    lower.header("Authorization", &format!("bearer {token}"));
    assert_eq!(lower.get("/api/v1/documents").status, 200);
}

#[test]
fn a_session_ends_when_its_person_signs_out_or_is_disabled() {
    let app = TestApp::empty();
    let server = app.serve();
    let staff = server.signed_in("staff");
    assert_eq!(staff.get("/api/v1/documents").status, 200);
    let gone = staff.delete("/api/v1/session");
    assert_eq!(gone.status, 204);
    assert!(gone.header("set-cookie").contains("Max-Age=0"));
    staff.get("/api/v1/documents").problem(401, "not_signed_in");

    let again = server.signed_in("staff");
    let (changer, actor) = (affiant::govern::Changer::Operator, app.open().operator(None));
    app.open().governor.disable_account(changer, &actor, "staff").unwrap();
    again.get("/api/v1/documents").problem(401, "not_signed_in");
    let body = json!({ "username": "staff", "password": PASSWORD });
    server.client().post("/api/v1/session", &body).problem(401, "sign_in_failed");
}
