//! Views that were denied: on record, but no flood of them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::audit::Actor;
use crate::domain::clock::Timestamp;
use crate::domain::ids::DocumentId;
use crate::domain::payload::Token;

/// A document that somebody asks for again and again is told once in this time.
const WINDOW: Duration = Duration::from_secs(60 * 60);
/// Documents that are told of one person in that time: more are not looked for by hand, and each is
/// an entry.
const DOCUMENTS_MAX: usize = 100;
/// One of so many that are not told is told all the same, with their number: who first asks for
/// documents that there are not is not forgotten for an hour.
const UNTOLD_MAX: u64 = 100;

/// What was told of each person lately. A program that starts anew tells it again.
#[derive(Debug, Default)]
pub struct Denials(Mutex<BTreeMap<Token, Lately>>);

#[derive(Debug)]
struct Lately {
    since: Timestamp,
    told: BTreeSet<DocumentId>,
    untold: u64,
    /// The last that was not told.
    last: Option<(Actor, DocumentId)>,
}

/// What was not told of one person.
#[derive(Debug)]
pub(super) struct Untold {
    pub(super) actor: Actor,
    /// The last of them.
    pub(super) asked: DocumentId,
    /// How many were before that.
    pub(super) before: u64,
}

impl Denials {
    /// Notes one. Where it is to be recorded, how many of this person before it were not.
    ///
    /// It does the same for a document that is not for this person as for none at all.
    pub(super) fn note(&self, actor: &Actor, asked: DocumentId, now: Timestamp) -> Option<u64> {
        let mut persons = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let lately = persons.entry(actor.id.clone()).or_insert_with(|| Lately {
            since: now,
            told: BTreeSet::new(),
            untold: 0,
            last: None,
        });
        if now >= lately.since.after(WINDOW) {
            lately.since = now;
            lately.told.clear();
        }
        let is_new = lately.told.len() < DOCUMENTS_MAX && !lately.told.contains(&asked);
        if !is_new && lately.untold.saturating_add(1) < UNTOLD_MAX {
            lately.untold = lately.untold.saturating_add(1);
            lately.last = Some((actor.clone(), asked));
            return None;
        }
        if is_new {
            lately.told.insert(asked);
        }
        lately.last = None;
        Some(std::mem::take(&mut lately.untold))
    }

    /// Takes what was not told of people whose time is over, or of all of them.
    pub(super) fn take_untold(&self, now: Timestamp, of_all: bool) -> Vec<Untold> {
        let mut persons = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut untold = Vec::new();
        persons.retain(|_, lately| {
            let is_over = of_all || now >= lately.since.after(WINDOW);
            if is_over && let Some((actor, asked)) = lately.last.take() {
                let before = std::mem::take(&mut lately.untold).saturating_sub(1);
                untold.push(Untold { actor, asked, before });
            }
            !is_over
        });
        untold
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::digest::Digest;
    use crate::domain::principal::Via;

    fn document(n: usize) -> DocumentId {
        DocumentId(Digest::of(&n.to_be_bytes()))
    }

    fn person(n: u8) -> Actor {
        Actor { id: Token::from_mac([n; 16]), via: Via::Http, os_user: None }
    }

    #[test]
    fn a_flood_is_a_few_entries_and_their_number() {
        let denials = Denials::default();
        let [ada, bo] = [1, 2].map(person);
        let start = Timestamp::from_unix_millis(1_000);
        let note = |who: &Actor, n, at| denials.note(who, document(n), at);
        assert_eq!(note(&ada, 0, start), Some(0));
        assert_eq!(note(&ada, 0, start), None);
        assert_eq!(note(&ada, 1, start), Some(1), "the one before it is counted");
        assert_eq!(note(&bo, 0, start), Some(0), "each person has their own");
        let count = 10 * DOCUMENTS_MAX;
        let told: Vec<u64> = (0..count).filter_map(|n| note(&ada, n, start)).collect();
        let beyond = (count - DOCUMENTS_MAX) / usize::try_from(UNTOLD_MAX).unwrap();
        assert_eq!(told.len(), DOCUMENTS_MAX - 2 + beyond);
        let untold = (count - told.len()) as u64;
        assert!(told.iter().all(|before| *before < UNTOLD_MAX), "none waits for long");
        let later = start.after(WINDOW);
        let last = note(&ada, 0, later).unwrap();
        assert_eq!(told.iter().sum::<u64>() + last, untold, "nothing is lost");
        assert_eq!(note(&ada, 0, later), None);
    }

    #[test]
    fn what_was_not_told_is_told_once_its_time_is_over_and_when_the_program_ends() {
        let denials = Denials::default();
        let [ada, bo] = [1, 2].map(person);
        let start = Timestamp::from_unix_millis(1_000);
        let (early, late) = (start.after(WINDOW / 2), start.after(WINDOW));
        for n in [0, 0, 0] {
            denials.note(&ada, document(n), start);
        }
        assert!(denials.take_untold(early, false).is_empty());
        let told = denials.take_untold(late, false);
        let [Untold { actor, asked, before: 1 }] = told.as_slice() else { panic!("{told:?}") };
        assert_eq!((&actor.id, *asked), (&ada.id, document(0)));
        assert!(denials.take_untold(late, true).is_empty(), "and once only");
        denials.note(&bo, document(0), late);
        assert!(denials.take_untold(late, true).is_empty(), "all of it was told");
        assert_eq!(denials.note(&bo, document(0), late), Some(0));
    }
}
