//! Proof that something is on record.

use std::ops::Deref;

use super::merkle::Hash;
use crate::domain::digest::Digest;
use crate::domain::ids::EntryIndex;

/// Proof that an entry is on disk for good. Only the log makes one.
#[derive(Debug)]
pub struct Receipt {
    index: EntryIndex,
    leaf: Digest,
}

impl Receipt {
    pub(super) const fn new(index: u64, leaf: Hash) -> Self {
        Self { index: EntryIndex(index), leaf: Digest::from_bytes(leaf) }
    }

    /// The entry's place in the log.
    pub const fn index(&self) -> EntryIndex {
        self.index
    }

    /// The entry's leaf hash.
    pub const fn leaf(&self) -> Digest {
        self.leaf
    }
}

/// A value whose showing is on record. Only [`Log::record`](super::Log::record) makes one.
#[derive(Debug)]
pub struct Recorded<T> {
    value: T,
    receipt: Receipt,
}

impl<T> Recorded<T> {
    pub(super) const fn new(value: T, receipt: Receipt) -> Self {
        Self { value, receipt }
    }

    /// Proof of the entry.
    pub const fn receipt(&self) -> &Receipt {
        &self.receipt
    }

    /// Another value that was made from this one, under the same entry.
    pub fn map<U>(self, make: impl FnOnce(T) -> U) -> Recorded<U> {
        Recorded { value: make(self.value), receipt: self.receipt }
    }

    /// The value and the proof.
    pub fn into_parts(self) -> (T, Receipt) {
        (self.value, self.receipt)
    }
}

impl<T> Deref for Recorded<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}
