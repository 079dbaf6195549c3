mod confirming;
mod factors;
mod waiting;

use std::fs;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::*;
use crate::domain::clock::{SystemEntropy, Timestamp};
use crate::domain::principal::{Principal, Role};
use crate::domain::secret::Secret;

/// A clock that stands until it is moved.
#[derive(Default)]
struct TestClock(AtomicU64);

impl TestClock {
    fn pass(&self, seconds: u64) {
        self.0.fetch_add(seconds * 1000, Ordering::Relaxed);
    }

    fn step_back(&self, seconds: u64) {
        self.0.fetch_sub(seconds * 1000, Ordering::Relaxed);
    }
}

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_unix_millis(1_800_000_000_000 + self.0.load(Ordering::Relaxed))
    }

    fn steady(&self) -> Duration {
        Duration::from_millis(self.0.load(Ordering::Relaxed))
    }
}

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;
const PASSWORD: &str = "correct horse";

struct House {
    folder: tempfile::TempDir,
    clock: Arc<TestClock>,
    accounts: Accounts,
}

fn house() -> House {
    house_with(SignInRules::default())
}

fn house_with(rules: SignInRules) -> House {
    let folder = tempfile::tempdir().unwrap();
    let clock = Arc::new(TestClock::default());
    crate::store::Vault::create(folder.path(), &SystemEntropy).unwrap();
    let vault = crate::store::Vault::open(folder.path(), Arc::new(SystemEntropy)).unwrap();
    let state = State::open(&folder.path().join("db"), &vault).unwrap();
    let accounts =
        Accounts::new(state, rules, Arc::<TestClock>::clone(&clock), Arc::new(SystemEntropy));
    accounts.create(new("ada", Some(PASSWORD))).unwrap();
    own(&accounts, "ada");
    House { folder, clock, accounts }
}

fn new(name: &str, password: Option<&str>) -> NewAccount {
    NewAccount {
        name: name.parse().unwrap(),
        roles: [Role::Staff].into(),
        attributes: [("matter".to_owned(), ["M-1".to_owned()].into())].into(),
        password: password.map(|text| Secret::new(text.to_owned())),
    }
}

/// Makes the password of an account its owner's own.
fn own(accounts: &Accounts, name: &str) {
    accounts.adopt_password(name, Secret::new(PASSWORD.to_owned())).unwrap();
}

fn who(house: &House, token: &str) -> Option<Principal> {
    house.accounts.session(token).map(|found| found.principal)
}

fn shown<'a>(name: &'a str, password: &'a str) -> SignIn<'a> {
    SignIn { name, password, code: None, place: Place::Machine }
}

fn sign_in(house: &House, name: &str, password: &str) -> Result<Session, SignInError> {
    house.accounts.sign_in(&shown(name, password))
}

fn lasting(seconds: u64) -> NewToken {
    NewToken { ttl: Duration::from_secs(seconds), label: String::new(), scope: None }
}

#[test]
fn an_account_signs_in_and_out() {
    let house = house();
    let session = sign_in(&house, "ada", PASSWORD).unwrap();
    let SignedIn { principal, csrf, .. } = house.accounts.session(&session.token).unwrap();
    assert_eq!(principal, session.principal);
    assert!(principal.has_role(Role::Staff) && principal.attributes["matter"].contains("M-1"));
    assert!(csrf_matches(&csrf, &session.csrf) && session.token.len() == 43);
    let other = sign_in(&house, "ada", PASSWORD).unwrap();
    assert!(!csrf_matches(&other.csrf, &session.csrf) && !csrf_matches("", ""));
    house.accounts.sign_out(&session.token).unwrap();
    house.accounts.sign_out(&session.token).unwrap();
    assert_eq!(who(&house, &session.token), None);
    assert!(who(&house, &other.token).is_some(), "the other browser stays signed in");
    for wrong in ["", "x", &session.token.to_uppercase()] {
        assert_eq!(who(&house, wrong), None, "{wrong}");
    }
}

#[test]
fn generated_passwords_work_and_short_ones_are_refused() {
    let house = house();
    let created = house.accounts.create(new("bob", None)).unwrap();
    assert!(sign_in(&house, "bob", &created.password.unwrap()).is_ok());
    let given = house.accounts.create(new("eve", Some("xkqvzbnw"))).unwrap();
    assert_eq!(given.password, None, "a chosen password is not repeated");
    let long = "x".repeat(257);
    for bad in ["1234567", "", &long] {
        let error = house.accounts.create(new("mal", Some(bad))).unwrap_err();
        assert!(matches!(error, AccountError::BadPassword), "{error}");
    }
    let again = house.accounts.create(new("ada", None)).unwrap_err();
    assert!(matches!(again, AccountError::Exists { .. }), "{again}");
    let names: Vec<_> = house.accounts.list().unwrap().into_iter().map(|row| row.name).collect();
    assert_eq!(names, ["ada", "bob", "eve"].map(|name| name.parse().unwrap()));
}

#[test]
fn a_session_ends_after_eight_hours_however_busy() {
    let house = house();
    let session = sign_in(&house, "ada", PASSWORD).unwrap();
    for _ in 0..8 * 3 - 1 {
        house.clock.pass(20 * MINUTE);
        assert!(who(&house, &session.token).is_some());
    }
    house.clock.pass(20 * MINUTE - 1);
    assert!(who(&house, &session.token).is_some());
    house.clock.pass(1);
    assert_eq!(house.accounts.0.clock.now(), session.expires);
    assert_eq!(who(&house, &session.token), None);
}

