//! Words of documents, questions and people stay where they belong: encrypted in the vault, and in
//! the terms of the full-text index.

use std::collections::BTreeSet;
use std::path::Path;

use affiant::domain::access::Labels;
use affiant::domain::answer::Outcome;
use affiant::domain::document::DocumentCard;
use affiant::domain::ids::DocumentId;
use affiant::domain::question::{Mode, Scope};
use affiant::durable::{Readers, create_new};
use affiant::examine::bundle::unpack;
use affiant::examine::{ExportFormat, ExportRequest, Filter, Reader, RecordFormat};
use affiant::http::ROUTES;
use affiant::ingest::Source;
use affiant::policy::Door;
use affiant::portal::PAGES;
use serde_json::json;

use crate::support::client::Reply;
use crate::support::corpus::{WALLED, fixture};
use crate::support::server::Server;
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

/// A page that says this, under this title.
fn pdf(title: &str, line: &str) -> Vec<u8> {
    let text = format!("BT /F1 12 Tf 72 720 Td ({line}) Tj ET");
    let objects = [
        "<</Type/Catalog/Pages 2 0 R>>".to_owned(),
        "<</Type/Pages/Kids[3 0 R]/Count 1>>".to_owned(),
        "<</Type/Page/Parent 2 0 R/MediaBox[0 0 612 792]/Contents 4 0 R\
         /Resources<</Font<</F1 5 0 R>>>>>>"
            .to_owned(),
        format!("<</Length {}>>\nstream\n{text}\nendstream", text.len()),
        "<</Type/Font/Subtype/Type1/BaseFont/Helvetica/Encoding/WinAnsiEncoding>>".to_owned(),
        format!("<</Title({title})>>"),
    ];
    let (mut file, mut places) = ("%PDF-1.7\n".to_owned(), String::new());
    for (nth, object) in (1..).zip(&objects) {
        places.push_str(&format!("{:010} 00000 n \n", file.len()));
        file.push_str(&format!("{nth} 0 obj\n{object}\nendobj\n"));
    }
    let (end, size) = (file.len(), objects.len() + 1);
    file.push_str(&format!(
        "xref\n0 {size}\n0000000000 65535 f \n{places}\
         trailer\n<</Size {size}/Root 1 0 R/Info 6 0 R>>\nstartxref\n{end}\n%%EOF\n"
    ));
    file.into_bytes()
}

/// Which of the two decisions about a passage or a page is blind: what it goes by says that the
/// document is open to everybody. The first goes by its access class, in the catalogue and in the
/// indexes; the second by its labels. No code is another than the one that ships.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Blind {
    Neither,
    First,
    Second,
    Both,
}

impl Blind {
    /// Blinds it for one document, in a home that is opened again afterwards.
    fn to(self, app: &TestApp, document: DocumentId) {
        let app = app.open();
        let found = app.catalogue.document(document).unwrap();
        let mut row = found.row.clone();
        if matches!(self, Self::First | Self::Both) {
            row.class = app.catalogue.class_of(&Labels::internal()).unwrap();
        }
        if matches!(self, Self::Second | Self::Both) {
            let card = DocumentCard { labels: Labels::internal(), ..found.card.clone() };
            let card = serde_json::to_vec(&card).unwrap();
            row.card = app.vault.seal(&row.scope(), &card).unwrap();
        }
        app.state.documents().put(&row).unwrap();
    }
}

const WALLED_QUESTION: &str = "Who is the keeper of the seal of the harbour?";

/// A home with a note and a drawing behind a wall, and what stands for them.
fn walled(blind: Blind) -> (TestApp, [DocumentId; 2]) {
    let mut app = TestApp::empty();
    let [name, matter, _] = IN_PEOPLE;
    let role = affiant::domain::principal::Role::Staff;
    app.account(name, role, &[format!("matter={matter}")]);
    let line = format!("The keeper of the seal of the harbour is the {IN_DOCUMENT}.");
    let text = format!("# The {IN_NAME} ledger\n\n{line}\n").into_bytes();
    let labels = ["classification=internal", &format!("matter={matter}")];
    let files = [("md", text), ("pdf", pdf(&format!("The {IN_NAME} plan"), &line))];
    let documents = files.map(|(kind, bytes)| {
        let source = Source::Bytes { name: format!("{IN_NAME}.{kind}"), bytes };
        app.take_in(vec![source], &labels).documents[0].id
    });
    documents.iter().for_each(|document| blind.to(&app, *document));
    app.reopen(None);
    (app, documents)
}

