//! Waiting after failures.

use super::*;
use crate::domain::limits::{
    PASSWORD_CHECKS_MAX, PASSWORD_CHECKS_WAITING_MAX, SIGN_IN_ADDRESS_FAILURES_MAX,
    SIGN_IN_NAME_FAILURES_MAX,
};

fn outside(last: u8) -> Place {
    Place::Outside(Some([192, 0, 2, last].into()))
}

fn from(house: &House, name: &str, password: &str, place: Place) -> Result<Session, SignInError> {
    house.accounts.sign_in(&SignIn { place, ..shown(name, password) })
}

fn is_told_to_wait(tried: &Result<Session, SignInError>) -> bool {
    matches!(tried, Err(SignInError::TooMany { .. }))
}

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

/// The same accounts after a restart.
fn restarted(house: &House) -> Accounts {
    let clock: Arc<TestClock> = Arc::clone(&house.clock);
    let state = house.accounts.0.state.clone();
    Accounts::new(state, SignInRules::default(), clock, Arc::new(SystemEntropy))
}

#[test]
fn a_restart_forgives_no_account() {
    let house = house();
    for _ in 0..5 {
        assert!(sign_in(&house, "ada", "guess").is_err());
    }
    let again = restarted(&house);
    let error = again.sign_in(&shown("ada", PASSWORD)).unwrap_err();
    assert!(matches!(error, SignInError::TooMany { .. }), "{error}");
    house.clock.pass(30);
    assert!(again.sign_in(&shown("ada", PASSWORD)).is_ok());
    assert_eq!(again.0.state.failures().list().unwrap(), []);
}

#[test]
fn a_restart_forgives_no_stranger_either() {
    let house = house();
    for _ in 0..5 {
        assert!(from(&house, "ada", "guess", outside(7)).is_err());
    }
    let again = restarted(&house);
    let tried = |place| again.sign_in(&SignIn { place, ..shown("ada", PASSWORD) });
    assert!(is_told_to_wait(&tried(outside(7))));
    assert!(tried(outside(8)).is_ok());
    assert!(is_told_to_wait(&tried(outside(7))), "what is right elsewhere forgives nothing here");
    let row = again.0.state.failures().list().unwrap().remove(0);
    assert_eq!((row.places.len(), row.all.is_some()), (1, true));
}

#[test]
fn one_client_that_guesses_keeps_nobody_out_but_itself() {
    let house = house();
    let mut minutes = 0;
    while minutes < 24 * 60 {
        if is_told_to_wait(&from(&house, "ada", "guess", outside(7))) {
            assert!(from(&house, "ada", PASSWORD, outside(8)).is_ok(), "{minutes}");
            assert!(sign_in(&house, "ada", PASSWORD).is_ok(), "at the machine");
            house.clock.pass(MINUTE * 15);
            minutes += 15;
        }
    }
    let session = sign_in(&house, "ada", PASSWORD).unwrap();
    let confirm = |password: &str| {
        let shown = SignIn { place: Place::Session, ..shown("ada", password) };
        house.accounts.confirm_session(&session.token, &shown)
    };
    for _ in 0..5 {
        assert!(confirm("guess").is_err());
    }
    assert!(matches!(confirm(PASSWORD), Err(SignInError::TooMany { .. })));
    assert!(from(&house, "ada", PASSWORD, outside(8)).is_ok(), "a stolen session locks no door");
}

#[test]
fn many_clients_that_guess_make_strangers_wait_and_nobody_inside() {
    let house = house();
    let session = sign_in(&house, "ada", PASSWORD).unwrap();
    for at in 0..SIGN_IN_NAME_FAILURES_MAX {
        let client = outside(u8::try_from(at).unwrap());
        assert!(matches!(from(&house, "ada", "guess", client), Err(SignInError::Wrong { .. })));
    }
    assert!(is_told_to_wait(&from(&house, "ada", PASSWORD, outside(200))));
    let shown = SignIn { place: Place::Session, ..shown("ada", PASSWORD) };
    assert!(house.accounts.confirm_session(&session.token, &shown).is_ok());
    assert!(sign_in(&house, "ada", PASSWORD).is_ok());
    house.clock.pass(30);
    assert!(from(&house, "ada", PASSWORD, outside(200)).is_ok());
}

#[test]
fn an_address_that_tries_many_names_waits_and_others_do_not() {
    let house = house();
    let (here, there) = (outside(7), outside(8));
    let mut locked = None;
    for number in 0..SIGN_IN_ADDRESS_FAILURES_MAX {
        let error = from(&house, &format!("n{number}"), "guess", here).unwrap_err();
        let SignInError::Wrong { wait } = error else { panic!("{error}") };
        locked = wait;
    }
    assert_eq!(locked, Some(Locked::Address(Duration::from_secs(30))));
    assert!(is_told_to_wait(&from(&house, "ada", PASSWORD, here)));
    assert!(from(&house, "ada", PASSWORD, there).is_ok());
    house.clock.pass(30);
    assert!(from(&house, "ada", PASSWORD, here).is_ok());
    assert!(from(&house, "ada", PASSWORD, here).is_ok(), "who is right does not wait");
}

#[test]
fn an_office_behind_one_address_that_mistypes_all_day_is_never_kept_out() {
    let house = house();
    for number in 0..8 * 60 {
        let error = from(&house, &format!("n{number}"), "typo", outside(7)).unwrap_err();
        assert!(matches!(error, SignInError::Wrong { wait: None }), "{number}: {error}");
        house.clock.pass(MINUTE);
    }
}

#[test]
fn too_many_at_once_are_turned_away_and_not_counted_as_failures() {
    let house = house();
    let gate = &house.accounts.0.gate;
    let mut inside: Vec<_> = (0..PASSWORD_CHECKS_MAX).map(|_| gate.enter().unwrap()).collect();
    std::thread::scope(|scope| {
        for number in 0..PASSWORD_CHECKS_WAITING_MAX {
            let name = format!("n{number}");
            let house = &house;
            scope.spawn(move || assert!(sign_in(house, &name, "guess").is_err()));
        }
        while gate.waiting() < PASSWORD_CHECKS_WAITING_MAX {
            std::thread::yield_now();
        }
        for _ in 0..10 {
            assert!(matches!(sign_in(&house, "ada", PASSWORD), Err(SignInError::Busy)));
        }
        inside.clear();
    });
    assert!(sign_in(&house, "ada", PASSWORD).is_ok());
}

#[test]
fn an_address_whose_sign_ons_come_to_nothing_waits() {
    let house = house();
    let (one, other) = ("192.0.2.7".parse().ok(), "192.0.2.8".parse().ok());
    for _ in 0..SIGN_IN_ADDRESS_FAILURES_MAX {
        assert!(!house.accounts.must_wait(one));
        house.accounts.sign_on_failed(one);
    }
    assert_eq!([one, other, None].map(|from| house.accounts.must_wait(from)), [true, false, false]);
    house.clock.pass(30);
    assert!(!house.accounts.must_wait(one));
}
