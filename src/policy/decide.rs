//! From our words to Cedar's, and back to yes or no.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use cedar_policy::{
    Authorizer, Context, Decision, Entities, Entity, EntityId, EntityTypeName, EntityUid,
    PolicySet, Request, Response, RestrictedExpression, Schema,
};

use super::load::PolicyFile;
use super::{Action, Allowed, Denial, Permit, Policies};
use crate::domain::access::Labels;
use crate::domain::classes::ClassList;
use crate::domain::digest::Digest;
use crate::domain::principal::Principal;
use crate::domain::question::Scope;

/// Attributes of a person that the schema names; all others are tags.
const PERSON_SETS: [&str; 5] = ["matter", "patient", "department", "clearance", "wall"];
const PRIVILEGED: &str = "privileged";

/// Policies ready to decide.
pub(super) struct Compiled {
    pub(super) policies: PolicySet,
    pub(super) schema: Schema,
    pub(super) words: Words,
    pub(super) files: Vec<PolicyFile>,
    pub(super) digest: Digest,
}

/// The schema's type names and actions, parsed once.
pub(super) struct Words {
    person: EntityTypeName,
    role: EntityTypeName,
    appliance: EntityUid,
    document: EntityUid,
    actions: HashMap<Action, (EntityUid, Entity)>,
}

/// The schema and this code have parted: a fault of the build, reported like a policy's.
#[derive(Debug, thiserror::Error)]
#[error("the built-in schema does not fit the program: {detail}")]
pub(super) struct SchemaMismatch {
    detail: String,
}

impl Words {
    pub(super) fn of(schema: &Schema) -> Result<Self, SchemaMismatch> {
        let mismatch = |detail: String| SchemaMismatch { detail };
        let type_name = |name: &str| {
            name.parse::<EntityTypeName>().map_err(|e| mismatch(format!("{name}: {e}")))
        };
        let only =
            |name: EntityTypeName| EntityUid::from_type_name_and_id(name, EntityId::new("this"));
        let declared = schema.action_entities().map_err(|e| mismatch(e.to_string()))?;
        let mut actions = HashMap::new();
        for action in Action::ALL {
            let uid = EntityUid::from_type_name_and_id(
                type_name("Action")?,
                EntityId::new(action.as_str()),
            );
            let entity = declared
                .get(&uid)
                .ok_or_else(|| mismatch(format!("the action {action} is missing")))?;
            actions.insert(action, (uid, entity.clone()));
        }
        Ok(Self {
            person: type_name("Person")?,
            role: type_name("Role")?,
            appliance: only(type_name("Appliance")?),
            document: only(type_name("Document")?),
            actions,
        })
    }
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
            action: self.words.actions.get(&action)?.clone(),
            context: context(scope)?,
        })
    }
}

impl Words {
    fn person(&self, who: &Principal) -> Option<Entity> {
        let uid =
            EntityUid::from_type_name_and_id(self.person.clone(), EntityId::new(who.name.as_str()));
        let set = |key: &str| {
            let values = who.attributes.get(key).into_iter().flatten().cloned();
            RestrictedExpression::new_set(values.map(RestrictedExpression::new_string))
        };
        let privileged =
            who.attributes.get(PRIVILEGED).is_some_and(|values| values.contains("true"));
        let attributes = PERSON_SETS
            .into_iter()
            .map(|key| (key.to_owned(), set(key)))
            .chain([(PRIVILEGED.to_owned(), RestrictedExpression::new_bool(privileged))]);
        let roles = who.roles.iter().map(|role| {
            EntityUid::from_type_name_and_id(self.role.clone(), EntityId::new(role.as_str()))
        });
        let tags = who
            .attributes
            .keys()
            .filter(|key| !PERSON_SETS.contains(&key.as_str()) && *key != PRIVILEGED)
            .map(|key| (key.clone(), set(key)));
        Entity::new_with_tags(uid, attributes, roles, tags).ok()
    }

    /// `None` for a document without a classification: nobody sees it.
    fn document(&self, labels: &Labels) -> Option<Entity> {
        let text = |value: &String| RestrictedExpression::new_string(value.clone());
        let mut attributes = HashMap::from([
            ("classification".to_owned(), labels.classification.as_ref().map(text)?),
            (PRIVILEGED.to_owned(), RestrictedExpression::new_bool(labels.privileged)),
        ]);
        let optional = [
            ("department", &labels.department),
            ("matter", &labels.matter),
            ("patient", &labels.patient),
        ];
        for (key, value) in optional {
            attributes.extend(value.as_ref().map(|value| (key.to_owned(), text(value))));
        }
        Entity::new(self.document.clone(), attributes, HashSet::new()).ok()
    }
}

fn context(scope: &Scope) -> Option<Context> {
    let declared =
        [("purpose", &scope.purpose), ("matter", &scope.matter), ("patient", &scope.patient)];
    let pairs = declared.into_iter().filter_map(|(key, value)| {
        let value = RestrictedExpression::new_string(value.as_ref()?.clone());
        Some((key.to_owned(), value))
    });
    Context::from_pairs(pairs).ok()
}

impl Asking<'_> {
    /// Whether documents with these labels may be read.
    pub(super) fn reads(&self, labels: &Labels) -> bool {
        let words = &self.compiled.words;
        words
            .document(labels)
            .and_then(|document| self.respond(words.document.clone(), document))
            .is_some_and(|response| is_yes(&response))
    }

    /// Whether the person may do this at all; on a no, what the policies say of it.
    pub(super) fn decide(&self) -> Result<(), Option<String>> {
        let uid = self.compiled.words.appliance.clone();
        let response = self.respond(uid.clone(), Entity::with_uid(uid)).ok_or(None)?;
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
        self.0.digest
    }

    /// The files that decide, in order of their names, the schema among them.
    pub fn files(&self) -> &[PolicyFile] {
        &self.0.files
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
        let asking = self.start(who, action, scope)?;
        if !action.reads_documents() {
            return Err(self.denial(action, None));
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
            classes: Arc::new(classes),
            shows_withheld: self.may(who, Action::SeeWithheld).is_ok(),
            policy: self.0.digest,
        })
    }

    /// Decides one document's labels again, from nothing but the permit's person and scope.
    pub fn decide_again(&self, permit: &Permit, labels: &Labels) -> bool {
        within(&permit.scope, labels)
            && self
                .0
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
        self.start(who, action, &Scope::default())?;
        Ok(Allowed { who: who.clone(), action, policy: self.0.digest })
    }

    fn start(&self, who: &Principal, action: Action, scope: &Scope) -> Result<Asking<'_>, Denial> {
        let asking = self.0.asking(who, action, scope).ok_or_else(|| self.denial(action, None))?;
        match asking.decide() {
            Ok(()) => Ok(asking),
            Err(reason) => Err(self.denial(action, reason)),
        }
    }

    pub(super) fn denial(&self, action: Action, because: Option<String>) -> Denial {
        let mut reason = action.denied();
        if let Some(because) = because {
            reason.push_str(": ");
            reason.push_str(&because);
        }
        Denial { reason, policy: self.0.digest }
    }
}

fn within(scope: &Scope, labels: &Labels) -> bool {
    let agrees = |declared: &Option<String>, label: &Option<String>| match (declared, label) {
        (Some(declared), Some(label)) => declared == label,
        (None, _) | (_, None) => true,
    };
    agrees(&scope.matter, &labels.matter) && agrees(&scope.patient, &labels.patient)
}
