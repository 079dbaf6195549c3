//! How long documents must be kept, and how long they may be.

use std::time::Duration;

use crate::audit::{Actor, What};
use crate::catalogue::Document;
use crate::domain::access::Labels;
use crate::domain::clock::Timestamp;
use crate::domain::ids::RequestId;
use crate::domain::payload::{Token, TokenKind};
use crate::domain::principal::Via;
use crate::policy::Action;

use super::{Changer, GovernError, Governor};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Documents that are kept alike.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct RetentionClass {
    /// Its name.
    pub name: String,
    /// The labels that its documents carry, all of them; none fits every document.
    pub labels: Labels,
    /// Fewest days that they are kept.
    pub minimum_days: u32,
    /// Most days that they are kept.
    pub maximum_days: Option<u32>,
    /// Whether the appliance itself takes them out of the catalogue when they are due.
    pub automatic: bool,
}

/// The retention plan: the first class that fits a document is its class.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Retention(Vec<RetentionClass>);

/// A document with the times between which it may be erased.
#[derive(Clone, Debug)]
pub struct Kept {
    /// The document.
    pub document: Document,
    /// When it was taken in.
    pub since: Timestamp,
    /// Its class.
    pub class: Option<RetentionClass>,
    /// From when on it may be erased; `None` where nothing keeps it.
    pub until: Option<Timestamp>,
    /// When it must be erased at the latest; `None` where it may stay.
    pub due: Option<Timestamp>,
    /// A hold that keeps it all the same.
    pub held: Option<RequestId>,
}

impl Kept {
    /// Whether it should be gone by now.
    pub fn is_due(&self, now: Timestamp) -> bool {
        self.due.is_some_and(|due| due <= now)
    }
}

impl RetentionClass {
    fn fits(&self, labels: &Labels) -> bool {
        let carried = labels.pairs();
        self.labels.pairs().iter().all(|(key, value)| carried.get(key) == Some(value))
    }

    fn until(&self, since: Timestamp) -> Timestamp {
        since.after(DAY.saturating_mul(self.minimum_days))
    }

    fn due(&self, since: Timestamp) -> Option<Timestamp> {
        Some(since.after(DAY.saturating_mul(self.maximum_days?)))
    }
}

impl Retention {
    /// These classes, in this order.
    pub fn new(classes: Vec<RetentionClass>) -> Self {
        Self(classes)
    }

    /// The classes, in order.
    pub fn classes(&self) -> &[RetentionClass] {
        &self.0
    }

    /// The class of documents with these labels.
    pub fn class_of(&self, labels: &Labels) -> Option<&RetentionClass> {
        self.0.iter().find(|class| class.fits(labels))
    }

    /// The minimum that would be shortened by other labels, where it still runs.
    fn shortened(
        &self,
        [old, new]: [&Labels; 2],
        since: Timestamp,
        now: Timestamp,
    ) -> Option<Timestamp> {
        let until = |labels| self.class_of(labels).map(|class| class.until(since));
        let running = until(old).filter(|until| *until > now)?;
        until(new).is_none_or(|other| other < running).then_some(running)
    }
}

impl Governor {
    /// [`Self::kept`], for those who manage holds; not what a wall keeps from them.
    ///
    /// # Errors
    /// [`GovernError::Denied`].
    pub fn kept_for(&self, changer: Changer<'_>) -> Result<Vec<Kept>, GovernError> {
        self.decide(changer, Action::ManageHolds)?;
        let mut kept = self.kept()?;
        if let Some(screen) = self.screen(changer) {
            kept.retain(|kept| !screen.keeps_away(&kept.document.card.labels));
        }
        Ok(kept)
    }

    /// Every document whose contents are kept, deleted ones too, with the times between which it
    /// may be erased.
    ///
    /// # Errors
    /// [`GovernError`] where the log or the catalogue cannot be read.
    pub fn kept(&self) -> Result<Vec<Kept>, GovernError> {
        self.catalogue.kept()?.into_iter().map(|document| self.keeping(document)).collect()
    }

    /// Takes out of the catalogue what is due in classes that say so; what is held stays. Returns
    /// how many went. Their contents are erased as any other's, by two persons.
    ///
    /// # Errors
    /// [`GovernError`]; safe to repeat.
    pub fn delete_due(&self) -> Result<u32, GovernError> {
        if !self.retention.classes().iter().any(|class| class.automatic) {
            return Ok(0);
        }
        let actor = Self::operator(Via::System, None);
        let now = self.clock.now();
        let mut gone = 0;
        for kept in self.kept()? {
            let automatic = kept.class.as_ref().is_some_and(|class| class.automatic);
            let row = &kept.document.row;
            if automatic && kept.is_due(now) && kept.held.is_none() && row.deleted.is_none() {
                self.delete_document(Changer::Operator, &actor, row.document)?;
                gone += 1;
            }
        }
        Ok(gone)
    }

