//! Proving who somebody is once more, for one act.
//!
//! A name alone proves nothing, and neither does what somebody else handed out: a password counts
//! once its owner chose it, a token where its owner issued it. So whoever makes accounts and issues
//! tokens cannot play the second person of a change with them.

use std::time::Duration;

use super::sessions::{Verified, has_ended, is_over};
use super::{Accounts, Factor, Place, SignIn, SignInError};
use crate::domain::clock::Timestamp;
use crate::domain::digest::Digest;
use crate::domain::limits::CONFIRMED_MS_MAX;
use crate::domain::principal::{Principal, UserName};
use crate::domain::secret::Secret;
use crate::store::{AccountRow, PasswordBy, SessionKind, SessionRow, StateError};

/// What somebody shows at the machine to prove who they are; in a session they do by
/// [`Accounts::confirm_session`].
#[derive(Debug)]
pub struct Credential {
    first: First,
    code: Option<Secret>,
}

#[derive(Debug)]
enum First {
    Password(Secret),
    Token(Secret),
}

impl Credential {
    /// Their password, with the code of their second factor where they have one.
    pub const fn password(password: Secret, code: Option<Secret>) -> Self {
        Self { first: First::Password(password), code }
    }

    /// A token that they issued themselves, with the code of their second factor where they have
    /// one.
    pub const fn token(token: Secret, code: Option<Secret>) -> Self {
        Self { first: First::Token(token), code }
    }
}

/// Somebody who proved that an account is theirs, though its role may ask for a second factor that
/// they do not have yet: enough to enrol it.
#[derive(Debug)]
pub struct Owner(pub(super) Shown);

impl Owner {
    /// Who it is.
    pub const fn principal(&self) -> &Principal {
        &self.0.principal
    }

    /// What they showed beside their password or token.
    pub const fn factor(&self) -> Factor {
        self.0.factor
    }
}

/// Who showed what.
#[derive(Debug)]
pub(super) struct Shown {
    principal: Principal,
    factor: Factor,
    /// A password, or a token that is not limited within minutes of one: enough to change the
    /// account. A token alone would otherwise renew itself for ever.
    pub(super) changes_account: bool,
}

/// Somebody who proved who they are, with all that their roles ask for. Only [`Accounts::confirm`]
/// and [`Accounts::confirmed`] make one: a name alone does not, whoever gives it.
#[derive(Debug)]
pub struct Confirmed(pub(super) Shown);

impl Confirmed {
    /// Who it is.
    pub const fn principal(&self) -> &Principal {
        &self.0.principal
    }

    /// What they showed beside their password or token.
    pub const fn factor(&self) -> Factor {
        self.0.factor
    }

    /// The same person, as the owner of their account.
    pub fn into_owner(self) -> Owner {
        Owner(self.0)
    }
}

impl Accounts {
    /// Checks that whoever shows `credential` is `name`.
    ///
    /// # Errors
    /// [`SignInError`]; a wrong password or code counts towards waiting.
    pub fn confirm(&self, name: &str, credential: &Credential) -> Result<Confirmed, SignInError> {
        let (row, shown) = self.shown(name, credential)?;
        self.check_quiet(&row)?;
        self.check_factor(&row)?;
        Ok(Confirmed(shown))
    }

    /// [`Accounts::confirm`] for what comes before a second factor.
    ///
    /// # Errors
    /// As [`Accounts::confirm`].
    pub fn own(&self, name: &str, credential: &Credential) -> Result<Owner, SignInError> {
        Ok(Owner(self.shown(name, credential)?.1))
    }

    /// The person of this session or token, if they proved who they are a few minutes ago.
    ///
    /// # Errors
    /// [`SignInError::ConfirmFirst`], or what their credentials lack.
    pub fn confirmed(&self, token: &str) -> Result<Confirmed, SignInError> {
        let (row, shown) = self.recent(token)?;
        self.check_quiet(&row)?;
        self.check_factor(&row)?;
        Ok(Confirmed(shown))
    }

    /// [`Accounts::confirmed`] for what comes before a second factor.
    ///
    /// # Errors
    /// As [`Accounts::confirmed`].
    pub fn owned(&self, token: &str) -> Result<Owner, SignInError> {
        Ok(Owner(self.recent(token)?.1))
    }

