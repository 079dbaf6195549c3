//! What a change of relationships would give people to read, and take from them.
//!
//! It takes many decisions, and nobody waits for them: they are made without anybody's turn, and
//! what is known of anybody's classes stays known.

use std::collections::{BTreeSet, HashMap};

use serde::Serialize;

use super::super::Governor;
use crate::domain::access::{AccessClass, Labels};
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

/// A label that relationships are about, and its value.
type Named = (Label, String);

/// The labels that relationships are about.
#[derive(Clone, Copy, Eq, Hash, PartialEq)]
enum Label {
    Client,
    Department,
    Matter,
    Patient,
}

/// What there is to read, once for all persons of a change.
pub(super) struct Stock {
    named: HashMap<Named, Vec<(AccessClass, Labels)>>,
    documents: HashMap<AccessClass, u64>,
}

impl Stock {
    pub(super) fn of(governor: &Governor) -> Self {
        let mut documents = HashMap::new();
        for document in governor.catalogue.documents() {
            *documents.entry(document.row.class).or_default() += 1;
        }
        let mut named: HashMap<Named, Vec<_>> = HashMap::new();
        for (class, labels) in governor.catalogue.classes().iter() {
            for name in names(labels) {
                named.entry(name).or_default().push((*class, labels.clone()));
            }
        }
        Self { named, documents }
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
        let mut touched = HashMap::new();
        for relationship in changed {
            let classes = self.named.get(&(label(relationship.kind), relationship.object.clone()));
            touched.extend(classes.into_iter().flatten().map(|one| (one.0, one)));
        }
        let touched: Vec<_> = touched.into_values().collect();
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
    classes: &[&(AccessClass, Labels)],
) -> BTreeSet<AccessClass> {
    let purposes = Policies::PURPOSES.into_iter().map(|purpose| Some(purpose.to_owned()));
    let scopes = purposes.chain([None]).map(|purpose| Scope { purpose, ..Scope::default() });
    let permitted = scopes.filter_map(|scope| {
        let again = policies.afresh(who, Action::Search, &scope).ok()?;
        Some(again.permitted(classes))
    });
    permitted.flatten().collect()
}

const fn label(kind: RelationshipKind) -> Label {
    match kind {
        RelationshipKind::Client | RelationshipKind::Conflict => Label::Client,
        RelationshipKind::Department => Label::Department,
        RelationshipKind::Matter | RelationshipKind::Wall => Label::Matter,
        RelationshipKind::Patient => Label::Patient,
    }
}

fn names(labels: &Labels) -> impl Iterator<Item = Named> {
    let all = [
        (Label::Client, &labels.client),
        (Label::Department, &labels.department),
        (Label::Matter, &labels.matter),
        (Label::Patient, &labels.patient),
    ];
    all.into_iter().filter_map(|(label, name)| Some((label, name.clone()?)))
}
