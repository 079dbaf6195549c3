//! Who is this? Accounts, passwords, second factors, sessions, tokens of scripts, people whom an
//! OpenID provider vouches for.
//!
//! Passwords are hashed with Argon2id (OWASP: 19 MiB, two passes, one lane); a second factor is an
//! RFC 6238 code, each taken once, or a recovery code. A session ends after a while, sooner without
//! use ([`SignInRules`]); it carries a CSRF token that forms must repeat. Roles and attributes are
//! read from the account on every request, so a change or a disabled account takes effect at once.
//! Session and script tokens are 32 random bytes; only their SHA-256 is kept.
//!
//! Proving who one is, for an act that must be one's own ([`Confirmed`]), takes a password that the
//! account's owner chose, or a token that they issued: never one that somebody else handed out.
//!
//! Guessing: an unknown name costs the same time and gives the same error as a wrong password; after
//! five failures a name waits where it was tried, longer each time, and so does an address that tries
//! many names, or a name that is tried from many. A few passwords are checked at a time.
//!
//! Single sign-on is in [`openid`]; such accounts have no password, and follow their groups.
//!
//! Does not do: deciding who may manage accounts (`policy`), recording (callers).

mod accounts;
mod chosen;
mod confirm;
mod factor;
mod federated;
mod gate;
pub mod openid;
mod password;
mod rules;
mod sessions;
mod standing;
mod throttle;
mod totp;

use std::sync::{Arc, Mutex};

pub use accounts::{AccountError, Created, NewAccount};
pub use chosen::{Chosen, Holder};
pub use confirm::{Confirmed, Credential, Owner};
pub use factor::{Enrolment, Factor};
pub use federated::{AdmitError, Plan, RightsChange};
pub use rules::{Lacking, SignInRules, token_scope};
pub use sessions::{
    NewToken, Session, SignIn, SignInError, SignedIn, csrf_matches, row_id, seconds, typed_name,
};
pub use standing::stand;
pub use throttle::{Locked, Place};

use crate::domain::clock::{Clock, Entropy};
use crate::store::State;

/// The accounts of one home. Cheap to clone.
#[derive(Clone)]
pub struct Accounts(Arc<Inner>);

struct Inner {
    state: State,
    rules: SignInRules,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    failures: Mutex<throttle::Failures>,
    gate: gate::Gate,
}

impl std::fmt::Debug for Accounts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Accounts")
    }
}

impl Accounts {
    /// Accounts in this state, under these rules.
    pub fn new(
        state: State,
        rules: SignInRules,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
    ) -> Self {
        let (failures, gate) = (Mutex::default(), gate::Gate::default());
        Self(Arc::new(Inner { state, rules, clock, entropy, failures, gate }))
    }
}

#[cfg(test)]
mod tests;
