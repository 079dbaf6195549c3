use affiant::http::Kind;
use serde_json::json;

use crate::support::test_app::TestApp;

#[test]
fn the_table_of_problems_is_as_it_was_published() {
    let rows: Vec<String> = Kind::ALL
        .iter()
        .map(|kind| {
            let (code, status, title) = kind.row();
            format!("{} {code}: {title}", status.as_u16())
        })
        .collect();
    insta::assert_snapshot!(rows.join("\n"));
}

#[test]
fn a_problem_is_an_rfc_9457_document_with_the_request_id() {
    let app = TestApp::empty();
    let server = app.serve();
    let problem = server.client().get("/api/v1/nothing").problem(404, "not_found");
    assert_eq!(problem["type"], "/problems/not-found");
    assert_eq!(problem["title"], "There is no such thing");
    let other = server.client().get("/api/v1/nothing").problem(404, "not_found");
    assert!(problem["instance"].is_string(), "{problem}");
    assert_ne!(problem["instance"], other["instance"]);
}

#[test]
fn a_method_that_a_route_does_not_have_is_no_fault_of_the_appliance() {
    let app = TestApp::empty();
    let server = app.serve();
    let staff = server.signed_in("staff");
    let reply = staff.post("/api/v1/policies", &json!({}));
    assert!((400..500).contains(&reply.status), "{}", reply.status);
}
