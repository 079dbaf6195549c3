//! Sealing the rows of sled.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};

use super::envelope::SecretKey;
use super::keys::KeyError;
use super::table::StateError;
use super::vault::Vault;

/// The number of the key, before each sealed row.
const NUMBER_BYTES: usize = 4;

/// The keys of the rows. Cheap to clone.
#[derive(Clone)]
pub(super) struct RowCipher(Arc<Inner>);

struct Inner {
    vault: Vault,
    ring: RwLock<BTreeMap<u32, SecretKey>>,
}

/// Seals rows while it is held: until it goes, no other key comes into use.
pub(super) struct Sealing<'a> {
    vault: &'a Vault,
    ring: RwLockReadGuard<'a, BTreeMap<u32, SecretKey>>,
}

impl RowCipher {
    pub(super) fn open(vault: &Vault) -> Result<Self, StateError> {
        let ring = vault.keys().state_keys().map_err(key_failed)?;
        Ok(Self(Arc::new(Inner { vault: vault.clone(), ring: RwLock::new(ring) })))
    }

    /// For writing a row: held until the row is in sled.
    pub(super) fn sealing(&self) -> Sealing<'_> {
        Sealing { vault: &self.0.vault, ring: self.ring() }
    }

    fn ring(&self) -> RwLockReadGuard<'_, BTreeMap<u32, SecretKey>> {
        self.0.ring.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Opens a row as it lies in sled.
    pub(super) fn open_row(
        &self,
        tree: &'static str,
        key: &[u8],
        sealed: &[u8],
    ) -> Result<Vec<u8>, StateError> {
        open_row(&self.ring(), tree, key, sealed)
    }

    /// Whether a row is sealed under an older key than those written now.
    pub(super) fn is_old(&self, sealed: &[u8]) -> bool {
        let newest = self.ring().keys().next_back().copied();
        number_of(sealed).map(|(number, _)| number) != newest
    }

    /// Whether rows may be left under an older key.
    pub(super) fn has_old(&self) -> bool {
        self.ring().len() > 1
    }

    /// Brings a fresh key into use; rows that are being written are written first.
    pub(super) fn begin(&self) -> Result<(), StateError> {
        let mut ring = self.0.ring.write().unwrap_or_else(PoisonError::into_inner);
        let next = ring.keys().next_back().map_or(1, |last| last.saturating_add(1));
        ring.insert(next, self.0.vault.keys().create_state_key(next).map_err(key_failed)?);
        Ok(())
    }

    /// Destroys every key but the newest.
    pub(super) fn finish(&self) -> Result<(), StateError> {
        let mut ring = self.0.ring.write().unwrap_or_else(PoisonError::into_inner);
        while ring.len() > 1 {
            let Some(oldest) = ring.keys().next().copied() else { break };
            self.0.vault.keys().destroy_state_key(oldest).map_err(key_failed)?;
            ring.remove(&oldest);
        }
        Ok(())
    }
}

impl Sealing<'_> {
    /// Opens a row: not through the cipher, which would take the lock a second time.
    pub(super) fn open_row(
        &self,
        tree: &'static str,
        key: &[u8],
        sealed: &[u8],
    ) -> Result<Vec<u8>, StateError> {
        open_row(&self.ring, tree, key, sealed)
    }

    /// Seals a row for its place under the newest key.
    pub(super) fn seal(
        &self,
        tree: &'static str,
        key: &[u8],
        row: &[u8],
    ) -> Result<Vec<u8>, StateError> {
        let damaged = || StateError::Sealed { tree };
        let (number, secret) = self.ring.last_key_value().ok_or_else(damaged)?;
        let sealed =
            secret.seal(&place(tree, key), row, self.vault.entropy()).ok_or_else(damaged)?;
        Ok([&number.to_be_bytes(), sealed.blob.as_slice()].concat())
    }
}

fn open_row(
    ring: &BTreeMap<u32, SecretKey>,
    tree: &'static str,
    key: &[u8],
    sealed: &[u8],
) -> Result<Vec<u8>, StateError> {
    let damaged = || StateError::Sealed { tree };
    let (number, blob) = number_of(sealed).ok_or_else(damaged)?;
    let secret = ring.get(&number).ok_or_else(damaged)?;
    let row = secret.open(&place(tree, key), blob.to_vec()).map_err(|_| damaged())?.contents;
    Ok(row.to_vec())
}

/// Where a row stands: what is sealed for one place does not open at another.
fn place(tree: &str, key: &[u8]) -> String {
    key.iter().fold(format!("{tree}/"), |place, byte| format!("{place}{byte:02x}"))
}

fn number_of(sealed: &[u8]) -> Option<(u32, &[u8])> {
    let (number, blob) = sealed.split_first_chunk::<NUMBER_BYTES>()?;
    Some((u32::from_be_bytes(*number), blob))
}

fn key_failed(source: KeyError) -> StateError {
    StateError::Key(source)
}
