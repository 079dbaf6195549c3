use serde_json::json;

use crate::support::PASSWORD;
use crate::support::corpus::UNANSWERABLE;
use crate::support::record;
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
    server.client().post("/api/v1/session", &body).problem(429, "too_many_attempts");
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
