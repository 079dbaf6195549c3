//! Rows of one kind in one sled tree: JSON objects with their version in `v`, sealed.

use std::marker::PhantomData;
use std::sync::atomic::{AtomicU64, Ordering};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::cipher::RowCipher;

/// A kind of row.
pub trait Row: Serialize + DeserializeOwned {
    /// The name of its tree.
    const TREE: &'static str;
    /// The version of its form, written into each row. Older ones are the business of `migrate`.
    const VERSION: u32 = 1;
    /// Whether a write returns only once it is on disk. Views of the log may lag.
    const DURABLE: bool;
    /// What tells rows apart.
    type Key: RowKey;
    /// The row's key.
    fn key(&self) -> Self::Key;
}

/// A key in its stored form.
pub trait RowKey {
    /// Its bytes; their order is the order of listings.
    fn bytes(&self) -> Vec<u8>;
}

/// State that cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// Unavailable: the disk, or another process has the state open.
    #[error("the state in {path} does not open (is another process using it?)")]
    Open {
        /// The folder.
        path: String,
        /// What sled says.
        source: sled::Error,
    },
    /// Unavailable: the disk.
    #[error("the state cannot be read or written")]
    Store(#[from] sled::Error),
    /// Corrupt: rebuild the state from the log, or restore it.
    #[error("a row of {tree} cannot be read: run `affiant rebuild`, or restore the state")]
    Corrupt {
        /// Its tree.
        tree: &'static str,
        /// What is wrong with it.
        source: serde_json::Error,
    },
    /// Written by another version of the program.
    #[error("a row of {tree} has version {found}, this program reads {expected}")]
    Version {
        /// Its tree.
        tree: &'static str,
        /// The version found.
        found: u32,
        /// The version known.
        expected: u32,
    },
    /// Corrupt: sealed under a key that is not here, or changed since.
    #[error("a row of {tree} does not open: restore the state and keys/ from the same backup")]
    Sealed {
        /// Its tree.
        tree: &'static str,
    },
    /// Unavailable or corrupt: the keys of the rows.
    #[error("the keys of the state cannot be read or written")]
    Key(#[source] super::KeyError),
    /// Corrupt: a counter that is no number or a key of the wrong length.
    #[error("{what} of the state is damaged: run `affiant rebuild`, or restore the state")]
    Damaged {
        /// What.
        what: &'static str,
    },
}

/// Rows of one kind.
pub struct Table<R> {
    tree: sled::Tree,
    cipher: RowCipher,
    changes: AtomicU64,
    rows: PhantomData<fn() -> R>,
}

#[derive(Serialize)]
struct Versioned<'a, R> {
    v: u32,
    #[serde(flatten)]
    row: &'a R,
}

#[derive(Deserialize)]
struct Version {
    v: u32,
}

impl<R: Row> Table<R> {
    pub(super) fn open(db: &sled::Db, cipher: &RowCipher) -> Result<Self, StateError> {
        let (tree, changes) = (db.open_tree(R::TREE)?, AtomicU64::new(0));
        Ok(Self { tree, cipher: cipher.clone(), changes, rows: PhantomData })
    }

    /// How often rows of this table were written or removed since it was opened.
    pub(super) fn changes(&self) -> u64 {
        self.changes.load(Ordering::Acquire)
    }

    /// Called once a change can be read.
    fn changed(&self) {
        self.changes.fetch_add(1, Ordering::Release);
    }

    /// Writes a row over what is there.
    ///
    /// # Errors
    /// [`StateError::Store`].
    pub fn put(&self, row: &R) -> Result<(), StateError> {
        self.put_soon(row)?;
        self.settle()
    }

    /// Writes a row without waiting for the disk, for what may be lost in a crash.
    ///
    /// # Errors
    /// [`StateError::Store`].
    pub fn put_soon(&self, row: &R) -> Result<(), StateError> {
        let key = row.key().bytes();
        let sealing = self.cipher.sealing();
        self.tree.insert(&key, sealing.seal(R::TREE, &key, &format(row)?)?)?;
        self.changed();
        Ok(())
    }

    /// Writes rows over what is there: all of them or, where it is cut off, none.
    ///
    /// # Errors
    /// [`StateError::Store`].
    pub fn put_all(&self, rows: &[R]) -> Result<(), StateError> {
        let mut batch = sled::Batch::default();
        let sealing = self.cipher.sealing();
        for row in rows {
            let key = row.key().bytes();
            let sealed = sealing.seal(R::TREE, &key, &format(row)?)?;
            batch.insert(key, sealed);
        }
        self.tree.apply_batch(batch)?;
        drop(sealing);
        self.changed();
        self.settle()
    }

