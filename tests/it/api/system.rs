use crate::support::client::Client;
use crate::support::corpus::UNANSWERABLE;
use crate::support::template::Holding;
use crate::support::test_app::{TestApp, lasting_an_hour};

#[test]
fn machines_can_ask_whether_it_runs_and_whether_it_is_ready() {
    let app = TestApp::empty();
    let server = app.serve();
    let client = server.client();
    assert_eq!(
        (client.get("/healthz").status, client.get("/healthz").text()),
        (200, "ok\n".into())
    );
    let ready = client.get("/readyz").json();
    assert_eq!(ready["ready"], true);
    assert_eq!(ready["log_size"], app.open().log.size());
}

#[test]
fn metrics_count_outcomes_and_hold_no_content() {
    let app = TestApp::empty();
    app.ask("staff", UNANSWERABLE);
    let server = app.serve();
    let text = server.client().get("/metrics").text();
    assert!(text.contains(&format!("affiant_log_entries {}\n", app.open().log.size())), "{text}");
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let (name, value) = line.rsplit_once(' ').expect("a sample");
        assert!(name.starts_with("affiant_"), "{line}");
        assert!(value.parse::<f64>().is_ok(), "{line}");
        assert!(!line.contains("tungsten") && !line.contains("staff"), "{line}");
    }
    assert!(text.contains("refused"), "{text}");
}

#[test]
fn strangers_on_the_network_learn_that_it_runs_and_not_what_it_is_used_for() {
    let app = TestApp::holding(Holding::Nothing, |options| options.server.behind_proxy = true);
    app.ask("staff", UNANSWERABLE);
    let server = app.serve();
    let told = |client: &Client| {
        let text = client.get("/metrics").text();
        assert!(text.contains("affiant_log_running 1\n"), "{text}");
        ["documents", "questions", "emergencies", "phase"]
            .iter()
            .filter(|what| text.contains(&format!("affiant_{what}")))
            .count()
    };
    assert_eq!(told(&server.client()), 4, "on the machine itself");
    let mut stranger = server.client();
    stranger.header("X-Forwarded-For", "203.0.113.9");
    assert_eq!(told(&stranger), 0);
    let token = |who: &str| {
        let accounts = &app.open().governor.accounts;
        accounts.issue_token(who, lasting_an_hour()).unwrap().0
    };
    assert_eq!(told(&stranger.clone().with_token(&token("admin"))), 4, "a scraper's token");
    let staff = stranger.clone().with_token(&token("staff"));
    staff.get("/metrics").problem(403, "policy_denied");
    stranger.with_token("none").get("/metrics").problem(401, "not_signed_in");
}

#[test]
fn nothing_that_the_api_answers_is_kept_on_the_way() {
    let app = TestApp::empty();
    let server = app.serve();
    let records = server.signed_in("records");
    for (path, status) in [
        ("documents", 200),
        ("retention", 200),
        ("audit/entries", 403),
        ("queries/00000000-0000-7000-8000-000000000000", 404),
        ("policies/versions/99", 403),
        ("nothing", 404),
    ] {
        let reply = records.get(&format!("/api/v1/{path}"));
        assert_eq!(reply.header("cache-control"), "no-store", "{path}");
        assert_eq!(reply.status, status, "{path}: {}", reply.text());
    }
    assert_eq!(server.client().get("/api/v1/documents").header("cache-control"), "no-store");
}

#[test]
fn every_reply_tells_browsers_to_run_nothing_but_our_own() {
    let app = TestApp::empty();
    let server = app.serve();
    for path in ["/healthz", "/api/v1/documents", "/log/checkpoint", "/nothing"] {
        let reply = server.client().get(path);
        let policy = reply.header("content-security-policy");
        assert!(policy.contains("default-src 'none'") && !policy.contains("unsafe"), "{path}");
        assert_eq!(reply.header("x-content-type-options"), "nosniff", "{path}");
        assert_eq!(reply.header("referrer-policy"), "no-referrer", "{path}");
        assert_eq!(reply.header("x-frame-options"), "DENY", "{path}");
    }
}
