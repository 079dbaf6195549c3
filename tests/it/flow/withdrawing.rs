//! A wall that is set while an answer is written binds the next token.

use std::ops::ControlFlow;
use std::sync::Arc;

use affiant::answer::{Asker, Progress, ReadError, Searched, Step};
use affiant::audit::What;
use affiant::domain::answer::{Answer, Outcome};
use affiant::domain::digest::Digest;
use affiant::domain::ids::DocumentId;
use affiant::domain::principal::Role;
use affiant::domain::question::Mode;
use affiant::domain::reason::Reason;
use affiant::domain::relationship::{RelationshipKind, SourceName};
use affiant::durable::{Readers, create_new};
use affiant::govern::{Changer, NewWall, Revoked};
use affiant::identity::{Place, SignIn};
use affiant::ingest::Source;
use affiant::policy::Policies;
use affiant::retrieve::Candidates;

use crate::support::clock::HandClock;
use crate::support::test_app::TestApp;
use crate::support::{PASSWORD, record};

const QUESTION: &str = "Who keeps the seal of the northern quay?";
const MATTER: &str = "M-1";
/// The token at which something changes.
const TOKEN: u32 = 4;

/// A home with one document of a matter, for ada and for bo.
fn home() -> (TestApp, DocumentId) {
    let app = TestApp::empty();
    for name in ["ada", "bo"] {
        app.account(name, Role::Staff, &[format!("matter={MATTER}")]);
    }
    let text = "The seal of the northern quay is kept by the harbour master. ".repeat(3);
    let source = Source::Bytes { name: "seal.txt".into(), bytes: text.into_bytes() };
    let matter = format!("matter={MATTER}");
    let report = app.take_in(vec![source], &["classification=internal", &matter]);
    let document = report.documents[0].id;
    (app, document)
}

/// Ada in a session.
fn signed_in(app: &TestApp) -> Asker {
    let shown = SignIn { name: "ada", password: PASSWORD, code: None, place: Place::Machine };
    let session = app.open().governor.accounts.sign_in(&shown).unwrap();
    Asker { session: Some(Digest::of(session.token.as_bytes())), ..app.asker("ada") }
}

fn end_sessions(app: &TestApp) {
    let (governor, actor) = (&app.open().governor, app.open().operator(None));
    assert_eq!(governor.revoke(&actor, "ada", Revoked::Sessions { keep: None }).unwrap(), 1);
}

/// Asks as ada, lets `change` happen at one token, and tells how many tokens were written.
fn ask_while(app: &TestApp, change: impl FnOnce()) -> (Answer, u32) {
    ask_as(app, &app.asker("ada"), change)
}

fn ask_as(app: &TestApp, asker: &Asker, change: impl FnOnce()) -> (Answer, u32) {
    let question = app.question(QUESTION, Mode::Grounded);
    let (mut tokens, mut change) = (0, Some(change));
    let mut listen = |progress: Progress<'_>| {
        if matches!(progress, Progress::Step(Step::Drafting)) {
            tokens += 1;
            if let Some(change) = change.take_if(|_| tokens == TOKEN) {
                change();
            }
        }
        ControlFlow::Continue(())
    };
    let released = app.engine().answerer.ask(asker, &question, &mut listen);
    (released.unwrap().into_parts().0, tokens)
}

/// Gives an account an attribute, as it stands in the state.
fn give(app: &TestApp, name: &str, key: &str, value: &str) {
    let accounts = app.open().state.accounts();
    let mut row = accounts.get(&name.parse().unwrap()).unwrap().unwrap();
    row.attributes.entry(key.to_owned()).or_default().insert(value.to_owned());
    accounts.put(&row).unwrap();
}

/// Sets a wall around the matter, as officers do.
fn wall(app: &TestApp, person: &str) {
    let records = app.asker("records");
    let (person, kind) = (person.parse().unwrap(), RelationshipKind::Wall);
    let wall = NewWall { person, kind, object: MATTER.to_owned(), until: None };
    let reason = Reason::try_from("a former client".to_owned()).unwrap();
    let changer = Changer::Person(&records.principal);
    app.open().governor.add_wall(changer, &records.actor, wall, &reason).unwrap();
}

