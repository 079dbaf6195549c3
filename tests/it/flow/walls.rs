//! What a person may not see is, for them, not there.

use std::ops::ControlFlow;

use affiant::answer::{Progress, ReadError, Searched, Sought};
use affiant::domain::access::Labels;
use affiant::domain::answer::Outcome;
use affiant::domain::ids::DocumentId;
use affiant::domain::principal::Role;
use affiant::domain::question::{Mode, Scope};
use affiant::durable::{Readers, create_new};
use affiant::ingest::BatchOptions;
use affiant::policy::Policies;
use serde_json::{Value, json};

use crate::support::corpus::{Corpus, WALLED, fixture, suite};
use crate::support::record;
use crate::support::template::Holding;
use crate::support::test_app::TestApp;

/// Takes the walled document into a home that has all others.
fn with_wall(app: &TestApp) -> DocumentId {
    let corpus = Corpus::load();
    let labels: Vec<&str> = corpus.labels_of(WALLED).iter().map(String::as_str).collect();
    let report = app.ingest(&[fixture("corpus").join(WALLED)], &labels);
    assert_eq!(report.indexed, 1);
    report.documents[0].id
}

fn walled_questions() -> Vec<String> {
    let walled = suite().into_iter().filter(|case| case.id.starts_with("walled-"));
    let questions: Vec<String> = walled.map(|case| case.question).collect();
    assert!(questions.len() >= 3);
    questions
}

/// An answer without what differs from one run to the next.
fn comparable(answer: &affiant::domain::answer::Answer) -> Value {
    let mut value = serde_json::to_value(answer).unwrap();
    for name in ["query", "entries", "timings_ms"] {
        value[name] = json!(null);
    }
    value
}

#[test]
fn a_walled_document_changes_nothing_for_those_outside() {
    let (with, without) = (TestApp::corpus(), TestApp::corpus());
    with_wall(&with);
    for who in ["staff", "outsider"] {
        for question in walled_questions() {
            let (seen, absent) = (with.ask(who, &question), without.ask(who, &question));
            assert_eq!(comparable(&seen), comparable(&absent), "{who}: {question}");
            let [seen, absent] = [&with, &without].map(|app| match app.search(who, &question) {
                Searched::Found(found) => serde_json::to_value(&found.hits).unwrap(),
                Searched::Ended(ended) => panic!("{:?}", ended.reason),
            });
            assert_eq!(seen, absent, "{who}: {question}");
        }
        let [seen, absent] = [&with, &without].map(|app| {
            let listed = app.open().reader.documents(&app.asker(who)).unwrap();
            listed.iter().map(|document| document.row.document).collect::<Vec<_>>()
        });
        assert_eq!(seen, absent, "{who}");
    }
}

#[test]
fn a_walled_document_is_in_no_answer_and_in_no_evidence() {
    let app = TestApp::corpus();
    let walled = with_wall(&app);
    for question in walled_questions() {
        let answer = app.ask("staff", &question);
        assert!(answer.evidence.iter().all(|item| item.document != walled));
        let cited = answer.sentences.iter().flat_map(|sentence| &sentence.citations);
        assert!(cited.into_iter().all(|citation| citation.document != walled));
        assert_eq!(answer.withheld, None);
    }
}

#[test]
fn a_walled_document_is_neither_found_nor_listed_nor_opened() {
    let app = TestApp::corpus();
    let walled = with_wall(&app);
    let staff = app.asker("staff");
    match app.search("staff", "ethics board minutes") {
        Searched::Found(found) => assert!(found.hits.iter().all(|hit| hit.document != walled)),
        Searched::Ended(ended) => panic!("{:?}", ended.reason),
    }
    let reader = &app.open().reader;
    let listed = reader.documents(&staff).unwrap();
    assert_eq!(listed.len(), 12);
    assert!(listed.iter().all(|document| document.row.document != walled));
    assert!(matches!(reader.pages(&staff, walled), Err(ReadError::NotFound)));
    assert!(matches!(reader.page(&staff, walled, 1, None), Err(ReadError::NotFound)));
    assert!(matches!(reader.picture(&staff, walled, 1), Err(ReadError::NotFound)));
}

