//! Access classes in bulk: a hospital has one for each patient.

use std::fmt;
use std::sync::Arc;

use super::access::{AccessClass, Labels};

/// Classes of one block of a list: what an addition copies at most.
const BLOCK: usize = 256;
const WORD: u32 = u64::BITS;

/// Every access class with its labels, in the order in which they were made.
///
/// Cheap to clone: a list that grew shares all but its last block with what it was, so that
/// [`ClassList::beyond`] tells what is new without comparing labels.
#[derive(Clone, Default, Eq, PartialEq)]
pub struct ClassList(Arc<Vec<Arc<Block>>>);

type Block = Vec<(AccessClass, Labels)>;

impl ClassList {
    /// Adds one class at the end.
    pub fn push(&mut self, class: AccessClass, labels: Labels) {
        let blocks = Arc::make_mut(&mut self.0);
        match blocks.last_mut().filter(|block| block.len() < BLOCK) {
            Some(block) => Arc::make_mut(block).push((class, labels)),
            None => blocks.push(Arc::new(vec![(class, labels)])),
        }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        let last = self.0.last().map_or(0, |block| block.len());
        self.0.len().saturating_sub(1) * BLOCK + last
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The classes in order.
    pub fn iter(&self) -> impl Iterator<Item = &(AccessClass, Labels)> {
        self.from(0)
    }

    /// What this list has beyond `older`; `None` where it does not begin with all of `older`.
    pub fn beyond(&self, older: &Self) -> Option<impl Iterator<Item = &(AccessClass, Labels)>> {
        let begins = Arc::ptr_eq(&self.0, &older.0)
            || older.0.len() <= self.0.len()
                && older.0.iter().zip(self.0.iter()).all(|(old, new)| {
                    Arc::ptr_eq(old, new) || old.len() < BLOCK && new.starts_with(old)
                });
        begins.then(|| self.from(older.len()))
    }

    fn from(&self, place: usize) -> impl Iterator<Item = &(AccessClass, Labels)> {
        let rest = self.0.get(place / BLOCK..).unwrap_or_default();
        rest.iter().flat_map(|block| block.iter()).skip(place % BLOCK)
    }
}

impl FromIterator<(AccessClass, Labels)> for ClassList {
    fn from_iter<T: IntoIterator<Item = (AccessClass, Labels)>>(classes: T) -> Self {
        let mut list = Self::default();
        classes.into_iter().for_each(|(class, labels)| list.push(class, labels));
        list
    }
}

impl fmt::Debug for ClassList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} classes", self.len())
    }
}

/// A set of access classes, one bit each: classes are dense numbers, and a search asks for one
/// once per candidate.
#[derive(Clone, Default, Eq, PartialEq)]
pub struct ClassSet {
    /// Without empty words at the end, so that equal sets are equal.
    words: Vec<u64>,
    len: usize,
}

impl ClassSet {
    /// Adds a class.
    pub fn insert(&mut self, class: AccessClass) {
        let (at, bit) = (class.0 / WORD, 1_u64 << (class.0 % WORD));
        let at = at as usize;
        if self.words.len() <= at {
            self.words.resize(at + 1, 0);
        }
        if let Some(word) = self.words.get_mut(at) {
            self.len += usize::from(*word & bit == 0);
            *word |= bit;
        }
    }

    /// Takes a class out.
    pub fn remove(&mut self, class: AccessClass) {
        let (at, bit) = (class.0 / WORD, 1_u64 << (class.0 % WORD));
        if let Some(word) = self.words.get_mut(at as usize) {
            self.len -= usize::from(*word & bit != 0);
            *word &= !bit;
        }
        while self.words.last() == Some(&0) {
            self.words.pop();
        }
    }