    /// Notes on a session or token that its person has just shown password and code.
    ///
    /// # Errors
    /// [`SignInError`]; a wrong password or code counts towards waiting.
    pub fn confirm_session(&self, token: &str, shown: &SignIn<'_>) -> Result<Factor, SignInError> {
        let verified = self.verify(shown)?;
        self.check_chosen(&verified.row)?;
        let sessions = self.0.state.sessions();
        loop {
            let row = sessions.get(&Digest::of(token.as_bytes()))?;
            let row = row.filter(|row| row.user == verified.row.name);
            let Some(row) = row else { return Err(SignInError::ConfirmFirst) };
            check_issued_by_owner(&row)?;
            let confirmed = Some(self.0.clock.now());
            // Not over a row that signing out has just deleted.
            if sessions.replace(&row, &SessionRow { confirmed, ..row.clone() })? {
                return Ok(verified.factor);
            }
        }
    }

    fn shown(
        &self,
        name: &str,
        credential: &Credential,
    ) -> Result<(AccountRow, Shown), SignInError> {
        let code = credential.code.as_ref().map(Secret::expose);
        match &credential.first {
            First::Password(password) => {
                let place = Place::Machine;
                let shown = SignIn { name, password: password.expose(), code, place };
                let Verified { row, factor } = self.verify(&shown)?;
                self.check_chosen(&row)?;
                let principal = self.standing(&row)?;
                Ok((row, Shown { principal, factor, changes_account: true }))
            }
            First::Token(token) => {
                let wrong = SignInError::Wrong { wait: None };
                let Some((session, row)) = self.row_of(token.expose())? else { return Err(wrong) };
                if row.name.as_str() != name {
                    return Err(wrong);
                }
                if session.kind != SessionKind::ApiToken || !session.is_own {
                    return Err(SignInError::TokenNotOwn);
                }
                self.check_chosen(&row)?;
                let factor = self.verify_code(&row, code, Place::Machine)?;
                let principal = Principal { token_scope: session.scope, ..self.standing(&row)? };
                Ok((row, Shown { principal, factor, changes_account: false }))
            }
        }
    }

    fn recent(&self, token: &str) -> Result<(AccountRow, Shown), SignInError> {
        let Some((session, row)) = self.row_of(token)? else {
            return Err(SignInError::ConfirmFirst);
        };
        check_issued_by_owner(&session)?;
        self.check_chosen(&row)?;
        let (now, lasts) = (self.0.clock.now(), Duration::from_millis(CONFIRMED_MS_MAX));
        if session.confirmed.is_none_or(|at| is_over(at, lasts, now)) {
            return Err(SignInError::ConfirmFirst);
        }
        let changes_account = session.scope.is_none();
        let principal = Principal { token_scope: session.scope, ..self.standing(&row)? };
        Ok((row, Shown { principal, factor: Factor::None, changes_account }))
    }

    /// What the owner of an account did not choose proves nothing.
    fn check_chosen(&self, row: &AccountRow) -> Result<(), SignInError> {
        // Where there is no password, the provider has vouched for them as the session began.
        if row.federated.is_none() && row.password_by != PasswordBy::Owner {
            return Err(SignInError::NotOwn { name: row.name.clone() });
        }
        Ok(())
    }

    /// What was reset lately confirms nothing: its owner must have time to notice. They enrol a
    /// second factor at once all the same.
    fn check_quiet(&self, row: &AccountRow) -> Result<(), SignInError> {
        match row.confirms_from.filter(|from| self.0.clock.now() < *from) {
            Some(from) => Err(SignInError::ResetLately { from }),
            None => Ok(()),
        }
    }

    fn check_factor(&self, row: &AccountRow) -> Result<(), SignInError> {
        match self.0.rules.lacks_factor(row) {
            true => Err(SignInError::EnrolFirst),
            false => Ok(()),
        }
    }

    /// A session or token that holds, with its account.
    pub(super) fn row_of(
        &self,
        token: &str,
    ) -> Result<Option<(SessionRow, AccountRow)>, StateError> {
        let row = self.0.state.sessions().get(&Digest::of(token.as_bytes()))?;
        let now: Timestamp = self.0.clock.now();
        let Some(row) = row.filter(|row| !has_ended(row, now, &self.0.rules)) else {
            return Ok(None);
        };
        let account = self.0.state.accounts().get(&row.user)?;
        Ok(account.filter(|account| !account.disabled).map(|account| (row, account)))
    }

    /// An account's row, if it may sign in.
    pub(super) fn active(&self, name: &str) -> Result<Option<AccountRow>, StateError> {
        let Ok(name) = name.parse::<UserName>() else { return Ok(None) };
        let row = self.0.state.accounts().get(&name)?;
        Ok(row.filter(|row| !row.disabled))
    }
}

/// What somebody else handed out confirms nothing, whatever is shown with it.
fn check_issued_by_owner(row: &SessionRow) -> Result<(), SignInError> {
    match row.kind == SessionKind::ApiToken && !row.is_own {
        true => Err(SignInError::TokenNotOwn),
        false => Ok(()),
    }
}
