use affiant::domain::change::Target;
use affiant::domain::principal::{Entitlements, Role};
use affiant::domain::relationship::{RelationshipKind, SourceName};
use affiant::durable::{Readers, create_new};
use affiant::govern::{Changer, GovernError, ImportReport, NewWall, WallSet};
use affiant::ingest::Source;
use affiant::policy::{Action, Policies};
use affiant::store::{ChangeRow, ChangeState};
use serde_json::Value;

use crate::support::record;
use crate::support::template::Holding;
use crate::support::test_app::TestApp;

use super::{HandClock, reason};

const HEADER: &str = "person,kind,object,from,until\n";

impl TestApp {
    fn import(&self, who: &str, lines: &str, dry_run: bool) -> Result<ImportReport, GovernError> {
        let (person, actor) = self.principal(who);
        let source = SourceName::try_from("hr".to_owned()).unwrap();
        let text = format!("{HEADER}{lines}");
        let governor = &self.open().governor;
        let changer = Changer::Person(&person);
        governor.import_relationships(changer, &actor, &source, text.as_bytes(), dry_run)
    }

    fn attributes(&self, who: &str, key: &str) -> Vec<String> {
        let attributes = self.principal(who).0.attributes;
        attributes.get(key).into_iter().flatten().cloned().collect()
    }

    fn wall(&self, who: &str, person: &str, matter: &str) -> Result<(), GovernError> {
        self.keep(who, person, RelationshipKind::Wall, matter).map(drop)
    }

    fn keep(
        &self,
        who: &str,
        person: &str,
        kind: RelationshipKind,
        object: &str,
    ) -> Result<WallSet, GovernError> {
        let (officer, actor) = self.principal(who);
        let wall = NewWall {
            person: person.parse().unwrap(),
            kind,
            object: object.to_owned(),
            until: None,
        };
        let changer = Changer::Person(&officer);
        self.open().governor.add_wall(changer, &actor, wall, &reason())
    }

    /// Proposes that a wall ends.
    fn lift(&self, who: &str, person: &str, matter: &str) -> Result<ChangeRow, GovernError> {
        let (by, _) = self.principal(who);
        let (person, kind) = (person.parse().unwrap(), RelationshipKind::Wall);
        let proposal = self.open().governor.lifting(&by, person, kind, matter.to_owned())?;
        self.propose(who, proposal)
    }
}

#[test]
fn a_relationship_begins_and_ends_by_itself_also_in_a_running_session() {
    let clock = HandClock::new();
    let app = TestApp::under_at("law", std::sync::Arc::<HandClock>::clone(&clock));
    let lines = "outsider,matter,M-1,2100-06-01T12:10:00Z,2100-06-01T12:20:00Z\n\
                 outsider,matter,M-2,,2100-06-01T12:15:00Z\n";
    app.import("records", lines, false).unwrap();
    let accounts = &app.open().governor.accounts;
    let shown = affiant::identity::SignIn {
        name: "outsider",
        password: crate::support::PASSWORD,
        code: None,
        place: affiant::identity::Place::Machine,
    };
    let session = accounts.sign_in(&shown).unwrap();
    let until = |text: &str| Some(text.parse().unwrap());
    // (minutes that pass, matters, when that changes)
    let table: [(u64, &[&str], _); 4] = [
        (0, &["M-2"], until("2100-06-01T12:10:00Z")),
        (10, &["M-1", "M-2"], until("2100-06-01T12:15:00Z")),
        (5, &["M-1"], until("2100-06-01T12:20:00Z")),
        (5, &[], None),
    ];
    for (minutes, matters, until) in table {
        clock.pass(minutes);
        assert_eq!(app.attributes("outsider", "matter"), matters);
        let who = accounts.session(&session.token).unwrap().principal;
        let held: Vec<_> = who.attributes.get("matter").into_iter().flatten().cloned().collect();
        assert_eq!(held, matters);
        assert_eq!(who.until, until);
        assert_eq!(who.as_of, app.open().clock.now());
    }
}

