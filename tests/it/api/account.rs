use serde_json::{Value, json};

use crate::support::PASSWORD;
use crate::support::authenticator::code;
use crate::support::client::Client;
use crate::support::corpus::UNANSWERABLE;
use crate::support::record;
use crate::support::server::Server;
use crate::support::template::Holding;
use crate::support::test_app::{TestApp, lasting_an_hour};
use affiant::domain::principal::Role;
use affiant::govern::Changer;

fn sign_in(server: &Server<'_>, name: &str, code: &str) -> u16 {
    let body = json!({ "username": name, "password": PASSWORD, "code": code });
    server.client().post("/api/v1/session", &body).status
}

/// Enrols a second factor, and gives its secret and the recovery codes.
fn enrol(client: &Client) -> (String, Vec<Value>) {
    let begun = client.post("/api/v1/account/second-factor", &json!({})).json();
    let secret = begun["secret"].as_str().unwrap().to_owned();
    let confirm = "/api/v1/account/second-factor/confirm";
    client.post(confirm, &json!({ "code": "x" })).problem(400, "bad_request");
    let done = client.post(confirm, &json!({ "code": code(&secret, 0) }));
    assert_eq!(done.header("cache-control"), "no-store");
    (secret, done.json()["recovery_codes"].as_array().unwrap().clone())
}

#[test]
fn a_second_factor_is_enrolled_asked_for_and_removed() {
    let app = TestApp::empty();
    let server = app.serve();
    let staff = server.signed_in("staff");
    let (secret, recovery) = enrol(&staff);
    assert_eq!(recovery.len(), 10);
    let account = staff.get("/api/v1/account").json();
    assert_eq!(account["second_factor"]["recovery_codes_left"], 10);
    assert_eq!(sign_in(&server, "staff", ""), 401);
    assert_eq!(sign_in(&server, "staff", &code(&secret, 1)), 201);
    assert_eq!(sign_in(&server, "staff", &code(&secret, 1)), 401, "once");
    assert_eq!(sign_in(&server, "staff", recovery[3].as_str().unwrap()), 201);
    assert_eq!(staff.delete("/api/v1/account/second-factor").status, 204);
    assert_eq!(sign_in(&server, "staff", ""), 201);
    let log = &app.open().log;
    for kind in ["factor.enrolled", "factor.recovered", "factor.removed"] {
        assert_eq!(record::of_kind(log, kind).len(), 1, "{kind}");
    }
}

#[test]
fn a_changed_password_ends_all_other_sessions_and_tokens() {
    let app = TestApp::empty();
    let server = app.serve();
    let (staff, elsewhere) = (server.signed_in("staff"), server.signed_in("staff"));
    let issued = staff.post("/api/v1/account/tokens", &json!({ "label": "nightly" })).json();
    let script = server.client().with_token(issued["token"].as_str().unwrap());
    assert_eq!(script.get("/api/v1/documents").status, 200);
    let change = |password: &str, new: &str| {
        let body = json!({ "password": password, "new_password": new });
        staff.post("/api/v1/account/password", &body)
    };
    change("a guess", "another fine password").problem(401, "sign_in_failed");
    change(PASSWORD, PASSWORD).problem(400, "bad_request");
    assert_eq!(change(PASSWORD, "another fine password").status, 204);
    assert_eq!(staff.get("/api/v1/account").status, 200);
    for gone in [elsewhere, script] {
        gone.get("/api/v1/account").problem(401, "not_signed_in");
    }
    assert_eq!(record::of_kind(&app.open().log, "password.changed").len(), 1);
}

