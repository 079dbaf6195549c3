use affiant::domain::change::{Proposal, Target};
use affiant::domain::principal::{Entitlements, Role};
use affiant::govern::{Changer, ErasureStep, GovernError};
use affiant::identity::SignInError;

use crate::support::record;
use crate::support::test_app::TestApp;

use super::reason;

fn grant(role: Role) -> Proposal {
    giving("outsider", role)
}

fn giving(account: &str, role: Role) -> Proposal {
    let rights = Entitlements { roles: [role].into(), ..Entitlements::default() };
    Proposal::GrantRights { account: account.parse().unwrap(), rights }
}

#[test]
fn a_role_that_approves_takes_two_persons() {
    let app = TestApp::empty();
    let proposed = app.propose("admin", grant(Role::Approver)).unwrap();
    assert!(!app.asker("outsider").principal.has_role(Role::Approver));
    let applied = app.approve("approver", proposed.id).unwrap();
    assert_eq!(applied.state.as_str(), "applied");
    assert!(app.asker("outsider").principal.has_role(Role::Approver));
    let kinds: Vec<String> = record::entries(&app.open().log)
        .iter()
        .filter(|entry| entry.req() == Some(proposed.id))
        .map(|entry| entry.kind().to_owned())
        .collect();
    assert_eq!(
        kinds,
        ["change.proposed", "change.approved", "role.granted", "rights.changed", "change.applied"]
    );
    let again = app.approve("approver", proposed.id).unwrap_err();
    assert!(matches!(again, GovernError::NotOpen { state: "applied" }), "{again}");
}

#[test]
fn nobody_is_two_persons() {
    let app = TestApp::empty();
    app.account("both", Role::RecordsOfficer, &[]);
    let granted = app.propose("admin", giving("both", Role::Approver)).unwrap();
    app.approve("approver", granted.id).unwrap();

    let report = app.ingest_text("lantern.txt", "Nineteen lanterns hang in the harbour office.");
    let erase = Proposal::Erase { target: Target::Document(report.documents[0].id) };
    let proposed = app.propose("both", erase).unwrap();
    let own = app.approve("both", proposed.id).unwrap_err();
    assert!(matches!(own, GovernError::OwnProposal { .. }), "{own}");
    for other in ["staff", "admin", "auditor", "records"] {
        let denied = app.approve(other, proposed.id).unwrap_err();
        assert!(matches!(denied, GovernError::Denied(_)), "{other}: {denied}");
    }
    assert_eq!(record::of_kind(&app.open().log, "erasure.keys").len(), 0);
    let (who, actor) = app.principal("both");
    let unproven = || Err(SignInError::ConfirmFirst);
    let (other, its) = app.principal("approver");
    let unproved = app.open().governor.reject(&other, unproven(), &its, proposed.id).unwrap_err();
    assert!(matches!(unproved, GovernError::SignIn(_)), "{unproved}");
    let withdrawn = app.open().governor.reject(&who, unproven(), &actor, proposed.id).unwrap();
    assert_eq!(withdrawn.state.as_str(), "rejected", "one may withdraw one's own");
    assert!(matches!(app.approve("approver", proposed.id), Err(GovernError::NotOpen { .. })));
}

#[test]
fn only_those_with_the_right_propose_and_look() {
    let app = TestApp::empty();
    let report = app.ingest_text("lantern.txt", "Nineteen lanterns hang in the harbour office.");
    let target = Target::Document(report.documents[0].id);
    for who in ["staff", "admin", "auditor", "approver"] {
        let denied = app.propose(who, Proposal::Erase { target: target.clone() }).unwrap_err();
        assert!(matches!(denied, GovernError::Denied(_)), "{who}: {denied}");
        let (person, actor) = app.principal(who);
        let held = app.open().governor.hold(&person, &actor, target.clone(), reason());
        assert!(matches!(held, Err(GovernError::Denied(_))), "{who}");
    }
    assert!(app.propose("records", grant(Role::Approver)).is_err());
    let unknown = Proposal::Erase { target: Target::Matter("M-0".to_owned()) };
    let unknown = app.propose("records", unknown).unwrap_err();
    assert!(matches!(unknown, GovernError::NotFound { what: "matter" }), "{unknown}");
    let governor = &app.open().governor;
    assert!(governor.changes(Changer::Person(&app.principal("staff").0)).is_err());
    let queue = governor.changes(Changer::Operator).unwrap();
    assert!(queue.changes.iter().all(|seen| !seen.shows_contents));
    let seen = governor.changes(Changer::Person(&app.principal("approver").0)).unwrap();
    assert!(seen.changes.iter().all(|seen| seen.shows_contents));
}

