use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::domain::ids::DocumentId;

/// Decrypted texts kept in memory; a page of text is about 3 kB.
pub(super) const TEXT_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Geometry is only wanted for cited documents.
pub(super) const GEOMETRY_BYTES_MAX: usize = 32 * 1024 * 1024;

/// Values by document, bounded in bytes; the least recently used go first.
pub(super) struct Cache<T> {
    bytes_max: usize,
    held: Mutex<Held<T>>,
}

struct Held<T> {
    values: HashMap<DocumentId, Slot<T>>,
    bytes: usize,
    clock: u64,
}

struct Slot<T> {
    value: Arc<T>,
    bytes: usize,
    used: u64,
}

impl<T> Cache<T> {
    pub(super) fn new(bytes_max: usize) -> Self {
        let held = Held { values: HashMap::new(), bytes: 0, clock: 0 };
        Self { bytes_max, held: Mutex::new(held) }
    }

    /// The cached value, or the one that `load` makes (with its size in bytes).
    pub(super) fn get_or<E>(
        &self,
        id: DocumentId,
        load: impl FnOnce() -> Result<(T, usize), E>,
    ) -> Result<Arc<T>, E> {
        if let Some(value) = self.lock().touch(id) {
            return Ok(value);
        }
        let (value, bytes) = load()?;
        let value = Arc::new(value);
        self.lock().insert(id, Arc::clone(&value), bytes, self.bytes_max);
        Ok(value)
    }

    pub(super) fn forget(&self, id: DocumentId) {
        self.lock().remove(id);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Held<T>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> Held<T> {
    fn touch(&mut self, id: DocumentId) -> Option<Arc<T>> {
        self.clock += 1;
        let slot = self.values.get_mut(&id)?;
        slot.used = self.clock;
        Some(Arc::clone(&slot.value))
    }

    fn insert(&mut self, id: DocumentId, value: Arc<T>, bytes: usize, bytes_max: usize) {
        self.remove(id);
        while self.bytes + bytes > bytes_max {
            let oldest = self.values.iter().min_by_key(|(_, slot)| slot.used).map(|(id, _)| *id);
            let Some(oldest) = oldest else { break };
            self.remove(oldest);
        }
        self.bytes += bytes;
        self.values.insert(id, Slot { value, bytes, used: self.clock });
    }

    fn remove(&mut self, id: DocumentId) {
        if let Some(slot) = self.values.remove(&id) {
            self.bytes -= slot.bytes;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_least_recently_used_go_first() {
        let cache = Cache::<u32>::new(100);
        let ids: Vec<_> = (0..3u8).map(|n| DocumentId::of(&[n])).collect();
        let load = |n: u32| move || Ok::<_, ()>((n, 40));
        cache.get_or(ids[0], load(0)).unwrap();
        cache.get_or(ids[1], load(1)).unwrap();
        cache.get_or(ids[0], || Err(())).unwrap();
        cache.get_or(ids[2], load(2)).unwrap();
        assert!(cache.get_or(ids[1], || Err(())).is_err(), "1 was used least recently");
        assert!(cache.get_or(ids[0], || Err(())).is_ok());
        cache.forget(ids[0]);
        assert!(cache.get_or(ids[0], || Err(())).is_err());
    }
}