/// Puts these in place of all that the source gave.
fn import(app: &TestApp, lines: &str) {
    let (records, source) = (app.asker("records"), SourceName::try_from("hr".to_owned()).unwrap());
    let text = format!("person,kind,object\n{lines}");
    let changer = Changer::Person(&records.principal);
    let governor = &app.open().governor;
    governor
        .import_relationships(changer, &records.actor, &source, text.as_bytes(), false)
        .unwrap();
}

/// The general policies with one more, that forbids everything.
fn put_shut_in_force(app: &TestApp) {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in Policies::builtin("general").unwrap() {
        create_new(&folder.path().join(name), text.as_bytes(), Readers::Owner).unwrap();
    }
    let text = b"forbid (principal, action in Action::\"Read\", resource is Document);";
    create_new(&folder.path().join("shut.cedar"), text, Readers::Owner).unwrap();
    let shut = Policies::load(folder.path()).unwrap();
    app.open().policies.put_in_force(&shut);
    let files = shut.files().iter().map(|file| (file.name.clone(), file.digest)).collect();
    let what = What::PolicyActivated { set: "shut".to_owned(), files, payload: None };
    app.open().record_own(what).unwrap();
}

#[test]
fn whatever_takes_a_right_away_binds_the_next_token() {
    type Change = fn(&TestApp, DocumentId);
    let table: [(&str, Change); 8] = [
        ("a wall", |app, _| give(app, "ada", "wall", MATTER)),
        ("a wall that an officer sets", |app, _| wall(app, "ada")),
        ("a wall that a source gives", |app, _| import(app, "ada,wall,M-1\n")),
        ("a matter that is left", |app, _| {
            app.open().governor.accounts.forget_attribute("matter", MATTER).unwrap();
        }),
        ("a disabled account", |app, _| app.open().governor.accounts.disable("ada").unwrap()),
        ("other labels", |app, document| drop(app.relabel(document, &["matter=M-2"]))),
        ("other policies", |app, _| put_shut_in_force(app)),
        ("a deleted document", |app, document| {
            let actor = app.open().operator(None);
            let governor = &app.open().governor;
            governor.delete_document(Changer::Operator, &actor, document).unwrap();
        }),
    ];
    for (what, change) in table {
        let (app, document) = home();
        let (answer, tokens) = ask_while(&app, || change(&app, document));
        assert_eq!(answer.outcome, Outcome::Denied, "{what}");
        assert_eq!(tokens, TOKEN, "{what}: not one token more");
        assert!(answer.sentences.is_empty() && answer.answer.is_empty(), "{what}");
        assert!(answer.evidence.is_empty(), "{what}");
        let terminal = app.open().log.read(answer.entries.terminal.unwrap()).unwrap();
        assert_eq!(terminal.kind(), "query.denied", "{what}");
        let kinds = record::entries(&app.open().log);
        assert!(!kinds.iter().any(|entry| entry.kind() == "answer.released"), "{what}");
    }
}

#[test]
fn a_session_that_ends_ends_its_answer_and_another_does_not() {
    type Change = fn(&TestApp);
    let table: [(&str, bool, Change); 3] = [
        ("a session that is ended", true, end_sessions),
        ("a password that is reset", true, |app| {
            let (governor, actor) = (&app.open().governor, app.open().operator(None));
            governor.reset_password(Changer::Operator, &actor, "ada").unwrap();
        }),
        ("somebody who signs in", false, |app| drop(signed_in(app))),
    ];
    for (what, ends, change) in table {
        let (app, _) = home();
        let asker = signed_in(&app);
        let (answer, tokens) = ask_as(&app, &asker, || change(&app));
        assert_eq!(answer.outcome == Outcome::Denied, ends, "{what}");
        assert_eq!(tokens == TOKEN, ends, "{what}");
        assert_eq!(answer.evidence.is_empty(), ends, "{what}");
    }
}

