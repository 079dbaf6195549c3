//! What a change of relationships gives people to read, and takes from them.

use std::collections::{BTreeSet, HashMap};

use serde::Serialize;

use super::super::Governor;
use crate::domain::access::{AccessClass, Labels};
use crate::domain::classes::ClassList;
use crate::domain::principal::Principal;
use crate::domain::question::Scope;
use crate::domain::relationship::{Relationship, RelationshipKind};
use crate::policy::{Action, Policies};

/// How much somebody gains or loses.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Serialize)]
pub struct Reach {
    /// Access classes.
    pub classes: u64,
    /// Documents in them.
    pub documents: u64,
}

/// What there is to read, once for all persons of a change.
pub(super) struct Stock {
    classes: Vec<(AccessClass, Labels)>,
    documents: HashMap<AccessClass, u64>,
}

impl Stock {
    pub(super) fn of(governor: &Governor) -> Self {
        let mut documents = HashMap::new();
        for document in governor.catalogue.documents() {
            *documents.entry(document.row.class).or_default() += 1;
        }
        Self { classes: governor.catalogue.classes().iter().cloned().collect(), documents }
    }

    /// What one person gains and loses, for whatever purpose that the built-in sets know. Only the
    /// classes are decided that name what changed.
    pub(super) fn difference(
        &self,
        policies: &Policies,
        before: &Principal,
        after: &Principal,
        changed: &[&Relationship],
    ) -> (Reach, Reach) {
        let is_touched = |labels: &Labels| changed.iter().any(|one| is_named(one, labels));
        let touched: Vec<_> =
            self.classes.iter().filter(|(_, labels)| is_touched(labels)).cloned().collect();
        let [before, after] = [before, after].map(|who| readable(policies, who, &touched));
        (self.reach(after.difference(&before)), self.reach(before.difference(&after)))
    }

    fn reach<'a>(&self, classes: impl Iterator<Item = &'a AccessClass>) -> Reach {
        classes.fold(Reach::default(), |sum, class| Reach {
            classes: sum.classes.saturating_add(1),
            documents: sum
                .documents
                .saturating_add(self.documents.get(class).copied().unwrap_or(0)),
        })
    }
}

fn readable(
    policies: &Policies,
    who: &Principal,
    classes: &[(AccessClass, Labels)],
) -> BTreeSet<AccessClass> {
    let none = ClassList::default();
    let purposes = Policies::PURPOSES.into_iter().map(|purpose| Some(purpose.to_owned()));
    let scopes = purposes.chain([None]).map(|purpose| Scope { purpose, ..Scope::default() });
    let mut found = BTreeSet::new();
    for scope in scopes {
        // A permit for no class yet: each is decided by itself, and none of it is kept.
        let Ok(permit) = policies.permit(who, Action::Search, &scope, &none) else { continue };
        let again = policies.again(&permit);
        let seen = classes.iter().filter(|(_, labels)| again.permits(labels));
        found.extend(seen.map(|(class, _)| *class));
    }
    found
}

fn is_named(relationship: &Relationship, labels: &Labels) -> bool {
    let label = match relationship.kind {
        RelationshipKind::Client | RelationshipKind::Conflict => &labels.client,
        RelationshipKind::Department => &labels.department,
        RelationshipKind::Matter | RelationshipKind::Wall => &labels.matter,
        RelationshipKind::Patient => &labels.patient,
    };
    label.as_ref() == Some(&relationship.object)
}