#[test]
fn a_token_does_no_more_than_it_was_issued_for_and_is_revoked() {
    let app = TestApp::empty();
    let server = app.serve();
    let staff = server.signed_in("staff");
    let issue = |body: &Value| staff.post("/api/v1/account/tokens", body);
    issue(&json!({ "scope": ["Fly"] })).problem(400, "bad_request");
    issue(&json!({ "ttl_s": 0 })).problem(400, "bad_request");
    let issued = issue(&json!({ "label": "finder", "scope": ["Search"] }));
    assert_eq!(issued.status, 201, "{}", issued.text());
    let recorded = record::of_kind(&app.open().log, "token.issued");
    assert_eq!(recorded[0].details()["scope"], json!(["Search"]));
    let finder = server.client().with_token(issued.json()["token"].as_str().unwrap());
    assert_eq!(finder.post("/api/v1/search", &json!({ "question": "fax" })).status, 200);
    let denied = finder.ask(UNANSWERABLE).problem(403, "policy_denied");
    assert!(denied["detail"].as_str().unwrap().contains("limited"), "{denied}");
    let none = "00000000-0000-7000-8000-000000000000";
    for path in ["account", "documents", &format!("queries/{none}"), &format!("jobs/{none}")] {
        finder.get(&format!("/api/v1/{path}")).problem(403, "policy_denied");
    }
    finder.delete("/api/v1/account/sessions").problem(403, "policy_denied");
    for page in ["/questions", "/account", "/ask"] {
        assert_eq!(finder.get(page).status, 403, "{page}");
    }
    let account = staff.get("/api/v1/account").json();
    let token = &account["tokens"][0];
    assert_eq!((&token["label"], &token["scope"]), (&json!("finder"), &json!(["Search"])));
    let path = format!("/api/v1/account/sessions/{}", token["id"].as_str().unwrap());
    server.signed_in("auditor").delete(&path).problem(404, "not_found");
    assert_eq!(staff.delete(&path).status, 204);
    finder.get("/api/v1/account").problem(401, "not_signed_in");
    let asker = issue(&json!({ "scope": ["Ask"] }));
    let asker = server.client().with_token(asker.json()["token"].as_str().unwrap());
    asker.get(&format!("/api/v1/queries/{none}")).problem(404, "not_found");
    server.signed_in("staff");
    assert_eq!(staff.delete("/api/v1/account/sessions").json()["ended"], 1);
    assert_eq!(record::of_kind(&app.open().log, "session.revoked").len(), 2);
}

#[test]
fn a_sensitive_act_asks_once_more_who_one_is() {
    let app = TestApp::empty();
    let governor = &app.open().governor;
    let (given, _) = governor
        .issue_token(Changer::Operator, &app.open().operator(None), "records", lasting_an_hour())
        .unwrap();
    let server = app.serve();
    let token = server.signed_in("records").post("/api/v1/account/tokens", &json!({})).json();
    let officer = server.client().with_token(token["token"].as_str().unwrap());
    let shown = json!({ "password": PASSWORD });
    let script = server.client().with_token(&given);
    script.post("/api/v1/session/confirm", &shown).problem(403, "account_incomplete");
    let erase = || {
        let body = json!({ "matter": "M-1", "reason": "a court order" });
        officer.post("/api/v1/erasures", &body)
    };
    let asked = erase();
    assert!(asked.header("www-authenticate").contains("insufficient_user_authentication"));
    asked.problem(401, "confirmation_required");
    let confirm =
        |password: &str| officer.post("/api/v1/session/confirm", &json!({ "password": password }));
    confirm("a guess").problem(401, "sign_in_failed");
    erase().problem(401, "confirmation_required");
    assert_eq!(confirm(PASSWORD).status, 204);
    erase().problem(404, "not_found");
    assert_eq!(record::of_kind(&app.open().log, "session.confirmed").len(), 1);
}

#[test]
fn a_role_that_needs_a_second_factor_reaches_nothing_before_it_is_enrolled() {
    let app = TestApp::holding(Holding::Nothing, |options| {
        options.sign_in.second_factor.insert(Role::Staff);
    });
    let server = app.serve();
    let body = json!({ "username": "staff", "password": PASSWORD });
    assert_eq!(server.client().post("/api/v1/session", &body).json()["lacks"], "second_factor");
    let staff = server.signed_in("staff");
    let kept = staff.get("/api/v1/documents").problem(403, "account_incomplete");
    assert_eq!(kept["lacks"], "second_factor");
    let page = staff.get("/ask");
    assert_eq!((page.status, page.header("location")), (303, "/account"));
    assert!(staff.get("/account").text().contains("asks for a second factor"));
    enrol(&staff);
    assert_eq!(staff.get("/api/v1/documents").status, 200);
    assert_eq!(server.signed_in("auditor").get("/api/v1/documents").status, 200);
}

