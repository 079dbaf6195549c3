//! From our words to Cedar's: people, documents and circumstances as the schema has them.

use std::collections::{HashMap, HashSet};

use cedar_policy::{
    Context, Entity, EntityId, EntityTypeName, EntityUid, PolicySet, RestrictedExpression, Schema,
};

use super::Action;
use crate::domain::access::Labels;
use crate::domain::clock::Timestamp;
use crate::domain::principal::{Principal, Subject};
use crate::domain::question::Scope;

/// Attributes of a person that the schema names, each a set; all others are tags.
pub(super) const PERSON_SETS: [&str; 9] = [
    "barred",
    "clearance",
    "client",
    "conflict",
    "department",
    "function",
    "matter",
    "patient",
    "wall",
];
const PRIVILEGED: &str = "privileged";
const NOW: &str = "now";
const MINUTE_MS: u64 = 60_000;
/// Documents that are put to Cedar as one set of entities.
pub(super) const AT_ONCE: usize = 256;

/// The schema's type names and actions, parsed once.
pub(super) struct Words {
    person: EntityTypeName,
    role: EntityTypeName,
    appliance: EntityUid,
    document: EntityTypeName,
    documents: Vec<EntityUid>,
    kind: EntityTypeName,
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
        let named = |name: EntityTypeName, id: &str| {
            EntityUid::from_type_name_and_id(name, EntityId::new(id))
        };
        let document = type_name("Document")?;
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
            appliance: named(type_name("Appliance")?, "this"),
            documents: (0..AT_ONCE).map(|at| named(document.clone(), &at.to_string())).collect(),
            document,
            kind: type_name("Kind")?,
            actions,
        })
    }

    /// The action, and what it is part of.
    pub(super) fn action(&self, action: Action) -> Option<(EntityUid, Entity)> {
        self.actions.get(&action).cloned()
    }

    /// What is not about one document.
    pub(super) fn appliance(&self) -> Entity {
        Entity::with_uid(self.appliance.clone())
    }

    pub(super) fn person(&self, who: &Principal) -> Option<Entity> {
        let uid =
            EntityUid::from_type_name_and_id(self.person.clone(), EntityId::new(who.name.as_str()));
        let set = |key: &str| {
            let values = who.attributes.get(key).into_iter().flatten().cloned();
            RestrictedExpression::new_set(values.map(RestrictedExpression::new_string))
        };
        let privileged =
            who.attributes.get(PRIVILEGED).is_some_and(|values| values.contains("true"));
        let attributes = PERSON_SETS.into_iter().map(|key| (key.to_owned(), set(key))).chain([
            ("emergency".to_owned(), emergency(who)?),
            (PRIVILEGED.to_owned(), RestrictedExpression::new_bool(privileged)),
        ]);
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

    /// What documents are called as a kind.
    pub(super) fn document_type(&self) -> &EntityTypeName {
        &self.document
    }

    /// Names for up to [`AT_ONCE`] documents. They mean nothing: policies cannot name a document.
    pub(super) fn documents(&self) -> impl Iterator<Item = &EntityUid> {
        self.documents.iter()
    }

    /// `None` for a document without a classification: nobody sees it.
    pub(super) fn document(&self, uid: &EntityUid, labels: &Labels) -> Option<Entity> {
        let text = |value: &String| RestrictedExpression::new_string(value.clone());
        let mut attributes = HashMap::from([
            ("classification".to_owned(), labels.classification.as_ref().map(text)?),
            ("minor".to_owned(), RestrictedExpression::new_bool(labels.minor)),
            (PRIVILEGED.to_owned(), RestrictedExpression::new_bool(labels.privileged)),
        ]);
        let optional = [
            ("client", &labels.client),
            ("department", &labels.department),
            ("matter", &labels.matter),
            ("patient", &labels.patient),
        ];
        for (key, value) in optional {
            attributes.extend(value.as_ref().map(|value| (key.to_owned(), text(value))));
        }
        attributes.extend(labels.kind.map(|kind| {
            let id = EntityId::new(kind.as_str());
            let uid = EntityUid::from_type_name_and_id(self.kind.clone(), id);
            ("kind".to_owned(), RestrictedExpression::new_entity_uid(uid))
        }));
        Entity::new(uid.clone(), attributes, HashSet::new()).ok()
    }

    /// What was declared, and when it is decided: to the minute, so that the decision holds for one.
    pub(super) fn context(scope: &Scope, at: Timestamp) -> Option<Context> {
        let declared =
            [("purpose", &scope.purpose), ("matter", &scope.matter), ("patient", &scope.patient)];
        let pairs = declared.into_iter().filter_map(|(key, value)| {
            let value = RestrictedExpression::new_string(value.as_ref()?.clone());
            Some((key.to_owned(), value))
        });
        let now = RestrictedExpression::new_datetime(minute(at).to_string());
        Context::from_pairs(pairs.chain([(NOW.to_owned(), now)])).ok()
    }
}

/// The matters and patients that emergencies open to somebody.
fn emergency(who: &Principal) -> Option<RestrictedExpression> {
    let set = |wanted: fn(&Subject) -> Option<&String>| {
        let names = who.emergencies.iter().filter_map(|emergency| wanted(&emergency.subject));
        RestrictedExpression::new_set(names.cloned().map(RestrictedExpression::new_string))
    };
    let matters = set(|subject| match subject {
        Subject::Matter(name) => Some(name),
        Subject::Patient(_) => None,
    });
    let patients = set(|subject| match subject {
        Subject::Patient(name) => Some(name),
        Subject::Matter(_) => None,
    });
    let fields = [("matter".to_owned(), matters), ("patient".to_owned(), patients)];
    RestrictedExpression::new_record(fields).ok()
}

pub(super) const fn minute(at: Timestamp) -> Timestamp {
    let millis = at.unix_millis();
    Timestamp::from_unix_millis(millis - millis % MINUTE_MS)
}

/// When the minute that a decision was made in ends.
pub(super) fn next_minute(at: Timestamp) -> Timestamp {
    minute(at).after(std::time::Duration::from_millis(MINUTE_MS))
}

/// Whether any policy reads the time. One that cannot be looked into counts as one that does.
pub(super) fn mentions_time(policies: &PolicySet) -> bool {
    policies.policies().any(|policy| policy.to_json().map_or(true, |json| names_now(&json)))
}

fn names_now(json: &serde_json::Value) -> bool {
    use serde_json::Value;
    match json {
        Value::Array(items) => items.iter().any(names_now),
        Value::Object(fields) => {
            let is_now = fields.get("attr").and_then(Value::as_str) == Some(NOW);
            is_now || fields.values().any(names_now)
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}
