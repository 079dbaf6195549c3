//! Why a decision came out as it did.

use std::sync::Arc;

use serde::Serialize;

use super::decide::{Compiled, is_yes, within};
use super::{Action, Policies};
use crate::domain::access::Labels;
use crate::domain::digest::Digest;
use crate::domain::principal::Principal;
use crate::domain::question::Scope;

/// A policy that decided.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Deciding {
    /// Its `@id`, or its place in the file.
    pub id: String,
    /// Its file.
    pub file: String,
    /// `permit` or `forbid`.
    pub effect: &'static str,
    /// Its `@reason`.
    pub reason: Option<String>,
}

/// One of the two decisions that showing a document takes.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Decided {
    /// `appliance`: may the person do this at all? `document`: may they see this document?
    pub about: &'static str,
    /// Whether it is a yes.
    pub allowed: bool,
    /// The policies that decided: of a yes, those that permit; of a no, those that forbid. None
    /// forbids where none permits.
    pub policies: Vec<Deciding>,
    /// What decided besides policies, or instead of them.
    pub note: Option<&'static str>,
}

/// Why a person may see a document, or may not.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Explanation {
    /// Whether they may.
    pub allowed: bool,
    /// The policies in force.
    pub policy: Digest,
    /// The decisions that it takes; both must be a yes.
    pub decisions: Vec<Decided>,
}

impl Policies {
    /// Decides as [`Self::permit`] does, for one document, and tells why.
    pub fn explain(
        &self,
        who: &Principal,
        action: Action,
        scope: &Scope,
        labels: &Labels,
    ) -> Explanation {
        let now = self.now();
        let decisions = vec![
            now.explain(who, action, scope, None),
            now.explain(who, action, scope, Some(labels)),
        ];
        let allowed = decisions.iter().all(|decision| decision.allowed);
        Explanation { allowed, policy: now.digest, decisions }
    }
}

impl Compiled {
    fn explain(
        self: &Arc<Self>,
        who: &Principal,
        action: Action,
        scope: &Scope,
        labels: Option<&Labels>,
    ) -> Decided {
        let about = if labels.is_some() { "document" } else { "appliance" };
        let no = |note| Decided { about, allowed: false, policies: Vec::new(), note: Some(note) };
        if labels.is_some_and(|labels| labels.classification.is_none()) {
            return no("the document has no classification: nobody sees it");
        }
        let asking = self.asking(who, action, scope);
        let Some(response) = asking.and_then(|asking| asking.response(labels)) else {
            return no("the request cannot be put in the words of the schema");
        };
        let allowed = is_yes(&response);
        let policies: Vec<Deciding> =
            response.diagnostics().reason().filter_map(|id| self.deciding(id)).collect();
        let note = if response.diagnostics().errors().next().is_some() {
            Some("a policy failed while it was evaluated, which denies")
        } else if !allowed && policies.is_empty() {
            Some("no policy permits it")
        } else if !labels.is_none_or(|labels| within(scope, labels)) {
            return no("the document lies outside the matter or patient that is asked about");
        } else {
            None
        };
        Decided { about, allowed, policies: sorted(policies), note }
    }

    fn deciding(&self, id: &cedar_policy::PolicyId) -> Option<Deciding> {
        let policy = self.policies.policy(id)?;
        let name = id.to_string();
        let (file, own) = name.split_once('/').unwrap_or(("", name.as_str()));
        let reason = policy.annotation("reason").filter(|reason| !reason.is_empty());
        let effect = match policy.effect() {
            cedar_policy::Effect::Permit => "permit",
            cedar_policy::Effect::Forbid => "forbid",
        };
        let (id, file) = (own.to_owned(), file.to_owned());
        Some(Deciding { id, file, effect, reason: reason.map(str::to_owned) })
    }
}

fn sorted(mut policies: Vec<Deciding>) -> Vec<Deciding> {
    policies.sort_by(|a, b| (&a.file, &a.id).cmp(&(&b.file, &b.id)));
    policies
}
