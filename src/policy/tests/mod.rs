mod cache;
mod slice;

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;

use proptest::prelude::*;
use tempfile::TempDir;

use super::*;
use crate::domain::access::{AccessClass, DocumentKind, Labels};
use crate::domain::classes::{ClassList, ClassSet};
use crate::domain::clock::{Clock as _, SystemClock, Timestamp};
use crate::domain::ids::RequestId;
use crate::domain::principal::{Emergency, Principal, Role, Subject};
use crate::domain::question::Scope;
use crate::durable::{Readers, create_new};

fn put(dir: &Path, name: &str, text: &str) {
    create_new(&dir.join(name), text.as_bytes(), Readers::Owner).unwrap();
}

fn folder(set: &str) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in Policies::builtin(set).unwrap() {
        put(folder.path(), name, text);
    }
    folder
}

fn builtin(set: &str) -> Policies {
    Policies::load(folder(set).path()).unwrap()
}

fn person(roles: &[Role], attributes: &[(&str, &str)]) -> Principal {
    let roles = roles.iter().copied().collect();
    let mut who = Principal::new("ada".parse().unwrap(), roles, Default::default());
    for (key, value) in attributes {
        who.attributes.entry((*key).to_owned()).or_default().insert((*value).to_owned());
    }
    who
}

fn classes(labels: &[&[&str]]) -> ClassList {
    (0..)
        .map(AccessClass)
        .zip(labels.iter().map(|pairs| Labels::parse(pairs.iter().copied()).unwrap()))
        .collect()
}

fn allowed(permit: &Permit) -> Vec<u32> {
    permit.classes().iter().map(|class| class.0).collect()
}

#[test]
fn every_example_of_every_set_holds() {
    for set in Policies::SETS {
        let results = Policies::run_examples(folder(set).path());
        let failed: Vec<_> = results.iter().filter(|result| !result.ok).collect();
        assert!(failed.is_empty(), "{set}: {failed:#?}");
        assert!(results.len() > 20, "{set} has examples");
    }
}

#[test]
fn every_policy_file_has_examples() {
    for set in Policies::SETS {
        let files = Policies::builtin(set).unwrap();
        for (name, _) in files.iter().filter(|(name, _)| name.ends_with(".cedar")) {
            let examples = name.replace(".cedar", ".examples.toml");
            assert!(files.iter().any(|(name, _)| *name == examples), "{set}/{examples}");
        }
    }
}

#[test]
fn roles_mean_the_same_in_every_set() {
    let roles = |set| {
        let files = Policies::builtin(set).unwrap();
        files.iter().filter(|(name, _)| name.starts_with("roles.")).collect::<Vec<_>>()
    };
    for set in Policies::SETS {
        assert_eq!(roles(set), roles("general"), "{set}");
    }
    assert!(Policies::builtin("bank").is_none());
}

#[test]
fn an_example_that_does_not_hold_is_told() {
    let folder = folder("general");
    let text = r#"
        [[example]]
        name = "wishful"
        person.roles = ["auditor"]
        action = "Ask"
        expect = "permit"
    "#;
    put(folder.path(), "extra.examples.toml", text);
    put(folder.path(), "wrong.examples.toml", "[[example]]\nname = 3");
    let results = Policies::run_examples(folder.path());
    let failed: Vec<_> = results.into_iter().filter(|result| !result.ok).collect();
    assert_eq!(failed.len(), 2);
    assert_eq!(failed[0].name, "wishful");
    assert!(failed[0].detail.contains("expected permit, the policies deny"), "{failed:?}");
    assert_eq!(failed[1].file, "wrong.examples.toml");
}

