//! May this person do this, and which access classes may they see? Cedar; a yes is a [`Permit`].
//!
//! A directory of `*.cedar` files is loaded whole or not at all: every policy is checked strictly
//! against the schema that the program is built with (`policies/schema.cedarschema`). What a policy
//! may read is what that schema names: roles and attributes of the person, labels of the document,
//! the declared purpose and scope, the time to the minute. Beside each `NAME.cedar` may stand
//! `NAME.examples.toml` with requests and the decision expected of each, see
//! [`Policies::run_examples`].
//!
//! Default is deny. A document without a classification never reaches a policy. A policy that fails
//! while it is evaluated denies, whatever the others say.
//!
//! [`Policies::permit`] decides once for the appliance ("may this person ask at all?") and then for
//! each access class; only it makes a [`Permit`], without which no index can be searched.
//! The digest names the policies that decided: it covers every `.cedar` file and the schema.
//!
//! A set is one piece ([`PolicySource`]): read, checked, compared and written whole. What is in force
//! changes in one step, in every clone of [`Policies`] ([`Policies::put_in_force`]).
//!
//! Does not do: recording (callers), proposals and approval (`govern`), what is in force (the log).
//! The machine's operator has no account and is decided by callers.

mod action;
mod builtin;
mod cache;
mod decide;
mod door;
mod examples;
mod explain;
mod load;
mod permit;
mod reach;
mod screen;
mod slice;
mod source;
mod warn;
mod words;

use std::sync::{Arc, PoisonError, RwLock};

pub use action::Action;
pub use decide::Again;
pub use door::{Door, Needs, Opened, door_table};
pub use examples::ExampleResult;
pub use explain::{Decided, Deciding, Explanation};
pub use load::{PolicyFile, PolicyProblem};
pub use permit::{Allowed, Denial, Permit};
pub use screen::Screen;
pub use source::PolicySource;

/// The policies in force. Every clone follows when others are put in force: each decision is made
/// by one whole set, the one in force as it begins. Cheap to clone.
#[derive(Clone)]
pub struct Policies(Arc<RwLock<Arc<decide::Compiled>>>);

impl Policies {
    fn fixed(compiled: decide::Compiled) -> Self {
        Self(Arc::new(RwLock::new(Arc::new(compiled))))
    }

    fn now(&self) -> Arc<decide::Compiled> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// The set in force, which no later change alters.
    #[must_use]
    pub fn snapshot(&self) -> Self {
        Self(Arc::new(RwLock::new(self.now())))
    }

    /// Puts another set in force, here and in every clone, from the next decision on.
    pub fn put_in_force(&self, other: &Self) {
        let other = other.now();
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = other;
    }
}

impl std::fmt::Debug for Policies {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Policies").field(&self.digest()).finish()
    }
}

#[cfg(test)]
mod tests;