/// What an attempt to read a document took: decisions about documents, about classes, entries.
fn work(app: &TestApp, attempt: impl FnOnce()) -> [u64; 3] {
    let (policies, log) = (&app.open().policies, &app.open().log);
    let count = || [policies.weighed(), policies.decided(), log.size()];
    let before = count();
    attempt();
    let after = count();
    [0, 1, 2].map(|at| after[at] - before[at])
}

/// An id that no document has.
fn none(digit: &str) -> DocumentId {
    digit.repeat(64).parse().unwrap()
}

#[test]
fn a_forbidden_document_takes_as_much_work_as_none_and_leaves_the_same_trace() {
    let app = TestApp::corpus();
    let walled = with_wall(&app);
    let reader = &app.open().reader;
    let staff = app.asker("staff");
    let scopes = [None, Some("M-SEALED"), Some("M-OTHER")]
        .map(|matter| Scope { matter: matter.map(str::to_owned), ..Scope::default() });
    // What is known of classes is known from here on.
    for scope in &scopes {
        let known = Sought { document: none("f"), query: None, scope: scope.clone() };
        assert!(reader.pages(&staff, known).is_err());
    }
    for (nth, scope) in scopes.iter().enumerate() {
        let attempts = |document| {
            let sought = Sought { document, query: None, scope: scope.clone() };
            [
                work(&app, || assert!(reader.pages(&staff, sought.clone()).is_err())),
                work(&app, || assert!(reader.page(&staff, sought.clone(), 1, None).is_err())),
                work(&app, || assert!(reader.picture(&staff, sought.clone(), 1).is_err())),
            ]
        };
        let (forbidden, absent) = (attempts(walled), attempts(none(&nth.to_string())));
        assert_eq!(
            forbidden,
            absent.map(|[weighed, decided, entries]| {
                // The walled document is told of once for all three scopes.
                [weighed, decided, if nth == 0 { entries } else { 0 }]
            })
        );
        if nth == 0 {
            assert_eq!(absent, [[1, 0, 1], [1, 0, 0], [1, 0, 0]]);
        }
    }
}

#[test]
fn a_denied_view_is_on_record_once_and_names_the_matter() {
    let app = TestApp::corpus();
    let walled = with_wall(&app);
    let reader = &app.open().reader;
    let staff = app.asker("staff");
    for document in [walled, walled, none("0"), walled] {
        assert!(matches!(reader.page(&staff, document, 1, None), Err(ReadError::NotFound)));
        assert!(matches!(reader.picture(&staff, document, 1), Err(ReadError::NotFound)));
    }
    let denied = record::of_kind(&app.open().log, "document.denied");
    assert_eq!(denied.len(), 2);
    let row = app.open().catalogue.document(walled).unwrap();
    let matter = row.subjects.matter.as_ref().unwrap().to_string();
    let [first, second] = [denied[0].details(), denied[1].details()];
    assert_eq!(first["document"], row.row.token.to_string());
    assert_eq!((&first["matter"], &first["untold"]), (&json!(matter), &json!(0)));
    assert_eq!((&second["matter"], &second["untold"]), (&json!(null), &json!(3)));
    assert!(denied.iter().all(|entry| entry.actor_id() == staff.actor.id.as_str()));
    let (inside, open) = (app.asker("records"), app.ingest_text("a.txt", "A lantern hangs here."));
    assert!(reader.page(&inside, walled, 1, None).is_err(), "the catalogue's keeper is no reader");
    let open = open.documents[0].id;
    assert!(reader.page(&staff, open, 9, None).is_err(), "no such page");
    let denied = record::of_kind(&app.open().log, "document.denied");
    assert_eq!(denied.len(), 3, "a page that is missing is no denial");
}

