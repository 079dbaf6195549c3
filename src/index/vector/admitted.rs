//! How the permitted classes are put to Qdrant: in the shortest form that says exactly them. A list
//! is hashed and gone through for each search, so that length is time.

use crate::domain::classes::ClassSet;

/// Ranges are compared one after the other for each candidate: beyond this many a list is faster.
const RUNS_MAX: usize = 4;

/// Exactly the classes of a set.
#[derive(Debug, Eq, PartialEq)]
pub(super) enum Admitted {
    /// Those within one of these ranges, both ends included; never none.
    Runs(Vec<(u32, u32)>),
    /// These.
    Only(Vec<i64>),
    /// Those up to this one, but for these. What is beyond it was not there to decide on. To be put
    /// as "not one of these": Qdrant's own "other than these" counts values that no point has, and
    /// then takes what is left for nothing and scans all there is (0.7).
    UpTo(u32, Vec<i64>),
}

impl Admitted {
    pub(super) fn of(classes: &ClassSet) -> Self {
        let runs: Vec<_> = runs(classes).take(RUNS_MAX + 1).collect();
        // An empty list of ranges would be no condition at all.
        if !runs.is_empty() && runs.len() <= RUNS_MAX {
            return Self::Runs(runs);
        }
        let last = classes.last().map_or(0, |class| class.0);
        if classes.len() > last as usize / 2 {
            Self::UpTo(last, classes.gaps().map(|class| i64::from(class.0)).collect())
        } else {
            Self::Only(classes.iter().map(|class| i64::from(class.0)).collect())
        }
    }
}

/// Neighbouring numbers, first and last of each run.
fn runs(classes: &ClassSet) -> impl Iterator<Item = (u32, u32)> {
    let mut numbers = classes.iter().map(|class| class.0).peekable();
    std::iter::from_fn(move || {
        let first = numbers.next()?;
        let mut last = first;
        while let Some(next) = numbers.next_if(|next| Some(*next) == last.checked_add(1)) {
            last = next;
        }
        Some((first, last))
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::domain::access::AccessClass;

    proptest! {
        #[test]
        fn every_form_says_exactly_the_set(
            classes in proptest::collection::btree_set(0u32..60, 0..60),
            asked in 0u32..70,
        ) {
            let set: ClassSet = classes.iter().copied().map(AccessClass).collect();
            let says = match Admitted::of(&set) {
                Admitted::Runs(runs) => runs.iter().any(|(a, b)| (*a..=*b).contains(&asked)),
                Admitted::Only(these) => these.contains(&i64::from(asked)),
                Admitted::UpTo(last, but) => asked <= last && !but.contains(&i64::from(asked)),
            };
            prop_assert_eq!(says, classes.contains(&asked));
        }
    }

    #[test]
    fn the_form_is_the_short_one() {
        let of = |classes: Vec<u32>| Admitted::of(&classes.into_iter().map(AccessClass).collect());
        assert_eq!(of((0..200_000).collect()), Admitted::Runs(vec![(0, 199_999)]));
        assert_eq!(of(vec![]), Admitted::Only(vec![]));
        let rare = of((0..1_000).filter(|n| n % 10 == 0).collect());
        assert!(matches!(rare, Admitted::Only(these) if these.len() == 100));
        let most = of((0..1_000).filter(|n| n % 10 != 0).collect());
        assert!(matches!(most, Admitted::UpTo(999, but) if but.len() == 100));
    }
}