/// Whatever can be got from any door by somebody outside, right after somebody inside was answered:
/// answers, streams, hits, lists, pages, pictures, errors, exports.
fn sent_to(server: &Server<'_>, who: &str, documents: [DocumentId; 2], query: &str) -> Vec<Reply> {
    let client = server.signed_in(who);
    let question = json!({ "question": WALLED_QUESTION, "mode": "auto" });
    let mut sent = vec![
        client.ask(WALLED_QUESTION),
        client.stream(&question).0,
        client.post("/api/v1/search", &json!({ "question": WALLED_QUESTION })),
    ];
    for (root, doors) in [("/api/v1", ROUTES), ("", PAGES)] {
        for door in doors.iter().filter(|door| door.name.starts_with("GET ")) {
            let several = if door.name.contains("/documents/{id}") { 2 } else { 1 };
            for document in documents.iter().take(several) {
                let paths = paths(door, *document, query);
                sent.extend(paths.map(|path| client.get(&(root.to_owned() + &path))));
            }
        }
    }
    for format in ["jsonl", "csv", "fhir", "ocsf", "cef"] {
        sent.push(client.get(&format!("/api/v1/audit/export?format={format}")));
    }
    let mut bundle = client.get("/api/v1/audit/export?format=bundle");
    if bundle.status == 200 {
        bundle.body = unpacked(&bundle.body);
    }
    sent.push(bundle);
    sent
}

/// Everything in a bundle.
fn unpacked(bundle: &[u8]) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let (archive, contents) = (folder.path().join("archive"), folder.path().join("contents"));
    create_new(&archive, bundle, Readers::Owner).unwrap();
    unpack(&archive, &contents).unwrap();
    files_of(&contents).flat_map(|(_, bytes)| bytes).collect()
}

/// What of it is planted, also a picture of a page; of those who look after accounts and the log it
/// is known that they see who acted, by name.
fn leaked(who: &str, reply: &Reply) -> Vec<&'static str> {
    let [name, matter, _] = IN_PEOPLE;
    let mut leaked = found(&reply.body);
    leaked.extend(found(format!("{:?}", reply.headers).as_bytes()));
    let by_role = |word: &&str| *word == name || who == "admin" && *word == matter;
    leaked.retain(|word| !by_role(word));
    leaked.extend(reply.body.starts_with(b"\x89PNG").then_some("a picture"));
    leaked
}

/// How many passages the second decision took away.
fn withheld(app: &TestApp) -> u64 {
    let retrieved = record::of_kind(&app.open().log, "retrieval.done");
    retrieved.iter().map(|entry| entry.details()["withheld"].as_u64().unwrap()).sum()
}

fn nothing_is_sent_outside(blind: Blind) {
    let (app, documents) = walled(blind);
    let name = IN_PEOPLE[0];
    assert!(app.ask(name, WALLED_QUESTION).answer.contains(IN_DOCUMENT), "inside it is there");
    let server = app.serve();
    let picture = |who: &str, document: &str| {
        let client = server.signed_in(who);
        client.get(&format!("/api/v1/documents/{document}/pages/1.png"))
    };
    let drawn = documents[1].to_string();
    assert_eq!(&picture(name, &drawn).body[1..4], b"PNG", "inside it is drawn");
    let inside = server.signed_in(name).ask(WALLED_QUESTION);
    assert!(inside.text().contains(IN_DOCUMENT), "and a past answer holds it");
    let query = inside.json()["query"].as_str().unwrap().to_owned();
    for who in ["staff", "outsider", "auditor", "admin", "approver"] {
        let [forbidden, none] = [drawn.clone(), "0".repeat(64)].map(|id| {
            let reply = picture(who, &id);
            (reply.status, reply.problem(404, "not_found")["detail"].clone(), reply.body.len())
        });
        assert_eq!(forbidden, none, "{who}: a picture that is forbidden is as none");
        for reply in sent_to(&server, who, documents, &query) {
            assert_eq!(leaked(who, &reply), [""; 0], "{blind:?} {who}: {}", reply.text());
        }
    }
    assert_eq!(withheld(&app) > 0, blind == Blind::First, "only where the first one lets it by");
    for entry in record::entries(&app.open().log) {
        assert_eq!(found(&entry.bytes), [""; 0], "entry {}", entry.index);
    }
    assert_eq!(found(app.open().metrics.render().as_bytes()), [""; 0], "metrics");
    assert_eq!(found(&traces::seen()), [""; 0], "tracing");
}

#[test]
fn what_is_planted_behind_a_wall_is_sent_to_nobody_outside() {
    nothing_is_sent_outside(Blind::Neither);
}

#[test]
fn the_second_decision_alone_sends_nothing_outside() {
    nothing_is_sent_outside(Blind::First);
}

#[test]
fn the_first_decision_alone_sends_nothing_outside() {
    nothing_is_sent_outside(Blind::Second);
}

#[test]
fn with_both_decisions_blind_it_is_out_so_that_each_of_them_was_blind() {
    let (app, documents) = walled(Blind::Both);
    let server = app.serve();
    let sent = sent_to(&server, "staff", documents, "00000000-0000-7000-8000-000000000000");
    let out: BTreeSet<_> = sent.iter().flat_map(|reply| leaked("staff", reply)).collect();
    assert_eq!(out, [IN_DOCUMENT, IN_NAME, "a picture"].into());
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
