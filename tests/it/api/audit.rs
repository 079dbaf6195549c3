use affiant::audit::check_proof;
use affiant::audit::note::NoteVerifier;
use affiant::domain::digest::Digest;
use serde_json::{Value, json};

use crate::support::corpus::UNANSWERABLE;
use crate::support::record;
use crate::support::test_app::TestApp;

const PATHS: [&str; 4] = [
    "/api/v1/audit/entries",
    "/api/v1/audit/entries/0",
    "/api/v1/audit/proof/0",
    "/api/v1/audit/export",
];

#[test]
fn auditors_read_the_record_and_nobody_else_does() {
    let app = TestApp::empty();
    let server = app.serve();
    for path in PATHS {
        for who in ["staff", "admin", "approver", "records"] {
            let reply = server.signed_in(who).get(path);
            reply.problem(403, "policy_denied");
        }
        assert_eq!(server.signed_in("auditor").get(path).status, 200, "{path}");
        server.client().get(path).problem(401, "not_signed_in");
    }
}

#[test]
fn reading_the_record_is_recorded() {
    let app = TestApp::empty();
    let server = app.serve();
    let auditor = server.signed_in("auditor");
    PATHS.iter().for_each(|path| assert_eq!(auditor.get(path).status, 200));
    let read = record::of_kind(&app.open().log, "audit.read");
    let scopes: Vec<&Value> = read.iter().map(|entry| &entry.details()["scope"]).collect();
    assert_eq!(scopes, [&json!("list"), &json!("entry"), &json!("proof")]);
    assert_eq!(record::of_kind(&app.open().log, "audit.exported").len(), 1);
    assert!(read.iter().all(|entry| entry.actor_id() == app.asker("auditor").actor.id.as_str()));
}

#[test]
fn a_listing_is_narrowed_by_type_person_and_time() {
    let app = TestApp::empty();
    app.ask("staff", UNANSWERABLE);
    app.ask("outsider", UNANSWERABLE);
    let server = app.serve();
    let auditor = server.signed_in("auditor");
    let count = |query: &str| {
        let reply = auditor.get(&format!("/api/v1/audit/entries?{query}"));
        assert_eq!(reply.status, 200, "{}", reply.text());
        reply.json()["entries"].as_array().unwrap().len()
    };
    assert_eq!(count("type=query.received"), 2);
    assert_eq!(count("type=query.received&user=staff"), 1);
    assert_eq!(count("type=query"), 4);
    assert_eq!(count("until=2020-01-01"), 0);
    assert_eq!(count("since=2020-01-01&limit=3"), 3);
    for wrong in ["colour=red", "since=yesterday", "limit=many", "format=1&x=2"] {
        let reply = auditor.get(&format!("/api/v1/audit/entries?{wrong}"));
        reply.problem(400, "bad_request");
    }
    auditor.get("/api/v1/audit/entries/999999").problem(404, "not_found");
    auditor.get("/api/v1/audit/proof/999999").problem(404, "not_found");
}

#[test]
fn a_proof_holds_against_the_verifier_key_alone() {
    let app = TestApp::empty();
    app.ask("staff", UNANSWERABLE);
    let server = app.serve();
    let auditor = server.signed_in("auditor");
    let entry = record::of_kind(&app.open().log, "query.refused").remove(0);
    let proof = auditor.get(&format!("/api/v1/audit/proof/{}", entry.index)).text();
    let vkey = std::fs::read_to_string(app.path().join("log.vkey")).unwrap();
    let vkey: NoteVerifier = vkey.trim_end().parse().unwrap();
    let checked = check_proof(&proof, &entry.bytes, &vkey);
    assert!(checked.is_ok(), "{checked:?}");
    let other = record::of_kind(&app.open().log, "query.received").remove(0);
    assert!(check_proof(&proof, &other.bytes, &vkey).is_err());
}

#[test]
fn an_export_is_named_by_its_digest_in_the_record() {
    let app = TestApp::empty();
    app.ask("staff", UNANSWERABLE);
    let server = app.serve();
    let auditor = server.signed_in("auditor");
    let reply = auditor.get("/api/v1/audit/export?format=jsonl&type=query");
    assert_eq!(reply.text().lines().count(), 2);
    let exported = record::of_kind(&app.open().log, "audit.exported").remove(0);
    assert_eq!(exported.details()["sha256"], Digest::of(&reply.body).to_string());
    assert_eq!(reply.header("audit-index"), exported.index.to_string());
    let table = auditor.get("/api/v1/audit/export?format=csv");
    assert!(table.header("content-type").starts_with("text/csv"));
    auditor.get("/api/v1/audit/export?format=pdf").problem(400, "bad_request");
}

#[test]
fn reports_are_handed_to_those_who_answer_for_the_record() {
    let app = TestApp::corpus();
    let server = app.serve();
    let (officer, staff) = (server.signed_in("records"), server.signed_in("staff"));
    let wall = json!({ "person": "outsider", "matter": "M-7", "reason": "a test" });
    assert_eq!(officer.post("/api/v1/walls", &wall).status, 201);
    // (path, who may, what is in it)
    let table = [
        ("/api/v1/audit/wall?matter=%20M-7%20", "auditor", "checkpoint"),
        ("/api/v1/audit/disclosures?patient=P-1&since=2026-01-01", "auditor", "disclosures"),
        ("/api/v1/retention", "records", "documents"),
    ];
    for (path, who, field) in table {
        let shown = server.signed_in(who).get(path);
        assert_eq!(shown.status, 200, "{path}: {}", shown.text());
        assert!(!shown.json()[field].is_null(), "{path}: {}", shown.text());
        staff.get(path).problem(403, "policy_denied");
        server.client().get(path).problem(401, "not_signed_in");
    }
    let auditor = server.signed_in("auditor");
    let certificate = auditor.get("/api/v1/audit/wall?matter=M-7").json();
    assert_eq!(certificate["persons"][0]["person"], "outsider");
    assert!(certificate["envelope"]["payload"].is_string(), "{certificate}");
    for wrong in
        ["wall?matter=", "wall", "disclosures?patient=a%01b", "disclosures?patient=P&since=x"]
    {
        auditor.get(&format!("/api/v1/audit/{wrong}")).problem(400, "bad_request");
    }
}
