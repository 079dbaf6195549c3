//! Views that were denied: on record, but no flood of them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::domain::clock::Timestamp;
use crate::domain::ids::DocumentId;
use crate::domain::payload::Token;

/// A document that somebody asks for again and again is told once in this time.
const WINDOW: Duration = Duration::from_secs(60 * 60);
/// Documents that are told of one person in that time: more are not looked for by hand, and each is
/// an entry.
const DOCUMENTS_MAX: usize = 100;

/// What was told of each person lately. A program that starts anew tells it again.
#[derive(Debug, Default)]
pub struct Denials(Mutex<BTreeMap<Token, Lately>>);

#[derive(Debug)]
struct Lately {
    since: Timestamp,
    told: BTreeSet<DocumentId>,
    untold: u64,
}

impl Denials {
    /// Notes one. Where it is to be recorded, how many of this person before it were not.
    ///
    /// It does the same for a document that is not for this person as for none at all.
    pub(super) fn note(&self, person: &Token, asked: DocumentId, now: Timestamp) -> Option<u64> {
        let mut persons = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let lately = persons.entry(person.clone()).or_insert_with(|| Lately {
            since: now,
            told: BTreeSet::new(),
            untold: 0,
        });
        if now >= lately.since.after(WINDOW) {
            lately.since = now;
            lately.told.clear();
        }
        if lately.told.contains(&asked) || lately.told.len() >= DOCUMENTS_MAX {
            lately.untold = lately.untold.saturating_add(1);
            return None;
        }
        lately.told.insert(asked);
        Some(std::mem::take(&mut lately.untold))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::digest::Digest;

    fn document(n: usize) -> DocumentId {
        DocumentId(Digest::of(&n.to_be_bytes()))
    }

    #[test]
    fn a_flood_is_a_few_entries_and_their_number() {
        let denials = Denials::default();
        let [ada, bo] = [1, 2].map(|n| Token::from_mac([n; 16]));
        let start = Timestamp::from_unix_millis(1_000);
        let note = |who, n, at| denials.note(who, document(n), at);
        assert_eq!(note(&ada, 0, start), Some(0));
        assert_eq!(note(&ada, 0, start), None);
        assert_eq!(note(&ada, 1, start), Some(1), "the one before it is counted");
        assert_eq!(note(&bo, 0, start), Some(0), "each person has their own");
        let told: Vec<u64> = (0..10 * DOCUMENTS_MAX).filter_map(|n| note(&ada, n, start)).collect();
        assert_eq!(told.len(), DOCUMENTS_MAX - 2);
        let untold = (10 * DOCUMENTS_MAX - told.len()) as u64;
        let later = start.after(WINDOW);
        let last = note(&ada, 0, later).unwrap();
        assert_eq!(told.iter().sum::<u64>() + last, untold, "nothing is lost");
        assert_eq!(note(&ada, 0, later), None);
    }
}
