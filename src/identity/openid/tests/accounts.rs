//! Accounts that follow the groups.

use super::*;
use crate::domain::principal::{Entitlements, Principal, Role};
use crate::identity::{
    AccountError, Accounts, AdmitError, NewAccount, NewToken, Session, SignIn, SignInError,
    SignInRules,
};
use crate::store::{State, Vault};

const LAST: Duration = Duration::from_secs(3_600);

fn shown<'a>(name: &'a str, password: &'a str) -> SignIn<'a> {
    SignIn { name, password, code: None, place: crate::identity::Place::Machine }
}

fn lasting(ttl: Duration) -> NewToken {
    NewToken { ttl, label: String::new(), scope: None }
}

struct Office {
    house: House,
    key: Signer,
    accounts: Accounts,
    _folder: tempfile::TempDir,
}

impl Office {
    fn new() -> Self {
        let key = Signer::p256("k1");
        let mut house = House::new(&[&key]);
        let roles = [("all", "staff"), ("records", "records-officer"), ("it", "administrator")];
        let roles = roles.map(|(group, role)| (group.to_owned(), vec![role.to_owned()]));
        let attributes = [("m-*", "matter=*")];
        let attributes = attributes.map(|(group, pair)| (group.to_owned(), vec![pair.to_owned()]));
        house.provider.settings.mapping =
            Mapping::parse(&roles.into(), &attributes.into()).unwrap();
        let folder = tempfile::tempdir().unwrap();
        Vault::create(folder.path(), &SystemEntropy).unwrap();
        let vault = Vault::open(folder.path(), Arc::new(SystemEntropy)).unwrap();
        let state = State::open(&folder.path().join("db"), &vault).unwrap();
        let clock: Arc<dyn Clock> = Arc::<StillClock>::clone(&house.clock);
        let accounts = Accounts::new(state, SignInRules::default(), clock, Arc::new(SystemEntropy));
        Self { house, key, accounts, _folder: folder }
    }

    /// A sign-on of the person with this subject and name, in these groups.
    fn enter(&self, subject: &str, name: &str, groups: &[&str]) -> Result<Session, AdmitError> {
        self.enter_with(&self.claims(subject, name, groups))
    }

    fn enter_with(&self, claims: &Value) -> Result<Session, AdmitError> {
        let on = self.house.sign_on(&self.key, claims).unwrap();
        let plan = self.accounts.plan(&on, LAST)?;
        self.accounts.carry_out(&plan)?;
        match plan.is_member() {
            true => self.accounts.open_planned(&plan),
            false => Err(AdmitError::NoGroup { name: None }),
        }
    }

    fn claims(&self, subject: &str, name: &str, groups: &[&str]) -> Value {
        let now = NOW + self.house.clock.steady().as_secs();
        json!({ "sub": subject, "preferred_username": name, "groups": groups, "iat": now,
                "exp": now + 300 })
    }

    fn refusal(&self, subject: &str, name: &str, groups: &[&str]) -> String {
        self.enter(subject, name, groups).unwrap_err().to_string()
    }

    fn who(&self, name: &str) -> Principal {
        self.accounts.principal(name).unwrap()
    }

    /// What two persons give her.
    fn give(&self, role: Role) {
        let rights = Entitlements { roles: [role].into(), ..Entitlements::default() };
        self.accounts.give(&"ada".parse().unwrap(), &rights).unwrap();
    }

    fn local(&self, name: &str) {
        let (roles, attributes) = ([Role::Staff].into(), BTreeMap::new());
        let password = Some(Secret::new("a password of its own".to_owned()));
        let name = name.parse().unwrap();
        self.accounts.create(NewAccount { name, roles, attributes, password }).unwrap();
    }
}

