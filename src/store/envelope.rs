//! Sealing and opening bytes under one key.

use chacha20poly1305::{AeadInOut as _, KeyInit as _, XChaCha20Poly1305};
use hmac::{Hmac, Mac as _};
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::domain::clock::Entropy;
use crate::domain::digest::Digest;

const NONCE_BYTES: usize = 24;
/// Bytes of a salt.
const SALT_BYTES: usize = 32;
const TAG_BYTES: usize = 16;
/// What sealing adds to the length of the contents.
pub(super) const OVERHEAD_BYTES: usize = NONCE_BYTES + SALT_BYTES + TAG_BYTES;

/// A 256-bit key, wiped when dropped, never printed.
pub(super) struct SecretKey(Zeroizing<[u8; 32]>);

impl std::fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("[redacted]")
    }
}

/// Sealed contents with their commitment.
pub(super) struct Sealed {
    pub(super) blob: Vec<u8>,
    pub(super) commit: Digest,
}

/// Opened contents, and the salt of their commitment. Wiped when dropped.
pub struct Opened {
    /// The contents.
    pub contents: Zeroizing<Vec<u8>>,
    /// The salt.
    pub salt: Zeroizing<[u8; SALT_BYTES]>,
}

impl std::fmt::Debug for Opened {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("[redacted]")
    }
}

/// The bytes were not sealed under this key for this name, or were changed.
#[derive(Debug, thiserror::Error, Eq, PartialEq)]
#[error("not sealed under this key, or changed since")]
pub(super) struct NotAuthentic;

impl SecretKey {
    pub(super) fn fresh(entropy: &dyn Entropy) -> Self {
        let mut key = Zeroizing::new([0; 32]);
        entropy.fill(&mut *key);
        Self(key)
    }

    /// `None` unless there are exactly 32 bytes.
    pub(super) fn from_slice(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(|bytes| Self(Zeroizing::new(bytes)))
    }

    pub(super) fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// A key that needs all of `keys`: HMAC over HMAC, each with one of them, over their ids.
    /// Without any one of them it cannot be made again.
    pub(super) fn joined<'a>(ids: &str, keys: impl Iterator<Item = &'a Self>) -> Self {
        let first = Zeroizing::new(mac(&[0; 32], &[b"joined", ids.as_bytes()]));
        let joined = keys.fold(first, |inner, key| Zeroizing::new(key.mac(&[&*inner])));
        Self(joined)
    }

    fn cipher(&self) -> XChaCha20Poly1305 {
        XChaCha20Poly1305::new((&*self.0).into())
    }

    /// HMAC-SHA256 over parts that the caller keeps apart.
    pub(super) fn mac(&self, parts: &[&[u8]]) -> [u8; 32] {
        mac(&self.0, parts)
    }

    /// Seals `contents` under `name`; whoever opens must give the same name.
    ///
    /// `None` where the contents are too long for the cipher (256 GiB).
    pub(super) fn seal(
        &self,
        name: &str,
        contents: &[u8],
        entropy: &dyn Entropy,
    ) -> Option<Sealed> {
        let mut blob = Vec::with_capacity(contents.len() + OVERHEAD_BYTES);
        let (mut nonce, mut salt) = ([0; NONCE_BYTES], Zeroizing::new([0; SALT_BYTES]));
        entropy.fill(&mut nonce);
        entropy.fill(&mut *salt);
        blob.extend_from_slice(&nonce);
        blob.extend_from_slice(&*salt);
        blob.extend_from_slice(contents);
        let (_, secret) = blob.split_at_mut_checked(NONCE_BYTES)?;
        let tag = self
            .cipher()
            .encrypt_inout_detached(&nonce.into(), name.as_bytes(), secret.into())
            .ok()?;
        blob.extend_from_slice(&tag);
        Some(Sealed { blob, commit: Digest::from_bytes(mac(&salt, &[contents])) })
    }

    /// Opens what [`SecretKey::seal`] made.
    pub(super) fn open(&self, name: &str, blob: Vec<u8>) -> Result<Opened, NotAuthentic> {
        let mut contents = Zeroizing::new(blob);
        let len = contents.len().checked_sub(TAG_BYTES).ok_or(NotAuthentic)?;
        let (sealed, tag) = contents.split_at_mut_checked(len).ok_or(NotAuthentic)?;
        let (nonce, secret) = sealed.split_at_mut_checked(NONCE_BYTES).ok_or(NotAuthentic)?;
        let nonce: [u8; NONCE_BYTES] = (&*nonce).try_into().map_err(|_| NotAuthentic)?;
        let tag: [u8; TAG_BYTES] = (&*tag).try_into().map_err(|_| NotAuthentic)?;
        self.cipher()
            .decrypt_inout_detached(
                &nonce.into(),
                name.as_bytes(),
                (&mut *secret).into(),
                &tag.into(),
            )
            .map_err(|_| NotAuthentic)?;
        let (salt, _) = secret.split_first_chunk::<SALT_BYTES>().ok_or(NotAuthentic)?;
        let salt = Zeroizing::new(*salt);
        contents.truncate(len);
        contents.drain(..NONCE_BYTES + SALT_BYTES);
        Ok(Opened { contents, salt })
    }
}

impl Opened {
    /// What they commit to: HMAC-SHA256 of the contents under the salt.
    pub(super) fn commit(&self) -> Digest {
        Digest::from_bytes(mac(&self.salt, &[&self.contents]))
    }
}

fn mac(key: &[u8; 32], parts: &[&[u8]]) -> [u8; 32] {
    // RFC 2104: a key shorter than a block of the hash is padded with zeros.
    let mut block = Zeroizing::new([0; 64]);
    block.iter_mut().zip(key).for_each(|(to, from)| *to = *from);
    let mut mac = Hmac::<Sha256>::new((&*block).into());
    for part in parts {
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::clock::SystemEntropy;

    #[test]
    fn the_mac_is_hmac_sha256() {
        let mut key = [0; 32];
        key[..4].copy_from_slice(b"Jefe");
        let expected = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
        let found = Digest::from_bytes(mac(&key, &[b"what do ya want ", b"for nothing?"]));
        assert_eq!(found.to_string(), expected, "RFC 4231 section 4.3");
    }

    #[test]
    fn what_is_sealed_opens_only_unchanged_and_under_its_name() {
        let key = SecretKey::fresh(&SystemEntropy);
        for contents in [&b""[..], b"x", &[7; 100_000]] {
            let sealed = key.seal("a", contents, &SystemEntropy).unwrap();
            assert_eq!(sealed.blob.len(), contents.len() + OVERHEAD_BYTES);
            let opened = key.open("a", sealed.blob.clone()).unwrap();
            assert_eq!((opened.contents.as_slice(), opened.commit()), (contents, sealed.commit));
            assert!(key.open("b", sealed.blob.clone()).is_err());
            let other = SecretKey::fresh(&SystemEntropy);
            assert!(other.open("a", sealed.blob.clone()).is_err());
            for at in (0..sealed.blob.len()).step_by(sealed.blob.len() / 50 + 1) {
                let mut changed = sealed.blob.clone();
                changed[at] ^= 1;
                assert!(key.open("a", changed).is_err(), "byte {at}");
                assert!(key.open("a", sealed.blob[..at].to_vec()).is_err(), "cut at {at}");
            }
        }
    }
}
