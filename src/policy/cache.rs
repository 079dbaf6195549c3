//! Decisions that were made already: which classes a person may see, until the policies, the person
//! or the classes change. One cache belongs to one set of policies, and goes with it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::Action;
use super::decide::Asking;
use super::reach::{Reach, Touched};
use super::words::minute;
use crate::domain::access::{AccessClass, Labels};
use crate::domain::classes::{ClassList, ClassSet};
use crate::domain::clock::Timestamp;
use crate::domain::principal::Principal;
use crate::domain::question::Scope;

/// A decision about 200,000 classes is 25 kB: these are at most 7 MB.
const DECISIONS_MAX: usize = 256;

/// What a decision was made for. Not the name alone: whose roles or attributes change is somebody
/// else here.
#[derive(Eq, PartialEq)]
pub(super) struct Asked {
    who: Principal,
    action: Action,
    scope: Scope,
}

impl Asked {
    /// The moment counts only where policies read it, and then to the minute.
    pub(super) fn of(who: &Principal, action: Action, scope: &Scope, mentions_time: bool) -> Self {
        let at = if mentions_time { minute(who.as_of) } else { Timestamp::from_unix_millis(0) };
        let who = Principal { as_of: at, until: None, ..who.clone() };
        Self { who, action, scope: scope.clone() }
    }

    /// Whether it differs in attributes at most.
    fn is_like(&self, other: &Self) -> bool {
        self.who.name == other.who.name
            && self.who.roles == other.who.roles
            && self.who.emergencies == other.who.emergencies
            && self.who.as_of == other.who.as_of
            && self.action == other.action
            && self.scope == other.scope
    }
}

struct Decided {
    asked: Asked,
    /// The classes that were there to decide on.
    among: ClassList,
    permitted: Arc<ClassSet>,
}

/// The decisions of one set of policies, the least recently used first.
#[derive(Default)]
pub(super) struct Decisions {
    kept: Mutex<Vec<Decided>>,
    decided: AtomicU64,
    weighed: AtomicU64,
}

impl Decisions {
    /// Those of `classes` that may be read. What is known already is not decided again; of what is
    /// not, only what the change can have touched.
    pub(super) fn permitted(
        &self,
        asked: Asked,
        asking: &Asking,
        reach: &Reach,
        classes: &ClassList,
    ) -> Arc<ClassSet> {
        let known = self.take(&asked);
        let permitted = match &known {
            Some(known) => self.mend(known, &asked, asking, reach, classes),
            None => None,
        };
        let permitted = permitted.unwrap_or_else(|| {
            let all: Vec<_> = classes.iter().collect();
            let mut permitted = ClassSet::default();
            self.decide(&asked, asking, &all, &mut permitted);
            Arc::new(permitted)
        });
        let mut kept = self.kept();
        kept.push(Decided { asked, among: classes.clone(), permitted: Arc::clone(&permitted) });
        if kept.len() > DECISIONS_MAX {
            kept.remove(0);
        }
        permitted
    }

    /// How many classes were decided so far.
    pub(super) fn count(&self) -> u64 {
        self.decided.load(Ordering::Relaxed)
    }

    /// Counts a document that is decided by itself.
    pub(super) fn weigh(&self) {
        self.weighed.fetch_add(1, Ordering::Relaxed);
    }

    /// How many of those there were so far.
    pub(super) fn weighed(&self) -> u64 {
        self.weighed.load(Ordering::Relaxed)
    }

    fn kept(&self) -> MutexGuard<'_, Vec<Decided>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The same decision, or one for the same person as they were before.
    fn take(&self, asked: &Asked) -> Option<Decided> {
        let mut kept = self.kept();
        let same = kept.iter().rposition(|known| known.asked == *asked);
        let at = same.or_else(|| kept.iter().rposition(|known| known.asked.is_like(asked)))?;
        Some(kept.remove(at))
    }

    /// `None` where the classes are others than those that were decided on.
    fn mend(
        &self,
        known: &Decided,
        asked: &Asked,
        asking: &Asking,
        reach: &Reach,
        classes: &ClassList,
    ) -> Option<Arc<ClassSet>> {
        let mut open: Vec<_> = classes.beyond(&known.among)?.collect();
        let (before, after) = (&known.asked.who.attributes, &asked.who.attributes);
        match reach.touched(before, after, &asked.scope) {
            Touched::All => return None,
            Touched::With(labels) if labels.is_empty() => {}
            touched @ Touched::With(_) => {
                let decided = classes.iter().take(known.among.len());
                open.extend(decided.filter(|(_, labels)| touched.holds(labels)));
            }
        }
        if open.is_empty() {
            return Some(Arc::clone(&known.permitted));
        }
        let mut permitted = ClassSet::clone(&known.permitted);
        open.iter().for_each(|(class, _)| permitted.remove(*class));
        self.decide(asked, asking, &open, &mut permitted);
        Some(Arc::new(permitted))
    }

    fn decide(
        &self,
        asked: &Asked,
        asking: &Asking,
        classes: &[&(AccessClass, Labels)],
        permitted: &mut ClassSet,
    ) {
        self.decided.fetch_add(classes.len() as u64, Ordering::Relaxed);
        permitted.extend(asking.permitted(&asked.scope, classes));
    }
}