#[test]
fn an_import_takes_the_place_of_what_its_source_gave_and_of_nothing_else() {
    let app = TestApp::under("law");
    app.account("ada", Role::Staff, &["matter=M-0".into()]);
    let first = "ada,matter,M-1,,\nada,matter,M-2,,\noutsider,matter,M-1,,\n";
    let report = app.import("records", first, false).unwrap();
    assert_eq!((report.added, report.removed, report.unchanged), (3, 0, 0));
    let second = "ada,matter,M-2,,\nada,matter,M-3,,\nnobody.yet,matter,M-3,,\n";
    let dry = app.import("records", second, true).unwrap();
    assert_eq!((dry.added, dry.removed, dry.unchanged, dry.dry_run), (2, 2, 1, true));
    assert_eq!(dry.unknown_persons, ["nobody.yet".parse().unwrap()]);
    assert_eq!(app.attributes("ada", "matter"), ["M-0", "M-1", "M-2"], "a dry run changes nothing");
    assert_eq!(record::of_kind(&app.open().log, "relationships.imported").len(), 1);
    app.import("records", second, false).unwrap();
    assert_eq!(app.attributes("ada", "matter"), ["M-0", "M-2", "M-3"]);
    assert!(app.attributes("outsider", "matter").is_empty());
    app.account("nobody.yet", Role::Staff, &[]);
    assert_eq!(app.attributes("nobody.yet", "matter"), ["M-3"], "from the account's first moment");
    let again = app.import("records", second, false).unwrap();
    assert_eq!((again.added, again.removed, again.unchanged), (0, 0, 3));
}

#[test]
fn nothing_of_a_file_with_a_bad_line_is_taken_and_only_some_may_import() {
    let app = TestApp::under("law");
    let lines = "outsider,matter,M-1,,\noutsider,team,M-1,,\n";
    let GovernError::BadLines { lines: bad } = app.import("records", lines, false).unwrap_err()
    else {
        panic!("the file is bad")
    };
    assert_eq!(bad.iter().map(|bad| bad.line).collect::<Vec<_>>(), [3]);
    assert!(app.attributes("outsider", "matter").is_empty());
    for who in ["staff", "admin", "auditor", "approver"] {
        let denied = app.import(who, "outsider,matter,M-1,,\n", false).unwrap_err();
        assert!(matches!(denied, GovernError::Denied(_)), "{who}: {denied}");
        assert!(matches!(app.wall(who, "outsider", "M-1"), Err(GovernError::Denied(_))), "{who}");
    }
    assert!(record::of_kind(&app.open().log, "relationship.changed").is_empty());
}

#[test]
fn a_dry_run_tells_what_each_person_would_gain_and_lose() {
    let app = TestApp::under("hospital");
    for (number, labels) in
        [(1, "patient=P-1"), (2, "patient=P-1"), (3, "patient=P-2"), (4, "department=cardiology")]
    {
        let bytes = format!("Paper number {number} of the ward.").into_bytes();
        let source = Source::Bytes { name: format!("{number}.txt"), bytes };
        app.take_in(vec![source], &["classification=internal", labels]);
    }
    for name in ["outsider", "staff"] {
        let function = [("function".to_owned(), ["nurse".to_owned()].into())].into();
        let nurse = Entitlements { attributes: function, ..Entitlements::default() };
        app.open().governor.accounts.give(&name.parse().unwrap(), &nurse).unwrap();
    }
    app.import("records", "outsider,patient,P-2,,\n", false).unwrap();
    let lines = "outsider,patient,P-1,,\nstaff,department,cardiology,,\nstaff,patient,P-9,,\n\
                 staff,patient,P-1,2100-01-01,\n";
    let decided = || {
        app.open().reader.documents(&app.asker("staff")).unwrap();
        app.open().policies.decided()
    };
    let before = decided();
    let report = app.import("records", lines, true).unwrap();
    assert_eq!(decided(), before, "what was known of anybody's classes is known yet");
    let told: Vec<_> = report
        .persons
        .iter()
        .map(|one| {
            let (gained, lost) = (one.gained.unwrap(), one.lost.unwrap());
            (one.person.as_str(), gained.classes, gained.documents, lost.documents)
        })
        .collect();
    assert_eq!(
        told,
        [("outsider", 1, 2, 1), ("staff", 1, 1, 0)],
        "the future counts when it comes"
    );
}

#[test]
fn a_wall_holds_at_once_and_is_lifted_by_two_persons() {
    let app = TestApp::under("law");
    app.account("ada", Role::Staff, &["matter=M-1".into()]);
    let scope =
        affiant::domain::question::Scope { matter: Some("M-1".to_owned()), ..Default::default() };
    let may = || {
        let policies = &app.open().policies;
        policies.may_in(&app.principal("ada").0, Action::Ask, &scope).is_ok()
    };
    assert!(may());
    app.wall("records", "ada", "M-1").unwrap();
    assert!(!may());
    let none = app.lift("records", "ada", "M-2").unwrap_err();
    assert!(matches!(none, GovernError::NotFound { what: "wall" }), "{none}");
    let proposed = app.lift("records", "ada", "M-1").unwrap();
    assert!(!may(), "one person is not enough");
    app.approve("approver", proposed.id).unwrap();
    assert!(may());
    let kinds: Vec<String> = record::entries(&app.open().log)
        .iter()
        .filter(|entry| entry.req() == Some(proposed.id))
        .map(|entry| entry.kind().to_owned())
        .collect();
    let expected = ["change.proposed", "change.approved", "relationship.changed", "change.applied"];
    assert_eq!(kinds, expected);
}

