//! Who is believed, and with what.

use super::*;
use crate::domain::principal::Entitlements;

const OTHER: &str = "another horse";

fn secret(text: &str) -> Secret {
    Secret::new(text.to_owned())
}

fn password(text: &str) -> Credential {
    Credential::password(secret(text), None)
}

fn own_token(house: &House, name: &str) -> String {
    let who = house.accounts.confirm(name, &password(PASSWORD)).unwrap();
    house.accounts.issue_own_token(&who, lasting(HOUR)).unwrap().0
}

#[test]
fn one_confirms_oneself_with_what_is_ones_own_and_nothing_else() {
    let house = house();
    house.accounts.create(new("bo", Some(OTHER))).unwrap();
    let given = |name| house.accounts.issue_token(name, lasting(HOUR)).unwrap().0;
    let token = |text: &str| Credential::token(secret(text), None);
    let session = sign_in(&house, "ada", PASSWORD).unwrap().token;
    let own = own_token(&house, "ada");
    let table = [
        ("ada", password(PASSWORD), "ok"),
        ("ada", token(&own), "ok"),
        ("ada", token(&given("ada")), "somebody else issued this token"),
        ("ada", token(&session), "somebody else issued this token"),
        ("ada", password(OTHER), "is wrong"),
        ("ada", token(&given("bo")), "is wrong"),
        ("ada", token(""), "is wrong"),
        ("bo", password(OTHER), "somebody else chose this password"),
        ("bo", token(&own), "is wrong"),
        ("nobody", token(&own), "is wrong"),
    ];
    for (name, credential, expected) in table {
        let told = match house.accounts.confirm(name, &credential) {
            Ok(confirmed) => format!("ok {}", confirmed.principal().name),
            Err(error) => error.to_string(),
        };
        assert!(told.contains(expected), "{name} {credential:?}: {told}");
    }
    house.accounts.disable("ada").unwrap();
    assert!(house.accounts.confirm("ada", &token(&own)).is_err());
}

#[test]
fn a_password_confirms_once_its_owner_chose_it() {
    let house = house();
    house.accounts.create(new("bo", Some(OTHER))).unwrap();
    let session = sign_in(&house, "bo", OTHER).unwrap();
    assert_eq!(session.lacks, None, "it signs in");
    assert!(matches!(house.accounts.confirmed(&session.token), Err(SignInError::NotOwn { .. })));
    assert!(house.accounts.holder(&shown("bo", "guess")).is_err());
    for bad in [OTHER, "short", "bo"] {
        let holder = house.accounts.holder(&shown("bo", OTHER)).unwrap();
        assert!(house.accounts.choose(holder, secret(bad)).is_err(), "{bad}");
    }
    let elsewhere = sign_in(&house, "bo", OTHER).unwrap();
    let holder = house.accounts.holder(&shown("bo", OTHER)).unwrap();
    let chosen = house.accounts.choose(holder, secret(PASSWORD)).unwrap();
    house.accounts.change_password(chosen, Some(&session.token)).unwrap();
    assert!(house.accounts.confirm("bo", &password(PASSWORD)).is_ok());
    assert!(house.accounts.confirmed(&session.token).is_ok(), "the session goes on");
    assert_eq!(who(&house, &elsewhere.token), None, "others end");
    assert!(sign_in(&house, "bo", OTHER).is_err());
}

#[test]
fn a_reset_account_only_changes_its_password_and_confirms_nothing_for_a_day() {
    let house = house();
    let (session, token) = (sign_in(&house, "ada", PASSWORD).unwrap(), own_token(&house, "ada"));
    let from = house.clock.now().after(Duration::from_secs(24 * HOUR));
    let one_time = house.accounts.reset_password("ada", from).unwrap();
    assert_eq!((who(&house, &session.token), who(&house, &token)), (None, None));
    let session = sign_in(&house, "ada", &one_time).unwrap();
    assert_eq!(session.lacks, Some(Lacking::Password));
    let holder = house.accounts.holder(&shown("ada", &one_time)).unwrap();
    let chosen = house.accounts.choose(holder, secret(PASSWORD)).unwrap();
    house.accounts.change_password(chosen, Some(&session.token)).unwrap();
    let lacks = house.accounts.session(&session.token).unwrap().lacks;
    assert_eq!(lacks, None);
    let early = house.accounts.confirm("ada", &password(PASSWORD));
    assert!(matches!(early, Err(SignInError::ResetLately { .. })));
    assert!(house.accounts.own("ada", &password(PASSWORD)).is_ok(), "but they may enrol a factor");
    house.clock.pass(24 * HOUR);
    assert!(house.accounts.confirm("ada", &password(PASSWORD)).is_ok());
}

