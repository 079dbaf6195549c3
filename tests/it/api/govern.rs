use serde_json::{Value, json};

use crate::support::corpus::ANSWERABLE;
use crate::support::test_app::TestApp;

#[test]
fn an_erasure_is_proposed_by_one_and_approved_by_another() {
    let app = TestApp::corpus();
    let server = app.serve();
    let staff = server.signed_in("staff");
    let answer = staff.ask(ANSWERABLE).json();
    let document = answer["evidence"][0]["document"].as_str().unwrap().to_owned();
    let officer = server.signed_in("records");
    let approver = server.signed_in("approver");
    let wanted = json!({ "document": document, "reason": "a court order" });
    for who in ["staff", "auditor", "admin", "approver"] {
        let client = server.signed_in(who);
        client.post("/api/v1/erasures", &wanted).problem(403, "policy_denied");
    }
    let proposed = officer.post("/api/v1/erasures", &wanted);
    assert_eq!(proposed.status, 202, "{}", proposed.text());
    let path = proposed.header("location").to_owned();
    assert_eq!(officer.get(&path).json()["state"], "proposed");
    officer.post(&format!("{path}/approve"), &json!({})).problem(403, "policy_denied");
    staff.get(&path).problem(403, "policy_denied");
    let seen = approver.get(&path).json();
    assert_eq!(seen["reason"], "a court order");
    assert_eq!(seen["proposal"]["target"]["name"], document.as_str());
    let applied = approver.post(&format!("{path}/approve"), &json!({}));
    assert_eq!(applied.status, 200, "{}", applied.text());
    assert_eq!(applied.json()["state"], "applied");
    assert_eq!(applied.json()["proposal"], Value::Null);
    approver.post(&format!("{path}/approve"), &json!({})).problem(409, "conflict");
    staff.get(&format!("/api/v1/documents/{document}")).problem(404, "not_found");
    let query = answer["query"].as_str().unwrap();
    staff.get(&format!("/api/v1/queries/{query}")).problem(404, "not_found");
    officer.post("/api/v1/erasures", &wanted).problem(404, "not_found");
    let bad = json!({ "document": document, "matter": "M-1", "reason": "two" });
    officer.post("/api/v1/erasures", &bad).problem(400, "bad_request");
}

#[test]
fn what_is_held_is_not_deleted() {
    let app = TestApp::corpus();
    let server = app.serve();
    let officer = server.signed_in("records");
    let document = app.open().catalogue.documents()[0].row.document.to_string();
    let path = format!("/api/v1/documents/{document}");
    server.signed_in("staff").delete(&path).problem(403, "policy_denied");
    let hold = json!({ "document": document, "reason": "litigation" });
    let placed = officer.post("/api/v1/holds", &hold);
    assert_eq!(placed.status, 201, "{}", placed.text());
    officer.delete(&path).problem(409, "conflict");
    let id = placed.json()["id"].as_str().unwrap().to_owned();
    let because = json!({ "reason": "settled" });
    let proposed = officer.post(&format!("/api/v1/holds/{id}/release"), &because);
    assert_eq!(proposed.status, 202, "{}", proposed.text());
    let change = proposed.header("location").to_owned();
    let approver = server.signed_in("approver");
    assert_eq!(approver.get("/api/v1/changes").json()["changes"].as_array().unwrap().len(), 1);
    assert_eq!(approver.post(&format!("{change}/approve"), &json!({})).status, 200);
    assert_eq!(officer.get("/api/v1/holds").json()["holds"], json!([]));
    assert_eq!(officer.delete(&path).status, 204);
    officer.delete(&path).problem(404, "not_found");
}

#[test]
fn contents_are_revealed_with_a_reason() {
    let app = TestApp::corpus();
    let server = app.serve();
    let answer = server.signed_in("staff").ask(ANSWERABLE).json();
    let path = format!("/api/v1/audit/entries/{}/reveal", answer["entries"]["received"]);
    let because = json!({ "reason": "a complaint of the asker" });
    server.signed_in("auditor").post(&path, &because).problem(403, "policy_denied");
    let officer = server.signed_in("records");
    let shown = officer.post(&path, &because);
    assert_eq!(shown.status, 200, "{}", shown.text());
    assert_eq!(shown.header("cache-control"), "no-store");
    let shown = shown.json();
    assert_eq!((&shown["state"], &shown["contents"]["text"]), (&json!("open"), &json!(ANSWERABLE)));
    officer.post(&path, &json!({ "reason": " " })).problem(400, "bad_request");
    officer.post(&path, &json!({})).problem(400, "bad_request");
}
