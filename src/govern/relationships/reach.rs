//! What a change of relationships would give people to read, and take from them; what a wall closes.
//!
//! It takes many decisions, and nobody waits for them: they are made without anybody's turn, and
//! what is known of anybody's classes stays known.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde::Serialize;

use super::super::{Changer, GovernError, Governor};
use crate::domain::access::{AccessClass, Labels};
use crate::domain::principal::{Principal, Role, UserName};
use crate::domain::question::Scope;
use crate::domain::relationship::{Relationship, RelationshipKind};
use crate::policy::{Action, Policies, Screen};

/// Warnings that are told one by one.
const WARNINGS_MAX: usize = 100;

/// How much somebody gains or loses.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Serialize)]
pub struct Reach {
    /// Access classes.
    pub classes: u64,
    /// Documents in them.
    pub documents: u64,
}

/// What walls close, whoever they are for, and what to look at before relying on them.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize)]
pub struct Closing {
    /// What they keep people from.
    pub closes: Reach,
    /// Walls that keep nobody from anything yet, and names that may be misspelt.
    pub warnings: Vec<String>,
}

/// A label that relationships are about, and its value.
type Named = (Label, String);

/// The labels that relationships are about.
#[derive(Clone, Copy, Eq, Hash, Ord, PartialEq, PartialOrd)]
enum Label {
    Client,
    Department,
    Matter,
    Patient,
}

/// What there is to read, once for all persons of a change.
pub(in super::super) struct Stock {
    named: HashMap<Named, Vec<(AccessClass, Labels)>>,
    documents: HashMap<AccessClass, u64>,
}

impl Stock {
    pub(in super::super) fn of(governor: &Governor) -> Self {
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

    /// Whether a screen keeps a matter, patient or client away: by its name, or by what any paper
    /// about it carries besides.
    pub(in super::super) fn is_kept_by(
        &self,
        screen: &Screen,
        kind: RelationshipKind,
        object: &str,
    ) -> bool {
        let bare = kind.labels(object);
        bare.is_some_and(|bare| screen.keeps_away(&bare))
            || self.about(kind, object).any(|(_, labels)| screen.keeps_away(labels))
    }

    fn about(
        &self,
        kind: RelationshipKind,
        object: &str,
    ) -> impl Iterator<Item = &(AccessClass, Labels)> {
        self.named.get(&(label(kind), object.to_owned())).into_iter().flatten()
    }

    /// The classes that a wall keeps from anybody who stands behind it, and that hold documents.
    fn closed_by(
        &self,
        policies: &Policies,
        person: &UserName,
        wall: &Relationship,
    ) -> Vec<AccessClass> {
        let own = [(wall.kind.as_str().to_owned(), [wall.object.clone()].into())].into();
        let screen = policies.screen(&Principal::new(person.clone(), [Role::Staff].into(), own));
        let about = self.about(wall.kind, &wall.object);
        let closed = about.filter(|(class, labels)| {
            self.documents.contains_key(class) && screen.keeps_away(labels)
        });
        closed.map(|(class, _)| *class).collect()
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

impl Governor {
    /// What these walls close, and what whoever sets them should look at. Nothing is said of what is
    /// kept from them.
    pub(super) fn weigh<'a>(
        &self,
        changer: Changer<'_>,
        walls: impl Iterator<Item = (&'a UserName, &'a Relationship)>,
    ) -> Result<Closing, GovernError> {
        let mut each = BTreeMap::new();
        for (person, wall) in walls.filter(|(_, one)| one.kind.restricts()) {
            each.entry((wall.kind, &wall.object)).or_insert((person, wall));
        }
        if each.is_empty() {
            return Ok(Closing::default());
        }
        let (stock, names) = (Stock::of(self), self.names_by_spelling()?);
        let screen = self.screen(changer);
        let (mut closed, mut warnings) = (BTreeSet::new(), BTreeSet::new());
        for ((kind, object), (person, wall)) in each {
            if !self.policies.heeds(kind) {
                warnings.insert(GovernError::NotHeeded { kind }.to_string());
                continue;
            }
            if screen.as_ref().is_some_and(|screen| stock.is_kept_by(screen, kind, object)) {
                continue;
            }
            let classes = stock.closed_by(&self.policies, person, wall);
            if classes.is_empty() {
                warnings.insert(doubt(kind, object, &names));
            }
            closed.extend(classes);
        }
        let more = warnings.len().saturating_sub(WARNINGS_MAX);
        let mut warnings: Vec<String> = warnings.into_iter().take(WARNINGS_MAX).collect();
        if more > 0 {
            warnings.push(format!("and {more} more names that no document carries yet"));
        }
        Ok(Closing { closes: stock.reach(closed.iter()), warnings })
    }

    /// The names on documents and in what opens something, by how they are written in small letters.
    fn names_by_spelling(&self) -> Result<Spellings, GovernError> {
        let mut spellings = Spellings::new();
        let mut learn = |(label, name): Named| {
            spellings.entry((label, name.to_lowercase())).or_default().insert(name);
        };
        for (_, labels) in self.catalogue.classes().iter() {
            names(labels).for_each(&mut learn);
        }
        for row in self.state.standings().list()? {
            let opening = row.relationships().filter(|one| !one.kind.restricts());
            opening.map(|one| (label(one.kind), one.object.clone())).for_each(&mut learn);
        }
        Ok(spellings)
    }
}

/// Names by label, and by how they are written in small letters.
type Spellings = BTreeMap<Named, BTreeSet<String>>;

/// What is odd about a wall that closes nothing.
fn doubt(kind: RelationshipKind, object: &str, names: &Spellings) -> String {
    let label = label(kind);
    let what = label.as_str();
    let alike = names.get(&(label, object.to_lowercase()));
    let is_known = alike.is_some_and(|names| names.contains(object));
    let hint = match (is_known, alike.is_some()) {
        (true, _) => "it holds for those to come",
        (false, true) => {
            "another is written alike but for capital letters, and is not meant by this"
        }
        (false, false) => "nor does anybody's relationship: look whether it is spelled as there",
    };
    format!("no document carries the {what} {object} yet; {hint}")
}

impl Label {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Client => "client",
            Self::Department => "department",
            Self::Matter => "matter",
            Self::Patient => "patient",
        }
    }
}

const fn label(kind: RelationshipKind) -> Label {
    match kind {
        RelationshipKind::Client | RelationshipKind::Conflict => Label::Client,
        RelationshipKind::Department => Label::Department,
        RelationshipKind::Matter | RelationshipKind::Wall => Label::Matter,
        RelationshipKind::Patient | RelationshipKind::Barred => Label::Patient,
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
