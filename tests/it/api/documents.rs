use affiant::domain::ids::DocumentId;
use affiant::domain::principal::Role;
use affiant::ingest::Source;
use serde_json::{Value, json};

use crate::support::client::{Client, Reply};
use crate::support::corpus::{WALLED, fixture};
use crate::support::test_app::TestApp;
use crate::support::{patiently, record};

/// The report of an upload, once its job is done.
fn report(client: &Client, accepted: &Reply) -> Value {
    assert_eq!(accepted.status, 202, "{}", accepted.text());
    let job = accepted.header("location");
    assert!(job.ends_with(accepted.json()["job"].as_str().unwrap()));
    patiently("the upload", || {
        let job = client.get(job).json();
        (job["state"] == "done").then(|| job["report"].clone())
    })
}

#[test]
fn an_upload_is_a_job_that_accounts_for_every_file() {
    let app = TestApp::empty();
    let server = app.serve();
    let records = server.signed_in("records");
    let broken = std::fs::read(fixture("hostile/truncated.pdf")).unwrap();
    let files: [(&str, &[u8]); 3] = [
        ("harbour.txt", b"Nineteen lanterns hang in the harbour office."),
        ("again.txt", b"Nineteen lanterns hang in the harbour office."),
        ("truncated.pdf", &broken),
    ];
    let accepted = records.upload(&files, &["classification=public"]);
    let report = report(&records, &accepted);
    let counts = [&report["submitted"], &report["indexed"], &report["unchanged"]];
    assert_eq!(counts, [&json!(3), &json!(1), &json!(1)]);
    assert_eq!(report["quarantined"][0]["path"], "truncated.pdf");
    assert_eq!(report["quarantined"][0]["reason"], "malformed");
    assert_eq!(report["documents"][0]["id"], DocumentId::of(files[0].1).to_string());
    let listed = server.signed_in("staff").get("/api/v1/documents").json();
    assert_eq!(listed["documents"][0]["labels"]["classification"], "public");
}

#[test]
fn an_upload_tells_whom_a_wall_keeps_away_nothing_of_what_is_here() {
    let app = TestApp::empty();
    app.account("officer", Role::RecordsOfficer, &["wall=M-17".to_owned()]);
    let (secret, other) = ("Nineteen lanterns hang there.", "Forty anchors lie there.");
    let source = Source::Bytes { name: "brief.txt".to_owned(), bytes: secret.into() };
    app.take_in(vec![source], &["classification=internal", "matter=M-17"]);
    let server = app.serve();
    let sent = |who: &str, text: &str| {
        let client = server.signed_in(who);
        let mut told = report(&client, &client.upload(&[("x.txt", text.as_bytes())], &[]));
        told["duration_ms"] = Value::Null;
        let id = DocumentId::of(text.as_bytes()).to_string();
        for document in told["documents"].as_array_mut().unwrap() {
            assert_eq!(document["id"], id);
            (document["id"], document["title"]) = (Value::Null, Value::Null);
        }
        told
    };
    let here = sent("officer", secret);
    assert_eq!(here, sent("officer", other), "as for a new file");
    assert_eq!(here["indexed"], 1);
    assert_eq!(sent("records", secret)["unchanged"], 1, "whoever may know is told");
    assert_eq!(sent("officer", other)["unchanged"], 1);
    let unchanged = record::of_kind(&app.open().log, "document.unchanged");
    assert_eq!(unchanged.len(), 1, "the record says how it was");
    let id = DocumentId::of(secret.as_bytes());
    let labels = app.open().catalogue.document(id).unwrap().card.labels.clone();
    assert_eq!(labels.matter.as_deref(), Some("M-17"), "and it stays as it was");
}

#[test]
fn titles_of_an_upload_go_behind_the_wall_with_their_documents() {
    let app = TestApp::empty();
    app.account("officer", Role::RecordsOfficer, &["wall=M-17".to_owned()]);
    let server = app.serve();
    let client = server.signed_in("officer");
    let text: &[u8] = b"Nineteen lanterns hang there.";
    let accepted = client.upload(&[("lantern.txt", text)], &[]);
    assert_eq!(report(&client, &accepted)["documents"][0]["path"], "lantern.txt");
    let labels = json!({ "labels": { "matter": "M-17" } }).to_string().into_bytes();
    let path = format!("/api/v1/documents/{}", DocumentId::of(text));
    let moved = server.signed_in("records").send("PATCH", &path, "application/json", labels);
    assert_eq!(moved.status, 200, "{}", moved.text());
    assert_eq!(report(&client, &accepted)["documents"], json!([]));
}