#[test]
fn a_proof_of_who_one_is_holds_for_five_minutes() {
    let house = house();
    let session = sign_in(&house, "ada", PASSWORD).unwrap().token;
    let token = own_token(&house, "ada");
    assert!(house.accounts.confirmed(&session).is_ok());
    let unproved = house.accounts.confirmed(&token);
    assert!(matches!(unproved, Err(SignInError::ConfirmFirst)), "a token alone proves nothing");
    house.clock.pass(5 * MINUTE - 1);
    assert!(house.accounts.confirmed(&session).is_ok());
    house.clock.pass(1);
    assert!(matches!(house.accounts.confirmed(&session), Err(SignInError::ConfirmFirst)));
    assert!(house.accounts.confirm_session(&session, &shown("ada", "guess")).is_err());
    house.accounts.create(new("bo", None)).unwrap();
    own(&house.accounts, "bo");
    assert!(house.accounts.confirm_session(&session, &shown("bo", PASSWORD)).is_err());
    let given = house.accounts.issue_token("ada", lasting(HOUR)).unwrap().0;
    let played = house.accounts.confirm_session(&given, &shown("ada", PASSWORD));
    assert!(matches!(played, Err(SignInError::TokenNotOwn)), "another has it too");
    assert!(matches!(house.accounts.confirmed(&given), Err(SignInError::TokenNotOwn)));
    for secret in [&session, &token] {
        house.accounts.confirm_session(secret, &shown("ada", PASSWORD)).unwrap();
        assert!(house.accounts.confirmed(secret).is_ok());
    }
    assert!(matches!(house.accounts.confirmed("x"), Err(SignInError::ConfirmFirst)));
}

#[test]
fn a_token_is_neither_widened_nor_renewed_with_itself() {
    let house = house();
    let who = house.accounts.confirm("ada", &password(PASSWORD)).unwrap();
    for words in [["Approve"], ["all"]] {
        let new = NewToken { scope: token_scope(words).unwrap(), ..lasting(HOUR) };
        let (token, _) = house.accounts.issue_own_token(&who, new).unwrap();
        let shown = Credential::token(secret(&token), None);
        let by_token = house.accounts.confirm("ada", &shown).unwrap();
        assert_eq!(by_token.principal().token_scope.is_none(), words == ["all"]);
        let more = house.accounts.issue_own_token(&by_token, lasting(HOUR));
        assert!(matches!(more, Err(AccountError::PasswordOnly)), "{words:?}");
        let removed = house.accounts.remove_second_factor(&by_token);
        assert!(matches!(removed, Err(AccountError::PasswordOnly)), "{words:?}");
        let enrolled = house.accounts.begin_enrolment(&by_token.into_owner());
        assert!(matches!(enrolled, Err(AccountError::PasswordOnly)), "{words:?}");
    }
    let removed = house.accounts.remove_second_factor(&who);
    assert!(matches!(removed, Err(AccountError::NoSecondFactor)));
}

#[test]
fn a_role_of_two_persons_is_given_to_its_person_and_to_no_token_of_others() {
    let house = house();
    let bo = house.accounts.create(new("bo", Some(OTHER))).unwrap().principal.name;
    let handed_out = house.accounts.check_in_own_hands(&bo);
    assert!(matches!(handed_out, Err(AccountError::HandedOut { .. })));
    own(&house.accounts, "bo");
    house.accounts.check_in_own_hands(&bo).unwrap();
    let given = house.accounts.issue_token("bo", lasting(HOUR)).unwrap().0;
    let theirs = own_token(&house, "bo");
    let approver = Entitlements { roles: [Role::Approver].into(), ..Entitlements::default() };
    house.accounts.give(&bo, &approver).unwrap();
    assert_eq!(who(&house, &given), None);
    assert!(who(&house, &theirs).unwrap().has_role(Role::Approver));
}

#[test]
fn a_token_is_limited_listed_and_revoked() {
    let house = house();
    let scope = token_scope(["Ask", "ReadLog"]).unwrap();
    let new = NewToken { label: "nightly".to_owned(), scope, ..lasting(HOUR) };
    let (token, _) = house.accounts.issue_token("ada", new).unwrap();
    let principal = who(&house, &token).unwrap();
    assert_eq!(principal.token_scope.unwrap().into_iter().collect::<Vec<_>>(), ["Ask", "ReadLog"]);
    house.clock.pass(10 * MINUTE);
    assert!(who(&house, &token).is_some());
    let rows = house.accounts.sessions("ada").unwrap();
    assert_eq!((rows.len(), rows[0].label.as_str()), (1, "nightly"));
    assert_eq!(rows[0].seen, house.clock.now(), "when it was last used");
    assert_eq!(row_id(&rows[0]).len(), 16);
    assert_eq!(house.accounts.sessions("bo").unwrap(), []);
    house.accounts.revoke(&rows).unwrap();
    assert_eq!(who(&house, &token), None);
    for (words, expected) in [(&["all"][..], Some(None)), (&[], Some(None)), (&["Fly"], None)] {
        let scope = token_scope(words.iter().copied()).ok();
        assert_eq!(scope, expected, "{words:?}");
    }
    assert!(token_scope(["read"]).unwrap().unwrap().contains("Search"));
    assert!(!token_scope(["read"]).unwrap().unwrap().contains("Erase"));
    let long = NewToken { label: "x".repeat(81), ..lasting(HOUR) };
    assert!(matches!(house.accounts.issue_token("ada", long), Err(AccountError::LongLabel)));
    for _ in 0..crate::domain::limits::TOKENS_MAX {
        house.accounts.issue_token("ada", lasting(HOUR)).unwrap();
    }
    let more = house.accounts.issue_token("ada", lasting(HOUR));
    assert!(matches!(more, Err(AccountError::TooManyTokens)));
}