/// The second decision alone: the index is derived and not trusted, and here it says that the walled
/// document is as open as the others.
#[test]
fn an_index_that_lies_opens_nothing() {
    let app = TestApp::corpus();
    let walled = with_wall(&app);
    let engine = app.engine();
    let catalogue = &app.open().catalogue;
    let document = catalogue.document(walled).unwrap();
    let text = catalogue.text(&document).unwrap();
    let open = catalogue.class_of(&Labels::internal()).unwrap();
    let writing = (walled, document.row.generation);
    engine.index.set_class(writing, open, &text.passages).unwrap();
    engine.index.flush().unwrap();
    let mut withheld = 0;
    for question in walled_questions() {
        let answer = app.ask("staff", &question);
        assert!(answer.evidence.iter().all(|item| item.document != walled), "{question}");
        assert_eq!(answer.withheld, None, "staff do not learn that something was held back");
        let entry = app.open().log.read(answer.entries.retrieval.unwrap()).unwrap();
        withheld += entry.details()["withheld"].as_u64().unwrap();
        let Searched::Found(found) = app.search("staff", &question) else { panic!("{question}") };
        assert!(found.hits.iter().all(|hit| hit.document != walled), "{question}");
    }
    assert!(withheld > 0, "the index found it, or this shows nothing");
    assert!(matches!(
        app.open().reader.pages(&app.asker("staff"), walled),
        Err(ReadError::NotFound)
    ));
}

/// The first decision alone: the catalogue says that the walled document is as open as the others, and
/// the index, which was not told, keeps it back all the same.
#[test]
fn a_catalogue_that_lies_opens_no_search() {
    let app = TestApp::corpus();
    let walled = with_wall(&app);
    let engine = app.engine();
    let document = app.open().catalogue.document(walled).unwrap();
    let (policy, actor) = (app.open().policies.digest(), app.open().operator(None));
    let options = BatchOptions { labels: Labels::internal(), password: None, actor, policy };
    engine.ingestor.relabel(&document, &options).unwrap();
    assert!(app.open().reader.pages(&app.asker("staff"), walled).is_ok(), "it says so");
    for question in walled_questions() {
        let answer = app.ask("staff", &question);
        assert!(answer.evidence.iter().all(|item| item.document != walled), "{question}");
        let entry = app.open().log.read(answer.entries.retrieval.unwrap()).unwrap();
        assert_eq!(entry.details()["withheld"], 0, "it never came to the second decision");
        let Searched::Found(found) = app.search("staff", &question) else { panic!("{question}") };
        assert!(found.hits.iter().all(|hit| hit.document != walled), "{question}");
    }
}

#[test]
fn those_inside_the_wall_are_answered_from_it() {
    let app = TestApp::corpus();
    let walled = with_wall(&app);
    app.account("insider", Role::Staff, &["matter=M-SEALED".to_owned()]);
    let answers = walled_questions().into_iter().map(|question| app.ask("insider", &question));
    let answered = answers.filter(|answer| {
        answer.outcome == Outcome::Answered
            && answer.evidence.iter().any(|item| item.document == walled)
    });
    assert!(answered.count() > 0);
}

#[test]
fn a_person_without_attributes_sees_no_matter_and_no_patient() {
    let app = TestApp::corpus();
    let documents = app.open().reader.documents(&app.asker("outsider")).unwrap();
    assert_eq!(documents.len(), 8);
    for document in documents.iter() {
        let labels = document.card.labels.pairs();
        assert!(!labels.contains_key("matter") && !labels.contains_key("patient"));
    }
}

/// A home under the policies of a hospital, with one patient's note.
fn hospital() -> (TestApp, DocumentId) {
    let app = TestApp::holding(Holding::Nothing, |options| {
        let policies = options.home.join("policies");
        std::fs::remove_dir_all(&policies).unwrap();
        std::fs::create_dir(&policies).unwrap();
        for (name, text) in Policies::builtin("hospital").unwrap() {
            create_new(&policies.join(name), text.as_bytes(), Readers::Owner).unwrap();
        }
    });
    let patient = ["patient=P-1".to_owned(), "function=nurse".to_owned()];
    for nurse in ["nurse", "colleague"] {
        app.account(nurse, Role::Staff, &patient);
    }
    let note = app.path().join("note.txt");
    let text = b"The patient takes 40 mg of furosemide each morning.";
    create_new(&note, text, Readers::Owner).unwrap();
    let report = app.ingest(&[note], &["classification=internal", "patient=P-1"]);
    (app, report.documents[0].id)
}

