//! Words of documents, questions and people stay where they belong: encrypted in the vault, and in
//! the terms of the full-text index.

use std::path::Path;

use affiant::domain::answer::Outcome;
use affiant::domain::ids::DocumentId;
use affiant::domain::question::{Mode, Scope};
use affiant::examine::{ExportFormat, ExportRequest, Filter, Reader, RecordFormat};
use affiant::http::ROUTES;
use affiant::ingest::Source;
use affiant::policy::Door;
use affiant::portal::PAGES;
use serde_json::json;

use crate::support::client::Reply;
use crate::support::corpus::{WALLED, fixture};
use crate::support::test_app::TestApp;
use crate::support::{files_of, record, traces};

/// Planted in a document.
const IN_DOCUMENT: &str = "quibblewick";
/// Planted in a question.
const IN_QUESTION: &str = "zanthorpe";
/// Planted in the name, path and title of a document.
const IN_NAME: &str = "mirrowdale";
/// A person's name, matter and patient.
const IN_PEOPLE: [&str; 3] = ["ottoline.varga", "m-7731-brackwater", "p-90412-yarrow"];

fn planted() -> Vec<&'static str> {
    [IN_DOCUMENT, IN_QUESTION, IN_NAME].into_iter().chain(IN_PEOPLE).collect()
}

/// Asks, searches, opens and fails, with planted words in everything.
fn live(app: &TestApp) {
    let role = affiant::domain::principal::Role::Staff;
    let [name, matter, patient] = IN_PEOPLE;
    app.account(name, role, &[format!("matter={matter}"), format!("patient={patient}")]);
    let text = format!(
        "# The {IN_NAME} ledger\n\nThe keeper of the seal is the {IN_DOCUMENT} of the harbour.\n"
    );
    let report = app.ingest_text(&format!("{IN_NAME}.md"), &text);
    assert_eq!(report.indexed, 1);
    let broken = format!("%PDF-1.7\n{IN_DOCUMENT} {IN_NAME}");
    assert_eq!(app.ingest_text(&format!("{IN_NAME}.pdf"), &broken).quarantined.len(), 1);

    let answer = app.ask(name, "Who is the keeper of the seal of the harbour?");
    assert_eq!(answer.outcome, Outcome::Answered, "{:?}", answer.reason);
    assert!(answer.answer.contains(IN_DOCUMENT));
    let mut scoped = app.question(&format!("What does {IN_QUESTION} say?"), Mode::Auto);
    scoped.scope =
        Scope { purpose: None, matter: Some(matter.to_owned()), patient: Some(patient.to_owned()) };
    let mut listen = |_: affiant::answer::Progress<'_>| std::ops::ControlFlow::Continue(());
    app.engine().answerer.ask(&app.asker(name), &scoped, &mut listen).unwrap();
    app.search(name, IN_DOCUMENT);
    let document = report.documents[0].id;
    app.open().reader.pages(&app.asker(name), document).unwrap();
    let server = app.serve();
    let client = server.signed_in(name);
    assert_eq!(client.ask(&format!("Where is {IN_QUESTION}?")).status, 201);
    assert_eq!(client.ask(&IN_QUESTION.repeat(1_000)).status, 400);
    server.client().ask(IN_QUESTION).problem(401, "not_signed_in");
    let auditor = server.signed_in("auditor");
    for path in ["entries", "export"] {
        let narrowed = auditor.get(&format!("/api/v1/audit/{path}?type={IN_QUESTION}"));
        assert_eq!(narrowed.status, 400, "types are known, or anything could be recorded as one");
    }
    let filter = Filter { kind: Some(format!("query.{IN_QUESTION}")), ..Filter::default() };
    for format in [ExportFormat::Bundle, ExportFormat::Records(RecordFormat::Jsonl)] {
        let request = ExportRequest { filter: filter.clone(), ..ExportRequest::everything(format) };
        let reader = Reader { actor: app.open().operator(None), person: None };
        assert!(app.open().examiner.export(&reader, &request).is_err());
    }
}