#[test]
fn each_role_may_do_its_own_work_and_no_other() {
    let mut table = String::new();
    let policies = builtin("general");
    for role in Role::ALL {
        let who = person(&[role], &[]);
        let may: Vec<_> =
            Action::ALL.into_iter().filter(|action| policies.may(&who, *action).is_ok()).collect();
        writeln!(table, "{role}: {may:?}").unwrap();
    }
    insta::assert_snapshot!(table, @r"
    administrator: [ReadPolicies, ProposePolicies, Explain, ManageAccounts, ManageModels, ReadSystem]
    approver: [ReadPolicies, Approve]
    auditor: [SeeWithheld, ReadLog, ExportLog, ReadPolicies]
    key-custodian: [ReadPolicies, ReadSystem, ManageKeys]
    records-officer: [SeeWithheld, Ingest, LabelDocuments, DeleteDocuments, ListDocuments, ManageHolds, Erase, ManageRelationships, ReviewEmergencies, Reveal, Explain]
    staff: [Ask, Search, ViewPage]
    ");
}

#[test]
fn a_document_without_a_classification_is_visible_to_nobody() {
    let folder = tempfile::tempdir().unwrap();
    put(folder.path(), "all.cedar", "permit (principal, action, resource);");
    let policies = Policies::load(folder.path()).unwrap();
    let everything = classes(&[&[], &["matter=M-1"], &["classification=internal"]]);
    let who = person(&Role::ALL, &[("matter", "M-1")]);
    let permit = policies.permit(&who, Action::Ask, &Scope::default(), &everything).unwrap();
    assert_eq!(allowed(&permit), [2]);
    assert!(!policies.decide_again(&permit, &Labels::default()));
    assert!(!permit.allows(AccessClass(3)), "a class that was not there to decide on");
}

#[test]
fn a_denial_says_why_in_fixed_words() {
    let policies = builtin("law");
    let scope = Scope { matter: Some("M-9".to_owned()), ..Scope::default() };
    let ask = |who: &Principal, scope: &Scope| {
        policies.permit(who, Action::Ask, scope, &ClassList::default()).unwrap_err().reason
    };
    assert_eq!(
        ask(&person(&[Role::Auditor], &[]), &Scope::default()),
        "The policy does not let you ask this question"
    );
    assert_eq!(
        ask(&person(&[Role::Staff], &[]), &scope),
        "The policy does not let you ask this question: you do not work on the matter that you named"
    );
    let denial = policies.permit(
        &person(&[Role::Auditor], &[]),
        Action::ReadLog,
        &scope,
        &ClassList::default(),
    );
    assert!(denial.is_err(), "reading the log opens no documents");
}

#[test]
fn an_ethical_wall_beats_every_grant() {
    let folder = folder("law");
    put(folder.path(), "grant.cedar", "permit (principal, action, resource);");
    let policies = Policies::load(folder.path()).unwrap();
    let everything = classes(&[
        &["classification=internal", "matter=M-1"],
        &["classification=internal", "matter=M-2"],
    ]);
    let who = person(&[Role::Staff], &[("matter", "M-1"), ("matter", "M-2"), ("wall", "M-1")]);
    let permit = policies.permit(&who, Action::Search, &Scope::default(), &everything).unwrap();
    assert_eq!(allowed(&permit), [1]);
}

#[test]
fn a_declared_scope_narrows_and_never_widens() {
    let policies = builtin("general");
    let everything = classes(&[
        &["classification=internal"],
        &["classification=internal", "matter=M-1"],
        &["classification=internal", "matter=M-2"],
        &["classification=internal", "patient=P-1"],
    ]);
    let who = person(&[Role::Staff], &[("matter", "M-1"), ("matter", "M-2"), ("patient", "P-1")]);
    let scope = |matter: Option<&str>, patient: Option<&str>| Scope {
        matter: matter.map(str::to_owned),
        patient: patient.map(str::to_owned),
        purpose: None,
    };
    let table: [(Scope, &[u32]); 4] = [
        (scope(None, None), &[0, 1, 2, 3]),
        (scope(Some("M-1"), None), &[0, 1, 3]),
        (scope(Some("M-3"), None), &[0, 3]),
        (scope(Some("M-1"), Some("P-2")), &[0, 1]),
    ];
    for (scope, expected) in table {
        let permit = policies.permit(&who, Action::Ask, &scope, &everything).unwrap();
        assert_eq!(allowed(&permit), expected, "{scope:?}");
        for (class, labels) in everything.iter() {
            assert_eq!(policies.decide_again(&permit, labels), permit.allows(*class));
        }
    }
}

#[test]
fn a_sites_own_attribute_is_a_tag() {
    let folder = folder("general");
    let text = r#"forbid (principal, action in Action::"Read", resource is Document)
        unless { principal.hasTag("team") && principal.getTag("team").contains("billing") };"#;
    put(folder.path(), "team.cedar", text);
    let policies = Policies::load(folder.path()).unwrap();
    let internal = classes(&[&["classification=internal"]]);
    for (attributes, expected) in [(&[("team", "billing")][..], 1), (&[], 0)] {
        let who = person(&[Role::Staff], attributes);
        let permit = policies.permit(&who, Action::Ask, &Scope::default(), &internal).unwrap();
        assert_eq!(permit.classes().len(), expected);
    }
}

#[test]
fn a_permit_holds_until_the_person_changes_or_the_time_that_a_policy_reads_does() {
    let folder = folder("general");
    let plain = Policies::load(folder.path()).unwrap();
    let text = r#"forbid (principal, action in Action::"Read", resource is Document)
        when { context.now >= datetime("2026-01-31T17:00:00Z") };"#;
    put(folder.path(), "evening.cedar", text);
    let timed = Policies::load(folder.path()).unwrap();
    assert!(timed.mentions_time() && !plain.mentions_time());
    let internal = classes(&[&["classification=internal"]]);
    let time = |text: &str| text.parse::<Timestamp>().unwrap();
    let change = time("2026-01-31T16:59:30Z");
    // (as of, the person's next change, holds until without and with the time, classes)
    let table = [
        ("2026-01-31T16:59:20Z", None, None, "2026-01-31T17:00:00Z", 1),
        ("2026-01-31T16:59:20Z", Some(change), Some(change), "2026-01-31T16:59:30Z", 1),
        ("2026-01-31T17:00:00Z", None, None, "2026-01-31T17:01:00Z", 0),
    ];
    for (as_of, until, without, with, seen) in table {
        let who = Principal { as_of: time(as_of), until, ..person(&[Role::Staff], &[]) };
        let permit =
            |policies: &Policies| policies.permit(&who, Action::Ask, &Scope::default(), &internal);
        assert_eq!(permit(&plain).unwrap().valid_until(), without, "{as_of}");
        let timed = permit(&timed).unwrap();
        assert_eq!(
            (timed.valid_until(), timed.classes().len()),
            (Some(time(with)), seen),
            "{as_of}"
        );
    }
}

#[test]
fn withheld_counts_are_shown_to_those_who_know_the_catalogue() {
    let policies = builtin("general");
    for (roles, expected) in [(&[Role::Staff][..], false), (&[Role::Staff, Role::Auditor], true)] {
        let who = person(roles, &[]);
        let permit =
            policies.permit(&who, Action::Ask, &Scope::default(), &ClassList::default()).unwrap();
        assert_eq!(permit.shows_withheld(), expected, "{roles:?}");
    }
}

#[test]
fn a_broken_directory_gives_every_problem_with_its_file() {
    let folder = folder("general");
    let dir = folder.path();
    put(dir, "a.cedar", "permit (principal, action, resource)\nwhen { principal.shoe == 42 };");
    put(dir, "b.cedar", "permit (principal, action resource);");
    put(dir, "c.cedar", r#"permit (principal in Role::"stuff", action, resource);"#);
    put(dir, "d.cedar", r#"permit (principal == ?principal, action, resource);"#);
    put(dir, "e.cedar", r#"forbid (principal, action, resource == Document::"x");"#);
    put(dir, "f.cedar", "permit (principal, action, resource) when { false };");
    put(dir, "g.cedar.bak", "");
    put(dir, "schema.cedarschema", "entity Person;");
    let problems = Policies::load(dir).unwrap_err();
    let files: BTreeSet<_> = problems.iter().map(|problem| problem.file.as_str()).collect();
    let expected = ["a.cedar", "b.cedar", "c.cedar", "d.cedar", "e.cedar", "f.cedar"];
    let expected = expected.into_iter().chain(["g.cedar.bak", "schema.cedarschema"]).collect();
    assert_eq!(files, expected, "{problems:#?}");
    let shoe = problems.iter().find(|problem| problem.file == "a.cedar").unwrap();
    assert!(shoe.detail.starts_with("line 2: "), "{shoe}");
    let nothing = tempfile::tempdir().unwrap();
    assert!(Policies::load(nothing.path()).unwrap_err()[0].detail.contains("no *.cedar file"));
    assert_eq!(Policies::load(&nothing.path().join("missing")).unwrap_err().len(), 1);
}

#[test]
fn the_digest_names_what_decides_and_nothing_else() {
    let folder = folder("general");
    let before = Policies::load(folder.path()).unwrap();
    assert_eq!(before.digest(), builtin("general").digest());
    put(folder.path(), "more.examples.toml", "");
    assert_eq!(Policies::load(folder.path()).unwrap().digest(), before.digest());
    put(folder.path(), "more.cedar", "forbid (principal, action, resource);");
    let after = Policies::load(folder.path()).unwrap();
    assert_ne!(after.digest(), before.digest());
    let files = after.files();
    let names: Vec<_> = files.iter().map(|file| file.name.as_str()).collect();
    assert_eq!(
        names,
        ["documents.cedar", "more.cedar", "roles.cedar", "schema.cedarschema", "walls.cedar"]
    );
}

#[test]
fn ten_thousand_classes_are_decided_while_a_person_waits() {
    let policies = builtin("general");
    let many: ClassList = (0..10_000)
        .map(|at| {
            let matter = format!("matter=M-{at}");
            let labels = Labels::parse(["classification=internal", matter.as_str()]).unwrap();
            (AccessClass(at), labels)
        })
        .collect();
    let who = person(&[Role::Staff], &[("matter", "M-7"), ("matter", "M-8")]);
    let clock = SystemClock::start();
    let permit = policies.permit(&who, Action::Ask, &Scope::default(), &many).unwrap();
    let took = clock.steady();
    assert_eq!(allowed(&permit), [7, 8]);
    assert!(took.as_secs() < 20, "{took:?} in a debug build, which also checks every entity");
}

fn labels() -> impl Strategy<Value = Labels> {
    let value = |words: &'static [&'static str]| {
        proptest::option::of(proptest::sample::select(words).prop_map(str::to_owned))
    };
    let texts = (
        value(&["public", "internal", "confidential"]),
        value(&["C-1", "C-2"]),
        value(&["er", "lab"]),
        value(&["M-1", "M-2"]),
        value(&["P-1", "P-2"]),
    );
    let kind = proptest::option::of(proptest::sample::select(&DocumentKind::ALL[..]));
    (texts, kind, any::<bool>(), any::<bool>()).prop_map(
        |((classification, client, department, matter, patient), kind, minor, privileged)| Labels {
            classification,
            client,
            department,
            kind,
            matter,
            minor,
            patient,
            privileged,
        },
    )
}

fn anybody() -> impl Strategy<Value = Principal> {
    let words = ["C-1", "C-2", "M-1", "M-2", "P-1", "P-2", "er", "lab", "confidential", "true"];
    let words: Vec<_> = words.into_iter().chain(FUNCTIONS).collect();
    let keys = ["matter", "patient", "department", "clearance", "wall", "privileged", "team"];
    let keys: Vec<_> =
        keys.into_iter().chain(["barred", "client", "conflict", "function"]).collect();
    let opened = prop_oneof![
        proptest::sample::select(&["M-1", "M-2"][..]).prop_map(|m| Subject::Matter(m.to_owned())),
        proptest::sample::select(&["P-1", "P-2"][..]).prop_map(|p| Subject::Patient(p.to_owned())),
    ];
    let pair = (proptest::sample::select(keys), proptest::sample::select(words));
    let pairs =
        proptest::collection::vec(pair.prop_map(|(k, v)| (k.to_owned(), v.to_owned())), 0..12);
    let roles = proptest::sample::subsequence(&Role::ALL[..], 0..=Role::ALL.len());
    let minutes = 0..2_000_u64;
    (roles, pairs, proptest::option::of(opened), minutes).prop_map(|(roles, pairs, opened, at)| {
        let pairs: Vec<_> = pairs.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
        let id = RequestId(uuid::Uuid::nil());
        let emergencies = opened.into_iter().map(|subject| Emergency { id, subject }).collect();
        let as_of = Timestamp::from_unix_millis(at * 60_000);
        Principal { emergencies, as_of, ..person(&roles, &pairs) }
    })
}

/// What the sets know people to do here, and why they ask.
const FUNCTIONS: [&str; 4] = ["billing", "nurse", "pediatrics", "conflicts"];
const PURPOSES: [&str; 4] = ["treatment", "payment", "operations", "conflict-check"];

/// Policies that forbid something, each a different shape.
const FORBIDS: [&str; 8] = [
    r#"forbid (principal, action, resource) when { context.now > datetime("1970-01-01T12:00:00Z") };"#,
    r#"forbid (principal, action in Action::"Read", resource is Document)
       when { resource has patient && principal.emergency.patient.contains(resource.patient) };"#,
    r#"forbid (principal, action in Action::"Read", resource is Document)
       when { resource has kind && resource.kind != Kind::"clinical" || resource.minor };"#,
    r#"forbid (principal, action, resource is Document)
       when { resource has client } unless { principal.client.contains(resource.client) };"#,
    r#"forbid (principal, action in Action::"Read", resource is Document) when { resource.privileged };"#,
    r#"forbid (principal, action == Action::"Ask", resource) when { context has purpose };"#,
    r#"forbid (principal in Role::"auditor", action, resource);"#,
    r#"forbid (principal, action in Action::"Read", resource is Document)
       when { resource has matter && principal.matter.contains(resource.matter) };"#,
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// In every set, for anybody, an added forbid never permits more; and deciding one document
    /// again agrees with deciding its class.
    #[test]
    fn adding_a_forbid_never_permits_more(
        set in proptest::sample::select(&Policies::SETS[..]),
        forbid in proptest::sample::select(&FORBIDS[..]),
        who in anybody(),
        labels in proptest::collection::vec(labels(), 1..20),
        purpose in proptest::option::of(proptest::sample::select(&PURPOSES[..])),
    ) {
        let folder = folder(set);
        let before = Policies::load(folder.path()).unwrap();
        put(folder.path(), "added.cedar", forbid);
        let after = Policies::load(folder.path()).unwrap();
        let scope = Scope { purpose: purpose.map(str::to_owned), ..Scope::default() };
        let all: ClassList = (0..).map(AccessClass).zip(labels).collect();
        let classes = |policies: &Policies| {
            policies.permit(&who, Action::Ask, &scope, &all).map_or_else(
                |_| ClassSet::default(),
                |permit| {
                    for (class, labels) in all.iter() {
                        assert_eq!(policies.decide_again(&permit, labels), permit.allows(*class));
                    }
                    ClassSet::clone(permit.classes())
                },
            )
        };
        prop_assert!(classes(&after).is_subset(&classes(&before)));
        for action in Action::ALL {
            prop_assert!(after.may(&who, action).is_err() || before.may(&who, action).is_ok());
        }
    }
}

#[test]
fn a_screen_keeps_away_what_a_wall_or_a_conflict_forbids_and_nothing_else() {
    let officer = [Role::RecordsOfficer];
    let walled = ["classification=internal", "matter=M-17", "client=C-1"];
    type Case<'a> = (&'a str, &'a [(&'a str, &'a str)], &'a [&'a str], bool);
    let patient = ["classification=internal", "patient=P-1"];
    let table: [Case<'_>; 18] = [
        ("general", &[("wall", "M-17")], &walled, true),
        ("law", &[("wall", "M-17")], &walled, true),
        ("hospital", &[("wall", "M-17")], &walled, true),
        ("law", &[("conflict", "C-1")], &walled, true),
        ("general", &[("conflict", "C-1")], &walled, true),
        ("hospital", &[("conflict", "C-1")], &walled, true),
        ("general", &[("conflict", "C-2")], &walled, false),
        ("general", &[("barred", "P-1")], &patient, true),
        ("law", &[("barred", "P-1")], &patient, true),
        ("hospital", &[("barred", "P-1")], &patient, true),
        ("hospital", &[("barred", "P-2")], &patient, false),
        ("hospital", &[("wall", "P-1"), ("conflict", "P-1")], &patient, false),
        ("law", &[("wall", "M-18")], &walled, false),
        ("law", &[("matter", "M-17"), ("wall", "M-17")], &walled, true),
        // Forbidden to whoever is not of the team: that takes no right to keep it.
        ("law", &[("wall", "M-18")], &["classification=internal", "client=C-1"], false),
        ("law", &[("wall", "M-18")], &["privileged=true", "matter=M-17"], false),
        ("law", &[], &walled, false),
        // Nobody sees a document without a classification; the wall stands all the same.
        ("law", &[("wall", "M-17")], &["matter=M-17"], true),
    ];
    for (set, attributes, labels, expected) in table {
        let screen = builtin(set).screen(&person(&officer, attributes));
        let labels = Labels::parse(labels.iter().copied()).unwrap();
        assert_eq!(screen.keeps_away(&labels), expected, "{set} {attributes:?} {labels:?}");
        assert_eq!(screen.is_clear(), attributes.is_empty());
    }
}

#[test]
fn a_right_to_administer_that_a_group_may_give_is_warned_of() {
    for set in Policies::SETS {
        assert!(builtin(set).warnings().is_empty(), "{set}");
    }
    let table = [
        (r#"permit (principal in Role::"auditor", action == Action::"Approve", resource);"#, 1),
        (
            r#"permit (principal, action in [Action::"Explain", Action::"ManageKeys"], resource)
            when { principal.function.contains("it") };"#,
            1,
        ),
        (r#"permit (principal in Role::"staff", action, resource);"#, 1),
        (
            r#"permit (principal in Role::"approver", action == Action::"ManageAccounts", resource);"#,
            0,
        ),
        (r#"permit (principal in Role::"staff", action == Action::"Reveal", resource);"#, 0),
        (
            r#"forbid (principal, action == Action::"Approve", resource) when { context has matter };"#,
            0,
        ),
    ];
    for (policy, expected) in table {
        let folder = folder("general");
        put(folder.path(), "own.cedar", policy);
        let warnings = Policies::load(folder.path()).unwrap().warnings();
        assert_eq!(warnings.len(), expected, "{policy}: {warnings:?}");
        assert!(warnings.iter().all(|one| one.file == "own.cedar"), "{warnings:?}");
    }
}
