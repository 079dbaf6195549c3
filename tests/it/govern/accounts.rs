//! What one administrator may do alone, what two persons may, and what the machine's operator.

use std::collections::BTreeSet;

use affiant::domain::change::Proposal;
use affiant::domain::principal::{Attributes, Entitlements, Role};
use affiant::domain::reason::Reason;
use affiant::domain::relationship::{RelationshipKind, SourceName};
use affiant::govern::{Changer, EnterError, GovernError, NewWall};
use affiant::identity::{AccountError, NewAccount, SignInError};

use crate::support::record;
use crate::support::test_app::{TestApp, lasting_an_hour};

use super::reason;

/// `M=…` is an attribute, all else a role.
fn rights(words: &[&str]) -> Entitlements {
    let mut rights = Entitlements::default();
    for word in words {
        match word.split_once('=') {
            Some((key, value)) => {
                rights.attributes.entry(key.to_owned()).or_default().insert(value.to_owned());
            }
            None => {
                rights.roles.insert(word.parse().unwrap());
            }
        }
    }
    rights
}

fn grant(account: &str, words: &[&str]) -> Proposal {
    Proposal::GrantRights { account: account.parse().unwrap(), rights: rights(words) }
}

impl TestApp {
    fn create(&self, by: Option<&str>, name: &str, words: &[&str]) -> Result<(), GovernError> {
        let Entitlements { roles, attributes } = rights(words);
        let new = NewAccount { name: name.parse().unwrap(), roles, attributes, password: None };
        let governor = &self.open().governor;
        let created = match by {
            Some(by) => {
                let (who, actor) = self.principal(by);
                governor.create_account(Changer::Person(&who), &actor, new)
            }
            None => governor.create_account(Changer::Operator, &self.open().operator(None), new),
        };
        created.map(drop)
    }

    fn disable(&self, by: &str, name: &str) -> Result<affiant::govern::Disabled, GovernError> {
        let (who, actor) = self.principal(by);
        self.open().governor.disable_account(Changer::Person(&who), &actor, name)
    }

    fn revoke(&self, by: &str, name: &str, words: &[&str]) -> Result<(), GovernError> {
        let (who, actor) = self.principal(by);
        let name = name.parse().unwrap();
        self.open().governor.revoke_rights(Changer::Person(&who), &actor, &name, &rights(words))
    }

    fn has(&self, name: &str) -> (BTreeSet<Role>, Attributes) {
        let who = self.principal(name).0;
        (who.roles, who.attributes)
    }

    fn entries_of(&self, change: affiant::domain::ids::RequestId) -> Vec<String> {
        let entries = record::entries(&self.open().log);
        let own = entries.iter().filter(|entry| entry.req() == Some(change));
        own.map(|entry| entry.kind().to_owned()).collect()
    }
}

#[test]
fn an_administrator_alone_makes_plain_staff_and_nothing_else() {
    let app = TestApp::empty();
    for words in [
        &["records-officer", "staff"][..],
        &["auditor"],
        &["administrator"],
        &["key-custodian"],
        &["staff", "matter=M-17", "privileged=true", "clearance=restricted"],
        &["staff", "department=quay"],
    ] {
        let refused = app.create(Some("admin"), "ghost", words).unwrap_err();
        assert!(matches!(refused, GovernError::TwoPersons), "{words:?}: {refused}");
        assert!(refused.to_string().contains("affiant user grant"), "{refused}");
    }
    // What waits for a name is not for whoever makes an account of that name.
    let (who, actor) = app.principal("records");
    let source = SourceName::try_from("hr".to_owned()).unwrap();
    let file = b"person,kind,object\nghost,matter,M-17\nwalled,wall,M-17\n";
    let governor = &app.open().governor;
    let changer = Changer::Person(&who);
    governor.import_relationships(changer, &actor, &source, file, false).unwrap();
    let awaited = app.create(Some("admin"), "ghost", &["staff"]).unwrap_err();
    assert!(matches!(awaited, GovernError::OperatorOnly { .. }), "{awaited}");
    app.create(Some("admin"), "walled", &["staff"]).unwrap();
    app.create(Some("admin"), "plain", &["staff"]).unwrap();
    assert_eq!(app.has("plain"), (BTreeSet::new(), Attributes::new()), "nothing yet");
    app.create(None, "ghost", &["staff", "records-officer", "matter=M-18"]).unwrap();
    assert_eq!(app.has("ghost").1["matter"].len(), 2, "the operator sets up");
}

