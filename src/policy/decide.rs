//! Yes or no: one person and action, decided for many documents.

use std::collections::BTreeSet;
use std::sync::Arc;

use cedar_policy::{
    Authorizer, Context, Decision, Entities, Entity, EntityUid, PolicySet, Request, Response,
    Schema,
};

use super::load::PolicyFile;
use super::source::PolicySource;
use super::words::{Words, next_minute};
use super::{Action, Allowed, Denial, Permit, Policies};
use crate::domain::access::{AccessClass, Labels};
use crate::domain::clock::Timestamp;
use crate::domain::digest::Digest;
use crate::domain::principal::Principal;
use crate::domain::question::Scope;

/// Policies ready to decide.
pub(super) struct Compiled {
    pub(super) policies: PolicySet,
    pub(super) schema: Schema,
    pub(super) words: Words,
    pub(super) files: Arc<[PolicyFile]>,
    pub(super) source: PolicySource,
    pub(super) digest: Digest,
    /// Whether any policy reads the time: then a decision holds for the minute only.
    pub(super) mentions_time: bool,
}

/// One person, action and scope, in Cedar's words; decided for many resources.
pub(super) struct Asking<'a> {
    compiled: &'a Compiled,
    person: Entity,
    action: (EntityUid, Entity),
    context: Context,
}

impl Compiled {
    /// `None` where Cedar cannot take the words, which denies.
    pub(super) fn asking(
        &self,
        who: &Principal,
        action: Action,
        scope: &Scope,
    ) -> Option<Asking<'_>> {
        Some(Asking {
            compiled: self,
            person: self.words.person(who)?,
            action: self.words.action(action)?,
            context: Words::context(scope, who.as_of)?,
        })
    }
}

impl Asking<'_> {
    /// Whether documents with these labels may be read.
    pub(super) fn reads(&self, labels: &Labels) -> bool {
        let words = &self.compiled.words;
        words
            .document(labels)
            .and_then(|document| self.respond(document.uid(), document))
            .is_some_and(|response| is_yes(&response))
    }

    /// Whether the person may do this at all; on a no, what the policies say of it.
    pub(super) fn decide(&self) -> Result<(), Option<String>> {
        let appliance = self.compiled.words.appliance();
        let response = self.respond(appliance.uid(), appliance).ok_or(None)?;
        if is_yes(&response) { Ok(()) } else { Err(self.compiled.reasons(&response)) }
    }

    fn respond(&self, uid: EntityUid, resource: Entity) -> Option<Response> {
        let person = self.person.uid();
        let (action, action_entity) = &self.action;
        let entities = [self.person.clone(), action_entity.clone(), resource];
        let entities = Entities::from_entities(entities, self.checked()).ok()?;
        let request =
            Request::new(person, action.clone(), uid, self.context.clone(), self.checked()).ok()?;
        Some(Authorizer::new().is_authorized(&request, &self.compiled.policies, &entities))
    }

    /// Entities fit the schema by construction; debug builds, and so all tests, check that they do.
    fn checked(&self) -> Option<&Schema> {
        cfg!(debug_assertions).then_some(&self.compiled.schema)
    }
}

/// Cedar skips a policy that fails while evaluated, also one that forbids: then the answer is no.
fn is_yes(response: &Response) -> bool {
    response.decision() == Decision::Allow && response.diagnostics().errors().next().is_none()
}

impl Compiled {
    /// The `@reason` texts of the policies that forbade, in a fixed order.
    fn reasons(&self, response: &Response) -> Option<String> {
        let reasons: BTreeSet<&str> = response
            .diagnostics()
            .reason()
            .filter_map(|id| self.policies.annotation(id, "reason"))
            .filter(|reason| !reason.is_empty())
            .collect();
        (!reasons.is_empty()).then(|| reasons.into_iter().collect::<Vec<_>>().join("; "))
    }
}

impl Policies {
    /// Identifies the policies and the schema.
    pub fn digest(&self) -> Digest {
        self.now().digest
    }

    /// The files that decide, in order of their names, the schema among them.
    pub fn files(&self) -> Arc<[PolicyFile]> {
        Arc::clone(&self.now().files)
    }

