//! The certificate of a wall follows documents, whatever they are labelled when somebody sees them.

use std::ops::ControlFlow;

use affiant::answer::Progress;
use affiant::domain::change::Target;
use affiant::domain::ids::{DocumentId, EntryIndex};
use affiant::domain::principal::Role;
use affiant::domain::question::Mode;
use affiant::domain::relationship::RelationshipKind;
use affiant::examine::{Certificate, ExamineError, Reader, Walled};
use affiant::ingest::Source;

use crate::support::record;
use crate::support::test_app::TestApp;

const QUESTION: &str = "How many lanterns hang in the harbour office?";
const TEXT: &str = "Nineteen lanterns hang in the harbour office.";

fn take_in(app: &TestApp, labels: &[&str]) -> DocumentId {
    let source = Source::Bytes { name: "lantern.txt".to_owned(), bytes: TEXT.into() };
    app.take_in(vec![source], labels).documents[0].id
}

fn certify(app: &TestApp, matter: &str) -> Result<Certificate, ExamineError> {
    let reader = Reader { actor: app.open().operator(None), person: None };
    Ok(app.open().examiner.wall(&reader, matter)?.0.clone())
}

fn of<'a>(persons: &'a [Walled], name: &str) -> &'a Walled {
    persons.iter().find(|one| one.person.as_deref() == Some(name)).unwrap()
}

/// The newest entry of this type.
fn last(app: &TestApp, kind: &str) -> EntryIndex {
    record::of_kind(&app.open().log, kind).pop().unwrap().index
}

#[test]
fn a_document_that_leaves_the_matter_for_an_hour_is_followed() {
    let app = TestApp::empty();
    app.account("bob", Role::Staff, &["wall=M-17".to_owned()]);
    let document = take_in(&app, &["classification=internal", "matter=M-17"]);
    let other = app.ingest_text("anchor.txt", "Forty anchors lie in the harbour basin.");
    let pages = |document| app.open().reader.pages(&app.asker("bob"), document);
    pages(other.documents[0].id).unwrap();
    assert!(pages(document).is_err());
    let certificate = certify(&app, "M-17").unwrap();
    assert!(certificate.clean, "{certificate:?}");

    app.relabel(document, &["matter="]);
    let answer = app.ask("bob", QUESTION);
    assert_eq!(answer.evidence[0].document, document);
    let mut reached = vec![answer.entries.retrieval.unwrap()];
    pages(document).unwrap();
    reached.push(last(&app, "document.viewed"));
    let mut listen = |_: Progress<'_>| ControlFlow::Continue(());
    let verbatim = app.question(QUESTION, Mode::Verbatim);
    app.engine().answerer.ask(&app.asker("outsider"), &verbatim, &mut listen).unwrap();
    app.engine().answerer.past(&app.asker("bob"), answer.query).unwrap();
    reached.push(last(&app, "answer.reread"));
    app.relabel(document, &["matter=M-17"]);
    assert!(pages(document).is_err());

    let certificate = certify(&app, "M-17").unwrap();
    assert!(!certificate.clean);
    let bob = of(&certificate.persons, "bob");
    assert!(bob.stands && bob.touched.is_empty() && bob.outside.is_empty(), "{bob:?}");
    assert_eq!(bob.other_times, reached);
    assert_eq!(certificate.persons.len(), 1, "who stands behind no wall is not told of");
    let printed = certificate.to_markdown();
    assert!(printed.contains("carried the matter at another time: "), "{printed}");
}

#[test]
fn a_document_that_was_seen_before_it_came_into_the_matter_is_told_of() {
    let app = TestApp::empty();
    let document = take_in(&app, &["classification=internal"]);
    let pages = || app.open().reader.pages(&app.asker("outsider"), document);
    pages().unwrap();
    let before = last(&app, "document.viewed");
    app.keep_away("outsider", RelationshipKind::Wall, "M-17");
    pages().unwrap();
    let behind = last(&app, "document.viewed");
    app.relabel(document, &["matter=M-17"]);
    let certificate = certify(&app, "M-17").unwrap();
    let outsider = of(&certificate.persons, "outsider");
    assert_eq!((&outsider.outside, &outsider.other_times), (&vec![before], &vec![behind]));
    assert!(!certificate.clean && outsider.touched.is_empty());
}