/// Which planted words stand in these bytes.
fn found(bytes: &[u8]) -> Vec<&'static str> {
    let lower = bytes.to_ascii_lowercase();
    let holds = |word: &&str| lower.windows(word.len()).any(|part| part == word.as_bytes());
    planted().into_iter().filter(holds).collect()
}

#[test]
fn planted_words_stand_in_no_entry_no_trace_no_metric_and_no_file_outside_the_full_text_index() {
    let app = TestApp::empty();
    live(&app);
    for entry in record::entries(&app.open().log) {
        assert_eq!(found(&entry.bytes), [""; 0], "entry {}", entry.index);
    }
    assert_eq!(found(app.open().metrics.render().as_bytes()), [""; 0], "metrics");
    let traces = traces::seen();
    assert!(!traces.is_empty(), "something is traced, or this proves nothing");
    assert_eq!(found(&traces), [""; 0], "tracing");
    app.open().state.flush().unwrap();
    let (mut searched, mut people) = (0, 0);
    for (path, bytes) in files_of(app.path()) {
        if !is_full_text(&path) {
            let allowed: &[&str] = if path.starts_with("state/db") { &IN_PEOPLE } else { &[] };
            let mut leaked = found(&bytes);
            people += leaked.len();
            leaked.retain(|word| !allowed.contains(word));
            people -= leaked.len();
            assert_eq!(leaked, [""; 0], "{}", path.display());
            searched += 1;
        }
    }
    assert!(searched > 20, "{searched}");
    assert!(people > 0, "accounts are found by name, or this search finds nothing at all");
}

/// tantivy holds clear terms, by design; the rest of `index/` does not.
fn is_full_text(path: &Path) -> bool {
    path.starts_with("index/lexical")
}

/// Answers, streams, hits, lists, pages, pictures, errors, exports, and whatever else can be got from
/// any door: nothing of it holds what is planted, also right after somebody inside was answered.
#[test]
fn what_is_planted_behind_a_wall_is_sent_to_nobody_outside() {
    const QUESTION: &str = "Who is the keeper of the seal of the harbour?";
    let app = TestApp::empty();
    let [name, matter, _] = IN_PEOPLE;
    let role = affiant::domain::principal::Role::Staff;
    app.account(name, role, &[format!("matter={matter}")]);
    let text = format!("# The {IN_NAME} ledger\n\nThe keeper of the seal is the {IN_DOCUMENT}.\n");
    let source = Source::Bytes { name: format!("{IN_NAME}.md"), bytes: text.into_bytes() };
    let labels = ["classification=internal", &format!("matter={matter}")];
    let walled = app.take_in(vec![source], &labels).documents[0].id;
    let drawn = app.ingest(&[fixture("corpus/court-order-2025-cv-0884.pdf")], &labels);
    let drawn = drawn.documents[0].id;
    assert!(app.ask(name, QUESTION).answer.contains(IN_DOCUMENT), "inside it is there");
    let server = app.serve();
    let picture = |who: &str, document: &str| {
        let client = server.signed_in(who);
        client.get(&format!("/api/v1/documents/{document}/pages/1.png"))
    };
    assert_eq!(&picture(name, &drawn.to_string()).body[1..4], b"PNG", "inside it is drawn");
    let inside = server.signed_in(name).ask(QUESTION);
    assert!(inside.text().contains(IN_DOCUMENT), "and a past answer holds it");
    let query = inside.json()["query"].as_str().unwrap().to_owned();
    for who in ["staff", "outsider", "auditor", "admin", "approver"] {
        let client = server.signed_in(who);
        let [forbidden, none] = [drawn.to_string(), "0".repeat(64)].map(|id| {
            let reply = picture(who, &id);
            (reply.status, reply.problem(404, "not_found")["detail"].clone(), reply.body.len())
        });
        assert_eq!(forbidden, none, "{who}: a picture that is forbidden is as none");
        let mut sent = vec![
            client.ask(QUESTION),
            client.stream(&json!({ "question": QUESTION, "mode": "auto" })).0,
            client.post("/api/v1/search", &json!({ "question": QUESTION })),
        ];
        for (root, doors) in [("/api/v1", ROUTES), ("", PAGES)] {
            for door in doors.iter().filter(|door| door.name.starts_with("GET ")) {
                sent.extend(
                    paths(door, walled, &query).map(|path| client.get(&(root.to_owned() + &path))),
                );
            }
        }
        for format in ["jsonl", "csv", "fhir", "ocsf", "cef"] {
            sent.push(client.get(&format!("/api/v1/audit/export?format={format}")));
        }
        for reply in sent {
            // Those who look after accounts and the log see who acted, by name.
            let mut leaked = found(&reply.body);
            leaked.extend(found(format!("{:?}", reply.headers).as_bytes()));
            let by_role = |word: &&str| *word == name || who == "admin" && *word == matter;
            leaked.retain(|word| !by_role(word));
            assert_eq!(leaked, [""; 0], "{who}: {}", reply.text());
        }
    }
}