#[test]
fn a_lift_ends_the_walls_that_it_was_proposed_for_and_none_that_is_set_later() {
    type SetAgain = fn(&TestApp);
    let table: [(&str, SetAgain); 3] = [
        ("by hand", |app| app.wall("records", "outsider", "M-1").unwrap()),
        ("by a source that gives it again", |app| {
            app.import("records", "outsider,wall,M-1,,\n", false).unwrap();
        }),
        ("until another day", |app| {
            app.import("records", "outsider,wall,M-1,,2101-01-01\n", false).unwrap();
        }),
    ];
    for (what, set_again) in table {
        let app = TestApp::under("law");
        let walls = || app.attributes("outsider", "wall");
        set_again(&app);
        let late = app.lift("records", "outsider", "M-1").unwrap();
        let replayed = app.lift("records", "outsider", "M-1").unwrap();
        let applied = app.approve("approver", replayed.id).unwrap();
        assert!(walls().is_empty(), "{what}");
        set_again(&app);
        let refused = app.approve("approver", late.id).unwrap_err();
        assert!(matches!(refused, GovernError::NotOpen { .. }), "{what}: {refused}");
        assert_eq!(walls(), ["M-1"], "{what}: a late approval");

        // As after a crash before the row said that it was done.
        let ChangeState::Applied { by } = applied.state.clone() else { panic!("it is applied") };
        let state = ChangeState::Approved { by, from: affiant::domain::ids::EntryIndex(0) };
        app.open().state.changes().put(&ChangeRow { state, ..applied }).unwrap();
        app.open().governor.resume().unwrap();
        assert_eq!(walls(), ["M-1"], "{what}: a replay");
    }
}

#[test]
fn a_wall_that_its_source_gives_again_outlives_a_lift_proposed_before() {
    let app = TestApp::under("law");
    app.import("records", "outsider,wall,M-1,,\n", false).unwrap();
    let proposed = app.lift("records", "outsider", "M-1").unwrap();
    let report = app.import("records", "outsider,wall,M-1,,\n", false).unwrap();
    assert_eq!((report.added, report.unchanged), (0, 1));
    let refused = app.approve("approver", proposed.id).unwrap_err();
    assert!(matches!(refused, GovernError::NotOpen { .. }), "{refused}");
    assert_eq!(app.attributes("outsider", "wall"), ["M-1"]);
}

#[test]
fn a_lift_leaves_what_was_set_beside_it_since() {
    let app = TestApp::under("law");
    app.wall("records", "outsider", "M-1").unwrap();
    let proposed = app.lift("records", "outsider", "M-1").unwrap();
    app.import("records", "outsider,wall,M-1,,\n", false).unwrap();
    app.approve("approver", proposed.id).unwrap();
    let left = app.open().state.standings().get(&"outsider".parse().unwrap()).unwrap().unwrap();
    let sources: Vec<_> = left.relationships().map(|one| one.source.as_str()).collect();
    assert_eq!(sources, ["hr"], "the source's own");
}

#[test]
fn nobody_helps_to_lift_what_keeps_themselves_away() {
    let app = TestApp::under("law");
    for walled in ["records", "approver"] {
        app.wall("records", walled, "M-1").unwrap();
    }
    app.account("second", Role::RecordsOfficer, &[]);
    let own = app.lift("records", "records", "M-1").unwrap_err();
    assert!(matches!(own, GovernError::OwnWall { .. }), "{own}");
    let others = app.lift("second", "records", "M-1").unwrap();
    let own = app.propose("records", others.proposal.unwrap()).unwrap_err();
    assert!(matches!(own, GovernError::OwnWall { .. }), "{own}");
    let proposed = app.lift("records", "approver", "M-1").unwrap();
    let own = app.approve("approver", proposed.id).unwrap_err();
    assert!(matches!(own, GovernError::OwnWall { .. }), "{own}");
    assert_eq!(app.attributes("approver", "wall"), ["M-1"]);
    let (who, actor) = app.principal("approver");
    app.open().governor.reject(&who, &actor, proposed.id).unwrap();
}

