//! Making a log: once, where there is no trace of one.

use std::fs;
use std::io;
use std::path::PathBuf;

use super::checkpoint::Checkpoint;
use super::files::{LogPaths, make_readable_folder};
use super::journal;
use super::keys;
use super::log::Log;
use super::merkle::empty_root;
use super::note::{KeyError, NoteSigner};
use super::publish::CHECKPOINT_FILE;
use crate::domain::clock::Entropy;
use crate::durable::{self, Readers};

/// Why a log was not made.
#[derive(Debug, thiserror::Error)]
pub enum CreateError {
    /// Operator: there is a log, or what is left of one.
    #[error("{} exists: a log is never made over another; choose an empty home", path.display())]
    Exists {
        /// The trace.
        path: PathBuf,
    },
    /// Caller: the origin is no key name.
    #[error(transparent)]
    Origin(#[from] KeyError),
    /// Unavailable: a file could not be written.
    #[error(transparent)]
    Io(#[from] io::Error),
}

impl Log {
    /// Makes an empty log and its key; gives the verifier key's text.
    ///
    /// # Errors
    /// [`CreateError::Exists`] where any trace of a log is.
    pub fn create(
        paths: &LogPaths,
        origin: &str,
        entropy: &dyn Entropy,
    ) -> Result<String, CreateError> {
        let signer = NoteSigner::generate(origin, entropy)?;
        let (next_key, keyring) = (paths.next_key(), paths.keyring());
        for path in [&paths.key, &next_key, &paths.vkey, &keyring, &paths.journal] {
            if path.exists() {
                return Err(CreateError::Exists { path: path.clone() });
            }
        }
        if paths.log.exists() && fs::read_dir(&paths.log)?.next().is_some() {
            return Err(CreateError::Exists { path: paths.log.clone() });
        }
        for path in [&paths.key, &paths.vkey, &paths.journal, &paths.log] {
            if let Some(folder) = path.parent() {
                durable::create_dir_all(folder)?;
            }
        }
        make_readable_folder(&paths.log)?;
        let vkey = signer.verifier().to_string();
        let empty = Checkpoint { origin: origin.to_owned(), size: 0, root: empty_root() };
        let note = empty.sign(&signer);
        let secret = signer.to_text();
        durable::create_new(&paths.key, secret.as_bytes(), Readers::Owner)?;
        let ring = keys::ring(&[signer.verifier()]);
        durable::create_new(&keyring, ring.as_bytes(), Readers::Everyone)?;
        durable::create_new(&paths.vkey, format!("{vkey}\n").as_bytes(), Readers::Everyone)?;
        let journal = journal::whole(0, &note, &[], &note);
        durable::create_new(&paths.journal, &journal, Readers::Owner)?;
        let checkpoint = paths.log.join(CHECKPOINT_FILE);
        durable::create_new(&checkpoint, note.as_bytes(), Readers::Everyone)?;
        Ok(vkey)
    }
}
