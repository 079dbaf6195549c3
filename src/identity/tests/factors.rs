//! The second factor.

use super::*;
use crate::identity::totp::tests::code_now;

fn password(code: Option<&str>) -> Credential {
    let secret = |text: &str| Secret::new(text.to_owned());
    Credential::password(secret(PASSWORD), code.map(secret))
}

fn with_code<'a>(code: &'a str) -> SignIn<'a> {
    SignIn { code: Some(code), ..shown("ada", PASSWORD) }
}

/// Enrols, and gives the secret and the recovery codes.
fn enrol(house: &House) -> (String, Vec<String>) {
    let owner = house.accounts.own("ada", &password(None)).unwrap();
    let begun = house.accounts.begin_enrolment(&owner).unwrap();
    assert!(begun.uri.starts_with("otpauth://totp/Affiant:ada?secret="));
    assert!(begun.uri.contains(&begun.secret) && !format!("{begun:?}").contains(&begun.secret));
    let wrong = house.accounts.finish_enrolment(&owner, "000000x");
    assert!(matches!(wrong, Err(AccountError::WrongCode)));
    assert!(sign_in(house, "ada", PASSWORD).is_ok(), "not in force yet");
    let code = code_now(&begun.secret, house.clock.now());
    let codes = house.accounts.finish_enrolment(&owner, &code).unwrap();
    let again = house.accounts.finish_enrolment(&owner, &code);
    assert!(matches!(again, Err(AccountError::NoEnrolment)));
    (begun.secret, codes)
}

#[test]
fn each_code_is_taken_once() {
    let house = house();
    let (secret, _) = enrol(&house);
    let code = || code_now(&secret, house.clock.now());
    for missing in [None, Some(""), Some("000000"), Some("abcd-efgh")] {
        let shown = SignIn { code: missing, ..shown("ada", PASSWORD) };
        let error = house.accounts.sign_in(&shown).unwrap_err();
        assert!(matches!(error, SignInError::Wrong { .. }), "{missing:?}: {error}");
    }
    assert!(house.accounts.sign_in(&with_code(&code())).is_err(), "spent on the enrolment");
    house.clock.pass(30);
    let now = code();
    assert_eq!(house.accounts.sign_in(&with_code(&now)).unwrap().factor, Factor::Code);
    assert!(house.accounts.sign_in(&with_code(&now)).is_err());
    assert!(house.accounts.confirm("ada", &password(Some(&now))).is_err(), "nor for anything else");
    house.clock.pass(30);
    let spaced = code().split_at(3).0.to_owned() + " " + code().split_at(3).1;
    assert!(house.accounts.confirm("ada", &password(Some(&spaced))).is_ok());
    assert!(house.accounts.confirm("ada", &password(None)).is_err());
}

#[test]
fn of_two_at_once_with_one_code_one_comes_in() {
    for is_recovery in [false, true] {
        let house = house();
        let (secret, recovery) = enrol(&house);
        house.clock.pass(30);
        let code = code_now(&secret, house.clock.now());
        let code = if is_recovery { &recovery[0] } else { &code };
        let inside = std::thread::scope(|scope| {
            let tries =
                [0; 4].map(|_| scope.spawn(|| house.accounts.sign_in(&with_code(code)).is_ok()));
            tries.into_iter().filter_map(|tried| tried.join().ok()).filter(|inside| *inside).count()
        });
        assert_eq!(inside, 1);
    }
}

#[test]
fn ten_recovery_codes_each_stand_in_once() {
    let house = house();
    let (_, codes) = enrol(&house);
    assert_eq!(codes.len(), 10);
    let typed = codes[0].to_uppercase().replace('-', " ");
    let session = house.accounts.sign_in(&with_code(&typed)).unwrap();
    assert_eq!(session.factor, Factor::Recovery { left: 9 });
    assert!(house.accounts.sign_in(&with_code(&codes[0])).is_err());
    assert!(house.accounts.sign_in(&with_code(&codes[9])).is_ok());
    house.accounts.drop_second_factor("ada").unwrap();
    assert!(sign_in(&house, "ada", PASSWORD).is_ok());
}

#[test]
fn a_role_that_asks_for_a_second_factor_reaches_nothing_before_it() {
    let second_factor = [Role::Staff].into();
    let house = house_with(SignInRules { second_factor, ..SignInRules::default() });
    let session = sign_in(&house, "ada", PASSWORD).unwrap();
    assert_eq!(session.lacks, Some(Lacking::SecondFactor));
    assert!(matches!(house.accounts.confirmed(&session.token), Err(SignInError::EnrolFirst)));
    assert!(matches!(house.accounts.confirm("ada", &password(None)), Err(SignInError::EnrolFirst)));
    assert!(house.accounts.owned(&session.token).is_ok(), "but they may enrol it");
    enrol(&house);
    assert_eq!(house.accounts.session(&session.token).unwrap().lacks, None);
    assert!(house.accounts.confirmed(&session.token).is_ok());
}

#[test]
fn no_secret_of_a_second_factor_lies_on_disk_in_clear() {
    let house = house();
    let (secret, codes) = enrol(&house);
    house.accounts.0.state.flush().unwrap();
    let files = walkdir::WalkDir::new(house.folder.path()).into_iter().map(|entry| entry.unwrap());
    for file in files.filter(|entry| entry.file_type().is_file()) {
        let bytes = fs::read(file.path()).unwrap();
        for hidden in [&secret, &codes[0]] {
            let found = bytes.windows(hidden.len()).any(|found| found == hidden.as_bytes());
            assert!(!found, "{:?}", file.path());
        }
    }
}
