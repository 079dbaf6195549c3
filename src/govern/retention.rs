//! How long documents must be kept.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::catalogue::Document;
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

    fn until(&self, classification: &str, since: Timestamp) -> Option<Timestamp> {
        Some(since.after(DAY.saturating_mul(*self.0.get(classification)?)))
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
            let classification = document.card.labels.classification.as_deref();
            let until = classification.and_then(|name| self.retention.until(name, since));
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
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_count_from_when_a_document_was_taken_in() {
        let retention = Retention::new([("restricted".to_owned(), 2)].into());
        let since: Timestamp = "2026-01-01".parse().unwrap();
        let until = retention.until("restricted", since).unwrap();
        assert_eq!(until, "2026-01-03".parse().unwrap());
        assert_eq!(retention.until("internal", since), None);
    }
}
