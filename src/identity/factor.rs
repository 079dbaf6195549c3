//! The second factor of an account: enrolling it, showing it, losing it.

use std::collections::BTreeSet;
use std::fmt;

use zeroize::Zeroizing;

use super::confirm::{Confirmed, Owner};
use super::sessions::check_changes;
use super::totp;
use super::{AccountError, Accounts};
use crate::domain::clock::Entropy;
use crate::domain::digest::Digest;
use crate::domain::limits::RECOVERY_CODES;
use crate::domain::principal::UserName;
use crate::store::{AccountRow, SecondFactor, StateError};

/// 128 bits: nobody guesses one.
const RECOVERY_BYTES: usize = 16;
/// Letters between two dashes.
const RECOVERY_GROUP: usize = 4;

/// What an authenticator app is given; it counts once a code of it was shown.
pub struct Enrolment {
    /// The secret in base32, to be typed.
    pub secret: String,
    /// The same as an `otpauth://` URI, to be scanned.
    pub uri: String,
}

impl fmt::Debug for Enrolment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Enrolment")
    }
}

/// What was shown beside a password.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Factor {
    /// The account has none.
    None,
    /// A code of the authenticator.
    Code,
    /// A recovery code, which is used up; so many are left.
    Recovery {
        /// How many.
        left: usize,
    },
}

impl Accounts {
    /// A fresh secret for the authenticator of this person; what they use so far stays in force.
    ///
    /// # Errors
    /// [`AccountError`].
    pub fn begin_enrolment(&self, owner: &Owner) -> Result<Enrolment, AccountError> {
        check_changes(&owner.0)?;
        let name = &owner.principal().name;
        let secret = totp::generate(&*self.0.entropy);
        self.change(name.as_str(), |row| row.enrolling = Some(secret.to_string()))?;
        Ok(enrolment(name, secret.to_string()))
    }

    /// What was begun and is not in force yet.
    ///
    /// # Errors
    /// [`AccountError::NoEnrolment`].
    pub fn begun_enrolment(&self, owner: &Owner) -> Result<Enrolment, AccountError> {
        check_changes(&owner.0)?;
        let row = self.find_row(owner.principal().name.as_str())?;
        let secret = row.enrolling.ok_or(AccountError::NoEnrolment)?;
        Ok(enrolment(&row.name, secret))
    }

    /// Whether this is a code of the authenticator that is being enrolled: asked before it is
    /// recorded.
    ///
    /// # Errors
    /// [`AccountError::NoEnrolment`], [`AccountError::WrongCode`].
    pub fn check_enrolment(&self, owner: &Owner, code: &str) -> Result<(), AccountError> {
        let row = self.find_row(owner.principal().name.as_str())?;
        self.enrolled_step(&row, code).map(drop)
    }

    /// Puts the authenticator in force whose code this is; returns the recovery codes, to be shown
    /// once.
    ///
    /// # Errors
    /// As [`Accounts::check_enrolment`].
    pub fn finish_enrolment(&self, owner: &Owner, code: &str) -> Result<Vec<String>, AccountError> {
        let name = owner.principal().name.as_str();
        let codes: Vec<String> =
            (0..RECOVERY_CODES).map(|_| recovery_code(&*self.0.entropy)).collect();
        let recovery: BTreeSet<Digest> = codes.iter().map(|code| digest(code)).collect();
        let since = self.0.clock.now();
        loop {
            let old = self.find_row(name)?;
            let last_step = self.enrolled_step(&old, code)?;
            let mut new = old.clone();
            let secret = new.enrolling.take().ok_or(AccountError::NoEnrolment)?;
            let recovery = recovery.clone();
            new.second_factor = Some(SecondFactor { secret, last_step, recovery, since });
            if self.0.state.accounts().replace(&old, &new)? {
                return Ok(codes);
            }
        }
    }

    /// Whether this person may take their second factor away: asked before it is recorded.
    ///
    /// # Errors
    /// [`AccountError::PasswordOnly`], [`AccountError::NoSecondFactor`].
    pub fn check_removal(&self, who: &Confirmed) -> Result<(), AccountError> {
        check_changes(&who.0)?;
        self.check_second_factor(who.principal().name.as_str())
    }

    /// Whether an account has a second factor.
    ///
    /// # Errors
    /// [`AccountError::NoSecondFactor`].
    pub fn check_second_factor(&self, name: &str) -> Result<(), AccountError> {
        let row = self.find_row(name)?;
        row.second_factor.map(drop).ok_or(AccountError::NoSecondFactor)
    }

    /// Takes one's own second factor away.
    ///
    /// # Errors
    /// As [`Accounts::check_removal`].
    pub fn remove_second_factor(&self, who: &Confirmed) -> Result<(), AccountError> {
        self.check_removal(who)?;
        self.drop_second_factor(who.principal().name.as_str())
    }

    pub(super) fn drop_second_factor(&self, name: &str) -> Result<(), AccountError> {
        self.change(name, |row| (row.second_factor, row.enrolling) = (None, None))
    }

    /// Takes a code, or a recovery code: each once. `None` where it is wrong or missing.
    pub(super) fn take_code(
        &self,
        name: &UserName,
        code: Option<&str>,
    ) -> Result<Option<Factor>, StateError> {
        let code: String =
            code.unwrap_or_default().chars().filter(|c| !matches!(c, ' ' | '-')).collect();
        loop {
            let Some(old) = self.0.state.accounts().get(name)? else { return Ok(None) };
            let mut new = old.clone();
            let Some(factor) = &mut new.second_factor else { return Ok(Some(Factor::None)) };
            let now = self.0.clock.now();
            let shown = if totp::is_code(&code) {
                let step = totp::step_of(&factor.secret, &code, now, factor.last_step);
                step.map(|step| {
                    factor.last_step = step;
                    Factor::Code
                })
            } else {
                let known = factor.recovery.remove(&digest(&code));
                known.then_some(Factor::Recovery { left: factor.recovery.len() })
            };
            // Two at once with one code: the second finds the row changed, and looks again.
            if shown.is_none() || self.0.state.accounts().replace(&old, &new)? {
                return Ok(shown);
            }
        }
    }

    fn enrolled_step(&self, row: &AccountRow, code: &str) -> Result<u64, AccountError> {
        let secret = row.enrolling.as_deref().ok_or(AccountError::NoEnrolment)?;
        let code = code.replace(' ', "");
        totp::step_of(secret, &code, self.0.clock.now(), 0).ok_or(AccountError::WrongCode)
    }
}

fn enrolment(name: &UserName, secret: String) -> Enrolment {
    Enrolment { uri: totp::uri(name.as_str(), &secret), secret }
}

fn recovery_code(entropy: &dyn Entropy) -> String {
    let mut bytes = Zeroizing::new([0; RECOVERY_BYTES]);
    entropy.fill(&mut *bytes);
    let letters = totp::base32(&*bytes).to_lowercase();
    let mut code = String::new();
    for (at, letter) in letters.chars().enumerate() {
        if at > 0 && at % RECOVERY_GROUP == 0 {
            code.push('-');
        }
        code.push(letter);
    }
    code
}

/// However it is typed: with or without dashes, in capitals or not.
fn digest(code: &str) -> Digest {
    let letters: String = code.chars().filter(char::is_ascii_alphanumeric).collect();
    Digest::of(letters.to_lowercase().as_bytes())
}
