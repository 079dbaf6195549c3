//! Yes or no: one person and action, decided for many documents.

use std::collections::BTreeSet;
use std::num::NonZeroUsize;
use std::sync::{Arc, OnceLock};

use cedar_policy::{
    Authorizer, Context, Decision, Entities, Entity, EntityUid, PolicySet, Request, Response,
    Schema,
};

use super::cache::{Asked, Decisions};
use super::load::PolicyFile;
use super::reach::Reach;
use super::slice::{Scoped, Unscoped};
use super::source::PolicySource;
use super::words::{AT_ONCE, Words, next_minute};
use super::{Action, Allowed, Denial, Permit, Policies};
use crate::domain::access::{AccessClass, Labels};
use crate::domain::classes::ClassList;
use crate::domain::clock::Timestamp;
use crate::domain::digest::Digest;
use crate::domain::principal::Principal;
use crate::domain::question::Scope;

/// Policies ready to decide.
pub(super) struct Compiled {
    pub(super) policies: PolicySet,
    pub(super) unscoped: Unscoped,
    pub(super) schema: Schema,
    pub(super) words: Words,
    pub(super) files: Arc<[PolicyFile]>,
    pub(super) source: PolicySource,
    pub(super) digest: Digest,
    /// Whether any policy reads the time: then a decision holds for the minute only.
    pub(super) mentions_time: bool,
    /// What a change of a person's attributes can change.
    pub(super) reach: Reach,
    pub(super) decisions: Decisions,
}

/// Fewer classes are decided before a thread has begun.
const SHARE_MIN: usize = 1_024;

/// One person, action and scope, in Cedar's words; decided for many resources.
pub(super) struct Asking {
    compiled: Arc<Compiled>,
    person: Entity,
    action: (EntityUid, Entity),
    context: Context,
    /// The policies that can say anything of a document.
    of_documents: OnceLock<PolicySet>,
}

/// A permit's decision, to be made again for one document after the other, from nothing but its
/// person, action and scope.
pub struct Again {
    asking: Option<Asking>,
    scope: Scope,
    valid_until: Option<Timestamp>,
}

impl Again {
    /// Until when what it says holds; `None` where nothing ends it but a change.
    pub const fn valid_until(&self) -> Option<Timestamp> {
        self.valid_until
    }

    /// Those of these classes that may be read. What is known of classes is neither asked nor
    /// changed.
    pub fn permitted(&self, classes: &[&(AccessClass, Labels)]) -> Vec<AccessClass> {
        let asking = self.asking.as_ref();
        asking.map(|asking| asking.permitted(&self.scope, classes)).unwrap_or_default()
    }

    /// Whether documents with these labels may be read.
    pub fn permits(&self, labels: &Labels) -> bool {
        let Some(asking) = &self.asking else { return false };
        asking.compiled.decisions.weigh();
        // Decided in any case: how long it takes must not tell what the labels are.
        let is_permitted = !asking.some(&[((), labels)]).is_empty();
        is_permitted && within(&self.scope, labels)
    }
}

impl Compiled {
    /// `None` where Cedar cannot take the words, which denies.
    pub(super) fn asking(
        self: &Arc<Self>,
        who: &Principal,
        action: Action,
        scope: &Scope,
    ) -> Option<Asking> {
        Some(Asking {
            compiled: Arc::clone(self),
            person: self.words.person(who)?,
            action: self.words.action(action)?,
            context: Words::context(scope, who.as_of)?,
            of_documents: OnceLock::new(),
        })
    }
}

impl Asking {
    /// The classes that may be read; many are shared out among the processors.
    pub(super) fn permitted(
        &self,
        scope: &Scope,
        classes: &[&(AccessClass, Labels)],
    ) -> Vec<AccessClass> {
        let open = classes.iter().filter(|(_, labels)| within(scope, labels));
        let open: Vec<_> = open.map(|(class, labels)| (*class, labels)).collect();
        let processors = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
        let share = open.len().div_ceil(processors).max(SHARE_MIN);
        let decide = |share: &[(AccessClass, &Labels)]| -> Vec<AccessClass> {
            share.chunks(AT_ONCE).flat_map(|some| self.some(some)).collect()
        };
        if open.len() <= share {
            return decide(&open);
        }
        std::thread::scope(|threads| {
            let shares: Vec<_> =
                open.chunks(share).map(|share| threads.spawn(move || decide(share))).collect();
            // A share that could not be decided is denied.
            shares.into_iter().flat_map(|share| share.join().unwrap_or_default()).collect()
        })
    }

    /// Those that may be read, of at most [`AT_ONCE`].
    fn some<T: Copy>(&self, documents: &[(T, &Labels)]) -> Vec<T> {
        let words = &self.compiled.words;
        let named = words.documents().zip(documents);
        let named = named.filter_map(|(uid, (which, labels))| {
            Some(((*which, uid.clone()), words.document(uid, labels)?))
        });
        let (named, documents): (Vec<_>, Vec<_>) = named.unzip();
        let Some(entities) = self.entities(documents) else { return Vec::new() };
        let policies = self.of_documents.get_or_init(|| self.slice(&entities));
        let permitted = named.into_iter().filter(|(_, uid)| {
            let response = self.respond(policies, uid.clone(), &entities);
            response.is_some_and(|response| is_yes(&response))
        });
        permitted.map(|(which, _)| which).collect()
    }