#[test]
fn a_reset_password_only_serves_to_choose_another() {
    let app = TestApp::empty();
    let (governor, actor) = (&app.open().governor, app.open().operator(None));
    let one_time = governor.reset_password(Changer::Operator, &actor, "records").unwrap();
    let server = app.serve();
    let mut officer = server.client();
    let body = json!({ "username": "records", "password": one_time });
    let opened = officer.post("/api/v1/session", &body);
    officer.header("Cookie", opened.header("set-cookie").split(';').next().unwrap());
    officer.header("X-CSRF-Token", opened.json()["csrf"].as_str().unwrap());
    officer.get("/api/v1/documents").problem(403, "account_incomplete");
    let body = json!({ "password": one_time, "new_password": "another fine password" });
    assert_eq!(officer.post("/api/v1/account/password", &body).status, 204);
    assert_eq!(officer.get("/api/v1/documents").status, 200);
    let erase = json!({ "matter": "M-1", "reason": "a court order" });
    let early = officer.post("/api/v1/erasures", &erase).problem(403, "account_incomplete");
    assert!(early["detail"].as_str().unwrap().contains("reset"), "{early}");
}

#[test]
fn who_guesses_is_locked_out_on_record_and_fills_no_log() {
    let app = TestApp::empty();
    let server = app.serve();
    let guess = || {
        let body = json!({ "username": "staff", "password": "a guess" });
        server.client().post("/api/v1/session", &body)
    };
    for _ in 0..5 {
        guess().problem(401, "sign_in_failed");
    }
    for _ in 0..3 {
        let waiting = guess();
        let seconds: u64 = waiting.header("retry-after").parse().unwrap();
        let told = waiting.problem(429, "too_many_attempts");
        assert!((1..=30).contains(&seconds) && told["retry_after"] == seconds, "{told}");
    }
    let log = &app.open().log;
    assert_eq!(record::of_kind(log, "session.failed").len(), 5);
    let locked = record::of_kind(log, "session.locked");
    assert_eq!(locked.len(), 1);
    assert_eq!(
        (&locked[0].details()["scope"], &locked[0].details()["wait_s"]),
        (&json!("name"), &json!(30))
    );
}

#[test]
fn ones_own_account_is_a_page() {
    let app = TestApp::empty();
    let server = app.serve();
    let staff = server.signed_in("staff");
    let csrf = staff.headers.iter().find(|(name, _)| name == "X-CSRF-Token").unwrap().1.clone();
    let post = |path: &str, fields: &str| {
        let body = format!("csrf={csrf}&{fields}").into_bytes();
        staff.send("POST", path, "application/x-www-form-urlencoded", body)
    };
    assert!(staff.get("/account").text().contains("Your account"));
    let begun = post("/account/second-factor", "").text();
    assert!(begun.contains("<svg class=\"qr\"") && begun.contains("otpauth://totp/Affiant:staff"));
    let (_, rest) = begun.split_once("data-secret>").unwrap();
    let secret = rest.split('<').next().unwrap();
    let mistyped = post("/account/second-factor/confirm", "code=x");
    assert_eq!(mistyped.status, 400);
    assert!(mistyped.text().contains(secret) && mistyped.text().contains("not the code"));
    let codes = post("/account/second-factor/confirm", &format!("code={}", code(secret, 0)));
    assert_eq!(codes.text().matches("data-secret").count(), 10);
    let words = PASSWORD.replace(' ', "+");
    let wrong = post("/account/confirm", &format!("password={words}&code=000000"));
    assert_eq!(wrong.status, 401);
    let fields = format!("password={words}&code={}&next=/documents", code(secret, 1));
    let confirmed = post("/account/confirm", &fields);
    assert_eq!((confirmed.status, confirmed.header("location")), (303, "/documents"));
    let token = post("/account/tokens", "label=nightly&scope=read&days=7");
    assert_eq!(token.text().matches("data-secret").count(), 1);
    assert_eq!(post("/account/tokens", "label=x&scope=Fly&days=7").status, 400);
    assert!(staff.get("/account").text().contains("nightly"));
    let change = |new: &str, again: &str| {
        let recovery = "code=x".to_owned();
        let fields = format!("password={words}&{recovery}&new_password={new}&repeated={again}");
        post("/account/password", &fields)
    };
    assert!(change("one-fine-password", "another-one").text().contains("differ"));
    assert_eq!(change("one-fine-password", "one-fine-password").status, 401);
    let ended = post("/account/sessions/end", "");
    assert_eq!(ended.header("location"), "/account?done=sessions");
    let removed = post("/account/second-factor/remove", "");
    assert_eq!(removed.header("location"), "/account?done=second-factor");
    assert!(staff.get(removed.header("location")).text().contains("no second factor any more"));
    assert_eq!(staff.post("/account/confirm", &json!({})).status, 400);
}