#[test]
fn what_is_held_is_neither_deleted_nor_erased_until_two_persons_release_it() {
    let app = TestApp::empty();
    app.engine();
    let text = |n: u32| format!("Lantern number {n} hangs in the harbour office.");
    let labelled = |n, labels: &[&str]| {
        let source = affiant::ingest::Source::Bytes {
            name: format!("{n}.txt"),
            bytes: text(n).into_bytes(),
        };
        app.take_in(vec![source], labels).documents[0].id
    };
    let both = labelled(1, &["classification=internal", "matter=M-1", "patient=P-1"]);
    let other = labelled(2, &["classification=internal", "patient=P-2"]);
    let (who, actor) = app.principal("records");
    let governor = &app.open().governor;
    let matter = Target::Matter("M-1".to_owned());
    let hold = governor.hold(&who, &actor, matter.clone(), reason()).unwrap();
    let officer = Changer::Person(&who);
    let delete = |id| governor.delete_document(officer, &actor, id);
    assert!(matches!(delete(both), Err(GovernError::Held { .. })));
    for target in [Target::Document(both), matter, Target::Patient("P-1".to_owned())] {
        let refused = app.propose("records", Proposal::Erase { target }).unwrap_err();
        assert!(matches!(refused, GovernError::Held { .. }), "{refused}");
    }
    let moved = |labels: &affiant::domain::access::Labels| labels.with(["matter="]);
    let refused = governor.label_document(&who, &actor, both, moved);
    assert!(matches!(refused, Err(GovernError::Held { .. })), "{refused:?}");
    let last = record::of_kind(&app.open().log, "erasure.refused").pop().unwrap();
    assert_eq!(
        (&last.details()["act"], &last.details()["reason"]),
        (&"label".into(), &"held".into())
    );
    delete(other).unwrap();
    app.erase(Target::Patient("P-2".to_owned()));

    let release = governor.release(&app.principal("records").0, hold.id).unwrap();
    let proposed = app.propose("records", release).unwrap();
    assert!(matches!(delete(both), Err(GovernError::Held { .. })), "one person is not enough");
    app.approve("approver", proposed.id).unwrap();
    assert!(governor.holds(officer).unwrap().is_empty());
    assert_eq!(record::of_kind(&app.open().log, "hold.released").len(), 1);
    app.erase(Target::Document(both));
}

#[test]
fn an_answer_in_a_matter_that_is_held_keeps_what_it_quotes() {
    let app = TestApp::empty();
    let labels = ["classification=internal", "patient=P-1"];
    let source = affiant::ingest::Source::Bytes {
        name: "a.txt".to_owned(),
        bytes: b"Nineteen lanterns hang in the harbour office.".to_vec(),
    };
    app.take_in(vec![source], &labels);
    app.account("ottoline", Role::Staff, &["patient=P-1".into(), "matter=M-1".into()]);
    let mut question = app.question(
        "How many lanterns hang in the harbour office?",
        affiant::domain::question::Mode::Verbatim,
    );
    question.scope.matter = Some("M-1".to_owned());
    let mut listen = |_: affiant::answer::Progress<'_>| std::ops::ControlFlow::Continue(());
    app.engine().answerer.ask(&app.asker("ottoline"), &question, &mut listen).unwrap();
    let (who, actor) = app.principal("records");
    let target = Target::Matter("M-1".to_owned());
    app.open().governor.hold(&who, &actor, target, reason()).unwrap();
    let erase = Proposal::Erase { target: Target::Patient("P-1".to_owned()) };
    let refused = app.propose("records", erase).unwrap_err();
    assert!(matches!(refused, GovernError::Held { .. }), "{refused}");
}

#[test]
fn what_is_too_young_is_not_erased_and_the_date_is_told() {
    let app = keeping(30, None);
    let report = app.ingest_text("lantern.txt", "Nineteen lanterns hang in the harbour office.");
    let id = report.documents[0].id;
    let refused = app.propose("records", Proposal::Erase { target: Target::Document(id) });
    let Err(GovernError::TooYoung { until, .. }) = refused else { panic!("{refused:?}") };
    let actor = app.open().operator(None);
    let deleted = app.open().governor.delete_document(Changer::Operator, &actor, id);
    assert!(matches!(deleted, Err(GovernError::TooYoung { .. })), "{deleted:?}");
    let refused = record::of_kind(&app.open().log, "erasure.refused");
    let acts: Vec<_> = refused.iter().map(|entry| entry.details()["act"].clone()).collect();
    assert_eq!(acts, ["erase", "delete"]);
    let kept = app.open().governor.kept().unwrap();
    assert_eq!(kept[0].until, Some(until));
    assert_eq!(until.unix_millis() - kept[0].since.unix_millis(), 30 * 24 * 3_600_000);
    let (who, actor) = app.principal("records");
    let relabel = |pair: &'static str| {
        let change = move |labels: &affiant::domain::access::Labels| labels.with([pair]);
        app.open().governor.label_document(&who, &actor, id, change)
    };
    for pair in ["classification=public", "classification="] {
        let refused = relabel(pair);
        assert!(matches!(refused, Err(GovernError::TooYoung { .. })), "{pair}: {refused:?}");
    }
    let refused = record::of_kind(&app.open().log, "erasure.refused");
    let told: Vec<_> = refused.iter().map(affiant::audit::Entry::details).skip(2).collect();
    assert_eq!(told.len(), 2);
    assert!(told.iter().all(|one| one["act"] == "label" && one["reason"] == "too_young"));
    relabel("department=quay").unwrap();
    assert_eq!(app.open().governor.kept().unwrap()[0].until, Some(until), "it was not prolonged");
}

