//! What a site asks of those who sign in, and what an account still lacks of it.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::domain::limits::{SESSION_IDLE_MS, SESSION_MS};
use crate::domain::principal::Role;
use crate::policy::Action;
use crate::store::{AccountRow, PasswordBy};

use super::AccountError;

/// What a site asks of those who sign in.
#[derive(Clone, Debug)]
pub struct SignInRules {
    /// How long a session lasts, however busy.
    pub session: Duration,
    /// How long it lasts without use.
    pub idle: Duration,
    /// Whoever has one of these roles needs a second factor.
    pub second_factor: BTreeSet<Role>,
}

impl Default for SignInRules {
    fn default() -> Self {
        Self {
            session: Duration::from_millis(SESSION_MS),
            idle: Duration::from_millis(SESSION_IDLE_MS),
            second_factor: BTreeSet::new(),
        }
    }
}

/// What somebody must do before anything else.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Lacking {
    /// Choose a password of their own: this one was reset.
    Password,
    /// Enrol a second factor: a role of theirs asks for it.
    SecondFactor,
}

impl Lacking {
    /// The word for it in replies.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Password => "password",
            Self::SecondFactor => "second_factor",
        }
    }
}

impl SignInRules {
    /// Whoever signs in through a provider shows their second factor there.
    pub(super) fn lacks_factor(&self, row: &AccountRow) -> bool {
        let is_here = row.federated.is_none() && row.second_factor.is_none();
        is_here && !self.second_factor.is_disjoint(&row.roles)
    }

    pub(super) fn lacking(&self, row: &AccountRow) -> Option<Lacking> {
        if row.password_by == PasswordBy::Reset {
            Some(Lacking::Password)
        } else {
            self.lacks_factor(row).then_some(Lacking::SecondFactor)
        }
    }
}

/// What `read` stands for: everything that changes nothing.
const READ: [Action; 9] = [
    Action::Ask,
    Action::Search,
    Action::ViewPage,
    Action::SeeWithheld,
    Action::ListDocuments,
    Action::ReadLog,
    Action::ExportLog,
    Action::ReadPolicies,
    Action::ReadSystem,
];

/// The scope of a token from the words for it: actions of the policy, `read` for all that change
/// nothing, `all` (or no word) for whatever its owner may do.
///
/// # Errors
/// [`AccountError::UnknownScope`].
pub fn token_scope<'a>(
    words: impl IntoIterator<Item = &'a str>,
) -> Result<Option<BTreeSet<String>>, AccountError> {
    let (mut scope, mut is_limited) = (BTreeSet::new(), false);
    for word in words {
        match word {
            "all" => return Ok(None),
            "read" => scope.extend(READ.map(|action| action.as_str().to_owned())),
            word => {
                let known = Action::ALL.into_iter().find(|action| action.as_str() == word);
                let unknown =
                    || AccountError::UnknownScope { found: word.chars().take(80).collect() };
                scope.insert(known.ok_or_else(unknown)?.as_str().to_owned());
            }
        }
        is_limited = true;
    }
    Ok(is_limited.then_some(scope))
}
