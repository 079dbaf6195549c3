//! One person shuts a document; what may open it to others takes two.

use affiant::domain::access::Labels;
use affiant::domain::change::Proposal;
use affiant::domain::ids::DocumentId;
use affiant::domain::relationship::RelationshipKind;
use affiant::govern::GovernError;
use affiant::ingest::Source;
use affiant::store::ChangeState;

use super::reason;
use crate::support::record;
use crate::support::test_app::TestApp;

/// A home with a document of matter M-17, of which plain staff see nothing.
fn home() -> (TestApp, DocumentId) {
    let app = TestApp::empty();
    let text = b"Nineteen lanterns hang in the harbour office.".to_vec();
    let source = Source::Bytes { name: "lantern.txt".to_owned(), bytes: text };
    let report = app.take_in(vec![source], &["classification=internal", "matter=M-17"]);
    (app, report.documents[0].id)
}

/// Labels a document as somebody alone.
fn alone(app: &TestApp, document: DocumentId, pair: &str) -> Result<Labels, GovernError> {
    let (who, actor) = app.principal("records");
    let change = |labels: &Labels| labels.with([pair]);
    app.open().governor.label_document(&who, &actor, document, change).map(|(labels, _)| labels)
}

/// The proposal of somebody to label it otherwise.
fn proposal(app: &TestApp, document: DocumentId, pair: &str) -> Proposal {
    let (who, _) = app.principal("records");
    let change = |labels: &Labels| labels.with([pair]);
    app.open().governor.relabelling(&who, document, change).unwrap()
}

fn sees(app: &TestApp, who: &str, document: DocumentId) -> bool {
    app.open().reader.pages(&app.asker(who), document).is_ok()
}

#[test]
fn one_person_shuts_and_two_open() {
    let (app, document) = home();
    for pair in ["matter=", "matter=M-18", "classification=public", "kind=payment"] {
        let refused = alone(&app, document, pair);
        assert!(matches!(refused, Err(GovernError::Loosens)), "{pair}: {refused:?}");
    }
    assert!(record::of_kind(&app.open().log, "document.labelled").is_empty());
    alone(&app, document, "client=C-1").unwrap();
    let opening = proposal(&app, document, "matter=");
    for who in ["staff", "admin", "auditor", "approver"] {
        let denied = app.propose(who, opening.clone());
        assert!(matches!(denied, Err(GovernError::Denied(_))), "{who}: {denied:?}");
    }
    let proposed = app.propose("records", opening).unwrap();
    assert!(!sees(&app, "outsider", document));
    app.approve("approver", proposed.id).unwrap();
    assert!(sees(&app, "outsider", document));
    let labelled = record::of_kind(&app.open().log, "document.labelled").pop().unwrap();
    assert_eq!(labelled.req(), Some(proposed.id), "it is on record as the change's");
    let applied = record::of_kind(&app.open().log, "change.applied").pop().unwrap();
    assert_eq!(applied.details()["kind"], "document.label");
    let text = record::entries(&app.open().log);
    let names =
        |entry: &&affiant::audit::Entry| String::from_utf8_lossy(&entry.bytes).contains("M-17");
    assert_eq!(text.iter().filter(names).count(), 0, "no name in the record");
}

#[test]
fn a_change_of_labels_that_were_changed_since_ends() {
    let (app, document) = home();
    let proposed = app.propose("records", proposal(&app, document, "matter=")).unwrap();
    alone(&app, document, "privileged=true").unwrap();
    let late = app.approve("approver", proposed.id);
    assert!(matches!(late, Err(GovernError::Stale)), "{late:?}");
    let row = app.open().state.changes().get(&proposed.id).unwrap().unwrap();
    assert_eq!(row.state, ChangeState::Rejected { by: None });
    let labels = &app.open().catalogue.document(document).unwrap().card.labels;
    assert_eq!(labels.matter.as_deref(), Some("M-17"));
}

#[test]
fn who_is_kept_away_neither_proposes_nor_approves_other_labels() {
    let (app, document) = home();
    let (who, _) = app.principal("records");
    let opening = proposal(&app, document, "matter=");
    let into = proposal(&app, document, "matter=M-18");
    let proposed = app.propose("records", opening.clone()).unwrap();
    app.keep_away("approver", RelationshipKind::Wall, "M-17");
    let approved = app.approve("approver", proposed.id);
    assert!(matches!(approved, Err(GovernError::NotFound { what: "change" })), "{approved:?}");
    app.keep_away("records", RelationshipKind::Wall, "M-18");
    let moved = app.propose("records", into);
    assert!(matches!(moved, Err(GovernError::Denied(_))), "{moved:?}");
    app.keep_away("records", RelationshipKind::Wall, "M-17");
    let again = app.propose("records", opening);
    assert!(matches!(again, Err(GovernError::NotFound { what: "document" })), "{again:?}");
    let change = |labels: &Labels| labels.with(["matter="]);
    let who = app.principal(who.name.as_str()).0;
    let asked = app.open().governor.relabelling(&who, document, change);
    assert!(matches!(asked, Err(GovernError::NotFound { what: "document" })), "{asked:?}");
}

#[test]
fn labels_approved_while_the_indexes_are_shut_are_in_effect_once_they_open() {
    let (mut app, document) = home();
    let proposed = app.propose("records", proposal(&app, document, "matter=")).unwrap();
    app.reopen(None);
    let waits = app.approve("approver", proposed.id).unwrap();
    assert_eq!(waits.state.as_str(), "approved");
    assert!(!sees(&app, "outsider", document));
    app.engine();
    assert!(sees(&app, "outsider", document));
    let row = app.open().state.changes().get(&proposed.id).unwrap().unwrap();
    assert_eq!(row.state.as_str(), "applied");
    let answer = app.ask("outsider", "How many lanterns hang in the harbour office?");
    assert_eq!(answer.evidence[0].document, document, "the indexes know, too");
}

#[test]
fn what_a_hold_keeps_is_not_opened_by_two_either() {
    let (app, document) = home();
    let (who, actor) = app.principal("records");
    let target = affiant::domain::change::Target::Matter("M-17".to_owned());
    app.open().governor.hold(&who, &actor, target, reason()).unwrap();
    let held = app.propose("records", proposal(&app, document, "matter="));
    assert!(matches!(held, Err(GovernError::Held { .. })), "{held:?}");
    let refused = record::of_kind(&app.open().log, "erasure.refused").pop().unwrap();
    assert_eq!(refused.details()["act"], "label");
}