#[test]
fn who_has_a_conflict_with_a_client_of_the_matter_is_told_of_for_its_documents() {
    let app = TestApp::empty();
    let inside = ["matter=M-18".to_owned(), "client=C-1".to_owned()];
    for who in ["con", "other", "free"] {
        app.account(who, Role::Staff, &inside);
    }
    let document = take_in(&app, &["classification=internal", "matter=M-18", "client=C-1"]);
    let asked = |who: &str| app.ask(who, QUESTION).entries.retrieval.unwrap();
    let before = asked("con");
    asked("free");
    app.keep_away("con", RelationshipKind::Conflict, "C-1");
    app.keep_away("other", RelationshipKind::Conflict, "C-9");
    let certificate = certify(&app, "M-18").unwrap();
    let con = of(&certificate.conflicts, "con");
    assert!(certificate.clean && con.stands, "{certificate:?}");
    assert_eq!((certificate.conflicts.len(), &con.outside), (1, &vec![before]));
    assert!(certificate.persons.is_empty(), "a conflict is no wall");

    app.relabel(document, &["client=C-2"]);
    let later = asked("con");
    let certificate = certify(&app, "M-18").unwrap();
    let con = of(&certificate.conflicts, "con");
    assert!(!certificate.clean);
    assert_eq!((&con.touched, &con.other_times), (&vec![], &vec![later]));
    assert_eq!(certificate.conflicts.len(), 1);
}

#[test]
fn from_nothing_nothing_is_certified() {
    let app = TestApp::empty();
    let told = |matter: &str| match certify(&app, matter) {
        Err(ExamineError::Request(problem)) => problem,
        other => panic!("{other:?}"),
    };
    assert!(told("M-17").contains("knows no matter"));
    take_in(&app, &["classification=internal", "matter=M-17"]);
    app.keep_away("outsider", RelationshipKind::Wall, "M-17");
    assert!(certify(&app, "M-17").unwrap().clean);
    app.erase(Target::Matter("M-17".to_owned()));
    let erased = format!("erased with entry {}", last(&app, "erasure.completed"));
    assert!(told("M-17").contains(&erased), "{}", told("M-17"));

    // What comes under the same name later is another matter, and the wall is of the one before.
    take_in(&app, &["classification=internal", "matter=M-17"]);
    assert!(told("M-17").contains(&erased));
    let (who, _) = app.principal("records");
    let (person, kind) = ("outsider".parse().unwrap(), RelationshipKind::Wall);
    let lift = app.open().governor.lifting(&who, person, kind, "M-17".to_owned()).unwrap();
    let lift = app.propose("records", lift).unwrap();
    app.approve("approver", lift.id).unwrap();
    app.keep_away("outsider", RelationshipKind::Wall, "M-17");
    let certificate = certify(&app, "M-17").unwrap();
    assert!(certificate.clean && of(&certificate.persons, "outsider").stands);
}

#[test]
fn who_asks_for_a_hundred_documents_that_there_are_not_hides_none_behind_them() {
    let app = TestApp::empty();
    app.account("bob", Role::Staff, &["wall=M-17".to_owned()]);
    let document = take_in(&app, &["classification=internal", "matter=M-17"]);
    let reader = &app.open().reader;
    let bob = app.asker("bob");
    for n in 0..100_u32 {
        let invented = DocumentId(affiant::domain::digest::Digest::of(&n.to_be_bytes()));
        assert!(reader.pages(&bob, invented).is_err());
    }
    for _ in 0..7 {
        assert!(reader.pages(&bob, document).is_err());
    }
    let denied = || of(&certify(&app, "M-17").unwrap().persons, "bob").clone();
    assert!(denied().denied.is_empty() && denied().untold == 0);
    reader.tell_untold(true).unwrap();
    assert_eq!(denied().denied, [last(&app, "document.denied")]);
    assert_eq!(denied().untold, 6, "and those before it are counted");
    let printed = certify(&app, "M-17").unwrap().to_markdown();
    assert!(printed.contains("without an entry of their own: 6"), "{printed}");
}
