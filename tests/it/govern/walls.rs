//! A wall or a conflict beats every right besides reading: to keep, to hold, to reveal, to explain.

use std::ops::ControlFlow;

use affiant::answer::Progress;
use affiant::domain::access::Labels;
use affiant::domain::answer::Outcome;
use affiant::domain::change::{Proposal, Target};
use affiant::domain::ids::{DocumentId, EntryIndex};
use affiant::domain::principal::Role;
use affiant::domain::question::{Mode, Scope};
use affiant::domain::relationship::SourceName;
use affiant::examine::{ContentsState, ExamineError};
use affiant::govern::{Changer, GovernError, Sighting};
use affiant::ingest::Source;
use affiant::policy::Action;

use super::reason;
use crate::support::record;
use crate::support::test_app::TestApp;

const QUESTION: &str = "How many lanterns hang in the harbour office?";

/// A home under this set with a document of this client's matter M-17, and a records officer whom
/// `away` keeps from it.
fn home(set: &str, away: &str) -> (TestApp, DocumentId) {
    let app = TestApp::under(set);
    app.account("officer", Role::RecordsOfficer, &[away.to_owned()]);
    let text = b"Nineteen lanterns hang in the harbour office.".to_vec();
    let source = Source::Bytes { name: "lantern.txt".to_owned(), bytes: text };
    let mut labels = vec!["classification=internal", "matter=M-17", "client=C-1"];
    if away.starts_with("barred") {
        labels.push("patient=P-17");
    }
    let report = app.take_in(vec![source], &labels);
    (app, report.documents[0].id)
}

/// What keeps somebody from the document of [`home`], and under which set.
const AWAY: [(&str, &str); 7] = [
    ("general", "wall=M-17"),
    ("law", "wall=M-17"),
    ("hospital", "wall=M-17"),
    ("law", "conflict=C-1"),
    ("general", "conflict=C-1"),
    ("general", "barred=P-17"),
    ("hospital", "barred=P-17"),
];

fn is_missing<T: std::fmt::Debug>(result: &Result<T, GovernError>) -> bool {
    matches!(result, Err(GovernError::NotFound { what: "document" }))
}

#[test]
fn who_is_kept_away_neither_lists_labels_deletes_holds_erases_nor_explains() {
    for (set, away) in AWAY {
        let (app, document) = home(set, away);
        let governor = &app.open().governor;
        let listed = |who: &str| {
            let listed = app.open().reader.documents(&app.asker(who)).unwrap();
            listed.iter().any(|one| one.row.document == document)
        };
        assert!(listed("records") && !listed("officer"), "{set}, {away}");
        let (who, actor) = app.principal("officer");
        let officer = Changer::Person(&who);

        let moved = |labels: &Labels| labels.with(["matter=", "client="]);
        let labelled = governor.label_document(&who, &actor, document, moved);
        assert!(is_missing(&labelled), "{set}, {away}: {labelled:?}");
        let deleted = governor.delete_document(officer, &actor, document);
        assert!(is_missing(&deleted), "{set}, {away}: {deleted:?}");
        let held = governor.hold(&who, &actor, Target::Document(document), reason());
        assert!(is_missing(&held), "{set}, {away}: {held:?}");
        let erase = Proposal::Erase { target: Target::Document(document) };
        let proposed = app.propose("officer", erase);
        assert!(is_missing(&proposed), "{set}, {away}: {proposed:?}");
        let sighting = Sighting {
            person: "staff".to_owned(),
            document,
            action: Action::Ask,
            scope: Scope::default(),
        };
        let explained = governor.explain(officer, &actor, &sighting).map(|_| ());
        assert!(is_missing(&explained), "{set}, {away}: {explained:?}");
        let log = &app.open().log;
        assert!(record::of_kind(log, "document.labelled").is_empty());
        assert!(record::of_kind(log, "hold.placed").is_empty());

        // Whoever stands behind no wall does all of it.
        let (who, actor) = app.principal("records");
        governor.hold(&who, &actor, Target::Document(document), reason()).unwrap();
        assert_eq!(governor.holds(officer).unwrap().len(), 0, "{set}, {away}");
        assert_eq!(governor.holds(Changer::Person(&who)).unwrap().len(), 1);
        let explained = governor.explain(Changer::Person(&who), &actor, &sighting).unwrap();
        assert!(explained.compared.is_some());
        let moved = |labels: &Labels| labels.with(["department=quay"]);
        governor.label_document(&who, &actor, document, moved).unwrap();
    }
}

