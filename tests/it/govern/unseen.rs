//! What is in no list: what a wall keeps from whoever looks, what changes name to those who neither
//! propose nor approve such, and what nobody stands behind any more.

use affiant::domain::change::{Proposal, Target};
use affiant::domain::ids::{DocumentId, RequestId};
use affiant::domain::principal::{Entitlements, Role, Subject};
use affiant::domain::relationship::RelationshipKind;
use affiant::govern::{Changer, GovernError};
use affiant::ingest::Source;
use affiant::store::{ChangeRow, ChangeState, StandingRow};

use super::reason;
use crate::support::record;
use crate::support::test_app::TestApp;

/// A law firm with a document of M-17, whom it treats, and a records officer behind its wall who may
/// approve, too.
fn home() -> (TestApp, DocumentId) {
    let app = TestApp::under("law");
    app.account("officer", Role::RecordsOfficer, &["wall=M-17".to_owned()]);
    let approver = Entitlements { roles: [Role::Approver].into(), ..Entitlements::default() };
    app.open().governor.accounts.give(&"officer".parse().unwrap(), &approver).unwrap();
    let text = b"Nineteen lanterns hang in the harbour office.".to_vec();
    let source = Source::Bytes { name: "lantern.txt".to_owned(), bytes: text };
    let report = app.take_in(vec![source], &["classification=internal", "matter=M-17"]);
    (app, report.documents[0].id)
}

fn of_matter(account: &str) -> Proposal {
    let attributes = [("matter".to_owned(), ["M-17".to_owned()].into())].into();
    let rights = Entitlements { attributes, ..Entitlements::default() };
    Proposal::GrantRights { account: account.parse().unwrap(), rights }
}

impl TestApp {
    /// The changes that somebody sees, with whether they are told what it names.
    fn sees(&self, who: &str) -> Vec<(RequestId, bool)> {
        let who = self.principal(who).0;
        let listed = self.open().governor.changes(Changer::Person(&who)).unwrap();
        listed.changes.iter().map(|seen| (seen.row.id, seen.shows_contents)).collect()
    }
}

#[test]
fn a_change_that_names_what_is_behind_a_wall_is_none_to_whom_it_keeps_away() {
    let (app, document) = home();
    app.keep_away("staff", RelationshipKind::Wall, "M-17");
    let governor = &app.open().governor;
    let (who, actor) = app.principal("records");
    let erase = |target| app.propose("records", Proposal::Erase { target }).unwrap();
    let lift =
        governor.lifting(&who, "staff".parse().unwrap(), RelationshipKind::Wall, "M-17".to_owned());
    let mut hidden: Vec<ChangeRow> = vec![
        erase(Target::Document(document)),
        erase(Target::Matter("M-17".to_owned())),
        app.propose("records", lift.unwrap()).unwrap(),
        app.propose("admin", of_matter("outsider")).unwrap(),
    ];
    let hold = governor.hold(&who, &actor, Target::Matter("M-17".to_owned()), reason()).unwrap();
    let release = governor.release(&who, hold.id).unwrap();
    hidden.push(app.propose("records", release).unwrap());
    let open = governor.hold(&who, &actor, Target::Matter("M-18".to_owned()), reason()).unwrap();
    let open = app.propose("records", governor.release(&who, open.id).unwrap()).unwrap();

    assert_eq!(app.sees("records").len(), hidden.len() + 1);
    assert_eq!(app.sees("officer"), [(open.id, true)]);
    for change in &hidden {
        for tried in [app.approve("officer", change.id), app.reject("officer", change.id)] {
            let is_none = matches!(&tried, Err(GovernError::NotFound { what: "change" }));
            assert!(is_none, "{:?}: {tried:?}", change.kind);
        }
    }
    app.approve("officer", open.id).unwrap();
    let (walled, _) = app.principal("officer");
    let lifted = governor.lifting(
        &walled,
        "staff".parse().unwrap(),
        RelationshipKind::Wall,
        "M-17".to_owned(),
    );
    assert!(matches!(lifted, Err(GovernError::NotFound { what: "wall" })), "{lifted:?}");
}

