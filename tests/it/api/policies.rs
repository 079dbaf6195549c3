use crate::support::test_app::TestApp;

#[test]
fn those_who_answer_for_policies_read_them() {
    let app = TestApp::empty();
    let server = app.serve();
    for who in ["admin", "approver", "auditor"] {
        let reply = server.signed_in(who).get("/api/v1/policies");
        assert_eq!(reply.status, 200, "{who}");
        let shown = reply.json();
        assert_eq!(shown["sha256"], app.open().policies.digest().to_string());
        let files = shown["files"].as_array().unwrap();
        assert!(files.iter().any(|file| file["name"] == "documents.cedar"));
        assert!(files.iter().all(|file| !file["text"].as_str().unwrap().is_empty()));
    }
    for who in ["staff", "records"] {
        server.signed_in(who).get("/api/v1/policies").problem(403, "policy_denied");
    }
    server.client().get("/api/v1/policies").problem(401, "not_signed_in");
}
