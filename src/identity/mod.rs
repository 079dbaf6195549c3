//! Who is this? Accounts, passwords, sessions, tokens of scripts, people whom an OpenID provider
//! vouches for.
//!
//! Passwords are hashed with Argon2id (OWASP: 19 MiB, two passes, one lane). A session lasts at most
//! eight hours and ends after half an hour without use; it carries a CSRF token that forms must
//! repeat. Roles and attributes are read from the account on every request, so a change or a
//! disabled account takes effect at once. Session and script tokens are 32 random bytes; only their
//! SHA-256 is kept.
//!
//! Guessing: an unknown name costs the same time and gives the same error as a wrong password; after
//! five failures a name waits, longer each time. The count of failures is in memory only.
//!
//! Single sign-on is in [`openid`]; such accounts have no password, and follow their groups.
//!
//! Does not do: deciding who may manage accounts (`policy`), recording (callers).

mod accounts;
mod confirm;
mod federated;
pub mod openid;
mod password;
mod sessions;
mod standing;
mod throttle;

use std::sync::{Arc, Mutex};

pub use accounts::{AccountError, Created, NewAccount};
pub use confirm::{Confirmed, Credential};
pub use federated::{AdmitError, Plan, RightsChange};
pub use sessions::{Session, SignInError, csrf_matches};

use crate::domain::clock::{Clock, Entropy};
use crate::store::State;

/// The accounts of one home. Cheap to clone.
#[derive(Clone)]
pub struct Accounts(Arc<Inner>);

struct Inner {
    state: State,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    failures: Mutex<throttle::Failures>,
}

impl std::fmt::Debug for Accounts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Accounts")
    }
}

impl Accounts {
    /// Accounts in this state.
    pub fn new(state: State, clock: Arc<dyn Clock>, entropy: Arc<dyn Entropy>) -> Self {
        Self(Arc::new(Inner { state, clock, entropy, failures: Mutex::default() }))
    }
}

#[cfg(test)]
mod tests;