#[test]
fn a_source_that_forgets_a_wall_does_not_lift_it() {
    let app = TestApp::under("law");
    app.import("records", "outsider,wall,M-1,,\noutsider,matter,M-2,,\n", false).unwrap();
    let report = app.import("records", "outsider,matter,M-3,,\n", false).unwrap();
    assert_eq!((report.added, report.removed, report.kept), (1, 1, 1));
    assert_eq!(app.attributes("outsider", "wall"), ["M-1"]);
    let proposed = app.lift("records", "outsider", "M-1").unwrap();
    app.approve("approver", proposed.id).unwrap();
    assert!(app.attributes("outsider", "wall").is_empty());
}

#[test]
fn the_log_names_nobody_and_an_erased_patient_is_in_no_relationship() {
    let app = TestApp::under("hospital");
    app.import("records", "outsider,patient,Quillfeather,,\nstaff,patient,P-2,,\n", false).unwrap();
    let changed = record::of_kind(&app.open().log, "relationship.changed");
    let added = changed[0].details()["added"].as_array().unwrap().clone();
    assert_eq!(added.len(), 2);
    assert!(added.iter().all(|one| one["kind"] == "patient" && one["until"] == Value::Null));
    for entry in record::entries(&app.open().log) {
        let text = String::from_utf8(entry.bytes).unwrap();
        assert!(!text.contains("Quillfeather") && !text.contains("outsider"), "{text}");
    }
    app.erase(Target::Patient("Quillfeather".to_owned()));
    assert!(app.attributes("outsider", "patient").is_empty());
    let standings = app.open().state.standings().list().unwrap();
    assert!(!format!("{standings:?}").contains("Quillfeather"));
    assert!(app.attributes("staff", "patient").contains(&"P-2".to_owned()));
}

#[test]
fn nobody_opens_anything_for_themselves_with_a_file() {
    let app = TestApp::under("law");
    let own = "outsider,matter,M-1,,\nrecords,matter,M-1,,\n";
    for dry_run in [true, false] {
        let refused = app.import("records", own, dry_run).unwrap_err();
        assert!(matches!(refused, GovernError::OwnAccess { .. }), "{refused}");
    }
    assert!(app.attributes("records", "matter").is_empty());
    assert!(app.attributes("outsider", "matter").is_empty(), "whole or not at all");
    app.account("clerk", Role::RecordsOfficer, &[]);
    app.import("clerk", own, false).unwrap();
    assert_eq!(app.attributes("records", "matter"), ["M-1"], "somebody else may");
    let again = "records,matter,M-1,,\nrecords,wall,M-9,,\n";
    app.import("records", again, false).unwrap();
    assert_eq!(app.attributes("records", "wall"), ["M-9"], "and what stays is no news");
    let longer = app.import("records", "records,matter,M-1,,2199-01-01\n", false).unwrap_err();
    assert!(matches!(longer, GovernError::OwnAccess { .. }), "{longer}");
}

#[test]
fn a_wall_that_would_have_ended_is_none() {
    let app = TestApp::under("law");
    let (officer, actor) = app.principal("records");
    let until = |until: &str| {
        let wall = NewWall {
            person: "outsider".parse().unwrap(),
            kind: RelationshipKind::Wall,
            object: "M-1".to_owned(),
            until: Some(until.parse().unwrap()),
        };
        let changer = Changer::Person(&officer);
        app.open().governor.add_wall(changer, &actor, wall, &reason()).map(drop)
    };
    let past = until("2020-01-01").unwrap_err();
    assert!(matches!(past, GovernError::EndsInThePast), "{past}");
    assert_eq!(record::of_kind(&app.open().log, "relationship.changed").len(), 0);
    until("2199-01-01").unwrap();
    assert_eq!(app.attributes("outsider", "wall"), ["M-1"]);
}

#[test]
fn whoever_is_barred_from_a_record_is_kept_from_it_also_in_an_emergency() {
    let app = TestApp::under("hospital");
    let rights = ["function=physician".to_owned(), "patient=P-1".to_owned()];
    app.account("medic", Role::Staff, &rights);
    let chart =
        Source::Bytes { name: "chart.txt".to_owned(), bytes: b"Bed nine is well.".to_vec() };
    app.take_in(vec![chart], &["classification=internal", "patient=P-1"]);
    let scope = |patient: &str| affiant::domain::question::Scope {
        purpose: Some("treatment".to_owned()),
        patient: Some(patient.to_owned()),
        ..Default::default()
    };
    let may = |action, patient: &str| {
        let medic = app.principal("medic").0;
        app.open().policies.may_in(&medic, action, &scope(patient)).is_ok()
    };
    let listed =
        || app.open().reader.documents_for(&app.asker("medic"), &scope("P-1")).unwrap().len();
    assert!(may(Action::Ask, "P-1") && may(Action::OpenEmergency, "P-1"));
    assert_eq!(listed(), 1);
    let set = app.keep("records", "medic", RelationshipKind::Barred, "P-1").unwrap();
    assert_eq!((set.closing.closes.classes, set.closing.closes.documents), (1, 1));
    assert!(set.closing.warnings.is_empty(), "{set:?}");
    assert!(!may(Action::Ask, "P-1") && !may(Action::OpenEmergency, "P-1"));
    assert!(may(Action::OpenEmergency, "P-2"));
    assert_eq!(listed(), 0);
    app.import("records", "staff,barred,P-1,,\n", false).unwrap();
    app.erase(Target::Patient("P-1".to_owned()));
    assert_eq!(app.attributes("medic", "barred"), ["P-1"], "from what may come under the name");
}