    /// What Cedar says of a document, or of the appliance where none is named.
    pub(super) fn response(&self, labels: Option<&Labels>) -> Option<Response> {
        let words = &self.compiled.words;
        let resource = match labels {
            Some(labels) => words.document(words.documents().next()?, labels)?,
            None => words.appliance(),
        };
        let uid = resource.uid();
        self.respond(&self.compiled.policies, uid, &self.entities([resource])?)
    }

    /// Whether the person may do this at all; on a no, what the policies say of it.
    pub(super) fn decide(&self) -> Result<(), Option<String>> {
        let response = self.response(None).ok_or(None)?;
        if is_yes(&response) { Ok(()) } else { Err(self.compiled.reasons(&response)) }
    }

    /// The person, the action and these.
    fn entities(&self, resources: impl IntoIterator<Item = Entity>) -> Option<Entities> {
        let asking = [self.person.clone(), self.action.1.clone()];
        Entities::from_entities(asking.into_iter().chain(resources), self.checked()).ok()
    }

    fn slice(&self, entities: &Entities) -> PolicySet {
        let (person, action) = (&self.person.uid(), &self.action.0);
        let resource = self.compiled.words.document_type();
        let Compiled { policies, unscoped, .. } = &*self.compiled;
        Scoped { entities, person, action, resource }.of(policies, unscoped)
    }

    fn respond(
        &self,
        policies: &PolicySet,
        uid: EntityUid,
        entities: &Entities,
    ) -> Option<Response> {
        let (person, action) = (self.person.uid(), self.action.0.clone());
        let request =
            Request::new(person, action, uid, self.context.clone(), self.checked()).ok()?;
        Some(Authorizer::new().is_authorized(&request, policies, entities))
    }

    /// Entities fit the schema by construction; debug builds, and so all tests, check that they do.
    fn checked(&self) -> Option<&Schema> {
        cfg!(debug_assertions).then_some(&self.compiled.schema)
    }
}

/// Cedar skips a policy that fails while evaluated, also one that forbids: then the answer is no.
pub(super) fn is_yes(response: &Response) -> bool {
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
        classes: &ClassList,
    ) -> Result<Permit, Denial> {
        let now = self.now();
        let asking = now.start(who, action, scope)?;
        if !action.reads_documents() {
            return Err(now.denial(action, None));
        }
        let Compiled { decisions, reach, mentions_time, .. } = &*now;
        let asked = Asked::of(who, action, scope, *mentions_time);
        let classes = decisions.permitted(asked, &asking, reach, classes);
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

    /// How many classes were decided since these policies were put in force: what was known already
    /// is not among them.
    pub fn decided(&self) -> u64 {
        self.now().decisions.count()
    }

    /// How many documents were decided one by one since these policies were put in force.
    pub fn weighed(&self) -> u64 {
        self.now().decisions.weighed()
    }

    /// Decides documents again, by the policies in force now and by nothing but the permit's
    /// person, action and scope.
    pub fn again(&self, permit: &Permit) -> Again {
        let now = self.now();
        let asking = now.asking(&permit.who, permit.action, &permit.scope);
        let valid_until = now.valid_until(&permit.who);
        Again { asking, scope: permit.scope.clone(), valid_until }
    }

    /// [`Policies::permit`] for documents that are decided one by one: no class is decided, and
    /// what is known of classes stays known.
    ///
    /// # Errors
    /// As [`Policies::permit`].
    pub fn afresh(&self, who: &Principal, action: Action, scope: &Scope) -> Result<Again, Denial> {
        let now = self.now();
        let asking = Some(now.start(who, action, scope)?);
        if !action.reads_documents() {
            return Err(now.denial(action, None));
        }
        Ok(Again { asking, scope: scope.clone(), valid_until: now.valid_until(who) })
    }

    /// Decides one document's labels again; see [`Policies::again`].
    pub fn decide_again(&self, permit: &Permit, labels: &Labels) -> bool {
        self.again(permit).permits(labels)
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

    fn start(
        self: &Arc<Self>,
        who: &Principal,
        action: Action,
        scope: &Scope,
    ) -> Result<Asking, Denial> {
        // A token narrows what its owner may do; no policy widens it again.
        if who.token_scope.as_ref().is_some_and(|scope| !scope.contains(action.as_str())) {
            let because = "the token that you use is limited to other things";
            return Err(self.denial(action, Some(because.to_owned())));
        }
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

pub(super) fn within(scope: &Scope, labels: &Labels) -> bool {
    let agrees = |declared: &Option<String>, label: &Option<String>| match (declared, label) {
        (Some(declared), Some(label)) => declared == label,
        (None, _) | (_, None) => true,
    };
    agrees(&scope.matter, &labels.matter) && agrees(&scope.patient, &labels.patient)
}
