//! The witness itself: what it knows of each log, and what it cosigns.
//!
//! One folder holds its key and, for each log, the newest checkpoint that it has cosigned. Trusted:
//! whoever can put that folder back can make the witness forget. A lock keeps a second process off,
//! so that to check and to store is one step.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use super::request::AddCheckpoint;
use crate::audit::checkpoint::{CHECKPOINT_BYTES_MAX, Checkpoint};
use crate::audit::cosignature::{CosignatureVerifier, Cosigner};
use crate::audit::files::read_bounded;
use crate::audit::merkle::{Hash, check_consistency, empty_root};
use crate::audit::note::{KeyError, NoteError, NoteVerifier, SignedText};
use crate::domain::clock::{Clock, Entropy};
use crate::domain::digest::Digest;
use crate::durable::{self, Lock, LockError, Readers};

/// Why a witness does not start.
#[derive(Debug, thiserror::Error)]
pub enum WitnessError {
    /// Operator: another process witnesses from this folder.
    #[error(transparent)]
    Locked(#[from] LockError),
    /// Operator: no usable name, or an altered key file.
    #[error("the witness key {}: {source}", path.display())]
    Key {
        /// The key file.
        path: PathBuf,
        /// What is wrong with it.
        source: KeyError,
    },
    /// Corrupt: a stored checkpoint that this witness has not cosigned.
    #[error(
        "{}: {source}; without what it remembers a witness is of no use: restore it from a backup",
        path.display()
    )]
    Altered {
        /// The stored checkpoint.
        path: PathBuf,
        /// What is wrong with it.
        source: NoteError,
    },
    /// Unavailable: a file could not be read or written.
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// What the witness says to one submitted checkpoint.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Decision {
    /// 200: the checkpoint is stored; this is the signature line.
    Cosigned(String),
    /// 400: not of the format, or it says that the log has shrunk.
    Malformed,
    /// 403: signed by no key of that log.
    Unsigned,
    /// 404: no such log here.
    Unknown,
    /// 409: the newest checkpoint that was cosigned has this size.
    Conflict(u64),
    /// 422: not the continuation of what was cosigned before.
    Inconsistent,
    /// 500: it could not be stored, and what is stored is unknown until the next start.
    NotStored,
}

/// A witness.
pub struct Witness {
    cosigner: Cosigner,
    logs: BTreeMap<String, Known>,
    clock: Arc<dyn Clock>,
    _lock: Lock,
}

/// One log, as far as the witness knows it.
struct Known {
    keys: Vec<NoteVerifier>,
    path: PathBuf,
    /// Held from the check to the end of storing.
    newest: Mutex<Newest>,
}

struct Newest {
    size: u64,
    root: Hash,
    /// A write failed: what is on disk is unknown.
    failed: bool,
}

impl Witness {
    /// Opens the witness that keeps its key and its memory in `folder`; makes both on first start.
    /// Several keys of one name are those of one log.
    ///
    /// # Errors
    /// [`WitnessError`] says what is refused.
    pub fn open(
        folder: &Path,
        name: &str,
        logs: &[NoteVerifier],
        clock: Arc<dyn Clock>,
        entropy: &dyn Entropy,
    ) -> Result<Self, WitnessError> {
        durable::create_dir_all(folder)?;
        let lock = Lock::try_acquire(&folder.join("lock"))?;
        let cosigner = load_key(folder, name, entropy)?;
        let mut keys: BTreeMap<String, Vec<NoteVerifier>> = BTreeMap::new();
        for key in logs {
            keys.entry(key.name().to_owned()).or_default().push(key.clone());
        }
        let mut known = BTreeMap::new();
        for (origin, keys) in keys {
            let of_log = folder.join(Digest::of(origin.as_bytes()).to_string());
            durable::create_dir_all(&of_log)?;
            let path = of_log.join("checkpoint");
            let newest = Mutex::new(load_newest(&path, &origin, &cosigner.verifier())?);
            known.insert(origin, Known { keys, path, newest });
        }
        Ok(Self { cosigner, logs: known, clock, _lock: lock })
    }

    /// The key that its cosignatures are checked with.
    pub fn verifier(&self) -> CosignatureVerifier {
        self.cosigner.verifier()
    }

