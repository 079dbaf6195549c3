//! What a change of a person's sets can change: which labels the policies compare them with.
//!
//! Most policies ask `principal.matter.contains(resource.matter)`: then whoever joins or leaves a
//! matter can gain or lose that matter's documents and no others, and only those need be decided
//! again. Whatever is used in any other way counts as changing everything.

use std::collections::{BTreeMap, BTreeSet};

use cedar_policy::PolicySet;
use serde_json::Value;

use super::words::PERSON_SETS;
use crate::domain::access::Labels;
use crate::domain::principal::Attributes;
use crate::domain::question::Scope;

/// How policies use the sets of a person, by the names of the sets.
#[derive(Debug, Default)]
pub(super) struct Reach {
    sets: BTreeMap<String, Uses>,
    /// Some policy could not be looked into.
    unknown: bool,
}

/// How one set is used.
#[derive(Debug, Default)]
struct Uses {
    /// Labels that it is asked for.
    labels: BTreeSet<String>,
    /// What is declared with a question, and that it is asked for.
    declared: BTreeSet<String>,
    /// It is used otherwise.
    otherwise: bool,
}

/// Which classes are to be decided again.
#[derive(Debug, Eq, PartialEq)]
pub(super) enum Touched {
    /// All of them.
    All,
    /// Those with one of these values of one of these labels.
    With(BTreeMap<String, BTreeSet<String>>),
}

impl Touched {
    /// Whether a class with these labels is among them.
    pub(super) fn holds(&self, labels: &Labels) -> bool {
        let Self::With(wanted) = self else { return true };
        wanted.iter().any(|(key, values)| match label(labels, key) {
            Some(value) => value.is_some_and(|value| values.contains(value)),
            None => true,
        })
    }
}

/// A label by its name; `None` for a name that is not known here.
fn label<'a>(labels: &'a Labels, key: &str) -> Option<Option<&'a String>> {
    match key {
        "classification" => Some(labels.classification.as_ref()),
        "client" => Some(labels.client.as_ref()),
        "department" => Some(labels.department.as_ref()),
        "matter" => Some(labels.matter.as_ref()),
        "patient" => Some(labels.patient.as_ref()),
        _ => None,
    }
}

impl Reach {
    pub(super) fn of(policies: &PolicySet) -> Self {
        let mut reach = Self::default();
        for policy in policies.policies() {
            match policy.to_json() {
                Ok(json) => reach.read(json.get("conditions").unwrap_or(&Value::Null)),
                Err(_) => reach.unknown = true,
            }
        }
        reach
    }

    /// Whether any policy reads this set of a person.
    pub(super) fn reads(&self, set: &str) -> bool {
        self.unknown || self.sets.contains_key(set)
    }

    /// What a change of a person's attributes from `before` to `after` touches.
    pub(super) fn touched(
        &self,
        before: &Attributes,
        after: &Attributes,
        scope: &Scope,
    ) -> Touched {
        let none = BTreeSet::new();
        let mut wanted: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for key in before.keys().chain(after.keys()).collect::<BTreeSet<_>>() {
            let of = |attributes: &'_ Attributes| attributes.get(key).unwrap_or(&none).clone();
            let changed = &of(before) ^ &of(after);
            if changed.is_empty() {
                continue;
            }
            // Other attributes are tags or flags, which policies take as a whole.
            if self.unknown || !PERSON_SETS.contains(&key.as_str()) {
                return Touched::All;
            }
            let Some(uses) = self.sets.get(key) else { continue };
            let declared = |name: &String| match name.as_str() {
                "matter" => scope.matter.as_ref(),
                "patient" => scope.patient.as_ref(),
                _ => scope.purpose.as_ref(),
            };
            let mut declared = uses.declared.iter().filter_map(declared);
            if uses.otherwise || declared.any(|value| changed.contains(value)) {
                return Touched::All;
            }
            for label in &uses.labels {
                wanted.entry(label.clone()).or_default().extend(changed.iter().cloned());
            }
        }
        Touched::With(wanted)
    }

    /// Reads a part of a policy in Cedar's JSON form.
    fn read(&mut self, part: &Value) {
        if let Some((set, with)) = asked(part) {
            let uses = self.sets.entry(set.to_owned()).or_default();
            match with {
                ("resource", label) => uses.labels.insert(label.to_owned()),
                (_, declared) => uses.declared.insert(declared.to_owned()),
            };
            return;
        }
        match part {
            Value::Array(parts) => parts.iter().for_each(|part| self.read(part)),
            Value::Object(fields) => {
                if let Some(access) = fields.get(".") {
                    match variable(access) {
                        Some(("principal", set)) => {
                            self.sets.entry(set.to_owned()).or_default().otherwise = true;
                        }
                        Some(_) => {}
                        None => self.unknown |= !is_path(access),
                    }
                }
                fields.values().for_each(|part| self.read(part));
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }
}

/// `principal.SET.contains(resource.LABEL)`, or the same of the context.
fn asked(part: &Value) -> Option<(&str, (&str, &str))> {
    let contains = part.get("contains")?;
    let (who, set) = variable(contains.get("left")?.get(".")?)?;
    let with = variable(contains.get("right")?.get(".")?)?;
    (who == "principal" && matches!(with.0, "resource" | "context")).then_some((set, with))
}

/// The variable and attribute of an access such as `resource.matter`.
fn variable(access: &Value) -> Option<(&str, &str)> {
    Some((access.get("left")?.get("Var")?.as_str()?, access.get("attr")?.as_str()?))
}

/// Whether an access is a path from a variable: not from what an expression comes to, which might
/// be the person.
fn is_path(access: &Value) -> bool {
    access
        .get("left")
        .is_some_and(|left| left.get("Var").is_some() || left.get(".").is_some_and(is_path))
}
