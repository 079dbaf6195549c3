//! How long documents must be kept.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::catalogue::Document;
use crate::domain::access::Labels;
use crate::domain::clock::Timestamp;

use super::{GovernError, Governor};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Fewest days that documents of a classification are kept; those that are not named, none.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Retention(BTreeMap<String, u32>);

/// A document with the time from which on it may be erased.
#[derive(Clone, Debug)]
pub struct Kept {
    /// The document.
    pub document: Document,
    /// When it was taken in.
    pub since: Timestamp,
    /// From when on it may be erased; `None` where nothing keeps it.
    pub until: Option<Timestamp>,
}

impl Retention {
    /// Days by classification.
    pub fn new(days: BTreeMap<String, u32>) -> Self {
        Self(days)
    }

    /// Days by classification.
    pub fn days(&self) -> &BTreeMap<String, u32> {
        &self.0
    }

    fn until(&self, labels: &Labels, since: Timestamp) -> Option<Timestamp> {
        let days = *self.0.get(labels.classification.as_deref()?)?;
        Some(since.after(DAY.saturating_mul(days)))
    }

    /// The minimum that would be shortened by other labels, where it still runs.
    fn shortened(
        &self,
        [old, new]: [&Labels; 2],
        since: Timestamp,
        now: Timestamp,
    ) -> Option<Timestamp> {
        let until = self.until(old, since).filter(|until| *until > now)?;
        self.until(new, since).is_none_or(|other| other < until).then_some(until)
    }
}

impl Governor {
    /// Every document whose contents are kept, deleted ones too, and until when it must be.
    ///
    /// # Errors
    /// [`GovernError`] where the log or the catalogue cannot be read.
    pub fn kept(&self) -> Result<Vec<Kept>, GovernError> {
        let documents = self.catalogue.kept()?.into_iter().map(|document| {
            let since = self.log.read(document.row.entry)?.ts();
            let until = self.retention.until(&document.card.labels, since);
            Ok(Kept { document, since, until })
        });
        documents.collect()
    }

    /// Whether every document that belongs to `key` is old enough to be erased.
    pub(super) fn check_retention(&self, key: &str) -> Result<(), GovernError> {
        let now = self.clock.now();
        for kept in self.kept()? {
            let row = &kept.document.row;
            if let Some(until) = kept.until.filter(|until| *until > now)
                && row.scope().keys().any(|own| own == key)
            {
                return Err(GovernError::TooYoung { document: row.document.0.short(), until });
            }
        }
        Ok(())
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

    fn labels(classification: &str) -> Labels {
        Labels::parse([format!("classification={classification}").as_str()]).unwrap()
    }

    #[test]
    fn days_count_from_when_a_document_was_taken_in() {
        let retention = Retention::new([("restricted".to_owned(), 2)].into());
        let since: Timestamp = "2026-01-01".parse().unwrap();
        let until = retention.until(&labels("restricted"), since).unwrap();
        assert_eq!(until, "2026-01-03".parse().unwrap());
        assert_eq!(retention.until(&labels("internal"), since), None);
    }

    #[test]
    fn a_minimum_that_still_runs_is_not_shortened() {
        let days = [("restricted".to_owned(), 9), ("confidential".to_owned(), 3)];
        let retention = Retention::new(days.into());
        let since: Timestamp = "2026-01-01".parse().unwrap();
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
            let found = retention.shortened(change, since, now.parse().unwrap());
            assert_eq!(found, until.map(|day| day.parse().unwrap()), "{old} to {new} on {now}");
        }
    }
}
