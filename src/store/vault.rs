//! Sealing and opening contents.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use zeroize::Zeroizing;

use super::envelope::{OVERHEAD_BYTES, Opened, Sealed};
use super::keys::{KeyError, Keys};
use super::scope::KeyScope;
use super::segments::{SegmentError, Segments};
use crate::domain::clock::Entropy;
use crate::domain::digest::Digest;
use crate::domain::limits::{BLOB_BYTES_MAX, RECORD_BYTES_MAX};
use crate::domain::payload::{PayloadRef, Token, TokenKind};
use crate::durable::{self, Readers};

/// Encrypted contents and their keys. Cheap to clone.
#[derive(Clone)]
pub struct Vault(Arc<Inner>);

struct Inner {
    keys: Keys,
    segments: Mutex<Segments>,
    originals: PathBuf,
    entropy: Arc<dyn Entropy>,
}

impl std::fmt::Debug for Vault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Vault([redacted])")
    }
}

/// Contents that could not be sealed, or a vault that could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum VaultError {
    /// Caller's fault.
    #[error("{bytes} bytes are too many for the vault, which takes {BLOB_BYTES_MAX}")]
    TooLarge {
        /// Their length.
        bytes: usize,
    },
    /// See [`KeyError`].
    #[error(transparent)]
    Key(#[from] KeyError),
    /// See [`SegmentError`].
    #[error(transparent)]
    Segment(#[from] SegmentError),
    /// Unavailable: the disk.
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// Contents that could not be shown.
#[derive(Debug, thiserror::Error)]
pub enum RevealError {
    /// Nobody's fault: the data key was destroyed, so the contents are gone for good.
    #[error("the contents were erased: their key was destroyed")]
    Erased,
    /// Corrupt: no such ciphertext in the vault; restore it from a backup.
    #[error("the vault does not hold {blob_sha256}: restore it from a backup")]
    Missing {
        /// SHA-256 of the ciphertext looked for.
        blob_sha256: Digest,
    },
    /// Corrupt: what the vault holds is not what was sealed; restore it from a backup.
    #[error("the vault's {blob_sha256} is damaged ({what}): restore it from a backup")]
    Corrupt {
        /// SHA-256 of the ciphertext looked for.
        blob_sha256: Digest,
        /// Which check failed.
        what: &'static str,
    },
    /// Unavailable: the disk.
    #[error(transparent)]
    Io(#[from] io::Error),
}

impl Vault {
    /// Makes the keys and folders of a new home.
    ///
    /// # Errors
    /// [`KeyError::Io`] with `AlreadyExists` where keys are there; nothing is overwritten.
    pub fn create(home: &Path, entropy: &dyn Entropy) -> Result<(), VaultError> {
        Keys::create(&home.join("keys"), entropy)?;
        Ok(durable::create_dir_all(&originals(home))?)
    }

    /// Opens the vault of a home.
    ///
    /// # Errors
    /// [`KeyError::WrongHomeKey`] where `keys/home.key` belongs to another home.
    pub fn open(home: &Path, entropy: Arc<dyn Entropy>) -> Result<Self, VaultError> {
        let keys = Keys::open(&home.join("keys"), Arc::clone(&entropy))?;
        Self::with(home, keys, entropy)
    }

    /// Opens the vault of a home to read from it, whoever else has it open: nothing is put in order.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn look(home: &Path, entropy: Arc<dyn Entropy>) -> Result<Self, VaultError> {
        let keys = Keys::look(&home.join("keys"), Arc::clone(&entropy))?;
        Self::with(home, keys, entropy)
    }

    fn with(home: &Path, keys: Keys, entropy: Arc<dyn Entropy>) -> Result<Self, VaultError> {
        let segments = Mutex::new(Segments::open(&home.join("vault"))?);
        Ok(Self(Arc::new(Inner { keys, segments, originals: originals(home), entropy })))
    }

    /// Stands for a name in the log: the same for the same name in one home, different elsewhere.
    /// A document, matter or patient without a key is named nowhere in the log; what this returns
    /// for it finds nothing.
    pub fn token(&self, kind: TokenKind, name: &str) -> Token {
        self.0.keys.token(kind, name)
    }

    /// The token of a document, matter, patient or person, which gets its key where it has none: asked
    /// before anything is sealed for it or recorded of it. After an erasure the same name gets
    /// another token, and nothing tells that the two are one.
    ///
    /// # Errors
    /// [`VaultError::Key`].
    pub fn subject(&self, kind: TokenKind, name: &str) -> Result<Token, VaultError> {
        Ok(self.0.keys.subject(kind, name)?)
    }

    /// The token of a document, matter or patient that has a key; `None` where nothing was ever
    /// kept of it, or it was erased.
    pub fn known(&self, kind: TokenKind, name: &str) -> Option<Token> {
        self.0.keys.known_token(kind, name)
    }

    /// Seals small contents (questions, evidence, answers, page text); on disk on return, at the
    /// cost of one fdatasync. What is too large for a segment becomes a file of its own.
    ///
    /// # Errors
    /// [`VaultError`]; after a failed append the vault writes no more until it is opened again.
    pub fn seal(&self, scope: &KeyScope, contents: &[u8]) -> Result<PayloadRef, VaultError> {
        if contents.len() + OVERHEAD_BYTES > RECORD_BYTES_MAX {
            return self.seal_file(scope, contents);
        }
        let (reference, blob) = self.encrypt(scope, contents)?;
        let mut segments = self.0.segments.lock().unwrap_or_else(PoisonError::into_inner);
        segments.append(reference.blob_sha256, &blob)?;
        Ok(reference)
    }

    /// Seals an original as a file of its own; on disk on return.
    ///
    /// # Errors
    /// [`VaultError`].
    pub fn seal_file(&self, scope: &KeyScope, contents: &[u8]) -> Result<PayloadRef, VaultError> {
        let (reference, blob) = self.encrypt(scope, contents)?;
        let path = self.original(reference.blob_sha256);
        if let Some(folder) = path.parent() {
            durable::create_dir_all(folder)?;
        }
        durable::create_new(&path, &blob, Readers::Owner)?;
        Ok(reference)
    }

    fn encrypt(
        &self,
        scope: &KeyScope,
        contents: &[u8],
    ) -> Result<(PayloadRef, Vec<u8>), VaultError> {
        let too_large = || VaultError::TooLarge { bytes: contents.len() };
        if contents.len() + OVERHEAD_BYTES > BLOB_BYTES_MAX {
            return Err(too_large());
        }
        let (id, key) = self.0.keys.for_scope(scope)?;
        let Sealed { blob, commit } =
            key.seal(&id, contents, &*self.0.entropy).ok_or_else(too_large)?;
        let reference =
            PayloadRef { blob_sha256: Digest::of(&blob), len: blob.len() as u64, key: id, commit };
        Ok((reference, blob))
    }

    /// The contents that a reference commits to: checked against its digest, key and commitment.
    ///
    /// # Errors
    /// [`RevealError::Erased`] where the key is gone, whatever else is wrong.
    pub fn open_payload(&self, payload: &PayloadRef) -> Result<Zeroizing<Vec<u8>>, RevealError> {
        Ok(self.open_committed(payload)?.contents)
    }

    /// The same with the salt of the commitment, so that others can make it again.
    ///
    /// # Errors
    /// As [`Self::open_payload`].
    pub fn open_committed(&self, payload: &PayloadRef) -> Result<Opened, RevealError> {
        let blob_sha256 = payload.blob_sha256;
        let corrupt = |what| RevealError::Corrupt { blob_sha256, what };
        let key = self.0.keys.by_id(&payload.key).map_err(|e| match e {
            KeyError::Destroyed { .. } => RevealError::Erased,
            KeyError::BadId { .. } => corrupt("its reference names no data key"),
            KeyError::WrongHomeKey { .. } => corrupt("its key file does not open"),
            KeyError::Io(e) => e.into(),
        })?;
        let blob = self.find(blob_sha256)?.ok_or(RevealError::Missing { blob_sha256 })?;
        if blob.len() as u64 != payload.len || Digest::of(&blob) != blob_sha256 {
            return Err(corrupt("the ciphertext was changed"));
        }
        let opened = key
            .open(&payload.key, blob)
            .map_err(|_| corrupt("it was not sealed under the key that its reference names"))?;
        if opened.commit() != payload.commit {
            return Err(corrupt("its reference commits to other contents"));
        }
        Ok(opened)
    }

    fn find(&self, blob_sha256: Digest) -> Result<Option<Vec<u8>>, RevealError> {
        let path = self.original(blob_sha256);
        match fs::read(&path) {
            Ok(blob) => return Ok(Some(blob)),
            Err(e) if e.kind() == io::ErrorKind::NotFound => {}
            Err(e) => return Err(durable::at(&path, "read", e).into()),
        }
        let mut segments = self.0.segments.lock().unwrap_or_else(PoisonError::into_inner);
        segments.read(blob_sha256).map_err(|e| match e {
            SegmentError::Io(e) => e.into(),
            SegmentError::TooLarge { .. } | SegmentError::Stopped => {
                RevealError::Missing { blob_sha256 }
            }
        })
    }

    /// Whether there is such a data key.
    pub fn has_key(&self, key: &str) -> bool {
        self.0.keys.by_id(key).is_ok()
    }

    /// Destroys a data key, and with it all that was sealed under it. For good.
    ///
    /// # Errors
    /// [`KeyError::BadId`] for what is not an erasable data key.
    pub fn destroy_key(&self, key: &str) -> Result<(), VaultError> {
        Ok(self.0.keys.destroy(key)?)
    }

    /// Removes the file of large contents, after their key; what lies in a segment stays there,
    /// unreadable.
    ///
    /// # Errors
    /// [`VaultError::Io`].
    pub fn discard(&self, payload: &PayloadRef) -> Result<(), VaultError> {
        Ok(durable::remove(&self.original(payload.blob_sha256))?)
    }

    pub(super) fn keys(&self) -> &Keys {
        &self.0.keys
    }

    pub(super) fn entropy(&self) -> &dyn Entropy {
        &*self.0.entropy
    }

    fn original(&self, blob_sha256: Digest) -> PathBuf {
        let name = blob_sha256.to_string();
        let folder: String = name.chars().take(2).collect();
        self.0.originals.join(folder).join(name)
    }
}

fn originals(home: &Path) -> PathBuf {
    home.join("vault").join("originals")
}
