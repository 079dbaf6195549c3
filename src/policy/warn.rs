//! What a set of policies permits that two persons agree to, and would better not.

use cedar_policy::{ActionConstraint, Effect, Policy, PrincipalConstraint};

use super::{Action, Policies, PolicyProblem};
use crate::domain::principal::Role;

/// What administers, approves or turns keys: for roles that two persons give.
const RESERVED: [Action; 5] = [
    Action::Approve,
    Action::ManageAccounts,
    Action::ManageKeys,
    Action::ManageModels,
    Action::ProposePolicies,
];

impl Policies {
    /// Policies that give a right to administer or approve to more than the roles that two persons
    /// give: a group of the sign-on provider is enough for the others, and no second person looks.
    pub fn warnings(&self) -> Vec<PolicyProblem> {
        let now = self.now();
        let mut warnings: Vec<_> = now.policies.policies().filter_map(doubt).collect();
        warnings.sort_by(|a, b| (&a.file, &a.detail).cmp(&(&b.file, &b.detail)));
        warnings
    }
}

fn doubt(policy: &Policy) -> Option<PolicyProblem> {
    let whom = given_to(policy)?;
    let rights: Vec<&str> =
        RESERVED.iter().filter(|one| covers(policy, **one)).map(|one| one.as_str()).collect();
    if policy.effect() == Effect::Forbid || rights.is_empty() {
        return None;
    }
    let id = policy.id().to_string();
    let (file, own) = id.split_once('/').unwrap_or(("", &id));
    let reserved = Role::RESERVED.map(Role::as_str).join(", ");
    let detail = format!(
        "{own}: gives {} to {whom}: a group of the sign-on provider is enough for that, no second person looks. Give it to one of {reserved}",
        rights.join(", ")
    );
    Some(PolicyProblem::new(file, detail))
}

/// Whom a policy is for, in words; `None` where two persons give the role, or it names a person.
fn given_to(policy: &Policy) -> Option<String> {
    match policy.principal_constraint() {
        PrincipalConstraint::Any | PrincipalConstraint::Is(_) => {
            Some("anybody whom its conditions fit".to_owned())
        }
        PrincipalConstraint::In(role) | PrincipalConstraint::IsIn(_, role) => {
            let name = role.id().unescaped().to_owned();
            let is_reserved = Role::RESERVED.iter().any(|role| role.as_str() == name);
            (!is_reserved).then(|| format!("the role {name}"))
        }
        PrincipalConstraint::Eq(_) => None,
    }
}

fn covers(policy: &Policy, action: Action) -> bool {
    let is = |uid: &cedar_policy::EntityUid| uid.id().unescaped() == action.as_str();
    match policy.action_constraint() {
        ActionConstraint::Any => true,
        ActionConstraint::Eq(uid) => is(&uid),
        ActionConstraint::In(uids) => uids.iter().any(is),
    }
}