#[test]
fn the_first_sign_on_makes_an_account_of_the_subject_not_of_the_name() {
    let office = Office::new();
    office.local("bo");
    let session = office.enter("s-1", "ada", &["all", "m-7"]).unwrap();
    assert_eq!(session.principal, office.who("ada"));
    assert_eq!(session.principal.roles, [Role::Staff].into());
    // (subject, name, groups, what becomes of it)
    let table: &[(&str, &str, &[&str], &str)] = &[
        ("s-2", "ada", &["all"], "name_taken"),
        ("s-2", "bo", &["all"], "name_taken"),
        ("s-2", "", &["all"], "name_unfit"),
        ("s-2", "../root", &["all"], "name_unfit"),
        ("s-2", "cy", &["m-7", "strangers"], "no_group"),
        ("s-2", "cy", &[], "no_group"),
    ];
    for (subject, name, groups, expected) in table {
        assert_eq!(office.refusal(subject, name, groups), *expected, "{name} {groups:?}");
    }
    assert_eq!(office.accounts.list().unwrap().len(), 2, "ada and bo");
    // Married, and renamed by the provider: the same person, the same account.
    let again = office.enter("s-1", "ada.lovelace", &["all"]).unwrap();
    assert_eq!(again.principal.name.as_str(), "ada");
    for guess in ["", "a password of its own"] {
        assert!(office.accounts.sign_in(&shown("ada", guess)).is_err(), "it has no password");
    }
    assert!(office.accounts.reset_password("ada", Timestamp::from_unix_millis(0)).is_err());
    let unproved = office.accounts.confirmed(&again.token);
    assert!(matches!(unproved, Err(SignInError::ConfirmFirst)), "signed in there anyway");
}

#[test]
fn nobody_is_called_as_the_operator_or_as_whoever_was_erased() {
    let office = Office::new();
    for name in ["operator", "erased"] {
        let refused = office.enter("s-1", name, &["all"]);
        assert!(matches!(refused, Err(AdmitError::NameUnfit)), "{name}: {refused:?}");
        let new = NewAccount {
            name: name.parse().unwrap(),
            roles: [].into(),
            attributes: BTreeMap::new(),
            password: None,
        };
        let refused = office.accounts.check(&new);
        assert!(matches!(refused, Err(AccountError::ReservedName { .. })), "{name}: {refused:?}");
    }
}

#[test]
fn rights_follow_the_groups_and_sessions_end_where_they_shrink() {
    let office = Office::new();
    let first = office.enter("s-1", "ada", &["all"]).unwrap();
    let script = office.accounts.issue_token("ada", lasting(LAST)).unwrap().0;
    let live = |session: &Session| office.accounts.session(&session.token).is_some();
    let more = office.enter("s-1", "ada", &["all", "records", "m-7"]).unwrap();
    assert!(live(&first) && live(&more), "more rights end nothing");
    let held = office.accounts.session(&first.token).unwrap().principal;
    assert_eq!(held.roles, [Role::Staff, Role::RecordsOfficer].into());
    assert_eq!(held.attributes["matter"], ["7".to_owned()].into());
    let less = office.enter("s-1", "ada", &["all", "records"]).unwrap();
    assert!(!live(&first) && !live(&more) && live(&less), "less end the older ones");
    assert!(office.who("ada").attributes.is_empty());
    assert!(office.accounts.session(&script).is_none());
    assert_eq!(office.refusal("s-1", "ada", &["strangers"]), "no_group");
    assert!(!live(&less) && office.who("ada").roles.is_empty(), "nothing is left");
    assert!(office.enter("s-1", "ada", &["all"]).is_ok(), "and all is back with the group");
    office.accounts.disable("ada").unwrap();
    assert_eq!(office.refusal("s-1", "ada", &["all"]), "account_disabled");
}

#[test]
fn roles_that_administer_take_two_persons_and_the_group() {
    let office = Office::new();
    let admin = |groups: &[&str]| {
        office.enter("s-1", "ada", groups).unwrap().principal.has_role(Role::Administrator)
    };
    assert!(!admin(&["all", "it"]), "the group alone gives nothing");
    office.give(Role::Administrator);
    assert!(admin(&["all", "it"]), "two persons, and the group");
    assert!(!admin(&["all"]), "two persons without the group");
    assert!(admin(&["it"]));
}