#[test]
fn a_session_ends_after_half_an_hour_without_use() {
    let house = house();
    let session = sign_in(&house, "ada", PASSWORD).unwrap();
    house.clock.pass(30 * MINUTE - 1);
    assert!(who(&house, &session.token).is_some());
    house.clock.pass(30 * MINUTE);
    assert_eq!(who(&house, &session.token), None);
    assert_eq!(who(&house, &session.token), None, "looking does not wake it");
}

#[test]
fn ended_sessions_do_not_pile_up() {
    let house = house();
    for _ in 0..3 {
        sign_in(&house, "ada", PASSWORD).unwrap();
        house.clock.pass(HOUR);
    }
    house.accounts.issue_token("ada", lasting(1)).unwrap();
    assert_eq!(house.accounts.0.state.sessions().list().unwrap().len(), 1);
}

#[test]
fn a_token_lasts_as_long_as_it_was_issued_for() {
    let house = house();
    let (token, expires) = house.accounts.issue_token("ada", lasting(HOUR)).unwrap();
    assert_eq!(expires, house.clock.now().after(Duration::from_secs(HOUR)));
    house.clock.pass(HOUR - 1);
    let SignedIn { principal, csrf, .. } = house.accounts.session(&token).unwrap();
    assert_eq!((principal.name.as_str(), csrf.as_str()), ("ada", ""), "no idle end, no forms");
    house.clock.pass(1);
    assert_eq!(who(&house, &token), None);
    let (_, expires) = house.accounts.issue_token("ada", lasting(u64::MAX)).unwrap();
    assert_eq!(expires, house.clock.now().after(Duration::from_secs(90 * 24 * HOUR)));
    let unknown = house.accounts.issue_token("nobody", lasting(1)).unwrap_err();
    assert!(matches!(unknown, AccountError::Unknown { .. }), "{unknown}");
}

#[test]
fn a_clock_that_steps_back_lengthens_no_session_and_no_proof() {
    let house = house();
    house.clock.pass(24 * HOUR);
    let token = sign_in(&house, "ada", PASSWORD).unwrap().token;
    house.clock.step_back(MINUTE);
    assert!(house.accounts.confirmed(&token).is_ok(), "as clocks are set by a little");
    house.clock.step_back(1);
    assert_eq!(who(&house, &token), None);
    assert!(matches!(house.accounts.confirmed(&token), Err(SignInError::ConfirmFirst)));
}

#[test]
fn a_sign_in_with_a_password_that_is_changed_meanwhile_leaves_no_session() {
    let house = house();
    let before = house.accounts.find_row("ada").unwrap();
    own(&house.accounts, "ada");
    assert!(house.accounts.open_session(&before, Factor::None, true).unwrap().is_none());
    assert!(house.accounts.sessions("ada").unwrap().is_empty());
}

#[test]
fn a_disabled_account_is_out_at_once() {
    let house = house();
    let session = sign_in(&house, "ada", PASSWORD).unwrap();
    let (token, _) = house.accounts.issue_token("ada", lasting(HOUR)).unwrap();
    house.accounts.disable("ada").unwrap();
    assert_eq!(who(&house, &session.token), None);
    assert_eq!(who(&house, &token), None);
    assert!(matches!(sign_in(&house, "ada", PASSWORD), Err(SignInError::Wrong { .. })));
    assert!(matches!(house.accounts.principal("ada"), Err(AccountError::Disabled { .. })));
    let issued = house.accounts.issue_token("ada", lasting(1));
    assert!(matches!(issued, Err(AccountError::Disabled { .. })));
    assert!(house.accounts.disable("nobody").is_err());
}

#[test]
fn changes_at_once_do_not_undo_each_other() {
    let house = house();
    let made = std::thread::scope(|scope| {
        let create = || house.accounts.create(new("bob", None)).is_ok();
        let [one, two] = [0, 1].map(|_| scope.spawn(create));
        scope.spawn(|| own(&house.accounts, "ada"));
        scope.spawn(|| house.accounts.disable("ada").unwrap());
        usize::from(one.join().unwrap()) + usize::from(two.join().unwrap())
    });
    assert_eq!(made, 1, "one name, one account");
    assert!(house.accounts.list().unwrap()[0].disabled);
}

#[test]
fn unknown_names_and_wrong_passwords_cannot_be_told_apart() {
    let house = house();
    for (name, password) in
        [("ada", "wrong"), ("nobody", "wrong"), ("No Such Name!", "wrong"), ("", "")]
    {
        let error = sign_in(&house, name, password).unwrap_err();
        assert_eq!(error.to_string(), "the name, the password or the code is wrong", "{name:?}");
    }
}

#[test]
fn no_password_or_token_lies_on_disk_or_is_printed() {
    let house = house();
    let session = sign_in(&house, "ada", PASSWORD).unwrap();
    let (token, _) = house.accounts.issue_token("ada", lasting(HOUR)).unwrap();
    let created = house.accounts.create(new("bob", None)).unwrap();
    let printed = format!("{session:?} {created:?} {:?}", house.accounts);
    let generated = created.password.unwrap();
    house.accounts.0.state.flush().unwrap();
    let secrets = [PASSWORD, &session.token, &token, &generated];
    for secret in secrets {
        assert!(!printed.contains(secret), "{printed}");
    }
    let files = walkdir::WalkDir::new(house.folder.path()).into_iter().map(|entry| entry.unwrap());
    for file in files.filter(|entry| entry.file_type().is_file()) {
        let bytes = fs::read(file.path()).unwrap();
        for secret in secrets {
            let found = bytes.windows(secret.len()).any(|found| found == secret.as_bytes());
            assert!(!found, "{:?}", file.path());
        }
    }
}