    /// Decides on the body of one `add-checkpoint`. What it cosigns is on disk before it returns.
    pub fn add_checkpoint(&self, body: &[u8]) -> Decision {
        let Some(request) = AddCheckpoint::parse(body) else { return Decision::Malformed };
        let Ok(note) = SignedText::parse(request.checkpoint.as_bytes()) else {
            return Decision::Malformed;
        };
        let Some(stated) = Checkpoint::parse(note.text) else { return Decision::Malformed };
        let Some(known) = self.logs.get(&stated.origin) else { return Decision::Unknown };
        let Some(lines) = signed_lines(&known.keys, &note) else { return Decision::Unsigned };
        if request.old > stated.size {
            return Decision::Malformed;
        }
        let mut newest = known.newest.lock().unwrap_or_else(PoisonError::into_inner);
        if newest.failed {
            return Decision::NotStored;
        }
        if request.old != newest.size {
            return Decision::Conflict(newest.size);
        }
        let (old, new) = ((newest.size, &newest.root), (stated.size, &stated.root));
        if !check_consistency(old, new, &request.proof) {
            tracing::warn!(old = newest.size, new = stated.size, "a log does not continue itself");
            return Decision::Inconsistent;
        }
        let cosignature = self.cosigner.cosign(note.text, self.clock.now().unix_millis() / 1_000);
        let stored = format!("{}\n{lines}{cosignature}", note.text);
        // What would not be read at the next start is not stored.
        let is_legible = SignedText::parse(stored.as_bytes()).is_ok();
        if !is_legible || stored.len() as u64 > CHECKPOINT_BYTES_MAX {
            return Decision::Malformed;
        }
        if let Err(error) = durable::replace(&known.path, stored.as_bytes(), Readers::Everyone) {
            tracing::error!(%error, "a checkpoint could not be stored: restart the witness");
            newest.failed = true;
            return Decision::NotStored;
        }
        (newest.size, newest.root) = (stated.size, stated.root);
        Decision::Cosigned(cosignature)
    }

    /// The newest cosigned checkpoint of the log whose origin has this SHA-256, for monitors.
    ///
    /// # Errors
    /// Where it cannot be read.
    pub fn newest(&self, origin: &Digest) -> io::Result<Option<Vec<u8>>> {
        let of_log = |(name, _): &(&String, _)| Digest::of(name.as_bytes()) == *origin;
        let Some((_, known)) = self.logs.iter().find(of_log) else { return Ok(None) };
        // The file is replaced in one step: a reader needs no lock.
        match read_bounded(&known.path, CHECKPOINT_BYTES_MAX) {
            Ok(note) => Ok(Some(note)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// One signature line of each of the log's own keys; `None` where there is none, or one does not
/// fit. Lines of other keys are not kept, nor a line twice: anybody can add them.
fn signed_lines(keys: &[NoteVerifier], note: &SignedText<'_>) -> Option<String> {
    let mut lines = String::new();
    for key in keys {
        if key.signed(note).ok()? {
            lines.extend(note.lines_of(key.key()).next());
        }
    }
    Some(lines).filter(|lines| !lines.is_empty())
}

fn load_key(folder: &Path, name: &str, entropy: &dyn Entropy) -> Result<Cosigner, WitnessError> {
    let path = folder.join("witness.key");
    let key = |source| WitnessError::Key { path: path.clone(), source };
    let cosigner = match read_bounded(&path, 4_096) {
        Ok(text) => {
            let text = zeroize::Zeroizing::new(text);
            let text = std::str::from_utf8(&text).map_err(|_| key(KeyError::Malformed))?;
            Cosigner::from_text(text).map_err(key)?
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let made = Cosigner::generate(name, entropy).map_err(key)?;
            durable::create_new(&path, made.to_text().as_bytes(), Readers::Owner)?;
            made
        }
        Err(error) => return Err(error.into()),
    };
    let vkey = format!("{}\n", cosigner.verifier());
    durable::replace(&folder.join("witness.vkey"), vkey.as_bytes(), Readers::Everyone)?;
    Ok(cosigner)
}

fn load_newest(
    path: &Path,
    origin: &str,
    own: &CosignatureVerifier,
) -> Result<Newest, WitnessError> {
    let note = match read_bounded(path, CHECKPOINT_BYTES_MAX) {
        Ok(note) => note,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Ok(Newest { size: 0, root: empty_root(), failed: false });
        }
        Err(error) => return Err(error.into()),
    };
    let altered = |source| WitnessError::Altered { path: path.to_owned(), source };
    own.open(&note).map_err(altered)?;
    let note = SignedText::parse(&note).map_err(altered)?;
    let stated = Checkpoint::parse(note.text).filter(|stated| stated.origin == origin);
    let stated = stated.ok_or_else(|| altered(NoteError::Malformed))?;
    Ok(Newest { size: stated.size, root: stated.root, failed: false })
}
