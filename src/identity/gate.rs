//! How many passwords are checked at a time: each check takes 19 MiB and a core, and strangers must
//! not have all of them.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use crate::domain::limits::{PASSWORD_CHECKS_MAX, PASSWORD_CHECKS_WAITING_MAX};

/// Lets a few in at a time.
#[derive(Default)]
pub(super) struct Gate {
    at: Mutex<At>,
    left: Condvar,
}

#[derive(Default)]
struct At {
    inside: usize,
    waiting: usize,
}

/// Being inside.
pub(super) struct Turn<'a>(&'a Gate);

impl Gate {
    /// A turn, once somebody has left; none where too many wait for one already.
    pub(super) fn enter(&self) -> Option<Turn<'_>> {
        let mut at = self.at();
        if at.inside >= PASSWORD_CHECKS_MAX {
            if at.waiting >= PASSWORD_CHECKS_WAITING_MAX {
                return None;
            }
            at.waiting += 1;
            let is_full = |at: &mut At| at.inside >= PASSWORD_CHECKS_MAX;
            at = self.left.wait_while(at, is_full).unwrap_or_else(PoisonError::into_inner);
            at.waiting -= 1;
        }
        at.inside += 1;
        Some(Turn(self))
    }

    #[cfg(test)]
    pub(super) fn waiting(&self) -> usize {
        self.at().waiting
    }

    fn at(&self) -> MutexGuard<'_, At> {
        self.at.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.0.at().inside -= 1;
        self.0.left.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_few_are_inside_some_wait_and_the_others_go_away() {
        let gate = Gate::default();
        let mut inside: Vec<Turn<'_>> =
            (0..PASSWORD_CHECKS_MAX).map(|_| gate.enter().unwrap()).collect();
        std::thread::scope(|scope| {
            let waiting: Vec<_> = (0..PASSWORD_CHECKS_WAITING_MAX)
                .map(|_| scope.spawn(|| gate.enter().is_some()))
                .collect();
            while gate.waiting() < PASSWORD_CHECKS_WAITING_MAX {
                std::thread::yield_now();
            }
            assert!(gate.enter().is_none());
            inside.clear();
            assert!(waiting.into_iter().all(|thread| thread.join().unwrap()));
        });
        let at = gate.at();
        assert_eq!((at.inside, at.waiting), (0, 0));
    }
}
