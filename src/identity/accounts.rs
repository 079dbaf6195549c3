//! Accounts: creating, finding, disabling.

use std::collections::BTreeSet;
use std::fmt;

use zeroize::Zeroizing;

use super::{Accounts, password};
use crate::domain::clock::Timestamp;
use crate::domain::limits::{
    PASSWORD_CHARS_MAX, PASSWORD_CHARS_MIN, TOKEN_LABEL_CHARS_MAX, TOKENS_MAX,
};
use crate::domain::principal::{
    Attributes, Entitlements, InvalidUserName, Principal, Role, UserName,
};
use crate::domain::secret::Secret;
use crate::store::{AccountRow, PasswordBy, SessionKind, StateError};

/// An account to be made.
#[derive(Debug)]
pub struct NewAccount {
    /// Its name, not taken yet.
    pub name: UserName,
    /// Its roles.
    pub roles: BTreeSet<Role>,
    /// Its attributes.
    pub attributes: Attributes,
    /// Its password; one is generated where there is none.
    pub password: Option<Secret>,
}

impl NewAccount {
    /// What it is given.
    pub fn entitlements(&self) -> Entitlements {
        Entitlements { roles: self.roles.clone(), attributes: self.attributes.clone() }
    }
}

/// An account that was made.
pub struct Created {
    /// Who may now sign in.
    pub principal: Principal,
    /// The generated password, to be shown once.
    pub password: Option<String>,
}

impl fmt::Debug for Created {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Created").field("principal", &self.principal).finish_non_exhaustive()
    }
}