#[test]
fn only_those_who_keep_records_upload_and_only_they_see_their_job() {
    let app = TestApp::empty();
    let server = app.serve();
    let file: [(&str, &[u8]); 1] = [("a.txt", b"Some words in a file.")];
    for who in ["staff", "auditor", "admin"] {
        server.signed_in(who).upload(&file, &[]).problem(403, "policy_denied");
    }
    let records = server.signed_in("records");
    let accepted = records.upload(&file, &[]);
    report(&records, &accepted);
    let job = accepted.header("location");
    server.signed_in("staff").get(job).problem(404, "not_found");
    records.get("/api/v1/jobs/not-a-job").problem(404, "not_found");
}

#[test]
fn a_form_that_is_not_as_it_must_be_is_refused() {
    let app = TestApp::empty();
    let server = app.serve();
    let records = server.signed_in("records");
    records.upload(&[], &[]).problem(400, "bad_request");
    let file: [(&str, &[u8]); 1] = [("a.txt", b"Some words in a file.")];
    records.upload(&file, &["no-value"]).problem(400, "bad_request");
    records.upload(&file, &["colour=red"]).problem(400, "bad_request");
    let post = records.post("/api/v1/documents", &json!({}));
    assert!((400..500).contains(&post.status), "{}", post.status);
    assert!(record::of_kind(&app.open().log, "document.activated").is_empty());
}

#[test]
fn documents_are_listed_and_opened_for_those_who_may_see_them() {
    let app = TestApp::corpus();
    let walled = app
        .ingest(&[fixture("corpus").join(WALLED)], &["classification=internal", "matter=M-SEALED"]);
    let walled = walled.documents[0].id;
    let server = app.serve();
    let staff = server.signed_in("staff");
    let listed = staff.get("/api/v1/documents").json();
    let documents = listed["documents"].as_array().unwrap();
    assert_eq!(documents.len(), 12);
    assert!(!listed.to_string().contains(&walled.to_string()));
    let first = documents[0]["id"].as_str().unwrap();
    let shown = staff.get(&format!("/api/v1/documents/{first}")).json();
    assert_eq!(
        shown["page_texts"].as_array().unwrap().len() as u64,
        shown["pages"].as_u64().unwrap()
    );

    let absent = DocumentId::of(b"no such document");
    let hidden = staff.get(&format!("/api/v1/documents/{walled}")).problem(404, "not_found");
    let missing = staff.get(&format!("/api/v1/documents/{absent}")).problem(404, "not_found");
    assert_eq!(hidden["detail"], missing["detail"]);
    staff.get("/api/v1/documents/not-an-id").problem(404, "not_found");
}

#[test]
fn a_page_picture_is_recorded_and_a_walled_one_is_not_there() {
    let app = TestApp::corpus();
    let walled = app
        .ingest(&[fixture("corpus").join(WALLED)], &["classification=internal", "matter=M-SEALED"]);
    let server = app.serve();
    let staff = server.signed_in("staff");
    let id = staff.get("/api/v1/documents").json()["documents"][0]["id"].clone();
    let page = |id: &str, page: &str| format!("/api/v1/documents/{id}/pages/{page}.png");
    let before = record::of_kind(&app.open().log, "document.viewed").len();
    let picture = staff.get(&page(id.as_str().unwrap(), "1"));
    assert_eq!((picture.status, picture.header("content-type")), (200, "image/png"));
    assert_eq!(picture.header("cache-control"), "private, no-store");
    assert_eq!(&picture.body[1..4], b"PNG");
    assert_eq!(record::of_kind(&app.open().log, "document.viewed").len(), before + 1);
    for (id, number) in [
        (walled.documents[0].id.to_string(), "1"),
        (id.as_str().unwrap().to_owned(), "0"),
        (id.as_str().unwrap().to_owned(), "99"),
        (id.as_str().unwrap().to_owned(), "first"),
    ] {
        staff.get(&page(&id, number)).problem(404, "not_found");
    }
}

