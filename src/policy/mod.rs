//! May this person do this, and which access classes may they see? Cedar; a yes is a [`Permit`].
//!
//! A directory of `*.cedar` files is loaded whole or not at all: every policy is checked strictly
//! against the schema that the program is built with (`policies/schema.cedarschema`). What a policy
//! may read is what that schema names: roles and attributes of the person, labels of the document,
//! the declared purpose and scope, the time to the minute. Beside each `NAME.cedar` may stand `NAME.examples.toml` with
//! requests and the decision expected of each, see [`Policies::run_examples`].
//!
//! Default is deny. A document without a classification never reaches a policy. A policy that fails
//! while it is evaluated denies, whatever the others say.
//!
//! [`Policies::permit`] decides once for the appliance ("may this person ask at all?") and then for
//! each access class; only it makes a [`Permit`], without which no index can be searched.
//! The digest names the policies that decided: it covers every `.cedar` file and the schema.
//!
//! Trust: the files are the operator's; changes to them take effect only when loaded again.
//! Does not do: recording (callers), proposals and approval (`govern`). The machine's operator has no
//! account and is decided by callers.

mod action;
mod builtin;
mod decide;
mod examples;
mod load;
mod permit;
mod words;

use std::sync::Arc;

pub use action::Action;
pub use examples::ExampleResult;
pub use load::{PolicyFile, PolicyProblem};
pub use permit::{Allowed, Denial, Permit};

/// A loaded, validated set of policies. Cheap to clone.
#[derive(Clone)]
pub struct Policies(Arc<decide::Compiled>);

impl std::fmt::Debug for Policies {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Policies").field(&self.digest()).finish()
    }
}

#[cfg(test)]
mod tests;