#[test]
fn whom_one_administrator_made_reads_nothing_until_a_second_person_agrees() {
    let app = TestApp::empty();
    let report = app.ingest_text("lantern.txt", "Nineteen lanterns hang in the harbour office.");
    let document = report.documents[0].id;
    app.create(Some("admin"), "eve", &["staff"]).unwrap();
    let queue = app.open().state.changes().list().unwrap();
    let [change] = queue.as_slice() else { panic!("{queue:?}") };
    assert_eq!((change.proposer.as_str(), change.proven), ("admin", false));
    let reads = || {
        let reader = &app.open().reader;
        let listed = reader.documents(&app.asker("eve")).unwrap().len();
        (listed, reader.pages(&app.asker("eve"), document).is_ok())
    };
    assert_eq!(reads(), (0, false));
    let handed_out = app.approve("approver", change.id).unwrap_err();
    assert!(
        matches!(handed_out, GovernError::Account(AccountError::HandedOut { .. })),
        "whoever made it knows the password: {handed_out}"
    );
    let accounts = &app.open().governor.accounts;
    accounts.adopt_password("eve", crate::support::PASSWORD.to_owned().into()).unwrap();
    assert_eq!(reads(), (0, false), "nor by changing it");
    app.approve("approver", change.id).unwrap();
    assert_eq!(app.has("eve"), ([Role::Staff].into(), Attributes::new()));
    assert_eq!(reads(), (1, true));
}

#[test]
fn two_persons_give_roles_and_attributes_and_the_record_commits_to_them() {
    let app = TestApp::empty();
    app.create(None, "fresh", &["staff"]).unwrap();
    let handed_out = app.propose("admin", grant("fresh", &["matter=M-17"])).unwrap_err();
    assert!(
        matches!(handed_out, GovernError::Account(AccountError::HandedOut { .. })),
        "{handed_out}"
    );
    for (words, why) in [(&[][..], "nothing in it"), (&["wall=M-17"], "it takes access away")] {
        assert!(app.propose("admin", grant("outsider", words)).is_err(), "{why}");
    }
    let words = ["records-officer", "matter=M-17", "matter=M-18"];
    let proposed = app.propose("admin", grant("outsider", &words)).unwrap();
    let own = app.approve("admin", proposed.id).unwrap_err();
    assert!(matches!(own, GovernError::Denied(_)), "{own}");
    assert_eq!(app.has("outsider"), ([Role::Staff].into(), Attributes::new()));
    app.approve("approver", proposed.id).unwrap();
    let (roles, attributes) = app.has("outsider");
    assert_eq!(roles, [Role::RecordsOfficer, Role::Staff].into());
    assert_eq!(attributes, rights(&words).attributes);
    let expected =
        ["change.proposed", "change.approved", "role.granted", "rights.changed", "change.applied"];
    assert_eq!(app.entries_of(proposed.id), expected);

    let changed = record::of_kind(&app.open().log, "rights.changed").pop().unwrap();
    assert_eq!(changed.details()["attributes_gained"], 2);
    let (who, actor) = app.confirmed("records");
    let reveal = |entry: &affiant::audit::Entry| {
        app.open().examiner.reveal(&who, &actor, entry.index, &reason()).unwrap()
    };
    let told = reveal(&changed).contents.clone().unwrap();
    assert_eq!(told["account"], "outsider");
    assert_eq!(told["gained"]["attributes"]["matter"], serde_json::json!(["M-17", "M-18"]));
    let made = record::of_kind(&app.open().log, "account.created");
    let staff = made.iter().map(|entry| reveal(entry).contents.clone().unwrap());
    let staff = staff.into_iter().find(|told| told["account"] == "staff").unwrap();
    assert!(staff["gained"]["attributes"]["matter"].is_array(), "{staff}");
    for entry in record::entries(&app.open().log) {
        let text = String::from_utf8(entry.bytes).unwrap();
        assert!(!text.contains("M-17") && !text.contains("outsider"), "{text}");
    }
    // What the entry commits to goes with the matter, and so does what the queue says of it.
    app.erase(affiant::domain::change::Target::Matter("M-17".to_owned()));
    assert_eq!(reveal(&changed).state, affiant::examine::ContentsState::Erased);
    let queue = app.open().state.changes().list().unwrap();
    assert!(!format!("{queue:?}").contains("M-17"));
    assert_eq!(app.has("outsider").1, rights(&["matter=M-18"]).attributes);
}