    /// Whether a document is old enough to be deleted.
    pub(super) fn check_age(&self, document: &Document) -> Result<(), GovernError> {
        let labels = &document.card.labels;
        let Some(class) = self.retention.class_of(labels) else { return Ok(()) };
        let until = class.until(self.log.read(document.row.entry)?.ts());
        match until > self.clock.now() {
            true => Err(GovernError::TooYoung { document: document.row.document.0.short(), until }),
            false => Ok(()),
        }
    }

    /// Whether every document that belongs to `key` is old enough to be erased.
    pub(super) fn check_retention(&self, key: &str) -> Result<(), GovernError> {
        for document in self.catalogue.kept()? {
            if document.row.scope().keys().any(|own| own == key) {
                self.check_age(&document)?;
            }
        }
        Ok(())
    }

    /// Puts it on record where a hold or the retention plan keeps what somebody wants gone.
    pub(super) fn record_refusal<T>(
        &self,
        actor: &Actor,
        act: &str,
        (scope, subject): (TokenKind, &Token),
        result: Result<T, GovernError>,
    ) -> Result<T, GovernError> {
        let (reason, hold) = match &result {
            Err(GovernError::Held { hold }) => ("held", Some(*hold)),
            Err(GovernError::TooYoung { .. }) => ("too_young", None),
            Ok(_) | Err(_) => return result,
        };
        let what = What::ErasureRefused {
            act: act.to_owned(),
            scope,
            subject: subject.clone(),
            reason: reason.to_owned(),
            hold,
        };
        self.record(actor, what)?;
        result
    }

    fn keeping(&self, document: Document) -> Result<Kept, GovernError> {
        let since = self.log.read(document.row.entry)?.ts();
        let class = self.retention.class_of(&document.card.labels).cloned();
        let until = class.as_ref().map(|class| class.until(since));
        let due = class.as_ref().and_then(|class| class.due(since));
        let held = match self.check_holds_on(&document.row) {
            Err(GovernError::Held { hold }) => Some(hold),
            Err(error) => return Err(error),
            Ok(()) => None,
        };
        Ok(Kept { document, since, class, until, due, held })
    }

    /// Other labels do not let a document go before its time.
    pub(super) fn check_shortening(
        &self,
        document: &Document,
        labels: &Labels,
    ) -> Result<(), GovernError> {
        let since = self.log.read(document.row.entry)?.ts();
        let change = [&document.card.labels, labels];
        match self.retention.shortened(change, since, self.clock.now()) {
            None => Ok(()),
            Some(until) => {
                Err(GovernError::TooYoung { document: document.row.document.0.short(), until })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn class(
        name: &str,
        labels: &[&str],
        minimum_days: u32,
        maximum: Option<u32>,
    ) -> RetentionClass {
        let labels = Labels::parse(labels.iter().copied()).unwrap();
        let name = name.to_owned();
        RetentionClass { name, labels, minimum_days, maximum_days: maximum, automatic: false }
    }

    #[test]
    fn the_first_class_that_fits_counts_from_when_a_document_was_taken_in() {
        let plan = Retention::new(vec![
            class("files", &["classification=restricted", "matter=M-1"], 2, Some(3)),
            class("restricted", &["classification=restricted"], 5, None),
        ]);
        let since: Timestamp = "2026-01-01".parse().unwrap();
        let table: [(&[&str], Option<&str>); 3] = [
            (&["classification=restricted", "matter=M-1", "department=x"], Some("files")),
            (&["classification=restricted", "matter=M-2"], Some("restricted")),
            (&["classification=internal"], None),
        ];
        for (labels, expected) in table {
            let labels = Labels::parse(labels.iter().copied()).unwrap();
            let found = plan.class_of(&labels).map(|class| class.name.as_str());
            assert_eq!(found, expected, "{labels:?}");
        }
        let [files, restricted] = plan.classes() else { panic!("two classes") };
        assert_eq!(files.until(since), "2026-01-03".parse().unwrap());
        assert_eq!(files.due(since), Some("2026-01-04".parse().unwrap()));
        assert_eq!(restricted.due(since), None);
    }

    #[test]
    fn a_minimum_that_still_runs_is_not_shortened() {
        let days = |name: &str, days| class(name, &[&format!("classification={name}")], days, None);
        let plan = Retention::new(vec![days("restricted", 9), days("confidential", 3)]);
        let since: Timestamp = "2026-01-01".parse().unwrap();
        let labels = |name: &str| Labels::parse([&*format!("classification={name}")]).unwrap();
        let table = [
            ("restricted", "internal", "2026-01-09", Some("2026-01-10")),
            ("restricted", "internal", "2026-01-10", None),
            ("restricted", "confidential", "2026-01-02", Some("2026-01-10")),
            ("confidential", "restricted", "2026-01-02", None),
            ("restricted", "restricted", "2026-01-02", None),
            ("internal", "public", "2026-01-02", None),
        ];
        for (old, new, now, until) in table {
            let change = [&labels(old), &labels(new)];
            let found = plan.shortened(change, since, now.parse().unwrap());
            assert_eq!(found, until.map(|day| day.parse().unwrap()), "{old} to {new} on {now}");
        }
    }
}
