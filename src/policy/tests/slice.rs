//! The policies that are put to Cedar for a document, against all of them.

use super::*;
use crate::policy::decide::is_yes;
use crate::policy::slice::Unscoped;

fn labels() -> impl Strategy<Value = Labels> {
    fn word(words: &'static [&'static str]) -> impl Strategy<Value = Option<String>> {
        proptest::option::of(proptest::sample::select(words).prop_map(str::to_owned))
    }
    let kinds = proptest::option::of(proptest::sample::select(&DocumentKind::ALL[..]));
    (
        word(&["public", "internal", "confidential", "restricted"]),
        (word(&["C-1"]), word(&["er"]), word(&["M-1", "M-2"]), word(&["P-1", "P-2"])),
        kinds,
        (any::<bool>(), any::<bool>()),
    )
        .prop_map(
            |(classification, (client, department, matter, patient), kind, (minor, privileged))| {
                Labels {
                    classification,
                    client,
                    department,
                    matter,
                    patient,
                    kind,
                    minor,
                    privileged,
                }
            },
        )
}

fn people() -> impl Strategy<Value = Principal> {
    const KEYS: [&str; 8] =
        ["barred", "client", "conflict", "department", "function", "matter", "patient", "wall"];
    const VALUES: [&str; 9] =
        ["C-1", "er", "M-1", "M-2", "P-1", "P-2", "billing", "quality", "conflicts"];
    let roles = proptest::collection::btree_set(proptest::sample::select(&Role::ALL[..]), 0..3);
    let pair = (proptest::sample::select(&KEYS[..]), proptest::sample::select(&VALUES[..]));
    let attributes = proptest::collection::vec(pair, 0..8);
    (roles, attributes)
        .prop_map(|(roles, attributes)| person(&roles.into_iter().collect::<Vec<_>>(), &attributes))
}

fn scopes() -> impl Strategy<Value = Scope> {
    let purpose = proptest::sample::select(&Policies::PURPOSES[..]).prop_map(str::to_owned);
    proptest::option::of(purpose).prop_map(|purpose| Scope { purpose, ..Scope::default() })
}

#[test]
fn few_policies_decide_as_all_do() {
    let extra = r#"
        permit (principal == Person::"ada", action == Action::"Search", resource is Document)
        when { principal.matter.contains("M-2") };
        forbid (principal is Person in Role::"auditor", action, resource)
        when { resource is Document && resource.minor };
        forbid (principal in Role::"approver", action in [Action::"Ask", Action::"Reveal"], resource);
    "#;
    for set in Policies::SETS {
        let folder = folder(set);
        put(folder.path(), "extra.cedar", extra);
        let policies = Policies::load(folder.path()).unwrap().now();
        let actions =
            proptest::sample::select(&[Action::Ask, Action::Search, Action::ViewPage][..]);
        let asked = (people(), actions, scopes(), proptest::collection::vec(labels(), 1..6));
        proptest!(|((who, action, scope, labels) in asked)| {
            let asking = policies.asking(&who, action, &scope).unwrap();
            let classes: Vec<_> = (0..).map(AccessClass).zip(labels).collect();
            let permitted = asking.permitted(&scope, &classes.iter().collect::<Vec<_>>());
            for (class, labels) in &classes {
                let by_all = asking.response(Some(labels)).is_some_and(|all| is_yes(&all));
                prop_assert_eq!(permitted.contains(class), by_all, "{:?} {:?}", who, labels);
            }
        });
    }
}

/// One that could not would only be slower: this tells when a set, or Cedar's JSON form, changes so.
#[test]
fn every_policy_of_a_set_can_be_put_without_its_scope() {
    for set in Policies::SETS {
        let policies = Policies::load(folder(set).path()).unwrap().now();
        let all = policies.policies.num_of_policies();
        assert_eq!(Unscoped::of(&policies.policies).len(), all, "{set}");
    }
}