#[test]
fn labels_that_shut_are_in_effect_at_once_and_only_those_who_keep_records_give_them() {
    let app = TestApp::empty();
    let id = app.ingest_text("seal.txt", "The seal is kept by the harbour master.").documents[0].id;
    let server = app.serve();
    let (staff, records) = (server.signed_in("staff"), server.signed_in("records"));
    let path = format!("/api/v1/documents/{id}");
    let patch = |client: &Client, labels: Value| {
        let body = json!({ "labels": labels }).to_string().into_bytes();
        client.send("PATCH", &path, "application/json", body)
    };
    patch(&staff, json!({ "matter": "M-9" })).problem(403, "policy_denied");
    for wrong in [json!({ "colour": "red" }), json!({ "matter": 7 }), json!({ "minor": "17" })] {
        patch(&records, wrong).problem(400, "bad_request");
    }
    assert_eq!(staff.get(&path).status, 200);
    let done = patch(&records, json!({ "matter": "M-9" })).json();
    assert_eq!(done["labels"]["matter"], "M-9");
    staff.get(&path).problem(404, "not_found");
    let entry = record::of_kind(&app.open().log, "document.labelled").remove(0);
    assert_eq!(done["entry"], entry.index.0);
    assert!(!String::from_utf8_lossy(&entry.bytes).contains("M-9"), "no name in the record");

    let hold = json!({ "matter": "M-9", "reason": "a case is pending" });
    assert_eq!(records.post("/api/v1/holds", &hold).status, 201);
    patch(&records, json!({ "matter": null })).problem(409, "conflict");
    assert_eq!(
        patch(&records, json!({ "department": "quay" })).status,
        200,
        "it stays in its matter"
    );

    let form = records.get(&format!("/documents/{id}/labels"));
    assert!(form.text().contains("value=\"M-9\""), "{}", form.text());
    assert_eq!(staff.get(&format!("/documents/{id}/labels")).status, 403);
    let csrf = records.headers.iter().find(|(name, _)| name == "X-CSRF-Token").unwrap().1.clone();
    let class = app.open().catalogue.document(id).unwrap().row.class.0;
    let labels = "classification=restricted&department=quay&matter=M-9&privileged=true";
    let body = format!("csrf={csrf}&shown={class}&{labels}");
    let kind = "application/x-www-form-urlencoded";
    let sent =
        records.send("POST", &format!("/documents/{id}/labels"), kind, body.clone().into_bytes());
    assert_eq!(sent.status, 303, "{}", sent.text());
    let labels = app.open().catalogue.document(id).unwrap().card.labels.clone();
    let expected = [
        ("classification", "restricted"),
        ("department", "quay"),
        ("matter", "M-9"),
        ("privileged", "true"),
    ];
    assert_eq!(labels.pairs(), expected.into());
    let stale = body.replace("restricted", "confidential").into_bytes();
    let refused = records.send("POST", &format!("/documents/{id}/labels"), kind, stale);
    assert_eq!(refused.status, 409, "the labels that it showed are gone: {}", refused.text());
    let forged = body.replace(&csrf, "forged").into_bytes();
    let refused = records.send("POST", &format!("/documents/{id}/labels"), kind, forged);
    assert_eq!(refused.status, 403);
}

#[test]
fn labels_that_open_a_document_wait_for_a_second_person() {
    let app = TestApp::empty();
    let id = app.ingest_text("seal.txt", "The seal is kept by the harbour master.").documents[0].id;
    app.relabel(id, &["matter=M-9"]);
    let server = app.serve();
    let [staff, records, approver] =
        ["staff", "records", "approver"].map(|who| server.signed_in(who));
    let path = format!("/api/v1/documents/{id}");
    let patch = |body: Value| {
        records.send("PATCH", &path, "application/json", body.to_string().into_bytes())
    };
    patch(json!({ "labels": { "matter": null } })).problem(403, "policy_denied");
    let body = json!({ "labels": { "matter": null }, "reason": "filed in the wrong matter" });
    let reply = patch(body.clone());
    assert_eq!(reply.status, 202, "{}", reply.text());
    let change = reply.header("location").to_owned();
    assert_eq!(reply.json()["proposal"]["to"].get("matter"), None);
    staff.get(&path).problem(404, "not_found");
    let own = records.post(&format!("{change}/approve"), &json!({}));
    own.problem(403, "policy_denied");
    assert_eq!(approver.post(&format!("{change}/approve"), &json!({})).json()["state"], "applied");
    assert_eq!(staff.get(&path).status, 200);

    // The form does the same, and leads to the change.
    app.relabel(id, &["matter=M-9"]);
    let csrf = records.headers.iter().find(|(name, _)| name == "X-CSRF-Token").unwrap().1.clone();
    let class = app.open().catalogue.document(id).unwrap().row.class.0;
    let form = format!("csrf={csrf}&shown={class}&classification=internal&matter=M-8&reason=why");
    let kind = "application/x-www-form-urlencoded";
    let sent = records.send("POST", &format!("/documents/{id}/labels"), kind, form.into_bytes());
    assert_eq!(sent.status, 303, "{}", sent.text());
    let page = records.get(sent.header("location"));
    assert!(page.text().contains("matter=M-8 in place of"), "{}", page.text());
}
