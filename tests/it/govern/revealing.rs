use affiant::domain::change::Target;
use affiant::domain::ids::EntryIndex;
use affiant::examine::{ContentsState, ExamineError};
use affiant::identity::Credential;

use crate::support::corpus::ANSWERABLE;
use crate::support::record;
use crate::support::test_app::{TestApp, lasting_an_hour};

use super::reason;

#[test]
fn contents_are_revealed_to_those_who_may_on_record_and_with_a_reason() {
    let app = TestApp::corpus();
    let answer = app.ask("staff", ANSWERABLE);
    let examiner = &app.open().examiner;
    let at = |index: Option<EntryIndex>| index.unwrap();
    for who in ["staff", "auditor", "admin", "approver"] {
        let (who, actor) = app.confirmed(who);
        let denied = examiner.reveal(&who, &actor, at(answer.entries.received), &reason());
        assert!(matches!(denied, Err(ExamineError::Denied(_))));
    }
    assert_eq!(record::of_kind(&app.open().log, "audit.revealed").len(), 0);
    let (who, actor) = app.confirmed("records");
    let reveal = |index| examiner.reveal(&who, &actor, index, &reason()).unwrap();
    let question = reveal(at(answer.entries.received));
    assert_eq!(question.contents.as_ref().unwrap()["text"], ANSWERABLE);
    let evidence = reveal(at(answer.entries.retrieval));
    assert_eq!(evidence.contents.as_ref().unwrap()[0]["text"], answer.evidence[0].text);
    let told = reveal(at(answer.entries.terminal));
    assert_eq!(told.contents.as_ref().unwrap()["answer"], answer.answer);
    let revealed = record::of_kind(&app.open().log, "audit.revealed");
    assert_eq!(revealed.len(), 3);
    assert_eq!(told.receipt().index(), revealed[2].index);
    assert_eq!(revealed[2].actor_id(), actor.id.as_str());
    let bare = examiner.reveal(&who, &actor, revealed[0].index, &reason()).unwrap();
    assert_eq!(bare.contents.as_ref().unwrap(), reason().as_str(), "reasons are contents, too");
    let has_none = |entry: &affiant::audit::Entry| {
        let entry: serde_json::Value = serde_json::from_slice(&entry.bytes).unwrap();
        entry["payload"].is_null()
    };
    app.open().record_own(affiant::audit::What::LogStopped { served_s: 1 }).unwrap();
    let entries = record::entries(&app.open().log);
    let none = entries.iter().find(|entry| has_none(entry)).unwrap().index;
    let none = examiner.reveal(&who, &actor, none, &reason());
    assert!(matches!(none, Err(ExamineError::NoContents { .. })));
}

#[test]
#[expect(clippy::disallowed_methods, reason = "the test damages a vault")]
fn erased_missing_and_damaged_contents_are_told_apart() {
    let mut app = TestApp::corpus();
    let erased = app.ask("staff", ANSWERABLE);
    let document = erased.evidence[0].document;
    app.erase(Target::Document(document));
    let broken = app.ask("staff", "Until when is a child's health record kept?");
    let (segment, whole) = {
        let path = app.path().join("vault/contents-000001.seg");
        let whole = std::fs::read(&path).unwrap();
        (path, whole)
    };
    let state = |app: &TestApp, index: Option<EntryIndex>| {
        let (who, actor) = app.confirmed("records");
        let revealed = app.open().examiner.reveal(&who, &actor, index.unwrap(), &reason());
        revealed.unwrap().state
    };
    assert_eq!(
        state(&app, erased.entries.received),
        ContentsState::Open,
        "a question is its asker's"
    );
    assert_eq!(state(&app, erased.entries.retrieval), ContentsState::Erased);
    assert_eq!(state(&app, erased.entries.terminal), ContentsState::Erased);
    assert_eq!(state(&app, broken.entries.terminal), ContentsState::Open);
    app.reopen(None);
    let mut bytes = whole.clone();
    *bytes.last_mut().unwrap() ^= 1;
    std::fs::write(&segment, &bytes).unwrap();
    assert_eq!(state(&app, broken.entries.terminal), ContentsState::Damaged);
    std::fs::write(&segment, &whole[..whole.len() - 3]).unwrap();
    app.reopen(None);
    assert_eq!(state(&app, broken.entries.terminal), ContentsState::Missing);
    assert_eq!(state(&app, erased.entries.terminal), ContentsState::Erased, "never missing");
}

#[test]
fn a_name_alone_proves_nothing() {
    let app = TestApp::empty();
    let governor = &app.open().governor;
    let actor = app.asker("records").actor;
    let wrong = Credential::password("a wrong password".to_owned().into(), None);
    assert!(governor.confirm(&actor, "records", &wrong).is_err());
    let token = governor
        .issue_token(affiant::govern::Changer::Operator, &actor, "staff", lasting_an_hour())
        .unwrap();
    assert!(governor.confirm(&actor, "records", &Credential::token(token.0.into(), None)).is_err());
    assert_eq!(record::of_kind(&app.open().log, "session.failed").len(), 2);
}