    /// Whether a class is in the set.
    pub fn contains(&self, class: AccessClass) -> bool {
        let word = self.words.get((class.0 / WORD) as usize);
        word.is_some_and(|word| word & (1 << (class.0 % WORD)) != 0)
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The highest.
    pub fn last(&self) -> Option<AccessClass> {
        let word = self.words.last()?;
        let number = (self.words.len() - 1) as u64 * u64::from(WORD) + u64::from(word.ilog2());
        u32::try_from(number).ok().map(AccessClass)
    }

    /// The classes in order.
    pub fn iter(&self) -> impl Iterator<Item = AccessClass> {
        ones(&self.words, 0)
    }

    /// In order, the numbers below the highest that are not in the set.
    pub fn gaps(&self) -> impl Iterator<Item = AccessClass> {
        let last = self.last();
        ones(&self.words, u64::MAX).take_while(move |class| last > Some(*class))
    }

    /// Whether every class of this set is in `other`.
    pub fn is_subset(&self, other: &Self) -> bool {
        self.iter().all(|class| other.contains(class))
    }
}

/// The numbers of the bits that are set once `flip` was applied to each word.
fn ones(words: &[u64], flip: u64) -> impl Iterator<Item = AccessClass> {
    (0u32..).step_by(WORD as usize).zip(words).flat_map(move |(base, word)| {
        let mut left = word ^ flip;
        std::iter::from_fn(move || {
            let bit = (left != 0).then(|| left.trailing_zeros())?;
            left &= left - 1;
            Some(AccessClass(base + bit))
        })
    })
}

impl FromIterator<AccessClass> for ClassSet {
    fn from_iter<T: IntoIterator<Item = AccessClass>>(classes: T) -> Self {
        let mut set = Self::default();
        classes.into_iter().for_each(|class| set.insert(class));
        set
    }
}

impl Extend<AccessClass> for ClassSet {
    fn extend<T: IntoIterator<Item = AccessClass>>(&mut self, classes: T) {
        classes.into_iter().for_each(|class| self.insert(class));
    }
}

impl fmt::Debug for ClassSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} classes", self.len)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Against the set that everybody knows.
        #[test]
        fn a_class_set_is_a_set(
            steps in proptest::collection::vec((0u32..300, any::<bool>()), 0..120),
            asked in 0u32..400,
        ) {
            let (mut set, mut plain) = (ClassSet::default(), BTreeSet::new());
            for (class, is_added) in steps {
                let class = AccessClass(class);
                if is_added {
                    set.insert(class);
                    plain.insert(class);
                } else {
                    set.remove(class);
                    plain.remove(&class);
                }
            }
            prop_assert!(set.iter().eq(plain.iter().copied()));
            prop_assert_eq!(set.len(), plain.len());
            prop_assert_eq!(set.last(), plain.last().copied());
            prop_assert_eq!(set.contains(AccessClass(asked)), plain.contains(&AccessClass(asked)));
            prop_assert!(!set.contains(AccessClass(u32::MAX)));
            let last = plain.last().map_or(0, |last| last.0);
            let gaps = (0..last).map(AccessClass).filter(|class| !plain.contains(class));
            prop_assert!(set.gaps().eq(gaps));
            let again: ClassSet = plain.into_iter().collect();
            prop_assert_eq!(&set, &again);
            prop_assert!(set.is_subset(&again));
        }

        /// A list that grew tells what is new; one that was made anew, or shrank, does not pretend.
        #[test]
        fn a_list_tells_what_it_has_beyond_an_older_one(first in 0u32..600, more in 0u32..600) {
            let labels = |number: u32| Labels { matter: Some(number.to_string()), ..Labels::default() };
            let made = |until: u32| (0..until).map(|n| (AccessClass(n), labels(n))).collect::<ClassList>();
            let older = made(first);
            let mut newer = older.clone();
            (first..first + more).for_each(|n| newer.push(AccessClass(n), labels(n)));
            prop_assert_eq!(newer.len(), (first + more) as usize);
            let new: Vec<_> = newer.beyond(&older).unwrap().map(|(class, _)| class.0).collect();
            prop_assert!(new.into_iter().eq(first..first + more));
            prop_assert!(older.beyond(&newer).is_none() || more == 0);
            if first > 0 {
                let mut other = ClassList::default();
                other.push(AccessClass(0), Labels::internal());
                (1..first + more).for_each(|n| other.push(AccessClass(n), labels(n)));
                prop_assert!(other.beyond(&older).is_none());
            }
        }
    }
}
