//! Waiting after failures.

use super::*;

#[test]
fn repeated_failures_have_to_wait_known_name_or_not() {
    let house = house();
    for name in ["ada", "nobody"] {
        for _ in 0..5 {
            assert!(matches!(sign_in(&house, name, "guess"), Err(SignInError::Wrong { .. })));
        }
        let error = sign_in(&house, name, PASSWORD).unwrap_err();
        assert_eq!(
            error.to_string(),
            "too many failed attempts: wait 30 seconds and try again",
            "{name}"
        );
    }
    house.clock.pass(30);
    assert!(sign_in(&house, "ada", PASSWORD).is_ok());
    for _ in 0..4 {
        assert!(matches!(sign_in(&house, "ada", "guess"), Err(SignInError::Wrong { .. })));
    }
    assert!(sign_in(&house, "ada", PASSWORD).is_ok(), "success starts the count afresh");
}

#[test]
fn a_restart_forgives_no_account() {
    let house = house();
    for _ in 0..5 {
        assert!(sign_in(&house, "ada", "guess").is_err());
    }
    let clock: Arc<TestClock> = Arc::clone(&house.clock);
    let state = house.accounts.0.state.clone();
    let again = Accounts::new(state, SignInRules::default(), clock, Arc::new(SystemEntropy));
    let error = again.sign_in(&shown("ada", PASSWORD)).unwrap_err();
    assert!(matches!(error, SignInError::TooMany { .. }), "{error}");
    house.clock.pass(30);
    assert!(again.sign_in(&shown("ada", PASSWORD)).is_ok());
    assert_eq!(again.0.state.failures().list().unwrap(), []);
}

#[test]
fn an_address_that_tries_many_names_waits_and_others_do_not() {
    let house = house();
    let from = |name: &str, password: &str, address: &str| {
        let address = Some(address.parse().unwrap());
        house.accounts.sign_in(&SignIn { address, ..shown(name, password) })
    };
    let mut locked = None;
    for number in 0..crate::domain::limits::SIGN_IN_ADDRESS_FAILURES_MAX {
        let name = format!("n{number}");
        let error = from(&name, "guess", "192.0.2.7").unwrap_err();
        let SignInError::Wrong { wait } = error else { panic!("{error}") };
        locked = wait;
    }
    assert_eq!(locked, Some(Locked::Address(Duration::from_secs(30))));
    assert!(matches!(from("ada", PASSWORD, "192.0.2.7"), Err(SignInError::TooMany { .. })));
    assert!(from("ada", PASSWORD, "192.0.2.8").is_ok());
    house.clock.pass(30);
    assert!(from("ada", PASSWORD, "192.0.2.7").is_ok());
    assert!(from("ada", PASSWORD, "192.0.2.7").is_ok(), "who is right does not wait");
}

#[test]
fn an_address_whose_sign_ons_come_to_nothing_waits() {
    let house = house();
    let (one, other) = ("192.0.2.7".parse().ok(), "192.0.2.8".parse().ok());
    for _ in 0..crate::domain::limits::SIGN_IN_ADDRESS_FAILURES_MAX {
        assert!(!house.accounts.must_wait(one));
        house.accounts.sign_on_failed(one);
    }
    assert_eq!([one, other, None].map(|from| house.accounts.must_wait(from)), [true, false, false]);
    house.clock.pass(30);
    assert!(!house.accounts.must_wait(one));
}