#[test]
fn whoever_sets_a_wall_is_told_what_it_closes_and_what_is_odd_about_it() {
    let app = TestApp::under("general");
    let paper = |name: &str| Source::Bytes { name: name.to_owned(), bytes: name.into() };
    let labels = ["classification=internal", "matter=M-17", "client=C-1"];
    app.take_in(vec![paper("One lamp."), paper("Two lamps.")], &labels);
    app.import("records", "outsider,matter,M-20,,\n", false).unwrap();
    let (wall, conflict) = (RelationshipKind::Wall, RelationshipKind::Conflict);
    // (person, kind, object, documents, a word of the warning)
    let table = [
        ("outsider", wall, "M-17", 2, None),
        ("outsider", conflict, "C-1", 2, None),
        ("outsider", wall, "m-17", 0, Some("capital letters")),
        ("outsider", wall, "M-20", 0, Some("for those to come")),
        ("outsider", wall, "M-99", 0, Some("spelled")),
        ("lateral.hire", wall, "M-17", 2, Some("no account yet")),
    ];
    for (person, kind, object, documents, word) in table {
        let set = app.keep("records", person, kind, object).unwrap().closing;
        assert_eq!(set.closes.documents, documents, "{object}");
        assert_eq!(set.warnings.len(), usize::from(word.is_some()), "{set:?}");
        assert!(set.warnings.iter().zip(word).all(|(told, word)| told.contains(word)), "{set:?}");
    }
    app.account("lateral.hire", Role::Staff, &[]);
    assert_eq!(app.attributes("lateral.hire", "wall"), ["M-17"], "from the account's first moment");
    let created = record::of_kind(&app.open().log, "account.created");
    let walls = record::of_kind(&app.open().log, "relationship.changed");
    let (person, walled) = (&created.last().unwrap().details()["person"], walls.last().unwrap());
    assert_eq!(walled.details()["added"][0]["person"], *person, "one person in the log");

    // Whoever is kept away themselves learns nothing of it.
    app.account("walled", Role::RecordsOfficer, &["wall=M-17".to_owned()]);
    let told = app.keep("walled", "staff", wall, "M-17").unwrap().closing;
    assert_eq!((told.closes.documents, told.warnings.len()), (0, 0));
    let lines = "staff,wall,M-17,,\nstaff,wall,M-98,,\nstaff,conflict,C-1,,\n";
    for dry_run in [true, false] {
        let told = app.import("records", lines, dry_run).unwrap().closing;
        assert_eq!((told.closes.classes, told.closes.documents, told.warnings.len()), (1, 2, 1));
    }
}

#[test]
fn a_wall_that_no_policy_reads_is_refused_by_hand_and_told_of_in_a_file() {
    let app = TestApp::holding(Holding::Nothing, |options| {
        let policies = options.home.join("policies");
        std::fs::remove_dir_all(&policies).unwrap();
        std::fs::create_dir(&policies).unwrap();
        for (name, text) in Policies::builtin("general").unwrap() {
            if !name.starts_with("walls.") {
                create_new(&policies.join(name), text.as_bytes(), Readers::Owner).unwrap();
            }
        }
    });
    for kind in RelationshipKind::ALL.into_iter().filter(|kind| kind.restricts()) {
        let refused = app.keep("records", "outsider", kind, "X-1").unwrap_err();
        assert!(matches!(refused, GovernError::NotHeeded { .. }), "{refused}");
        let told = app.import("records", &format!("outsider,{kind},X-1,,\n"), true).unwrap();
        assert!(told.closing.warnings[0].contains(&format!("principal.{kind}")), "{told:?}");
    }
    assert!(record::of_kind(&app.open().log, "relationship.changed").is_empty());
}