/// An account that cannot be made, found or changed.
#[derive(Debug, thiserror::Error)]
pub enum AccountError {
    /// Caller's fault: choose another name.
    #[error(
        "the account {name} exists already, or did: a name is never given again, so choose another"
    )]
    Exists {
        /// The name.
        name: UserName,
    },
    /// Caller's fault.
    #[error("there is no account {name}: see `affiant user list`")]
    Unknown {
        /// The name.
        name: String,
    },
    /// Caller's fault.
    #[error("the account {name} is disabled")]
    Disabled {
        /// The name.
        name: UserName,
    },
    /// Caller's fault.
    #[error("the account {name} is not disabled")]
    NotDisabled {
        /// The name.
        name: UserName,
    },
    /// Caller's fault.
    #[error(
        "{name} was not given this: {rights}; relationships end with their source, and what groups give ends at the provider"
    )]
    NotGiven {
        /// The name.
        name: UserName,
        /// What it lacks.
        rights: Entitlements,
    },
    /// Caller's fault.
    #[error("{name} signs in through the organisation's provider and has no password here")]
    Federated {
        /// The name.
        name: UserName,
    },
    /// Caller's fault.
    #[error(transparent)]
    BadName(#[from] InvalidUserName),
    /// Caller's fault: choose another password.
    #[error(
        "a password has {PASSWORD_CHARS_MIN} to {PASSWORD_CHARS_MAX} characters: choose another"
    )]
    BadPassword,
    /// Caller's fault: choose another password.
    #[error(
        "this password is among the first that anybody tries: choose several words that do not go together"
    )]
    Guessable,
    /// Caller's fault: choose another password.
    #[error("a password does not hold the name of its account: choose another")]
    NamedPassword,
    /// Caller's fault: choose another password.
    #[error("the new password is the one so far: choose another")]
    SamePassword,
    /// Caller's fault: they choose a password of their own first.
    #[error(
        "somebody else chose the password of {name}: they change it first, then they can be given this"
    )]
    HandedOut {
        /// The name.
        name: UserName,
    },
    /// Caller's fault.
    #[error("{name} can still sign in: disable the account first")]
    StillOpen {
        /// The name.
        name: UserName,
    },
    /// Caller's fault: choose another name.
    #[error("no account is called {name}: choose another name")]
    ReservedName {
        /// The name.
        name: UserName,
    },
    /// Caller's fault.
    #[error("there is no second factor to take away")]
    NoSecondFactor,
    /// Caller's fault: begin again.
    #[error("no second factor is being enrolled: begin with `affiant user totp NAME`")]
    NoEnrolment,
    /// Caller's fault: show the code that the authenticator shows now.
    #[error("this is not the code that the authenticator shows now: check its clock, try the next")]
    WrongCode,
    /// Caller's fault.
    #[error("a label has {TOKEN_LABEL_CHARS_MAX} characters at most: choose a shorter one")]
    LongLabel,
    /// Caller's fault: use the password.
    #[error("a token changes nothing about its account: use the password")]
    PasswordOnly,
    /// Caller's fault: revoke some.
    #[error("an account has {TOKENS_MAX} tokens at most: revoke one that is not used any more")]
    TooManyTokens,
    /// Caller's fault.
    #[error("{found:?} is no scope: name actions of the policy such as Ask, or read, or all")]
    UnknownScope {
        /// What was given.
        found: String,
    },
    /// Fatal: hashing failed.
    #[error("the password cannot be hashed")]
    Hash(#[source] argon2::password_hash::Error),
    /// See [`StateError`].
    #[error(transparent)]
    State(#[from] StateError),
}

impl Accounts {
    /// Whether [`Accounts::create`] would take this account: asked before it is recorded.
    ///
    /// # Errors
    /// [`AccountError::Exists`], [`AccountError::ReservedName`], or why the password is none.
    pub fn check(&self, new: &NewAccount) -> Result<(), AccountError> {
        if new.name.is_reserved() {
            return Err(AccountError::ReservedName { name: new.name.clone() });
        }
        if let Some(password) = &new.password {
            password::check(password.expose(), new.name.as_str())?;
        }
        match self.0.state.accounts().get(&new.name)? {
            Some(row) => Err(AccountError::Exists { name: row.name }),
            None => Ok(()),
        }
    }

    /// Makes an account; on disk on return.
    ///
    /// # Errors
    /// [`AccountError::Exists`], or why the password is none.
    pub fn create(&self, new: NewAccount) -> Result<Created, AccountError> {
        let NewAccount { name, roles, attributes, password } = new;
        let (hash, password) = self.hash(name.as_str(), password)?;
        let row = AccountRow {
            name,
            roles,
            attributes,
            password: hash,
            password_by: PasswordBy::Other,
            confirms_from: None,
            second_factor: None,
            enrolling: None,
            disabled: false,
            created: self.0.clock.now(),
            federated: None,
        };
        if !self.0.state.accounts().put_new(&row)? {
            return Err(AccountError::Exists { name: row.name });
        }
        Ok(Created { principal: self.standing(&row)?, password })
    }

    /// Keeps an account from signing in and ends its sessions and tokens, at once.
    ///
    /// # Errors
    /// [`AccountError::Unknown`].
    pub fn disable(&self, name: &str) -> Result<(), AccountError> {
        self.change(name, |row| row.disabled = true)?;
        Ok(self.end_sessions(name, None)?)
    }

    /// Whether [`Accounts::enable`] has anything to do.
    ///
    /// # Errors
    /// [`AccountError::NotDisabled`], [`AccountError::Unknown`].
    pub fn check_disabled(&self, name: &str) -> Result<(), AccountError> {
        let row = self.find_row(name)?;
        if row.disabled { Ok(()) } else { Err(AccountError::NotDisabled { name: row.name }) }
    }

    /// Lets a disabled account in again, with the password it had.
    ///
    /// # Errors
    /// [`AccountError::Unknown`].
    pub fn enable(&self, name: &str) -> Result<(), AccountError> {
        self.change(name, |row| row.disabled = false)
    }

    /// Gives an account further roles and attributes; the tokens that others issued for it do not
    /// get them.
    ///
    /// # Errors
    /// [`AccountError::Unknown`].
    pub fn give(&self, name: &UserName, rights: &Entitlements) -> Result<(), AccountError> {
        let mut issued = self.sessions(name.as_str())?;
        issued.retain(|row| row.kind == SessionKind::ApiToken && !row.is_own);
        self.revoke(&issued)?;
        self.change(name.as_str(), |row| {
            row.roles.extend(&rights.roles);
            for (key, values) in &rights.attributes {
                row.attributes.entry(key.clone()).or_default().extend(values.clone());
            }
        })
    }

    /// Takes roles and attributes back that an account was given, from the next token on.
    ///
    /// # Errors
    /// [`AccountError::NotGiven`] where it lacks one of them: nothing is changed then.
    pub fn take_back(&self, name: &UserName, rights: &Entitlements) -> Result<(), AccountError> {
        let lacking = rights.without(&self.find_row(name.as_str())?.entitlements());
        if !lacking.is_empty() {
            return Err(AccountError::NotGiven { name: name.clone(), rights: lacking });
        }
        self.change(name.as_str(), |row| {
            let left = row.entitlements().without(rights);
            (row.roles, row.attributes) = (left.roles, left.attributes);
        })
    }

    /// Keeps an account from confirming anything until a time.
    ///
    /// # Errors
    /// [`AccountError::Unknown`].
    pub fn quiet_until(&self, name: &UserName, time: Timestamp) -> Result<(), AccountError> {
        self.change(name.as_str(), |row| row.confirms_from = Some(time))
    }

    /// Whether nobody but its owner can sign in to an account: what takes two persons goes to no
    /// other.
    ///
    /// # Errors
    /// [`AccountError::HandedOut`]; [`AccountError::Unknown`], [`AccountError::Disabled`].
    pub fn check_in_own_hands(&self, name: &UserName) -> Result<(), AccountError> {
        self.principal(name.as_str())?;
        let row = self.find_row(name.as_str())?;
        match row.federated.is_some() || row.password_by == PasswordBy::Owner {
            true => Ok(()),
            false => Err(AccountError::HandedOut { name: row.name }),
        }
    }

    /// Whether an account is one that nobody can use any more.
    ///
    /// # Errors
    /// [`AccountError::StillOpen`]; [`AccountError::Unknown`].
    pub fn check_closed(&self, name: &UserName) -> Result<(), AccountError> {
        match self.find_row(name.as_str())?.disabled {
            true => Ok(()),
            false => Err(AccountError::StillOpen { name: name.clone() }),
        }
    }

    /// Removes an account that was disabled, and what is left of its sign-ins.
    ///
    /// # Errors
    /// [`StateError`].
    pub fn forget(&self, name: &UserName) -> Result<(), StateError> {
        self.end_sessions(name.as_str(), None)?;
        self.0.state.failures().delete(name)?;
        self.0.state.accounts().delete(name)
    }

    /// Takes a value of an attribute from every account; returns how many had it.
    ///
    /// # Errors
    /// [`AccountError::State`].
    pub fn forget_attribute(&self, key: &str, value: &str) -> Result<u32, AccountError> {
        let mut count = 0;
        for row in self.list()? {
            let given = row.federated.iter().flat_map(|given| {
                let dated = given.dated.iter().map(|one| &one.attributes);
                dated.chain([&given.attributes])
            });
            let mut all = given.chain([&row.attributes]);
            if all.any(|all| all.get(key).is_some_and(|values| values.contains(value))) {
                count += 1;
                self.change(row.name.as_str(), |row| {
                    let given = row.federated.iter_mut().flat_map(|given| {
                        let dated = given.dated.iter_mut().map(|one| &mut one.attributes);
                        dated.chain([&mut given.attributes])
                    });
                    for all in given.chain([&mut row.attributes]) {
                        if let Some(values) = all.get_mut(key) {
                            values.remove(value);
                        }
                        all.retain(|_, values| !values.is_empty());
                    }
                })?;
            }
        }
        Ok(count)
    }

    /// Who an account is, for `--as`.
    ///
    /// # Errors
    /// [`AccountError::Unknown`], [`AccountError::Disabled`].
    pub fn principal(&self, name: &str) -> Result<Principal, AccountError> {
        let row = self.find_row(name)?;
        if row.disabled {
            return Err(AccountError::Disabled { name: row.name });
        }
        Ok(self.standing(&row)?)
    }

    /// Every account, in order of the names.
    ///
    /// # Errors
    /// [`StateError`].
    pub fn list(&self) -> Result<Vec<AccountRow>, StateError> {
        self.0.state.accounts().list()
    }

    /// The row of an account.
    ///
    /// # Errors
    /// [`AccountError::Unknown`].
    pub fn find_row(&self, name: &str) -> Result<AccountRow, AccountError> {
        let key = name.parse::<UserName>()?;
        let row = self.0.state.accounts().get(&key)?;
        row.ok_or_else(|| AccountError::Unknown { name: name.to_owned() })
    }

    /// Changes a row as it stands; two changes at once are both made.
    pub(super) fn change(
        &self,
        name: &str,
        change: impl Fn(&mut AccountRow),
    ) -> Result<(), AccountError> {
        loop {
            let old = self.find_row(name)?;
            let mut new = old.clone();
            change(&mut new);
            if self.0.state.accounts().replace(&old, &new)? {
                return Ok(());
            }
        }
    }

    pub(super) fn hash(
        &self,
        name: &str,
        given: Option<Secret>,
    ) -> Result<(String, Option<String>), AccountError> {
        let entropy = &*self.0.entropy;
        let (password, generated) = match given {
            Some(given) => {
                password::check(given.expose(), name)?;
                (given, None)
            }
            None => {
                let generated: Zeroizing<String> = password::generate(entropy);
                (Secret::new(generated.to_string()), Some(generated.to_string()))
            }
        };
        let hash = password::hash(password.expose(), entropy).map_err(AccountError::Hash)?;
        Ok((hash, generated))
    }
}
