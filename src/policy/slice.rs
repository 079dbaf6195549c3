//! Which policies can say anything of a document, for one person and action: those whose scope takes
//! both in. Cedar decides by them alone what it would decide by all, and in less time.
//!
//! Only scopes are read (`principal in …, action in …, resource is …`). Cedar evaluates them before any
//! condition, they cannot fail, and where one does not hold the policy says nothing. Where one holds
//! for every document, what is put to Cedar is the policy's conditions alone. What is not plain here
//! stays in as it is.

use std::collections::HashMap;

use cedar_policy::{
    ActionConstraint, Entities, EntityTypeName, EntityUid, Policy, PolicyId, PolicySet,
    PrincipalConstraint, ResourceConstraint,
};
use serde_json::json;

/// Each policy without its scope: same name, effect and conditions. One that cannot be written so is
/// not there.
pub(super) struct Unscoped(HashMap<PolicyId, Policy>);

impl Unscoped {
    pub(super) fn of(all: &PolicySet) -> Self {
        let unscoped = all.policies().filter_map(|policy| {
            let mut json = policy.to_json().ok()?;
            let fields = json.as_object_mut()?;
            for scope in ["principal", "action", "resource"] {
                fields.insert(scope.to_owned(), json!({ "op": "All" }))?;
            }
            let id = policy.id().clone();
            Some((id.clone(), Policy::from_json(Some(id), json).ok()?))
        });
        Self(unscoped.collect())
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }
}

/// Whom, what for and what kind of thing policies are chosen for.
pub(super) struct Scoped<'a> {
    /// Holds person and action, with what they are part of.
    pub(super) entities: &'a Entities,
    pub(super) person: &'a EntityUid,
    pub(super) action: &'a EntityUid,
    pub(super) resource: &'a EntityTypeName,
}

/// Whether a policy's scope holds.
enum Holds {
    Never,
    Always,
    /// It depends on the document, or is not plain here.
    Perhaps,
}

impl Scoped<'_> {
    /// Those of `all` that can apply. All of them where no smaller set can be made.
    pub(super) fn of(&self, all: &PolicySet, unscoped: &Unscoped) -> PolicySet {
        let few = all.policies().filter_map(|policy| match self.holds(policy) {
            Holds::Never => None,
            Holds::Always => Some(unscoped.0.get(policy.id()).unwrap_or(policy).clone()),
            Holds::Perhaps => Some(policy.clone()),
        });
        PolicySet::from_policies(few).unwrap_or_else(|_| all.clone())
    }

    fn holds(&self, policy: &Policy) -> Holds {
        let person = match policy.principal_constraint() {
            PrincipalConstraint::Any => true,
            PrincipalConstraint::Eq(uid) => uid == *self.person,
            PrincipalConstraint::In(uid) => self.is_in(self.person, &uid),
            PrincipalConstraint::Is(kind) => kind == *self.person.type_name(),
            PrincipalConstraint::IsIn(kind, uid) => {
                kind == *self.person.type_name() && self.is_in(self.person, &uid)
            }
        };
        let action = match policy.action_constraint() {
            ActionConstraint::Any => true,
            ActionConstraint::Eq(uid) => uid == *self.action,
            ActionConstraint::In(uids) => uids.iter().any(|uid| self.is_in(self.action, uid)),
        };
        if !(person && action) {
            return Holds::Never;
        }
        match policy.resource_constraint() {
            ResourceConstraint::Any => Holds::Always,
            ResourceConstraint::Is(kind) if kind == *self.resource => Holds::Always,
            ResourceConstraint::IsIn(kind, _) if kind == *self.resource => Holds::Perhaps,
            ResourceConstraint::Is(_) | ResourceConstraint::IsIn(..) => Holds::Never,
            ResourceConstraint::In(_) | ResourceConstraint::Eq(_) => Holds::Perhaps,
        }
    }

    fn is_in(&self, one: &EntityUid, group: &EntityUid) -> bool {
        one == group || self.entities.is_ancestor_of(group, one)
    }
}