#[test]
fn retention_relationships_and_emergencies_name_nothing_behind_a_wall() {
    let (app, document) = home();
    app.keep_away("staff", RelationshipKind::Wall, "M-17");
    app.account("ottoline", Role::Staff, &["function=general-counsel".to_owned()]);
    let (counsel, its) = app.confirmed("ottoline");
    let governor = &app.open().governor;
    let matter = Subject::Matter("M-17".to_owned());
    let opened =
        governor.open_emergency(&counsel, &its, matter, reason(), None).expect("a law firm's");
    governor.close_emergency(&app.principal("ottoline").0, &its, opened.id).unwrap();

    let told = |who: &str| {
        let (person, actor) = app.principal(who);
        let changer = Changer::Person(&person);
        let kept = governor.kept_for(changer).unwrap();
        let people = governor.relationships(changer).unwrap();
        let reports = governor.emergencies(changer, &actor).unwrap();
        let kept = kept.iter().filter(|kept| kept.document.row.document == document).count();
        let objects = people.iter().flat_map(StandingRow::relationships);
        let related = objects.filter(|one| one.object == "M-17").count();
        (kept, related, reports.len())
    };
    assert_eq!(told("records"), (1, 2, 1), "its own wall is a relationship, too");
    assert_eq!(told("officer"), (0, 0, 0));
    let (walled, actor) = app.confirmed("officer");
    let outcome = affiant::domain::emergency::ReviewOutcome::Justified;
    let judged = governor.review_emergency(&walled, &actor, opened.id, outcome, None);
    assert!(matches!(judged, Err(GovernError::NotFound { what: "emergency" })), "{judged:?}");
    let (other, actor) = app.confirmed("records");
    governor.review_emergency(&other, &actor, opened.id, outcome, None).unwrap();
}

#[test]
fn what_a_change_names_is_for_whoever_may_propose_such_or_approve() {
    let (app, document) = home();
    let erase = Proposal::Erase { target: Target::Document(document) };
    let erase = app.propose("records", erase).unwrap().id;
    let grant = app.propose("admin", of_matter("outsider")).unwrap().id;
    let table = [
        ("approver", [(erase, true), (grant, true)]),
        ("records", [(erase, true), (grant, false)]),
        ("admin", [(erase, false), (grant, true)]),
    ];
    for (who, expected) in table {
        assert_eq!(app.sees(who), expected, "{who}");
    }
}

#[test]
fn what_a_departed_person_proposed_takes_effect_no_more() {
    let app = TestApp::under("law");
    app.account("former", Role::RecordsOfficer, &[]);
    app.account("moved", Role::RecordsOfficer, &[]);
    app.keep_away("staff", RelationshipKind::Wall, "M-17");
    let governor = &app.open().governor;
    let lift = |who: &str| {
        let by = app.principal(who).0;
        let kind = RelationshipKind::Wall;
        let lift = governor.lifting(&by, "staff".parse().unwrap(), kind, "M-17".to_owned());
        app.propose(who, lift.unwrap()).unwrap()
    };
    let (left, lost, stays) = (lift("former"), lift("moved"), lift("records"));
    let (who, actor) = app.principal("admin");
    let admin = Changer::Person(&who);
    let told = governor.disable_account(admin, &actor, "former").unwrap();
    assert_eq!(told.changes, [left.id], "whoever disables an account is told what waits");
    let rights = Entitlements { roles: [Role::RecordsOfficer].into(), ..Entitlements::default() };
    governor.revoke_rights(admin, &actor, &"moved".parse().unwrap(), &rights).unwrap();
    for change in [&left, &lost] {
        let late = app.approve("approver", change.id).unwrap_err();
        assert!(matches!(late, GovernError::Departed { .. }), "{late}");
        let row = app.open().state.changes().get(&change.id).unwrap().unwrap();
        assert_eq!(row.state, ChangeState::Rejected { by: None });
        let closed = app.approve("approver", change.id).unwrap_err();
        assert!(matches!(closed, GovernError::NotOpen { .. }), "{closed}");
    }
    let rejected = record::of_kind(&app.open().log, "change.rejected");
    let reasons = rejected.iter().map(|entry| entry.details()["reason"].clone());
    assert_eq!(reasons.collect::<Vec<_>>(), ["departed", "departed"]);
    assert!(!app.principal("staff").0.attributes["wall"].is_empty());
    app.approve("approver", stays.id).unwrap();
}
