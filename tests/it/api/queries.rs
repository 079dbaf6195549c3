use std::io::Read as _;

use affiant::domain::ids::EntryIndex;
use affiant::domain::principal::Role;
use serde_json::{Value, json};

use crate::support::corpus::{ANSWERABLE, UNANSWERABLE};
use crate::support::record;
use crate::support::template::Holding;
use crate::support::test_app::TestApp;

#[test]
fn an_answer_is_created_with_the_index_of_its_entry() {
    let app = TestApp::corpus();
    let server = app.serve();
    let reply = server.signed_in("staff").ask(ANSWERABLE);
    assert_eq!(reply.status, 201, "{}", reply.text());
    let answer = reply.json();
    assert_eq!(answer["outcome"], "answered");
    assert_eq!(reply.header("audit-index"), answer["entries"]["terminal"].to_string());
    let fields = [
        "query",
        "entries",
        "outcome",
        "mode",
        "reason",
        "answer",
        "sentences",
        "evidence",
        "withheld",
        "policy",
        "models",
        "usage",
        "timings_ms",
    ];
    for field in fields {
        assert!(answer.get(field).is_some(), "{field}");
    }
    let citation = &answer["sentences"][0]["citations"][0];
    for field in ["document", "title", "page", "start", "end", "quote", "boxes"] {
        assert!(citation.get(field).is_some(), "{field}");
    }
    assert_eq!(answer["withheld"], Value::Null);
}

#[test]
fn a_past_answer_is_for_its_asker_alone() {
    let app = TestApp::corpus();
    let server = app.serve();
    let staff = server.signed_in("staff");
    let answer = staff.ask(ANSWERABLE).json();
    let path = format!("/api/v1/queries/{}", answer["query"].as_str().unwrap());
    let again = staff.get(&path);
    assert_eq!(again.status, 200);
    assert_eq!(again.json()["sentences"], answer["sentences"]);
    server.signed_in("outsider").get(&path).problem(404, "not_found");
    server.client().get(&path).problem(401, "not_signed_in");
    let unknown = "/api/v1/queries/01a20295-5ec1-7717-82a2-e61940d21ba4";
    staff.get(unknown).problem(404, "not_found");
    staff.get("/api/v1/queries/not-an-id").problem(404, "not_found");
}

#[test]
fn a_refusal_is_a_result_and_a_denial_a_problem_with_its_entries() {
    let app = TestApp::corpus();
    let server = app.serve();
    let refused = server.signed_in("staff").ask(UNANSWERABLE);
    assert_eq!((refused.status, &refused.json()["outcome"]), (201, &json!("refused")));
    let denied = server.signed_in("auditor").ask(ANSWERABLE).problem(403, "policy_denied");
    assert!(denied["query"].is_string() && denied["entries"]["terminal"].is_u64());
    assert_eq!(denied["entries"]["retrieval"], Value::Null);
    let terminal = EntryIndex(denied["entries"]["terminal"].as_u64().unwrap());
    let entry = app.open().log.read(terminal).unwrap();
    assert_eq!((entry.kind(), entry.outcome()), ("query.denied", "denied"));
    assert_eq!(entry.req().unwrap().to_string(), denied["query"].as_str().unwrap());
}

#[test]
fn what_is_not_a_question_is_refused_before_anything_is_recorded() {
    let app = TestApp::empty();
    let server = app.serve();
    let staff = server.signed_in("staff");
    let before = app.open().log.size();
    let long = "why ".repeat(1_001);
    let table = [
        json!({ "question": "" }),
        json!({ "question": " \n " }),
        json!({ "question": long }),
        json!({ "question": ANSWERABLE, "colour": "red" }),
        json!({ "question": ANSWERABLE, "mode": "freely" }),
        json!({ "question": ANSWERABLE, "top_k": 0 }),
        json!({ "question": ANSWERABLE, "top_k": 101 }),
        json!({ "question": 7 }),
        json!({}),
        json!([]),
    ];
    for body in table {
        staff.post("/api/v1/queries", &body).problem(400, "bad_request");
    }
    let broken = staff.send("POST", "/api/v1/queries", "application/json", b"{".to_vec());
    broken.problem(400, "bad_request");
    server.client().ask(ANSWERABLE).problem(401, "not_signed_in");
    assert_eq!(app.open().log.size(), before);
}

