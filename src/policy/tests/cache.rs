//! What is decided once, and what is decided again.

use super::*;

/// A ward and its patients, each a class of their own, and general papers.
fn ward(patients: u32) -> ClassList {
    let general = (AccessClass(0), Labels::internal());
    let of = |n: u32| {
        let patient = Some(format!("P-{n}"));
        (AccessClass(n), Labels { patient, ..Labels::internal() })
    };
    [general].into_iter().chain((1..=patients).map(of)).collect()
}

fn ask(policies: &Policies, who: &Principal, classes: &ClassList) -> Permit {
    policies.permit(who, Action::Ask, &Scope::default(), classes).unwrap()
}

#[test]
fn what_is_known_is_not_decided_again() {
    let policies = builtin("general");
    let mut classes = ward(600);
    let nurse = person(&[Role::Staff], &[("patient", "P-7"), ("patient", "P-300")]);
    assert_eq!(allowed(&ask(&policies, &nurse, &classes)), [0, 7, 300]);
    assert_eq!(policies.decided(), 601);
    let later = Principal { as_of: Timestamp::from_unix_millis(5), ..nurse.clone() };
    assert_eq!(allowed(&ask(&policies, &later, &classes)), [0, 7, 300]);
    assert_eq!(policies.decided(), 601, "the same person, action and scope");

    classes.push(AccessClass(601), Labels::internal());
    assert_eq!(allowed(&ask(&policies, &nurse, &classes)), [0, 7, 300, 601]);
    assert_eq!(policies.decided(), 602, "one class was new");

    let moved = person(&[Role::Staff], &[("patient", "P-7"), ("patient", "P-8")]);
    assert_eq!(allowed(&ask(&policies, &moved, &classes)), [0, 7, 8, 601]);
    assert_eq!(policies.decided(), 604, "only the patient who left and the one who came");

    let shorter: ClassList = classes.iter().filter(|(class, _)| class.0 != 7).cloned().collect();
    assert_eq!(allowed(&ask(&policies, &moved, &shorter)), [0, 8, 601]);
    assert_eq!(policies.decided(), 604 + 601, "other classes: nothing is known of them");

    let other = person(&[Role::Staff, Role::Auditor], &[("patient", "P-7")]);
    assert_eq!(allowed(&ask(&policies, &other, &shorter)), [0, 601]);
    assert_eq!(policies.decided(), 604 + 601 * 2, "other roles are another person");
    let scope = Scope { patient: Some("P-8".to_owned()), ..Scope::default() };
    policies.permit(&moved, Action::Ask, &scope, &shorter).unwrap();
    assert!(policies.decided() > 604 + 601 * 2, "another scope is another question");
}

#[test]
fn a_document_that_is_decided_by_itself_costs_no_decision_of_a_class() {
    let policies = builtin("general");
    let classes = ward(3);
    let nurse = person(&[Role::Staff], &[("patient", "P-2")]);
    ask(&policies, &nurse, &classes);
    let before = policies.decided();
    let afresh = policies.afresh(&nurse, Action::Ask, &Scope::default()).unwrap();
    let permitted = classes.iter().filter(|(_, labels)| afresh.permits(labels));
    assert_eq!(permitted.map(|(class, _)| class.0).collect::<Vec<_>>(), [0, 2]);
    assert_eq!(allowed(&ask(&policies, &nurse, &classes)), [0, 2]);
    assert_eq!(policies.decided(), before, "what was known is still known");
    let nobody = person(&[], &[]);
    assert!(policies.afresh(&nobody, Action::Ask, &Scope::default()).is_err());
    assert!(policies.afresh(&nurse, Action::LabelDocuments, &Scope::default()).is_err());
}

#[test]
fn policies_that_read_the_time_are_decided_anew_each_minute() {
    let folder = folder("general");
    let text = r#"forbid (principal, action in Action::"Read", resource is Document)
        when { context.now >= datetime("1970-01-01T00:02:00Z") };"#;
    put(folder.path(), "until.cedar", text);
    let policies = Policies::load(folder.path()).unwrap();
    let classes = ward(3);
    for (at, permitted, decided) in [(0, 1, 4), (59_999, 1, 4), (60_000, 1, 8), (120_000, 0, 12)] {
        let who =
            Principal { as_of: Timestamp::from_unix_millis(at), ..person(&[Role::Staff], &[]) };
        let permit = ask(&policies, &who, &classes);
        assert_eq!((permit.classes().len(), policies.decided()), (permitted, decided), "{at}");
        let ends = permit.valid_until().unwrap().unix_millis();
        assert!(ends > at && ends <= at + 60_000, "{at} {ends}");
    }
}

#[test]
fn only_a_limited_number_of_decisions_is_kept() {
    let policies = builtin("general");
    let classes = ward(2);
    let named = |n: u32| {
        let name = format!("nurse-{n}").parse().unwrap();
        Principal { name, ..person(&[Role::Staff], &[]) }
    };
    (0..300).for_each(|n| drop(ask(&policies, &named(n), &classes)));
    let before = policies.decided();
    ask(&policies, &named(299), &classes);
    assert_eq!(policies.decided(), before, "the newest is known");
    ask(&policies, &named(0), &classes);
    assert_eq!(policies.decided(), before + 3, "the oldest is not");
}

/// Policies that use the sets of a person in ways that reach further than one label.
const FAR: [&str; 5] = [
    r#"permit (principal, action in Action::"Read", resource is Document)
       when { principal.matter.contains("M-1") };"#,
    r#"forbid (principal, action in Action::"Read", resource is Document)
       when { principal.patient.isEmpty() };"#,
    r#"forbid (principal, action in Action::"Read", resource is Document)
       when { context has matter && !principal.matter.contains(context.matter) };"#,
    r#"permit (principal, action in Action::"Read", resource is Document)
       when { (if resource.privileged then principal else principal).wall.contains("M-2") };"#,
    r#"permit (principal, action in Action::"Read", resource is Document)
       when { resource has department && principal.wall.contains(resource.department) }
       when { principal.hasTag("team") };"#,
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Whatever changes, and however policies use it: what is mended equals what is decided anew.
    #[test]
    fn a_mended_decision_is_the_decision(
        set in proptest::sample::select(&Policies::SETS[..]),
        far in proptest::option::of(proptest::sample::select(&FAR[..])),
        people in proptest::collection::vec(anybody(), 2..5),
        labels in proptest::collection::vec(labels(), 4..30),
        matter in proptest::option::of(Just("M-1".to_owned())),
    ) {
        let folder = folder(set);
        if let Some(far) = far {
            put(folder.path(), "far.cedar", far);
        }
        let policies = Policies::load(folder.path()).unwrap();
        let scope = Scope { matter, purpose: Some("treatment".to_owned()), ..Scope::default() };
        let mut classes = ClassList::default();
        let mut unseen = (0..).map(AccessClass).zip(labels);
        for mut who in people {
            who.roles = [Role::Staff].into(); // So that only attributes differ.
            unseen.by_ref().take(6).for_each(|(class, labels)| classes.push(class, labels));
            let Ok(permit) = policies.permit(&who, Action::Ask, &scope, &classes) else { continue };
            let again = policies.again(&permit);
            for (class, labels) in classes.iter() {
                prop_assert_eq!(permit.allows(*class), again.permits(labels), "{:?}", labels);
            }
        }
    }
}