#[test]
fn what_groups_gave_counts_for_a_limited_time() {
    let office = Office::new();
    office.enter("s-1", "ada", &["all", "m-7"]).unwrap();
    office.give(Role::Auditor);
    let script = office.accounts.issue_token("ada", lasting(10 * LAST)).unwrap().0;
    let roles = || office.accounts.session(&script).unwrap().principal.roles.len();
    office.house.clock.0.store(3_599, Ordering::Relaxed);
    assert_eq!(roles(), 2);
    office.house.clock.0.store(3_600, Ordering::Relaxed);
    assert_eq!((roles(), office.who("ada").attributes.len()), (0, 0), "whoever left has nothing");
    office.enter("s-1", "ada", &["all"]).unwrap();
    assert_eq!(office.who("ada").roles.len(), 2);
}

#[test]
fn an_erased_matter_goes_from_what_groups_gave() {
    let office = Office::new();
    office.enter("s-1", "ada", &["all", "m-7", "m-8"]).unwrap();
    assert_eq!(office.accounts.forget_attribute("matter", "7").unwrap(), 1);
    assert_eq!(office.who("ada").attributes["matter"], ["8".to_owned()].into());
}

#[test]
fn what_a_group_gives_for_a_time_begins_and_ends_by_itself() {
    let office = Office::new();
    let sign_on = |until: u64| {
        let mut claims = office.claims("s-1", "ada", &[]);
        claims["groups"] = json!([
            "all",
            { "name": "m-7", "from": NOW + 100, "until": until },
            { "name": "it", "until": NOW + 200 },
            { "name": "records", "until": NOW + 300 },
        ]);
        office.enter_with(&claims).unwrap()
    };
    let session = sign_on(NOW + 200);
    office.give(Role::Administrator);
    let held = || office.accounts.session(&session.token).unwrap().principal;
    // (seconds later, matters, roles, when that changes)
    let (staff, officer, admin) = (Role::Staff, Role::RecordsOfficer, Role::Administrator);
    let table: [(usize, usize, &[Role], u64); 4] = [
        (0, 0, &[admin, officer, staff], 100),
        (100, 1, &[admin, officer, staff], 200),
        (200, 0, &[officer, staff], 300),
        (300, 0, &[staff], 3_600),
    ];
    for (later, matters, roles, change) in table {
        office.house.clock.0.store(later, Ordering::Relaxed);
        let who = held();
        assert_eq!(who.attributes.get("matter").into_iter().flatten().count(), matters, "{later}");
        assert_eq!(who.roles, roles.iter().copied().collect(), "{later}");
        let change = Timestamp::from_unix_millis((NOW + change) * 1000);
        assert_eq!(who.until, Some(change), "{later}");
    }
    assert_eq!(office.accounts.forget_attribute("matter", "7").unwrap(), 1);
}

#[test]
fn other_dates_for_the_same_group_are_a_change() {
    let office = Office::new();
    let plan = |until: u64| {
        let mut claims = office.claims("s-1", "ada", &[]);
        claims["groups"] = json!(["all", { "name": "m-7", "until": until }]);
        let on = office.house.sign_on(&office.key, &claims).unwrap();
        let plan = office.accounts.plan(&on, LAST).unwrap();
        office.accounts.carry_out(&plan).unwrap();
        plan
    };
    assert!(plan(NOW + 50).is_new());
    assert!(plan(NOW + 50).change().is_none());
    let longer = plan(NOW + 90);
    assert!(!longer.change().is_none() && !longer.change().shrinks());
    assert_eq!(longer.change().dated.as_ref().map(Vec::len), Some(1));
    assert_eq!(office.who("ada").until, Some(Timestamp::from_unix_millis((NOW + 90) * 1000)));
}