#[test]
fn events_come_in_order_and_sentences_only_after_the_answer_is_recorded() {
    let app = TestApp::corpus();
    let server = app.serve();
    let staff = server.signed_in("staff");
    let question = json!({ "question": ANSWERABLE, "mode": "verbatim" });
    let (reply, events) = staff.stream(&question);
    assert_eq!(reply.header("content-type"), "text/event-stream");
    let mut names: Vec<&str> = events.iter().map(|event| event.name.as_str()).collect();
    names.dedup();
    assert_eq!(names, ["progress", "evidence", "progress", "sentence", "released"]);
    let phases: Vec<&str> =
        events.iter().filter_map(|event| event.data["phase"].as_str()).collect();
    assert_eq!(phases, ["permit", "searching", "reading", "sealed"]);
    let last = &events.last().unwrap().data;
    let of = |name: &str| events.iter().find(|event| event.name == name).unwrap();
    assert_eq!(of("evidence").data["entry"], last["entries"]["retrieval"]);
    assert_eq!(of("evidence").data["evidence"], last["evidence"]);
    assert_eq!(of("sentence").data, last["sentences"][0]);
}

#[test]
fn a_stream_ends_in_exactly_one_of_released_refused_problem() {
    let app = TestApp::corpus();
    let server = app.serve();
    let ends = |who: &str, question: &str| {
        let body = json!({ "question": question, "mode": "verbatim" });
        let (_, events) = server.signed_in(who).stream(&body);
        let ends = ["released", "refused", "problem"];
        let found: Vec<String> = events
            .iter()
            .filter(|event| ends.contains(&event.name.as_str()))
            .map(|event| event.name.clone())
            .collect();
        assert_eq!(found.last(), events.last().map(|event| &event.name));
        found
    };
    assert_eq!(ends("staff", ANSWERABLE), ["released"]);
    assert_eq!(ends("staff", UNANSWERABLE), ["refused"]);
    assert_eq!(ends("auditor", ANSWERABLE), ["problem"]);
}

#[test]
fn a_full_queue_says_so_at_once() {
    let app = TestApp::holding(Holding::Corpus, |options| options.server.queue = 1);
    let server = app.serve();
    let staff = server.signed_in("staff");
    let mut first = staff.open_stream(&json!({ "question": ANSWERABLE, "mode": "grounded" }));
    let mut begun = [0; 16];
    first.read_exact(&mut begun).unwrap();
    let second = staff.ask(ANSWERABLE);
    assert_eq!(second.header("retry-after"), "5");
    second.problem(429, "overloaded");
    first.read_to_end(&mut Vec::new()).unwrap();
    assert_eq!(record::of_kind(&app.open().log, "query.received").len(), 1);
}

#[test]
fn a_question_whose_asker_goes_away_still_has_its_end() {
    let app = TestApp::corpus();
    let server = app.serve();
    let staff = server.signed_in("staff");
    let mut stream = staff.open_stream(&json!({ "question": ANSWERABLE, "mode": "grounded" }));
    stream.read_exact(&mut [0; 16]).unwrap();
    drop(stream);
    crate::support::patiently("the terminal entry", || {
        let log = &app.open().log;
        let ended = ["query.failed", "answer.released", "query.refused"];
        ended.into_iter().find(|kind| !record::of_kind(log, kind).is_empty())
    });
}

