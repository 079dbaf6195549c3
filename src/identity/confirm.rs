//! Proving who somebody is once more, for one act.

use super::{Accounts, SignInError};
use crate::domain::principal::Principal;
use crate::domain::secret::Secret;

/// What somebody shows to prove who they are.
#[derive(Debug)]
pub enum Credential {
    /// Their password.
    Password(Secret),
    /// A token or session of theirs.
    Token(Secret),
}

/// Somebody who proved who they are. Only [`Accounts::confirm`] makes one: a name alone does not,
/// whoever gives it.
#[derive(Debug)]
pub struct Confirmed {
    principal: Principal,
}

impl Confirmed {
    /// Who it is.
    pub fn principal(&self) -> &Principal {
        &self.principal
    }
}

impl Accounts {
    /// Checks that whoever shows `credential` is `name`.
    ///
    /// # Errors
    /// [`SignInError`]; a wrong password counts towards waiting.
    pub fn confirm(&self, name: &str, credential: &Credential) -> Result<Confirmed, SignInError> {
        let principal = match credential {
            Credential::Password(password) => self.verify_password(name, password.expose())?,
            Credential::Token(token) => {
                let found = self.session(token.expose()).map(|(principal, _)| principal);
                found.filter(|found| found.name.as_str() == name).ok_or(SignInError::Wrong)?
            }
        };
        Ok(Confirmed { principal })
    }
}