#[test]
fn who_is_kept_away_moves_nothing_behind_the_wall_and_holds_nothing_there() {
    let (app, _) = home("general", "wall=M-17");
    let open = app.ingest_text("anchor.txt", "Forty anchors lie in the harbour basin.");
    let open = open.documents[0].id;
    let governor = &app.open().governor;
    let (who, actor) = app.principal("officer");
    let label = |pair: &'static str| {
        governor.label_document(&who, &actor, open, move |labels: &Labels| labels.with([pair]))
    };
    let moved = label("matter=M-17");
    assert!(matches!(moved, Err(GovernError::Denied(_))), "{moved:?}");
    let held = governor.hold(&who, &actor, Target::Matter("M-17".to_owned()), reason());
    assert!(matches!(held, Err(GovernError::Denied(_))), "{held:?}");
    label("matter=M-18").unwrap();
    governor.hold(&who, &actor, Target::Matter("M-18".to_owned()), reason()).unwrap();
}

#[test]
fn a_matter_or_patient_is_kept_away_with_what_its_papers_carry() {
    let table = [
        ("law", "conflict=C-1", Target::Matter("M-17".to_owned())),
        ("hospital", "barred=P-17", Target::Patient("P-17".to_owned())),
        ("hospital", "barred=P-17", Target::Matter("M-17".to_owned())),
        ("general", "wall=M-17", Target::Matter("M-17".to_owned())),
    ];
    for (set, away, target) in table {
        let (app, _) = home(set, away);
        let governor = &app.open().governor;
        let (who, actor) = app.principal("officer");
        let held = governor.hold(&who, &actor, target.clone(), reason());
        assert!(matches!(held, Err(GovernError::Denied(_))), "{set}, {away}: {held:?}");
        let erase = app.propose("officer", Proposal::Erase { target: target.clone() });
        assert!(matches!(erase, Err(GovernError::Denied(_))), "{set}, {away}: {erase:?}");
        let other = Target::Patient("P-18".to_owned());
        governor.hold(&who, &actor, other, reason()).unwrap();
        let (who, actor) = app.principal("records");
        governor.hold(&who, &actor, target, reason()).unwrap();
    }
}

#[test]
fn who_is_kept_away_opens_it_to_nobody_and_takes_nothing_in_there() {
    let table = [
        ("general", "wall=M-17", "matter", "M-17", "matter=M-17"),
        ("law", "conflict=C-1", "matter", "M-17", "client=C-1"),
        ("general", "conflict=C-1", "client", "C-1", "client=C-1"),
        ("hospital", "barred=P-17", "patient", "P-17", "patient=P-17"),
    ];
    for (set, away, kind, object, label) in table {
        let (app, _) = home(set, away);
        let import = |who: &str, kind: &str, object: &str| {
            let (who, actor) = app.principal(who);
            let text = format!("person,kind,object\noutsider,{kind},{object}\n");
            let (source, changer) = (SourceName::by_hand(), Changer::Person(&who));
            let governor = &app.open().governor;
            governor.import_relationships(changer, &actor, &source, text.as_bytes(), false)
        };
        let refused = import("officer", kind, object);
        assert!(matches!(refused, Err(GovernError::Denied(_))), "{away}: {refused:?}");
        import("officer", kind, "another").unwrap();
        import("officer", away.split_once('=').unwrap().0, object).unwrap();
        import("records", kind, object).unwrap();
        app.engine();
        let server = app.serve();
        let upload = |who: &str, label: &str| {
            let labels = ["classification=internal", label];
            server.signed_in(who).upload(&[("lamp.txt", b"A lamp was found.")], &labels)
        };
        upload("officer", label).problem(403, "policy_denied");
        assert_eq!(upload("officer", "department=quay").status, 202, "{away}");
        assert_eq!(upload("records", label).status, 202, "{away}");
    }
}

