use crate::support::corpus::UNANSWERABLE;
use crate::support::test_app::TestApp;

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