#[test]
fn an_administrator_acts_for_nobody_who_may_more_than_they_give() {
    let app = TestApp::empty();
    app.account("ada", Role::Staff, &[]);
    let governor = &app.open().governor;
    let (who, actor) = app.principal("admin");
    let admin = Changer::Person(&who);
    for name in ["ada", "staff", "records", "admin"] {
        let refused = governor.issue_token(admin, &actor, name, lasting_an_hour()).unwrap_err();
        assert!(matches!(refused, GovernError::OperatorOnly { .. }), "{name}: {refused}");
    }
    let nothing = governor.reset_second_factor(admin, &actor, "ada").unwrap_err();
    assert!(matches!(nothing, GovernError::Account(AccountError::NoSecondFactor)), "{nothing}");
    let (officer, its) = app.principal("records");
    let source = SourceName::try_from("hr".to_owned()).unwrap();
    let file = b"person,kind,object\nada,matter,M-17\n";
    let changer = Changer::Person(&officer);
    governor.import_relationships(changer, &its, &source, file, false).unwrap();
    for name in ["ada", "staff", "records", "auditor", "approver"] {
        let refused = governor.reset_password(admin, &actor, name).unwrap_err();
        assert!(matches!(refused, GovernError::OperatorOnly { .. }), "{name}: {refused}");
    }
    governor.reset_password(admin, &actor, "outsider").unwrap();
    governor.reset_password(Changer::Operator, &app.open().operator(None), "ada").unwrap();
    let issued = record::of_kind(&app.open().log, "token.issued");
    assert!(issued.is_empty());
    let operator = app.open().operator(None);
    governor.issue_token(Changer::Operator, &operator, "staff", lasting_an_hour()).unwrap();
    let issued = record::of_kind(&app.open().log, "token.issued");
    assert_eq!(issued[0].actor_id(), "operator", "the record says who issued it");
}

#[test]
fn the_last_of_two_persons_stays_unless_the_operator_says_otherwise() {
    let app = TestApp::empty();
    for (name, role) in [("approver", "approver"), ("admin", "administrator")] {
        let last = app.disable("admin", name).unwrap_err();
        assert!(matches!(last, GovernError::LastOne { .. }), "{name}: {last}");
        let last = app.revoke("admin", name, &[role]).unwrap_err();
        assert!(matches!(last, GovernError::LastOne { .. }), "{name}: {last}");
    }
    let early = app.create(None, "second", &["approver"]).unwrap_err();
    assert!(matches!(early, GovernError::NeedsApproval { .. }), "{early}");
    let governor = &app.open().governor;
    let operator = app.open().operator(None);
    let left = governor.disable_account(Changer::Operator, &operator, "approver").unwrap();
    assert_eq!(left.vacant, [Role::Approver]);
    let custodian = app.create(None, "keeper", &["key-custodian"]).unwrap_err();
    assert!(matches!(custodian, GovernError::NeedsApproval { .. }), "{custodian}");
    app.account("second", Role::Approver, &[]);
    let third = app.create(None, "third", &["approver"]).unwrap_err();
    assert!(matches!(third, GovernError::NeedsApproval { .. }), "{third}");
    let actor = governor.actor("second", affiant::domain::principal::Via::Cli, None);
    let shown = crate::support::PASSWORD.to_owned().into();
    let shown = affiant::identity::Credential::password(shown, None);
    let quiet = governor.confirm(&actor, "second", &shown).unwrap_err();
    assert!(
        matches!(quiet, EnterError::SignIn(SignInError::ResetLately { .. })),
        "others have a day to notice: {quiet}"
    );
    governor.enable_account(&operator, "approver").unwrap();
    assert!(app.has("approver").0.contains(&Role::Approver));
    assert_eq!(record::of_kind(&app.open().log, "account.enabled").len(), 1);
    app.disable("admin", "second").unwrap();
    app.disable("admin", "approver").unwrap_err();
}

