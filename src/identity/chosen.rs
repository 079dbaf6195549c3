//! Whose password it is: chosen by an account's owner, or by somebody else for them.

use std::fmt;

use super::accounts::AccountError;
use super::sessions::Verified;
use super::{Accounts, Factor, SignIn, SignInError, password};
use crate::domain::clock::Timestamp;
use crate::domain::digest::Digest;
use crate::domain::secret::Secret;
use crate::store::{AccountRow, PasswordBy, StateError};

/// Somebody who showed an account's password and code, whoever chose that password: enough to
/// choose another.
pub struct Holder(Verified);

impl Holder {
    /// What they showed beside the password.
    pub const fn factor(&self) -> Factor {
        self.0.factor
    }
}

impl fmt::Debug for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Holder").field(&self.0.row.name).finish()
    }
}

/// A password that its owner chose, yet to take effect.
pub struct Chosen {
    row: AccountRow,
    hash: String,
}

impl fmt::Debug for Chosen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Chosen").field(&self.row.name).finish()
    }
}

impl Accounts {
    /// Checks the password so far, and the code.
    ///
    /// # Errors
    /// [`SignInError`]; what is wrong counts towards waiting.
    pub fn holder(&self, shown: &SignIn<'_>) -> Result<Holder, SignInError> {
        Ok(Holder(self.verify(shown)?))
    }

    /// Whether this may be the next password.
    ///
    /// # Errors
    /// [`AccountError::SamePassword`], or why it is none.
    pub fn choose(&self, holder: Holder, new: Secret) -> Result<Chosen, AccountError> {
        let Holder(Verified { row, .. }) = holder;
        if password::matches(new.expose(), Some(&row.password)) {
            return Err(AccountError::SamePassword);
        }
        let (hash, _) = self.hash(row.name.as_str(), Some(new))?;
        Ok(Chosen { row, hash })
    }

    /// Puts a chosen password into effect. Every token ends, and every session but the one with the
    /// secret `keep`.
    ///
    /// # Errors
    /// [`AccountError::Unknown`]; [`AccountError::State`].
    pub fn change_password(&self, chosen: Chosen, keep: Option<&str>) -> Result<(), AccountError> {
        let Chosen { row: known, hash } = chosen;
        let name = known.name.as_str();
        self.change(name, |row| {
            // Not over what somebody else set meanwhile.
            if row.password == known.password {
                row.password.clone_from(&hash);
                row.password_by = PasswordBy::Owner;
            }
        })?;
        Ok(self.end_sessions(name, keep)?)
    }

    /// Takes over a password as its owner's own, where there is nobody else whose it could be: the
    /// demonstration makes its accounts so, and tests.
    ///
    /// # Errors
    /// [`AccountError::Unknown`], or why it is none.
    pub fn adopt_password(&self, name: &str, password: Secret) -> Result<(), AccountError> {
        self.check_local(name)?;
        let (hash, _) = self.hash(name, Some(password))?;
        self.change(name, |row| {
            row.password.clone_from(&hash);
            row.password_by = PasswordBy::Owner;
        })?;
        Ok(self.end_sessions(name, None)?)
    }

    /// Gives an account a one-time password and ends its sessions and tokens; it confirms nothing
    /// before `from`.
    ///
    /// # Errors
    /// [`AccountError::Unknown`].
    pub fn reset_password(&self, name: &str, from: Timestamp) -> Result<String, AccountError> {
        self.check_local(name)?;
        let (hash, password) = self.hash(name, None)?;
        self.change(name, |row| {
            row.password.clone_from(&hash);
            row.password_by = PasswordBy::Reset;
            row.confirms_from = Some(from);
        })?;
        self.end_sessions(name, None)?;
        Ok(password.unwrap_or_default())
    }

    /// Takes an account's second factor away and ends its sessions and tokens; it confirms nothing
    /// before `from`.
    ///
    /// # Errors
    /// [`AccountError::Unknown`].
    pub fn reset_second_factor(&self, name: &str, from: Timestamp) -> Result<(), AccountError> {
        self.change(name, |row| row.confirms_from = Some(from))?;
        self.drop_second_factor(name)?;
        Ok(self.end_sessions(name, None)?)
    }

    /// Whether an account has a password here at all.
    ///
    /// # Errors
    /// [`AccountError::Federated`].
    pub fn check_local(&self, name: &str) -> Result<(), AccountError> {
        match self.find_row(name)? {
            row if row.federated.is_some() => Err(AccountError::Federated { name: row.name }),
            _ => Ok(()),
        }
    }

    pub(super) fn end_sessions(&self, name: &str, keep: Option<&str>) -> Result<(), StateError> {
        let keep = keep.map(|token| Digest::of(token.as_bytes()));
        let sessions = self.0.state.sessions();
        let all = sessions.list()?;
        let ends = |row: &&_| {
            let row: &crate::store::SessionRow = row;
            row.user.as_str() == name && Some(row.token_sha256) != keep
        };
        all.iter().filter(ends).try_for_each(|row| sessions.delete(&row.token_sha256))
    }
}