/// What somebody has for a time, or from a source, they no longer have at the next token.
#[test]
fn a_relationship_that_ends_binds_the_next_token() {
    let clock = HandClock::new();
    let app = TestApp::under_at("law", Arc::<HandClock>::clone(&clock));
    app.account("ada", Role::Staff, &[]);
    let text = "The seal of the northern quay is kept by the harbour master. ".repeat(3);
    let source = Source::Bytes { name: "seal.txt".into(), bytes: text.into_bytes() };
    app.take_in(vec![source], &["classification=internal", "matter=M-1"]);
    let records = app.asker("records");
    let hr = SourceName::try_from("hr".to_owned()).unwrap();
    let give = |until: &str| {
        let text = format!("person,kind,object,until\nada,matter,M-1,{until}\n");
        let changer = Changer::Person(&records.principal);
        let governor = &app.open().governor;
        governor
            .import_relationships(changer, &records.actor, &hr, text.as_bytes(), false)
            .unwrap();
    };
    give("2100-06-01T13:00:00Z");
    let (answer, tokens) = ask_while(&app, || clock.pass(60));
    assert_eq!((answer.outcome, tokens), (Outcome::Denied, TOKEN), "its time is over");
    give("");
    let (answer, tokens) = ask_while(&app, || import(&app, "ada,matter,M-2\n"));
    assert_eq!((answer.outcome, tokens), (Outcome::Denied, TOKEN), "its source forgets it");
    assert!(answer.evidence.is_empty() && answer.answer.is_empty());
}

#[test]
fn a_wall_that_is_set_before_the_question_has_arrived_binds_the_first_step() {
    let (app, _) = home();
    let (engine, early) = (app.engine(), app.asker("ada"));
    let question = |mode| app.question(QUESTION, mode);
    let mut listen = |_: Progress<'_>| ControlFlow::Continue(());
    let before = engine.answerer.search(&early, &question(Mode::Verbatim), Candidates::Hybrid);
    assert!(matches!(before.unwrap(), Searched::Found(found) if !found.hits.is_empty()));
    give(&app, "ada", "wall", MATTER);
    for mode in [Mode::Verbatim, Mode::Grounded] {
        let answer = engine.answerer.ask(&early, &question(mode), &mut listen).unwrap();
        assert_eq!(answer.outcome, Outcome::Denied, "{mode:?}");
        assert!(answer.evidence.is_empty() && answer.answer.is_empty(), "{mode:?}");
    }
    let after = engine.answerer.search(&early, &question(Mode::Verbatim), Candidates::Hybrid);
    let Searched::Ended(ended) = after.unwrap() else { panic!("hits from behind a wall") };
    assert_eq!(ended.outcome, Outcome::Denied);
}

#[test]
fn what_takes_nothing_away_stops_no_answer() {
    type Change = fn(&TestApp, DocumentId);
    let table: [(&str, Change); 4] = [
        ("somebody else's wall", |app, _| give(app, "bo", "wall", MATTER)),
        ("somebody else's wall that an officer sets", |app, _| wall(app, "bo")),
        ("a wall around something else", |app, _| give(app, "ada", "wall", "M-9")),
        ("labels that ada may see", |app, document| {
            app.relabel(document, &["department=quay"]);
        }),
    ];
    for (what, change) in table {
        let (app, document) = home();
        let (answer, tokens) = ask_while(&app, || change(&app, document));
        assert!(matches!(answer.outcome, Outcome::Answered | Outcome::Refused), "{what}");
        assert!(tokens > TOKEN, "{what}");
        assert_eq!(answer.evidence[0].document, document, "{what}");
    }
}

#[test]
fn a_past_answer_is_not_shown_again_behind_a_wall() {
    let (app, _) = home();
    let answer = app.ask("ada", QUESTION);
    assert_eq!(answer.outcome, Outcome::Answered);
    let again = |app: &TestApp| app.engine().answerer.past(&app.asker("ada"), answer.query);
    assert_eq!(again(&app).unwrap().answer, answer.answer);
    give(&app, "ada", "wall", MATTER);
    assert!(matches!(again(&app), Err(ReadError::NotFound)));
}