    /// Every file of the set, as it was written.
    pub fn source(&self) -> PolicySource {
        self.now().source.clone()
    }

    /// Decides which of `classes` a person may read for `action` within `scope`.
    ///
    /// A matter in the scope leaves only that matter's classes and those without a matter; the same
    /// for a patient. A scope never widens what is allowed.
    ///
    /// # Errors
    /// [`Denial`] where the person may not do this at all, or `action` does not read documents. To
    /// be allowed to ask, but with no class to see, is a permit for nothing.
    pub fn permit(
        &self,
        who: &Principal,
        action: Action,
        scope: &Scope,
        classes: &[(AccessClass, Labels)],
    ) -> Result<Permit, Denial> {
        let now = self.now();
        let asking = now.start(who, action, scope)?;
        if !action.reads_documents() {
            return Err(now.denial(action, None));
        }
        let classes = classes
            .iter()
            .filter(|(_, labels)| within(scope, labels) && asking.reads(labels))
            .map(|(class, _)| *class)
            .collect();
        Ok(Permit {
            who: who.clone(),
            action,
            scope: scope.clone(),
            classes,
            shows_withheld: now.start(who, Action::SeeWithheld, &Scope::default()).is_ok(),
            policy: now.digest,
            valid_until: now.valid_until(who),
        })
    }

    /// Whether any policy reads the time.
    pub fn mentions_time(&self) -> bool {
        self.now().mentions_time
    }

    /// Until when what is decided for a person as they stand holds; `None` where nothing ends it
    /// but a change.
    pub fn valid_until(&self, who: &Principal) -> Option<Timestamp> {
        self.now().valid_until(who)
    }

    /// Decides one document's labels again, from nothing but the permit's person and scope, by the
    /// policies in force now.
    pub fn decide_again(&self, permit: &Permit, labels: &Labels) -> bool {
        within(&permit.scope, labels)
            && self
                .now()
                .asking(&permit.who, permit.action, &permit.scope)
                .is_some_and(|asking| asking.reads(labels))
    }

    /// Decides an action for the appliance, with nothing declared.
    ///
    /// For an action that reads documents this says only whether the person may try.
    ///
    /// # Errors
    /// [`Denial`] where no policy permits it or one forbids it.
    pub fn may(&self, who: &Principal, action: Action) -> Result<Allowed, Denial> {
        self.may_in(who, action, &Scope::default())
    }

    /// Decides an action for the appliance, within what was declared.
    ///
    /// # Errors
    /// As [`Policies::may`].
    pub fn may_in(
        &self,
        who: &Principal,
        action: Action,
        scope: &Scope,
    ) -> Result<Allowed, Denial> {
        let now = self.now();
        now.start(who, action, scope)?;
        Ok(Allowed { who: who.clone(), action, policy: now.digest })
    }

    pub(super) fn denial(&self, action: Action, because: Option<String>) -> Denial {
        self.now().denial(action, because)
    }
}

impl Compiled {
    fn valid_until(&self, who: &Principal) -> Option<Timestamp> {
        let minute = self.mentions_time.then(|| next_minute(who.as_of));
        who.until.into_iter().chain(minute).min()
    }

    fn start(&self, who: &Principal, action: Action, scope: &Scope) -> Result<Asking<'_>, Denial> {
        let asking = self.asking(who, action, scope).ok_or_else(|| self.denial(action, None))?;
        match asking.decide() {
            Ok(()) => Ok(asking),
            Err(reason) => Err(self.denial(action, reason)),
        }
    }

    fn denial(&self, action: Action, because: Option<String>) -> Denial {
        let mut reason = action.denied();
        if let Some(because) = because {
            reason.push_str(": ");
            reason.push_str(&because);
        }
        Denial { reason, policy: self.digest }
    }
}

fn within(scope: &Scope, labels: &Labels) -> bool {
    let agrees = |declared: &Option<String>, label: &Option<String>| match (declared, label) {
        (Some(declared), Some(label)) => declared == label,
        (None, _) | (_, None) => true,
    };
    agrees(&scope.matter, &labels.matter) && agrees(&scope.patient, &labels.patient)
}