#[test]
fn a_hold_that_comes_between_approval_and_effect_keeps_everything() {
    let app = TestApp::empty();
    app.engine();
    let report = app.ingest_text("lantern.txt", "Nineteen lanterns hang in the harbour office.");
    let target = Target::Document(report.documents[0].id);
    let proposed = app.propose("records", Proposal::Erase { target: target.clone() }).unwrap();
    let cut_off =
        app.approve_until("approver", proposed.id, Some(ErasureStep::Record)).unwrap_err();
    assert!(matches!(cut_off, GovernError::Interrupted), "{cut_off}");
    let (who, actor) = app.principal("records");
    let hold = app.open().governor.hold(&who, &actor, target, reason()).unwrap();
    let held = app.approve("approver", proposed.id).unwrap_err();
    assert!(matches!(held, GovernError::Held { .. }), "{held}");
    app.open().governor.resume().unwrap();
    assert!(record::of_kind(&app.open().log, "erasure.keys").is_empty());
    let release = app.open().governor.release(&app.principal("records").0, hold.id).unwrap();
    let release = app.propose("records", release).unwrap();
    app.approve("approver", release.id).unwrap();
    let done = app.approve("approver", proposed.id).unwrap();
    assert_eq!(done.state.as_str(), "applied", "what was approved goes on");
    assert_eq!(record::of_kind(&app.open().log, "change.approved").len(), 2);
}

/// A home whose internal documents are kept for so many days, and go by themselves.
fn keeping(minimum_days: u32, maximum_days: Option<u32>) -> TestApp {
    let class = affiant::govern::RetentionClass {
        name: "internal".to_owned(),
        labels: affiant::domain::access::Labels::internal(),
        minimum_days,
        maximum_days,
        automatic: maximum_days.is_some(),
    };
    TestApp::holding(crate::support::template::Holding::Nothing, |options| {
        options.retention = affiant::govern::Retention::new(vec![class]);
    })
}

#[test]
fn what_is_due_goes_by_itself_unless_it_is_held() {
    let app = keeping(0, Some(0));
    let gone = app.ingest_text("lantern.txt", "Nineteen lanterns hang in the harbour office.");
    let held = app.ingest_text("anchor.txt", "Forty anchors lie in the harbour basin.");
    let (who, actor) = app.principal("records");
    let target = Target::Document(held.documents[0].id);
    app.open().governor.hold(&who, &actor, target, reason()).unwrap();
    assert_eq!(app.open().governor.delete_due().unwrap(), 1);
    assert_eq!(app.open().governor.delete_due().unwrap(), 0);
    assert!(app.open().catalogue.document(gone.documents[0].id).is_none());
    assert!(app.open().catalogue.document(held.documents[0].id).is_some());
    let now = app.open().clock.now();
    let kept = app.open().governor.kept().unwrap();
    assert!(kept.iter().all(|kept| kept.is_due(now)), "erasing them takes two persons");
}

#[test]
fn a_custodians_hold_keeps_what_they_took_in_asked_and_were_told() {
    let app = TestApp::empty();
    let policy = app.open().policies.digest();
    let (who, actor) = app.principal("records");
    let text = b"Nineteen lanterns hang in the harbour office.".to_vec();
    let source = affiant::ingest::Source::Bytes { name: "lantern.txt".to_owned(), bytes: text };
    let labels = affiant::domain::access::Labels::internal();
    let options =
        affiant::ingest::BatchOptions { labels, password: None, actor: actor.clone(), policy };
    let taken_in = app.engine().ingestor.run(vec![source], &options, &mut |_, _| {}).unwrap();
    let own = taken_in.documents[0].id;
    let other = app.ingest_text("anchor.txt", "Forty anchors lie in the harbour basin.");
    let other = other.documents[0].id;
    let answer = app.ask("staff", "How many anchors lie in the harbour basin?");
    assert_eq!(answer.evidence[0].document, other);
    let governor = &app.open().governor;
    let nobody = Target::Person("nobody".parse().unwrap());
    assert!(governor.hold(&who, &actor, nobody, reason()).is_err());
    let mut holds = Vec::new();
    for name in ["records", "staff"] {
        let custodian = Target::Person(name.parse().unwrap());
        holds.push(governor.hold(&who, &actor, custodian, reason()).unwrap().id);
    }
    let refused = governor.delete_document(Changer::Operator, &actor, own).unwrap_err();
    assert!(matches!(refused, GovernError::Held { hold } if hold == holds[0]), "{refused}");
    // Staff took nothing in, but was told what the other document says.
    let erase = Proposal::Erase { target: Target::Document(other) };
    let refused = app.propose("records", erase.clone()).unwrap_err();
    assert!(matches!(refused, GovernError::Held { hold } if hold == holds[1]), "{refused}");
    assert_eq!(record::of_kind(&app.open().log, "erasure.refused").len(), 2);
    let release = governor.release(&who, holds[1]).unwrap();
    let released = app.propose("records", release).unwrap();
    app.approve("approver", released.id).unwrap();
    app.propose("records", erase).unwrap();
}