    /// Writes a row where none has its key; whether it did.
    ///
    /// # Errors
    /// [`StateError::Store`].
    pub fn put_new(&self, row: &R) -> Result<bool, StateError> {
        let written = self.swap(row, None, row)?;
        self.settle()?;
        Ok(written)
    }

    /// Writes `new` over `old` where `old` is still what stands there; whether it did. So nothing
    /// that another thread wrote or deleted meanwhile is undone.
    ///
    /// # Errors
    /// [`StateError::Store`].
    pub fn replace(&self, old: &R, new: &R) -> Result<bool, StateError> {
        let written = self.swap(old, Some(old), new)?;
        self.settle()?;
        Ok(written)
    }

    /// As [`Table::replace`], without waiting for the disk.
    ///
    /// # Errors
    /// [`StateError::Store`].
    pub fn replace_soon(&self, old: &R, new: &R) -> Result<bool, StateError> {
        self.swap(old, Some(old), new)
    }

    fn swap(&self, at: &R, old: Option<&R>, new: &R) -> Result<bool, StateError> {
        let key = at.key().bytes();
        let old = old.map(format).transpose()?;
        let new = format(new)?;
        loop {
            let sealing = self.cipher.sealing();
            let there = self.tree.get(&key)?;
            let found = there.as_ref().map(|there| sealing.open_row(R::TREE, &key, there));
            if found.transpose()? != old {
                return Ok(false);
            }
            let sealed = sealing.seal(R::TREE, &key, &new)?;
            // The same row may have been sealed anew meanwhile: then look again.
            if self.tree.compare_and_swap(&key, there, Some(sealed))?.is_ok() {
                self.changed();
                return Ok(true);
            }
        }
    }

    /// The row with this key.
    ///
    /// # Errors
    /// [`StateError`].
    pub fn get(&self, key: &R::Key) -> Result<Option<R>, StateError> {
        let key = key.bytes();
        self.tree.get(&key)?.map(|sealed| self.parse(&key, &sealed)).transpose()
    }

    /// Removes the row with this key; one that is not there is no error.
    ///
    /// # Errors
    /// [`StateError::Store`].
    pub fn delete(&self, key: &R::Key) -> Result<(), StateError> {
        self.tree.remove(key.bytes())?;
        self.changed();
        self.settle()
    }

    /// Every row, in order of the keys' bytes.
    ///
    /// # Errors
    /// [`StateError`].
    pub fn list(&self) -> Result<Vec<R>, StateError> {
        let row = |row: sled::Result<(sled::IVec, sled::IVec)>| {
            let (key, sealed) = row?;
            self.parse(&key, &sealed)
        };
        self.tree.iter().map(row).collect()
    }

    fn parse(&self, key: &[u8], sealed: &[u8]) -> Result<R, StateError> {
        parse(&self.cipher.open_row(R::TREE, key, sealed)?)
    }

    /// Seals every row anew that is sealed under an older key.
    pub(super) fn renew(&self) -> Result<(), StateError> {
        for row in &self.tree {
            let (key, sealed) = row?;
            if !self.cipher.is_old(&sealed) {
                continue;
            }
            let sealing = self.cipher.sealing();
            let row = sealing.open_row(R::TREE, &key, &sealed)?;
            let fresh = sealing.seal(R::TREE, &key, &row)?;
            // A row that was written or deleted meanwhile is sealed under the newest key, or gone.
            let _swapped = self.tree.compare_and_swap(&key, Some(sealed), Some(fresh))?;
        }
        Ok(())
    }

    /// Removes every row, readable or not.
    ///
    /// # Errors
    /// [`StateError::Store`].
    pub fn clear(&self) -> Result<(), StateError> {
        self.tree.clear()?;
        self.changed();
        self.settle()
    }

    fn settle(&self) -> Result<(), StateError> {
        if R::DURABLE {
            self.tree.flush()?;
        }
        Ok(())
    }
}

fn format<R: Row>(row: &R) -> Result<Vec<u8>, StateError> {
    serde_json::to_vec(&Versioned { v: R::VERSION, row })
        .map_err(|source| StateError::Corrupt { tree: R::TREE, source })
}

fn parse<R: Row>(bytes: &[u8]) -> Result<R, StateError> {
    let corrupt = |source| StateError::Corrupt { tree: R::TREE, source };
    let Version { v } = serde_json::from_slice(bytes).map_err(corrupt)?;
    if v != R::VERSION {
        return Err(StateError::Version { tree: R::TREE, found: v, expected: R::VERSION });
    }
    serde_json::from_slice(bytes).map_err(corrupt)
}