/// The paths of a door, for a document, a question, and some entries of the log.
fn paths(door: &Door, document: DocumentId, query: &str) -> impl Iterator<Item = String> {
    let path = door.name.trim_start_matches("GET ");
    let id = if path.starts_with("/documents") { document.to_string() } else { query.to_owned() };
    let path = path.replace("{id}", &id).replace("{query}", query).replace("{n}", "1");
    let path = path.replace("{version}", "1").replace("{name}", "mark.svg");
    let entries = if path.contains("{index}") { 30 } else { 1 };
    (0..entries).map(move |index: u32| path.replace("{index}", &index.to_string()))
}

/// A reply but for what names the request and the document that it was asked for.
fn comparable(reply: &Reply, document: DocumentId) -> (u16, Vec<String>, String) {
    let mut headers: Vec<_> = reply
        .headers
        .iter()
        // Whether a connection ends hangs on when the body of a request comes.
        .filter(|(name, _)| *name != "date" && *name != "connection")
        .map(|(name, value)| without_ids(&format!("{name}: {value:?}"), document))
        .collect();
    headers.sort();
    (reply.status, headers, without_ids(&reply.text(), document))
}

/// Without the document's id, and without whatever looks like the id of a request or a token.
fn without_ids(text: &str, document: DocumentId) -> String {
    let text = text.replace(&document.to_string(), "DOCUMENT");
    let is_id = |c: char| c.is_ascii_hexdigit() || c == '-';
    text.split(|c| !is_id(c))
        .filter(|run| run.len() >= 32)
        .fold(text.clone(), |text, id| text.replace(id, "ID"))
}

#[test]
fn a_document_behind_a_wall_is_for_those_outside_as_one_that_is_not_there() {
    let app = TestApp::corpus();
    let path = fixture("corpus").join(WALLED);
    let walled =
        app.ingest(&[path], &["classification=internal", "matter=M-SEALED"]).documents[0].id;
    let none = DocumentId::of(b"no such document");
    let server = app.serve();
    let mut compared = 0;
    for who in ["staff", "outsider", "auditor", "admin", "approver"] {
        let client = server.signed_in(who);
        for (root, doors) in [("/api/v1", ROUTES), ("", PAGES)] {
            for door in doors.iter().filter(|door| door.name.contains("/documents/{id}")) {
                let (method, path) = door.name.split_once(' ').unwrap();
                for asked in ["", "?page=1", "?page=1&at=2", "?page=99"] {
                    let reply = |document: DocumentId| {
                        let path = path.replace("{id}", &document.to_string()).replace("{n}", "1");
                        let path = format!("{root}{path}{asked}");
                        let reply = client.send(method, &path, "application/json", b"{}".to_vec());
                        comparable(&reply, document)
                    };
                    let (hidden, missing) = (reply(walled), reply(none));
                    assert_eq!(hidden, missing, "{who} {}{asked}", door.name);
                    assert!((400..500).contains(&hidden.0), "{who} {}: {hidden:?}", door.name);
                    compared += 1;
                }
            }
        }
    }
    assert!(compared >= 5 * 4 * 6, "{compared}");
}
