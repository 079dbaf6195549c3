//! Which policies can say anything of a document, for one person and action: those whose scope takes
//! both in. Cedar decides by them alone what it would decide by all, and in less time.
//!
//! Only scopes are read (`principal in …, action in …, resource is …`). Cedar evaluates them before any
//! condition, they cannot fail, and where one does not hold the policy says nothing. What is not plain
//! here stays in.

use cedar_policy::{
    ActionConstraint, Entities, EntityTypeName, EntityUid, Policy, PolicySet, PrincipalConstraint,
    ResourceConstraint,
};

/// Whom, what for and what kind of thing policies are chosen for.
pub(super) struct Scoped<'a> {
    /// Holds person and action, with what they are part of.
    pub(super) entities: &'a Entities,
    pub(super) person: &'a EntityUid,
    pub(super) action: &'a EntityUid,
    pub(super) resource: &'a EntityTypeName,
}

impl Scoped<'_> {
    /// Those of `all` that can apply. All of them where no smaller set can be made.
    pub(super) fn of(&self, all: &PolicySet) -> PolicySet {
        let few = all.policies().filter(|policy| self.may_apply(policy)).cloned();
        PolicySet::from_policies(few).unwrap_or_else(|_| all.clone())
    }

    fn may_apply(&self, policy: &Policy) -> bool {
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
        let resource = match policy.resource_constraint() {
            ResourceConstraint::Is(kind) | ResourceConstraint::IsIn(kind, _) => {
                kind == *self.resource
            }
            ResourceConstraint::Any | ResourceConstraint::In(_) | ResourceConstraint::Eq(_) => true,
        };
        person && action && resource
    }

    fn is_in(&self, one: &EntityUid, group: &EntityUid) -> bool {
        one == group || self.entities.is_ancestor_of(group, one)
    }
}