/// The state in which the log says that an entry was last opened.
fn noted(app: &TestApp, index: EntryIndex) -> String {
    let revealed = record::of_kind(&app.open().log, "audit.revealed");
    let last = revealed.iter().rev().find(|entry| entry.details()["index"] == index.0).unwrap();
    last.details()["state"].as_str().unwrap().to_owned()
}

#[test]
fn who_is_kept_away_reveals_nothing_of_it_and_the_attempt_is_on_record() {
    for (set, away) in AWAY.into_iter().filter(|(set, _)| *set != "hospital") {
        let (app, document) = home(set, away);
        let rights = ["matter=M-17", "client=C-1", "patient=P-17"].map(str::to_owned);
        app.account("ottoline", Role::Staff, &rights);
        let answer = app.ask("ottoline", QUESTION);
        assert_eq!(answer.evidence[0].document, document);
        assert_eq!(answer.outcome, Outcome::Answered);
        let opened = |who: &str, index: EntryIndex| {
            let (who, actor) = app.confirmed(who);
            app.open().examiner.reveal(&who, &actor, index, &reason())
        };
        let [asked, found, told] =
            [answer.entries.received, answer.entries.retrieval, answer.entries.terminal]
                .map(Option::unwrap);
        for index in [found, told] {
            let refused = opened("officer", index);
            let is_none =
                matches!(&refused, Err(ExamineError::NoContents { index: at }) if *at == index);
            assert!(is_none, "{set}, {away}: {refused:?}");
            assert_eq!(noted(&app, index), "withheld");
            assert_eq!(opened("records", index).unwrap().state, ContentsState::Open);
            assert_eq!(noted(&app, index), "open");
        }
        // A question is its asker's, where it names nothing.
        assert_eq!(opened("officer", asked).unwrap().state, ContentsState::Open);
    }
}

#[test]
fn a_wall_keeps_from_contents_what_they_belonged_to_and_what_they_belong_to_now() {
    let (app, document) = home("law", "wall=M-17");
    app.account("later", Role::RecordsOfficer, &["wall=M-18".to_owned()]);
    app.account("ottoline", Role::Staff, &["matter=M-17".to_owned()]);
    let mut question = app.question(QUESTION, Mode::Verbatim);
    question.scope.matter = Some("M-17".to_owned());
    let mut listen = |_: Progress<'_>| ControlFlow::Continue(());
    let ottoline = app.asker("ottoline");
    let answer = app.engine().answerer.ask(&ottoline, &question, &mut listen).unwrap();
    let [asked, told] = [answer.entries.received, answer.entries.terminal].map(Option::unwrap);
    let (who, actor) = app.principal("records");
    let moved = |labels: &Labels| labels.with(["matter=M-18"]);
    app.open().governor.label_document(&who, &actor, document, moved).unwrap();
    let may = |who: &str, index| {
        let (who, actor) = app.confirmed(who);
        app.open().examiner.reveal(&who, &actor, index, &reason()).is_ok()
    };
    let table = [
        ("officer", told, false),
        ("later", told, false),
        ("records", told, true),
        ("officer", asked, false),
        ("later", asked, true),
    ];
    for (who, index, expected) in table {
        assert_eq!(may(who, index), expected, "{who}: {index}");
    }
}

#[test]
fn an_administrator_is_told_which_policies_decided_and_no_label() {
    let (app, document) = home("law", "wall=M-17");
    let (who, actor) = app.principal("admin");
    let sighting = Sighting {
        person: "staff".to_owned(),
        document,
        action: Action::Ask,
        scope: Scope::default(),
    };
    let explained = app.open().governor.explain(Changer::Person(&who), &actor, &sighting).unwrap();
    assert!(!explained.explanation.allowed && explained.compared.is_none());
    assert_eq!(explained.explanation.decisions.len(), 2);
}