#[test]
fn a_disabled_account_comes_back_by_two_persons_and_its_name_is_nobody_elses() {
    let app = TestApp::empty();
    let (officer, actor) = app.principal("records");
    let wall = NewWall {
        person: "staff".parse().unwrap(),
        kind: RelationshipKind::Wall,
        object: "M-9".to_owned(),
        until: None,
    };
    let why = Reason::try_from("their wife is the other side's counsel".to_owned()).unwrap();
    let changer = Changer::Person(&officer);
    app.open().governor.add_wall(changer, &actor, wall, &why).unwrap();
    let enable = || Proposal::EnableAccount { account: "staff".parse().unwrap() };
    let active = app.propose("admin", enable()).unwrap_err();
    assert!(matches!(active, GovernError::Account(AccountError::NotDisabled { .. })), "{active}");
    let had = app.has("staff").1;
    let subjects = ["matter", "patient", "client"].map(|key| had.get(key).map_or(0, BTreeSet::len));
    let told = app.disable("admin", "staff").unwrap();
    assert_eq!(told.walls, 1);
    assert_eq!(usize::try_from(told.subjects).unwrap(), subjects.iter().sum::<usize>());
    let entry = record::of_kind(&app.open().log, "account.disabled").pop().unwrap();
    assert_eq!(
        (&entry.details()["walls"], &entry.details()["subjects"]),
        (&told.walls.into(), &told.subjects.into())
    );
    for by in [Some("admin"), None] {
        let taken = app.create(by, "staff", &["staff"]).unwrap_err();
        assert!(
            matches!(taken, GovernError::Account(AccountError::Exists { .. })),
            "{by:?}: {taken}"
        );
    }
    let proposed = app.propose("admin", enable()).unwrap();
    assert!(app.open().governor.accounts.principal("staff").is_err(), "one is not enough");
    app.approve("approver", proposed.id).unwrap();
    assert_eq!(app.has("staff").1, had, "with what it had, its walls too");
    let expected = ["change.proposed", "change.approved", "account.enabled", "change.applied"];
    assert_eq!(app.entries_of(proposed.id), expected);
}

#[test]
fn rights_are_taken_back_at_once_and_on_record() {
    let app = TestApp::empty();
    app.account("ada", Role::Staff, &["matter=M-1".into(), "matter=M-2".into()]);
    let session = affiant::identity::SignIn {
        name: "ada",
        password: crate::support::PASSWORD,
        code: None,
        place: affiant::identity::Place::Machine,
    };
    let governor = &app.open().governor;
    let session = governor.accounts.sign_in(&session).unwrap().token;
    let matters = || {
        let signed_in = governor.accounts.session(&session).unwrap().principal;
        signed_in.attributes.get("matter").map_or(0, BTreeSet::len)
    };
    assert_eq!(matters(), 2);
    for words in [&["matter=M-3"][..], &["matter=M-1", "auditor"], &["team=none"]] {
        let lacking = app.revoke("admin", "ada", words).unwrap_err();
        assert!(
            matches!(lacking, GovernError::Account(AccountError::NotGiven { .. })),
            "{words:?}: {lacking}"
        );
    }
    for who in ["records", "ada", "auditor", "approver"] {
        let denied = app.revoke(who, "ada", &["matter=M-1"]).unwrap_err();
        assert!(matches!(denied, GovernError::Denied(_)), "{who}: {denied}");
    }
    assert_eq!(matters(), 2);
    app.revoke("admin", "ada", &["matter=M-1"]).unwrap();
    assert_eq!(matters(), 1, "in an open session");
    app.revoke("admin", "ada", &["staff", "matter=M-2"]).unwrap();
    assert_eq!(app.has("ada"), (BTreeSet::new(), Attributes::new()));
    let changed = record::of_kind(&app.open().log, "rights.changed").pop().unwrap();
    assert_eq!(changed.details()["lost"], serde_json::json!(["staff"]));
    assert_eq!(changed.details()["attributes_lost"], 1);
    let wall = app.revoke("admin", "ada", &["wall=M-1"]).unwrap_err();
    assert!(matches!(wall, GovernError::NotAGrant), "{wall}");
}