#[test]
fn what_a_search_finds_opens_for_what_was_declared_with_it_in_an_emergency_too() {
    let app = TestApp::under("hospital");
    let text = b"The patient takes 40 mg of furosemide each morning.".to_vec();
    let source = affiant::ingest::Source::Bytes { name: "chart.txt".to_owned(), bytes: text };
    let chart = app.take_in(vec![source], &["classification=internal", "patient=P-1"]);
    let id = chart.documents[0].id.to_string();
    app.account("medic", Role::Staff, &["function=physician".to_owned()]);
    let server = app.serve();
    let clinician = server.signed_in("medic");
    let emergency = json!({ "patient": "P-1", "reason": "found unconscious" });
    assert_eq!(clinician.post("/api/v1/emergencies", &emergency).status, 201);
    let words = json!({ "question": "furosemide", "purpose": "treatment", "patient": "P-1" });
    let found = clinician.post("/api/v1/search", &words).json();
    let place = found["hits"][0]["place"].as_str().unwrap();
    let page = clinician.get(place);
    assert_eq!(page.status, 200, "{place}: {}", page.text());
    assert!(page.text().contains("furosemide"));
    assert_eq!(clinician.get(&format!("/documents/{id}")).status, 404);
    clinician.get(&format!("/api/v1/documents/{id}")).problem(404, "not_found");

    let declared = "purpose=treatment&patient=P-1";
    let listed = clinician.get(&format!("/documents?{declared}")).text();
    let link = format!("/documents/{id}?page=1&#38;purpose=treatment&#38;patient=P-1");
    assert!(listed.contains(&link), "{listed}");
    assert!(!clinician.get("/documents").text().contains(&id));
    let listed = clinician.get(&format!("/api/v1/documents?{declared}")).json();
    assert_eq!(listed["documents"].as_array().unwrap().len(), 1);
    assert_eq!(clinician.get(&format!("/api/v1/documents/{id}?{declared}")).status, 200);
    let stranger = server.signed_in("staff");
    stranger.get(&format!("/api/v1/documents/{id}?{declared}")).problem(404, "not_found");
    let viewed = record::of_kind(&app.open().log, "document.viewed");
    assert_eq!(viewed.len(), 2);
    assert!(viewed.iter().all(|entry| entry.details()["purpose"] == "treatment"));
    assert!(viewed.iter().all(|entry| entry.details().get("emergency").is_some()));
}

#[test]
fn a_search_shows_permitted_passages_and_is_recorded() {
    let app = TestApp::corpus();
    let server = app.serve();
    let words = json!({ "question": "fax patient information" });
    let reply = server.signed_in("staff").post("/api/v1/search", &words);
    assert_eq!(reply.status, 200, "{}", reply.text());
    let found = reply.json();
    let hits = found["hits"].as_array().unwrap();
    assert!(hits.iter().any(|hit| hit["text"].as_str().unwrap().contains("fax")));
    assert_eq!(reply.header("audit-index"), found["entry"].to_string());
    server.signed_in("auditor").post("/api/v1/search", &words).problem(403, "policy_denied");
    assert_eq!(record::of_kind(&app.open().log, "search.released").len(), 1);
}

/// One rule for purposes and names, at every door.
#[test]
fn a_purpose_is_a_code_and_a_name_has_a_limit_at_every_door() {
    let app = TestApp::corpus();
    let server = app.serve();
    let [staff, officer] = ["staff", "records"].map(|name| server.signed_in(name));
    let long = "x".repeat(201);
    let wrong = [("purpose", "for Mr Smith"), ("matter", "a\u{1}b"), ("patient", long.as_str())];
    for (field, value) in wrong {
        let question = json!({ "question": ANSWERABLE, "mode": "verbatim", field: value });
        staff.post("/api/v1/queries", &question).problem(400, "bad_request");
        staff.post("/api/v1/search", &question).problem(400, "bad_request");
        let why = json!({ "person": "staff", "document": "0".repeat(64), field: value });
        officer.post("/api/v1/policies/explain", &why).problem(400, "bad_request");
        if field == "purpose" {
            let export = "/api/v1/audit/export?format=csv&purpose=for%20Mr%20Smith";
            server.signed_in("auditor").get(export).problem(400, "bad_request");
        } else {
            let target = json!({ field: value, "reason": "a test" });
            officer.post("/api/v1/holds", &target).problem(400, "bad_request");
            officer.post("/api/v1/erasures", &target).problem(400, "bad_request");
        }
        let csrf = staff.headers.iter().find(|(name, _)| name == "X-CSRF-Token").unwrap();
        let value = value.replace(' ', "+").replace('\u{1}', "%01");
        let form = format!("csrf={}&question=Who+may+fax%3F&{field}={value}", csrf.1);
        let kind = "application/x-www-form-urlencoded";
        assert_eq!(staff.send("POST", "/ask", kind, form.into_bytes()).status, 400, "{field}");
    }
    let spaced = json!({ "question": ANSWERABLE, "mode": "verbatim", "purpose": " quality ",
        "matter": " " });
    let answer = staff.post("/api/v1/queries", &spaced).json();
    let received = answer["entries"]["received"].as_u64().unwrap();
    let received = app.open().log.read(EntryIndex(received)).unwrap();
    assert_eq!(received.details()["purpose"], "quality");
    let hold = json!({ "matter": " M-7 ", "reason": "a test" });
    let placed = officer.post("/api/v1/holds", &hold).json();
    assert_eq!(placed["target"]["name"], "M-7");
}
