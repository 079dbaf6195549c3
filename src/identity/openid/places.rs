//! Who waits for the provider: not too many at a time, and not all of them from one address.

use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::domain::limits::{OPENID_CALLS_MAX, OPENID_CALLS_OF_ONE_MAX};

/// The addresses of those who wait.
#[derive(Default)]
pub(super) struct Places(Mutex<Vec<Option<IpAddr>>>);

/// One place among them, taken.
pub(super) struct Taken<'a> {
    places: &'a Places,
    address: Option<IpAddr>,
}

impl Places {
    /// A place, if there is one left for this address.
    pub(super) fn take(&self, address: Option<IpAddr>) -> Option<Taken<'_>> {
        let mut taken = self.taken();
        let own = taken.iter().filter(|other| **other == address).count();
        if taken.len() >= OPENID_CALLS_MAX || own >= OPENID_CALLS_OF_ONE_MAX {
            return None;
        }
        taken.push(address);
        Some(Taken { places: self, address })
    }

    fn taken(&self) -> MutexGuard<'_, Vec<Option<IpAddr>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Taken<'_> {
    fn drop(&mut self) {
        let mut taken = self.places.taken();
        if let Some(at) = taken.iter().position(|address| *address == self.address) {
            taken.swap_remove(at);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_address_takes_all_places() {
        let places = Places::default();
        let from = |last: u8| Some(IpAddr::from([192, 0, 2, last]));
        let own: Vec<_> = (0..OPENID_CALLS_OF_ONE_MAX).map(|_| places.take(from(1))).collect();
        assert!(own.iter().all(Option::is_some) && places.take(from(1)).is_none());
        let others: Vec<_> = (2..).map_while(|last| places.take(from(last))).collect();
        assert_eq!(own.len() + others.len(), OPENID_CALLS_MAX);
        drop(own);
        assert!(places.take(from(1)).is_some());
        drop(others);
        assert!(places.taken().is_empty());
    }
}