#[test]
fn a_declared_purpose_opens_what_its_answer_cites_and_nothing_without_it() {
    let (app, document) = hospital();
    let mut question = app.question("How much furosemide does the patient take?", Mode::Verbatim);
    question.scope.purpose = Some("treatment".to_owned());
    let mut listen = |_: Progress<'_>| ControlFlow::Continue(());
    let nurse = app.asker("nurse");
    let answer = app.engine().answerer.ask(&nurse, &question, &mut listen).unwrap();
    assert_eq!(answer.sentences[0].citations[0].document, document);

    let reader = &app.open().reader;
    assert!(matches!(reader.pages(&nurse, document), Err(ReadError::NotFound)), "no purpose");
    let from_answer = Sought { document, query: Some(question.id), scope: Scope::default() };
    let opened = reader.page(&nurse, from_answer.clone(), 1, None).unwrap();
    let entry = app.open().log.read(opened.receipt().index()).unwrap();
    assert_eq!(entry.details()["query"], question.id.to_string());

    let (purpose, patient) = (Some("treatment".to_owned()), Some("P-1".to_owned()));
    let scope = Scope { purpose, patient, matter: None };
    let declared = Sought { document, query: None, scope: scope.clone() };
    let opened = reader.page(&nurse, declared, 1, None).unwrap();
    let entry = app.open().log.read(opened.receipt().index()).unwrap();
    let patient = &entry.details()["patient"];
    assert_eq!(entry.details()["purpose"], "treatment");
    assert_eq!(entry.details()["declared"], json!([patient]));
    assert_eq!(reader.documents(&nurse).unwrap().len(), 0);
    let listed = reader.documents_for(&nurse, &scope).unwrap();
    assert_eq!(listed.len(), 1);
    let entry = app.open().log.read(listed.receipt().index()).unwrap();
    assert_eq!(entry.details()["purpose"], "treatment");
    let other = Scope { patient: Some("P-2".to_owned()), ..scope };
    let elsewhere = Sought { document, query: None, scope: other };
    assert!(matches!(reader.page(&nurse, elsewhere, 1, None), Err(ReadError::NotFound)));

    let colleague = app.asker("colleague");
    assert!(
        matches!(reader.page(&colleague, from_answer, 1, None), Err(ReadError::NotFound)),
        "somebody else's purpose"
    );
    let unknown = Some(app.engine().answerer.request());
    let unknown = Sought { document, query: unknown, scope: Scope::default() };
    assert!(matches!(reader.pages(&nurse, unknown), Err(ReadError::NotFound)), "no question");
}

#[test]
fn a_question_that_is_denied_leaves_no_key_of_what_it_names() {
    let app = TestApp::corpus();
    app.engine();
    let is_named = |file: std::io::Result<std::fs::DirEntry>| {
        let name = file.unwrap().file_name().into_string().unwrap();
        name.starts_with("matter-") || name.starts_with("patient-")
    };
    let keys = || {
        let files = std::fs::read_dir(app.path().join("keys")).unwrap();
        files.map(is_named).filter(|is_named| *is_named).count()
    };
    let before = keys();
    let mut question = app.question("Who may fax?", Mode::Verbatim);
    question.scope.matter = Some("M-made-up".to_owned());
    question.scope.patient = Some("P-made-up".to_owned());
    let mut listen = |_: Progress<'_>| ControlFlow::Continue(());
    let answerer = &app.engine().answerer;
    let denied = answerer.ask(&app.asker("auditor"), &question, &mut listen).unwrap();
    assert_eq!(denied.outcome, Outcome::Denied);
    assert_eq!(keys(), before);
    let received = app.open().log.read(denied.entries.received.unwrap()).unwrap();
    assert_eq!(received.details()["matter"], Value::Null, "no name without a key is in the log");
    assert!(!received.payload().unwrap().key.contains('+'), "it is the asker's alone");
    question.id = answerer.request();
    let taken = answerer.ask(&app.asker("staff"), &question, &mut listen).unwrap();
    assert_ne!(taken.outcome, Outcome::Denied);
    assert_eq!(keys(), before + 2, "a question that is taken is its matter's and its patient's");
}
